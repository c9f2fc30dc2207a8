/** Checks of what callers give: TypeError for a wrong type, RangeError for a wrong value, both naming the argument. */

import { escapeControls } from './escape.ts';

/** A value as an error message names it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `'${escapeControls(value)}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (isPlain(value)) return 'an object';
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return kind === 'Object' ? 'an instance of a class' : `a ${escapeControls(kind)}`;
}

/** Made by braces, in whatever realm, or without a prototype. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * Properties of what is asked for: none undefined, which is a variable that was not set, and none an empty list. Read
 * as "any" they would widen it.
 * @throws TypeError, RangeError naming the property
 */
export function checkGiven(object: object, argument: string): void {
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) throw new TypeError(`${argument}.${key} is undefined; leave it out to match anything`);
    if (Array.isArray(value) && value.length === 0)
      throw new RangeError(`${argument}.${key} is an empty list; leave it out to match anything`);
  }
}

/** An integer from `min` to `max`. */
export function checkInteger(value: unknown, max: number, argument: string, min = 0): number {
  if (typeof value !== 'number') throw new TypeError(`${argument} must be a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${argument} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** What a value must be. Never asked for undefined. @throws TypeError, RangeError naming the argument */
export type Check = (value: unknown, argument: string) => unknown;

/** The options that there are, and what each must be. */
export type Checks<O extends object> = { readonly [Name in keyof O]-?: Check };

/**
 * An options object: plain, with options that there are, each of the right type. One that is undefined is as if it were
 * not there.
 * @returns a copy, in which each was read once: a getter could give another value than the one that was checked
 * @throws TypeError for an unknown name, with the nearest that there is; what the checks throw
 */
export function checkOptions<O extends object>(options: O, checks: Checks<O>, argument = 'options'): O {
  checkPlain(options, argument);
  const copy: Partial<O> = {};
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(checks, name)) throw new TypeError(noOption(name, Object.keys(checks), argument));
    const value = options[name as keyof O];
    if (value !== undefined) checks[name as keyof O](value, `${argument}.${name}`);
    copy[name as keyof O] = value;
  }
  return copy as O;
}

/** @throws TypeError for what is not written in braces */
export function checkPlain(value: unknown, argument: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlain(value))
    throw new TypeError(`${argument} must be an object, not ${describe(value)}`);
}

function noOption(name: string, known: readonly string[], argument: string): string {
  const remedy = suggestion(name, known) || `: there are ${known.join(', ')}`;
  return `${argument}.${escapeControls(name)} is no option${remedy}`;
}

/** For a name that is none of those that there are. @param meant what somebody may mean who writes it */
export function notOneOf(name: string, known: readonly string[], argument: string, meant = known): TypeError {
  return new TypeError(
    `${argument}.${escapeControls(name)} is not one of ${known.join(', ')}${suggestion(name, meant)}`,
  );
}

/** '; did you mean mark?', or nothing where no name is like this one. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/**
 * The name that somebody who wrote this one meant; undefined where none is like it. Of a name with dots, the last part
 * alone may be like it.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let found: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const each of known) {
    const changes = changesTo(name.toLowerCase(), each.toLowerCase());
    if (changes >= least) continue;
    least = changes;
    found = each;
  }
  return found;
}

function changesTo(name: string, known: string): number {
  const dot = known.lastIndexOf('.');
  const whole = distance(name, known);
  // Rather a name without dots that is as near.
  return dot < 0 ? whole : Math.min(whole, distance(name, known.slice(dot + 1)) + 0.5);
}

/** Letters to insert, delete, change or swap with their neighbour that make one word of the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}

export function checkSignal(signal: unknown, argument: string): void {
  // Not by its class: test environments bring their own.
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted !== 'boolean' || typeof addEventListener !== 'function') {
    throw new TypeError(`${argument} must be an AbortSignal, not ${describe(signal)}`);
  }
}

export function checkBoolean(value: unknown, argument: string): void {
  if (typeof value !== 'boolean') throw new TypeError(`${argument} must be true or false, not ${describe(value)}`);
}

export function checkBytes(value: unknown, argument: string): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${argument} must be a Uint8Array, not ${describe(value)}`);
}

export function checkString(value: unknown, argument: string): void {
  if (typeof value !== 'string') throw new TypeError(`${argument} must be a string, not ${describe(value)}`);
}

export function checkFunction(value: unknown, argument: string): void {
  if (typeof value !== 'function') throw new TypeError(`${argument} must be a function, not ${describe(value)}`);
}

/**
 * What a function of the program returned, which must not be async: nobody waits for a promise, and one that is
 * rejected would end the process. @throws TypeError naming the function
 */
export function checkSync<T>(returned: T, argument: string): T {
  if (typeof (returned as Partial<PromiseLike<unknown>> | null | undefined)?.then !== 'function') return returned;
  // The TypeError says what is wrong.
  Promise.resolve(returned).catch(() => {});
  throw new TypeError(`${argument} must not be async: nothing waits for the promise that it returned`);
}

/** A check for one of these words. */
export function oneOf(...words: readonly string[]): Check {
  const all = words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return (value, argument) => {
    if (typeof value !== 'string') throw new TypeError(`${argument} must be ${all}, not ${describe(value)}`);
    if (!words.includes(value)) throw new RangeError(`${argument} must be ${all}, not ${describe(value)}`);
  };
}
