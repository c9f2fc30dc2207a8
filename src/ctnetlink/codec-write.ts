/** Writing slots as attributes: a run through the compiled program. Literals for the same reason as in codec-read.ts. */
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import type { Writer } from '../netlink/writer.ts';
import type { IPPROTO_ICMPV6 } from '../uapi/in.ts';
import { NLA_HDRLEN } from '../uapi/netlink.ts';
import type { STEP, Tables } from './codec-tables.ts';
import type {
  OP_BYTES,
  OP_IPV6,
  OP_NEST,
  OP_STRING,
  OP_U8,
  OP_U8_PAIR,
  OP_U16,
  OP_U32,
  OP_U32_HOST,
  OP_U64,
  OP_UNKNOWN,
  SlotHolder,
  SlotValue,
  UnknownAttribute,
} from './kinds.ts';

/** Where the nests that are open began. */
const nests = new Int32Array(8);

/** Writes everything that is set, in the order of the rows. Empty nests are left out. */
export function writeAttributes(tables: Tables, writer: Writer, { slots, unknown }: SlotHolder): void {
  const { program } = tables;
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
      if (writer.length === at + NLA_HDRLEN) writer.truncate(at);
      else writer.endNest(at);
    } else {
      const value = slots[slot];
      if (value !== undefined) {
        const icmpv6 = program[step + 3];
        const type =
          icmpv6 !== 0 && slots[icmpv6 >> 8] === (58 satisfies typeof IPPROTO_ICMPV6)
            ? icmpv6 & 255
            : program[step + 1];
        writeValue(writer, op, type, value, slots, slot);
      } else if (op === (11 satisfies typeof OP_U8_PAIR) && slots[slot + 1] !== undefined) {
        writeValue(writer, op, program[step + 1], value, slots, slot);
      }
    }
  }
}

function writeUnknown(writer: Writer, unknown: readonly UnknownAttribute[], level: number): void {
  for (const attribute of unknown)
    if (attribute.level === level) writer.attributeBytes(attribute.type, attribute.value);
}

const encoder = new TextEncoder();

function writeValue(
  writer: Writer,
  op: number,
  type: number,
  value: SlotValue,
  slots: SlotValue[],
  slot: number,
): void {
  switch (op) {
    case 2 satisfies typeof OP_U8:
      writer.attributeU8(type, value as number);
      break;
    case 3 satisfies typeof OP_U16:
      writer.attributeU16(type, value as number);
      break;
    case 4 satisfies typeof OP_U32:
      writer.attributeU32(type, value as number);
      break;
    case 5 satisfies typeof OP_U32_HOST: {
      const at = writer.attribute(type, 4);
      writer.view.setInt32(at, value as number, HOST_LITTLE_ENDIAN);
      break;
    }
    case 6 satisfies typeof OP_U64: {
      const at = writer.attribute(type, 8);
      if (typeof value === 'bigint') {
        writer.view.setBigUint64(at, value);
      } else {
        writer.view.setUint32(at, Math.floor((value as number) / 0x100000000));
        writer.view.setUint32(at + 4, (value as number) >>> 0);
      }
      break;
    }
    case 11 satisfies typeof OP_U8_PAIR: {
      const at = writer.attribute(type, 2);
      writer.bytes[at] = (value as number | undefined) ?? 0;
      writer.bytes[at + 1] = (slots[slot + 1] as number | undefined) ?? 0;
      break;
    }
    case 9 satisfies typeof OP_STRING: {
      // NUL-terminated: the kernel's policy for helper names wants it.
      const text = encoder.encode(value as string);
      const at = writer.attribute(type, text.length + 1);
      writer.bytes.set(text, at);
      // Where it ends at a multiple of 4 there is no padding, and the buffer has what the request before left.
      writer.bytes[at + text.length] = 0;
      break;
    }
    case 8 satisfies typeof OP_IPV6:
    case 10 satisfies typeof OP_BYTES:
      writer.attributeBytes(type, value as Uint8Array);
      break;
  }
}
