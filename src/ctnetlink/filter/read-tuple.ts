/** Reads the part of a filter about one direction. */
import { checkGiven, checkPlain, describe } from '../../netlink/check.ts';
import { Group } from '../accessors/groups.ts';
import type { TupleInit } from '../attributes/flow-properties.ts';
import { KINDS, type KindName } from '../attributes/kinds.ts';
import { flowFrom } from '../flow.ts';
import { FAMILIES, type Family } from '../names.ts';
import type { TupleSlots } from '../slots.ts';
import { Builder } from './builder.ts';
import type { TupleFilter } from './language.ts';
import { AddressCondition } from './leaves.ts';
import { prefixMask, readPrefix, splitPrefix } from './prefix.ts';
import { PrefixSet } from './prefix-set.ts';
import { compileRanges, readRanges } from './ranges.ts';
import { type Comparison, comparisonsOf, oneOfSeveral } from './terms.ts';
import { readNot, valuesOf } from './value-list.ts';

type Tuple = TupleSlots<'orig' | 'reply'>;

/** The integers of a tuple that may be several, and what each is. */
const INTEGERS = {
  proto: 'proto',
  icmpType: 'u8',
  icmpCode: 'u8',
  icmpId: 'be16',
  zone: 'be16',
} as const satisfies Partial<Record<keyof TupleFilter, KindName>>;

/**
 * @param given written in braces, or such a part of a flow
 * @throws TypeError for anything else, which would be read as one without properties; TypeError, RangeError naming the
 * part
 */
export function readTuple(builder: Builder, tuple: Tuple, given: unknown, argument: string): void {
  const name = `${argument}.${tuple.group}`;
  // A flow has one value of each.
  if (given instanceof Group) {
    readPlain(builder, tuple, [given as TupleInit], argument, {});
    return;
  }
  checkPlain(given, name);
  checkGiven(given as object, name);
  const plain: Record<string, unknown> = {};
  const prefixes: Record<string, unknown> = {};
  for (const [key, listed] of Object.entries(given as object)) {
    const part = `${name}.${key}`;
    const value = isAddress(key) ? onlyOf(listed) : listed;
    if (key === 'family') {
      // A number is what a dump has of other protocols, and AF_UNSPEC (0) would be every family.
      if (typeof value === 'object' && value !== null) readNot(builder, value, part, readFamilies);
      else {
        checkFamily(value, part);
        plain[key] = value;
      }
    } else if (key === 'sport' || key === 'dport') {
      readNot(builder, value, part, (inner, ports, argument) =>
        inner.compare(oneOfSeveral(tuple, tuple[key], readRanges(ports, KINDS.be16.max!, argument))),
      );
    } else if (isAddress(key) && typeof value === 'object' && value !== null) {
      const places = [tuple[`${key}4`], tuple[`${key}6`]];
      readNot(builder, value, part, (inner, addresses, argument) =>
        readAddresses(inner, [places[0]], [places[1]], addresses, argument),
      );
    } else if (Object.hasOwn(INTEGERS, key) && typeof value === 'object' && value !== null) {
      const integer = key as keyof typeof INTEGERS;
      readNot(builder, value, part, (inner, integers, argument) => {
        const { values, names } = valuesOf(integers, argument);
        const read = values.map((each, at) => KINDS[INTEGERS[integer]].set(each, names[at]) as number);
        inner.compare(
          oneOfSeveral(tuple, tuple[integer], compileRanges(read.map((each) => ({ from: each, to: each })))),
        );
      });
    } else if (isAddress(key)) prefixes[key] = value;
    else plain[key] = value;
  }
  readParts(builder, tuple, plain as TupleInit, argument, prefixes);
}

function isAddress(key: string): key is 'src' | 'dst' {
  return key === 'src' || key === 'dst';
}

/** A list of one address is that address, which kernels can compare. */
function onlyOf(given: unknown): unknown {
  return Array.isArray(given) && given.length === 1 && typeof given[0] === 'string' ? given[0] : given;
}

/**
 * What has one value each. The family and each address are parts of their own: of different families they can match
 * nothing, and are no mistake of the flow that they would make together.
 * @param addresses that may have a prefix length
 */
function readParts(
  builder: Builder,
  tuple: Tuple,
  { family, ...plain }: TupleInit,
  argument: string,
  addresses: Readonly<Record<string, unknown>>,
): void {
  const lengths: Lengths = {};
  const parts: TupleInit[] = [plain, { family }];
  for (const name of ['src', 'dst'] as const) {
    const text = addresses[name];
    if (text === undefined) continue;
    const [address, length] = typeof text === 'string' ? splitPrefix(text) : [text, undefined];
    if (length !== undefined) lengths[name] = length;
    parts.push({ [name]: address });
  }
  readPlain(builder, tuple, parts, argument, lengths);
}

/** The prefix lengths of addresses. */
type Lengths = Partial<Record<'src' | 'dst', string>>;

function readPlain(
  builder: Builder,
  tuple: Tuple,
  parts: readonly TupleInit[],
  argument: string,
  lengths: Lengths,
): void {
  const group = `${argument}.${tuple.group}`;
  const inner = new Builder(group);
  const compared: Comparison[] = [];
  for (const part of parts) {
    const { slots } = flowFrom({ [tuple.group]: part }, argument);
    compared.push(...comparisonsOf(tuple, slots));
    const family = slots[tuple.family];
    if (family !== undefined) inner.family(family as number);
  }
  for (const comparison of compared.sort((a, b) => a.slot - b.slot)) {
    const { slot, value } = comparison;
    const name = nameOfAddress(tuple, slot);
    const length = name === undefined ? undefined : lengths[name];
    inner.compare(length === undefined ? comparison : withPrefix(comparison, value, length, `${group}.${name}`));
  }
  builder.merge(inner.build());
}

function withPrefix(comparison: Comparison, value: Comparison['value'], length: string, argument: string): Comparison {
  const bits = typeof value === 'number' ? 32 : 128;
  const prefix = readPrefix(length, bits, argument);
  const mask = prefixMask(prefix);
  const masked = typeof value === 'number' ? value & mask : value;
  return { ...comparison, value: masked, prefix: prefix === bits ? undefined : prefix, mask };
}

function nameOfAddress({ src4, src6, dst4, dst6 }: TupleSlots, slot: number): 'src' | 'dst' | undefined {
  if (slot === src4 || slot === src6) return 'src';
  return slot === dst4 || slot === dst6 ? 'dst' : undefined;
}

/** One of these addresses in one of these slots. */
export function readAddresses(
  builder: Builder,
  four: readonly number[],
  six: readonly number[],
  given: unknown,
  argument: string,
): void {
  const { values } = valuesOf(given, argument);
  const set = new PrefixSet(values, Array.isArray(given) ? (index) => `${argument}[${index}]` : () => argument);
  builder.addAddresses(new AddressCondition(four, six, set), set.four.length > 0, set.six.length > 0);
}

/** The flow has one of these families. */
export function readFamilies(builder: Builder, given: unknown, argument: string): void {
  const { values, names } = valuesOf(given, argument);
  builder.any(values, names, (inner, value, name) => inner.family(checkFamily(value, name)));
}

function checkFamily(family: unknown, argument: string): number {
  if (typeof family === 'string' && Object.hasOwn(FAMILIES, family)) return FAMILIES[family as Family];
  throw new RangeError(`${argument} must be 'ipv4' or 'ipv6', not ${describe(family)}`);
}
