/**
 * The life of a flow in the table, from the message that brings it in to the one that ends it: its generation, how well
 * it is known, when it is due, and the changes that are reported. Which message does what is decided elsewhere: see
 * Contents.
 */
import { Flow } from '../ctnetlink/flow.ts';
import { EVENT_TIME, START, TIMEOUT } from '../ctnetlink/slots.ts';
import type { ChangeCause, ChangeType, FlowChange } from './change.ts';
import { applyDestroy, stripMessage } from './merge.ts';
import { Moments } from './moments.ts';
import { NEVER } from './store/deadlines.ts';
import {
  ANSWERED,
  BORN_BY,
  DEADLINE,
  DUMPED,
  GENERATION,
  HEARD,
  INEXACT,
  OVERDUE,
  SEEN,
  STATE,
  TOMBSTONE,
  TOUCHED,
} from './store/entries.ts';
import { Store } from './store/store.ts';

/** A timeout is in whole seconds, and the clock of the table may be a second late. */
const GRACE = 2;

export interface LifeOptions {
  readonly maxFlows: number;
  /** Somebody wants the changes: otherwise no flow is made for them. */
  readonly wanted: () => boolean;
  readonly changed: (change: FlowChange) => void;
  /** A flow was left out, the first since the last dump began. */
  readonly full: () => void;
}

export class Life {
  readonly store = new Store();
  readonly moments = new Moments();
  #generation = 0;
  #tombstones: number[] = [];
  readonly #answered: number[] = [];
  /** Seconds. */
  now = 0;
  /** Flows without an event so far: they may end silently. */
  preListener = 0;
  /** How often events were lost and nothing showed whether a flow was still the same. */
  ambiguous = 0;
  #skipped = 0;
  #skippedBefore = 0;
  /** Flows that are past their timeout and not confirmed. */
  overdue = 0;
  readonly #options: LifeOptions;
  /** For what is known of a flow. */
  readonly #known: Flow = new Flow();

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  /** Flows that there was no room for since the last dump began; while one is on its way, those before it count too. */
  get skipped(): number {
    return Math.max(this.#skipped, this.#skippedBefore);
  }

  /** There is room for one more. */
  get hasRoom(): boolean {
    return this.store.size < this.#options.maxFlows;
  }

  /** Somebody wants the changes. */
  get wanted(): boolean {
    return this.#options.wanted();
  }

  /** So many flows are about to be inserted. */
  expect(count: number): void {
    if (this.store.size === 0) this.store.expect(Math.min(count, this.#options.maxFlows));
  }

  beginDump(): number {
    this.#skippedBefore = this.skipped;
    this.#skipped = 0;
    return this.moments.beginDump();
  }

  /** All events before the end of the dump were read. @param whole and all of the dump */
  endDump(whole: boolean): void {
    this.moments.endDump();
    if (whole) this.#skippedBefore = 0;
  }

  /** What the dump may have had that had ended before. Nothing is left to do when it returns true. */
  forget(most: number): boolean {
    for (let left = most; left > 0; left--) {
      const entry = this.#tombstones.pop();
      if (entry === undefined) return true;
      if (this.store.entries.has(entry, TOMBSTONE)) this.store.remove(entry);
    }
    return this.#tombstones.length === 0;
  }

  /** Every event has been read that is older than the answers to questions. */
  settleAnswers(): void {
    for (const entry of this.#answered.splice(0)) this.store.entries.unflag(entry, ANSWERED);
  }

  /** A flow that a message brings. @returns the entry; -1 where there is no room */
  insert(flow: Flow, cause: ChangeCause, flags: number, seen: number): number {
    const { slots } = flow;
    const { store } = this;
    if (!this.hasRoom) {
      if (this.#skipped++ === 0) this.#options.full();
      return -1;
    }
    let state = flags;
    const bornBy = slots[EVENT_TIME];
    stripMessage(slots);
    // The time of an event is near the start, and what takes the place of the flow starts later.
    if (bornBy !== undefined && slots[START] === undefined) {
      slots[START] = bornBy;
      state |= BORN_BY;
    }
    const buried = store.find(slots);
    let entry = buried;
    if (buried < 0) entry = store.insert(slots, flow.unknown);
    else store.revive(buried, slots, flow.unknown);
    this.begin(entry, state, seen, slots[TIMEOUT] as number | undefined, cause);
    return entry;
  }

  /** A flow is in the table that was not. */
  begin(entry: number, flags: number, seen: number, timeout: number | undefined, cause: ChangeCause): void {
    const { entries, deadlines } = this.store;
    entries.flag(entry, flags);
    entries.set(entry, GENERATION, ++this.#generation);
    entries.set(entry, TOUCHED, (flags & HEARD) !== 0 ? this.moments.last : 0);
    entries.set(entry, SEEN, seen);
    if ((flags & HEARD) === 0) this.preListener++;
    if ((flags & ANSWERED) !== 0) this.#answered.push(entry);
    deadlines.add(entry, this.#deadline(timeout));
    this.#report('insert', entry, cause);
  }

  /** An event of the flow was read. */
  hear(entry: number): void {
    const { entries } = this.store;
    entries.set(entry, TOUCHED, this.moments.last);
    if (entries.has(entry, HEARD)) return;
    entries.flag(entry, HEARD);
    this.preListener--;
  }

  /** A snapshot shows it. While the dump that brought it is on its way, an answer does not change what came first. */
  see(entry: number, since: number): void {
    const { entries } = this.store;
    const before = entries.get(entry, SEEN);
    const { dumping, dumpSince } = this.moments;
    if (before < since && !(dumping && before >= dumpSince)) entries.unflag(entry, DUMPED);
    entries.set(entry, SEEN, since);
  }

  /** The message has a new timeout, or none. */
  settle(entry: number, timeout: number | undefined): void {
    const { entries, deadlines } = this.store;
    if (timeout === undefined && !entries.has(entry, OVERDUE)) return;
    deadlines.move(entry, this.#deadline(timeout));
    if (!entries.has(entry, OVERDUE)) return;
    entries.unflag(entry, OVERDUE);
    this.overdue--;
  }

  /** Nothing shows whether it is still the same. */
  blur(entry: number): void {
    this.store.entries.flag(entry, INEXACT);
    this.ambiguous++;
  }

  /** It is due: the kernel is to be asked. */
  expire(entry: number): void {
    this.store.entries.flag(entry, OVERDUE);
    this.overdue++;
  }

  /** The flow as it is, for `update`; undefined where nobody wants the changes. */
  before(entry: number): Flow | undefined {
    return this.wanted ? this.flow(entry) : undefined;
  }

  /** The attributes of the flow have changed. */
  update(entry: number, cause: ChangeCause, old: Flow | undefined): void {
    this.#report('update', entry, cause, old);
  }

  /** The flow leaves the table. @param last what the message that ended it has */
  end(entry: number, cause: ChangeCause, last?: Flow): void {
    if (this.wanted) {
      const flow = this.flow(entry);
      if (last !== undefined) applyDestroy(flow.slots, last.slots);
      this.#report('delete', entry, cause, undefined, flow);
    }
    const state = this.store.entries.get(entry, STATE);
    if ((state & HEARD) === 0) this.preListener--;
    if ((state & OVERDUE) !== 0) this.overdue--;
    // A dump that is on its way may have the flow as it was.
    if (this.moments.dumping) this.#bury(entry);
    else this.store.remove(entry);
  }

  /** A flow that is not in the table does not belong there: a dump may have it as it was before. */
  refuse(slots: Flow['slots']): void {
    if (!this.moments.dumping) return;
    stripMessage(slots);
    this.#bury(this.store.insert(slots));
  }

  #bury(entry: number): void {
    this.store.bury(entry);
    this.#tombstones.push(entry);
  }

  #deadline(timeout: number | undefined): number {
    return timeout === undefined ? NEVER : this.now + (timeout >>> 0) + GRACE;
  }

  /** The attributes of an entry, until the next call. */
  read(entry: number): Flow {
    const known = this.#known;
    known.slots.fill(undefined);
    this.store.read(entry, known.slots);
    return known;
  }

  #report(type: ChangeType, entry: number, cause: ChangeCause, old?: Flow, flow?: Flow): void {
    const { wanted, changed } = this.#options;
    if (!wanted()) return;
    const { entries } = this.store;
    const change: FlowChange = {
      type,
      flow: flow ?? this.flow(entry),
      cause,
      generation: entries.get(entry, GENERATION) >>> 0,
      exact: !entries.has(entry, INEXACT),
    };
    if (type === 'update') change.old = old;
    changed(change);
  }

  /** A flow of its own, as a program gets it: with the seconds that are left, and without a start that is not known. */
  flow(entry: number): Flow {
    const flow = this.store.flow(entry);
    const { slots } = flow;
    if (this.store.entries.has(entry, BORN_BY)) slots[START] = undefined;
    if (slots[TIMEOUT] !== undefined)
      slots[TIMEOUT] = Math.max(0, this.store.entries.get(entry, DEADLINE) - GRACE - this.now);
    return flow;
  }
}
