/**
 * What C knows of tuples: which attributes make one, which protocols have ports, and how the ICMP of a reply follows.
 */

import { ICMP_ANSWERS, ICMPV6_ANSWERS } from '../ctnetlink/icmp.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import type { TupleSlots } from '../ctnetlink/tuple.ts';
import { IPPROTO_DCCP, IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../uapi/in.ts';
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
