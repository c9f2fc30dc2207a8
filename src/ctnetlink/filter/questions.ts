/** A filter as questions about attributes, and the values around which their answers change: for excludes.ts. */
import { AF_INET, AF_INET6 } from '../../uapi/socket.ts';
import { ATTRIBUTES } from '../attributes/flow.ts';
import { KINDS, type SlotValue } from '../attributes/kinds.ts';
import { HELPER, LABELS, MARK, ORIG, REPLY, STATUS, ZONE, ZONES } from '../slots.ts';
import { AllOf, AnyOf, type Condition, Not } from './condition.ts';
import type { Masked } from './language.ts';
import { AddressCondition, CounterCondition, HelperCondition, IntegerCondition, LabelCondition } from './leaves.ts';
import { SAMPLE_PROTOCOLS } from './possible.ts';
import { byteMask, prefixMask } from './prefix.ts';
import { RangeSet } from './ranges.ts';
import { type Comparison, FilterTerms } from './terms.ts';

const ZONE_COUNT = 65_536;

/** A condition about one attribute, or about several that are looked at together. */
export interface Question {
  readonly condition: Condition;
  /** The slots that it looks at. Of an address the one of IPv4, which is here for both. */
  readonly slots: readonly number[];
  /** What the slots may have, beside what follows from the other two. */
  readonly values: readonly SlotValue[];
  /** Bits of a mark or a status. */
  readonly masked?: Masked;
  /** Bits of labels. */
  readonly labels?: readonly number[];
}

/** The tree of a filter, with questions as its leaves. */
export type Node =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Node[] }
  | { readonly kind: 'not'; readonly part: Node }
  | { readonly kind: 'question'; readonly question: Question };

export function nodeOf(condition: Condition): Node {
  if (condition instanceof Not) return { kind: 'not', part: nodeOf(condition.condition) };
  if (condition instanceof AnyOf)
    return isAnyZone(condition) ? { kind: 'all', parts: [] } : { kind: 'any', parts: condition.conditions.map(nodeOf) };
  if (condition instanceof AllOf)
    return { kind: 'all', parts: [...questionsOf(condition.terms), ...condition.conditions.map(nodeOf)] };
  if (condition instanceof IntegerCondition) {
    const { slots, set, absent } = condition;
    const values = integers(slots[0], set);
    return anyOf(slots.map((slot) => ask(new IntegerCondition([slot], set, absent), [slot], values)));
  }
  if (condition instanceof AddressCondition) {
    const { four, six, set } = condition;
    const values = addresses(condition);
    return anyOf(four.map((slot, at) => ask(new AddressCondition([slot], [six[at]], set), [slot], values)));
  }
  if (condition instanceof LabelCondition) return ask(condition, [LABELS], [], { labels: condition.bits });
  if (condition instanceof HelperCondition) return ask(condition, [HELPER], [...condition.names, '?']);
  if (condition instanceof CounterCondition) {
    const values = condition.set.bounds.flatMap((bound) => [BigInt(bound) - 1n, BigInt(bound), BigInt(bound) + 1n]);
    return ask(
      condition,
      condition.slots,
      values.filter((each) => each >= 0n),
    );
  }
  throw new TypeError('there is no question for this condition');
}

/** Every zone is named: as questions they would be more than can be tried. */
function isAnyZone({ conditions }: AnyOf): boolean {
  if (conditions.length < ZONE_COUNT) return false;
  return new Set(conditions.map(zoneOf).filter((zone) => zone !== undefined)).size === ZONE_COUNT;
}

/** The zone, of a condition that looks at nothing else. */
function zoneOf(condition: Condition): number | undefined {
  if (!(condition instanceof AllOf) || condition.conditions.length > 0) return undefined;
  const { zone } = condition.terms;
  return zone !== undefined && questionsOf(condition.terms).length === 1 ? zone : undefined;
}

function ask(condition: Condition, slots: readonly number[], values: readonly SlotValue[], more?: object): Node {
  return { kind: 'question', question: { condition, slots, values, ...more } };
}

/** One of these suffices, whatever the others have. */
function anyOf(parts: readonly Node[]): Node {
  return parts.length === 1 ? parts[0] : { kind: 'any', parts };
}

function questionsOf({ family, mark, status, zone, compared }: FilterTerms): Node[] {
  const questions: Node[] = [];
  const add = (terms: Partial<FilterTerms>, slots: readonly number[], values: SlotValue[], more?: object): void => {
    questions.push(ask(new FilterTerms(terms), slots, values, more));
  };
  if (family !== undefined) add({ family }, [ORIG.family], [AF_INET, AF_INET6]);
  if (mark !== undefined) add({ mark }, [MARK], [], { masked: mark });
  if (status !== undefined) add({ status }, [STATUS], [], { masked: status });
  if (zone !== undefined) add({ zone }, ZONES, integers(ZONE, new RangeSet([{ from: zone, to: zone }])));
  for (const comparison of compared) {
    const { tuple, slot } = comparison;
    add({ compared: [comparison] }, slot === tuple.zone ? ZONES : [placeOf(slot)], comparedValues(comparison));
  }
  return questions;
}

/** Of an address the slot of IPv4. */
function placeOf(slot: number): number {
  for (const { src4, src6, dst4, dst6 } of [ORIG, REPLY]) {
    if (slot === src6) return src4;
    if (slot === dst6) return dst4;
  }
  return slot;
}

/** As the slot has them: the ends of each range, and what is beside them. */
function integers(slot: number, set: RangeSet): SlotValue[] {
  const { kind } = ATTRIBUTES[slot];
  const { max = 0xff } = KINDS[kind] as { max?: number };
  return set.bounds
    .flatMap((bound) => [bound - 1, bound, bound + 1])
    .filter((value) => value >= 0 && value <= max)
    .map((value) => value | 0);
}

function comparedValues({ slot, value, prefix, mask }: Comparison): SlotValue[] {
  if (value instanceof RangeSet) return integers(slot, value);
  if (value instanceof Uint8Array) return around(value, prefix ?? 128);
  if (placeOf(slot) === slot && !isAddress(slot)) return integers(slot, new RangeSet([{ from: value, to: value }]));
  return aroundIpv4(value, mask);
}

function isAddress(slot: number): boolean {
  return [ORIG, REPLY].some(({ src4, dst4 }) => slot === src4 || slot === dst4);
}

function addresses({ set }: AddressCondition): SlotValue[] {
  const values: SlotValue[] = [];
  for (const { length, addresses: four } of set.four)
    for (const address of four) values.push(...aroundIpv4(address, prefixMask(length)));
  for (const { length, addresses: six } of set.six) for (const bytes of six) values.push(...around(bytes, length));
  return values;
}

/** The first and the last address, and those beside them. */
function aroundIpv4(address: number, mask: number): number[] {
  const last = address | ~mask;
  return [address, last, (address - 1) | 0, (last + 1) | 0];
}

function around(address: Uint8Array, length: number): Uint8Array[] {
  const first = address.map((byte, at) => byte & byteMask(length - 8 * at));
  const last = address.map((byte, at) => byte | (0xff & ~byteMask(length - 8 * at)));
  return [first, last, stepped(first, 0xff), stepped(last, 1)];
}

/** One more, or with 255 one less. */
function stepped(address: Uint8Array, step: 1 | 255): Uint8Array {
  const next = address.slice();
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] += step;
    if (next[at] !== (step === 1 ? 0 : 0xff)) break;
  }
  return next;
}

/** What any flow may have in a slot, beside what questions say. */
export function commonValues(slot: number): SlotValue[] {
  if (slot === ORIG.family) return [];
  if (slot === ORIG.proto || slot === REPLY.proto) return [0, ...SAMPLE_PROTOCOLS];
  if (isAddress(slot)) return [0, -1, new Uint8Array(16), new Uint8Array(16).fill(0xff)];
  // Every flow of the kernel has the ones above, and this; anything else may be absent.
  return slot === REPLY.family ? [0, 0xff] : [undefined];
}
