/** Attributes as a C program has them in memory: one description for the C library and for ours. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../../../src/netlink/byteorder.ts';
import * as nfct from '../../../src/nfct/index.ts';
import type { Attr } from '../oracle/oracle.ts';
import type { Random } from '../random.ts';

/** Widths from the comments of libnetfilter_conntrack.h; all others are u32. */
const WIDTHS: Readonly<Record<string, readonly number[]>> = {
  u8: [12, 13, 15, 16, 17, 18, 19, 33, 34, 35, 36, 43, 44, 52, 56, 57, 59, 60],
  u16: [8, 9, 10, 11, 14, 22, 23, 41, 42, 61, 68, 69],
  u64: [26, 27, 28, 29, 58, 63, 64, 75],
  u128: [4, 5, 6, 7, 39, 40, 70, 71],
  string: [55, 62],
  bytes: [65],
  labels: [66, 67],
};

export type Width = 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'string' | 'bytes' | 'labels';

export function widthOf(id: number): Width {
  return (Object.keys(WIDTHS).find((width) => WIDTHS[width].includes(id)) ?? 'u32') as Width;
}

/** Those of 1.0.9, the oldest library that is asked; 1.1.1 adds ATTR_TIMESTAMP_EVENT. */
export const ALL_IDS: readonly number[] = Array.from({ length: nfct.ATTR_TIMESTAMP_EVENT }, (_, id) => id);

/** Some memory for an attribute, no two alike. */
export function randomMemory(random: Random, id: number): Uint8Array {
  const width = widthOf(id);
  switch (width) {
    case 'string':
      return new TextEncoder().encode(`name${random.below(100_000)}\0`);
    case 'bytes':
      return random.bytes(random.between(1, 40));
    case 'labels':
      return random.bytes(4 * random.between(1, 4));
    default:
      return random.bytes({ u8: 1, u16: 2, u32: 4, u64: 8, u128: 16 }[width]);
  }
}

/** What a C program would read from its variable with this memory. */
export function valueInC(id: number, memory: Uint8Array): nfct.AttrValue {
  const view = viewOf(memory);
  switch (widthOf(id)) {
    case 'u8':
      return memory[0];
    case 'u16':
      return view.getUint16(0, HOST_LITTLE_ENDIAN);
    case 'u32':
      return view.getUint32(0, HOST_LITTLE_ENDIAN);
    case 'u64':
      return view.getBigUint64(0, HOST_LITTLE_ENDIAN);
    case 'string':
      return new TextDecoder().decode(memory.subarray(0, memory.indexOf(0)));
    case 'labels': {
      const mask = nfct.nfct_bitmask_new(memory.length * 8 - 1);
      for (let bit = 0; bit < memory.length * 8; bit++) {
        const word = view.getUint32((bit >>> 5) * 4, HOST_LITTLE_ENDIAN);
        if ((word >>> (bit & 31)) & 1) nfct.nfct_bitmask_set_bit(mask, bit);
      }
      return mask;
    }
    default:
      return memory;
  }
}

/** The inverse: the memory of a value. */
export function memoryOf(id: number, value: nfct.AttrValue): Uint8Array {
  const width = widthOf(id);
  switch (width) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64': {
      const bytes = new Uint8Array(8);
      const size = Number(width.slice(1)) / 8;
      viewOf(bytes).setBigUint64(0, BigInt(value as number | bigint), HOST_LITTLE_ENDIAN);
      return HOST_LITTLE_ENDIAN ? bytes.slice(0, size) : bytes.slice(8 - size);
    }
    case 'string':
      return new TextEncoder().encode(`${value}\0`);
    case 'labels': {
      const mask = value as nfct.nfct_bitmask;
      const bytes = new Uint8Array((nfct.nfct_bitmask_maxbit(mask) + 1) / 8);
      for (let word = 0; word < bytes.length / 4; word++) {
        let number = 0;
        for (let bit = 0; bit < 32; bit++) number |= nfct.nfct_bitmask_test_bit(mask, word * 32 + bit) << bit;
        viewOf(bytes).setInt32(word * 4, number, HOST_LITTLE_ENDIAN);
      }
      return bytes;
    }
    default:
      return value as Uint8Array;
  }
}

/** The object that a C program would have after these nfct_set_attr and nfct_setobjopt. */
export function conntrack(attrs: readonly Attr[]): nfct.Flow {
  const ct = nfct.nfct_new();
  for (const attr of attrs) {
    if ('opt' in attr) nfct.nfct_setobjopt(ct, attr.opt);
    else nfct.nfct_set_attr(ct, attr.id, valueInC(attr.id, attr.value));
  }
  return ct;
}

/** An attribute of these bytes. */
export function is(id: number, ...bytes: number[]): Attr {
  return { id, value: Uint8Array.from(bytes) };
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
