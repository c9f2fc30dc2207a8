/** What a flow or an expectation that came back lacks of the one that was dumped, and why. */

import { IPS_ASSURED, IPS_CONFIRMED, IPS_EXPECTED, IPS_HELPER, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';

import { EXPECTATION_ATTRIBUTES } from './attributes/expectation.ts';
import { ATTRIBUTES } from './attributes/flow.ts';

import {
  KINDS,
  type Kind,
  type SlotHolder,
  type SlotValue,
  sameValue,
  type UnknownAttribute,
} from './attributes/kinds.ts';
import type { AttributeRow } from './attributes/row.ts';
import { labelBits } from './labels.ts';
import { isOffloaded } from './offloaded.ts';
import { TCP_STATE, TIMEOUT } from './slots.ts';
import { statusNames } from './status.ts';
import { areFlagsAlike } from './tcp-flags.ts';

/** Something that an item came back without, or with another value. */
export interface Loss {
  /** The property, such as 'labels' or 'tcp.state'; the group alone if nothing of it came back, such as 'master'. */
  property: string;
  /** Why, and what there is instead. */
  reason: string;
}

/** How a slot is compared. */
const EXACTLY = 0;
/** Not at all: a mask of a request, or what only a request has. */
const NEVER = 1;
/** The kernel counts or assigns it: never the same, and no loss to the flow. */
const COUNTED = 2;
/** The kernel leaves out 0, or gives all flows one. */
const ZERO_IS_UNSET = 3;
const AS_STATUS = 4;
const AS_TIMEOUT = 5;
const AS_TCP_FLAGS = 6;
const AS_LABELS = 7;

/**
 * The kernel limits a timeout to 2^31 ticks, which is 24 days and more. A difference of less than a day is the clock.
 */
const LONG_TIMEOUT = 2_000_000;
const DAY = 86_400;

/** Every flow of a table is CONFIRMED, and packets that came meanwhile may have set the others. */
const MAY_BE_SET = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED;

type Ways = Readonly<Record<string, number>>;

/** By property, or by its group. */
const OF_FLOWS: Ways = {
  statusMask: NEVER,
  markMask: NEVER,
  labelsMask: NEVER,
  snat: NEVER,
  dnat: NEVER,
  filter: NEVER,
  'tcp.maskOrig': NEVER,
  'tcp.maskReply': NEVER,
  id: COUNTED,
  // References of the moment, that of the look-up included.
  use: NEVER,
  countersOrig: COUNTED,
  countersReply: COUNTED,
  timestamp: COUNTED,
  zone: ZERO_IS_UNSET,
  'orig.zone': ZERO_IS_UNSET,
  'reply.zone': ZERO_IS_UNSET,
  mark: ZERO_IS_UNSET,
  synproxy: ZERO_IS_UNSET,
  status: AS_STATUS,
  timeout: AS_TIMEOUT,
  'tcp.flagsOrig': AS_TCP_FLAGS,
  'tcp.flagsReply': AS_TCP_FLAGS,
  labels: AS_LABELS,
};

const OF_EXPECTATIONS: Ways = {
  id: COUNTED,
  zone: NEVER,
  timeout: AS_TIMEOUT,
};

/** Compares entries of one subsystem, slot by slot. */
export class LossFinder {
  readonly #rows: readonly AttributeRow[];
  readonly #ways: Uint8Array;

  constructor(rows: readonly AttributeRow[], ways: Ways) {
    this.#rows = rows;
    this.#ways = Uint8Array.from(rows, ({ property }) => ways[property] ?? ways[groupOf(property)] ?? EXACTLY);
  }

  /** The property in this slot. */
  propertyOf(slot: number): string {
    return this.#rows[slot].property;
  }

  /**
   * What `found` lacks of `wanted`; undefined if nothing. Nothing is allocated for an entry that came back whole.
   * @param recounted by slot: how many entries lost what the kernel counts or assigns; one more for each that this one
   * lost
   */
  find(wanted: SlotHolder, found: SlotHolder, recounted: number[]): Loss[] | undefined {
    const ways = this.#ways;
    const one = wanted.slots;
    const two = found.slots;
    let losses: Loss[] | undefined;
    for (let slot = 0; slot < one.length; slot++) {
      const was = one[slot];
      const now = two[slot];
      if (was === now || was === undefined) continue;
      const way = ways[slot];
      if (way === NEVER || isAlike(was, now, way)) continue;
      if (way === COUNTED || (way === AS_TCP_FLAGS && areFlagsAlike(was as number, (now ?? 0) as number))) {
        recounted[slot] = (recounted[slot] ?? 0) + 1;
        continue;
      }
      losses ??= [];
      addLoss(losses, this.#propertyFor(slot, two), this.#reason(slot, way, was, now));
    }
    if (wanted.unknown !== undefined) losses = withUnknown(losses, wanted.unknown, found.unknown);
    return losses;
  }

  /** The group, if nothing of it came back. */
  #propertyFor(slot: number, found: readonly SlotValue[]): string {
    const { property } = this.#rows[slot];
    const group = groupOf(property);
    if (group === property || found[slot] !== undefined) return property;
    const some = this.#rows.some((row, at) => groupOf(row.property) === group && found[at] !== undefined);
    return some ? property : group;
  }

  #reason(slot: number, way: number, was: SlotValue, now: SlotValue): string {
    if (way === AS_STATUS) return statusReason(was as number, (now ?? 0) as number);
    if (way === AS_LABELS && now === undefined)
      return 'no rule of this network namespace uses labels, so the flow has no room for them; load a ruleset that does (`ct label`), and restore the flow again';
    const { kind, property } = this.#rows[slot];
    const fixed = REASONS[property];
    if (fixed !== undefined) return fixed;
    if (now === undefined) return 'this kernel took it, but does not report it';
    const text = (value: SlotValue): string => String((KINDS[kind] as Kind).get(value as never));
    return `the kernel has ${text(now)} instead of ${text(was)}`;
  }
}

/** What only the kernel sets. */
const REASONS: Readonly<Record<string, string>> = {
  secctx: 'only the kernel sets a security context, when its rules see a packet',
  secmark: 'only the kernel sets a security mark, when its rules see a packet',
};

function groupOf(property: string): string {
  const dot = property.indexOf('.');
  return dot < 0 ? property : property.slice(0, dot);
}

function isAlike(was: SlotValue, now: SlotValue, way: number): boolean {
  switch (way) {
    case ZERO_IS_UNSET:
      return (was === 0 && now === undefined) || sameValue(was, now);
    case AS_STATUS:
      return (((was as number) ^ ((now ?? 0) as number)) & ~((now as number) & MAY_BE_SET)) === 0;
    case AS_TIMEOUT:
      return !(unsigned(was) > LONG_TIMEOUT && unsigned(now) < unsigned(was) - DAY);
    case AS_LABELS:
      if (sameValue(was, now)) return true;
      return labelBits(was as Uint8Array).join() === labelBits((now ?? NO_LABELS) as Uint8Array).join();
    default:
      return sameValue(was, now);
  }
}

const NO_LABELS = new Uint8Array(0);

function unsigned(value: SlotValue): number {
  return ((value ?? 0) as number) >>> 0;
}

function statusReason(was: number, now: number): string {
  const lost = was & ~now;
  const gained = now & ~was & ~MAY_BE_SET;
  const parts: string[] = [];
  if ((lost & IPS_EXPECTED) !== 0) parts.push('a flow is EXPECTED only if it has its master');
  const others = statusNames(lost & ~IPS_EXPECTED);
  if (others.length > 0) parts.push(`only the kernel sets ${others.join(', ')}`);
  if ((gained & IPS_HELPER) !== 0) parts.push('a flow gets HELPER if a request gives its helper');
  const more = statusNames(gained & ~IPS_HELPER);
  if (more.length > 0) parts.push(`the kernel also set ${more.join(', ')}`);
  return parts.join('; ');
}

/** One loss for each property. */
function addLoss(losses: Loss[], property: string, reason: string): void {
  if (!losses.some((loss) => loss.property === property)) losses.push({ property, reason });
}

function withUnknown(
  losses: Loss[] | undefined,
  wanted: readonly UnknownAttribute[],
  found: readonly UnknownAttribute[] | undefined,
): Loss[] | undefined {
  const lost = wanted.filter(
    ({ level, type, value }) =>
      found?.some((each) => each.level === level && each.type === type && sameValue(each.value, value)) !== true,
  );
  if (lost.length === 0) return losses;
  const all = losses ?? [];
  const types = lost.map(({ type }) => type).join(', ');
  addLoss(all, 'unknown', `this kernel did not keep the attributes of the types ${types}`);
  return all;
}

/** Of flows. */
export const FLOW_LOSSES: LossFinder = new LossFinder(ATTRIBUTES, OF_FLOWS);
/** Of expectations. */
export const EXPECTATION_LOSSES: LossFinder = new LossFinder(EXPECTATION_ATTRIBUTES, OF_EXPECTATIONS);

/** What a flow that a flowtable had lacks beside that: its own request gave it something else. */
export function addOffloadLosses(losses: Loss[], wanted: readonly SlotValue[], restored: readonly SlotValue[]): void {
  if (!isOffloaded(wanted)) return;
  const timeout = unsigned(restored[TIMEOUT]);
  addLoss(losses, 'timeout', `the kernel reports none of an offloaded flow; it was given ${timeout} s`);
  if (wanted[TCP_STATE] === undefined && restored[TCP_STATE] !== undefined)
    addLoss(losses, 'tcp', 'the kernel reports no state of an offloaded flow; it was given ESTABLISHED');
}
