/** One row of an attribute table, and the rows that every tuple has. */

import type { PropertyPath, TupleProperties } from './flow-properties.ts';
import type { KindName } from './kinds.ts';
import type { WirePath } from './wire-path.ts';

/**
 * Which messages keep an attribute true (net/netfilter/nf_conntrack_netlink.c, ctnetlink_conntrack_event).
 *
 * - 'events': when it changes, an event carries it.
 * - 'dumps': it may change without an event, or in a way that no event shows. Events that carry it are right.
 * - 'message': it says something about the message, and not about the flow.
 */
export type Kept = 'events' | 'dumps' | 'message';

/**
 * What NEW and UPDATE events mean by leaving an attribute out. 'zero': it is 0, which a dump says. 'none': the flow has
 * none.
 */
export type Absent = 'zero' | 'none';

export interface AttributeRow {
  /** ATTR_*, where libnetfilter_conntrack has the attribute. */
  readonly id?: number;
  /** 'mark', 'orig.src': a property, with its group where it is in one. */
  readonly property: string;
  readonly kind: KindName;
  /** Empty: it is not an attribute of its own but follows from the message (nfgen_family). */
  readonly path: WirePath;
  /** The type to use instead if the tuple's protocol is ICMPv6. */
  readonly icmpv6?: WirePath;
  /** The type of old kernels, which had 32 bits: read, never written. */
  readonly narrow?: WirePath;
  /** C keeps it in network byte order in memory: nfct_get_attr_u16 and _u32 give it so. */
  readonly networkOrder?: boolean;
  /** The byte of the attribute, where two properties share one (struct nf_ct_tcp_flags). */
  readonly byte?: 0 | 1;
  /** Only the kernel sends it: it is not part of a request (nfct_nlmsg_build does not write it either). */
  readonly readOnly?: boolean;
  /** An empty attribute of this type only pads and must not count (semantics: 64-bit alignment). */
  readonly emptyPads?: boolean;
  /** What keeps it true in a table that follows the events. Default: 'events'. */
  readonly kept?: Kept;
  /** What an event without it says, where that is not "as before". */
  readonly absent?: Absent;
}

/** A row of a flow: the compiler checks that its property exists. */
export interface FlowRow extends AttributeRow {
  readonly property: PropertyPath;
}

/** The numbers of libnetfilter_conntrack for the parts of a tuple, where it has them. */
export type TupleIds = { [K in 'v4src' | 'v4dst' | 'v6src' | 'v6dst' | 'sport' | 'dport' | 'l3' | 'l4']?: number } & {
  icmp?: { type: number; code: number; id: number };
  zone?: number;
};

export interface TupleRow<Group extends string> extends AttributeRow {
  readonly property: `${Group}.${keyof TupleProperties}`;
}

/** The rows of the tuple in these nests. */
export function tupleRows<Group extends string>(group: Group, outer: WirePath, ids: TupleIds): TupleRow<Group>[] {
  const { icmp } = ids;
  const ip = [...outer, 'CTA_TUPLE_IP'] as const;
  const proto = [...outer, 'CTA_TUPLE_PROTO'] as const;
  return [
    { id: ids.l3, property: `${group}.family`, kind: 'family', path: [] },
    {
      id: ids.v4src,
      property: `${group}.src`,
      kind: 'ipv4',
      path: [...ip, 'CTA_IP_V4_SRC'],
      networkOrder: true,
    },
    {
      id: ids.v4dst,
      property: `${group}.dst`,
      kind: 'ipv4',
      path: [...ip, 'CTA_IP_V4_DST'],
      networkOrder: true,
    },
    { id: ids.v6src, property: `${group}.src`, kind: 'ipv6', path: [...ip, 'CTA_IP_V6_SRC'] },
    { id: ids.v6dst, property: `${group}.dst`, kind: 'ipv6', path: [...ip, 'CTA_IP_V6_DST'] },
    { id: ids.l4, property: `${group}.proto`, kind: 'proto', path: [...proto, 'CTA_PROTO_NUM'] },
    {
      id: ids.sport,
      property: `${group}.sport`,
      kind: 'be16',
      path: [...proto, 'CTA_PROTO_SRC_PORT'],
      networkOrder: true,
    },
    {
      id: ids.dport,
      property: `${group}.dport`,
      kind: 'be16',
      path: [...proto, 'CTA_PROTO_DST_PORT'],
      networkOrder: true,
    },
    {
      id: icmp?.code,
      property: `${group}.icmpCode`,
      kind: 'u8',
      path: [...proto, 'CTA_PROTO_ICMP_CODE'],
      icmpv6: [...proto, 'CTA_PROTO_ICMPV6_CODE'],
    },
    {
      id: icmp?.type,
      property: `${group}.icmpType`,
      kind: 'u8',
      path: [...proto, 'CTA_PROTO_ICMP_TYPE'],
      icmpv6: [...proto, 'CTA_PROTO_ICMPV6_TYPE'],
    },
    {
      id: icmp?.id,
      property: `${group}.icmpId`,
      kind: 'be16',
      path: [...proto, 'CTA_PROTO_ICMP_ID'],
      icmpv6: [...proto, 'CTA_PROTO_ICMPV6_ID'],
      networkOrder: true,
    },
    { id: ids.zone, property: `${group}.zone`, kind: 'be16', path: [...outer, 'CTA_TUPLE_ZONE'] },
  ];
}
