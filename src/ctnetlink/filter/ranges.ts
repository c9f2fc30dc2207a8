/** Sets of integers: one, a range, or a list of both. Filters take them where several values may match. */
import { checkInteger, checkPlain, describe, notOneOf } from '../../netlink/check.ts';

/** The integers from `from` to `to`, both included. */
export interface Range {
  /** The lowest number. */
  from: number;
  /** Not below `from`. */
  to: number;
}

/**
 * An integer, a range, or a list of both, any of which may match. A list must not be empty; its order does not matter,
 * and ranges may overlap.
 */
export type Ranges = number | Range | readonly (number | Range)[];

/** Integers from 0 to 2^32 - 1, compiled: a test is a binary search, and allocates nothing. */
export class RangeSet {
  /** The first and the last integer of each range, ascending. No two ranges overlap or touch. */
  readonly bounds: readonly number[];

  /** @param ranges each with `from` not above `to`, in any order */
  constructor(ranges: readonly Range[]) {
    const bounds: number[] = [];
    for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
      const last = bounds.length - 1;
      if (last >= 0 && from <= bounds[last] + 1) bounds[last] = Math.max(bounds[last], to);
      else bounds.push(from, to);
    }
    this.bounds = bounds;
  }

  /** @param value 32 bits, of either sign: slots hold them signed */
  has(value: number): boolean {
    const { bounds } = this;
    const wanted = value >>> 0;
    // Most sets are one integer or range, and most integers are outside of all.
    if (wanted < bounds[0] || wanted > bounds[bounds.length - 1]) return false;
    if (bounds.length === 2) return true;
    let low = 0;
    let high = bounds.length >> 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (wanted > bounds[2 * middle + 1]) low = middle + 1;
      else high = middle;
    }
    return 2 * low < bounds.length && wanted >= bounds[2 * low];
  }

  /** The bounds of at most so many ranges that hold these integers, and perhaps some between two ranges. */
  boundsOf(most: number): readonly number[] {
    const { bounds } = this;
    const count = bounds.length >> 1;
    if (count <= most) return bounds;
    const together = Math.ceil(count / most);
    const fewer: number[] = [];
    for (let first = 0; first < count; first += together)
      fewer.push(bounds[2 * first], bounds[2 * Math.min(first + together, count) - 1]);
    return fewer;
  }
}

/**
 * The set of these ranges; a set of one integer is that integer, which costs less to compare. @param ranges at least
 * one
 */
export function compileRanges(ranges: readonly Range[]): number | RangeSet {
  const set = new RangeSet(ranges);
  const { bounds } = set;
  return bounds.length === 2 && bounds[0] === bounds[1] ? bounds[0] : set;
}

/**
 * What a caller gave, compiled.
 * @param max the greatest integer that there is
 * @throws TypeError, RangeError naming the argument, with the index in a list
 */
export function readRanges(given: unknown, max: number, argument: string): number | RangeSet {
  if (typeof given === 'number') return checkInteger(given, max, argument);
  if (!Array.isArray(given)) return compileRanges([readRange(given, max, argument, 'or a list of both')]);
  if (given.length === 0) throw new RangeError(`${argument} is an empty list`);
  return compileRanges(Array.from(given, (each, index) => readRange(each, max, `${argument}[${index}]`)));
}

export function readRange(given: unknown, max: number, argument: string, more?: string): Range {
  if (typeof given === 'number') {
    const value = checkInteger(given, max, argument);
    return { from: value, to: value };
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const forms = more === undefined ? 'a number or { from, to }' : `a number, { from, to } ${more}`;
    throw new TypeError(`${argument} must be ${forms}, not ${describe(given)}`);
  }
  checkPlain(given, argument);
  const { from, to, ...others } = given as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw notOneOf(other, ['from', 'to'], argument);
  const first = checkInteger(from, max, `${argument}.from`);
  const last = checkInteger(to, max, `${argument}.to`);
  if (first > last) throw new RangeError(`${argument} must have from not above to, not ${first} to ${last}`);
  return { from: first, to: last };
}
