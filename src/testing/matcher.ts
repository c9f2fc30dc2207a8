/** Which entries a dump or a flush is about: ctnetlink_filter_match of nf_conntrack_netlink.c. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { Flow } from '../ctnetlink/flow.ts';
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
import { IPPROTO_TCP, IPPROTO_UDP } from '../uapi/in.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';

/** What a filter looks at. */
interface Matched {
  readonly flow: Flow;
  readonly family: number;
}

/** Whether a dump or a flush concerns an entry. */
export function matcher(asked: Flow, family: number): (entry: Matched) => boolean {
  const wanted = asked.slots.slice();
  const mark = wanted[MARK] as number | undefined;
  const markMask = (wanted[MARK_MASK] as number | undefined) ?? -1;
  const status = wanted[STATUS] as number | undefined;
  const statusMask = (wanted[STATUS_MASK] as number | undefined) ?? status ?? 0;
  const zone = wanted[ZONE];
  const tuples = [
    [ORIG, wanted[FILTER_ORIG] as number | undefined],
    [REPLY, wanted[FILTER_REPLY] as number | undefined],
  ] as const;
  return ({ flow, family: own }) => {
    const { slots } = flow;
    if (family !== AF_UNSPEC && own !== family) return false;
    if (mark !== undefined && ((slots[MARK] as number) & markMask) !== mark) return false;
    if (status !== undefined && ((slots[STATUS] as number) & statusMask) !== status) return false;
    if (zone !== undefined && (slots[ZONE] ?? slots[ORIG.zone] ?? slots[REPLY.zone] ?? 0) !== zone) return false;
    for (const [tuple, flags] of tuples)
      if (flags !== undefined && !tupleMatches(slots, wanted, tuple, flags)) return false;
    return true;
  };
}

function tupleMatches(
  slots: readonly SlotValue[],
  wanted: readonly SlotValue[],
  tuple: TupleSlots,
  flags: number,
): boolean {
  const compared: number[] = [];
  // Of IPv6 addresses the kernel keeps those that differ; nobody sends them.
  if ((flags & cta.CTA_FILTER_F_CTA_IP_SRC) !== 0) compared.push(tuple.src4);
  if ((flags & cta.CTA_FILTER_F_CTA_IP_DST) !== 0) compared.push(tuple.dst4);
  if ((flags & cta.CTA_FILTER_F_CTA_PROTO_NUM) !== 0) compared.push(tuple.proto);
  if ((flags & (cta.CTA_FILTER_F_CTA_PROTO_ICMP_TYPE | cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE)) !== 0)
    compared.push(tuple.icmpType);
  if ((flags & (cta.CTA_FILTER_F_CTA_PROTO_ICMP_CODE | cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE)) !== 0)
    compared.push(tuple.icmpCode);
  if ((flags & (cta.CTA_FILTER_F_CTA_PROTO_ICMP_ID | cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_ID)) !== 0)
    compared.push(tuple.icmpId);
  if (slots[tuple.proto] === IPPROTO_TCP || slots[tuple.proto] === IPPROTO_UDP) {
    if ((flags & cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT) !== 0) compared.push(tuple.sport);
    if ((flags & cta.CTA_FILTER_F_CTA_PROTO_DST_PORT) !== 0) compared.push(tuple.dport);
  }
  return compared.every((slot) => slots[slot] === wanted[slot]);
}
