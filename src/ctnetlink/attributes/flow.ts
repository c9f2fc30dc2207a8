/**
 * Every attribute of the conntrack subsystem, one row each: libnetfilter_conntrack's number, our property, the kind of
 * value, and its place on the wire. The codec's tables, the accessors of Flow, compare and copy are all made from these
 * rows; their order is the order in which nfct_nlmsg_build writes.
 */
import * as attr from '../../uapi/libnetfilter_conntrack.ts';
import { PROTOINFO_PADDING, PROTOINFO_ROWS } from './protoinfo.ts';
import { type AttributeRow, type FlowRow, tupleRows } from './row.ts';
import type { WirePath } from './wire-path.ts';

export type { AttributeRow } from './row.ts';
export type { WirePath } from './wire-path.ts';

function nat(group: 'snat' | 'dnat', outer: WirePath[number], v4: number, v6: number, port: number): FlowRow[] {
  return [
    { id: v4, property: `${group}.minAddress`, kind: 'ipv4', path: [outer, 'CTA_NAT_V4_MINIP'], networkOrder: true },
    { property: `${group}.maxAddress`, kind: 'ipv4', path: [outer, 'CTA_NAT_V4_MAXIP'], networkOrder: true },
    { id: v6, property: `${group}.minAddress`, kind: 'ipv6', path: [outer, 'CTA_NAT_V6_MINIP'] },
    { property: `${group}.maxAddress`, kind: 'ipv6', path: [outer, 'CTA_NAT_V6_MAXIP'] },
    {
      id: port,
      property: `${group}.minPort`,
      kind: 'be16',
      path: [outer, 'CTA_NAT_PROTO', 'CTA_PROTONAT_PORT_MIN'],
      networkOrder: true,
    },
    {
      property: `${group}.maxPort`,
      kind: 'be16',
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
): FlowRow[] {
  return [
    {
      id: pos,
      property: `${group}.correctionPos`,
      kind: 'be32',
      path: [outer, 'CTA_SEQADJ_CORRECTION_POS'],
      kept: 'dumps',
    },
    {
      id: before,
      property: `${group}.offsetBefore`,
      kind: 'be32',
      path: [outer, 'CTA_SEQADJ_OFFSET_BEFORE'],
      kept: 'dumps',
    },
    {
      id: after,
      property: `${group}.offsetAfter`,
      kind: 'be32',
      path: [outer, 'CTA_SEQADJ_OFFSET_AFTER'],
      kept: 'dumps',
    },
  ];
}

function counters(
  group: 'countersOrig' | 'countersReply',
  outer: WirePath[number],
  packets: number,
  bytes: number,
): FlowRow[] {
  return [
    {
      id: packets,
      property: `${group}.packets`,
      kind: 'be64',
      path: [outer, 'CTA_COUNTERS_PACKETS'],
      narrow: [outer, 'CTA_COUNTERS32_PACKETS'],
      readOnly: true,
      kept: 'dumps',
    },
    {
      id: bytes,
      property: `${group}.bytes`,
      kind: 'be64',
      path: [outer, 'CTA_COUNTERS_BYTES'],
      narrow: [outer, 'CTA_COUNTERS32_BYTES'],
      readOnly: true,
      kept: 'dumps',
    },
  ];
}

/** In the order in which they are written. */
const ROWS: readonly FlowRow[] = [
  ...tupleRows('orig', ['CTA_TUPLE_ORIG'], {
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
  ...tupleRows('reply', ['CTA_TUPLE_REPLY'], {
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
  ...tupleRows('master', ['CTA_TUPLE_MASTER'], {
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
  { id: attr.ATTR_TIMEOUT, property: 'timeout', kind: 'be32', path: ['CTA_TIMEOUT'], kept: 'dumps' },
  { id: attr.ATTR_MARK, property: 'mark', kind: 'be32', path: ['CTA_MARK'], absent: 'zero' },
  { property: 'markMask', kind: 'be32', path: ['CTA_MARK_MASK'] },
  { id: attr.ATTR_SECMARK, property: 'secmark', kind: 'be32', path: ['CTA_SECMARK'] },
  ...PROTOINFO_ROWS,
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
  {
    id: attr.ATTR_HELPER_NAME,
    property: 'helper.name',
    kind: 'string',
    path: ['CTA_HELP', 'CTA_HELP_NAME'],
    absent: 'none',
  },
  {
    id: attr.ATTR_HELPER_INFO,
    property: 'helper.info',
    kind: 'bytes',
    path: ['CTA_HELP', 'CTA_HELP_INFO'],
    kept: 'dumps',
    absent: 'none',
  },
  { id: attr.ATTR_ZONE, property: 'zone', kind: 'be16', path: ['CTA_ZONE'] },
  // An event says that bits were set, and none says that the last one was cleared.
  { id: attr.ATTR_CONNLABELS, property: 'labels', kind: 'labels', path: ['CTA_LABELS'], kept: 'dumps' },
  { id: attr.ATTR_CONNLABELS_MASK, property: 'labelsMask', kind: 'labels', path: ['CTA_LABELS_MASK'] },
  { id: attr.ATTR_SYNPROXY_ISN, property: 'synproxy.isn', kind: 'be32', path: ['CTA_SYNPROXY', 'CTA_SYNPROXY_ISN'] },
  { id: attr.ATTR_SYNPROXY_ITS, property: 'synproxy.its', kind: 'be32', path: ['CTA_SYNPROXY', 'CTA_SYNPROXY_ITS'] },
  {
    id: attr.ATTR_SYNPROXY_TSOFF,
    property: 'synproxy.tsoff',
    kind: 'be32',
    path: ['CTA_SYNPROXY', 'CTA_SYNPROXY_TSOFF'],
  },
  // Last are the attributes that only the kernel sends; nfct_nlmsg_build does not write them.
  ...counters('countersOrig', 'CTA_COUNTERS_ORIG', attr.ATTR_ORIG_COUNTER_PACKETS, attr.ATTR_ORIG_COUNTER_BYTES),
  ...counters('countersReply', 'CTA_COUNTERS_REPLY', attr.ATTR_REPL_COUNTER_PACKETS, attr.ATTR_REPL_COUNTER_BYTES),
  { id: attr.ATTR_USE, property: 'use', kind: 'be32', path: ['CTA_USE'], readOnly: true, kept: 'dumps' },
  { id: attr.ATTR_ID, property: 'id', kind: 'be32', path: ['CTA_ID'], readOnly: true },
  {
    id: attr.ATTR_SECCTX,
    property: 'secctx',
    kind: 'string',
    path: ['CTA_SECCTX', 'CTA_SECCTX_NAME'],
    readOnly: true,
    absent: 'none',
  },
  {
    id: attr.ATTR_TIMESTAMP_START,
    property: 'timestamp.start',
    kind: 'be64',
    path: ['CTA_TIMESTAMP', 'CTA_TIMESTAMP_START'],
    readOnly: true,
    kept: 'dumps',
  },
  {
    id: attr.ATTR_TIMESTAMP_STOP,
    property: 'timestamp.stop',
    kind: 'be64',
    path: ['CTA_TIMESTAMP', 'CTA_TIMESTAMP_STOP'],
    readOnly: true,
    kept: 'message',
  },
  {
    id: attr.ATTR_TIMESTAMP_EVENT,
    property: 'timestamp.event',
    kind: 'be64',
    path: ['CTA_TIMESTAMP_EVENT'],
    readOnly: true,
    kept: 'message',
  },
  { property: 'filter.origFlags', kind: 'u32', path: ['CTA_FILTER', 'CTA_FILTER_ORIG_FLAGS'], readOnly: true },
  { property: 'filter.replyFlags', kind: 'u32', path: ['CTA_FILTER', 'CTA_FILTER_REPLY_FLAGS'], readOnly: true },
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
 * By slot. What is rare has the upper slots, which a decoded flow gets only when one of them comes: that halves the
 * memory of a table in memory, and takes a fifth off the garbage of a dump.
 */
export const ATTRIBUTES: readonly FlowRow[] = [
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
  ...PROTOINFO_PADDING,
];
