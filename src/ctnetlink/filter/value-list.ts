/** The forms that every property of a filter has: a value, a list, and `{ not: .. }` around either. */
import { checkGiven, isPlain } from '../../netlink/check.ts';
import type { Builder } from './builder.ts';

/** The values that a property was given, with what an error calls each. */
export interface Values {
  readonly values: readonly unknown[];
  readonly names: readonly string[];
}

function isNot(given: unknown): given is { not: unknown } {
  return typeof given === 'object' && given !== null && isPlain(given) && Object.hasOwn(given, 'not');
}

/**
 * Reads `{ not: .. }` here, and what is in it by `read`.
 * @throws TypeError for what is beside `not`, and what `checkGiven` throws
 */
export function readNot(
  builder: Builder,
  given: unknown,
  argument: string,
  read: (builder: Builder, given: unknown, argument: string) => void,
): void {
  if (!isNot(given)) {
    read(builder, given, argument);
    return;
  }
  checkGiven(given, argument);
  for (const other of Object.keys(given))
    if (other !== 'not') throw new TypeError(`${argument}.${other} cannot be beside ${argument}.not`);
  const { not } = given;
  if (isNot(not)) throw new TypeError(`${argument}.not.not is not there; leave out both`);
  builder.not(`${argument}.not`, (inner) => read(inner, not, `${argument}.not`));
}

/**
 * A value, or those of a list.
 * @param isOne an array is one value
 * @throws RangeError for an empty list
 */
export function valuesOf(given: unknown, argument: string, isOne?: (list: readonly unknown[]) => boolean): Values {
  if (!Array.isArray(given)) return { values: [given], names: [argument] };
  if (given.length === 0) throw new RangeError(`${argument} is an empty list; leave it out to match anything`);
  if (isOne?.(given) === true) return { values: [given], names: [argument] };
  // Not map: a list with holes has undefined there.
  const values = Array.from(given as readonly unknown[]);
  return { values, names: values.map((_, index) => `${argument}[${index}]`) };
}
