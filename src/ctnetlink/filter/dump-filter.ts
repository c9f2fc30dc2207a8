/** The part of a filter that goes to the kernel in a dump or a flush. */
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../uapi/in.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import type { SlotValue } from '../attributes/kinds.ts';
import { Flow } from '../flow.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from '../icmp.ts';
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
} from '../slots.ts';
import { RangeSet } from './ranges.ts';
import type { KernelSupport } from './support.ts';
import type { Comparison, FilterTerms } from './terms.ts';

// Of the attributes that a filter is sent in.

/** What goes to the kernel of a filter. */
export interface KernelFilter {
  /** nfgen_family. */
  family: number;
  /** The attributes of the request. */
  attributes: Flow;
  /** True if the kernel applies exactly the filter: only then may a flush have it. */
  exact: boolean;
}

export function filterForKernel(terms: FilterTerms, purpose: 'dump' | 'flush', support: KernelSupport): KernelFilter {
  const attributes = new Flow();
  const { slots } = attributes;
  let exact = true;
  let family = AF_UNSPEC as number;

  if (terms.family !== undefined) {
    if (purpose === 'dump' ? support.dumpFamily : support.flushFamily) family = terms.family;
    else exact = false;
  }
  if (terms.mark !== undefined) {
    // Bits of the value outside the mask never match; the kernel does not clear them.
    slots[MARK] = terms.mark.value | 0;
    slots[MARK_MASK] = terms.mark.mask | 0;
  }
  if (terms.status !== undefined) {
    // A zero mask is refused with EINVAL; it asks for nothing, or for what cannot be, and is applied here.
    if (support.status && terms.status.mask !== 0) {
      slots[STATUS] = terms.status.value | 0;
      slots[STATUS_MASK] = terms.status.mask | 0;
    } else exact = false;
  }
  if (terms.zone !== undefined) {
    if (support.zone) slots[ZONE] = terms.zone;
    else exact = false;
  }
  if (terms.compared.length > 0) {
    // CTA_FILTER is refused without a family (EOPNOTSUPP).
    const can = family !== AF_UNSPEC && (purpose === 'dump' ? support.dumpTuple : support.flushTuple);
    if (!can || !addTuples(terms, slots)) exact = false;
  }
  return { family, attributes, exact };
}

/** Adds the parts of the tuples that the kernel compares correctly, and the flags. False if that is not all. */
function addTuples({ compared }: FilterTerms, slots: SlotValue[]): boolean {
  const flags = new Map<TupleSlots, number>([
    [ORIG, 0],
    [REPLY, 0],
  ]);
  let all = true;
  for (const comparison of compared) {
    const { slot, value } = comparison;
    const flag = flagOf(comparison, compared);
    // The kernel compares with one value.
    if (flag === undefined || value instanceof RangeSet) {
      all = false;
      continue;
    }
    slots[slot] = value;
    flags.set(comparison.tuple, flags.get(comparison.tuple)! | flag);
  }
  const [orig, reply] = [flags.get(ORIG)!, flags.get(REPLY)!];
  if (orig !== 0 || reply !== 0) {
    slots[FILTER_ORIG] = orig;
    slots[FILTER_REPLY] = reply;
  }
  return all;
}

/**
 * The flag under which the kernel compares this rightly; undefined where it does not. Never an IPv6 address: the
 * kernel's comparison of those is inverted (it keeps what differs). Never the zone of a tuple: the kernel takes it and
 * then compares nothing, so that a flush by it alone empties the table (Linux 6.18). Never a part of an address: it has
 * no masks. Ports and ICMP fields need the protocol's flag (EINVAL), ports are compared for TCP and UDP only, and an
 * ICMP type that is not tracked is EINVAL.
 */
function flagOf({ tuple, slot, value, prefix }: Comparison, compared: readonly Comparison[]): number | undefined {
  if (prefix !== undefined) return undefined;
  const proto = compared.find((each) => each.slot === tuple.proto)?.value;
  switch (slot) {
    case tuple.src4:
      return cta.CTA_FILTER_F_CTA_IP_SRC;
    case tuple.dst4:
      return cta.CTA_FILTER_F_CTA_IP_DST;
    case tuple.proto:
      return cta.CTA_FILTER_F_CTA_PROTO_NUM;
    case tuple.sport:
      return hasPorts(proto) ? cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT : undefined;
    case tuple.dport:
      return hasPorts(proto) ? cta.CTA_FILTER_F_CTA_PROTO_DST_PORT : undefined;
    case tuple.icmpType:
      if (proto === IPPROTO_ICMP && ICMP_ANSWERS[value as number] !== undefined)
        return cta.CTA_FILTER_F_CTA_PROTO_ICMP_TYPE;
      if (proto === IPPROTO_ICMPV6 && ICMPV6_ANSWERS[value as number] !== undefined)
        return cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE;
      return undefined;
    case tuple.icmpCode:
      if (proto === IPPROTO_ICMP) return cta.CTA_FILTER_F_CTA_PROTO_ICMP_CODE;
      return proto === IPPROTO_ICMPV6 ? cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE : undefined;
    case tuple.icmpId:
      if (proto === IPPROTO_ICMP) return cta.CTA_FILTER_F_CTA_PROTO_ICMP_ID;
      return proto === IPPROTO_ICMPV6 ? cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_ID : undefined;
    default:
      return undefined;
  }
}

function hasPorts(proto: Comparison['value'] | undefined): boolean {
  return proto === IPPROTO_TCP || proto === IPPROTO_UDP;
}
