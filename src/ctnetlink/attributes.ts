/**
 * Every attribute of the conntrack subsystem, one row each: libnetfilter_conntrack's number, our property, what kind of value it
 * is, and where it stands on the wire. The codec's tables, the accessors of Flow, compare and copy are all made from these rows;
 * their order is the order in which nfct_nlmsg_build writes.
 */
import type * as cta from '../uapi/nfnetlink_conntrack.ts';
import * as attr from './attr.ts';
import type { KindName } from './kinds.ts';
import type { PropertyPath } from './properties.ts';

/** Names of nested attributes, outermost first. */
export type WirePath = readonly (keyof typeof cta & `CTA_${string}`)[];

export interface AttributeRow {
  /** ATTR_*, where libnetfilter_conntrack has the attribute. */
  readonly id?: number;
  readonly property: PropertyPath;
  readonly kind: KindName;
  /** Empty: it is not an attribute of its own but follows from the message (nfgen_family). */
  readonly path: WirePath;
  /** Stands here instead when the tuple's protocol is ICMPv6. */
  readonly icmpv6?: WirePath;
  /** Was 32 bits wide and stood here in old kernels: read, never written. */
  readonly narrow?: WirePath;
  /** C keeps it in network byte order in memory: nfct_get_attr_u16 and _u32 give it so. */
  readonly networkOrder?: boolean;
  /** The byte of the attribute, where two properties share one (struct nf_ct_tcp_flags). */
  readonly byte?: 0 | 1;
  /** The kernel tells it and takes it from nobody: not part of a request (nfct_nlmsg_build does not write it either). */
  readonly readOnly?: boolean;
  /** An empty attribute of this type only pads and must not count (semantics: 64-bit alignment). */
  readonly emptyPads?: boolean;
}

type TupleIds = { [K in 'v4src' | 'v4dst' | 'v6src' | 'v6dst' | 'sport' | 'dport' | 'l3' | 'l4']: number } & {
  icmp?: { type: number; code: number; id: number };
  zone?: number;
};

function tuple(group: 'orig' | 'reply' | 'master', outer: WirePath[number], ids: TupleIds): AttributeRow[] {
  const { icmp } = ids;
  return [
    { id: ids.l3, property: `${group}.family`, kind: 'family', path: [] },
    {
      id: ids.v4src,
      property: `${group}.src`,
      kind: 'ipv4',
      path: [outer, 'CTA_TUPLE_IP', 'CTA_IP_V4_SRC'],
      networkOrder: true,
    },
    {
      id: ids.v4dst,
      property: `${group}.dst`,
      kind: 'ipv4',
      path: [outer, 'CTA_TUPLE_IP', 'CTA_IP_V4_DST'],
      networkOrder: true,
    },
    { id: ids.v6src, property: `${group}.src`, kind: 'ipv6', path: [outer, 'CTA_TUPLE_IP', 'CTA_IP_V6_SRC'] },
    { id: ids.v6dst, property: `${group}.dst`, kind: 'ipv6', path: [outer, 'CTA_TUPLE_IP', 'CTA_IP_V6_DST'] },
    { id: ids.l4, property: `${group}.proto`, kind: 'proto', path: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_NUM'] },
    {
      id: ids.sport,
      property: `${group}.sport`,
      kind: 'u16',
      path: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_SRC_PORT'],
      networkOrder: true,
    },
    {
      id: ids.dport,
      property: `${group}.dport`,
      kind: 'u16',
      path: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_DST_PORT'],
      networkOrder: true,
    },
    {
      id: icmp?.code,
      property: `${group}.icmpCode`,
      kind: 'u8',
      path: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_ICMP_CODE'],
      icmpv6: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_ICMPV6_CODE'],
    },
    {
      id: icmp?.type,
      property: `${group}.icmpType`,
      kind: 'u8',
      path: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_ICMP_TYPE'],
      icmpv6: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_ICMPV6_TYPE'],
    },
    {
      id: icmp?.id,
      property: `${group}.icmpId`,
      kind: 'u16',
      path: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_ICMP_ID'],
      icmpv6: [outer, 'CTA_TUPLE_PROTO', 'CTA_PROTO_ICMPV6_ID'],
      networkOrder: true,
    },
    { id: ids.zone, property: `${group}.zone`, kind: 'u16', path: [outer, 'CTA_TUPLE_ZONE'] },
  ];
}

function nat(group: 'snat' | 'dnat', outer: WirePath[number], v4: number, v6: number, port: number): AttributeRow[] {
  return [
    { id: v4, property: `${group}.minAddress`, kind: 'ipv4', path: [outer, 'CTA_NAT_V4_MINIP'], networkOrder: true },
    { property: `${group}.maxAddress`, kind: 'ipv4', path: [outer, 'CTA_NAT_V4_MAXIP'], networkOrder: true },
    { id: v6, property: `${group}.minAddress`, kind: 'ipv6', path: [outer, 'CTA_NAT_V6_MINIP'] },
    { property: `${group}.maxAddress`, kind: 'ipv6', path: [outer, 'CTA_NAT_V6_MAXIP'] },
    {
      id: port,
      property: `${group}.minPort`,
      kind: 'u16',
      path: [outer, 'CTA_NAT_PROTO', 'CTA_PROTONAT_PORT_MIN'],
      networkOrder: true,
    },
    {
      property: `${group}.maxPort`,
      kind: 'u16',
      path: [outer, 'CTA_NAT_PROTO', 'CTA_PROTONAT_PORT_MAX'],
      networkOrder: true,
    },
  ];
}

function seqadj(
  group: 'seqadjOrig' | 'seqadjReply',
  outer: WirePath[number],
  pos: number,
  before: number,
  after: number,
): AttributeRow[] {
  return [
    { id: pos, property: `${group}.correctionPos`, kind: 'u32', path: [outer, 'CTA_SEQADJ_CORRECTION_POS'] },
    { id: before, property: `${group}.offsetBefore`, kind: 'u32', path: [outer, 'CTA_SEQADJ_OFFSET_BEFORE'] },
    { id: after, property: `${group}.offsetAfter`, kind: 'u32', path: [outer, 'CTA_SEQADJ_OFFSET_AFTER'] },
  ];
}

function counters(
  group: 'countersOrig' | 'countersReply',
  outer: WirePath[number],
  packets: number,
  bytes: number,
): AttributeRow[] {
  return [
    {
      id: packets,
      property: `${group}.packets`,
      kind: 'u64',
      path: [outer, 'CTA_COUNTERS_PACKETS'],
      narrow: [outer, 'CTA_COUNTERS32_PACKETS'],
      readOnly: true,
    },
    {
      id: bytes,
      property: `${group}.bytes`,
      kind: 'u64',
      path: [outer, 'CTA_COUNTERS_BYTES'],
      narrow: [outer, 'CTA_COUNTERS32_BYTES'],
      readOnly: true,
    },
  ];
}

const TCP = ['CTA_PROTOINFO', 'CTA_PROTOINFO_TCP'] as const;
const SCTP = ['CTA_PROTOINFO', 'CTA_PROTOINFO_SCTP'] as const;
const DCCP = ['CTA_PROTOINFO', 'CTA_PROTOINFO_DCCP'] as const;

/** In the order in which they are written. */
const ROWS: readonly AttributeRow[] = [
  ...tuple('orig', 'CTA_TUPLE_ORIG', {
    l3: attr.ATTR_ORIG_L3PROTO,
    v4src: attr.ATTR_ORIG_IPV4_SRC,
    v4dst: attr.ATTR_ORIG_IPV4_DST,
    v6src: attr.ATTR_ORIG_IPV6_SRC,
    v6dst: attr.ATTR_ORIG_IPV6_DST,
    l4: attr.ATTR_ORIG_L4PROTO,
    sport: attr.ATTR_ORIG_PORT_SRC,
    dport: attr.ATTR_ORIG_PORT_DST,
    icmp: { type: attr.ATTR_ICMP_TYPE, code: attr.ATTR_ICMP_CODE, id: attr.ATTR_ICMP_ID },
    zone: attr.ATTR_ORIG_ZONE,
  }),
  ...tuple('reply', 'CTA_TUPLE_REPLY', {
    l3: attr.ATTR_REPL_L3PROTO,
    v4src: attr.ATTR_REPL_IPV4_SRC,
    v4dst: attr.ATTR_REPL_IPV4_DST,
    v6src: attr.ATTR_REPL_IPV6_SRC,
    v6dst: attr.ATTR_REPL_IPV6_DST,
    l4: attr.ATTR_REPL_L4PROTO,
    sport: attr.ATTR_REPL_PORT_SRC,
    dport: attr.ATTR_REPL_PORT_DST,
    zone: attr.ATTR_REPL_ZONE,
  }),
  ...tuple('master', 'CTA_TUPLE_MASTER', {
    l3: attr.ATTR_MASTER_L3PROTO,
    v4src: attr.ATTR_MASTER_IPV4_SRC,
    v4dst: attr.ATTR_MASTER_IPV4_DST,
    v6src: attr.ATTR_MASTER_IPV6_SRC,
    v6dst: attr.ATTR_MASTER_IPV6_DST,
    l4: attr.ATTR_MASTER_L4PROTO,
    sport: attr.ATTR_MASTER_PORT_SRC,
    dport: attr.ATTR_MASTER_PORT_DST,
  }),
  { id: attr.ATTR_STATUS, property: 'status', kind: 'status', path: ['CTA_STATUS'], emptyPads: true },
  { property: 'statusMask', kind: 'status', path: ['CTA_STATUS_MASK'], readOnly: true },
  { id: attr.ATTR_TIMEOUT, property: 'timeout', kind: 'u32', path: ['CTA_TIMEOUT'] },
  { id: attr.ATTR_MARK, property: 'mark', kind: 'u32', path: ['CTA_MARK'] },
  { property: 'markMask', kind: 'u32', path: ['CTA_MARK_MASK'] },
  { id: attr.ATTR_SECMARK, property: 'secmark', kind: 'u32', path: ['CTA_SECMARK'] },
  { id: attr.ATTR_TCP_STATE, property: 'tcp.state', kind: 'tcpState', path: [...TCP, 'CTA_PROTOINFO_TCP_STATE'] },
  {
    id: attr.ATTR_TCP_FLAGS_ORIG,
    property: 'tcp.flagsOrig',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_ORIGINAL'],
    byte: 0,
  },
  {
    id: attr.ATTR_TCP_MASK_ORIG,
    property: 'tcp.maskOrig',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_ORIGINAL'],
    byte: 1,
  },
  {
    id: attr.ATTR_TCP_FLAGS_REPL,
    property: 'tcp.flagsReply',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_REPLY'],
    byte: 0,
  },
  {
    id: attr.ATTR_TCP_MASK_REPL,
    property: 'tcp.maskReply',
    kind: 'pair',
    path: [...TCP, 'CTA_PROTOINFO_TCP_FLAGS_REPLY'],
    byte: 1,
  },
  {
    id: attr.ATTR_TCP_WSCALE_ORIG,
    property: 'tcp.wscaleOrig',
    kind: 'u8',
    path: [...TCP, 'CTA_PROTOINFO_TCP_WSCALE_ORIGINAL'],
  },
  {
    id: attr.ATTR_TCP_WSCALE_REPL,
    property: 'tcp.wscaleReply',
    kind: 'u8',
    path: [...TCP, 'CTA_PROTOINFO_TCP_WSCALE_REPLY'],
  },
  { id: attr.ATTR_SCTP_STATE, property: 'sctp.state', kind: 'sctpState', path: [...SCTP, 'CTA_PROTOINFO_SCTP_STATE'] },
  {
    id: attr.ATTR_SCTP_VTAG_ORIG,
    property: 'sctp.vtagOrig',
    kind: 'u32',
    path: [...SCTP, 'CTA_PROTOINFO_SCTP_VTAG_ORIGINAL'],
  },
  {
    id: attr.ATTR_SCTP_VTAG_REPL,
    property: 'sctp.vtagReply',
    kind: 'u32',
    path: [...SCTP, 'CTA_PROTOINFO_SCTP_VTAG_REPLY'],
  },
  { id: attr.ATTR_DCCP_STATE, property: 'dccp.state', kind: 'dccpState', path: [...DCCP, 'CTA_PROTOINFO_DCCP_STATE'] },
  { id: attr.ATTR_DCCP_ROLE, property: 'dccp.role', kind: 'dccpRole', path: [...DCCP, 'CTA_PROTOINFO_DCCP_ROLE'] },
  {
    id: attr.ATTR_DCCP_HANDSHAKE_SEQ,
    property: 'dccp.handshakeSeq',
    kind: 'u64',
    path: [...DCCP, 'CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ'],
  },
  ...nat('snat', 'CTA_NAT_SRC', attr.ATTR_SNAT_IPV4, attr.ATTR_SNAT_IPV6, attr.ATTR_SNAT_PORT),
  ...nat('dnat', 'CTA_NAT_DST', attr.ATTR_DNAT_IPV4, attr.ATTR_DNAT_IPV6, attr.ATTR_DNAT_PORT),
  ...seqadj(
    'seqadjOrig',
    'CTA_SEQ_ADJ_ORIG',
    attr.ATTR_ORIG_NAT_SEQ_CORRECTION_POS,
    attr.ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE,
    attr.ATTR_ORIG_NAT_SEQ_OFFSET_AFTER,
  ),
  ...seqadj(
    'seqadjReply',
    'CTA_SEQ_ADJ_REPLY',
    attr.ATTR_REPL_NAT_SEQ_CORRECTION_POS,
    attr.ATTR_REPL_NAT_SEQ_OFFSET_BEFORE,
    attr.ATTR_REPL_NAT_SEQ_OFFSET_AFTER,
  ),
  { id: attr.ATTR_HELPER_NAME, property: 'helper.name', kind: 'string', path: ['CTA_HELP', 'CTA_HELP_NAME'] },
  { id: attr.ATTR_HELPER_INFO, property: 'helper.info', kind: 'bytes', path: ['CTA_HELP', 'CTA_HELP_INFO'] },
  { id: attr.ATTR_ZONE, property: 'zone', kind: 'u16', path: ['CTA_ZONE'] },
  { id: attr.ATTR_CONNLABELS, property: 'labels', kind: 'labels', path: ['CTA_LABELS'] },
  { id: attr.ATTR_CONNLABELS_MASK, property: 'labelsMask', kind: 'labels', path: ['CTA_LABELS_MASK'] },
  { id: attr.ATTR_SYNPROXY_ISN, property: 'synproxy.isn', kind: 'u32', path: ['CTA_SYNPROXY', 'CTA_SYNPROXY_ISN'] },
  { id: attr.ATTR_SYNPROXY_ITS, property: 'synproxy.its', kind: 'u32', path: ['CTA_SYNPROXY', 'CTA_SYNPROXY_ITS'] },
  {
    id: attr.ATTR_SYNPROXY_TSOFF,
    property: 'synproxy.tsoff',
    kind: 'u32',
    path: ['CTA_SYNPROXY', 'CTA_SYNPROXY_TSOFF'],
  },
  // What the kernel says and takes from nobody stands last; nfct_nlmsg_build does not write it.
  ...counters('countersOrig', 'CTA_COUNTERS_ORIG', attr.ATTR_ORIG_COUNTER_PACKETS, attr.ATTR_ORIG_COUNTER_BYTES),
  ...counters('countersReply', 'CTA_COUNTERS_REPLY', attr.ATTR_REPL_COUNTER_PACKETS, attr.ATTR_REPL_COUNTER_BYTES),
  { id: attr.ATTR_USE, property: 'use', kind: 'u32', path: ['CTA_USE'], readOnly: true },
  { id: attr.ATTR_ID, property: 'id', kind: 'u32', path: ['CTA_ID'], readOnly: true },
  { id: attr.ATTR_SECCTX, property: 'secctx', kind: 'string', path: ['CTA_SECCTX', 'CTA_SECCTX_NAME'], readOnly: true },
  {
    id: attr.ATTR_TIMESTAMP_START,
    property: 'timestamp.start',
    kind: 'u64',
    path: ['CTA_TIMESTAMP', 'CTA_TIMESTAMP_START'],
    readOnly: true,
  },
  {
    id: attr.ATTR_TIMESTAMP_STOP,
    property: 'timestamp.stop',
    kind: 'u64',
    path: ['CTA_TIMESTAMP', 'CTA_TIMESTAMP_STOP'],
    readOnly: true,
  },
  { property: 'timestamp.event', kind: 'u64', path: ['CTA_TIMESTAMP_EVENT'], readOnly: true },
  { property: 'filter.origFlags', kind: 'u32host', path: ['CTA_FILTER', 'CTA_FILTER_ORIG_FLAGS'], readOnly: true },
  { property: 'filter.replyFlags', kind: 'u32host', path: ['CTA_FILTER', 'CTA_FILTER_REPLY_FLAGS'], readOnly: true },
];

/** Groups and properties that most flows have nothing of. */
const RARE = new Set<string>([
  ...['master', 'sctp', 'dccp', 'snat', 'dnat', 'seqadjOrig', 'seqadjReply', 'helper', 'filter'],
  ...['statusMask', 'markMask', 'secmark', 'secctx', 'labels', 'labelsMask', 'timestamp.stop', 'timestamp.event'],
]);

function isRare({ property }: AttributeRow): boolean {
  return RARE.has(property) || RARE.has(property.split('.')[0]);
}

/**
 * By slot. What is rare has the upper slots, which a decoded flow gets only when one of them comes: that halves the memory of a table in
 * memory, and takes a fifth off the garbage of a dump.
 */
export const ATTRIBUTES: readonly AttributeRow[] = [
  ...ROWS.filter((row) => !isRare(row)),
  ...ROWS.filter((row) => isRare(row)),
];

/** How many slots are not rare. */
export const COMMON_SLOTS: number = ROWS.filter((row) => !isRare(row)).length;

/** The slots in the order in which they are written. */
export const WRITE_ORDER: readonly number[] = ROWS.map((row) => ATTRIBUTES.indexOf(row));

/** Padding inside nests, for the alignment of 64-bit values: read over. */
export const PADDING: readonly WirePath[] = [
  ['CTA_COUNTERS_ORIG', 'CTA_COUNTERS_PAD'],
  ['CTA_COUNTERS_REPLY', 'CTA_COUNTERS_PAD'],
  ['CTA_TIMESTAMP', 'CTA_TIMESTAMP_PAD'],
  [...DCCP, 'CTA_PROTOINFO_DCCP_PAD'],
];
