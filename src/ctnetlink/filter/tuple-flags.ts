/**
 * CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS: the parts of a tuple that the kernel compares in a dump or a flush.
 */
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../uapi/in.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from '../icmp.ts';
import type { TupleSlots } from '../slots.ts';
import type { Comparison } from './terms.ts';

interface Flag {
  readonly part: Exclude<keyof TupleSlots, 'group' | 'all'>;
  readonly flag: number;
  /** The protocols for which the kernel compares it; it demands the flag of the protocol then (EINVAL). */
  readonly protocols?: readonly number[];
  /** The values that the kernel takes; others are EINVAL. */
  readonly values?: Readonly<Record<number, unknown>>;
}

const WITH_PORTS = [IPPROTO_TCP, IPPROTO_UDP];
const ICMP = [IPPROTO_ICMP];
const ICMPV6 = [IPPROTO_ICMPV6];

/**
 * The flags under which the kernel compares correctly. Never an IPv6 address: the kernel's comparison of those is
 * inverted (it keeps what differs). Never the zone of a tuple: the kernel takes it and then compares nothing, so that a
 * flush by it alone empties the table (Linux 6.18). Ports are compared for TCP and UDP only.
 */
const FLAGS: readonly Flag[] = [
  { part: 'src4', flag: cta.CTA_FILTER_F_CTA_IP_SRC },
  { part: 'dst4', flag: cta.CTA_FILTER_F_CTA_IP_DST },
  { part: 'proto', flag: cta.CTA_FILTER_F_CTA_PROTO_NUM },
  { part: 'sport', flag: cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT, protocols: WITH_PORTS },
  { part: 'dport', flag: cta.CTA_FILTER_F_CTA_PROTO_DST_PORT, protocols: WITH_PORTS },
  { part: 'icmpType', flag: cta.CTA_FILTER_F_CTA_PROTO_ICMP_TYPE, protocols: ICMP, values: ICMP_ANSWERS },
  { part: 'icmpCode', flag: cta.CTA_FILTER_F_CTA_PROTO_ICMP_CODE, protocols: ICMP },
  { part: 'icmpId', flag: cta.CTA_FILTER_F_CTA_PROTO_ICMP_ID, protocols: ICMP },
  { part: 'icmpType', flag: cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE, protocols: ICMPV6, values: ICMPV6_ANSWERS },
  { part: 'icmpCode', flag: cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE, protocols: ICMPV6 },
  { part: 'icmpId', flag: cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_ID, protocols: ICMPV6 },
];

/**
 * The flag under which the kernel compares this correctly; undefined if it does not. Never a part of an address: the
 * kernel has no masks.
 */
export function flagOf(comparison: Comparison, compared: readonly Comparison[]): number | undefined {
  const { tuple, slot, value, prefix } = comparison;
  if (prefix !== undefined) return undefined;
  const protocol = compared.find((each) => each.slot === tuple.proto)?.value;
  return FLAGS.find(
    ({ part, protocols, values }) =>
      slot === tuple[part] &&
      (protocols === undefined || protocols.includes(protocol as number)) &&
      (values === undefined || values[value as number] !== undefined),
  )?.flag;
}

/** The slots that the kernel compares with these flags; undefined for flags with an unknown meaning. */
export function slotsOfFlags(tuple: TupleSlots, flags: number): Set<number> | undefined {
  const slots = new Set<number>();
  let left = flags;
  for (const { part, flag } of FLAGS) {
    if ((left & flag) !== 0) slots.add(tuple[part]);
    left &= ~flag;
  }
  return left === 0 ? slots : undefined;
}
