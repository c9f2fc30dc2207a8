/** Sets of integers of 64 bits, such as counters: one, ranges, or both. */
import { checkGiven, checkPlain, describe, notOneOf } from '../../netlink/check.ts';

const MAX = 0xffffffffffffffffn;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** An integer as JSON has it: a number while it is safe, else decimal text, which a filter takes. */
export function countToJSON(count: bigint): number | string {
  return count <= MAX_SAFE ? Number(count) : count.toString();
}

/** A test compares a few numbers; it allocates nothing. */
export class CountSet {
  /** The first and the last of each range. Numbers while they are safe, as in the slots. */
  readonly bounds: readonly (number | bigint)[];

  constructor(bounds: readonly (number | bigint)[]) {
    this.bounds = bounds;
  }

  has(value: number | bigint): boolean {
    const { bounds } = this;
    for (let at = 0; at < bounds.length; at += 2) if (value >= bounds[at] && value <= bounds[at + 1]) return true;
    return false;
  }
}

/** What a caller gave, compiled. @throws TypeError, RangeError naming the argument */
export function readCounts(given: readonly unknown[], names: readonly string[]): CountSet {
  return new CountSet(given.flatMap((each, index) => readRange(each, names[index])));
}

function readRange(given: unknown, argument: string): (number | bigint)[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const count = readCount(given, argument, 'a number, a bigint or { from, to }');
    return [count, count];
  }
  checkPlain(given, argument);
  checkGiven(given, argument);
  const { from, to, ...others } = given as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw notOneOf(other, ['from', 'to'], argument);
  const first = readCount(from, `${argument}.from`);
  const last = readCount(to, `${argument}.to`);
  if (first > last) throw new RangeError(`${argument} must have from not above to, not ${first} to ${last}`);
  return [first, last];
}

function readCount(given: unknown, argument: string, forms = 'a number or a bigint'): number | bigint {
  if (typeof given === 'string' && /^\d{1,20}$/.test(given)) return readCount(BigInt(given), argument, forms);
  if (typeof given === 'bigint') {
    if (given < 0n || given > MAX) throw new RangeError(`${argument} must be from 0 to 2^64 - 1, not ${given}`);
    return given <= MAX_SAFE ? Number(given) : given;
  }
  if (typeof given !== 'number') throw new TypeError(`${argument} must be ${forms}, not ${describe(given)}`);
  if (!Number.isSafeInteger(given) || given < 0)
    throw new RangeError(`${argument} must be an integer from 0 to 2^53 - 1, or a bigint up to 2^64 - 1, not ${given}`);
  return given;
}
