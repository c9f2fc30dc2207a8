/** Checks of what callers give: TypeError for a wrong type, RangeError for a wrong value, both naming the argument. */

import { escapeControls } from './escape.ts';

/** A value as an error message names it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `'${escapeControls(value)}'`;
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** An integer from `min` to `max`. */
export function checkInteger(value: unknown, max: number, argument: string, min = 0): number {
  if (typeof value !== 'number') throw new TypeError(`${argument} must be a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${argument} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** An options object: the caller's own, or the default that stands for none given. */
export function checkOptions(options: unknown, argument = 'options'): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${argument} must be an object, not ${describe(options)}`);
  }
}

export function checkSignal(signal: unknown, argument = 'options.signal'): void {
  if (signal === undefined) return;
  // Not by its class: test environments bring their own.
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted !== 'boolean' || typeof addEventListener !== 'function') {
    throw new TypeError(`${argument} must be an AbortSignal, not ${describe(signal)}`);
  }
}

export function checkBoolean(value: unknown, argument: string): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${argument} must be true or false, not ${describe(value)}`);
  }
}
