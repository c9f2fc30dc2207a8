import { NLMSG_ALIGNTO, NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { HOST_LITTLE_ENDIAN } from './byteorder.ts';
import { DecodeError } from './errors.ts';

/** NLMSG_ALIGN of linux/netlink.h; NLA_ALIGN is the same. */
export function align4(length: number): number {
  return (length + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1);
}

/** struct nlmsghdr of linux/netlink.h. All fields are host order and unsigned. */
export interface nlmsghdr {
  /** Of the message including this header, without the padding after it. */
  nlmsg_len: number;
  /** NLMSG_*, or subsystem and message type of nfnetlink. */
  nlmsg_type: number;
  /** NLM_F_* bits. */
  nlmsg_flags: number;
  /** Sequence number: an answer has that of its request, an event 0. */
  nlmsg_seq: number;
  /** Portid of the requester; 0 is the kernel itself. */
  nlmsg_pid: number;
}

/** A header of zeros, for readNlmsghdr to fill. */
export function newNlmsghdr(): nlmsghdr {
  return { nlmsg_len: 0, nlmsg_type: 0, nlmsg_flags: 0, nlmsg_seq: 0, nlmsg_pid: 0 };
}

/**
 * Reads the header at `offset` into `header` (one object for a whole walk: no allocation a message) and returns where
 * the message ends, padding excluded. The next one starts at `align4` of that; a last message need not be padded.
 *
 * @throws DecodeError when fewer than 16 bytes are left, or nlmsg_len is below 16 or passes `end`.
 */
export function readNlmsghdr(view: DataView, offset: number, end: number, header: nlmsghdr): number {
  if (end - offset < NLMSG_HDRLEN) throw new DecodeError(`${end - offset} bytes left, nlmsghdr needs 16`, offset);
  const length = view.getUint32(offset, HOST_LITTLE_ENDIAN);
  if (length < NLMSG_HDRLEN || length > end - offset) {
    throw new DecodeError(`nlmsg_len is ${length}, with ${end - offset} bytes left`, offset);
  }
  header.nlmsg_len = length;
  header.nlmsg_type = view.getUint16(offset + 4, HOST_LITTLE_ENDIAN);
  header.nlmsg_flags = view.getUint16(offset + 6, HOST_LITTLE_ENDIAN);
  header.nlmsg_seq = view.getUint32(offset + 8, HOST_LITTLE_ENDIAN);
  header.nlmsg_pid = view.getUint32(offset + 12, HOST_LITTLE_ENDIAN);
  return offset + length;
}

/** Writes `header` at `offset`: the inverse of readNlmsghdr. */
export function writeNlmsghdr(view: DataView, offset: number, header: Readonly<nlmsghdr>): void {
  view.setUint32(offset, header.nlmsg_len, HOST_LITTLE_ENDIAN);
  view.setUint16(offset + 4, header.nlmsg_type, HOST_LITTLE_ENDIAN);
  view.setUint16(offset + 6, header.nlmsg_flags, HOST_LITTLE_ENDIAN);
  view.setUint32(offset + 8, header.nlmsg_seq, HOST_LITTLE_ENDIAN);
  view.setUint32(offset + 12, header.nlmsg_pid, HOST_LITTLE_ENDIAN);
}

/** What visits a message: it lies from `offset` (its nlmsghdr) to `end`, padding excluded, and must not be kept. */
export type MessageVisitor = (header: nlmsghdr, view: DataView, offset: number, end: number) => void;

/**
 * Visits every message of a datagram in order.
 *
 * @throws DecodeError at the first broken length; what came before has been visited.
 */
export function walkDatagram(view: DataView, visit: MessageVisitor, header: nlmsghdr = newNlmsghdr()): void {
  const length = view.byteLength;
  for (let offset = 0; offset < length; ) {
    const end = readNlmsghdr(view, offset, length, header);
    visit(header, view, offset, end);
    offset = align4(end);
  }
}
