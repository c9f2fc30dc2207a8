/** Flows of a store that match a filter, without an object for those that do not. */
import { ATTRIBUTES } from '../../ctnetlink/attributes/flow.ts';
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';
import type { CompiledFilter } from '../../ctnetlink/filter/filter.ts';
import { Flow } from '../../ctnetlink/flow.ts';
import { ENTRIES, IN_USE, PLACE, STATE, TOMBSTONE, WIDTH } from './entries.ts';
import { ADDRESS, FORM_OF_SLOT, type Layout } from './layout.ts';
import { readSlot } from './record.ts';
import type { Chunk } from './records.ts';
import type { Store } from './store.ts';

/**
 * A flow that a filter looks at, of one entry after the other. Nothing but what the filter reads is taken from the
 * store, and which that is shows itself: the first time, a getter of the prototype reads the slot; from then on the
 * slot is filled.
 */
class Probe {
  readonly flow: Flow;
  readonly #store: Store;
  readonly #prototype: object = Object.create(Array.prototype);
  #slots: SlotValue[];
  readonly #read: number[] = [];
  readonly #addresses: (Uint8Array | undefined)[] = [];
  #layout: Layout | undefined;
  #chunk: Chunk | undefined;
  #start = 0;

  constructor(store: Store) {
    this.#store = store;
    for (const slot of ATTRIBUTES.keys())
      Object.defineProperty(this.#prototype, slot, { get: () => this.#learn(slot), set: undefined });
    this.#slots = this.#newSlots();
    this.flow = new Flow(this.#slots);
  }

  look(layout: Layout, chunk: Chunk, start: number): void {
    this.#layout = layout;
    this.#chunk = chunk;
    this.#start = start;
    const slots = this.#slots;
    const read = this.#read;
    for (let i = 0; i < read.length; i++) slots[read[i]] = this.#value(layout, chunk, start, read[i], i);
  }

  #value(layout: Layout, chunk: Chunk, start: number, slot: number, index: number): SlotValue {
    if (layout.placeOf[slot] < 0) return undefined;
    return readSlot(layout, chunk, start, slot, this.#store.shared, this.#addresses[index]);
  }

  #learn(slot: number): SlotValue {
    let index = this.#read.indexOf(slot);
    if (index < 0) {
      index = this.#read.push(slot) - 1;
      this.#addresses.push(FORM_OF_SLOT[slot] === ADDRESS ? new Uint8Array(16) : undefined);
      this.#slots = this.#newSlots();
      this.flow.slots = this.#slots;
    }
    return this.#value(this.#layout!, this.#chunk!, this.#start, slot, index);
  }

  /** An array with an element for each slot that is read. It gets its prototype last: own elements are fast. */
  #newSlots(): SlotValue[] {
    const slots = new Array<SlotValue>(ATTRIBUTES.length);
    for (const slot of this.#read) slots[slot] = undefined;
    return Object.setPrototypeOf(slots, this.#prototype) as SlotValue[];
  }
}

/** The entries of the flows that match. What is inserted or removed meanwhile may be among them or not. */
export function* matching(store: Store, filter: CompiledFilter): Generator<number> {
  const { entries } = store;
  const probe = new Probe(store);
  const { flow } = probe;
  for (let first = 0; first < entries.used; first += ENTRIES) {
    const words = entries.chunks[first / ENTRIES];
    for (let i = 0, at = 0; i < ENTRIES; i++, at += WIDTH) {
      const state = words[at + STATE];
      if ((state & (IN_USE | TOMBSTONE)) !== IN_USE) continue;
      const layout = store.layouts.all[state >>> 16];
      const records = store.recordsOf(layout);
      const place = words[at + PLACE];
      probe.look(layout, records.chunkOf(place), records.startOf(place));
      if (filter.matches(flow)) yield first + i;
    }
  }
}
