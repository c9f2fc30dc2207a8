/**
 * Standard output in large pieces. A listing of a million flows is 180 MB: written line by line it would cost more than
 * the dump.
 */
import { escapeControls } from '../netlink/escape.ts';
import { NAME } from './version.ts';

/** Characters gathered before they are written. */
const PIECE = 65536;

/** What a shell shows of a program that SIGPIPE ended. Node ignores the signal and gets EPIPE instead. */
const SIGPIPE_STATUS = 128 + 13;

/** The parts of a stream that are used to write. */
export interface Sink {
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  once(event: 'drain', listener: () => void): unknown;
  write(text: string): boolean;
}

export class Output {
  readonly #stream: Sink;
  #pending = '';
  #soon = false;
  #flushing: Promise<void> | undefined;
  /** While a flush waits for the reader. */
  #drained: (() => void) | undefined;
  #givenUp = false;
  /** What the command has changed by now: said if the output cannot be written, which ends it. */
  changed: (() => string) | undefined;

  constructor(stream: Sink = process.stdout) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      const changed = this.changed?.();
      if (error.code !== 'EPIPE') complain(`cannot write the output: ${error.message}`);
      if (changed !== undefined) complain(changed);
      // The reader has enough (`| head`): nothing more to do.
      process.exit(error.code === 'EPIPE' ? SIGPIPE_STATUS : 1);
    });
  }

  /** Adds text; nothing is written before `full` or a flush. */
  add(text: string): void {
    this.#pending += text;
  }

  /** Enough has been gathered: time to flush. */
  get full(): boolean {
    return this.#pending.length >= PIECE;
  }

  /** Writes what has been gathered, and waits while the reader is slower than we: a stream gathers without end. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #write(): Promise<void> {
    while (this.#pending !== '' && !this.#givenUp) {
      const text = this.#pending;
      this.#pending = '';
      if (!this.#stream.write(text))
        await new Promise<void>((resolve) => {
          this.#drained = resolve;
          this.#stream.once('drain', resolve);
        });
    }
  }

  /** Waits for the reader no longer, and writes no more: what it has not taken by now, it will not get. */
  giveUp(): void {
    this.#givenUp = true;
    this.#drained?.();
  }

  get givenUp(): boolean {
    return this.#givenUp;
  }

  /** Writes what has been gathered when this burst is over, so that a terminal shows it at once. */
  flushSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      void this.flush();
    });
  }
}

/** A line on standard error, behind the name of the program. */
export function complain(message: string): void {
  complainPlainly(`${NAME}: ${message}`);
}

/** A line on standard error. What it quotes, of a command line, a file or the kernel, does not drive the terminal. */
export function complainPlainly(line: string): void {
  process.stderr.write(`${escapeControls(line)}\n`);
}
