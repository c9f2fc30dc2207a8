/**
 * What the table holds, and how messages change it. It knows no sockets: whoever has them gives it every event in
 * order, and the messages of snapshots (dumps, answers to GET) in any order beside them.
 *
 * The rule that makes both agree: a snapshot shows a flow at some moment after it was asked for (`since`). If an event
 * of the flow was seen since, the snapshot may be older than the event, so the event wins. If not, all that is queued
 * comes later and is put over the snapshot, so the snapshot is taken.
 */
import type { EventType } from '../ctnetlink/event.ts';
import type { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { EVENT_TIME, ID, START, TIMEOUT } from '../ctnetlink/slots.ts';
import type { ChangeCause, ChangeType, FlowChange } from './change.ts';
import { type DumpedShape, dumpedShapes } from './dumped-shape.ts';
import { type EventShape, eventShapes } from './event-shape.ts';
import { compareGenerations } from './generation.ts';
import {
  applyDestroy,
  applyUpdate,
  CHANGING,
  completeEvent,
  keepEvents,
  NONE_IF_ABSENT,
  sameByEvents,
  stripMessage,
} from './merge.ts';
import { NEVER } from './store/deadlines.ts';
import {
  ANSWERED,
  BORN_BY,
  DEADLINE,
  DUMPED,
  GENERATION,
  HAS_UNKNOWN,
  HEARD,
  INEXACT,
  OVERDUE,
  PARTIAL,
  SEEN,
  STATE,
  TOMBSTONE,
  TOUCHED,
} from './store/entries.ts';
import { Store } from './store/store.ts';
import { ORIGINAL, REPLIED } from './store/tuple-places.ts';

/** A timeout is in whole seconds, and the clock of the table may be a second late. */
const GRACE = 2;

export interface ContentsOptions {
  readonly filter: CompiledFilter;
  readonly maxFlows: number;
  /** Somebody wants the changes: otherwise no flow is made for them. */
  readonly wanted: () => boolean;
  readonly changed: (change: FlowChange) => void;
  /** A flow was left out, the first since the last dump began. */
  readonly full: () => void;
  /** An event about this entry was not all, or not what it should be: ask the kernel for the flow. */
  readonly doubt: (entry: number) => void;
}

export class Contents {
  readonly store = new Store();
  /** Counts snapshots and losses: what happened after the number n was given has n or more. */
  #epoch = 0;
  /** Of the last loss. */
  #lostAt = 0;
  #generation = 0;
  /** Of the dump that is on its way, the moment that it was asked for; 0: there is none. */
  #dumpSince = 0;
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
  readonly #options: ContentsOptions;
  readonly #filters: boolean;
  /** For what is known of a flow. */
  #known: Flow = new Flow();
  readonly #dumpedShapes = dumpedShapes(this.store.layouts);
  readonly #eventShapes = eventShapes(this.store.layouts);

  constructor(options: ContentsOptions) {
    this.#options = options;
    this.#filters = !options.filter.empty;
  }

  /** Flows that there was no room for since the last dump began; while one is on its way, those before it count too. */
  get skipped(): number {
    return Math.max(this.#skipped, this.#skippedBefore);
  }

  get dumping(): boolean {
    return this.#dumpSince !== 0;
  }

  /** Events were lost after this moment: whatever a snapshot of an earlier one showed is in doubt. */
  lostSince(epoch: number): boolean {
    return this.#lostAt > epoch;
  }

  /** Events were lost just now, or nobody was listening. */
  lose(): void {
    this.#lostAt = ++this.#epoch;
  }

  /** A snapshot is about to be asked for. @returns its `since` */
  begin(): number {
    return ++this.#epoch;
  }

  /** The table of the kernel has so many flows, and the next dump will bring those that the filter takes. */
  expect(count: number): void {
    if (this.store.size === 0 && !this.#filters) this.store.expect(Math.min(count, this.#options.maxFlows));
  }

  beginDump(): number {
    this.#dumpSince = this.begin();
    this.#skippedBefore = this.skipped;
    this.#skipped = 0;
    return this.#dumpSince;
  }

  /** All events before the end of the dump were read. @param whole and all of the dump */
  endDump(whole: boolean): void {
    this.#dumpSince = 0;
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

  /** What an event says. The flow may be used again. */
  event(type: EventType, flow: Flow): void {
    if (type === 'destroy') this.#destroyed(flow);
    else {
      completeEvent(flow.slots);
      if (type === 'new') this.#created(flow);
      else this.#updated(flow);
    }
  }

  /**
   * The same as `event` of a message that says nothing unexpected: a flow that is new, a change that has room in the
   * record, the end of the flow that is known. It is not decoded. @returns false for any other, which is to be decoded
   */
  eventAsIs(type: EventType, view: DataView, start: number, end: number, family: number): boolean {
    const shape = this.#filters ? undefined : this.#eventShapes.of(view, start, end, family);
    if (shape === undefined || shape === null) return false;
    const { store } = this;
    const entry = store.findKey(shape.orig.read(view, start, store.key), ORIGINAL);
    if (type === 'new') {
      if (entry >= 0 || store.size >= this.#options.maxFlows) return false;
      this.#copy(shape, view, start, shape.bornBy ? HEARD | BORN_BY : HEARD, 0, 'event');
      return true;
    }
    if (entry < 0) return type === 'destroy' && !this.dumping;
    return type === 'update' ? this.#change(entry, shape, view, start) : this.#endAsIs(entry, shape, view, start);
  }

  #change(entry: number, shape: EventShape, view: DataView, start: number): boolean {
    const { store } = this;
    if (store.entries.has(entry, TOMBSTONE)) return false;
    const layout = store.layoutOf(entry);
    const chunk = store.chunkOf(entry);
    const at = store.startOf(entry);
    if (!shape.isOf(view, start, layout, chunk, at, false)) return false;
    const old = this.#options.wanted() ? this.flow(entry) : undefined;
    if (!shape.update(view, start, layout, chunk, at)) return false;
    this.#hear(entry);
    this.#settle(entry, shape.timeoutIn(view, start));
    this.#emit('update', entry, 'event', old);
    return true;
  }

  /** Whoever wants changes wants the last words of the flow, which are decoded. */
  #endAsIs(entry: number, shape: EventShape, view: DataView, start: number): boolean {
    const { store } = this;
    const { entries } = store;
    if (entries.has(entry, TOMBSTONE)) return true;
    const knowsStart = !entries.has(entry, BORN_BY);
    const at = store.startOf(entry);
    if (!shape.isOf(view, start, store.layoutOf(entry), store.chunkOf(entry), at, knowsStart)) return false;
    if (this.#options.wanted()) return false;
    this.#leave(entry);
    return true;
  }

  /**
   * The same as `snapshot` of a message that says nothing unexpected: a flow that is new, or one that is as it was in
   * all but what only dumps keep. It is not decoded. @returns false for any other, which is then to be decoded
   */
  snapshotAsIs(view: DataView, start: number, end: number, family: number, since: number, cause: ChangeCause): boolean {
    const shape = this.#filters ? undefined : this.#dumpedShapes.of(view, start, end, family);
    if (shape === undefined || shape === null) return false;
    const { store } = this;
    const entry = store.findKey(shape.orig.read(view, start, store.key), ORIGINAL);
    if (entry >= 0) return this.#refresh(entry, shape, view, start, since);
    if (since !== this.#dumpSince) return true;
    if (store.size >= this.#options.maxFlows) return false;
    this.#copy(shape, view, start, DUMPED, since, cause);
    return true;
  }

  /** A flow in a snapshot. Only a dump brings flows into the table that it did not have. */
  snapshot(flow: Flow, since: number, cause: ChangeCause): void {
    const { slots } = flow;
    const { entries } = this.store;
    const ofDump = since === this.#dumpSince;
    const matches = !this.#filters || this.#options.filter.matches(flow);
    const entry = this.store.find(slots);
    if (entry < 0) {
      if (ofDump && matches) this.#insert(flow, cause, DUMPED, since);
      return;
    }
    if (entries.has(entry, TOMBSTONE)) {
      if (!ofDump || !matches || this.#isEndOf(entry, slots)) return;
      // The end that was reported may be that of an earlier flow, because the kernel keeps what it could not deliver.
      const made = this.#insert(flow, cause, DUMPED, since);
      if (made >= 0) this.#options.doubt(made);
      return;
    }
    if (entries.get(entry, TOUCHED) >= since) {
      if (entries.has(entry, PARTIAL) && this.store.get(entry, ID) === slots[ID]) this.#complete(entry, flow, cause);
      if (entries.get(entry, SEEN) < since) entries.set(entry, SEEN, since);
      return;
    }
    if (!matches) {
      this.#end(entry, cause);
      return;
    }
    const contact = Math.max(entries.get(entry, TOUCHED), entries.get(entry, SEEN));
    const lost = contact < this.#lostAt;
    const known = this.#read(entry);
    const verdict = compareGenerations(known.slots, slots, entries.has(entry, BORN_BY), lost);
    if (verdict === 'other') {
      this.#end(entry, cause);
      const made = this.#insert(flow, cause, ofDump ? DUMPED : ANSWERED, since);
      if (made >= 0 && !ofDump) this.#answered.push(made);
      return;
    }
    if (verdict === 'unknown') {
      entries.flag(entry, INEXACT);
      this.ambiguous++;
    }
    const differs = !sameByEvents(known.slots, slots);
    const old = differs && this.#options.wanted() ? this.flow(entry) : undefined;
    this.store.replace(entry, slots, flow.unknown);
    entries.unflag(entry, entries.get(entry, SEEN) < since ? PARTIAL | BORN_BY | DUMPED : PARTIAL | BORN_BY);
    entries.set(entry, SEEN, since);
    this.#settle(entry, slots[TIMEOUT] as number | undefined);
    if (differs) this.#emit('update', entry, cause, old);
  }

  /** It has not been heard of since, is known, and has not become another. */
  #refresh(entry: number, shape: DumpedShape, view: DataView, start: number, since: number): boolean {
    const { store } = this;
    const { entries } = store;
    if (entries.has(entry, TOMBSTONE | PARTIAL | BORN_BY | HAS_UNKNOWN)) return false;
    if (entries.get(entry, TOUCHED) >= since || entries.layoutOf(entry) !== shape.layout.number) return false;
    // Without its start, events that were lost may have been those of another.
    if (!shape.hasStart && Math.max(entries.get(entry, TOUCHED), entries.get(entry, SEEN)) < this.#lostAt) return false;
    if (!shape.refresh(view, start, store.chunkOf(entry), store.startOf(entry))) return false;
    if (entries.get(entry, SEEN) < since) entries.unflag(entry, DUMPED);
    entries.set(entry, SEEN, since);
    this.#settle(entry, shape.timeoutIn(view, start));
    return true;
  }

  #copy(
    shape: DumpedShape | EventShape,
    view: DataView,
    start: number,
    flags: number,
    seen: number,
    cause: ChangeCause,
  ): void {
    const { store } = this;
    const entry = store.create(shape.layout);
    // Its key is that of the original tuple, which was looked for.
    store.join(entry, ORIGINAL, store.key);
    shape.write(view, start, store.chunkOf(entry), store.startOf(entry));
    store.join(entry, REPLIED, shape.reply.read(view, start, store.key));
    this.#begin(entry, flags, seen, shape.timeoutIn(view, start), cause);
  }

  /** Every event has been read that is older than the answers to questions. */
  settleAnswers(): void {
    for (const entry of this.#answered.splice(0)) this.store.entries.unflag(entry, ANSWERED);
  }

  /** The kernel says that there is no such flow any more. */
  gone(flow: Flow, since: number, cause: ChangeCause): void {
    const { entries } = this.store;
    const entry = this.store.find(flow.slots);
    if (entry < 0 || entries.has(entry, TOMBSTONE)) return;
    if (entries.get(entry, TOUCHED) >= since || entries.get(entry, SEEN) > since) return;
    this.#end(entry, cause);
  }

  /** Gives each of `most` entries from `first` on that the dump of this moment should have had, and had not. */
  missing(first: number, most: number, since: number, take: (entry: number) => void): void {
    const { entries } = this.store;
    const end = Math.min(first + most, entries.used);
    for (let entry = first; entry < end; entry++)
      if (entries.get(entry, SEEN) < since && entries.get(entry, TOUCHED) < since && this.store.holds(entry))
        take(entry);
  }

  #created(flow: Flow): void {
    const { slots } = flow;
    const { entries } = this.store;
    const entry = this.store.find(slots);
    const matches = !this.#filters || this.#options.filter.matches(flow);
    if (entry >= 0 && !entries.has(entry, TOMBSTONE)) {
      if (this.#isAhead(entry)) {
        // What the event says is older than the snapshot: of this flow, or of one that had its tuple before.
        if (this.store.get(entry, ID) === slots[ID]) {
          this.#hear(entry);
          return;
        }
        if (!this.lostSince(entries.get(entry, SEEN))) {
          this.#options.doubt(entry);
          return;
        }
      }
      this.#end(entry, 'event');
    }
    if (matches) this.#insert(flow, 'event', HEARD, 0);
    else if (entry < 0) this.#refuse(slots);
  }

  /**
   * The dump that is on its way brought it into the table, or an answer that is newer than the events, and no event of
   * it has been read: its NEW is still to come, because its end would come before the NEW of another.
   */
  #isAhead(entry: number): boolean {
    const { entries } = this.store;
    const seen = entries.get(entry, SEEN);
    if (entries.get(entry, TOUCHED) >= seen) return false;
    if (entries.has(entry, ANSWERED)) return true;
    return this.dumping && entries.has(entry, DUMPED) && seen >= this.#dumpSince;
  }

  #updated(flow: Flow): void {
    const { slots } = flow;
    const { entries } = this.store;
    const entry = this.store.find(slots);
    if (entry < 0 || entries.has(entry, TOMBSTONE)) {
      if (this.#filters && !this.#options.filter.matches(flow)) {
        if (entry < 0) this.#refuse(slots);
        return;
      }
      const made = this.#insert(flow, 'event', HEARD | PARTIAL, 0);
      if (made >= 0) this.#options.doubt(made);
      return;
    }
    if (this.store.get(entry, ID) !== slots[ID]) {
      this.#options.doubt(entry);
      return;
    }
    const old = this.#options.wanted() ? this.flow(entry) : undefined;
    if (!this.#updateInPlace(entry, slots)) {
      const known = this.#read(entry);
      applyUpdate(known.slots, slots);
      this.store.replace(entry, known.slots, this.store.unknownOf(entry));
    }
    this.#hear(entry);
    this.#settle(entry, slots[TIMEOUT] as number | undefined);
    if (this.#filters && !this.#options.filter.matches(this.#read(entry))) this.#end(entry, 'event');
    else this.#emit('update', entry, 'event', old);
  }

  /** Where the update says nothing that the entry has no room for. */
  #updateInPlace(entry: number, slots: Flow['slots']): boolean {
    const { placeOf } = this.store.layoutOf(entry);
    // Beyond its end an array is slow to read, and most messages have no rare attribute.
    let count = 0;
    while (count < CHANGING.length && CHANGING[count] < slots.length) count++;
    for (let i = 0; i < count; i++) if (slots[CHANGING[i]] !== undefined && placeOf[CHANGING[i]] < 0) return false;
    for (let i = 0; i < NONE_IF_ABSENT.length; i++)
      if (placeOf[NONE_IF_ABSENT[i]] >= 0 && slots[NONE_IF_ABSENT[i]] === undefined) return false;
    for (let i = 0; i < count; i++) {
      const value = slots[CHANGING[i]];
      if (value !== undefined) this.store.set(entry, CHANGING[i], value);
    }
    return true;
  }

  #destroyed(flow: Flow): void {
    const { slots } = flow;
    const { entries } = this.store;
    const entry = this.store.find(slots);
    if (entry < 0) {
      this.#refuse(slots);
      return;
    }
    if (entries.has(entry, TOMBSTONE)) return;
    if (!this.#isEndOf(entry, slots)) {
      this.#options.doubt(entry);
      return;
    }
    if (this.#options.wanted()) {
      const last = this.flow(entry);
      applyDestroy(last.slots, slots);
      this.#emit('delete', entry, 'event', undefined, last);
    }
    this.#leave(entry);
  }

  /** A flow that is not in the table does not belong there: a dump may have it as it was before. */
  #refuse(slots: Flow['slots']): void {
    if (!this.dumping) return;
    stripMessage(slots);
    const made = this.store.insert(slots);
    this.store.bury(made);
    this.#tombstones.push(made);
  }

  /** The DESTROY is that of this flow: one that the kernel could not deliver comes as late as it likes. */
  #isEndOf(entry: number, slots: Flow['slots']): boolean {
    if (this.store.get(entry, ID) !== slots[ID]) return false;
    const start = slots[START];
    const known = this.store.get(entry, START);
    if (start === undefined || known === undefined) return true;
    return this.store.entries.has(entry, BORN_BY) || BigInt(start as bigint) === BigInt(known as bigint);
  }

  /** @returns the entry; -1 where there is no room */
  #insert(flow: Flow, cause: ChangeCause, flags: number, seen: number): number {
    const { slots } = flow;
    const { store } = this;
    if (store.size >= this.#options.maxFlows) {
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
    this.#begin(entry, state, seen, slots[TIMEOUT] as number | undefined, cause);
    return entry;
  }

  /** A flow is in the table that was not. */
  #begin(entry: number, flags: number, seen: number, timeout: number | undefined, cause: ChangeCause): void {
    const { entries, deadlines } = this.store;
    entries.flag(entry, flags);
    entries.set(entry, GENERATION, ++this.#generation);
    entries.set(entry, TOUCHED, (flags & HEARD) !== 0 ? this.#epoch : 0);
    entries.set(entry, SEEN, seen);
    if ((flags & HEARD) === 0) this.preListener++;
    deadlines.add(entry, this.#deadline(timeout));
    this.#emit('insert', entry, cause);
  }

  /** What a dump knows of a flow that only an update has been seen of. */
  #complete(entry: number, flow: Flow, cause: ChangeCause): void {
    const { entries } = this.store;
    const old = this.#options.wanted() ? this.flow(entry) : undefined;
    const { slots } = flow;
    keepEvents(slots, this.#read(entry).slots);
    this.store.replace(entry, slots, flow.unknown);
    entries.unflag(entry, PARTIAL);
    this.#settle(entry, slots[TIMEOUT] as number | undefined);
    if (this.#filters && !this.#options.filter.matches(flow)) this.#end(entry, cause);
    else this.#emit('update', entry, cause, old);
  }

  #hear(entry: number): void {
    const { entries } = this.store;
    entries.set(entry, TOUCHED, this.#epoch);
    if (entries.has(entry, HEARD)) return;
    entries.flag(entry, HEARD);
    this.preListener--;
  }

  /** A flow leaves the table. */
  #end(entry: number, cause: ChangeCause): void {
    this.#emit('delete', entry, cause);
    this.#leave(entry);
  }

  /** While a dump is on its way, which may have the flow as it was, its place is kept. */
  #leave(entry: number): void {
    const state = this.store.entries.get(entry, STATE);
    if ((state & HEARD) === 0) this.preListener--;
    if ((state & OVERDUE) !== 0) this.overdue--;
    if (this.dumping) {
      this.store.bury(entry);
      this.#tombstones.push(entry);
    } else {
      this.store.remove(entry);
    }
  }

  /** The message has a new timeout. */
  #settle(entry: number, timeout: number | undefined): void {
    const { entries, deadlines } = this.store;
    if (timeout === undefined && !entries.has(entry, OVERDUE)) return;
    deadlines.move(entry, this.#deadline(timeout));
    if (!entries.has(entry, OVERDUE)) return;
    entries.unflag(entry, OVERDUE);
    this.overdue--;
  }

  #deadline(timeout: number | undefined): number {
    return timeout === undefined ? NEVER : this.now + (timeout >>> 0) + GRACE;
  }

  /** It is due: the kernel is to be asked. */
  expire(entry: number): void {
    this.store.entries.flag(entry, OVERDUE);
    this.overdue++;
  }

  /** The attributes of an entry, until the next call. */
  #read(entry: number): Flow {
    const known = this.#known;
    known.slots.fill(undefined);
    this.store.read(entry, known.slots);
    return known;
  }

  #emit(type: ChangeType, entry: number, cause: ChangeCause, old?: Flow, flow?: Flow): void {
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
