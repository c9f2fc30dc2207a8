/**
 * Datagrams of a machine of the other byte order. Netlink's own integers are in the order of the machine: the headers
 * of messages and attributes, errno, what an extended ACK says. The values of ctnetlink are big-endian, but for the
 * words of labels and the flags of CTA_FILTER. Its nests all have NLA_F_NESTED (nla_nest_start of the kernel,
 * mnl_attr_nest_start of libmnl).
 */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { align4 } from '../netlink/nlmsg.ts';
import {
  NLA_F_NESTED,
  NLA_HDRLEN,
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_OFFS,
  NLMSGERR_ATTR_POLICY,
} from '../uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK } from '../uapi/nfnetlink.ts';
import { CTA_FILTER, CTA_LABELS, CTA_LABELS_MASK } from '../uapi/nfnetlink_conntrack.ts';
import type { Source } from './source.ts';

const FOREIGN = !HOST_LITTLE_ENDIAN;
const NFGENMSG = 4;

/**
 * Whether a datagram is in the other byte order, by the length of its first message. In the wrong order that is far too
 * large.
 */
export function isForeign(datagram: Uint8Array): boolean {
  if (datagram.length < NLMSG_HDRLEN) return false;
  const view = viewOf(datagram);
  const fits = (length: number): boolean => length >= NLMSG_HDRLEN && length <= datagram.length;
  const host = view.getUint32(0, HOST_LITTLE_ENDIAN);
  if (fits(host)) return false;
  const foreign = view.getUint32(0, FOREIGN);
  return fits(foreign) || (foreign >= NLMSG_HDRLEN && foreign < host);
}

/**
 * A copy of a datagram of the other byte order in that of this machine. What is behind a broken length stays as it is.
 */
export function toHostOrder(datagram: Uint8Array): Uint8Array {
  const copy = datagram.slice();
  const view = viewOf(copy);
  for (let offset = 0; offset + NLMSG_HDRLEN <= copy.length; ) {
    const end = offset + view.getUint32(offset, FOREIGN);
    swapMessage(view, offset, Math.min(end, copy.length));
    if (end < offset + NLMSG_HDRLEN) break;
    offset = align4(end);
  }
  return copy;
}

function swap16(view: DataView, at: number): number {
  const value = view.getUint16(at, FOREIGN);
  view.setUint16(at, value, HOST_LITTLE_ENDIAN);
  return value;
}

function swap32(view: DataView, at: number): number {
  const value = view.getUint32(at, FOREIGN);
  view.setUint32(at, value, HOST_LITTLE_ENDIAN);
  return value;
}

function swapMessage(view: DataView, offset: number, end: number): void {
  swap32(view, offset);
  const type = swap16(view, offset + 4);
  const flags = swap16(view, offset + 6);
  swap32(view, offset + 8);
  swap32(view, offset + 12);
  const body = offset + NLMSG_HDRLEN;
  if (type === NLMSG_ERROR || type === NLMSG_DONE) swapAnswer(view, type, flags, body, end);
  else if (type >= NLMSG_MIN_TYPE) swapAttributes(view, body + NFGENMSG, end, valuesOf(type));
}

/** errno, in an NLMSG_ERROR the request or its header, and the extended ACK. */
function swapAnswer(view: DataView, type: number, flags: number, body: number, end: number): void {
  if (end - body < 4) return;
  swap32(view, body);
  let at = body + 4;
  if (type === NLMSG_ERROR) {
    if (end - at < NLMSG_HDRLEN) return;
    const length = (flags & NLM_F_CAPPED) !== 0 ? NLMSG_HDRLEN : view.getUint32(at, FOREIGN);
    // The request is whole only beside an error; beside an ACK the kernel sends its header, also without NLM_F_CAPPED.
    const echoed = Math.max(NLMSG_HDRLEN, Math.min(length, end - at));
    swapMessage(view, at, at + echoed);
    at += align4(echoed);
  }
  if ((flags & NLM_F_ACK_TLVS) !== 0) swapAttributes(view, at, end, ACK_VALUES);
}

/** How many bytes each integer of a value has that is in the order of the machine; 0: none is. */
type Values = (type: number, parent: number, length: number) => number;

const ACK_VALUES: Values = (type, parent, length) => {
  if (parent === NLMSGERR_ATTR_POLICY) return length === 8 ? 8 : 4;
  return type === NLMSGERR_ATTR_OFFS || type === NLMSGERR_ATTR_MISS_TYPE || type === NLMSGERR_ATTR_MISS_NEST ? 4 : 0;
};

const CT_VALUES: Values = (type, parent) =>
  parent === CTA_FILTER || (parent === 0 && (type === CTA_LABELS || type === CTA_LABELS_MASK)) ? 4 : 0;

const NO_VALUES: Values = () => 0;

function valuesOf(type: number): Values {
  return type >> 8 === NFNL_SUBSYS_CTNETLINK ? CT_VALUES : NO_VALUES;
}

/** @param parent the outermost attribute that these are in, 0 for none */
function swapAttributes(view: DataView, from: number, end: number, values: Values, parent = 0): void {
  for (let at = from; end - at >= NLA_HDRLEN; ) {
    const length = swap16(view, at);
    const type = swap16(view, at + 2);
    if (length < NLA_HDRLEN || length > end - at) return;
    const name = type & NLA_TYPE_MASK;
    const start = at + NLA_HDRLEN;
    if ((type & NLA_F_NESTED) !== 0) swapAttributes(view, start, at + length, values, parent === 0 ? name : parent);
    else swapValue(view, start, at + length, values(name, parent, length - NLA_HDRLEN));
    at = align4(at + length);
  }
}

function swapValue(view: DataView, start: number, end: number, size: number): void {
  if (size === 0) return;
  for (let at = start; end - at >= size; at += size) {
    if (size === 4) swap32(view, at);
    else view.setBigUint64(at, view.getBigUint64(at, FOREIGN), HOST_LITTLE_ENDIAN);
  }
}

/** A source that gives datagrams of the other byte order in that of this machine, once there is one. */
export interface OrderedSource extends Source {
  /** Whether any has been found. */
  foreign: boolean;
}

export function orderedSource(source: Source): OrderedSource {
  const ordered: OrderedSource = {
    size: source.size,
    foreign: false,
    read: (offset, length) => {
      const bytes = source.read(offset, length);
      return ordered.foreign && isForeign(bytes) ? toHostOrder(bytes) : bytes;
    },
  };
  return ordered;
}
