/** The changes that one consumer has not read yet: bounded, and the table never waits for it. */
import { ITERATION_END } from '../conntrack/iteration-end.ts';
import { Wakeup } from '../conntrack/wakeup.ts';
import { notDropped, whenDropped } from '../netlink/lease.ts';
import type { FlowChange, TableChange } from './change.ts';

export class ChangeQueue {
  readonly #most: number;
  readonly #ready = new Wakeup();
  readonly #closed: (queue: ChangeQueue) => void;
  readonly #waits: () => void;
  #queue: TableChange[] = [];
  #head = 0;
  /** Changes were dropped; until that is read, all others are dropped too. */
  #gap = false;
  #dropped = 0;
  #ended = false;
  #error: unknown;
  waiting = 0;

  /** @param waits is called when somebody begins to wait, or no longer does */
  constructor(most: number, closed: (queue: ChangeQueue) => void, waits: () => void) {
    this.#most = most;
    this.#closed = closed;
    this.#waits = waits;
  }

  /** What waits to be read. */
  get length(): number {
    return this.#queue.length - this.#head + (this.#gap ? 1 : 0);
  }

  push(change: FlowChange): void {
    if (this.#gap) {
      this.#dropped++;
      return;
    }
    if (this.#queue.length - this.#head >= this.#most) {
      // What is queued is no longer worth reading: the table is to be read again.
      this.#gap = true;
      this.#dropped = this.#queue.length - this.#head + 1;
      this.#queue = [];
      this.#head = 0;
    } else {
      this.#queue.push(change);
    }
    this.#ready.wake();
  }

  /** The table has lost its socket here, and has another. */
  reopened(): void {
    if (this.#gap) return;
    this.#queue.push({ type: 'gap', dropped: 0 });
    this.#ready.wake();
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#ready.wake();
  }

  /** Drops what has not been read. */
  close(): void {
    this.#queue = [];
    this.#head = 0;
    this.#gap = false;
    this.end();
    this.#error = undefined;
    this.#closed(this);
  }

  async next(): Promise<TableChange | undefined> {
    const ready = this.#shift();
    if (ready !== undefined) return ready;
    this.waiting++;
    this.#waits();
    try {
      for (;;) {
        const change = this.#shift();
        if (change !== undefined) return change;
        if (this.#ended) {
          const error = this.#error;
          this.#error = undefined;
          if (error !== undefined) throw error;
          return undefined;
        }
        await this.#ready.wait();
      }
    } finally {
      this.waiting--;
      this.#waits();
    }
  }

  #shift(): TableChange | undefined {
    if (this.#gap) {
      const dropped = this.#dropped;
      this.#gap = false;
      this.#dropped = 0;
      return { type: 'gap', dropped };
    }
    if (this.#head === this.#queue.length) return undefined;
    const change = this.#queue[this.#head++];
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    return change;
  }
}

/** The changes of a table since this was made. `for await` reads it; leaving the loop closes it. */
export class Changes implements AsyncIterableIterator<TableChange> {
  readonly #queue: ChangeQueue;

  /** @internal */
  constructor(queue: ChangeQueue) {
    this.#queue = queue;
    // A queue that nobody reads is bounded and harmless, so nothing is printed.
    whenDropped(this, '', '', () => {
      queue.close();
      return false;
    });
  }

  /** The changes themselves: a second loop goes on where the first one ended. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next change. Rejects once with the reason if the table was closed because it could not go on. */
  async next(): Promise<IteratorResult<TableChange>> {
    const change = await this.#queue.next();
    return change === undefined ? ITERATION_END : { value: change, done: false };
  }

  /** Closes it: what `break` in a `for await` loop calls. */
  async return(): Promise<IteratorResult<TableChange>> {
    notDropped(this);
    this.#queue.close();
    return ITERATION_END;
  }
}
