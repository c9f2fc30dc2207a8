/** A notice that a socket can be read, once for each time that it was read empty. */
import { type Handle, runtime } from '../../netlink/runtime.ts';
import type { Libc, Poll } from './libc.ts';
import { disown, own } from './owned.ts';
import type { Pace } from './pace.ts';

/** Milliseconds between two looks. */
const INTERVAL = 10;

/** Those that are not closed. */
const open = new Set<Readiness>();
let stopsAtExit = false;

/**
 * The event loop of Node turns once more when the process ends, while no JavaScript runs any more: whoever calls back
 * then aborts the process (koffi).
 */
function stopAtExit(): void {
  if (stopsAtExit) return;
  stopsAtExit = true;
  runtime.onExit(() => {
    for (const each of open) each.stop();
  });
}

export class Readiness {
  readonly #poll: Poll;
  readonly #readable: () => void;
  readonly #pace: Pace | undefined;
  #armed = true;
  #scheduled = false;
  #closed = false;

  /** @param pace of what comes, where it is better not to sleep while much does */
  constructor(libc: Libc, fd: number, readable: () => void, pace?: Pace) {
    this.#readable = readable;
    this.#pace = pace;
    this.#poll = libc.watch(fd, () => this.#fired());
    try {
      this.#poll.start();
    } catch (error) {
      this.#poll.close(() => {});
      throw error;
    }
    // Libraries that poll may keep no more than the address of what they call.
    own(this);
    open.add(this);
    stopAtExit();
  }

  /** The socket was read empty: the next datagram causes a notice. */
  arm(): void {
    if (this.#closed) return;
    if (this.#pace?.isFast(runtime.now()) === true) {
      this.#tellSoon();
      return;
    }
    this.#armed = true;
    this.#poll.start();
  }

  ref(): void {
    this.#poll.ref();
  }

  unref(): void {
    this.#poll.unref();
  }

  /** There are no more notices; it still has to be closed. */
  stop(): void {
    this.#closed = true;
    this.#poll.stop();
  }

  /** There are no more notices. `closed` is called when the descriptor may be closed. */
  close(closed: () => void): void {
    this.#closed = true;
    open.delete(this);
    this.#poll.close(() => {
      disown(this);
      closed();
    });
  }

  #fired(): void {
    if (this.#closed) return;
    if (!this.#armed) {
      // The reader got the notice and does not read now: without this, the event loop would spin.
      this.#poll.stop();
    } else {
      this.#armed = false;
      this.#tellSoon();
    }
  }

  #tellSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // In a callback of libuv's own no promise goes on, and an exception is not reported.
    runtime.setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#readable();
    });
  }
}

/** Looks by the clock: where nothing better is safe, as in worker threads of Node. */
export function pollByTimer(fired: () => void): Poll {
  let timer: Handle;
  let referenced = true;
  const stop = (): void => {
    runtime.clearInterval(timer);
    timer = undefined;
  };
  const start = (): void => {
    timer ??= runtime.setInterval(fired, INTERVAL, referenced);
  };
  const reference = (wanted: boolean): void => {
    const waits = timer !== undefined;
    stop();
    referenced = wanted;
    if (waits) start();
  };
  return {
    start,
    stop,
    ref: () => reference(true),
    unref: () => reference(false),
    close(closed) {
      stop();
      closed();
    },
  };
}
