/** Reads marks and statuses: numbers that may have a mask. */
import { checkGiven, checkInteger, notOneOf } from '../../netlink/check.ts';
import { MARK } from '../slots.ts';
import { checkStatus } from '../status.ts';
import type { Builder } from './builder.ts';
import { AllOf, AnyOf, type Condition } from './condition.ts';
import type { Masked } from './language.ts';
import { IntegerCondition } from './leaves.ts';
import { type Range, RangeSet, readRange } from './ranges.ts';
import { FilterTerms } from './terms.ts';
import { valuesOf } from './value-list.ts';

const MAX = 0xffffffff;

function hasMask(given: unknown): given is object {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

function isRange(given: unknown): boolean {
  return hasMask(given) && (Object.hasOwn(given, 'from') || Object.hasOwn(given, 'to'));
}

/** A mark is a number, a number under a mask, or a range of numbers. */
export function readMarks(builder: Builder, given: unknown, argument: string): void {
  const { values, names } = valuesOf(given, argument);
  const masked: Masked[] = [];
  const ranges: Range[] = [];
  values.forEach((value, index) => {
    if (typeof value === 'number' || isRange(value)) ranges.push(readRange(value, MAX, names[index]));
    else masked.push(readMasked(value, names[index], (each, name) => checkInteger(each, MAX, name)));
  });
  const [only] = ranges;
  if (masked.length === 0 && ranges.length === 1 && only.from === only.to) {
    builder.mark({ value: only.from, mask: MAX });
  } else if (ranges.length === 0 && masked.length === 1) {
    builder.mark(masked[0]);
  } else {
    const conditions: Condition[] = masked.map((mark) => new AllOf(new FilterTerms({ mark })));
    if (ranges.length > 0) conditions.push(new IntegerCondition([MARK], new RangeSet(ranges), 0));
    builder.add(conditions.length === 1 ? conditions[0] : new AnyOf(conditions));
  }
}

/** A status is bits that must be set, as a number or as an array of names, or bits under a mask. */
export function readStatuses(builder: Builder, given: unknown, argument: string): void {
  const areNames = (list: readonly unknown[]): boolean =>
    !list.every((each) => typeof each === 'number' || (typeof each === 'object' && each !== null));
  const { values, names } = valuesOf(given, argument, areNames);
  builder.any(values, names, (inner, value, name) => {
    valuesOf(value, name);
    if (hasMask(value)) inner.status(readMasked(value, name, checkStatus));
    else {
      const bits = checkStatus(value, name);
      inner.status({ value: bits, mask: bits });
    }
  });
}

function readMasked(given: unknown, argument: string, check: (value: unknown, argument: string) => number): Masked {
  if (!hasMask(given)) {
    const value = check(given, argument);
    return { value, mask: MAX };
  }
  checkGiven(given, argument);
  const { value, mask, ...others } = given as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw notOneOf(other, ['value', 'mask'], argument);
  return { value: check(value, `${argument}.value`), mask: check(mask, `${argument}.mask`) };
}
