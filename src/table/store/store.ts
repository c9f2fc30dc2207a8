/**
 * The flows of a table, without an object for any of them: integers in an entry, attributes in a record, and an index
 * by the tuple of each direction. It knows nothing of messages and events.
 */
import type { SlotValue, UnknownAttribute } from '../../ctnetlink/attributes/kinds.ts';
import { Flow, flowCodec } from '../../ctnetlink/flow.ts';
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
  REPLY_HASH,
  STATE,
  TOMBSTONE,
} from './entries.ts';
import { type Layout, Layouts } from './layout.ts';
import { dropShared, readRecord, readSlot, writeRecord, writeSlot } from './record.ts';
import { type Chunk, Records } from './records.ts';
import { Shared } from './shared.ts';
import { TupleIndex } from './tuple-index.ts';
import { TupleKey } from './tuple-key.ts';
import { ORIGINAL, REPLIED, type Side } from './tuple-places.ts';

export class Store {
  readonly entries = new Entries();
  readonly deadlines = new Deadlines(this.entries);
  /** Flows: entries that are no tombstones. */
  size = 0;
  readonly layouts = new Layouts();
  readonly shared = new Shared();
  /** By the number of words. */
  readonly #records: (Records | undefined)[] = [];
  readonly #unknown = new Map<number, UnknownAttribute[]>();
  readonly #byOrig = new TupleIndex(this.entries, NEXT_ORIG, HASH);
  readonly #byReply = new TupleIndex(this.entries, NEXT_REPLY, REPLY_HASH);
  /** Of the tuple that is looked for. */
  readonly key = new TupleKey((runtime.random() * 0x100000000) | 0);

  /** So many flows will be inserted. */
  expect(count: number): void {
    this.#byOrig.expect(count);
    this.#byReply.expect(count);
  }

  /** The entry with this original tuple, a tombstone included; -1: there is none. */
  find(slots: readonly SlotValue[]): number {
    return this.findKey(this.key.read(slots, ORIGINAL), ORIGINAL);
  }

  /** The entry with this reply tuple, the newest of several; -1: there is none. */
  findByReply(slots: readonly SlotValue[]): number {
    return this.findKey(this.key.read(slots, REPLIED), REPLIED);
  }

  /** The entry whose tuple of this direction is the key; -1: there is none. */
  findKey(key: TupleKey, side: Side): number {
    const { hash } = key;
    const index = side === ORIGINAL ? this.#byOrig : this.#byReply;
    for (let entry = index.first(hash); entry >= 0; entry = index.after(entry))
      if (index.hashOf(entry) === hash && this.#hasTuple(entry, side, key)) return entry;
    return -1;
  }

  /** A new entry with room for a record whose content is anything. The caller writes it, and joins both indexes. */
  create(layout: Layout): number {
    const entry = this.entries.allocate();
    this.#makeRoom(entry, layout);
    this.size++;
    return entry;
  }

  /** The record of an entry is in this chunk. */
  chunkOf(entry: number): Chunk {
    return this.recordsOf(this.layoutOf(entry)).chunkOf(this.entries.get(entry, PLACE));
  }

  /** The record of an entry begins here, in words of its chunk. */
  startOf(entry: number): number {
    return this.recordsOf(this.layoutOf(entry)).startOf(this.entries.get(entry, PLACE));
  }

  /** From now on the entry is found by this tuple. */
  join(entry: number, side: Side, key: TupleKey): void {
    (side === ORIGINAL ? this.#byOrig : this.#byReply).add(entry, key.hash);
  }

  /** A new entry. There is none with its original tuple. */
  insert(slots: readonly SlotValue[], unknown?: UnknownAttribute[]): number {
    const entry = this.entries.allocate();
    this.#write(entry, slots, unknown);
    this.#byOrig.add(entry, this.key.read(slots, ORIGINAL).hash);
    this.#joinReply(entry, slots);
    this.size++;
    return entry;
  }

  /** Other attributes of an entry, whose original tuple is the same. */
  replace(entry: number, slots: readonly SlotValue[], unknown?: UnknownAttribute[]): void {
    const moves = !this.#hasTuple(entry, REPLIED, this.key.read(slots, REPLIED));
    if (moves) this.#leaveReply(entry);
    this.#drop(entry);
    this.#write(entry, slots, unknown);
    if (moves) this.#joinReply(entry, slots);
  }

  /** Sets one value where it lies, none of a tuple; false where the entry has no such attribute. */
  set(entry: number, slot: number, value: SlotValue): boolean {
    const layout = this.layoutOf(entry);
    if (layout.placeOf[slot] < 0) return false;
    writeSlot(layout, this.chunkOf(entry), this.startOf(entry), slot, value, this.shared);
    return true;
  }

  /** One value; undefined where there is none. @param into see readSlot */
  get(entry: number, slot: number, into?: Uint8Array): SlotValue {
    const layout = this.layoutOf(entry);
    if (layout.placeOf[slot] < 0) return undefined;
    return readSlot(layout, this.chunkOf(entry), this.startOf(entry), slot, this.shared, into);
  }

  /** All values, into slots that have nothing set. */
  read(entry: number, slots: SlotValue[]): void {
    readRecord(this.layoutOf(entry), this.chunkOf(entry), this.startOf(entry), slots, this.shared);
  }

  unknownOf(entry: number): UnknownAttribute[] | undefined {
    return this.entries.has(entry, HAS_UNKNOWN) ? this.#unknown.get(entry) : undefined;
  }

  layoutOf(entry: number): Layout {
    return this.layouts.all[this.entries.layoutOf(entry)];
  }

  /** Those of a layout that is in use. */
  recordsOf({ words }: Layout): Records {
    return this.#records[words]!;
  }

  /** A flow of its own: what happens to the table does not change it. */
  flow(entry: number): Flow {
    const { rare } = this.layoutOf(entry);
    const flow = new Flow(rare ? flowCodec.emptySlots.slice() : flowCodec.emptyCommonSlots.slice());
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
    this.#byOrig.remove(entry);
    this.#drop(entry);
    entries.release(entry);
  }

  #write(entry: number, slots: readonly SlotValue[], unknown: UnknownAttribute[] | undefined): void {
    const layout = this.layouts.for(slots);
    this.#makeRoom(entry, layout);
    writeRecord(layout, this.chunkOf(entry), this.startOf(entry), slots, this.shared);
    if (unknown === undefined) return;
    this.#unknown.set(entry, unknown);
    this.entries.flag(entry, HAS_UNKNOWN);
  }

  #makeRoom(entry: number, layout: Layout): void {
    let records = this.#records[layout.words];
    if (records === undefined) {
      records = new Records(layout.words);
      this.#records[layout.words] = records;
    }
    this.entries.set(entry, PLACE, records.allocate());
    this.entries.setLayout(entry, layout.number);
  }

  #drop(entry: number): void {
    const layout = this.layoutOf(entry);
    if (layout.shares) dropShared(layout, this.chunkOf(entry), this.startOf(entry), this.shared);
    this.recordsOf(layout).release(this.entries.get(entry, PLACE));
    if (!this.entries.has(entry, HAS_UNKNOWN)) return;
    this.#unknown.delete(entry);
    this.entries.unflag(entry, HAS_UNKNOWN);
  }

  #hasTuple(entry: number, side: Side, key: TupleKey): boolean {
    return key.isAt(this.layoutOf(entry).tuples[side], this.chunkOf(entry), this.startOf(entry));
  }

  #joinReply(entry: number, slots: readonly SlotValue[]): void {
    if (slots[REPLY.proto] !== undefined) this.#byReply.add(entry, this.key.read(slots, REPLIED).hash);
  }

  #leaveReply(entry: number): void {
    if (this.layoutOf(entry).placeOf[REPLY.proto] >= 0) this.#byReply.remove(entry);
  }
}
