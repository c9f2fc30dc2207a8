import { ITERATION_END } from '../conntrack/iteration-end.ts';
import { notDropped, whenDropped } from '../netlink/lease.ts';
import type { TableChange, TableNews } from './change.ts';
import type { ChangeQueue } from './change-queue.ts';

/** The changes of a table since this was made. `for await` reads it; leaving the loop closes it. */
export class Changes<C extends TableChange | TableNews = TableChange> implements AsyncIterableIterator<C> {
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
  async next(): Promise<IteratorResult<C>> {
    const change = await this.#queue.next();
    // Only a queue that was asked for states has them.
    return change === undefined ? ITERATION_END : { value: change as C, done: false };
  }

  /** Closes it: what `break` in a `for await` loop calls. */
  async return(): Promise<IteratorResult<C>> {
    notDropped(this);
    this.#queue.close();
    return ITERATION_END;
  }
}
