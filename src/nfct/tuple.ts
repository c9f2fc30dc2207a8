/**
 * What C knows of tuples: which attributes make one, which protocols have ports, and how the ICMP of a reply follows.
 */

import { ANY_IPV6 } from '../ctnetlink/address.ts';
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from '../ctnetlink/icmp.ts';
import { ICMP_PROTOCOLS, WITH_PORTS } from '../ctnetlink/protocols.ts';
import type { TupleSlots } from '../ctnetlink/slots.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';

/** What the ATTR_ names of a tuple begin with. */
export const TUPLE_NAMES = { orig: 'ATTR_ORIG', reply: 'ATTR_REPL', master: 'ATTR_MASTER' } as const;

/**
 * True when something is set that makes C send the tuple. ICMP is not among it: of a reply it follows, it does not
 * stand for one.
 */
export function isBegun(slots: readonly SlotValue[], tuple: TupleSlots): boolean {
  const { icmpType, icmpCode, icmpId } = tuple;
  return [tuple.family, ...tuple.all].some(
    (slot) => slots[slot] !== undefined && slot !== icmpType && slot !== icmpCode && slot !== icmpId,
  );
}

/** The type of the answer to an ICMP message, or as in C 255, which the kernel refuses, where there is none. */
export function icmpAnswer(family: SlotValue, type: number): number {
  const answers = family === AF_INET ? ICMP_ANSWERS : family === AF_INET6 ? ICMPV6_ANSWERS : {};
  return answers[type] ?? 255;
}

/**
 * Gives `to` the addresses and the ports or ICMP of a tuple, as its protocols have them: whole, with zeros for what is
 * missing.
 */
export function copyWhole(to: SlotValue[], from: readonly SlotValue[], tuple: TupleSlots): void {
  const { src4, dst4, src6, dst6 } = tuple;
  if (from[tuple.family] === AF_INET) copyOr(to, from, [src4, dst4], 0);
  else if (from[tuple.family] === AF_INET6) copyOr(to, from, [src6, dst6], ANY_IPV6);
  const proto = from[tuple.proto];
  if (WITH_PORTS.has(proto)) copyOr(to, from, [tuple.sport, tuple.dport], 0);
  else if (ICMP_PROTOCOLS.includes(proto as number))
    copyOr(to, from, [tuple.icmpCode, tuple.icmpType, tuple.icmpId], 0);
}

function copyOr(to: SlotValue[], from: readonly SlotValue[], slots: readonly number[], zero: SlotValue): void {
  for (const slot of slots) to[slot] = from[slot] ?? zero;
}
