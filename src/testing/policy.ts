/**
 * What the kernel checks of the attributes of a request before it looks at their meaning: the nla_policy tables of
 * nf_conntrack_netlink.c, and the words of lib/nlattr.c for what fails them.
 */
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { align4 } from '../netlink/nlmsg.ts';
import { EINVAL, ERANGE } from '../uapi/errno.ts';
import { NLA_HDRLEN, NLA_TYPE_MASK } from '../uapi/netlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';

/** What fails: the extended ACK has the text, and where the attribute is. */
export interface PolicyFault {
  readonly errno: number;
  readonly message: string;
  /** From the start of the message to the attribute. */
  readonly offset: number;
}

interface Rule {
  /** Bytes of payload, at least. */
  readonly least?: number;
  /** And at most. */
  readonly most?: number;
  /** The highest value of a byte. */
  readonly highest?: number;
  /** The bits that a 32-bit integer may have, and whether it is big-endian. */
  readonly bits?: number;
  readonly bigEndian?: boolean;
  /** A text with a NUL, and so many bytes before it at most. */
  readonly text?: number;
  readonly nest?: Policy;
  /** Nobody looks whether the nest is one. */
  readonly loose?: boolean;
  /** Nobody may send it. */
  readonly reject?: boolean;
}

type Policy = Readonly<Record<number, Rule | undefined>>;

const U8: Rule = { least: 1 };
const U16: Rule = { least: 2 };
const U32: Rule = { least: 4 };
const LABELS: Rule = { most: 16 };

const TUPLE: Rule = {
  nest: {
    [cta.CTA_TUPLE_IP]: {
      nest: {
        [cta.CTA_IP_V4_SRC]: U32,
        [cta.CTA_IP_V4_DST]: U32,
        [cta.CTA_IP_V6_SRC]: { least: 16 },
        [cta.CTA_IP_V6_DST]: { least: 16 },
      },
    },
    [cta.CTA_TUPLE_PROTO]: {
      nest: {
        [cta.CTA_PROTO_NUM]: U8,
        [cta.CTA_PROTO_SRC_PORT]: U16,
        [cta.CTA_PROTO_DST_PORT]: U16,
        [cta.CTA_PROTO_ICMP_ID]: U16,
        [cta.CTA_PROTO_ICMP_TYPE]: U8,
        [cta.CTA_PROTO_ICMP_CODE]: U8,
        [cta.CTA_PROTO_ICMPV6_ID]: U16,
        [cta.CTA_PROTO_ICMPV6_TYPE]: U8,
        [cta.CTA_PROTO_ICMPV6_CODE]: U8,
      },
    },
    [cta.CTA_TUPLE_ZONE]: U16,
  },
};

const NAT: Rule = {
  nest: {
    [cta.CTA_NAT_V4_MINIP]: U32,
    [cta.CTA_NAT_V4_MAXIP]: U32,
    [cta.CTA_NAT_V6_MINIP]: { least: 16 },
    [cta.CTA_NAT_V6_MAXIP]: { least: 16 },
    [cta.CTA_NAT_PROTO]: { nest: { [cta.CTA_PROTONAT_PORT_MIN]: U16, [cta.CTA_PROTONAT_PORT_MAX]: U16 } },
  },
};

const THREE: Rule = { nest: { 1: U32, 2: U32, 3: U32 } };

/** TCP_CONNTRACK_SYN_SENT2, TCP_MAX_WSCALE, SCTP_CONNTRACK_HEARTBEAT_SENT. */
const LAST_TCP_STATE = 9;
const MOST_WSCALE = 14;
const LAST_SCTP_STATE = 8;

const PROTOINFO: Rule = {
  nest: {
    [cta.CTA_PROTOINFO_TCP]: {
      nest: {
        [cta.CTA_PROTOINFO_TCP_STATE]: { ...U8, highest: LAST_TCP_STATE },
        [cta.CTA_PROTOINFO_TCP_WSCALE_ORIGINAL]: { ...U8, highest: MOST_WSCALE },
        [cta.CTA_PROTOINFO_TCP_WSCALE_REPLY]: { ...U8, highest: MOST_WSCALE },
        [cta.CTA_PROTOINFO_TCP_FLAGS_ORIGINAL]: { least: 2 },
        [cta.CTA_PROTOINFO_TCP_FLAGS_REPLY]: { least: 2 },
      },
    },
    [cta.CTA_PROTOINFO_SCTP]: {
      nest: {
        [cta.CTA_PROTOINFO_SCTP_STATE]: { ...U8, highest: LAST_SCTP_STATE },
        [cta.CTA_PROTOINFO_SCTP_VTAG_ORIGINAL]: U32,
        [cta.CTA_PROTOINFO_SCTP_VTAG_REPLY]: U32,
      },
    },
  },
};

/** NF_CT_HELPER_NAME_LEN, without its NUL. */
const HELPER_NAME = 15;
/** CTA_FILTER_F_MAX. */
const FILTER_BITS = 0xfff;

/** ct_nla_policy. */
export const FLOW_POLICY: Policy = {
  [cta.CTA_TUPLE_ORIG]: TUPLE,
  [cta.CTA_TUPLE_REPLY]: TUPLE,
  [cta.CTA_STATUS]: U32,
  [cta.CTA_PROTOINFO]: PROTOINFO,
  [cta.CTA_HELP]: { nest: { [cta.CTA_HELP_NAME]: { text: HELPER_NAME } } },
  [cta.CTA_NAT_SRC]: NAT,
  [cta.CTA_TIMEOUT]: U32,
  [cta.CTA_MARK]: U32,
  [cta.CTA_ID]: U32,
  [cta.CTA_NAT_DST]: NAT,
  [cta.CTA_TUPLE_MASTER]: TUPLE,
  [cta.CTA_SEQ_ADJ_ORIG]: THREE,
  [cta.CTA_SEQ_ADJ_REPLY]: THREE,
  [cta.CTA_ZONE]: U16,
  [cta.CTA_MARK_MASK]: U32,
  [cta.CTA_LABELS]: LABELS,
  [cta.CTA_LABELS_MASK]: LABELS,
  [cta.CTA_SYNPROXY]: { ...THREE, loose: true },
  [cta.CTA_FILTER]: {
    nest: {
      [cta.CTA_FILTER_ORIG_FLAGS]: { ...U32, bits: FILTER_BITS },
      [cta.CTA_FILTER_REPLY_FLAGS]: { ...U32, bits: FILTER_BITS },
    },
  },
  [cta.CTA_STATUS_MASK]: U32,
  [cta.CTA_TIMESTAMP_EVENT]: { reject: true },
};

/** exp_nla_policy. */
export const EXPECTATION_POLICY: Policy = {
  [cta.CTA_EXPECT_MASTER]: TUPLE,
  [cta.CTA_EXPECT_TUPLE]: TUPLE,
  [cta.CTA_EXPECT_MASK]: TUPLE,
  [cta.CTA_EXPECT_TIMEOUT]: U32,
  [cta.CTA_EXPECT_ID]: U32,
  [cta.CTA_EXPECT_HELP_NAME]: { text: HELPER_NAME },
  [cta.CTA_EXPECT_ZONE]: U16,
  // NF_CT_EXPECT_PERMANENT, INACTIVE and USERSPACE.
  [cta.CTA_EXPECT_FLAGS]: { ...U32, bits: 7, bigEndian: true },
  [cta.CTA_EXPECT_CLASS]: U32,
  [cta.CTA_EXPECT_NAT]: { nest: { [cta.CTA_EXPECT_NAT_DIR]: U32, [cta.CTA_EXPECT_NAT_TUPLE]: TUPLE } },
  [cta.CTA_EXPECT_FN]: { text: Number.POSITIVE_INFINITY },
};

const FAILED = 'Attribute failed policy validation';

/** Where the attributes of a message are, by type: higher than all types of a policy. 0: not there. */
const places = new Int32Array(64);

/** Where an attribute ends; -1 where its length is not right: the kernel ignores it and what follows. */
function endOf(view: DataView, at: number, end: number): number {
  if (end - at < NLA_HDRLEN) return -1;
  const length = view.getUint16(at, HOST_LITTLE_ENDIAN);
  return length < NLA_HDRLEN || length > end - at ? -1 : at + length;
}

function typeAt(view: DataView, at: number): number {
  return view.getUint16(at + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK;
}

function faultOf(rule: Rule, view: DataView, at: number, end: number): PolicyFault | undefined {
  const start = at + NLA_HDRLEN;
  const length = end - start;
  if (rule.reject === true) return { errno: EINVAL, message: FAILED, offset: at };
  if (rule.nest !== undefined)
    return rule.loose !== true && length > 0 && length < NLA_HDRLEN
      ? { errno: ERANGE, message: FAILED, offset: at }
      : undefined;
  if (rule.text !== undefined) {
    const most = Math.min(end, start + rule.text + 1);
    for (let place = start; place < most; place++) if (view.getUint8(place) === 0) return undefined;
    return { errno: EINVAL, message: FAILED, offset: at };
  }
  if (length < (rule.least ?? 0) || length > (rule.most ?? length))
    return { errno: ERANGE, message: FAILED, offset: at };
  if (rule.highest !== undefined && view.getUint8(start) > rule.highest)
    return { errno: ERANGE, message: 'integer out of range', offset: at };
  if (rule.bits !== undefined) {
    const value = view.getUint32(start, rule.bigEndian === true ? false : HOST_LITTLE_ENDIAN);
    if ((value & ~rule.bits) !== 0) return { errno: EINVAL, message: 'reserved bit set', offset: at };
  }
  return undefined;
}

/** The first attribute of the message itself that fails its policy; nests are looked at when they are read. */
export function checkPolicy(policy: Policy, view: DataView, start: number, end: number): PolicyFault | undefined {
  for (let at = start, stop = endOf(view, at, end); stop >= 0; at = align4(stop), stop = endOf(view, at, end)) {
    const rule = policy[typeAt(view, at)];
    const fault = rule === undefined ? undefined : faultOf(rule, view, at, stop);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * What the kernel answers when it reads the nest of such an attribute. What fails in it is taken out of the message: it
 * becomes an attribute that nobody knows. So does what the kernel does not look at, whatever it has.
 * @returns errno by the types of the attribute and of the nest in it (see nestKey); undefined: nothing fails
 */
export function checkNests(
  policy: Policy,
  view: DataView,
  start: number,
  end: number,
): ReadonlyMap<number, number> | undefined {
  const found: NestErrnos = { errnos: undefined };
  places.fill(0);
  for (let at = start, stop = endOf(view, at, end); stop >= 0; at = align4(stop), stop = endOf(view, at, end)) {
    const type = typeAt(view, at);
    const rule = policy[type];
    if (rule === undefined) {
      hide(view, at);
      continue;
    }
    // Of two the kernel takes the last.
    if (places[type] !== 0) hide(view, places[type]);
    places[type] = at;
    if (rule.nest === undefined) continue;
    if (isWhole(view, at + NLA_HDRLEN, stop)) checkNest(rule.nest, view, at + NLA_HDRLEN, stop, type, 0, found);
    else hide(view, at);
  }
  return found.errnos;
}

/** Whether attributes follow each other up to the end. */
function isWhole(view: DataView, start: number, end: number): boolean {
  let at = start;
  for (let stop = endOf(view, at, end); stop >= 0; stop = endOf(view, at, end)) at = align4(stop);
  return at >= end;
}

/** @param inner the type of a nest in the nest; 0: the nest itself */
export function nestKey(type: number, inner: number): number {
  return (type << 8) | inner;
}

/** Where the errnos of nests go, if there are any. */
interface NestErrnos {
  errnos: Map<number, number> | undefined;
}

function checkNest(
  policy: Policy,
  view: DataView,
  start: number,
  end: number,
  outer: number,
  inner: number,
  found: NestErrnos,
): void {
  for (let at = start, stop = endOf(view, at, end); stop >= 0; at = align4(stop), stop = endOf(view, at, end)) {
    const type = typeAt(view, at);
    const rule = policy[type];
    const errno = rule === undefined ? 0 : (faultOf(rule, view, at, stop)?.errno ?? 0);
    if (rule === undefined || errno !== 0) hide(view, at);
    if (errno !== 0) {
      const key = nestKey(outer, inner);
      found.errnos ??= new Map();
      if (!found.errnos.has(key)) found.errnos.set(key, errno);
    } else if (rule?.nest !== undefined) {
      checkNest(rule.nest, view, at + NLA_HDRLEN, stop, outer, inner || type, found);
    }
  }
}

/** Gives an attribute a type that nobody knows. */
function hide(view: DataView, at: number): void {
  view.setUint16(at + 2, NLA_TYPE_MASK, HOST_LITTLE_ENDIAN);
}
