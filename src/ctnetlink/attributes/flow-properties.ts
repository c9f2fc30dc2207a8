/**
 * The properties of a flow, their types and their meaning. flow.ts has the attribute that carries each on the wire; a
 * test compares the two. Everything is optional: a message carries what it carries, and 0 is a value.
 */

import type { DccpRole, DccpState, Family, Protocol, SctpState, TcpState } from '../names.ts';
import type { StatusText } from '../status.ts';
import type { UnknownAttribute } from './kinds.ts';
import type { WirePath } from './wire-path.ts';

/** One direction of a flow, or the flow it belongs to. */
export interface TupleProperties {
  /** Layer 3 protocol. Implied by an address; needed only where there is none. */
  family: Family;
  /** Source address as text, IPv4 or IPv6 (CTA_IP_V4_SRC, CTA_IP_V6_SRC). */
  src: string;
  /** Destination address as text. */
  dst: string;
  /** Layer 4 protocol by name, or by number where it has no name here (CTA_PROTO_NUM). */
  proto: Protocol;
  /** Source port; of GRE the source key. 0 to 65535. */
  sport: number;
  /** Destination port; of GRE the destination key. */
  dport: number;
  /** ICMP or ICMPv6 message type. */
  icmpType: number;
  /** ICMP or ICMPv6 code. */
  icmpCode: number;
  /** ICMP or ICMPv6 echo identifier. */
  icmpId: number;
  /** Zone of this direction only (CTA_TUPLE_ZONE, Linux 4.3). 0 is never emitted by the kernel. */
  zone: number;
}

/** TCP state (CTA_PROTOINFO_TCP). */
export interface TcpProperties {
  state: TcpState;
  /** Window scale of the original direction, 0 to 14. On update both must be given or neither counts. */
  wscaleOrig: number;
  wscaleReply: number;
  /** IP_CT_TCP_FLAG_* bits; in a request only those in maskOrig count. */
  flagsOrig: number;
  maskOrig: number;
  flagsReply: number;
  maskReply: number;
}

/** SCTP state (CTA_PROTOINFO_SCTP). */
export interface SctpProperties {
  state: SctpState;
  /** Verification tag of the original direction. */
  vtagOrig: number;
  vtagReply: number;
}

/** DCCP state (CTA_PROTOINFO_DCCP). Linux 6.18 has no DCCP any more and drops it silently. */
export interface DccpProperties {
  state: DccpState;
  role: DccpRole;
  /** 48-bit handshake sequence number. */
  handshakeSeq: bigint;
}

/** Connection tracking helper (CTA_HELP). Can be set at creation only. */
export interface HelperProperties {
  /** Such as 'ftp'; '' removes the helper on update. */
  name: string;
  /** Private data of a user-space helper (CTA_HELP_INFO). */
  info: Uint8Array;
}

/**
 * Source or destination NAT to set up (CTA_NAT_SRC, CTA_NAT_DST): at creation only, and never dumped; the result shows
 * in the reply tuple and in the status: see `flow.nat`.
 */
export interface NatProperties {
  /** Lowest address of the range; alone it is the address. */
  minAddress: string;
  maxAddress: string;
  /** Lowest port of the range; alone it is the port. */
  minPort: number;
  maxPort: number;
}

/** Sequence adjustment of one direction (CTA_SEQ_ADJ_*). */
export interface SeqadjProperties {
  correctionPos: number;
  offsetBefore: number;
  offsetAfter: number;
}

/**
 * Counters of one direction (CTA_COUNTERS_*). Undefined, both of them, of a flow that began while
 * net.netfilter.nf_conntrack_acct was 0, which is the default: the kernel counts nothing for it, also when that is set
 * to 1 later.
 */
export interface CounterProperties {
  packets: bigint;
  bytes: bigint;
}

/**
 * Nanoseconds since 1970, of flows that began while net.netfilter.nf_conntrack_timestamp was 1 (the default is 0);
 * `timestampDate` makes a Date of one.
 */
export interface TimestampProperties {
  start: bigint;
  /** In DESTROY events. */
  stop: bigint;
  /** When the event happened: in events only (CTA_TIMESTAMP_EVENT, Linux 6.14). */
  event: bigint;
}

/** SYNPROXY state (CTA_SYNPROXY). */
export interface SynproxyProperties {
  isn: number;
  its: number;
  tsoff: number;
}

/** Which fields of the tuples a filtered dump compares (CTA_FILTER): CTA_FILTER_F_* bits. */
export interface FilterProperties {
  origFlags: number;
  replyFlags: number;
}

/** Everything that a message can report about a flow. */
export interface FlowProperties {
  /** As the first packet was: before NAT. */
  orig: TupleProperties;
  /** The tuple of the answers. It differs from the inverse of orig if the flow is translated (NAT). */
  reply: TupleProperties;
  /** The flow whose helper expected this one (its original direction). */
  master: TupleProperties;
  /** IPS_* bits of linux/netfilter/nf_conntrack_common.h; statusNames() returns their names. */
  status: number;
  /** In filters: which bits of status count (Linux 5.15). */
  statusMask: number;
  /**
   * Seconds until the flow expires. In a request 0 kills it and 0xffffffff is clamped (to 8,589,934 s on Linux 6.18).
   */
  timeout: number;
  /** Connection mark. */
  mark: number;
  /** In an update the kernel sets (old & ~mask) ^ value; in a filter it compares under the mask. */
  markMask: number;
  /** Security mark (obsolete; secctx took its place). */
  secmark: number;
  /** Security context as text. */
  secctx: string;
  /**
   * Opaque: a hash of where the kernel keeps the flow, and of its original tuple. It tells flows of one moment apart,
   * but not one flow from the next: a flow that is created again with the same tuple often has the same id, because the
   * kernel uses the memory again. `timestamp.start` differs.
   */
  id: number;
  /** Reference count. */
  use: number;
  /** Conntrack zone of both directions. 0 is never emitted by the kernel; in a request undefined is zone 0 too. */
  zone: number;
  /** Numbers of the bits that are set, 0 to 127. */
  labels: readonly number[];
  /** In an update: which bits change. */
  labelsMask: readonly number[];
  tcp: TcpProperties;
  sctp: SctpProperties;
  dccp: DccpProperties;
  helper: HelperProperties;
  snat: NatProperties;
  dnat: NatProperties;
  countersOrig: CounterProperties;
  countersReply: CounterProperties;
  seqadjOrig: SeqadjProperties;
  seqadjReply: SeqadjProperties;
  timestamp: TimestampProperties;
  synproxy: SynproxyProperties;
  filter: FilterProperties;
}

/** What is not a group of properties. */
type Leaf = string | number | bigint | Uint8Array | readonly number[];

/** 'mark', 'orig.src', ...: every single property. */
export type PathOf<P> = {
  [K in keyof P & string]: P[K] extends Leaf ? K : `${K}.${keyof P[K] & string}`;
}[keyof P & string];

export type PropertyPath = PathOf<FlowProperties>;

/** What may be given for a property beside its own type: what its JSON has. */
type Given<T> = T extends bigint
  ? bigint | number | string
  : T extends Uint8Array
    ? Uint8Array | string
    : T extends readonly number[]
      ? readonly number[] | Uint8Array
      : T;

/** One direction as a caller gives it; undefined is "not set". */
export type TupleInit = { [K in keyof TupleProperties]?: TupleProperties[K] | undefined };

/** An attribute that this package does not know, as a caller gives it: sent as it is. */
export interface UnknownInit {
  /** Names of the nests around it, outermost first. */
  path: readonly string[];
  /** nla_type, with its NLA_F_ flags. */
  type: number;
  /** The payload: bytes, or hexadecimal text. */
  value: Uint8Array | string;
}

/** Properties that hold status bits. */
type StatusKey = 'status' | 'statusMask';

/** A mask that is undefined beside its value is refused: all bits would count. */
type MaskKey = 'markMask' | 'labelsMask' | 'statusMask';

/** An object as a caller gives it: any of the properties, those that hold status bits also by their names. */
export type InitOf<P> = {
  [K in keyof P]?:
    | (K extends StatusKey
        ? number | readonly StatusText[]
        : P[K] extends Leaf
          ? Given<P[K]>
          : { readonly [F in keyof P[K]]?: Given<P[K][F]> | undefined })
    | (K extends MaskKey ? never : undefined);
} & { unknown?: readonly (UnknownInit | UnknownAttribute)[] | undefined };

/**
 * A flow as a caller gives it: any of the properties. 64-bit integers may be numbers or decimal text, bytes may be
 * hexadecimal text, the status an array of names. Undefined is "not set", but a mask that is undefined beside its value
 * is a TypeError.
 */
export type FlowInit = InitOf<FlowProperties>;

/** A value as JSON has it. */
type JSONValue<T> = T extends bigint
  ? number | `${bigint}`
  : T extends Uint8Array
    ? string
    : T extends readonly number[]
      ? number[]
      : T;

/** An unknown attribute as JSON has it: `value` is hexadecimal text. */
export interface UnknownJSON {
  path: WirePath;
  type: number;
  value: string;
}

/** An object as its toJSON gives it: without what is not set, and without empty groups. */
export type JSONOf<P> = {
  [K in keyof P]?: K extends StatusKey
    ? StatusText[]
    : P[K] extends Leaf
      ? JSONValue<P[K]>
      : { [F in keyof P[K]]?: JSONValue<P[K][F]> };
} & { unknown?: UnknownJSON[] };

/**
 * A flow as JSON has it, of flow.toJSON() and JSON.parse(JSON.stringify(flow)): names for the status, decimal text for
 * integers above 2^53 - 1, hexadecimal text for bytes. It is a FlowInit: Flow.from makes an equal flow of it.
 */
export type FlowJSON = JSONOf<FlowProperties>;

/** An object as it is read: groups are undefined when nothing of them is set, but for those that are always there. */
export type ViewOf<P, Always extends keyof P> = {
  readonly [K in keyof P]: P[K] extends Leaf
    ? P[K] | undefined
    : K extends Always
      ? Readonly<Partial<P[K]>>
      : Readonly<Partial<P[K]>> | undefined;
};

/** A flow as it is read: `orig` and `reply` are always there, other groups only when something of them is. */
export type FlowView = ViewOf<FlowProperties, 'orig' | 'reply'>;
