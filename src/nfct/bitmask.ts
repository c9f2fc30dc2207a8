/** struct nfct_bitmask: a set of bits, which is what connection labels are. */

import { checkInteger, describe } from '../netlink/check.ts';

const MAXBIT_MAX = 0xffff;
const BIT_MAX = 0xffffffff;

/**
 * The words of a bitmask: bit n is bit n % 32 of word n / 32, in memory what the kernel and connection labels have.
 * @throws TypeError naming the argument
 */
let wordsOf: (mask: unknown, argument: string) => Uint32Array;

/** struct nfct_bitmask: opaque, for the nfct_bitmask_ functions. */
export class nfct_bitmask {
  static {
    wordsOf = (mask, argument) => {
      if (!(mask instanceof nfct_bitmask))
        throw new TypeError(`${argument} must be the result of nfct_bitmask_new(), not ${describe(mask)}`);
      return mask.#words;
    };
  }

  readonly #words: Uint32Array;

  /** @internal */
  constructor(words: Uint32Array) {
    this.#words = words;
  }
}

/** A copy of label words as they are in memory; there is always one, as in C. */
export function bitmaskOf(bytes: Uint8Array): nfct_bitmask {
  const words = new Uint32Array(Math.max(1, Math.ceil(bytes.length / 4)));
  new Uint8Array(words.buffer).set(bytes);
  return new nfct_bitmask(words);
}

/** The inverse of bitmaskOf. */
export function bytesOfBitmask(mask: nfct_bitmask): Uint8Array {
  return new Uint8Array(wordsOf(mask, 'mask').slice().buffer);
}

/**
 * A bitmask with room for the bits 0 to `maxbit`, rounded up to whole 32-bit words, and none of them set.
 * @throws TypeError, RangeError when `maxbit` is not an integer from 0 to 65535 (C: NULL)
 */
export function nfct_bitmask_new(maxbit: number): nfct_bitmask {
  return new nfct_bitmask(new Uint32Array((checkInteger(maxbit, MAXBIT_MAX, 'maxbit') >>> 5) + 1));
}

/** A copy that shares nothing with the original. */
export function nfct_bitmask_clone(mask: nfct_bitmask): nfct_bitmask {
  return new nfct_bitmask(wordsOf(mask, 'mask').slice());
}

/** The highest bit that there is room for: the last of a 32-bit word. */
export function nfct_bitmask_maxbit(mask: nfct_bitmask): number {
  return wordsOf(mask, 'mask').length * 32 - 1;
}

/** Sets a bit. One above nfct_bitmask_maxbit() is ignored, as in C. */
export function nfct_bitmask_set_bit(mask: nfct_bitmask, bit: number): void {
  const words = wordsOf(mask, 'mask');
  const word = wordOf(bit);
  if (word < words.length) words[word] |= 1 << (bit & 31);
}

/** Whether a bit is set: 1 or 0. It is 0 above nfct_bitmask_maxbit(). */
export function nfct_bitmask_test_bit(mask: nfct_bitmask, bit: number): number {
  const words = wordsOf(mask, 'mask');
  const word = wordOf(bit);
  return word < words.length ? (words[word] >>> (bit & 31)) & 1 : 0;
}

/** Clears a bit. */
export function nfct_bitmask_unset_bit(mask: nfct_bitmask, bit: number): void {
  const words = wordsOf(mask, 'mask');
  const word = wordOf(bit);
  if (word < words.length) words[word] &= ~(1 << (bit & 31));
}

/** Clears all bits. */
export function nfct_bitmask_clear(mask: nfct_bitmask): void {
  wordsOf(mask, 'mask').fill(0);
}

/** Whether two bitmasks have room for equally many bits, and the same bits are set. */
export function nfct_bitmask_equal(mask1: nfct_bitmask, mask2: nfct_bitmask): boolean {
  const words1 = wordsOf(mask1, 'mask1');
  const words2 = wordsOf(mask2, 'mask2');
  return words1.length === words2.length && words1.every((word, index) => word === words2[index]);
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfct_bitmask_destroy(_mask: nfct_bitmask): void {}

function wordOf(bit: number): number {
  return checkInteger(bit, BIT_MAX, 'bit') >>> 5;
}
