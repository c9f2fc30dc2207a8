/**
 * Addresses to other addresses, prefix-preserving as Crypto-PAn (Xu, Fan, Ammar and Moon, 2002) is: whether a bit is inverted depends
 * on the key and on the bits in front of it. Here SHA-256 of key and prefix is the function, and one hash decides about the next
 * eight bits, a node of their tree each.
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
  readonly #trees = new Map<string, Uint8Array>();
  readonly #addresses = new Map<string, Uint8Array>();

  /** @param key any bytes */
  constructor(key: Uint8Array, kept: readonly KeptPrefix[]) {
    this.#input.set(sha256(key));
    const ofSize = (size: AddressSize): KeptPrefix[] => kept.filter(({ address }) => address.length === size);
    this.#kept = { 4: ofSize(4), 16: ofSize(16) };
  }

  /** Replaces the address at this place. */
  replace(bytes: Uint8Array, at: number, size: AddressSize): void {
    const address = bytes.subarray(at, at + size);
    const name = nameOf(address);
    let mapped = this.#addresses.get(name);
    if (mapped === undefined) {
      mapped = this.#map(address, size);
      remember(this.#addresses, name, mapped);
    }
    bytes.set(mapped, at);
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
    const name = String.fromCharCode(size) + nameOf(prefix);
    let tree = this.#trees.get(name);
    if (tree === undefined) {
      this.#input.fill(0, 32);
      this.#input.set([size, prefix.length], 32);
      this.#input.set(prefix, 34);
      tree = sha256(this.#input);
      remember(this.#trees, name, tree);
    }
    return tree;
  }
}

function nameOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function remember(map: Map<string, Uint8Array>, name: string, value: Uint8Array): void {
  if (map.size >= MOST) map.clear();
  map.set(name, value);
}

/**
 * An address that shares only its first n bits with a kept prefix must differ from it in the next bit after the mapping too: so
 * n + 1 bits stay.
 */
function bitsThatStay(address: Uint8Array, { address: prefix, length, stay }: KeptPrefix): number {
  let index = 0;
  while (index < address.length && address[index] === prefix[index]) index++;
  const shared = index === address.length ? 8 * index : 8 * index + Math.clz32(address[index] ^ prefix[index]) - 24;
  return shared < length ? shared + 1 : stay;
}
