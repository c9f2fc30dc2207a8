/** A filter as questions about single attributes, and the values around which their answers change: for excludes.ts. */
import { AF_INET, AF_INET6 } from '../../uapi/socket.ts';
import { ATTRIBUTES } from '../attributes/flow.ts';
import { KINDS, type SlotValue } from '../attributes/kinds.ts';
import { labelWords } from '../labels.ts';
import { HELPER, LABELS, MARK, ORIG, REPLY, STATUS, ZONE } from '../slots.ts';
import { AllOf, AnyOf, type Condition, Not } from './condition.ts';
import type { Masked } from './language.ts';
import { AddressCondition, CounterCondition, HelperCondition, IntegerCondition, LabelCondition } from './leaves.ts';
import { byteMask, prefixMask } from './prefix.ts';
import { RangeSet } from './ranges.ts';
import { type Comparison, FilterTerms } from './terms.ts';

/** Ranges, addresses or bits of one condition that values are taken of. */
const MOST = 64;
const ZONES = [ZONE, ORIG.zone, REPLY.zone];
/** Every flow of the kernel has them; anything else may be absent. */
const ALWAYS: readonly number[] = [ORIG, REPLY].flatMap((tuple) => [tuple.family, tuple.proto, tuple.src4, tuple.dst4]);

/** A condition about one attribute, or about several of a kind. */
export interface Question {
  readonly condition: Condition;
  /** The slots that it looks at. Of an address the one of IPv4, which is here for both. */
  readonly slots: readonly number[];
  /** One slot that meets it suffices, whatever the others have. */
  readonly any: boolean;
  /** What the slots may have. */
  readonly values: readonly SlotValue[];
}

/** The tree of a filter, with questions as its leaves. */
export type Node =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Node[] }
  | { readonly kind: 'not'; readonly part: Node }
  | { readonly kind: 'question'; readonly question: Question };

export function nodeOf(condition: Condition): Node {
  if (condition instanceof Not) return { kind: 'not', part: nodeOf(condition.condition) };
  if (condition instanceof AnyOf) return { kind: 'any', parts: condition.conditions.map(nodeOf) };
  if (condition instanceof AllOf) {
    const asked = questionsOf(condition.terms).map((question): Node => ({ kind: 'question', question }));
    return { kind: 'all', parts: [...asked, ...condition.conditions.map(nodeOf)] };
  }
  return { kind: 'question', question: questionOf(condition) };
}

function questionsOf({ family, mark, status, zone, compared }: FilterTerms): Question[] {
  const questions: Question[] = [];
  const ask = (terms: Partial<FilterTerms>, slots: readonly number[], values: SlotValue[]): void => {
    questions.push({ condition: new FilterTerms(terms), slots, any: false, values });
  };
  if (family !== undefined) ask({ family }, [ORIG.family], [AF_INET, AF_INET6]);
  if (mark !== undefined) ask({ mark }, [MARK], maskedValues(mark));
  if (status !== undefined) ask({ status }, [STATUS], maskedValues(status));
  if (zone !== undefined) ask({ zone }, ZONES, integers(ZONE, new RangeSet([{ from: zone, to: zone }])));
  for (const comparison of compared) {
    const { tuple, slot } = comparison;
    const isZone = slot === tuple.zone;
    ask({ compared: [comparison] }, isZone ? ZONES : [placeOf(slot)], comparedValues(comparison));
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

function questionOf(leaf: Condition): Question {
  const ask = (slots: readonly number[], any: boolean, values: SlotValue[]): Question => ({
    condition: leaf,
    slots,
    any,
    values,
  });
  if (leaf instanceof IntegerCondition) return ask(leaf.slots, true, integers(leaf.slots[0], leaf.set));
  if (leaf instanceof AddressCondition) return ask(leaf.four, true, addresses(leaf));
  if (leaf instanceof LabelCondition) {
    const bits = leaf.bits.slice(0, MOST);
    const words = [bits, ...bits.map((bit) => [bit]), ...bits.map((bit) => bits.filter((other) => other !== bit))];
    return ask(
      [LABELS],
      false,
      words.map((each) => labelWords(each)),
    );
  }
  if (leaf instanceof HelperCondition) return ask([HELPER], false, [...[...leaf.names].slice(0, MOST), '?']);
  if (leaf instanceof CounterCondition) {
    const values = some(leaf.set.bounds).flatMap((bound): SlotValue[] => {
      const exact = BigInt(bound);
      return [exact - 1n, exact, exact + 1n].filter((each) => each >= 0n);
    });
    return ask(leaf.slots, false, values);
  }
  throw new TypeError('there is no question for this condition');
}

/** The first and the last of many. */
function some<T>(list: readonly T[]): readonly T[] {
  return list.length <= 2 * MOST ? list : [...list.slice(0, MOST), ...list.slice(-MOST)];
}

/** As the slot has them: the ends of each range, and what is beside them. */
function integers(slot: number, set: RangeSet): SlotValue[] {
  const { kind } = ATTRIBUTES[slot];
  const { max = 0xff } = KINDS[kind] as { max?: number };
  return some(set.bounds)
    .flatMap((bound) => [bound - 1, bound, bound + 1])
    .filter((value) => value >= 0 && value <= max)
    .map((value) => value | 0);
}

function maskedValues({ value, mask }: Masked): SlotValue[] {
  if (mask === 0xffffffff) return [0, value | 0, (value + 1) | 0];
  const values = [0, -1, value | 0, ~value & mask];
  for (let bit = 0; bit < 32; bit++) if (((mask >>> bit) & 1) === 1) values.push((value ^ (1 << bit)) | 0);
  return values;
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
    for (const address of some(four)) values.push(...aroundIpv4(address, prefixMask(length)));
  for (const { length, addresses: six } of set.six)
    for (const bytes of some(six)) values.push(...around(bytes, length));
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
  if (isAddress(slot)) return [0, -1, new Uint8Array(16), new Uint8Array(16).fill(0xff)];
  return ALWAYS.includes(slot) ? [0, 0xff] : [undefined];
}
