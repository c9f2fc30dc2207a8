/**
 * Where the values of a flow lie in its record. Flows that have the same attributes share a layout, so that a record
 * has nothing but values: no tags, no lengths and no room for what is not there.
 */
import { ATTRIBUTES } from '../../ctnetlink/attributes/flow.ts';
import {
  KINDS,
  OP_BE16,
  OP_BE32,
  OP_BE64,
  OP_IPV6,
  OP_U8,
  OP_U8_PAIR,
  OP_U32,
  type SlotValue,
} from '../../ctnetlink/attributes/kinds.ts';
import { flowCodec } from '../../ctnetlink/flow.ts';
import { TUPLES, TuplePlaces } from './tuple-places.ts';

/** How a value lies in a record, in the order in which they do: what needs alignment comes first. */
export const LONG = 0;
export const ADDRESS = 1;
export const WORD = 2;
/** The number of a shared value: see Shared. */
export const SHARED = 3;
export const HALF = 4;
export const BYTE = 5;

const FORMS: Readonly<Record<number, number>> = {
  [OP_BE64]: LONG,
  [OP_IPV6]: ADDRESS,
  [OP_BE32]: WORD,
  [OP_U32]: WORD,
  [OP_BE16]: HALF,
  [OP_U8]: BYTE,
  [OP_U8_PAIR]: BYTE,
};
/** Bytes by form. */
const SIZES = [8, 16, 4, 4, 2, 1];

/** By slot. Strings and bytes, whose length varies, are shared. */
export const FORM_OF_SLOT: Uint8Array = Uint8Array.from(ATTRIBUTES, ({ kind }) => FORMS[KINDS[kind].op] ?? SHARED);

const MASK_WORDS = (ATTRIBUTES.length + 31) >>> 5;

export class Layout {
  readonly number: number;
  /** The slots that are there, a bit each. */
  readonly mask: Int32Array;
  /** The slots in the order of their values. */
  readonly slots: Int32Array;
  /** By the same index: the form, and the place in units of the form (words for addresses and longs). */
  readonly forms: Uint8Array;
  readonly places: Int32Array;
  /** By slot; -1 where it is not there. */
  readonly placeOf: Int32Array;
  /** 32-bit words of a record. */
  readonly words: number;
  /** Some value is shared. */
  readonly shares: boolean;
  /** Some slot is one of the rare ones. */
  readonly rare: boolean;
  /** Of each direction. */
  readonly tuples: readonly TuplePlaces[];

  constructor(number: number, mask: Int32Array) {
    this.number = number;
    this.mask = mask.slice();
    const slots = [...ATTRIBUTES.keys()].filter((slot) => (mask[slot >>> 5] & (1 << (slot & 31))) !== 0);
    slots.sort((a, b) => FORM_OF_SLOT[a] - FORM_OF_SLOT[b] || a - b);
    this.slots = Int32Array.from(slots);
    this.forms = Uint8Array.from(slots, (slot) => FORM_OF_SLOT[slot]);
    this.placeOf = new Int32Array(ATTRIBUTES.length).fill(-1);
    this.places = new Int32Array(slots.length);
    let bytes = 0;
    for (const [index, slot] of slots.entries()) {
      const size = SIZES[FORM_OF_SLOT[slot]];
      this.places[index] = this.placeOf[slot] = bytes / Math.min(size, 4);
      bytes += size;
    }
    this.words = Math.max(1, (bytes + 3) >>> 2);
    this.shares = this.forms.includes(SHARED);
    this.rare = slots.some((slot) => slot >= flowCodec.commonSlots);
    this.tuples = TUPLES.map((tuple) => new TuplePlaces(this.placeOf, tuple));
  }
}

/** The layouts that have been needed: a few dozen in a table of any size. */
export class Layouts {
  /** By number. */
  readonly all: Layout[] = [];
  readonly #byHash = new Map<number, Layout[]>();
  readonly #mask = new Int32Array(MASK_WORDS);
  #last: Layout | undefined;

  /** The layout of a flow with these slots. */
  for(slots: readonly SlotValue[]): Layout {
    const mask = this.#mask;
    mask.fill(0);
    const { length } = slots;
    for (let slot = 0; slot < length; slot++) if (slots[slot] !== undefined) mask[slot >>> 5] |= 1 << (slot & 31);
    const last = this.#last;
    if (last !== undefined && same(last.mask, mask)) return last;
    let hash = 0;
    for (let i = 0; i < MASK_WORDS; i++) hash = Math.imul(hash ^ mask[i], 0x9e3779b1) ^ (hash >>> 15);
    let candidates = this.#byHash.get(hash);
    if (candidates === undefined) {
      candidates = [];
      this.#byHash.set(hash, candidates);
    }
    let found = candidates.find((each) => same(each.mask, mask));
    if (found === undefined) {
      found = new Layout(this.all.length, mask);
      candidates.push(found);
      this.all.push(found);
    }
    this.#last = found;
    return found;
  }
}

function same(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < MASK_WORDS; i++) if (a[i] !== b[i]) return false;
  return true;
}
