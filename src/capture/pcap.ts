/**
 * pcap, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html: a file header, and a header before each packet.
 */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { DecodeError, UnsupportedError } from '../netlink/errors.ts';
import { COOKED_HEADER, isNetlinkLinkType, LINKTYPE_NETLINK, writeCooked } from './cooked.ts';
import type { CapturedDatagram } from './datagram.ts';
import { isRequest } from './messages.ts';
import type { Packet } from './packet.ts';
import type { Skipped } from './skipped.ts';
import type { Source } from './source.ts';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const SNAPLEN = 262144;
const NANOSECONDS = 1_000_000_000n;

/** What the file header says. */
export interface PcapFile {
  littleEndian: boolean;
  linkType: number;
  /** Nanoseconds in one unit of the second half of a timestamp. */
  unit: bigint;
}

export function isPcap(start: Uint8Array): boolean {
  return magicOf(start) !== undefined;
}

function magicOf(start: Uint8Array): { littleEndian: boolean; unit: bigint } | undefined {
  if (start.length < 4) return undefined;
  for (const littleEndian of [true, false]) {
    const magic = viewOf(start).getUint32(0, littleEndian);
    if (magic === MAGIC_MICROSECONDS) return { littleEndian, unit: 1000n };
    if (magic === MAGIC_NANOSECONDS) return { littleEndian, unit: 1n };
  }
  return undefined;
}

/** @throws DecodeError for a file that ends inside of its header, UnsupportedError for one of another link type */
export function readPcapHeader(source: Source): PcapFile {
  const header = source.read(0, FILE_HEADER);
  if (header.length < FILE_HEADER) throw new DecodeError(`${header.length} bytes are no pcap file`, 0);
  const { littleEndian, unit } = magicOf(header)!;
  // Beside the link type is the length of a frame check sequence.
  const linkType = viewOf(header).getUint32(20, littleEndian) & 0xffff;
  if (!isNetlinkLinkType(linkType)) {
    throw new UnsupportedError(
      `link type ${linkType} is not netlink (${LINKTYPE_NETLINK}); capture on an nlmon device`,
    );
  }
  return { littleEndian, linkType, unit };
}

export function* pcapPackets(source: Source, file: PcapFile, skipped: Skipped): Iterable<Packet> {
  const { littleEndian, linkType, unit } = file;
  for (let offset = FILE_HEADER; offset < source.size; ) {
    const header = source.read(offset, PACKET_HEADER);
    if (header.length < PACKET_HEADER) {
      skipped.cut = { offset, reason: 'the file ends inside of a packet header' };
      return;
    }
    const view = viewOf(header);
    const seconds = view.getUint32(0, littleEndian);
    const fraction = view.getUint32(4, littleEndian);
    const length = view.getUint32(8, littleEndian);
    const original = view.getUint32(12, littleEndian);
    const at = offset + PACKET_HEADER;
    if (length > source.size - at) {
      skipped.cut = { offset, reason: `a packet of ${length} bytes passes the end of the file` };
      return;
    }
    // A datagram that is written without a time has 0.
    const time = seconds === 0 && fraction === 0 ? undefined : BigInt(seconds) * NANOSECONDS + BigInt(fraction) * unit;
    yield { time, linkType, at, length, truncated: length < original };
    offset = at + length;
  }
}

/** The first bytes of a pcap file of netlink datagrams (link type 253, nanoseconds), as record() writes it. */
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

/** One datagram as it is in such a file, behind pcapFileHeader() and other datagrams. */
export function pcapRecord(datagram: CapturedDatagram): Uint8Array {
  const { fromKernel, time = 0n, bytes, socket } = datagram;
  const length = COOKED_HEADER + bytes.length;
  const record = new Uint8Array(PACKET_HEADER + length);
  const view = viewOf(record);
  view.setUint32(0, Number(time / NANOSECONDS), HOST_LITTLE_ENDIAN);
  view.setUint32(4, Number(time % NANOSECONDS), HOST_LITTLE_ENDIAN);
  view.setUint32(8, length, HOST_LITTLE_ENDIAN);
  view.setUint32(12, length, HOST_LITTLE_ENDIAN);
  writeCooked(view, PACKET_HEADER, fromKernel, isRequest(bytes), socket);
  record.set(bytes, PACKET_HEADER + COOKED_HEADER);
  return record;
}
