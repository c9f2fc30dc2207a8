/** Flows of a store that match a filter, without an object for those that do not. */
import { ATTRIBUTES } from '../../ctnetlink/attributes/flow.ts';
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';
import type { CompiledFilter } from '../../ctnetlink/filter/filter.ts';
import { Flow } from '../../ctnetlink/flow.ts';
import { ENTRIES, IN_USE, PLACE, STATE, TOMBSTONE, WIDTH } from './entries.ts';
import { ADDRESS, type BYTE, FORM_OF_SLOT, type HALF, type Layout, type WORD } from './layout.ts';
import { readSlot } from './record.ts';
import type { Chunk, Records } from './records.ts';
import type { Store } from './store.ts';

/** Where records of one layout have what a filter reads. */
interface Reading {
  readonly layout: Layout;
  readonly records: Records;
  /** Of each slot that is read: the slot, its form, and its place; -1: it is not there. */
  readonly steps: Int32Array;
}

/** The slots of a probe. */
interface ProbeSlots extends Array<SlotValue> {
  probe?: Probe;
}

/** What all of them inherit: filters meet arrays of one kind, however many have been looked with. */
const LEARNING: object = Object.create(Array.prototype);
for (const slot of ATTRIBUTES.keys()) {
  Object.defineProperty(LEARNING, slot, {
    get(this: ProbeSlots) {
      return this.probe!.learn(slot);
    },
    set: undefined,
  });
}

/**
 * A flow that a filter looks at, of one entry after the other. Nothing but what the filter reads is taken from the
 * store, and which that is shows itself: the first time, a getter of the prototype reads the slot; from then on the
 * slot is filled.
 */
class Probe {
  readonly flow: Flow;
  readonly #store: Store;
  #slots: SlotValue[];
  readonly #read: number[] = [];
  readonly #addresses: (Uint8Array | undefined)[] = [];
  /** By the number of the layout. */
  #readings: (Reading | undefined)[] = [];
  #layout: Layout | undefined;
  #chunk: Chunk | undefined;
  #start = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#slots = this.#newSlots();
    this.flow = new Flow(this.#slots);
  }

  /** @param layout its number; @param place of the record */
  look(layout: number, place: number): void {
    const reading = this.#readings[layout] ?? this.#readingOf(layout);
    const { steps, records } = reading;
    const chunk = records.chunkOf(place);
    const start = records.startOf(place);
    this.#layout = reading.layout;
    this.#chunk = chunk;
    this.#start = start;
    const slots = this.#slots;
    for (let i = 0; i < steps.length; i += 3) {
      const slot = steps[i];
      const at = steps[i + 2];
      if (at < 0) {
        slots[slot] = undefined;
        continue;
      }
      switch (steps[i + 1]) {
        case 2 satisfies typeof WORD:
          slots[slot] = chunk.words[start + at];
          break;
        case 4 satisfies typeof HALF:
          slots[slot] = chunk.halves[2 * start + at];
          break;
        case 5 satisfies typeof BYTE:
          slots[slot] = chunk.bytes[4 * start + at];
          break;
        default:
          slots[slot] = this.#value(reading.layout, chunk, start, slot, i / 3);
      }
    }
  }

  #readingOf(number: number): Reading {
    const layout = this.#store.layouts.all[number];
    const steps = this.#read.flatMap((slot) => [slot, FORM_OF_SLOT[slot], layout.placeOf[slot]]);
    const reading = { layout, records: this.#store.recordsOf(layout), steps: Int32Array.from(steps) };
    while (this.#readings.length <= number) this.#readings.push(undefined);
    this.#readings[number] = reading;
    return reading;
  }

  #value(layout: Layout, chunk: Chunk, start: number, slot: number, index: number): SlotValue {
    if (layout.placeOf[slot] < 0) return undefined;
    return readSlot(layout, chunk, start, slot, this.#store.shared, this.#addresses[index]);
  }

  /** The filter reads this slot for the first time. */
  learn(slot: number): SlotValue {
    let index = this.#read.indexOf(slot);
    if (index < 0) {
      index = this.#read.push(slot) - 1;
      this.#addresses.push(FORM_OF_SLOT[slot] === ADDRESS ? new Uint8Array(16) : undefined);
      this.#slots = this.#newSlots();
      this.flow.slots = this.#slots;
      this.#readings = [];
    }
    return this.#value(this.#layout!, this.#chunk!, this.#start, slot, index);
  }

  /** An array with an element for each slot that is read. It gets its prototype last: own elements are fast. */
  #newSlots(): SlotValue[] {
    const slots: ProbeSlots = new Array<SlotValue>(ATTRIBUTES.length);
    for (const slot of this.#read) slots[slot] = undefined;
    Object.setPrototypeOf(slots, LEARNING);
    slots.probe = this;
    return slots;
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
      probe.look(state >>> 16, words[at + PLACE]);
      if (filter.matches(flow)) yield first + i;
    }
  }
}
