/** The changes that one consumer has not read yet: bounded, and the table never waits for it. */

import { Arrivals } from '../conntrack/arrivals.ts';
import { turnOfLoop } from '../netlink/runtime.ts';
import type { ChangeGap, FlowChange, TableChange, TableNews } from './change.ts';

/**
 * Changes that a consumer gets before everything else has its turn: awaiting what is there lets nothing but promises
 * run. More come in no turn, so that a consumer never falls behind because of it.
 */
const AT_A_STRETCH = 8192;

export interface QueueOptions {
  /** Changes that wait to be read at the most. */
  readonly most: number;
  /** It takes news of the state. */
  readonly states: boolean;
  readonly closed: (queue: ChangeQueue) => void;
  /** Called when somebody begins to wait, or no longer does. */
  readonly waits: () => void;
}

export class ChangeQueue extends Arrivals<TableChange | TableNews> {
  readonly states: boolean;
  readonly #options: QueueOptions;
  /** Handed out since everything else had its turn. */
  #stretch = 0;
  /** What waits beside changes. */
  #others = 0;
  /** Changes were dropped; until this is read, all others are dropped too. */
  #gap: ChangeGap | undefined;
  /** Waits, and no change came since. */
  #reopened: ChangeGap | undefined;

  constructor(options: QueueOptions) {
    super();
    this.#options = options;
    this.states = options.states;
  }

  change(change: FlowChange): void {
    if (this.#gap !== undefined) {
      this.#gap.dropped++;
      return;
    }
    this.#reopened = undefined;
    const waiting = this.length - this.#others;
    if (waiting < this.#options.most) {
      this.push(change);
      return;
    }
    // What is queued is no longer worth reading: the table is to be read again.
    const { last } = this;
    this.clear();
    this.#others = 0;
    this.#gap = { type: 'gap', dropped: waiting + 1 };
    this.#other(this.#gap);
    if (last?.type === 'state') this.#other(last);
  }

  /** The table has lost its socket here, and has another. */
  reopened(): void {
    if (this.#gap !== undefined || this.#reopened !== undefined) return;
    this.#reopened = { type: 'gap', dropped: 0 };
    this.#other(this.#reopened);
  }

  /** Of several that nobody has read, and between which nothing has changed, the last is enough. */
  news(news: TableNews): void {
    if (this.last?.type === 'state') this.replaceLast(news);
    else this.#other(news);
  }

  override shift(): TableChange | TableNews | undefined {
    const next = super.shift();
    if (next?.type !== 'gap' && next?.type !== 'state') return next;
    this.#others--;
    if (next === this.#gap) this.#gap = undefined;
    if (next === this.#reopened) this.#reopened = undefined;
    return next;
  }

  /** Drops what has not been read. */
  override close(): void {
    super.close();
    this.#options.closed(this);
  }

  override async next(): Promise<TableChange | TableNews | undefined> {
    const ready = this.shift();
    if (ready !== undefined) {
      if (++this.#stretch >= AT_A_STRETCH) {
        this.#stretch = 0;
        await turnOfLoop();
      }
      return ready;
    }
    this.#stretch = 0;
    const { waits } = this.#options;
    try {
      return await super.next(waits);
    } finally {
      waits();
    }
  }

  #other(item: ChangeGap | TableNews): void {
    this.#others++;
    this.push(item);
  }
}
