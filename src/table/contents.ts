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
import type { Flow } from '../ctnetlink/flow.ts';
import { ID, START, TIMEOUT } from '../ctnetlink/slots.ts';
import { AsIs } from './as-is.ts';
import type { ChangeCause } from './change.ts';
import { compareGenerations } from './generation.ts';
import { Life, type LifeOptions } from './life.ts';
import { applyUpdate, CHANGING, completeEvent, keepEvents, NONE_IF_ABSENT, sameByEvents } from './merge.ts';
import type { Moments } from './moments.ts';
import { ANSWERED, BORN_BY, DUMPED, HEARD, PARTIAL, SEEN, TOMBSTONE, TOUCHED } from './store/entries.ts';
import type { Store } from './store/store.ts';

export interface ContentsOptions extends LifeOptions {
  readonly filter: CompiledFilter;
  /** An event about this entry was not all, or not what it should be: ask the kernel for the flow. */
  readonly doubt: (entry: number) => void;
}

export class Contents {
  readonly life: Life;
  readonly store: Store;
  readonly #moments: Moments;
  readonly #doubt: (entry: number) => void;
  readonly #filter: CompiledFilter;
  readonly #filters: boolean;
  /** Undefined where a filter looks at each flow. */
  readonly #asIs: AsIs | undefined;

  constructor(options: ContentsOptions) {
    this.life = new Life(options);
    this.store = this.life.store;
    this.#moments = this.life.moments;
    this.#doubt = options.doubt;
    this.#filter = options.filter;
    this.#filters = !options.filter.empty;
    this.#asIs = this.#filters ? undefined : new AsIs(this.life);
  }

  /** The table of the kernel has so many flows, and the next dump will bring those that the filter takes. */
  expect(count: number): void {
    if (!this.#filters) this.life.expect(count);
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

  /** The same as `event`, without decoding it. @returns false for a message that is to be decoded */
  eventAsIs(type: EventType, view: DataView, start: number, end: number, family: number): boolean {
    return this.#asIs?.event(type, view, start, end, family) ?? false;
  }

  /** The same as `snapshot`, without decoding it. @returns false for a message that is to be decoded */
  snapshotAsIs(view: DataView, start: number, end: number, family: number, since: number, cause: ChangeCause): boolean {
    return this.#asIs?.snapshot(view, start, end, family, since, cause) ?? false;
  }

  /** A flow in a snapshot. Only a dump brings flows into the table that it did not have. */
  snapshot(flow: Flow, since: number, cause: ChangeCause): void {
    const { slots } = flow;
    const { entries } = this.store;
    const ofDump = since === this.#moments.dumpSince;
    const matches = !this.#filters || this.#filter.matches(flow);
    const entry = this.store.find(slots);
    if (entry < 0) {
      if (ofDump && matches) this.life.insert(flow, cause, DUMPED, since);
      return;
    }
    if (entries.has(entry, TOMBSTONE)) {
      if (!ofDump || !matches || this.#isEndOf(entry, slots)) return;
      // It began after the dump was asked for, and has ended: this one was before it, or its NEW is still to come.
      if (entries.has(entry, HEARD) && entries.get(entry, SEEN) >= since) return;
      // The end that was reported may be that of an earlier flow, because the kernel keeps what it could not deliver.
      const made = this.life.insert(flow, cause, DUMPED, since);
      if (made >= 0) this.#doubt(made);
      return;
    }
    if (entries.get(entry, TOUCHED) >= since) {
      // What the event left out may have been lost before it, and what it said is newer.
      if (this.#mayLack(entry, slots, since)) {
        this.#doubt(entry);
        return;
      }
      if (entries.has(entry, PARTIAL) && this.store.get(entry, ID) === slots[ID]) this.#complete(entry, flow, cause);
      if (entries.get(entry, SEEN) < since) entries.set(entry, SEEN, since);
      return;
    }
    if (!matches) {
      this.life.end(entry, cause);
      return;
    }
    const contact = Math.max(entries.get(entry, TOUCHED), entries.get(entry, SEEN));
    const lost = contact < this.#moments.lostAt;
    const known = this.life.read(entry);
    const verdict = compareGenerations(known.slots, slots, entries.has(entry, BORN_BY), lost);
    if (verdict === 'other') {
      this.life.end(entry, cause);
      this.life.insert(flow, cause, ofDump ? DUMPED : ANSWERED, since);
      return;
    }
    if (verdict === 'unknown') this.life.blur(entry);
    const differs = !sameByEvents(known.slots, slots);
    const old = differs ? this.life.before(entry) : undefined;
    this.store.replace(entry, slots, flow.unknown);
    entries.unflag(entry, PARTIAL | BORN_BY);
    this.life.see(entry, since);
    this.life.settle(entry, slots[TIMEOUT] as number | undefined);
    if (differs) this.life.update(entry, cause, old);
  }

  /** Events of it may have been lost that are older than this snapshot, which shows something else. */
  #mayLack(entry: number, slots: Flow['slots'], since: number): boolean {
    const { lostAt } = this.#moments;
    if (lostAt >= since || this.store.entries.get(entry, SEEN) >= lostAt) return false;
    return !sameByEvents(this.life.read(entry).slots, slots);
  }

  /** The kernel says that there is no such flow any more. */
  gone(flow: Flow, since: number, cause: ChangeCause): void {
    const { entries } = this.store;
    const entry = this.store.find(flow.slots);
    if (entry < 0 || entries.has(entry, TOMBSTONE)) return;
    if (entries.get(entry, TOUCHED) >= since || entries.get(entry, SEEN) > since) return;
    this.life.end(entry, cause);
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
    const matches = !this.#filters || this.#filter.matches(flow);
    if (entry >= 0 && !entries.has(entry, TOMBSTONE)) {
      if (this.#isAhead(entry)) {
        // What the event says is older than the snapshot: of this flow, or of one that had its tuple before.
        if (this.store.get(entry, ID) === slots[ID]) {
          this.life.hear(entry);
          return;
        }
        if (!this.#moments.lostSince(entries.get(entry, SEEN))) {
          this.#doubt(entry);
          return;
        }
      }
      this.life.end(entry, 'event');
    }
    if (matches) this.life.insert(flow, 'event', HEARD, this.#moments.last);
    else if (entry < 0) this.life.refuse(slots);
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
    return this.#moments.dumping && entries.has(entry, DUMPED) && seen >= this.#moments.dumpSince;
  }

  #updated(flow: Flow): void {
    const { slots } = flow;
    const { entries } = this.store;
    const entry = this.store.find(slots);
    if (entry < 0 || entries.has(entry, TOMBSTONE)) {
      if (this.#filters && !this.#filter.matches(flow)) {
        if (entry < 0) this.life.refuse(slots);
        return;
      }
      const made = this.life.insert(flow, 'event', HEARD | PARTIAL, this.#moments.last);
      if (made >= 0) this.#doubt(made);
      return;
    }
    if (this.store.get(entry, ID) !== slots[ID]) {
      this.#doubt(entry);
      return;
    }
    const old = this.life.before(entry);
    if (!this.#updateInPlace(entry, slots)) {
      const known = this.life.read(entry);
      applyUpdate(known.slots, slots);
      this.store.replace(entry, known.slots, this.store.unknownOf(entry));
    }
    this.life.hear(entry);
    this.life.settle(entry, slots[TIMEOUT] as number | undefined);
    if (this.#filters && !this.#filter.matches(this.life.read(entry))) this.life.end(entry, 'event');
    else this.life.update(entry, 'event', old);
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
      this.life.refuse(slots);
      return;
    }
    if (entries.has(entry, TOMBSTONE)) return;
    if (!this.#isEndOf(entry, slots)) {
      this.#doubt(entry);
      return;
    }
    this.life.end(entry, 'event', flow);
  }

  /** The DESTROY is that of this flow: one that the kernel could not deliver comes as late as it likes. */
  #isEndOf(entry: number, slots: Flow['slots']): boolean {
    if (this.store.get(entry, ID) !== slots[ID]) return false;
    const start = slots[START];
    const known = this.store.get(entry, START);
    if (start === undefined || known === undefined) return true;
    return this.store.entries.has(entry, BORN_BY) || BigInt(start as bigint) === BigInt(known as bigint);
  }

  /** What a dump knows of a flow that only an update has been seen of. */
  #complete(entry: number, flow: Flow, cause: ChangeCause): void {
    const { entries } = this.store;
    const old = this.life.before(entry);
    const { slots } = flow;
    keepEvents(slots, this.life.read(entry).slots);
    this.store.replace(entry, slots, flow.unknown);
    entries.unflag(entry, PARTIAL);
    this.life.settle(entry, slots[TIMEOUT] as number | undefined);
    if (this.#filters && !this.#filter.matches(flow)) this.life.end(entry, cause);
    else this.life.update(entry, cause, old);
  }
}
