import { DecodeError } from '../netlink/errors.ts';
import { NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { NFGENMSG_LEN } from '../uapi/nfnetlink.ts';

/** struct nfgenmsg of linux/netfilter/nfnetlink.h, right behind the nlmsghdr. */
export interface nfgenmsg {
  /** AF_*. */
  nfgen_family: number;
  /** NFNETLINK_V0. */
  version: number;
  /** Big-endian on the wire: the CPU number in per-CPU statistics. */
  res_id: number;
}

/** nlmsg_type: the subsystem in the upper byte, its message in the lower. */
export function nfnlType(subsystem: number, message: number): number {
  return (subsystem << 8) | message;
}

/** The subsystem in an nlmsg_type, NFNL_SUBSYS_*: the macro NFNL_SUBSYS_ID. */
export function nfnlSubsystem(type: number): number {
  return (type & 0xff00) >> 8;
}

/** The message of its subsystem in an nlmsg_type: the macro NFNL_MSG_TYPE. */
export function nfnlMessage(type: number): number {
  return type & 0xff;
}

/** Where the attributes of a message at `offset` start. */
export function attributesOf(offset: number, end: number): number {
  const at = offset + NLMSG_HDRLEN + NFGENMSG_LEN;
  if (at > end) throw new DecodeError(`${end - offset} bytes, nlmsghdr and nfgenmsg need 20`, offset);
  return at;
}

/** The nfgenmsg of a message at `offset`. @throws DecodeError if the message is too short for one */
export function readNfgenmsg(view: DataView, offset: number, end: number): nfgenmsg {
  const at = attributesOf(offset, end) - NFGENMSG_LEN;
  return { nfgen_family: view.getUint8(at), version: view.getUint8(at + 1), res_id: view.getUint16(at + 2) };
}
