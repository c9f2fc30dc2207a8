/**
 * Writing slots as attributes: a run through the compiled program, which also notes where each value went. The places
 * make a template of what was written: see codec/templates.ts. Literals for the same reason as in codec/read.ts.
 */
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import type { Writer } from '../../netlink/writer.ts';
import type { IPPROTO_ICMPV6 } from '../../uapi/in.ts';
import type { NLA_HDRLEN } from '../../uapi/netlink.ts';
import type {
  OP_BE16,
  OP_BE32,
  OP_BE64,
  OP_BYTES,
  OP_IPV6,
  OP_NEST,
  OP_STRING,
  OP_U8,
  OP_U8_PAIR,
  OP_U32,
  OP_UNKNOWN,
  SlotHolder,
  SlotValue,
  UnknownAttribute,
} from '../attributes/kinds.ts';
import type { STEP, Tables } from './tables.ts';

/** A place is where a value went: op | slot << 4, and the offset from the first attribute. */
export const PLACE = 2;

/** The places of what was written last. No table has 128 slots. */
export const places: Int32Array = new Int32Array(128 * PLACE);

/** Payload bytes by op, of those that have one value and one size. */
const SIZES = Int32Array.of(0, 0, 1, 2, 4, 4, 8, 0, 16, 0, 0, 0);

const encoder = new TextEncoder();

/** Where the nests that are open began. */
const nests = new Int32Array(8);

/**
 * Writes everything that is set, in the order of the rows, and returns how much of `places` it used. Empty nests are
 * left out. Strings and unknown attributes have no places.
 *
 * @throws RangeError when something does not fit nla_len
 */
export function writeAttributes(tables: Tables, writer: Writer, { slots, unknown }: SlotHolder): number {
  const { program } = tables;
  const start = writer.length;
  let count = 0;
  let depth = 0;
  for (let step = 0; step < program.length; step += 4 satisfies typeof STEP) {
    const op = program[step];
    const slot = program[step + 2];
    if (op === (1 satisfies typeof OP_NEST)) {
      // Slots may end with the common ones: nothing of the nest is set.
      if (slot >= slots.length && unknown === undefined) step = program[step + 3];
      else nests[depth++] = writer.beginNest(program[step + 1]);
    } else if (op === (0 satisfies typeof OP_UNKNOWN)) {
      // The end of a level: `slot` is its number.
      if (unknown !== undefined) writeUnknown(writer, unknown, slot);
      if (slot === 0) continue;
      const at = nests[--depth];
      if (writer.length === at + (4 satisfies typeof NLA_HDRLEN)) writer.truncate(at);
      else writer.endNest(at);
    } else {
      const value = slots[slot];
      if (value === undefined) {
        if (op === (11 satisfies typeof OP_U8_PAIR) && slots[slot + 1] !== undefined)
          count = writeVarying(writer, op, program[step + 1], slots, slot, start, count);
        continue;
      }
      const icmpv6 = program[step + 3];
      const type =
        icmpv6 !== 0 && slots[icmpv6 >> 8] === (58 satisfies typeof IPPROTO_ICMPV6) ? icmpv6 & 255 : program[step + 1];
      const size = SIZES[op];
      if (size === 0) {
        count = writeVarying(writer, op, type, slots, slot, start, count);
      } else {
        const at = writer.attribute(type, size);
        places[count++] = op | (slot << 4);
        places[count++] = at - start;
        writeValue(writer, op, at, value);
      }
    }
  }
  return count;
}

/** The attributes that have no size of their own, or two values. Returns how much of `places` is used then. */
function writeVarying(
  writer: Writer,
  op: number,
  type: number,
  slots: readonly SlotValue[],
  slot: number,
  start: number,
  count: number,
): number {
  switch (op) {
    case 11 satisfies typeof OP_U8_PAIR: {
      // Zeroes both bytes, as padding.
      const at = writer.attribute(type, 2);
      for (let byte = 0; byte < 2; byte++) {
        const value = slots[slot + byte];
        if (value === undefined) continue;
        writer.bytes[at + byte] = value as number;
        places[count++] = (2 satisfies typeof OP_U8) | ((slot + byte) << 4);
        places[count++] = at + byte - start;
      }
      break;
    }
    case 9 satisfies typeof OP_STRING: {
      // NUL-terminated: the kernel's policy for helper names wants it.
      const text = encoder.encode(slots[slot] as string);
      const at = writer.attribute(type, text.length + 1);
      writer.bytes.set(text, at);
      // Where it ends at a multiple of 4 there is no padding, and the buffer has what the request before left.
      writer.bytes[at + text.length] = 0;
      break;
    }
    case 10 satisfies typeof OP_BYTES: {
      const value = slots[slot] as Uint8Array;
      const at = writer.attribute(type, value.length);
      writer.bytes.set(value, at);
      places[count++] = op | (slot << 4);
      places[count++] = at - start;
      break;
    }
  }
  return count;
}

function writeUnknown(writer: Writer, unknown: readonly UnknownAttribute[], level: number): void {
  for (const attribute of unknown)
    if (attribute.level === level) writer.attributeBytes(attribute.type, attribute.value);
}

/** Writes a value of fixed length to where it goes. */
export function writeValue({ bytes, view }: Writer, op: number, at: number, value: SlotValue): void {
  switch (op) {
    case 2 satisfies typeof OP_U8:
      bytes[at] = value as number;
      break;
    case 3 satisfies typeof OP_BE16:
      view.setUint16(at, value as number);
      break;
    case 4 satisfies typeof OP_BE32:
      view.setInt32(at, value as number);
      break;
    case 5 satisfies typeof OP_U32:
      view.setInt32(at, value as number, HOST_LITTLE_ENDIAN);
      break;
    case 6 satisfies typeof OP_BE64:
      if (typeof value === 'bigint') {
        view.setBigUint64(at, value);
      } else {
        view.setUint32(at, Math.floor((value as number) / 0x100000000));
        view.setUint32(at + 4, (value as number) >>> 0);
      }
      break;
    case 8 satisfies typeof OP_IPV6:
      for (let byte = 0; byte < 16; byte++) bytes[at + byte] = (value as Uint8Array)[byte];
      break;
    case 10 satisfies typeof OP_BYTES:
      bytes.set(value as Uint8Array, at);
      break;
  }
}
