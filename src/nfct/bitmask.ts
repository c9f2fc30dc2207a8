/** struct nfct_bitmask: a set of bits, which is what connection labels are. */

import { checkInteger, describe } from '../netlink/check.ts';

const MAXBIT_MAX = 0xffff;
const BIT_MAX = 0xffffffff;

/** struct nfct_bitmask: opaque, for the nfct_bitmask_ functions. */
export class nfct_bitmask {
  /** Bit n is bit n % 32 of word n / 32: in memory what the kernel and connection labels have. */
  readonly words: Uint32Array;

  constructor(words: Uint32Array) {
    this.words = words;
  }

  /** A copy of label words as they are in memory; there is always one, as in C. */
  static of(bytes: Uint8Array): nfct_bitmask {
    const mask = new nfct_bitmask(new Uint32Array(Math.max(1, Math.ceil(bytes.length / 4))));
    new Uint8Array(mask.words.buffer).set(bytes);
    return mask;
  }

  /** The inverse. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.words.slice().buffer);
  }
}

function checkBitmask(mask: unknown, argument: string): asserts mask is nfct_bitmask {
  if (!(mask instanceof nfct_bitmask))
    throw new TypeError(`${argument} must be what nfct_bitmask_new() returns, not ${describe(mask)}`);
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
  checkBitmask(mask, 'mask');
  return new nfct_bitmask(mask.words.slice());
}

/** The highest bit that there is room for: the last of a 32-bit word. */
export function nfct_bitmask_maxbit(mask: nfct_bitmask): number {
  checkBitmask(mask, 'mask');
  return mask.words.length * 32 - 1;
}

/** Sets a bit. One above nfct_bitmask_maxbit() is ignored, as in C. */
export function nfct_bitmask_set_bit(mask: nfct_bitmask, bit: number): void {
  checkBitmask(mask, 'mask');
  const word = wordOf(bit);
  if (word < mask.words.length) mask.words[word] |= 1 << (bit & 31);
}

/** 1 when the bit is set, else 0, also above nfct_bitmask_maxbit(). */
export function nfct_bitmask_test_bit(mask: nfct_bitmask, bit: number): number {
  checkBitmask(mask, 'mask');
  const word = wordOf(bit);
  return word < mask.words.length ? (mask.words[word] >>> (bit & 31)) & 1 : 0;
}

/** Clears a bit. */
export function nfct_bitmask_unset_bit(mask: nfct_bitmask, bit: number): void {
  checkBitmask(mask, 'mask');
  const word = wordOf(bit);
  if (word < mask.words.length) mask.words[word] &= ~(1 << (bit & 31));
}

/** Clears all bits. */
export function nfct_bitmask_clear(mask: nfct_bitmask): void {
  checkBitmask(mask, 'mask');
  mask.words.fill(0);
}

/** True when they have room for as many bits, and the same ones are set. */
export function nfct_bitmask_equal(mask1: nfct_bitmask, mask2: nfct_bitmask): boolean {
  checkBitmask(mask1, 'mask1');
  checkBitmask(mask2, 'mask2');
  return mask1.words.length === mask2.words.length && mask1.words.every((word, index) => word === mask2.words[index]);
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfct_bitmask_destroy(_mask: nfct_bitmask): void {}

function wordOf(bit: number): number {
  return checkInteger(bit, BIT_MAX, 'bit') >>> 5;
}
