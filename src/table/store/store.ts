/**
 * The flows of a table, without an object for any of them: integers in an entry, attributes in a record, and an index
 * by the tuple of each direction. It knows nothing of messages and events.
 */
import { ATTRIBUTES } from '../../ctnetlink/attributes/flow.ts';
import type { SlotValue, UnknownAttribute } from '../../ctnetlink/attributes/kinds.ts';
import { Flow } from '../../ctnetlink/flow.ts';
import { REPLY } from '../../ctnetlink/slots.ts';
import { runtime } from '../../netlink/runtime.ts';
import { Deadlines } from './deadlines.ts';
import {
  Entries,
  HAS_UNKNOWN,
  HASH,
  IN_USE,
  NEXT_ORIG,
  NEXT_REPLY,
  OF_FLOW,
  PLACE,
  STATE,
  TOMBSTONE,
} from './entries.ts';
import { type Layout, Layouts } from './layout.ts';
import { dropShared, readRecord, readSlot, writeRecord, writeSlot } from './record.ts';
import { Records } from './records.ts';
import { Shared } from './shared.ts';
import { hashTuple, ORIGINAL, REPLIED, type Side, sameTuple } from './tuple.ts';
import { TupleIndex } from './tuple-index.ts';

export class Store {
  readonly entries = new Entries();
  readonly deadlines = new Deadlines(this.entries);
  /** Flows: entries that are no tombstones. */
  size = 0;
  readonly #layouts = new Layouts();
  readonly shared = new Shared();
  /** By the number of words. */
  readonly #records: (Records | undefined)[] = [];
  readonly #unknown = new Map<number, UnknownAttribute[]>();
  readonly #seed = (runtime.random() * 0x100000000) | 0;
  readonly #byOrig = new TupleIndex(this.entries, NEXT_ORIG, (entry) => this.entries.get(entry, HASH));
  readonly #byReply = new TupleIndex(this.entries, NEXT_REPLY, (entry) => this.#replyHash(entry));
  /** For one tuple of an entry, and the addresses in it. */
  readonly #tuple: SlotValue[] = new Array<SlotValue>(ATTRIBUTES.length).fill(undefined);
  readonly #addresses: readonly Uint8Array[] = ATTRIBUTES.map(() => new Uint8Array(16));

  /** The entry with this original tuple, a tombstone included; -1: there is none. */
  find(slots: readonly SlotValue[]): number {
    return this.#find(this.#byOrig, ORIGINAL, slots);
  }

  /** The entry with this reply tuple, the newest of several; -1: there is none. */
  findByReply(slots: readonly SlotValue[]): number {
    return this.#find(this.#byReply, REPLIED, slots);
  }

  /** A new entry. There is none with its original tuple. */
  insert(slots: readonly SlotValue[], unknown?: UnknownAttribute[]): number {
    const entry = this.entries.allocate();
    const hash = hashTuple(slots, ORIGINAL, this.#seed);
    this.entries.set(entry, HASH, hash);
    this.#write(entry, slots, unknown);
    this.#byOrig.add(entry, hash);
    this.#joinReply(entry, slots);
    this.size++;
    return entry;
  }

  /** Other attributes of an entry, whose original tuple is the same. */
  replace(entry: number, slots: readonly SlotValue[], unknown?: UnknownAttribute[]): void {
    const moves = !this.#hasTuple(entry, REPLIED, slots);
    if (moves) this.#leaveReply(entry);
    this.#drop(entry);
    this.#write(entry, slots, unknown);
    if (moves) this.#joinReply(entry, slots);
  }

  /** Sets one value where it lies, none of a tuple; false where the entry has no such attribute. */
  set(entry: number, slot: number, value: SlotValue): boolean {
    const layout = this.layoutOf(entry);
    if (layout.placeOf[slot] < 0) return false;
    const records = this.#records[layout.words]!;
    const place = this.entries.get(entry, PLACE);
    writeSlot(layout, records.chunkOf(place), records.startOf(place), slot, value, this.shared);
    return true;
  }

  /** One value; undefined where there is none. @param into see readSlot */
  get(entry: number, slot: number, into?: Uint8Array): SlotValue {
    const layout = this.layoutOf(entry);
    if (layout.placeOf[slot] < 0) return undefined;
    const records = this.#records[layout.words]!;
    const place = this.entries.get(entry, PLACE);
    return readSlot(layout, records.chunkOf(place), records.startOf(place), slot, this.shared, into);
  }

  /** All values, into slots that have nothing set. */
  read(entry: number, slots: SlotValue[]): void {
    const layout = this.layoutOf(entry);
    const records = this.#records[layout.words]!;
    const place = this.entries.get(entry, PLACE);
    readRecord(layout, records.chunkOf(place), records.startOf(place), slots, this.shared);
  }

  unknownOf(entry: number): UnknownAttribute[] | undefined {
    return this.entries.has(entry, HAS_UNKNOWN) ? this.#unknown.get(entry) : undefined;
  }

  layoutOf(entry: number): Layout {
    return this.#layouts.all[this.entries.layoutOf(entry)];
  }

  layout(number: number): Layout {
    return this.#layouts.all[number];
  }

  /** Those of a layout that is in use. */
  recordsOf({ words }: Layout): Records {
    return this.#records[words]!;
  }

  /** A flow of its own: what happens to the table does not change it. */
  flow(entry: number): Flow {
    const flow = new Flow();
    this.read(entry, flow.slots);
    flow.unknown = this.unknownOf(entry)?.map((each) => ({ ...each, value: each.value.slice() }));
    return flow;
  }

  /** Whether there is a flow in this entry. */
  holds(entry: number): boolean {
    return (this.entries.get(entry, STATE) & (IN_USE | TOMBSTONE)) === IN_USE;
  }

  /** It is no flow any more, but keeps its place among the original tuples. */
  bury(entry: number): void {
    this.#leaveReply(entry);
    this.deadlines.remove(entry);
    this.entries.flag(entry, TOMBSTONE);
    this.size--;
  }

  /** A flow takes the place of a tombstone. */
  revive(entry: number, slots: readonly SlotValue[], unknown?: UnknownAttribute[]): void {
    this.#drop(entry);
    this.entries.unflag(entry, OF_FLOW);
    this.#write(entry, slots, unknown);
    this.#joinReply(entry, slots);
    this.size++;
  }

  remove(entry: number): void {
    const { entries } = this;
    if (!entries.has(entry, TOMBSTONE)) this.bury(entry);
    this.#byOrig.remove(entry, entries.get(entry, HASH));
    this.#drop(entry);
    entries.release(entry);
  }

  #write(entry: number, slots: readonly SlotValue[], unknown: UnknownAttribute[] | undefined): void {
    const layout = this.#layouts.for(slots);
    let records = this.#records[layout.words];
    if (records === undefined) {
      records = new Records(layout.words);
      this.#records[layout.words] = records;
    }
    const place = records.allocate();
    this.entries.set(entry, PLACE, place);
    this.entries.setLayout(entry, layout.number);
    writeRecord(layout, records.chunkOf(place), records.startOf(place), slots, this.shared);
    if (unknown === undefined) return;
    this.#unknown.set(entry, unknown);
    this.entries.flag(entry, HAS_UNKNOWN);
  }

  #drop(entry: number): void {
    const layout = this.layoutOf(entry);
    const records = this.#records[layout.words]!;
    const place = this.entries.get(entry, PLACE);
    if (layout.shares) dropShared(layout, records.chunkOf(place), records.startOf(place), this.shared);
    records.release(place);
    if (!this.entries.has(entry, HAS_UNKNOWN)) return;
    this.#unknown.delete(entry);
    this.entries.unflag(entry, HAS_UNKNOWN);
  }

  #find(index: TupleIndex, side: Side, slots: readonly SlotValue[]): number {
    const hash = hashTuple(slots, side, this.#seed);
    for (let entry = index.first(hash); entry >= 0; entry = index.after(entry)) {
      if (side === ORIGINAL && this.entries.get(entry, HASH) !== hash) continue;
      if (this.#hasTuple(entry, side, slots)) return entry;
    }
    return -1;
  }

  #hasTuple(entry: number, side: Side, slots: readonly SlotValue[]): boolean {
    return sameTuple(this.#readTuple(entry, side), slots, side);
  }

  #replyHash(entry: number): number {
    return hashTuple(this.#readTuple(entry, REPLIED), REPLIED, this.#seed);
  }

  /** The slots of a tuple, until the next call. */
  #readTuple(entry: number, side: Side): readonly SlotValue[] {
    const layout = this.layoutOf(entry);
    const { placeOf } = layout;
    const records = this.#records[layout.words]!;
    const place = this.entries.get(entry, PLACE);
    const chunk = records.chunkOf(place);
    const start = records.startOf(place);
    const { slots } = side;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      this.#tuple[slot] =
        placeOf[slot] < 0 ? undefined : readSlot(layout, chunk, start, slot, this.shared, this.#addresses[slot]);
    }
    return this.#tuple;
  }

  #joinReply(entry: number, slots: readonly SlotValue[]): void {
    if (slots[REPLY.proto] !== undefined) this.#byReply.add(entry, hashTuple(slots, REPLIED, this.#seed));
  }

  #leaveReply(entry: number): void {
    if (this.layoutOf(entry).placeOf[REPLY.proto] >= 0) this.#byReply.remove(entry, this.#replyHash(entry));
  }
}
