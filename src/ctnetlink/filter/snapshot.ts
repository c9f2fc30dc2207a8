/** What a caller gave as a filter, copied: later changes of it change nothing, and an iterable is read once. */
import { isPlain } from '../../netlink/check.ts';
import { Group } from '../accessors/groups.ts';
import { countToJSON } from './count-set.ts';

/** The properties that take any iterable. */
const ADDRESSES: ReadonlySet<string | undefined> = new Set(['host', 'src', 'dst']);

/** By the filter that was made of it, the copy: nothing changes it. */
const COPIES = new WeakMap<object, unknown>();

/** A filter that is all of this copy: inside of another one, it is the copy. */
export function isMadeOf(filter: object, copy: unknown): void {
  COPIES.set(filter, copy);
}

/** @param property whose value this is, at whatever depth */
export function snapshot(given: unknown, property?: string): unknown {
  if (typeof given !== 'object' || given === null) return given;
  if (COPIES.has(given)) return COPIES.get(given);
  if (Array.isArray(given)) {
    // A long list of addresses is copied at once.
    if (ADDRESSES.has(property)) return Array.from(given as readonly unknown[]);
    return Array.from(given as readonly unknown[], (each) => snapshot(each, property));
  }
  if (isPlain(given)) {
    const copy = Object.entries(given).map(([name, value]) => [
      name,
      snapshot(value, name === 'not' ? property : name),
    ]);
    return Object.fromEntries(copy);
  }
  const iterates = typeof (given as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';
  return iterates && ADDRESSES.has(property) ? Array.from(given as Iterable<unknown>) : given;
}

/** The same as JSON has it. */
export function snapshotToJSON(copy: unknown): unknown {
  if (typeof copy === 'bigint') return countToJSON(copy);
  if (typeof copy !== 'object' || copy === null) return copy;
  if (copy instanceof Group) return copy.toJSON();
  if (Array.isArray(copy)) return copy.map(snapshotToJSON);
  return Object.fromEntries(Object.entries(copy).map(([name, value]) => [name, snapshotToJSON(value)]));
}
