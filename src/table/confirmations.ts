/** Asks the kernel for single flows of the table, many in a datagram: is it still there, and what is known of it? */

import { isGone } from '../conntrack/call.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { buildGet } from '../ctnetlink/request/flow.ts';
import { Batch } from '../netlink/batch.ts';
import { OverrunError } from '../netlink/errors.ts';
import { runtime, turnOfLoop } from '../netlink/runtime.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { ChangeCause } from './change.ts';
import type { Contents } from './contents.ts';
import { ASKED } from './store/entries.ts';
import { A_FEW, Turn } from './turn.ts';

/** In a batch: a millisecond or two. */
const MOST = 256;
/** Flows that are asked for in a second because they are due. */
const MOST_DUE = 5000;
/** A flow that is refused so often is taken for gone; the kernel lacks memory now and then. */
const REFUSALS = 5;
/** Milliseconds between refusals. */
const PAUSE = 50;

export interface Asker {
  readonly contents: Contents;
  /** Undefined while there is none. */
  readonly socket: NetlinkSocket | undefined;
  /** Takes the events that have arrived: they are older than the answers that are about to be read. */
  readEvents(): void;
  /** Resolves when every event has been read that has arrived by now. */
  eventsRead(): Promise<void>;
  snapshot(view: DataView, offset: number, end: number, since: number, cause: ChangeCause): void;
  /** The socket failed. */
  failed(error: unknown): void;
}

/** An entry to be asked for, and why. */
interface Question {
  readonly entry: number;
  readonly cause: ChangeCause;
  /** How often it was refused. */
  readonly refused: number;
}

export class Confirmations {
  readonly #asker: Asker;
  readonly #batch = new Batch();
  #queue: Question[] = [];
  #head = 0;
  #running: Promise<void> | undefined;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** @param refused how often the kernel has already refused it */
  add(entry: number, cause: ChangeCause, refused = 0): void {
    const { entries } = this.#asker.contents.store;
    if (entries.has(entry, ASKED)) return;
    entries.flag(entry, ASKED);
    this.#queue.push({ entry, cause, refused });
    if (this.#asker.socket !== undefined) void this.run();
  }

  /** Resolves when nobody waits any more, or nobody can be asked. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    // What a datagram of events brings is asked for together.
    await turnOfLoop();
    while (this.waiting > 0) {
      const { socket } = this.#asker;
      if (socket === undefined || !(await this.#ask(socket))) return;
      await turnOfLoop();
    }
  }

  /**
   * Asks for every flow that is past its timeout.
   * @returns false where they are too many: one dump is to serve them all
   */
  async expire(): Promise<boolean> {
    const { life, store } = this.#asker.contents;
    /** No more than are asked for. */
    const due: number[] = [];
    let count = 0;
    const take = (entry: number): void => {
      life.expire(entry);
      if (count++ < MOST_DUE) due.push(entry);
    };
    const turn = new Turn();
    while (!store.deadlines.due(life.now, A_FEW, take)) if (turn.over) await turn.next();
    if (count > 0 && count + this.waiting > MOST_DUE) return false;
    for (const entry of due) if (store.holds(entry)) this.add(entry, 'expiry');
    return true;
  }

  #take(most: number): Question[] {
    const taken = this.#queue.slice(this.#head, this.#head + most);
    this.#head += taken.length;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    return taken;
  }

  /** One batch. False: nobody answers any more. */
  async #ask(socket: NetlinkSocket): Promise<boolean> {
    const { contents } = this.#asker;
    const { store } = contents;
    const flows: Flow[] = [];
    const asked: Question[] = [];
    this.#batch.clear();
    for (const question of this.#take(Math.min(MOST, socket.largestReadBatch))) {
      const { entry } = question;
      store.entries.unflag(entry, ASKED);
      if (!store.holds(entry)) continue;
      const flow = store.flow(entry);
      this.#batch.add(buildGet(flow, 'exact'));
      flows.push(flow);
      asked.push(question);
    }
    if (asked.length === 0) return true;
    const since = contents.life.moments.begin();
    const answered = new Set<number>();
    const gone = new Set<number>();
    const refused = new Set<number>();
    const failed = (index: number, error: Error): void => {
      if (isGone(error)) gone.add(index);
      else refused.add(index);
    };
    const take = (index: number, view: DataView, offset: number, end: number): void => {
      if (answered.size === 0) this.#asker.readEvents();
      answered.add(index);
      this.#asker.snapshot(view, offset, end, since, asked[index].cause);
    };
    let error: unknown;
    try {
      await socket.sendBatch(this.#batch, failed, undefined, undefined, take);
    } catch (thrown) {
      error = thrown;
    }
    await this.#asker.eventsRead();
    contents.life.settleAnswers();
    for (const [index, flow] of flows.entries()) {
      // The end of what is gone may have come as an event, and the beginning of another.
      if (gone.has(index)) contents.gone(flow, since, asked[index].cause);
      if (answered.has(index) || gone.has(index)) continue;
      const entry = store.find(flow.slots);
      if (entry < 0 || !store.holds(entry)) continue;
      const times = asked[index].refused + (refused.has(index) ? 1 : 0);
      // What the kernel takes for no flow at all, it does not have.
      if (times >= REFUSALS) contents.gone(flow, since, asked[index].cause);
      else this.add(entry, asked[index].cause, times);
    }
    if (refused.size > 0) await new Promise<void>((resolve) => void runtime.setTimeout(resolve, PAUSE, false));
    if (error === undefined || error instanceof OverrunError) return true;
    this.#asker.failed(error);
    return false;
  }
}
