/** Conditions about one attribute that no kernel can be asked for. A flow without the attribute does not meet them. */
import type { SlotValue } from '../attributes/kinds.ts';
import { HELPER, LABELS } from '../slots.ts';
import type { Condition } from './condition.ts';
import type { CountSet } from './count-set.ts';
import type { PrefixSet } from './prefix-set.ts';
import type { RangeSet } from './ranges.ts';

/** One of these slots has one of these integers. */
export class IntegerCondition implements Condition {
  readonly slots: readonly number[];
  readonly set: RangeSet;
  /** What a slot has that is not set; undefined: nothing. */
  readonly absent: number | undefined;

  constructor(slots: readonly number[], set: RangeSet, absent?: number) {
    this.slots = slots;
    this.set = set;
    this.absent = absent;
  }

  holds(has: readonly SlotValue[]): boolean {
    const { slots, set, absent } = this;
    for (let i = 0; i < slots.length; i++) {
      const value = has[slots[i]] ?? absent;
      if (typeof value === 'number' && set.has(value)) return true;
    }
    return false;
  }
}

/** One of these slots has an address of the set. Each has one slot for each family, at the same index. */
export class AddressCondition implements Condition {
  readonly four: readonly number[];
  readonly six: readonly number[];
  readonly set: PrefixSet;

  constructor(four: readonly number[], six: readonly number[], set: PrefixSet) {
    this.four = four;
    this.six = six;
    this.set = set;
  }

  holds(has: readonly SlotValue[]): boolean {
    const { four, six, set } = this;
    // The reply has the addresses of the original direction, unless NAT translates them: each is looked up once.
    let first: SlotValue;
    let second: SlotValue;
    for (let i = 0; i < four.length; i++) {
      const address = has[four[i]];
      if (typeof address === 'number') {
        if (address === first || address === second) continue;
        if (set.hasIpv4(address)) return true;
        if (i === 0) first = address;
        else second = address;
        continue;
      }
      const bytes = has[six[i]];
      if (bytes instanceof Uint8Array && set.hasIpv6(bytes)) return true;
    }
    return false;
  }
}

/** One of these labels is set. */
export class LabelCondition implements Condition {
  readonly bits: readonly number[];
  readonly #words: Uint8Array;

  /** @param words the same as the kernel has them */
  constructor(bits: readonly number[], words: Uint8Array) {
    this.bits = bits;
    this.#words = words;
  }

  holds(has: readonly SlotValue[]): boolean {
    const labels = has[LABELS];
    if (!(labels instanceof Uint8Array)) return false;
    const words = this.#words;
    const length = Math.min(labels.length, words.length);
    for (let i = 0; i < length; i++) if ((labels[i] & words[i]) !== 0) return true;
    return false;
  }
}

/** The helper has one of these names. */
export class HelperCondition implements Condition {
  readonly names: ReadonlySet<string>;

  constructor(names: ReadonlySet<string>) {
    this.names = names;
  }

  holds(has: readonly SlotValue[]): boolean {
    const name = has[HELPER];
    return typeof name === 'string' && this.names.has(name);
  }
}

/** The sum of these counters is in the set; one at least is there. */
export class CounterCondition implements Condition {
  readonly slots: readonly number[];
  readonly set: CountSet;

  constructor(slots: readonly number[], set: CountSet) {
    this.slots = slots;
    this.set = set;
  }

  holds(has: readonly SlotValue[]): boolean {
    let sum: number | bigint | undefined;
    for (let i = 0; i < this.slots.length; i++) {
      const count = has[this.slots[i]] as number | bigint | undefined;
      if (count !== undefined) sum = sum === undefined ? count : added(sum, count);
    }
    return sum !== undefined && this.set.has(sum);
  }
}

function added(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return BigInt(a) + BigInt(b);
}
