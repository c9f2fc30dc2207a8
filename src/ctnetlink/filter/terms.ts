/** A filter as callers write it, and what it comes to. */
import { checkGiven, checkInteger, checkPlain, describe } from '../../netlink/check.ts';
import { Group } from '../accessors/groups.ts';
import type { TupleInit, TupleProperties } from '../attributes/flow-properties.ts';
import { KINDS, type SlotValue } from '../attributes/kinds.ts';
import { flowFrom } from '../flow.ts';
import { FAMILIES, type Family } from '../names.ts';
import { ORIG, REPLY, type TupleSlots } from '../slots.ts';
import { checkStatus, type StatusText } from '../status.ts';
import { prefixMask, readPrefix, splitPrefix } from './prefix.ts';
import { RangeSet, type Ranges, readRanges } from './ranges.ts';

/** Bits to compare: (bits & mask) === value. */
export interface Masked {
  /** The bits that must be set, 0 to 4294967295. If it has bits outside the mask, nothing matches. */
  value: number;
  /** The bits that are compared, 0 to 4294967295. */
  mask: number;
}

/** What must hold of one direction. */
export interface TupleFilter extends Partial<Omit<TupleProperties, 'sport' | 'dport'>> {
  /**
   * Source port, or any of several: `53`, `{ from: 8000, to: 8100 }`, `[53, { from: 8000, to: 8100 }]`. Of GRE the
   * source key. 0 to 65535.
   */
  sport?: Ranges;
  /** Destination port, or any of several. */
  dport?: Ranges;
}

/**
 * What is left out may be anything. A property that is there and undefined is refused with a TypeError, an empty list
 * with a RangeError: both are mistakes that would widen what is asked for, and a flush deletes it.
 */
export interface Filter {
  /** Layer 3 protocol: 'ipv4' or 'ipv6'. */
  family?: Family;
  /** A mark alone is compared whole. */
  mark?: number | Masked;
  /** IPS_* bits or their names: those given must be set. With a mask: those of the mask must be as in `value`. */
  status?:
    | number
    | readonly StatusText[]
    | { value: number | readonly StatusText[]; mask: number | readonly StatusText[] };
  /** The zone of the flow, of both directions or of one. */
  zone?: number;
  /**
   * What must be equal in the original direction. `src` and `dst` may have a prefix length, '10.0.0.0/8' or 'fd00::/8':
   * then only so many bits are compared, and what is written of the others does not matter. A zone is that of this
   * direction, also where both have the same. `sport` and `dport` may be ranges and lists,
   * `dport: [53, { from: 8000, to: 8100 }]`: one of them must be equal.
   */
  orig?: TupleFilter;
  /** What must be equal in the reply direction: see `orig`. */
  reply?: TupleFilter;
}

/** A part of a tuple that must be there and be equal. */
export interface Comparison {
  readonly tuple: TupleSlots<'orig' | 'reply'>;
  readonly slot: number;
  /** An integer as its slot has it, one of several, or the 16 bytes of an IPv6 address. */
  readonly value: number | RangeSet | Uint8Array;
  /** How many bits of an address are compared; undefined: all, as of everything else. */
  readonly prefix: number | undefined;
  /** Of an integer, the bits that are compared. */
  readonly mask: number;
}

/** One of several integers in this slot. */
export function oneOfSeveral(tuple: Comparison['tuple'], slot: number, value: RangeSet): Comparison {
  return { tuple, slot, value, prefix: undefined, mask: -1 };
}

/** What must hold of a flow, all of it. Undefined is what may be anything. */
export class FilterTerms {
  /** AF_* */
  readonly family: number | undefined;
  readonly mark: Masked | undefined;
  readonly status: Masked | undefined;
  readonly zone: number | undefined;
  readonly compared: readonly Comparison[];

  constructor({ family, mark, status, zone, compared = [] }: Partial<FilterTerms>) {
    this.family = family;
    this.mark = mark;
    this.status = status;
    this.zone = zone;
    this.compared = compared;
  }
}

/** That all of a tuple that is set is equal; its zone, where it is set, is that of this direction. */
export function comparisonsOf(tuple: TupleSlots<'orig' | 'reply'>, slots: readonly SlotValue[]): Comparison[] {
  const compared: Comparison[] = [];
  for (const slot of tuple.all) {
    const value = slots[slot] as number | Uint8Array | undefined;
    if (value !== undefined) compared.push({ tuple, slot, value, prefix: undefined, mask: -1 });
  }
  return compared;
}

/** The one family of all parts. @throws RangeError where they have two, and nothing could match */
export function familyOf(parts: readonly (number | undefined)[], argument: string): number | undefined {
  const known = parts.filter((value) => value !== undefined);
  if (new Set(known).size > 1) throw new RangeError(`${argument} has parts of both families and can match nothing`);
  return known[0];
}

const PARTS = ['family', 'mark', 'status', 'zone', 'orig', 'reply'];

/** @throws TypeError, RangeError naming the part of the filter */
export function readTerms(filter: Filter, argument: string): FilterTerms {
  checkPlain(filter, argument);
  for (const key of Object.keys(filter))
    if (!PARTS.includes(key)) throw new TypeError(`${argument}.${key} is not one of ${PARTS.join(', ')}`);
  checkGiven(filter, argument);
  const { family, mark, status, zone } = filter;
  const orig = readTuple(ORIG, filter.orig, argument);
  const reply = readTuple(REPLY, filter.reply, argument);
  const families = [orig.family, reply.family];
  if (family !== undefined) families.push(checkFamily(family, `${argument}.family`));
  return new FilterTerms({
    family: familyOf(families, argument),
    mark: masked(mark, `${argument}.mark`, (value, name) => checkInteger(value, 0xffffffff, name), 0xffffffff),
    status: masked(status, `${argument}.status`, checkStatus),
    zone: zone === undefined ? undefined : checkInteger(zone, 0xffff, `${argument}.zone`),
    compared: [...orig.compared, ...reply.compared],
  });
}

function readTuple(
  tuple: TupleSlots<'orig' | 'reply'>,
  given: TupleFilter | undefined,
  argument: string,
): { family: number | undefined; compared: Comparison[] } {
  const part = readPart(given, tuple, `${argument}.${tuple.group}`);
  const lengths: Partial<Record<'src' | 'dst', string>> = {};
  let { plain } = part;
  for (const name of ['src', 'dst'] as const) {
    const text: unknown = given?.[name];
    if (typeof text !== 'string') continue;
    const [address, length] = splitPrefix(text);
    if (length === undefined) continue;
    lengths[name] = length;
    plain = { ...plain, [name]: address };
  }
  const { slots } = flowFrom({ [tuple.group]: plain }, argument);
  const compared = comparisonsOf(tuple, slots).map((comparison): Comparison => {
    const { slot, value } = comparison;
    const name = nameOfAddress(tuple, slot);
    const length = name === undefined ? undefined : lengths[name];
    if (length === undefined) return comparison;
    const bits = typeof value === 'number' ? 32 : 128;
    const prefix = readPrefix(length, bits, `${argument}.${tuple.group}.${name}`);
    const mask = prefixMask(prefix);
    const masked = typeof value === 'number' ? value & mask : value;
    return { tuple, slot, value: masked, prefix: prefix === bits ? undefined : prefix, mask };
  });
  // A number is what a dump has of other protocols, and AF_UNSPEC (0) would be every family.
  const family = given?.family;
  if (family !== undefined) checkFamily(family, `${argument}.${tuple.group}.family`);
  for (const [slot, set] of part.sets) compared.push(oneOfSeveral(tuple, slot, set));
  return { family: slots[tuple.family] as number | undefined, compared };
}

/** A tuple of a filter, taken apart. */
interface TuplePart {
  /** What has one value each. */
  readonly plain: TupleInit | undefined;
  /** By slot, what has several. */
  readonly sets: readonly (readonly [slot: number, set: RangeSet])[];
}

/**
 * A tuple of a filter: written in braces, or such a part of a flow. Its ports may be several.
 * @throws TypeError for anything else, which would be read as one without properties; TypeError, RangeError naming the
 * part
 */
export function readPart(given: TupleFilter | undefined, tuple: TupleSlots, argument: string): TuplePart {
  // A flow has one value of each.
  if (given === undefined || given instanceof Group) return { plain: given as TupleInit | undefined, sets: [] };
  checkPlain(given, argument);
  checkGiven(given, argument);
  const { sport, dport } = given;
  const plain: Record<string, unknown> = { ...given };
  const sets: (readonly [number, RangeSet])[] = [];
  for (const [name, ports] of [
    ['sport', sport],
    ['dport', dport],
  ] as const) {
    if (ports === undefined) continue;
    const read = readRanges(ports, KINDS.be16.max!, `${argument}.${name}`);
    plain[name] = read instanceof RangeSet ? undefined : read;
    if (read instanceof RangeSet) sets.push([tuple[name], read]);
  }
  return { plain, sets };
}

function nameOfAddress({ src4, src6, dst4, dst6 }: TupleSlots, slot: number): 'src' | 'dst' | undefined {
  if (slot === src4 || slot === src6) return 'src';
  return slot === dst4 || slot === dst6 ? 'dst' : undefined;
}

function checkFamily(family: unknown, argument: string): number {
  if (typeof family === 'string' && Object.hasOwn(FAMILIES, family)) return FAMILIES[family as Family];
  throw new RangeError(`${argument} must be 'ipv4' or 'ipv6', not ${describe(family)}`);
}

/** A value with its mask: `whole` or, where there is none, the value itself. */
function masked(
  given: unknown,
  argument: string,
  check: (value: unknown, argument: string) => number,
  whole?: number,
): Masked | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    checkGiven(given, argument);
    const { value, mask, ...others } = given as Record<string, unknown>;
    const [other] = Object.keys(others);
    if (other !== undefined) throw new TypeError(`${argument}.${other} is not one of value, mask`);
    return { value: check(value, `${argument}.value`), mask: check(mask, `${argument}.mask`) };
  }
  const value = check(given, argument);
  return { value, mask: whole ?? value };
}
