/** Numbers that look random and are the same for the same seed: every failure can be had again. */

/** $CTNETLINK_SEED: a number, or 'random' for another one every run. What uses it prints it. */
export function seedFromEnvironment(otherwise = 1): number {
  const { CTNETLINK_SEED: seed } = process.env;
  if (seed === undefined || seed === '') return otherwise;
  if (seed === 'random') return Math.floor(Math.random() * 0x100000000);
  if (!/^\d+$/.test(seed)) throw new Error(`CTNETLINK_SEED must be a number or 'random', not '${seed}'`);
  return Number(seed) >>> 0;
}

/** sfc32 (Chris Doty-Humphrey, PractRand): 32 bits a step, in plain integer arithmetic. */
export class Random {
  readonly seed: number;
  #a = 0;
  #b = 0;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.seed = seed;
    this.#c = seed | 0;
    // Until the seed has reached every bit of the state.
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** 0 to 2^32 - 1 */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor((this.uint32() / 0x100000000) * count);
  }

  /** An integer from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** True in so many of a hundred. */
  percent(chance: number): boolean {
    return this.below(100) < chance;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() & 255;
    return bytes;
  }
}
