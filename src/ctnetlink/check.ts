/** Checks of what callers give: TypeError for a wrong type, RangeError for a wrong value, both naming the argument. */

/** A value as an error message names it. */
export function describe(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : value === null
      ? 'null'
      : typeof value === 'object'
        ? 'an object'
        : `${String(value)}`;
}

/** An integer from 0 to `max`. */
export function checkInteger(value: unknown, max: number, argument: string): number {
  if (typeof value !== 'number') throw new TypeError(`${argument} must be a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${argument} must be an integer from 0 to ${max}, not ${value}`);
  }
  return value;
}
