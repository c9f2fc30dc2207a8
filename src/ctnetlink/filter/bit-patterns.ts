/** Values of 32 bits that answer questions about bits and ranges in every way that there is. */
import type { Masked } from './language.ts';

/** Patterns that are told apart. */
const MOST = 4096;

/**
 * A value for each way in which these questions can be answered; undefined if there are too many.
 * @param starts where a range begins, or one has ended
 */
export function valuesFor(questions: readonly Masked[], starts: ReadonlySet<number>): number[] | undefined {
  let patterns: Masked[] = [{ value: 0, mask: 0 }];
  for (const question of questions) {
    patterns = patterns.flatMap((pattern) => divided(pattern, question));
    if (patterns.length > MOST) return undefined;
  }
  if (patterns.length * (starts.size + 1) > 16 * MOST) return undefined;
  const values: number[] = [];
  for (const start of [0, ...starts])
    for (const pattern of patterns) {
      const value = firstFrom(start, pattern);
      if (value !== undefined) values.push(value);
    }
  return values;
}

/** The parts of a pattern in which the question has one answer. */
function divided(pattern: Masked, { value, mask }: Masked): Masked[] {
  const free = (mask & ~pattern.mask) >>> 0;
  // Answered already, or never met.
  if (free === 0 || (value & ~mask) !== 0 || ((pattern.value ^ value) & pattern.mask & mask) !== 0) return [pattern];
  const parts: Masked[] = [];
  let rest = pattern;
  for (let bit = 0; bit < 32; bit++) {
    const one = (1 << bit) >>> 0;
    if ((free & one) === 0) continue;
    const wide = (rest.mask | one) >>> 0;
    parts.push({ value: (rest.value | (~value & one)) >>> 0, mask: wide });
    rest = { value: (rest.value | (value & one)) >>> 0, mask: wide };
  }
  return [...parts, rest];
}

/** The lowest value from `start` on that has this pattern. */
function firstFrom(start: number, { value, mask }: Masked): number | undefined {
  if ((start & mask) >>> 0 === value) return start;
  // Equal to `start` above a bit, which is higher, and as low as can be below it.
  for (let bit = 0; bit < 32; bit++) {
    const one = (1 << bit) >>> 0;
    const above = bit === 31 ? 0 : (-1 << (bit + 1)) >>> 0;
    if ((start & one) !== 0 || (mask & one & ~value) !== 0 || ((start ^ value) & mask & above) !== 0) continue;
    return ((start & above) | one | (value & (one - 1))) >>> 0;
  }
  return undefined;
}
