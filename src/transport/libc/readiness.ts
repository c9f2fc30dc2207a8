/** To be told, once for each time that it was read empty, that a socket can be read. */
import { setImmediate } from 'node:timers';
import type { Libc, Poll } from './libc.ts';
import type { Pace } from './pace.ts';

/** Milliseconds between two looks. */
const INTERVAL = 10;

export class Readiness {
  readonly #poll: Poll;
  readonly #readable: () => void;
  readonly #pace: Pace | undefined;
  #armed = true;
  #polling = true;
  #scheduled = false;
  #closed = false;

  /** @param pace of what comes, where it is better not to sleep while much does */
  constructor(libc: Libc, fd: number, readable: () => void, pace?: Pace) {
    this.#readable = readable;
    this.#pace = pace;
    this.#poll = libc.watch(fd, () => this.#fired());
    this.#poll.start();
  }

  /** It was read empty: the next that comes is told. */
  arm(): void {
    if (this.#pace?.isFast(performance.now()) === true) {
      this.#tellSoon();
      return;
    }
    this.#armed = true;
    if (this.#polling) return;
    this.#polling = true;
    this.#poll.start();
  }

  ref(): void {
    this.#poll.ref();
  }

  unref(): void {
    this.#poll.unref();
  }

  /** Nothing is told any more. To be called before the socket is closed. */
  close(): void {
    this.#closed = true;
    this.#poll.close();
  }

  #fired(): void {
    if (this.#closed) return;
    if (!this.#armed) {
      // Whoever was told does not read now: without this, the event loop would spin.
      this.#polling = false;
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
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#readable();
    });
  }
}

/** Looks by the clock: where nothing better is safe, as in worker threads of Node. */
export function pollByTimer(fired: () => void): Poll {
  let timer: ReturnType<typeof setInterval> | undefined;
  let referenced = true;
  return {
    start() {
      timer = setInterval(fired, INTERVAL);
      if (!referenced) timer.unref();
    },
    stop() {
      clearInterval(timer);
    },
    ref() {
      referenced = true;
      timer?.ref();
    },
    unref() {
      referenced = false;
      timer?.unref();
    },
    close() {
      clearInterval(timer);
    },
  };
}
