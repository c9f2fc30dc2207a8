/**
 * The properties of a flow, their types and their meaning. flow.ts has the attribute that carries each on the wire; a
 * test compares the two. Everything is optional: a message carries what it carries, and 0 is a value.
 */

import type { DccpRole, DccpState, Family, Protocol, SctpState, TcpState } from '../names.ts';
import type { StatusText } from '../status.ts';
import type { UnknownAttribute } from './kinds.ts';

/** One direction of a flow, or the original direction of its master. */
export interface TupleProperties {
  /** Layer 3 protocol. It follows from an address; needed only where there is none. Other families are numbers. */
  family: Family;
  /** Source address as text, IPv4 or IPv6 (CTA_IP_V4_SRC, CTA_IP_V6_SRC). */
  src: string;
  /** Destination address as text, IPv4 or IPv6 (CTA_IP_V4_DST, CTA_IP_V6_DST). */
  dst: string;
  /** Layer 4 protocol by name, or by number, 0 to 255, where this package has no name for it (CTA_PROTO_NUM). */
  proto: Protocol;
  /** Source port, 0 to 65535 (CTA_PROTO_SRC_PORT). For GRE the source key. */
  sport: number;
  /** Destination port, 0 to 65535 (CTA_PROTO_DST_PORT). For GRE the destination key. */
  dport: number;
  /** ICMP or ICMPv6 message type, 0 to 255 (CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMPV6_TYPE). */
  icmpType: number;
  /** ICMP or ICMPv6 code, 0 to 255 (CTA_PROTO_ICMP_CODE, CTA_PROTO_ICMPV6_CODE). */
  icmpCode: number;
  /** ICMP or ICMPv6 echo identifier, 0 to 65535 (CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID). */
  icmpId: number;
  /** Zone of this direction only, 0 to 65535 (CTA_TUPLE_ZONE, Linux 4.3). The kernel never sends 0. */
  zone: number;
}

/** What the kernel knows about a TCP connection (CTA_PROTOINFO_TCP). */
export interface TcpProperties {
  /** State, by name or by number, 0 to 255 (CTA_PROTOINFO_TCP_STATE: enum tcp_conntrack). */
  state: TcpState;
  /**
   * Window scale of the original direction as a power of two, 0 to 14 (CTA_PROTOINFO_TCP_WSCALE_ORIGINAL). An update
   * must have both window scales, or the kernel ignores the one that it has.
   */
  wscaleOrig: number;
  /** Window scale of the reply direction: see `wscaleOrig` (CTA_PROTOINFO_TCP_WSCALE_REPLY). */
  wscaleReply: number;
  /**
   * Flags of the original direction: IP_CT_TCP_FLAG_* bits, 0 to 255 (CTA_PROTOINFO_TCP_FLAGS_ORIGINAL). A request
   * changes only those that `maskOrig` has.
   */
  flagsOrig: number;
  /** Which bits of `flagsOrig` a request changes, 0 to 255. The kernel sends 0 (CTA_PROTOINFO_TCP_FLAGS_ORIGINAL). */
  maskOrig: number;
  /** Flags of the reply direction: see `flagsOrig` (CTA_PROTOINFO_TCP_FLAGS_REPLY). */
  flagsReply: number;
  /** Which bits of `flagsReply` a request changes: see `maskOrig` (CTA_PROTOINFO_TCP_FLAGS_REPLY). */
  maskReply: number;
}

/** What the kernel knows about an SCTP association (CTA_PROTOINFO_SCTP). */
export interface SctpProperties {
  /** State, by name or by number, 0 to 255 (CTA_PROTOINFO_SCTP_STATE: enum sctp_conntrack). */
  state: SctpState;
  /** Verification tag of the original direction, 0 to 4294967295 (CTA_PROTOINFO_SCTP_VTAG_ORIGINAL). */
  vtagOrig: number;
  /** Verification tag of the reply direction, 0 to 4294967295 (CTA_PROTOINFO_SCTP_VTAG_REPLY). */
  vtagReply: number;
}

/** What the kernel knows about a DCCP connection (CTA_PROTOINFO_DCCP). Linux 6.18 has no DCCP and ignores it. */
export interface DccpProperties {
  /** State, by name or by number, 0 to 255 (CTA_PROTOINFO_DCCP_STATE: enum ct_dccp_states). */
  state: DccpState;
  /** Role of the end that began the flow, by name or by number (CTA_PROTOINFO_DCCP_ROLE: enum ct_dccp_roles). */
  role: DccpRole;
  /** Sequence number of the handshake, 48 bits (CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ). */
  handshakeSeq: bigint;
}

/** The helper of a flow (CTA_HELP). It can be set only when the flow is created. */
export interface HelperProperties {
  /** Name, such as 'ftp', at most 15 bytes (CTA_HELP_NAME). In an update, '' removes the helper. */
  name: string;
  /** Private data of a user-space helper (CTA_HELP_INFO). */
  info: Uint8Array;
}

/**
 * The source or destination NAT to set up (CTA_NAT_SRC, CTA_NAT_DST). Only for creation: the kernel never reports it.
 * The reply tuple and the status have the result: see `flow.nat`. The addresses must be of the family of the flow, and
 * a range needs its lowest value. Ports alone keep the address.
 */
export interface NatProperties {
  /** Lowest address of the range, IPv4 or IPv6 (CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP); alone it is the address. */
  minAddress: string;
  /**
   * Highest address of the range, not below `minAddress`. Default: `minAddress` (CTA_NAT_V4_MAXIP, CTA_NAT_V6_MAXIP).
   */
  maxAddress: string;
  /** Lowest port of the range, 0 to 65535 (CTA_PROTONAT_PORT_MIN); alone it is the port. */
  minPort: number;
  /** Highest port of the range, `minPort` to 65535. Default: `minPort` (CTA_PROTONAT_PORT_MAX). */
  maxPort: number;
}

/**
 * How NAT adjusts the TCP sequence numbers of one direction, because a helper changed the length of the data
 * (CTA_SEQ_ADJ_ORIG, CTA_SEQ_ADJ_REPLY).
 */
export interface SeqadjProperties {
  /** Sequence number of the last change of the length, 0 to 4294967295 (CTA_SEQADJ_CORRECTION_POS). */
  correctionPos: number;
  /**
   * Bytes that are added to sequence numbers before `correctionPos` (CTA_SEQADJ_OFFSET_BEFORE): a signed 32-bit integer
   * as an unsigned one, 0 to 4294967295.
   */
  offsetBefore: number;
  /** Bytes that are added to sequence numbers after `correctionPos`, as `offsetBefore` (CTA_SEQADJ_OFFSET_AFTER). */
  offsetAfter: number;
}

/**
 * Counters of one direction (CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY). Both are undefined if the flow began while
 * net.netfilter.nf_conntrack_acct was 0, which is the default: the kernel counts nothing for it, even if that is set to
 * 1 later.
 */
export interface CounterProperties {
  /** Packets of this direction since the flow began, or since a reset (CTA_COUNTERS_PACKETS, 64 bits). */
  packets: bigint;
  /** Bytes of these packets with their layer 3 headers (CTA_COUNTERS_BYTES, 64 bits). */
  bytes: bigint;
}

/**
 * Times in nanoseconds since 1970 (UTC); `timestampDate` converts one to a Date. Only flows that began while
 * net.netfilter.nf_conntrack_timestamp was 1 have a start and a stop (the default is 0).
 */
export interface TimestampProperties {
  /** When the flow began (CTA_TIMESTAMP_START). */
  start: bigint;
  /** When the flow ended: only in DESTROY events (CTA_TIMESTAMP_STOP). */
  stop: bigint;
  /** When the event happened: only in events (CTA_TIMESTAMP_EVENT, Linux 6.14 with nf_conntrack_timestamp=1). */
  event: bigint;
}

/** State of the SYNPROXY target (CTA_SYNPROXY, Linux 4.18). The kernel sends zeros for flows created by a request. */
export interface SynproxyProperties {
  /** Initial sequence number that the proxy chose, 0 to 4294967295 (CTA_SYNPROXY_ISN). */
  isn: number;
  /** Initial timestamp of the proxy, 0 to 4294967295 (CTA_SYNPROXY_ITS). */
  its: number;
  /** Difference between the timestamps of server and proxy, 0 to 4294967295 (CTA_SYNPROXY_TSOFF). */
  tsoff: number;
}

/**
 * Which fields of the tuples a filtered dump compares (CTA_FILTER, Linux 5.8). Requests of this package set them from
 * their filter; here they show what a recorded request has.
 */
export interface FilterProperties {
  /** Fields of the original direction: CTA_FILTER_F_* bits (CTA_FILTER_ORIG_FLAGS). */
  origFlags: number;
  /** Fields of the reply direction: CTA_FILTER_F_* bits (CTA_FILTER_REPLY_FLAGS). */
  replyFlags: number;
}

/** Everything that a message can report about a flow. */
export interface FlowProperties {
  /** The original direction: the tuple of the first packet, before NAT (CTA_TUPLE_ORIG). */
  orig: TupleProperties;
  /** The tuple of the answers (CTA_TUPLE_REPLY). With NAT it differs from the inverse of `orig`. */
  reply: TupleProperties;
  /** The original direction of the flow whose helper expected this one (CTA_TUPLE_MASTER). */
  master: TupleProperties;
  /** IPS_* bits of linux/netfilter/nf_conntrack_common.h (CTA_STATUS); statusNames() returns their names. */
  status: number;
  /** In filters: which bits of `status` are compared (CTA_STATUS_MASK, Linux 5.15). */
  statusMask: number;
  /**
   * Seconds until the flow expires (CTA_TIMEOUT), 0 to 4294967295. In a request 0 ends the flow, and the kernel clamps
   * what is too long (0xffffffff to 8,589,934 s on Linux 6.18).
   */
  timeout: number;
  /** Connection mark, 0 to 4294967295 (CTA_MARK). */
  mark: number;
  /**
   * In an update the kernel sets the mark to (old & ~markMask) ^ mark. In a filter it compares under the mask
   * (CTA_MARK_MASK).
   */
  markMask: number;
  /** Security mark, 0 to 4294967295 (CTA_SECMARK). Obsolete: kernels send `secctx` instead. */
  secmark: number;
  /** Security context as text, such as that of SELinux (CTA_SECCTX_NAME). Only the kernel sends it. */
  secctx: string;
  /**
   * Opaque, 0 to 4294967295 (CTA_ID): a hash of where the kernel keeps the flow, and of its original tuple. At one
   * moment no two flows have the same id. But a flow that is created again with the same tuple often has the id of the
   * one before, because the kernel uses the memory again. Then `timestamp.start` differs.
   */
  id: number;
  /** Reference count of the kernel's object (CTA_USE). Only the kernel sends it. */
  use: number;
  /** Zone of both directions, 0 to 65535 (CTA_ZONE). The kernel never sends 0; in a request undefined is zone 0 too. */
  zone: number;
  /** Connection labels: the numbers of the bits that are set, 0 to 127 (CTA_LABELS). */
  labels: readonly number[];
  /** In an update: the numbers of the bits that change, 0 to 127 (CTA_LABELS_MASK). */
  labelsMask: readonly number[];
  /** State of TCP: only TCP flows have it. */
  tcp: TcpProperties;
  /** State of SCTP: only SCTP flows have it. */
  sctp: SctpProperties;
  /** State of DCCP: only DCCP flows have it. */
  dccp: DccpProperties;
  /** The helper, if the flow has one. */
  helper: HelperProperties;
  /** In a request to create: source NAT. */
  snat: NatProperties;
  /** In a request to create: destination NAT. */
  dnat: NatProperties;
  /** Counters of the original direction, if the kernel counts (nf_conntrack_acct=1). */
  countersOrig: CounterProperties;
  /** Counters of the reply direction, if the kernel counts (nf_conntrack_acct=1). */
  countersReply: CounterProperties;
  /** Sequence adjustment of the original direction. */
  seqadjOrig: SeqadjProperties;
  /** Sequence adjustment of the reply direction. */
  seqadjReply: SeqadjProperties;
  /** When the flow began and ended, if the kernel keeps it (nf_conntrack_timestamp=1). */
  timestamp: TimestampProperties;
  /** State of SYNPROXY, if the kernel has it compiled in. */
  synproxy: SynproxyProperties;
  /** In a request to dump: which fields are compared. */
  filter: FilterProperties;
}

/** What is not a group of properties. */
type Leaf = string | number | bigint | Uint8Array | readonly number[];

/** 'mark', 'orig.src', ...: every single property. */
export type PathOf<P> = {
  [K in keyof P & string]: P[K] extends Leaf ? K : `${K}.${keyof P[K] & string}`;
}[keyof P & string];

export type PropertyPath = PathOf<FlowProperties>;

/**
 * Any of these properties and groups, as a caller gives them: 64-bit integers may also be numbers or decimal text,
 * bytes hexadecimal text, labels a bit mask in memory order, and a status an array of names. Undefined is "not set";
 * but a mask cannot be undefined, because all bits would count.
 */
export type InitOf<P> = {
  [K in keyof P]?:
    | (K extends 'status' | 'statusMask'
        ? number | readonly StatusText[]
        : P[K] extends bigint
          ? bigint | number | string
          : P[K] extends Uint8Array
            ? Uint8Array | string
            : P[K] extends readonly number[]
              ? readonly number[] | Uint8Array
              : P[K] extends string | number
                ? P[K]
                : InitOf<P[K]>)
    | (K extends 'markMask' | 'labelsMask' | 'statusMask' ? never : undefined);
};

/** One direction as a caller gives it. Undefined is "not set". */
export interface TupleInit extends InitOf<TupleProperties> {}

/** An attribute that this package does not know, as a caller gives it: sent as it is. */
export interface UnknownInit {
  /** Names of the nests around it, outermost first, such as ['CTA_PROTOINFO']. */
  path: readonly string[];
  /** nla_type, with its NLA_F_ flags, 0 to 65535. */
  type: number;
  /** The payload: bytes, or hexadecimal text. */
  value: Uint8Array | string;
}

/**
 * A flow as a caller gives it: any of the properties. 64-bit integers may be numbers or decimal text, bytes may be
 * hexadecimal text, the status an array of names. Undefined is "not set", but a mask that is undefined beside its value
 * is a TypeError.
 */
export interface FlowInit extends InitOf<FlowProperties> {
  /** Attributes that this package does not know, as a dumped flow or its JSON has them. They are sent as they are. */
  unknown?: readonly (UnknownInit | UnknownAttribute)[] | undefined;
}

/** An unknown attribute as JSON has it. */
export interface UnknownJSON {
  /** Names of the nests around it, outermost first, such as ['CTA_PROTOINFO']. */
  path: readonly string[];
  /** nla_type, with its NLA_F_ flags, 0 to 65535. */
  type: number;
  /** The payload as hexadecimal text. */
  value: string;
}

/**
 * These properties and groups as toJSON() returns them: without those that are not set, and without empty groups. A
 * status has names, 64-bit integers above 2^53 - 1 are decimal text, and bytes are hexadecimal text.
 */
export type JSONOf<P> = {
  [K in keyof P]?: K extends 'status' | 'statusMask'
    ? StatusText[]
    : P[K] extends bigint
      ? number | `${bigint}`
      : P[K] extends Uint8Array
        ? string
        : P[K] extends readonly number[]
          ? number[]
          : P[K] extends string | number
            ? P[K]
            : JSONOf<P[K]>;
};

/**
 * A flow as JSON has it, of flow.toJSON() and JSON.parse(JSON.stringify(flow)): names for the status, decimal text for
 * integers above 2^53 - 1, hexadecimal text for bytes. It is a FlowInit: Flow.from makes an equal flow of it.
 */
export type FlowJSON = JSONOf<FlowProperties> & {
  /** Attributes that this package does not know. */
  unknown?: UnknownJSON[];
};

/**
 * These properties as they are read: groups are undefined if nothing in them is set, except those that are always
 * there.
 */
export type ViewOf<P, Always extends keyof P> = {
  readonly [K in keyof P]: P[K] extends string | number | bigint | Uint8Array | readonly number[]
    ? P[K] | undefined
    : K extends Always
      ? Readonly<Partial<P[K]>>
      : Readonly<Partial<P[K]>> | undefined;
};

/**
 * A flow as it is read: `orig` and `reply` are always there, other groups only if something in them is set. A mask may
 * be missing and is never undefined, so that `{ ...flow, mark: 4 }` is a FlowInit.
 */
export interface FlowView
  extends ViewOf<Omit<FlowProperties, 'markMask' | 'labelsMask' | 'statusMask'>, 'orig' | 'reply'>,
    Readonly<Partial<Pick<FlowProperties, 'markMask' | 'labelsMask' | 'statusMask'>>> {}
