/**
 * Captures of netlink traffic as nlmon and tcpdump write them and Wireshark opens them: pcap with link type 253 (LINKTYPE_NETLINK,
 * https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html), a 16-byte cooked header before each datagram.
 *
 * Two messages that netlink has for it carry what pcap has no field for: NLMSG_OVERRUN from the kernel stands where messages
 * were lost (with "lost=..." where it is known how many), and NLMSG_NOOP with "release=..." at the start says which kernel it was.
 */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { describe } from '../netlink/check.ts';
import { DecodeError, UnsupportedError } from '../netlink/errors.ts';
import { NETLINK_NETFILTER, NLM_F_REQUEST, NLMSG_HDRLEN } from '../uapi/netlink.ts';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const MAGIC_PCAPNG = 0x0a0d0d0a;
const LINKTYPE_NETLINK = 253;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const COOKED_HEADER = 16;
const SNAPLEN = 262144;

// linux/if_packet.h, linux/if_arp.h
const PACKET_HOST = 0;
const PACKET_OUTGOING = 4;
const ARPHRD_NETLINK = 824;

/** One datagram of a capture. */
export interface CapturedDatagram {
  /** Else it was sent to the kernel. */
  fromKernel: boolean;
  /** Nanoseconds since the epoch. */
  time: bigint;
  bytes: Uint8Array;
}

/** The first bytes of a capture file. */
export function pcapFileHeader(): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC_NANOSECONDS, HOST_LITTLE_ENDIAN);
  view.setUint16(4, 2, HOST_LITTLE_ENDIAN);
  view.setUint16(6, 4, HOST_LITTLE_ENDIAN);
  view.setUint32(16, SNAPLEN, HOST_LITTLE_ENDIAN);
  view.setUint32(20, LINKTYPE_NETLINK, HOST_LITTLE_ENDIAN);
  return bytes;
}

/** One datagram as it stands in a capture file. */
export function pcapRecord({ fromKernel, time, bytes }: CapturedDatagram): Uint8Array {
  const length = COOKED_HEADER + bytes.length;
  const record = new Uint8Array(PACKET_HEADER + length);
  const view = viewOf(record);
  view.setUint32(0, Number(time / 1_000_000_000n), HOST_LITTLE_ENDIAN);
  view.setUint32(4, Number(time % 1_000_000_000n), HOST_LITTLE_ENDIAN);
  view.setUint32(8, length, HOST_LITTLE_ENDIAN);
  view.setUint32(12, length, HOST_LITTLE_ENDIAN);
  // The cooked header is big-endian: packet type, ARPHRD, ten unused bytes, netlink family.
  view.setUint16(PACKET_HEADER, fromKernel ? PACKET_HOST : PACKET_OUTGOING);
  view.setUint16(PACKET_HEADER + 2, ARPHRD_NETLINK);
  view.setUint16(PACKET_HEADER + 14, NETLINK_NETFILTER);
  record.set(bytes, PACKET_HEADER + COOKED_HEADER);
  return record;
}

/**
 * The NETLINK_NETFILTER datagrams of a capture, in order; others are left out. What nlmon wrote has no direction: there, a
 * datagram whose first message has NLM_F_REQUEST went to the kernel.
 *
 * @deprecated readCapture() reads more formats, and skips what is cut or broken.
 * @throws DecodeError for a broken or cut file
 * @throws UnsupportedError for pcapng, another link type, or a capture from a machine of the other byte order
 */
export function readPcap(capture: Uint8Array): CapturedDatagram[] {
  if (!(capture instanceof Uint8Array)) throw new TypeError(`capture must be a Uint8Array, not ${describe(capture)}`);
  // Not a Buffer, whose slice() shares its memory: who copies a datagram to change it would change the capture.
  const file = new Uint8Array(capture.buffer, capture.byteOffset, capture.length);
  const view = viewOf(file);
  if (file.length < FILE_HEADER) throw new DecodeError(`${file.length} bytes are no pcap file`, 0);
  const magic = view.getUint32(0, HOST_LITTLE_ENDIAN);
  const swapped = view.getUint32(0, !HOST_LITTLE_ENDIAN);
  if (magic === MAGIC_PCAPNG)
    throw new UnsupportedError('pcapng is not read; convert it with `editcap -F pcap IN OUT`');
  if (swapped === MAGIC_MICROSECONDS || swapped === MAGIC_NANOSECONDS) {
    throw new UnsupportedError('the capture is from a machine of the other byte order, and so are the messages in it');
  }
  if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) throw new DecodeError('no pcap file', 0);
  const linktype = view.getUint32(20, HOST_LITTLE_ENDIAN) & 0xffff;
  if (linktype !== LINKTYPE_NETLINK)
    throw new UnsupportedError(`link type ${linktype} is not netlink (${LINKTYPE_NETLINK})`);
  const unit = magic === MAGIC_NANOSECONDS ? 1n : 1000n;

  const datagrams: CapturedDatagram[] = [];
  for (let offset = FILE_HEADER; offset < file.length; ) {
    if (file.length - offset < PACKET_HEADER) throw new DecodeError('the file ends inside a packet header', offset);
    const length = view.getUint32(offset + 8, HOST_LITTLE_ENDIAN);
    const start = offset + PACKET_HEADER;
    if (length > file.length - start)
      throw new DecodeError(`a packet of ${length} bytes passes the end of the file`, offset);
    if (length < COOKED_HEADER) throw new DecodeError(`a packet of ${length} bytes lacks the cooked header`, offset);
    if (length < view.getUint32(offset + 12, HOST_LITTLE_ENDIAN))
      throw new DecodeError('a packet was cut (snap length)', offset);
    if (view.getUint16(start + 14) === NETLINK_NETFILTER) {
      const bytes = file.subarray(start + COOKED_HEADER, start + length);
      const seconds = BigInt(view.getUint32(offset, HOST_LITTLE_ENDIAN));
      const fraction = BigInt(view.getUint32(offset + 4, HOST_LITTLE_ENDIAN));
      datagrams.push({
        fromKernel: view.getUint16(start) === PACKET_HOST || !isRequest(bytes),
        time: seconds * 1_000_000_000n + fraction * unit,
        bytes,
      });
    }
    offset = start + length;
  }
  return datagrams;
}

function isRequest(bytes: Uint8Array): boolean {
  if (bytes.length < NLMSG_HDRLEN) return false;
  return (viewOf(bytes).getUint16(6, HOST_LITTLE_ENDIAN) & NLM_F_REQUEST) !== 0;
}
