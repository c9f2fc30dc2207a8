/**
 * What C knows of tuples: which attributes make one, which protocols have ports, and how the ICMP of a reply follows.
 */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from '../ctnetlink/icmp.ts';
import type { TupleSlots } from '../ctnetlink/slots.ts';
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../uapi/in.ts';
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

/** Protocols whose tuples have ports (or, of GRE, keys). */
export const PORT_PROTOCOLS: ReadonlySet<SlotValue> = new Set([
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  IPPROTO_SCTP,
  IPPROTO_DCCP,
  IPPROTO_GRE,
]);

/** The type of the answer to an ICMP message, or as in C 255, which the kernel refuses, where there is none. */
export function icmpAnswer(family: SlotValue, type: number): number {
  const answers = family === AF_INET ? ICMP_ANSWERS : family === AF_INET6 ? ICMPV6_ANSWERS : {};
  return answers[type] ?? 255;
}

const ANY_IPV6 = new Uint8Array(16);

/**
 * Gives `to` the addresses and the ports or ICMP of a tuple, as its protocols have them: whole, with zeros for what is
 * missing.
 */
export function copyWhole(to: SlotValue[], from: readonly SlotValue[], tuple: TupleSlots): void {
  const { src4, dst4, src6, dst6 } = tuple;
  if (from[tuple.family] === AF_INET) copyOr(to, from, [src4, dst4], 0);
  else if (from[tuple.family] === AF_INET6) copyOr(to, from, [src6, dst6], ANY_IPV6);
  const proto = from[tuple.proto];
  if (PORT_PROTOCOLS.has(proto)) copyOr(to, from, [tuple.sport, tuple.dport], 0);
  else if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6)
    copyOr(to, from, [tuple.icmpCode, tuple.icmpType, tuple.icmpId], 0);
}

function copyOr(to: SlotValue[], from: readonly SlotValue[], slots: readonly number[], zero: SlotValue): void {
  for (const slot of slots) to[slot] = from[slot] ?? zero;
}
