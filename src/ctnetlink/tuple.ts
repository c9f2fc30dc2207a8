/** What the kernel demands of a tuple, and how the tuples of the two directions follow from each other. */

import * as ipproto from '../uapi/in.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from './icmp.ts';
import { PROTOCOL_NAMES } from './names.ts';
import { demandedParts, type Part, PORTS } from './protocols.ts';
import { ORIG, REPLY, TUPLE_PARTS, type TupleSlots, ZONE } from './slots.ts';

/** Copies a tuple, without its zone, from the slots of one holder to those of another. */
export function copyTupleParts(
  from: readonly SlotValue[],
  source: TupleSlots,
  to: SlotValue[],
  target: TupleSlots,
): void {
  for (const part of TUPLE_PARTS) to[target[part]] = from[source[part]];
}

/** Sets the addresses and protocols of `to` to the inverse of `from`, as an answer has them. */
export function turnRound(slots: SlotValue[], from: TupleSlots, to: TupleSlots): void {
  slots[to.family] = slots[from.family];
  slots[to.proto] = slots[from.proto];
  slots[to.src4] = slots[from.dst4];
  slots[to.dst4] = slots[from.src4];
  slots[to.src6] = slots[from.dst6];
  slots[to.dst6] = slots[from.src6];
}

/**
 * Sets what is not set of the tuple `to` to what it is as the inverse of `from`, as an answer to the first packet has
 * it: the addresses and ports swapped, the same protocol, and of ICMP the same code and identifier and the type that
 * answers. A zone is a direction's own, and addresses are those of one family.
 */
export function completeFrom(slots: SlotValue[], from: TupleSlots, to: TupleSlots): void {
  slots[to.family] ??= slots[from.family];
  if (slots[to.family] === slots[from.family]) {
    slots[to.src4] ??= slots[from.dst4];
    slots[to.dst4] ??= slots[from.src4];
    slots[to.src6] ??= slots[from.dst6];
    slots[to.dst6] ??= slots[from.src6];
  }
  slots[to.proto] ??= slots[from.proto];
  slots[to.sport] ??= slots[from.dport];
  slots[to.dport] ??= slots[from.sport];
  slots[to.icmpId] ??= slots[from.icmpId];
  slots[to.icmpCode] ??= slots[from.icmpCode];
  slots[to.icmpType] ??= answerTo(slots[from.proto], slots[from.icmpType]);
}

function answerTo(proto: SlotValue, type: SlotValue): SlotValue {
  if (typeof type !== 'number') return undefined;
  const answers =
    proto === ipproto.IPPROTO_ICMPV6 ? ICMPV6_ANSWERS : proto === ipproto.IPPROTO_ICMP ? ICMP_ANSWERS : {};
  return answers[type] ?? type;
}

/** True when an address of the tuple is set. */
export function hasAddress(slots: readonly SlotValue[], { src4, dst4, src6, dst6 }: TupleSlots): boolean {
  return (
    slots[src4] !== undefined || slots[dst4] !== undefined || slots[src6] !== undefined || slots[dst6] !== undefined
  );
}

/** True when anything of the tuple but its family is set. */
export function hasTuple(slots: readonly SlotValue[], tuple: TupleSlots): boolean {
  const { all } = tuple;
  for (let i = 0; i < all.length; i++) if (slots[all[i]] !== undefined) return true;
  return false;
}

/**
 * The zone of a flow's original direction, of both directions or of that one: 0 where it has none, or one of the reply
 * direction only.
 */
export function origZone(slots: readonly SlotValue[]): number {
  // With the zone 0 of both directions, a request may have one of a direction (ctnetlink_parse_tuple_zone).
  return (slots[ZONE] || slots[ORIG.zone] || 0) as number;
}

/** The zone in which the kernel finds the expectations of a master, of whatever direction (nf_ct_zone_equal_any). */
export function expectationsZone(slots: readonly SlotValue[]): number {
  return (origZone(slots) || slots[REPLY.zone] || 0) as number;
}

/** The kernel demands ports of its protocol, or the keys of GRE. */
export function hasPorts(slots: readonly SlotValue[], { proto }: TupleSlots): boolean {
  return demandedParts(slots[proto] as number) === PORTS;
}

/** A tuple without what its protocol has: the kernel would answer EINVAL. */
export class IncompleteTupleError extends TypeError {}

/**
 * The kernel takes a request with half a tuple for a mistake; a DELETE without any for a flush.
 * @param known the kernel gave the entry an id, and so the tuple: one that does not track a protocol gives none of its
 * ports
 * @throws TypeError naming what is missing
 */
export function checkTuple(slots: readonly SlotValue[], tuple: TupleSlots, argument: string, known = false): void {
  const { src4, src6, dst4, dst6, proto } = tuple;
  const missing =
    slots[src4] === undefined && slots[src6] === undefined
      ? 'src'
      : slots[dst4] === undefined && slots[dst6] === undefined
        ? 'dst'
        : slots[proto] === undefined
          ? 'proto'
          : undefined;
  if (missing !== undefined) throw new TypeError(`${argument}.${tuple.group}.${missing} is required`);
  if (known) return;
  const parts = demandedParts(slots[proto] as number);
  for (let i = 0; i < parts.length; i++)
    if (slots[tuple[parts[i]]] === undefined) throw incomplete(slots, tuple, argument, parts);
}

function incomplete(
  slots: readonly SlotValue[],
  tuple: TupleSlots,
  argument: string,
  parts: readonly Part[],
): IncompleteTupleError {
  const names = parts
    .filter((part) => slots[tuple[part]] === undefined)
    .map((part) => `${argument}.${tuple.group}.${part}`);
  const are = names.length === 1 ? 'is' : 'are';
  return new IncompleteTupleError(
    `${names.join(' and ')} ${are} required with proto '${PROTOCOL_NAMES[slots[tuple.proto] as number]}'`,
  );
}
