/**
 * A set of addresses and prefixes. One hash table for each family and prefix length, so that a test costs the same for
 * ten addresses as for a hundred thousand; it allocates nothing.
 */
import { describe } from '../../netlink/check.ts';
import { parseIpv4, parseIpv6 } from '../address.ts';
import { byteMask, prefixMask, readPrefix, splitPrefix } from './prefix.ts';
import type { Range } from './ranges.ts';

const GOLDEN = 0x9e3779b1;
const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** Addresses of IPv4 with this prefix length: open addressing, at most half full. */
class Ipv4Table {
  readonly length: number;
  readonly addresses: readonly number[];
  readonly #mask: number;
  readonly #shift: number;
  /** 0 is an empty place; the address 0 is kept apart. */
  readonly #places: Int32Array;
  readonly #hasZero: boolean;

  constructor(length: number, addresses: readonly number[]) {
    this.length = length;
    this.addresses = addresses;
    this.#mask = prefixMask(length);
    const bits = bitsFor(addresses.length);
    this.#shift = 32 - bits;
    this.#places = new Int32Array(1 << bits);
    this.#hasZero = addresses.includes(0);
    for (const address of addresses) if (address !== 0) this.#places[this.#find(address)] = address;
  }

  has(address: number): boolean {
    const wanted = address & this.#mask;
    return wanted === 0 ? this.#hasZero : this.#places[this.#find(wanted)] !== 0;
  }

  #find(address: number): number {
    const places = this.#places;
    let at = Math.imul(address, GOLDEN) >>> this.#shift;
    while (places[at] !== 0 && places[at] !== address) at = (at + 1) & (places.length - 1);
    return at;
  }
}

/** The same of IPv6, four words each. */
class Ipv6Table {
  readonly length: number;
  readonly addresses: readonly Uint8Array[];
  readonly #masks: readonly number[];
  readonly #shift: number;
  readonly #used: Uint8Array;
  readonly #words: Int32Array;

  constructor(length: number, addresses: readonly Uint8Array[]) {
    this.length = length;
    this.addresses = addresses;
    this.#masks = [0, 1, 2, 3].map((word) => prefixMask(length - 32 * word));
    const bits = bitsFor(addresses.length);
    this.#shift = 32 - bits;
    this.#used = new Uint8Array(1 << bits);
    this.#words = new Int32Array(4 << bits);
    for (const bytes of addresses) {
      const words = [0, 1, 2, 3].map((word) => wordOf(bytes, 4 * word));
      const at = this.#find(words[0], words[1], words[2], words[3]);
      this.#used[at] = 1;
      this.#words.set(words, 4 * at);
    }
  }

  has(a: number, b: number, c: number, d: number): boolean {
    const masks = this.#masks;
    return this.#used[this.#find(a & masks[0], b & masks[1], c & masks[2], d & masks[3])] !== 0;
  }

  #find(a: number, b: number, c: number, d: number): number {
    const used = this.#used;
    const words = this.#words;
    const mixed = Math.imul(Math.imul(Math.imul(a ^ (a >>> 15), GOLDEN) ^ b, GOLDEN) ^ c ^ (c >>> 13), GOLDEN) ^ d;
    let at = Math.imul(mixed ^ (mixed >>> 16), GOLDEN) >>> this.#shift;
    for (; used[at] !== 0; at = (at + 1) & (used.length - 1)) {
      const word = 4 * at;
      if (words[word] === a && words[word + 1] === b && words[word + 2] === c && words[word + 3] === d) break;
    }
    return at;
  }
}

/** A table of so many has twice as many places, or more: as a power of two, two at the least. */
function bitsFor(count: number): number {
  return 33 - Math.clz32(Math.max(1, count - 1));
}

/** 32 bits of an address, signed. */
function wordOf(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

export class PrefixSet {
  readonly four: readonly Ipv4Table[];
  readonly six: readonly Ipv6Table[];

  /**
   * @param given texts, at least one
   * @param nameOf what an error calls each
   * @throws TypeError, RangeError naming the text
   */
  constructor(given: Iterable<unknown>, nameOf: (index: number) => string) {
    const four = new Map<number, Set<number>>();
    const six = new Map<number, Map<string, Uint8Array>>();
    let index = 0;
    for (const each of given) {
      const prefix = readAddress(each, nameOf, index++);
      if (typeof prefix.address === 'number') {
        const addresses = four.get(prefix.length) ?? new Set();
        four.set(prefix.length, addresses.add(prefix.address));
      } else {
        const addresses = six.get(prefix.length) ?? new Map<string, Uint8Array>();
        six.set(prefix.length, addresses.set(prefix.address.join(), prefix.address));
      }
    }
    this.four = [...four].map(([length, addresses]) => new Ipv4Table(length, [...addresses]));
    this.six = [...six].map(([length, addresses]) => new Ipv6Table(length, [...addresses.values()]));
  }

  /** @param address 32 bits, signed */
  hasIpv4(address: number): boolean {
    const { four } = this;
    for (let i = 0; i < four.length; i++) if (four[i].has(address)) return true;
    return false;
  }

  hasIpv6(bytes: Uint8Array): boolean {
    const { six } = this;
    if (six.length === 0) return false;
    const a = wordOf(bytes, 0);
    const b = wordOf(bytes, 4);
    const c = wordOf(bytes, 8);
    const d = wordOf(bytes, 12);
    for (let i = 0; i < six.length; i++) if (six[i].has(a, b, c, d)) return true;
    return false;
  }

  /** The addresses of IPv4 in it, as unsigned integers. */
  *rangesOfIpv4(): Generator<Range> {
    for (const { length, addresses } of this.four)
      for (const address of addresses) yield rangeOf(address, prefixMask(length));
  }

  *prefixesOfIpv6(): Generator<{ bytes: Uint8Array; length: number }> {
    for (const { length, addresses } of this.six) for (const bytes of addresses) yield { bytes, length };
  }

  /** What the first words of the addresses of IPv6 in it are. */
  *firstWordsOfIpv6(): Generator<Range> {
    for (const { length, addresses } of this.six)
      for (const bytes of addresses) yield rangeOf(wordOf(bytes, 0), prefixMask(Math.min(32, length)));
  }
}

function rangeOf(word: number, mask: number): Range {
  return { from: word >>> 0, to: (word | ~mask) >>> 0 };
}

function readAddress(
  given: unknown,
  nameOf: (index: number) => string,
  index: number,
): { address: number | Uint8Array; length: number } {
  if (typeof given !== 'string') throw new TypeError(`${nameOf(index)} must be a string, not ${describe(given)}`);
  const [text, length] = splitPrefix(given);
  const four = parseIpv4(text);
  const bits = four === undefined ? IPV6_BITS : IPV4_BITS;
  const six = four === undefined ? parseIpv6(text) : undefined;
  if (four === undefined && six === undefined)
    throw new RangeError(`${nameOf(index)} must be an IPv4 or IPv6 address, not ${describe(text)}`);
  const prefix = length === undefined ? bits : readPrefix(length, bits, nameOf(index));
  if (four !== undefined) return { address: four & prefixMask(prefix), length: prefix };
  return { address: six!.map((byte, at) => byte & byteMask(prefix - 8 * at)), length: prefix };
}
