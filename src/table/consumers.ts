/** Whoever reads the changes of a table, and what they know of its state. */
import type { FlowChange, TableNews } from './change.ts';
import { ChangeQueue } from './change-queue.ts';
import type { TableState } from './state.ts';

export class Consumers {
  readonly #queues = new Set<ChangeQueue>();
  /** Called when one of them begins to wait, or no longer does. */
  readonly #waits: () => void;
  #told: TableState = 'stale';

  constructor(waits: () => void) {
    this.#waits = waits;
  }

  /** Somebody wants the changes. */
  get some(): boolean {
    return this.#queues.size > 0;
  }

  get waiting(): boolean {
    for (const queue of this.#queues) if (queue.waiting > 0) return true;
    return false;
  }

  /**
   * One more. @param states it takes news of the state
   * @param news what the state is; undefined: nothing more comes, because of the error
   */
  add(most: number, states: boolean, news: TableNews | undefined, error: unknown): ChangeQueue {
    const queue: ChangeQueue = new ChangeQueue({
      most,
      states,
      closed: () => void this.#queues.delete(queue),
      waits: this.#waits,
    });
    if (news === undefined) {
      queue.end(error);
    } else {
      this.#queues.add(queue);
      if (states) queue.news(news);
    }
    return queue;
  }

  changed(change: FlowChange): void {
    for (const queue of this.#queues) queue.change(change);
  }

  /** The state may have changed. @param newsOfNow is called for each that takes it */
  tell(state: TableState, newsOfNow: () => TableNews | undefined): void {
    if (state === this.#told) return;
    this.#told = state;
    for (const queue of this.#queues) {
      const news = queue.states ? newsOfNow() : undefined;
      if (news !== undefined) queue.news(news);
    }
  }

  /** The table has lost its sockets, and has others. */
  reopened(): void {
    for (const queue of this.#queues) queue.reopened();
  }

  end(reason: unknown): void {
    for (const queue of this.#queues) queue.end(reason);
    this.#queues.clear();
  }
}
