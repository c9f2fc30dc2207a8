import { constants } from 'node:os';

/**
 * Calls `stop` with the first SIGINT or SIGTERM. The second one ends the process at once, whatever is still to be
 * printed. The result ends this.
 */
export function atSignal(stop: (signal: NodeJS.Signals) => void): () => void {
  let stopped = false;
  const signalled = (signal: NodeJS.Signals): void => {
    if (stopped) {
      unhook();
      process.kill(process.pid, signal);
      return;
    }
    stopped = true;
    stop(signal);
  };
  const unhook = (): void => {
    process.off('SIGINT', signalled);
    process.off('SIGTERM', signalled);
  };
  process.on('SIGINT', signalled);
  process.on('SIGTERM', signalled);
  return unhook;
}

/** The first SIGINT or SIGTERM aborts a call, which then says what it has done. */
export class Interruption {
  /** The exit status of a program that such a signal ended, 130 or 143; 0 while none has come. */
  status = 0;
  readonly #controller = new AbortController();
  /** Signals are no longer waited for. */
  readonly end: () => void;

  constructor() {
    this.end = atSignal((name) => {
      this.status = 128 + constants.signals[name];
      this.#controller.abort();
    });
  }

  /** For the call. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}
