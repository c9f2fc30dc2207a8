/** Options of an object: they invert its tuples, undo its NAT, or detect NAT from the tuples. */

import { ANY_IPV6 } from '../ctnetlink/address.ts';
import { type SlotValue, sameValue } from '../ctnetlink/attributes/kinds.ts';
import { type Flow, flowCodec } from '../ctnetlink/flow.ts';
import { WITH_PORTS } from '../ctnetlink/protocols.ts';
import { ORIG, REPLY, STATUS, type TupleSlots } from '../ctnetlink/slots.ts';
import { turnRound } from '../ctnetlink/tuple.ts';
import { checkInteger } from '../netlink/check.ts';
import * as attr from '../uapi/libnetfilter_conntrack.ts';
import {
  NFCT_GOPT_IS_DNAT,
  NFCT_GOPT_IS_DPAT,
  NFCT_GOPT_IS_SNAT,
  NFCT_GOPT_IS_SPAT,
  NFCT_GOPT_MAX,
  NFCT_SOPT_MAX,
  NFCT_SOPT_SETUP_ORIGINAL,
  NFCT_SOPT_SETUP_REPLY,
} from '../uapi/libnetfilter_conntrack.ts';
import { IPS_DST_NAT_DONE, IPS_SRC_NAT_DONE } from '../uapi/nf_conntrack_common.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import { checkConntrack, writeAttribute } from './conntrack.ts';
import { copyWhole, icmpAnswer } from './tuple.ts';

/** Two ends of one translation, which are equal where there is none. */
interface Ends {
  /** Slots of the end that the reply comes to, or from, and of the one of the original direction. */
  readonly reply: number;
  readonly orig: number;
  /** The ATTR_ that asks for the translation. */
  readonly nat: number;
  /** What C has where nothing was set. */
  readonly zero: SlotValue;
}

interface Translation {
  /** Bit of a status, if there is one, that shows that it was done. */
  readonly done: number;
  /** By the layer 3 protocol of the original direction; ports have the same ends in all. */
  readonly endsOf: (family: SlotValue) => Ends | undefined;
}

function address(done: number, ipv4: Ends, ipv6: Ends): Translation {
  return { done, endsOf: (family) => (family === AF_INET ? ipv4 : family === AF_INET6 ? ipv6 : undefined) };
}

function port(done: number, ends: Ends): Translation {
  return { done, endsOf: () => ends };
}

/** By NFCT_GOPT_IS_, each of which is the NFCT_SOPT_UNDO_ of the same number. */
const TRANSLATIONS: Readonly<Record<number, Translation>> = {
  [NFCT_GOPT_IS_SNAT]: address(
    IPS_SRC_NAT_DONE,
    { reply: REPLY.dst4, orig: ORIG.src4, nat: attr.ATTR_SNAT_IPV4, zero: 0 },
    { reply: REPLY.dst6, orig: ORIG.src6, nat: attr.ATTR_SNAT_IPV6, zero: ANY_IPV6 },
  ),
  [NFCT_GOPT_IS_DNAT]: address(
    IPS_DST_NAT_DONE,
    { reply: REPLY.src4, orig: ORIG.dst4, nat: attr.ATTR_DNAT_IPV4, zero: 0 },
    { reply: REPLY.src6, orig: ORIG.dst6, nat: attr.ATTR_DNAT_IPV6, zero: ANY_IPV6 },
  ),
  [NFCT_GOPT_IS_SPAT]: port(IPS_SRC_NAT_DONE, {
    reply: REPLY.dport,
    orig: ORIG.sport,
    nat: attr.ATTR_SNAT_PORT,
    zero: 0,
  }),
  [NFCT_GOPT_IS_DPAT]: port(IPS_DST_NAT_DONE, {
    reply: REPLY.sport,
    orig: ORIG.dport,
    nat: attr.ATTR_DNAT_PORT,
    zero: 0,
  }),
};

/**
 * Changes an object, and returns 0.
 *
 * - NFCT_SOPT_SETUP_REPLY sets the reply tuple to the inverse of the original one, NFCT_SOPT_SETUP_ORIGINAL the
 *   reverse. Both are whole then, with zeros for what neither had; C marks as set what other protocols would have, too.
 * - NFCT_SOPT_UNDO_SNAT, _DNAT, _SPAT and _DPAT make of a flow that was translated one that asks for it: the translated
 *   address or port of the reply direction becomes ATTR_SNAT_IPV4 and the like, and the reply direction gets that of
 *   the original one instead. Without NAT as well, as in C; addresses only when ATTR_ORIG_L3PROTO says their family.
 *
 * @throws RangeError for a number that is no NFCT_SOPT_
 */
export function nfct_setobjopt(ct: Flow, option: number): number {
  checkConntrack(ct);
  checkInteger(option, NFCT_SOPT_MAX, 'option');
  flowCodec.makeRoom(ct);
  if (option === NFCT_SOPT_SETUP_REPLY) turn(ct, ORIG, REPLY);
  else if (option === NFCT_SOPT_SETUP_ORIGINAL) turn(ct, REPLY, ORIG);
  else undo(ct, TRANSLATIONS[option]);
  return 0;
}

/**
 * Whether the source or the destination (NFCT_GOPT_IS_SNAT, _DNAT), or its port (_SPAT, _DPAT), is translated: 1 or 0.
 * It is if the directions differ in it and the status, if it is set, has the bit of such a NAT. As in C, an attribute
 * that is not set counts as zeros: an object without a reply tuple seems translated.
 *
 * @throws RangeError for a number that is no NFCT_GOPT_
 */
export function nfct_getobjopt(ct: Flow, option: number): number {
  checkConntrack(ct);
  const { slots } = ct;
  const { done, endsOf } = TRANSLATIONS[checkInteger(option, NFCT_GOPT_MAX, 'option')];
  const status = slots[STATUS];
  const ends = endsOf(slots[ORIG.family]);
  if (ends === undefined || (status !== undefined && ((status as number) & done) === 0)) return 0;
  return sameValue(slots[ends.reply] ?? ends.zero, slots[ends.orig] ?? ends.zero) ? 0 : 1;
}

function undo(ct: Flow, { endsOf }: Translation): void {
  const { slots } = ct;
  const ends = endsOf(slots[ORIG.family]);
  if (ends === undefined) return;
  const translated = slots[ends.reply];
  writeAttribute(ct, ends.nat, translated ?? ends.zero);
  if (translated !== undefined) slots[ends.reply] = slots[ends.orig] ?? ends.zero;
}

function turn({ slots }: Flow, from: TupleSlots, to: TupleSlots): void {
  turnRound(slots, from, to);
  if (WITH_PORTS.has(slots[from.proto])) {
    slots[to.sport] = slots[from.dport];
    slots[to.dport] = slots[from.sport];
  }
  // Already there where nfct_set_attr set the other direction's.
  const icmpType = slots[from.icmpType];
  if (icmpType !== undefined) slots[to.icmpType] ??= icmpAnswer(slots[from.family], icmpType as number);
  slots[to.icmpCode] ??= slots[from.icmpCode];
  slots[to.icmpId] ??= slots[from.icmpId];
  for (const tuple of [from, to]) copyWhole(slots, slots, tuple);
}
