/** Values of a flow in its record, and back. */
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';
import { ADDRESS, BYTE, FORM_OF_SLOT, HALF, type Layout, LONG, SHARED, WORD } from './layout.ts';
import type { Chunk } from './records.ts';
import type { Shared } from './shared.ts';

const HIGH = 0x100000000;
/** Between a 64-bit integer and its halves. */
const LONG_VIEW = new DataView(new ArrayBuffer(8));

/** @param start of the record, in words; its shared values have been dropped */
export function writeRecord(
  layout: Layout,
  chunk: Chunk,
  start: number,
  slots: readonly SlotValue[],
  shared: Shared,
): void {
  const { slots: present, forms, places } = layout;
  const { words, halves, bytes } = chunk;
  for (let i = 0; i < present.length; i++) {
    const value = slots[present[i]];
    const place = places[i];
    switch (forms[i]) {
      case 0 satisfies typeof LONG:
        writeLong(words, start + place, value as number | bigint);
        break;
      case 1 satisfies typeof ADDRESS:
        writeAddress(bytes, 4 * (start + place), value as Uint8Array);
        break;
      case 2 satisfies typeof WORD:
        words[start + place] = value as number;
        break;
      case 3 satisfies typeof SHARED:
        words[start + place] = shared.add(value);
        break;
      case 4 satisfies typeof HALF:
        halves[2 * start + place] = value as number;
        break;
      default:
        bytes[4 * start + place] = value as number;
    }
  }
}

/** @param slots with nothing set */
export function readRecord(layout: Layout, chunk: Chunk, start: number, slots: SlotValue[], shared: Shared): void {
  const { slots: present, forms, places } = layout;
  const { words, halves, bytes } = chunk;
  for (let i = 0; i < present.length; i++) {
    const place = places[i];
    const slot = present[i];
    switch (forms[i]) {
      case 0 satisfies typeof LONG:
        slots[slot] = readLong(words, start + place);
        break;
      case 1 satisfies typeof ADDRESS:
        slots[slot] = slots[present[sameAddress(layout, i, words, start)]] ?? readAddress(bytes, 4 * (start + place));
        break;
      case 2 satisfies typeof WORD:
        slots[slot] = words[start + place];
        break;
      case 3 satisfies typeof SHARED:
        slots[slot] = shared.get(words[start + place]);
        break;
      case 4 satisfies typeof HALF:
        slots[slot] = halves[2 * start + place];
        break;
      default:
        slots[slot] = bytes[4 * start + place];
    }
  }
}

/**
 * Which value of a record before this address is the same one, as the addresses of a reply are without NAT: a flow has
 * it once. Its own index: none.
 */
function sameAddress({ forms, places }: Layout, index: number, words: Int32Array, start: number): number {
  const own = start + places[index];
  for (let i = index - 1; i >= 0 && forms[i] === ADDRESS; i--) {
    const at = start + places[i];
    if (
      words[at + 3] === words[own + 3] &&
      words[at] === words[own] &&
      words[at + 1] === words[own + 1] &&
      words[at + 2] === words[own + 2]
    )
      return i;
  }
  return index;
}

/** One value that is there. @param into 16 bytes that an address is written to; its own otherwise */
export function readSlot(
  layout: Layout,
  chunk: Chunk,
  start: number,
  slot: number,
  shared: Shared,
  into?: Uint8Array,
): SlotValue {
  const place = layout.placeOf[slot];
  switch (FORM_OF_SLOT[slot]) {
    case LONG:
      return readLong(chunk.words, start + place);
    case ADDRESS: {
      const at = 4 * (start + place);
      if (into === undefined) return readAddress(chunk.bytes, at);
      for (let i = 0; i < 16; i++) into[i] = chunk.bytes[at + i];
      return into;
    }
    case WORD:
      return chunk.words[start + place];
    case SHARED:
      return shared.get(chunk.words[start + place]);
    case HALF:
      return chunk.halves[2 * start + place];
    default:
      return chunk.bytes[4 * start + place];
  }
}

/** Overwrites one value that is there. */
export function writeSlot(
  layout: Layout,
  chunk: Chunk,
  start: number,
  slot: number,
  value: SlotValue,
  shared: Shared,
): void {
  const place = layout.placeOf[slot];
  switch (FORM_OF_SLOT[slot]) {
    case LONG:
      writeLong(chunk.words, start + place, value as number | bigint);
      break;
    case ADDRESS:
      writeAddress(chunk.bytes, 4 * (start + place), value as Uint8Array);
      break;
    case WORD:
      chunk.words[start + place] = value as number;
      break;
    case SHARED: {
      const before = chunk.words[start + place];
      chunk.words[start + place] = shared.add(value);
      shared.drop(before);
      break;
    }
    case HALF:
      chunk.halves[2 * start + place] = value as number;
      break;
    case BYTE:
      chunk.bytes[4 * start + place] = value as number;
  }
}

/** The record is given up, or written again. */
export function dropShared(layout: Layout, chunk: Chunk, start: number, shared: Shared): void {
  const { forms, places } = layout;
  for (let i = 0; i < forms.length; i++) if (forms[i] === SHARED) shared.drop(chunk.words[start + places[i]]);
}

function writeLong(words: Int32Array, at: number, value: number | bigint): void {
  if (typeof value === 'number') {
    words[at] = Math.floor(value / HIGH);
    // Its lower 32 bits: what an Int32Array takes of an integer.
    words[at + 1] = value;
  } else {
    LONG_VIEW.setBigUint64(0, value);
    words[at] = LONG_VIEW.getInt32(0);
    words[at + 1] = LONG_VIEW.getInt32(4);
  }
}

/** As a slot has it: a number while it is safe. */
function readLong(words: Int32Array, at: number): number | bigint {
  const high = words[at] >>> 0;
  if (high < 0x200000) return high * HIGH + (words[at + 1] >>> 0);
  LONG_VIEW.setInt32(0, words[at]);
  LONG_VIEW.setInt32(4, words[at + 1]);
  return LONG_VIEW.getBigUint64(0);
}

function writeAddress(bytes: Uint8Array, at: number, address: Uint8Array): void {
  for (let i = 0; i < 16; i++) bytes[at + i] = address[i];
}

/** A copy. Quicker than slice. */
function readAddress(bytes: Uint8Array, at: number): Uint8Array {
  const address = new Uint8Array(16);
  for (let i = 0; i < 16; i++) address[i] = bytes[at + i];
  return address;
}
