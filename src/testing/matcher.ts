/** Which entries a dump or a flush is about: ctnetlink_alloc_filter and ctnetlink_filter_match. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { sameValue } from '../ctnetlink/attributes/kinds.ts';
import { ICMP_PROTOCOLS, PORT_PROTOCOLS } from '../ctnetlink/protocols.ts';
import {
  FILTER_ORIG,
  FILTER_REPLY,
  MARK,
  MARK_MASK,
  ORIG,
  REPLY,
  STATUS,
  STATUS_MASK,
  type TupleSlots,
  ZONE,
} from '../ctnetlink/slots.ts';
import { releaseNumber } from '../netlink/release.ts';
import { EINVAL, EOPNOTSUPP } from '../uapi/errno.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../uapi/in.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../uapi/socket.ts';
import type { Entry } from './entry.ts';
import { answersOf, type ModelRequest } from './request.ts';

/**
 * The releases that a part of a filter came with: what the kernel did. It is not the table of ctnetlink/filter/support,
 * which says what is safe to send: the tests of destructive calls hold that against this.
 */
const SINCE = {
  flushFamily: releaseNumber('5.3'),
  dumpFamily: releaseNumber('4.20'),
  dumpTuple: releaseNumber('5.8'),
  flushTuple: releaseNumber('6.12'),
  status: releaseNumber('5.15'),
  zone: releaseNumber('6.8'),
  /** Until then the zone 0 was no filter. */
  zone0: releaseNumber('6.9'),
} as const;

/** nfgenmsg.version with which the kernel honours the family of a flush. */
const HONOURS_FAMILY = 1;

const PORTS = cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT | cta.CTA_FILTER_F_CTA_PROTO_DST_PORT;
const ICMP = [
  cta.CTA_FILTER_F_CTA_PROTO_ICMP_TYPE,
  cta.CTA_FILTER_F_CTA_PROTO_ICMP_CODE,
  cta.CTA_FILTER_F_CTA_PROTO_ICMP_ID,
];
const ICMPV6 = [
  cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE,
  cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE,
  cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_ID,
];
const OF_PROTOCOL = [...ICMP, ...ICMPV6].reduce((bits, bit) => bits | bit, PORTS);

/** What a dump or flush asks for, as far as a kernel of some release reads it. */
export class Matcher {
  /** The kernel marks what such a dump has with NLM_F_DUMP_FILTERED. */
  readonly filters: boolean;
  readonly errno: number;
  readonly #family: number;
  readonly #wanted: readonly SlotValue[];
  readonly #statusMask: number;
  readonly #flags: readonly (readonly [TupleSlots, number])[] = [];

  constructor(request: ModelRequest, release: number, dumps: boolean) {
    const slots = request.slots.slice();
    this.#wanted = slots;
    const tuples = request.has(cta.CTA_FILTER) && release >= (dumps ? SINCE.dumpTuple : SINCE.flushTuple);
    if (!tuples) slots[FILTER_ORIG] = slots[FILTER_REPLY] = undefined;
    if (release < SINCE.status) slots[STATUS] = slots[STATUS_MASK] = undefined;
    if (release < SINCE.zone || (release < SINCE.zone0 && slots[ZONE] === 0)) slots[ZONE] = undefined;
    const honoured = dumps
      ? release >= SINCE.dumpFamily
      : tuples || (release >= SINCE.flushFamily && request.version >= HONOURS_FAMILY);
    this.#family = honoured ? request.family : AF_UNSPEC;
    this.filters =
      this.#family !== AF_UNSPEC || tuples || [MARK, STATUS, ZONE].some((slot) => slots[slot] !== undefined);
    this.#statusMask = (slots[STATUS_MASK] ?? slots[STATUS] ?? 0) as number;
    let errno = request.errnoOf(cta.CTA_FILTER);
    if (!this.filters) errno = 0;
    else if (slots[MARK] === undefined && slots[MARK_MASK] !== undefined) errno ||= EINVAL;
    else if (slots[STATUS] === undefined ? slots[STATUS_MASK] !== undefined : this.#statusMask === 0) errno ||= EINVAL;
    if (tuples) {
      const flags = [
        [cta.CTA_TUPLE_ORIG, ORIG, (slots[FILTER_ORIG] as number | undefined) ?? 0],
        [cta.CTA_TUPLE_REPLY, REPLY, (slots[FILTER_REPLY] as number | undefined) ?? 0],
      ] as const;
      for (const [type, tuple, bits] of flags) if (bits !== 0) errno ||= tupleErrno(request, type, tuple, bits);
      this.#flags = flags.filter(([, , bits]) => bits !== 0).map(([, tuple, bits]) => [tuple, bits]);
    }
    this.errno = errno;
  }

  matches({ slots, family }: Entry): boolean {
    const wanted = this.#wanted;
    const mark = wanted[MARK] as number | undefined;
    const status = wanted[STATUS] as number | undefined;
    const zone = wanted[ZONE];
    if (this.#family !== AF_UNSPEC && family !== this.#family) return false;
    if (mark !== undefined) {
      const mask = (wanted[MARK_MASK] as number | undefined) ?? -1;
      if (((slots[MARK] as number) & mask) !== mark) return false;
    }
    if (status !== undefined && ((slots[STATUS] as number) & this.#statusMask) !== status) return false;
    if (zone !== undefined && (slots[ZONE] ?? slots[ORIG.zone] ?? slots[REPLY.zone] ?? 0) !== zone) return false;
    for (const [tuple, flags] of this.#flags) if (!tupleMatches(slots, wanted, tuple, flags)) return false;
    return true;
  }
}

/** ctnetlink_parse_tuple_filter: what the flags name must be there. */
function tupleErrno(request: ModelRequest, type: number, tuple: TupleSlots, flags: number): number {
  const { slots, family } = request;
  if (!request.has(type)) return EINVAL;
  const errno = request.errnoOf(type);
  if (errno !== 0) return errno;
  if (family !== AF_INET && family !== AF_INET6) return EOPNOTSUPP;
  const needs: [bits: number, slot: number][] = [
    [cta.CTA_FILTER_F_CTA_IP_SRC, family === AF_INET ? tuple.src4 : tuple.src6],
    [cta.CTA_FILTER_F_CTA_IP_DST, family === AF_INET ? tuple.dst4 : tuple.dst6],
    [cta.CTA_FILTER_F_CTA_PROTO_NUM, tuple.proto],
  ];
  if ((flags & cta.CTA_FILTER_F_CTA_PROTO_NUM) === 0) {
    if ((flags & OF_PROTOCOL) !== 0) return EINVAL;
  } else {
    const protocol = slots[tuple.proto] as number;
    if (PORT_PROTOCOLS.includes(protocol))
      needs.push(
        [cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT, tuple.sport],
        [cta.CTA_FILTER_F_CTA_PROTO_DST_PORT, tuple.dport],
      );
    if (ICMP_PROTOCOLS.includes(protocol)) {
      const bits = protocol === IPPROTO_ICMP ? ICMP : ICMPV6;
      for (const [index, slot] of [tuple.icmpType, tuple.icmpCode, tuple.icmpId].entries())
        needs.push([bits[index], slot]);
    }
  }
  const answers = answersOf(slots[tuple.proto]);
  const typeBit = slots[tuple.proto] === IPPROTO_ICMP ? ICMP[0] : ICMPV6[0];
  const typed = (flags & typeBit) !== 0 && slots[tuple.icmpType] !== undefined;
  if (answers !== undefined && typed && answers[slots[tuple.icmpType] as number] === undefined) return EINVAL;
  return needs.some(([bits, slot]) => (flags & bits) !== 0 && slots[slot] === undefined) ? EINVAL : 0;
}

function tupleMatches(
  slots: readonly SlotValue[],
  wanted: readonly SlotValue[],
  tuple: TupleSlots,
  flags: number,
): boolean {
  const asked = (flag: number): boolean => (flags & flag) !== 0;
  const equal = (slot: number): boolean => sameValue(slots[slot], wanted[slot]);
  for (const [flag, v4, v6] of [
    [cta.CTA_FILTER_F_CTA_IP_SRC, tuple.src4, tuple.src6],
    [cta.CTA_FILTER_F_CTA_IP_DST, tuple.dst4, tuple.dst6],
  ]) {
    if (!asked(flag)) continue;
    // Of IPv6 addresses the kernel keeps those that differ.
    if (slots[v4] === undefined ? equal(v6) : !equal(v4)) return false;
  }
  const protocol = slots[tuple.proto];
  if (asked(cta.CTA_FILTER_F_CTA_PROTO_NUM) && !equal(tuple.proto)) return false;
  if (protocol === IPPROTO_TCP || protocol === IPPROTO_UDP) {
    if (asked(cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT) && !equal(tuple.sport)) return false;
    if (asked(cta.CTA_FILTER_F_CTA_PROTO_DST_PORT) && !equal(tuple.dport)) return false;
  }
  const bits = protocol === IPPROTO_ICMP ? ICMP : protocol === IPPROTO_ICMPV6 ? ICMPV6 : [];
  const parts = [tuple.icmpType, tuple.icmpCode, tuple.icmpId];
  return bits.every((bit, index) => !asked(bit) || equal(parts[index]));
}
