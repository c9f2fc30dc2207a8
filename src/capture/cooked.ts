/**
 * The headers in front of a netlink datagram in a capture. LINKTYPE_NETLINK (253) and LINKTYPE_LINUX_SLL (113,
 * `tcpdump -i any`) have the same 16 bytes: packet type, ARPHRD, length of an address, eight bytes for it, netlink
 * family. LINKTYPE_LINUX_SLL2 (276) has 20. All are big-endian. https://www.tcpdump.org/linktypes.html
 */
import { viewOf } from '../netlink/byteorder.ts';
import { NETLINK_NETFILTER } from '../uapi/netlink.ts';

export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_NETLINK = 253;
export const LINKTYPE_LINUX_SLL2 = 276;

// linux/if_packet.h, linux/if_arp.h
const PACKET_HOST = 0;
const PACKET_OUTGOING = 4;
const PACKET_USER = 6;
const PACKET_KERNEL = 7;
const ARPHRD_NETLINK = 824;

/** Of what is written. */
export const COOKED_HEADER = 16;
/** The longest of those that are read. */
export const LONGEST_HEADER = 20;

/** The portid of a socket as record() writes it, where SLL has the address of the link layer. */
const PORTID_LENGTH = 4;

/** What a header says. */
export interface Cooked {
  family: number;
  /** Undefined: the header does not say. */
  fromKernel: boolean | undefined;
  /** The portid of the recorded socket. */
  socket: number | undefined;
  /** Where the datagram starts. */
  length: number;
}

export function isNetlinkLinkType(linkType: number): boolean {
  return linkType === LINKTYPE_NETLINK || linkType === LINKTYPE_LINUX_SLL || linkType === LINKTYPE_LINUX_SLL2;
}

/** 'broken' for a packet that ends inside of its header, 'other' for one that is not of netlink. */
export function readCooked(bytes: Uint8Array, linkType: number): Cooked | 'broken' | 'other' {
  const length = linkType === LINKTYPE_LINUX_SLL2 ? LONGEST_HEADER : COOKED_HEADER;
  if (bytes.length < length) return 'broken';
  const view = viewOf(bytes);
  const second = linkType === LINKTYPE_LINUX_SLL2;
  const hardware = view.getUint16(second ? 8 : 2);
  // Some kernels leave it at 0 on nlmon; the link type says enough there.
  if (linkType !== LINKTYPE_NETLINK && hardware !== ARPHRD_NETLINK) return 'other';
  const addressLength = second ? view.getUint8(11) : view.getUint16(4);
  return {
    family: view.getUint16(second ? 0 : 14),
    fromKernel: directionOf(second ? view.getUint8(10) : view.getUint16(0)),
    socket: addressLength === PORTID_LENGTH ? view.getUint32(second ? 12 : 6) : undefined,
    length,
  };
}

/** nlmon marks all packets as outgoing. */
function directionOf(packetType: number): boolean | undefined {
  if (packetType === PACKET_HOST || packetType === PACKET_USER) return true;
  return packetType === PACKET_KERNEL ? false : undefined;
}

/**
 * @param request what goes to the kernel has NLM_F_REQUEST, so that readers know its direction from PACKET_OUTGOING too
 */
export function writeCooked(
  view: DataView,
  offset: number,
  fromKernel: boolean,
  request: boolean,
  socket: number | undefined,
): void {
  const outgoing = request ? PACKET_OUTGOING : PACKET_KERNEL;
  view.setUint16(offset, fromKernel ? PACKET_HOST : outgoing);
  view.setUint16(offset + 2, ARPHRD_NETLINK);
  if (socket !== undefined) {
    view.setUint16(offset + 4, PORTID_LENGTH);
    view.setUint32(offset + 6, socket);
  }
  view.setUint16(offset + 14, NETLINK_NETFILTER);
}
