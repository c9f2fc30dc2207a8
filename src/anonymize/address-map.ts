/**
 * Addresses to other addresses, prefix-preserving as Crypto-PAn (Xu, Fan, Ammar and Moon, 2002) is: whether a bit is
 * inverted depends on the key and on the bits in front of it. Here SHA-256 of key and prefix is the function, and one
 * hash decides about the next eight bits, a node of their tree each.
 */
import { sha256 } from './sha256.ts';

/** Bytes of an address: IPv4 or IPv6. */
export type AddressSize = 4 | 16;

/** Addresses that begin with these bits keep their first bits. */
export interface KeptPrefix {
  /** 4 or 16 bytes. */
  address: Uint8Array;
  /** How many bits of it are the prefix. */
  length: number;
  /** How many bits stay, at least `length`. */
  stay: number;
}

/** What is remembered of each; a capture has the same addresses again and again. */
const MOST = 1 << 16;

export class AddressMap {
  readonly #kept: Readonly<Record<AddressSize, readonly KeptPrefix[]>>;
  /** The key, the size of the address, the count of its bytes that follow, and those. */
  readonly #input = new Uint8Array(32 + 2 + 15);
  /** By the size of the address, then the prefix. */
  readonly #trees: Readonly<Record<AddressSize, Map<Name, Uint8Array>>> = { 4: new Map(), 16: new Map() };
  readonly #addresses = new Map<Name, Uint8Array>();

  /** @param key any bytes */
  constructor(key: Uint8Array, kept: readonly KeptPrefix[]) {
    this.#input.set(sha256(key));
    const ofSize = (size: AddressSize): KeptPrefix[] => kept.filter(({ address }) => address.length === size);
    this.#kept = { 4: ofSize(4), 16: ofSize(16) };
  }

  /** Replaces the address at this place. */
  replace(bytes: Uint8Array, at: number, size: AddressSize): void {
    const name = nameOf(bytes, at, size);
    let mapped = this.#addresses.get(name);
    if (mapped === undefined) {
      mapped = this.#map(bytes.subarray(at, at + size), size);
      remember(this.#addresses, name, mapped);
    }
    for (let index = 0; index < size; index++) bytes[at + index] = mapped[index];
  }

  #map(address: Uint8Array, size: AddressSize): Uint8Array {
    const mapped = address.slice();
    const stay = Math.max(0, ...this.#kept[size].map((kept) => bitsThatStay(address, kept)));
    for (let index = stay >> 3; index < size; index++) {
      const tree = this.#tree(address.subarray(0, index), size);
      for (let bit = Math.max(0, stay - 8 * index); bit < 8; bit++) {
        const node = (1 << bit) | (address[index] >> (8 - bit));
        if ((tree[node >> 3] & (1 << (node & 7))) !== 0) mapped[index] ^= 0x80 >> bit;
      }
    }
    return mapped;
  }

  /** A bit for each of the 255 prefixes that begin with these bytes and are up to 7 bits longer. */
  #tree(prefix: Uint8Array, size: AddressSize): Uint8Array {
    const trees = this.#trees[size];
    const name = nameOf(prefix, 0, prefix.length);
    let tree = trees.get(name);
    if (tree === undefined) {
      this.#input.fill(0, 32);
      this.#input.set([size, prefix.length], 32);
      this.#input.set(prefix, 34);
      tree = sha256(this.#input);
      remember(trees, name, tree);
    }
    return tree;
  }
}

type Name = number | string;

/** A key for these bytes. An IPv4 address is a number, which costs no allocation. */
function nameOf(bytes: Uint8Array, at: number, length: number): Name {
  if (length === 4) return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  let name = '';
  for (let index = at; index < at + length; index++) name += String.fromCharCode(bytes[index]);
  return name;
}

function remember(map: Map<Name, Uint8Array>, name: Name, value: Uint8Array): void {
  if (map.size >= MOST) map.clear();
  map.set(name, value);
}

/**
 * An address that shares only its first n bits with a kept prefix must differ from it in the next bit after the mapping
 * too: so n + 1 bits stay.
 */
function bitsThatStay(address: Uint8Array, { address: prefix, length, stay }: KeptPrefix): number {
  let index = 0;
  while (index < address.length && address[index] === prefix[index]) index++;
  const shared = index === address.length ? 8 * index : 8 * index + Math.clz32(address[index] ^ prefix[index]) - 24;
  return shared < length ? shared + 1 : stay;
}
