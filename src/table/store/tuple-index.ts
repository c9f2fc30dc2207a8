/**
 * Entries by the hash of a tuple: chains through the entries themselves. It grows in 1,024 parts, each for itself, so
 * that no growth takes longer than a few thousand entries do.
 */
import type { Entries, HASH, NEXT_ORIG, NEXT_REPLY, REPLY_HASH } from './entries.ts';

const PART_BITS = 10;
const LEAST_SIZE = 4;
/** How much more than the average most parts may have. */
const SPREAD = 1.125;

export class TupleIndex {
  readonly #entries: Entries;
  /** NEXT_ORIG or NEXT_REPLY. */
  readonly #next: number;
  /** HASH or REPLY_HASH. */
  readonly #hash: number;
  /** Of each part, the first entry of each chain, plus 1. */
  readonly #parts: (Int32Array | undefined)[] = new Array<undefined>(1 << PART_BITS).fill(undefined);
  readonly #counts = new Int32Array(1 << PART_BITS);
  /** Chains of a part that has nothing yet. */
  #firstSize = LEAST_SIZE;

  constructor(entries: Entries, next: typeof NEXT_ORIG | typeof NEXT_REPLY, hash: typeof HASH | typeof REPLY_HASH) {
    this.#entries = entries;
    this.#next = next;
    this.#hash = hash;
  }

  /** So many entries will be added: then hardly a part has to grow. */
  expect(count: number): void {
    const each = (count / (1 << PART_BITS)) * SPREAD;
    while (this.#firstSize < each) this.#firstSize *= 2;
  }

  /** The hash that the entry was added with. */
  hashOf(entry: number): number {
    return this.#entries.get(entry, this.#hash);
  }

  /** The first entry of the chain of this hash; -1: there is none. */
  first(hash: number): number {
    const heads = this.#parts[hash >>> (32 - PART_BITS)];
    return heads === undefined ? -1 : heads[hash & (heads.length - 1)] - 1;
  }

  /** The entry behind this one in its chain; -1: there is none. */
  after(entry: number): number {
    return this.#entries.get(entry, this.#next) - 1;
  }

  /** In front of those with the same hash. */
  add(entry: number, hash: number): void {
    const part = hash >>> (32 - PART_BITS);
    let heads = this.#parts[part];
    if (heads === undefined) {
      heads = new Int32Array(this.#firstSize);
      this.#parts[part] = heads;
    } else if (this.#counts[part] >= heads.length) {
      heads = this.#grow(heads);
      this.#parts[part] = heads;
    }
    this.#counts[part]++;
    const at = hash & (heads.length - 1);
    this.#entries.set(entry, this.#hash, hash);
    this.#entries.set(entry, this.#next, heads[at]);
    heads[at] = entry + 1;
  }

  remove(entry: number): void {
    const hash = this.hashOf(entry);
    const part = hash >>> (32 - PART_BITS);
    const heads = this.#parts[part]!;
    const at = hash & (heads.length - 1);
    const behind = this.#entries.get(entry, this.#next);
    this.#counts[part]--;
    if (heads[at] === entry + 1) {
      heads[at] = behind;
      return;
    }
    let before = heads[at] - 1;
    for (;;) {
      const next = this.#entries.get(before, this.#next);
      if (next === entry + 1) break;
      before = next - 1;
    }
    this.#entries.set(before, this.#next, behind);
  }

  #grow(heads: Int32Array): Int32Array {
    const grown = new Int32Array(2 * heads.length);
    const entries = this.#entries;
    for (let i = 0; i < heads.length; i++) {
      for (let link = heads[i]; link > 0; ) {
        const entry = link - 1;
        link = entries.get(entry, this.#next);
        const at = this.hashOf(entry) & (grown.length - 1);
        entries.set(entry, this.#next, grown[at]);
        grown[at] = entry + 1;
      }
    }
    return grown;
  }
}
