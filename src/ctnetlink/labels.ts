/**
 * Connection labels: a bit set of up to 128 bits, on the wire as raw 32-bit words in host byte order (so bit 0 is in
 * the first byte of a little-endian machine). Their length is a multiple of 4 (nf_conntrack_labels.c).
 */
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { describe } from '../netlink/check.ts';

/** XT_CONNLABEL_MAXBIT + 1 */
export const LABEL_BITS = 128;

const WORDS = LABEL_BITS / 32;

/** Where bit `bit` lies: the index of its byte. */
export function labelByte(bit: number): number {
  const word = (bit >> 5) * 4;
  const byte = (bit >> 3) & 3;
  return word + (HOST_LITTLE_ENDIAN ? byte : 3 - byte);
}

/** The numbers of the bits that are set, ascending. */
export function labelBits(words: Uint8Array): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < words.length * 8; bit++) {
    if ((words[labelByte(bit)] & (1 << (bit & 7))) !== 0) bits.push(bit);
  }
  return bits;
}

/** A copy of label words in memory. @throws RangeError for a length that is not whole words */
export function wholeWords(memory: Uint8Array, argument: string): Uint8Array {
  if (memory.length % 4 !== 0)
    throw new RangeError(`${argument} must be whole 32-bit words, not ${memory.length} bytes`);
  // Not slice(): that of a Buffer shares its memory.
  return new Uint8Array(memory);
}

/**
 * 16 bytes with these bits set, as the kernel takes them.
 * @throws RangeError for a bit outside 0 to 127
 */
export function labelWords(bits: Iterable<number>, argument = 'labels'): Uint8Array {
  const words = new Uint8Array(WORDS * 4);
  for (const bit of bits) {
    if (!Number.isInteger(bit) || bit < 0 || bit >= LABEL_BITS) {
      throw new RangeError(`${argument}: bit ${describe(bit)} is not an integer from 0 to ${LABEL_BITS - 1}`);
    }
    words[labelByte(bit)] |= 1 << (bit & 7);
  }
  return words;
}
