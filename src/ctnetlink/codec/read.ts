/** Reading attributes into slots: the loop that every dumped flow goes through. */
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import { DecodeError } from '../../netlink/errors.ts';
import { nlattrLength, readString } from '../../netlink/nlattr.ts';
import type { NLA_HDRLEN, NLA_TYPE_MASK } from '../../uapi/netlink.ts';
import type {
  OP_BE16,
  OP_BE32,
  OP_BE32_AS_BE64,
  OP_BE64,
  OP_BYTES,
  OP_IPV6,
  OP_NEST,
  OP_SKIP,
  OP_STRING,
  OP_U8,
  OP_U8_PAIR,
  OP_U32,
  SlotHolder,
} from '../attributes/kinds.ts';
import {
  type EXACT,
  type LENGTH_MASK,
  type LENGTH_SHIFT,
  LEVEL_SIZE,
  type OP_MASK,
  type OPERAND_MASK,
  type OPERAND_SHIFT,
  type Tables,
} from './tables.ts';

/** Where each outer nest ends and its table starts, while inner ones are read. ctnetlink nests three deep. */
const ends = new Int32Array(8);
const bases = new Int32Array(8);

/**
 * Reads the attributes from `from` to `to` into the slots of the target.
 * @throws DecodeError for a broken length, with the path to it. Nothing else is an error.
 */
export function readAttributes(tables: Tables, view: DataView, from: number, to: number, target: SlotHolder): void {
  try {
    readNests(tables, view, from, to, target);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw error.within(tables.pathTo(view, from, to, error.offset));
  }
}

/**
 * Nests are entered without a call: `depth` counts how many are open, and the two stacks keep where each outer one goes
 * on. Numbers are literals here, and the compiler checks each against its name: V8 folds neither imported constants nor
 * case labels made of them, and the loop takes 40 % longer with names.
 */
function readNests(tables: Tables, view: DataView, from: number, to: number, target: SlotHolder): void {
  const { entries } = tables;
  let { slots } = target;
  const little = HOST_LITTLE_ENDIAN;
  let depth = 0;
  let base = 0;
  let end = to;
  let offset = from;
  for (;;) {
    while (offset >= end) {
      if (depth === 0) return;
      // A nest ends where its last attribute does, or in the padding after it.
      offset = (end + 3) & ~3;
      end = ends[--depth];
      base = bases[depth];
    }
    const left = end - offset;
    if (left < (4 satisfies typeof NLA_HDRLEN)) nlattrLength(view, offset, end);
    // nla_len in the lower half, nla_type in the upper.
    const header = little ? view.getUint32(offset, true) : swapHalves(view.getUint32(offset, false));
    const length = header & 0xffff;
    if (length < (4 satisfies typeof NLA_HDRLEN) || length > left) nlattrLength(view, offset, end);
    const type = (header >>> 16) & (0x3fff satisfies typeof NLA_TYPE_MASK);
    const entry = type < (32 satisfies typeof LEVEL_SIZE) ? entries[base + type] : 0;
    const start = offset + (4 satisfies typeof NLA_HDRLEN);
    const stop = offset + length;
    offset = (stop + 3) & ~3;
    const slot = (entry & (0xffff0 satisfies typeof OPERAND_MASK)) >> (4 satisfies typeof OPERAND_SHIFT);
    const needs = (entry >> (20 satisfies typeof LENGTH_SHIFT)) & (31 satisfies typeof LENGTH_MASK);
    const extra = stop - start - needs;
    if (extra < 0 || (extra > 0 && (entry & (0x2000000 satisfies typeof EXACT)) !== 0)) {
      tables.wrongLength(view, start - (4 satisfies typeof NLA_HDRLEN), base, entry);
      continue;
    }
    const op = entry & (15 satisfies typeof OP_MASK);
    if (op === (1 satisfies typeof OP_NEST)) {
      ends[depth] = end;
      bases[depth++] = base;
      base = slot;
      end = stop;
      offset = start;
      continue;
    }
    if (slot >= slots.length) {
      slots = slots.concat(tables.rareSlots);
      target.slots = slots;
    }
    switch (op) {
      case 2 satisfies typeof OP_U8:
        slots[slot] = view.getUint8(start);
        break;
      case 3 satisfies typeof OP_BE16:
        slots[slot] = view.getUint16(start);
        break;
      case 4 satisfies typeof OP_BE32:
        slots[slot] = view.getInt32(start);
        break;
      case 5 satisfies typeof OP_U32:
        slots[slot] = view.getInt32(start, HOST_LITTLE_ENDIAN);
        break;
      case 6 satisfies typeof OP_BE64:
        slots[slot] = readU64(view, start);
        break;
      case 7 satisfies typeof OP_BE32_AS_BE64:
        slots[slot] = view.getUint32(start);
        break;
      case 8 satisfies typeof OP_IPV6:
        slots[slot] = copyBytes(view, start, start + 16);
        break;
      case 9 satisfies typeof OP_STRING:
        slots[slot] = readString(view, start, stop);
        break;
      case 10 satisfies typeof OP_BYTES:
        slots[slot] = copyBytes(view, start, stop);
        break;
      case 11 satisfies typeof OP_U8_PAIR:
        slots[slot] = view.getUint8(start);
        slots[slot + 1] = view.getUint8(start + 1);
        break;
      case 12 satisfies typeof OP_SKIP:
        break;
      default:
        keepUnknown(target, base / LEVEL_SIZE, view, start, stop);
    }
  }
}

/** For a big-endian host, where nla_len is the upper half of the word. */
function swapHalves(word: number): number {
  return ((word >>> 16) | (word << 16)) >>> 0;
}

function readU64(view: DataView, at: number): number | bigint {
  const high = view.getUint32(at);
  return high < 0x200000 ? high * 0x100000000 + view.getUint32(at + 4) : view.getBigUint64(at);
}

/** From so many bytes on, a loop takes longer than a call of the runtime. */
const LONG = 64;

function copyBytes(view: DataView, start: number, end: number): Uint8Array {
  const length = end - start;
  const copy = new Uint8Array(length);
  if (length >= LONG) copy.set(new Uint8Array(view.buffer, view.byteOffset + start, length));
  else for (let i = 0; i < length; i++) copy[i] = view.getUint8(start + i);
  return copy;
}

function keepUnknown(target: SlotHolder, level: number, view: DataView, start: number, end: number): void {
  target.unknown ??= [];
  target.unknown.push({
    level,
    type: view.getUint16(start - 2, HOST_LITTLE_ENDIAN),
    value: copyBytes(view, start, end),
  });
}
