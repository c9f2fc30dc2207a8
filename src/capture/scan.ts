import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { NETLINK_NETFILTER } from '../uapi/netlink.ts';
import { isForeign, orderedSource, toHostOrder } from './byte-order.ts';
import { isNetlinkLinkType, readCooked } from './cooked.ts';
import { gunzip, isGzip } from './gzip.ts';
import { isRequest, wholeMessages } from './messages.ts';
import { noCapture } from './no-capture.ts';
import { releaseOf } from './notes.ts';
import type { Packet } from './packet.ts';
import { isPcap, pcapPackets, readPcapHeader } from './pcap.ts';
import { checkPcapng, isPcapng, pcapngPackets } from './pcapng.ts';
import { nothingSkipped, type Skipped } from './skipped.ts';
import type { Source } from './source.ts';
import { isText, readText, type TextCapture } from './text.ts';
import { CUT_TEXT } from './text-datagram.ts';

/** Packets that are longer are not read: no netlink datagram is. */
const LONGEST_PACKET = 1 << 26;

/** Where one datagram is. */
export interface Scanned {
  /** From the kernel to a socket; else it was sent to the kernel. */
  fromKernel: boolean;
  /** Nanoseconds since the epoch. Undefined: the capture does not say. */
  time: bigint | undefined;
  /** Where its messages start in `Scan.source`. */
  at: number;
  /** How long they are, in bytes: whole messages only, 0 where not even the first is whole. */
  length: number;
  /**
   * Messages are missing behind those that are given: the packet was cut when it was captured, or a length in it is
   * broken. It is counted in `Scan.skipped`.
   */
  cut: boolean;
  /** The portid of the socket that record() recorded. Undefined in captures of other tools. */
  socket: number | undefined;
}

/** A capture that is read piece by piece. */
export interface Scan {
  /** The format, known by its content. */
  readonly format: 'pcap' | 'pcapng' | 'strace' | 'hex';
  /**
   * Where the datagrams are. In a capture from a machine of the other byte order, a read must start at a message and
   * end with one, and gives a copy in the byte order of this machine.
   */
  readonly source: Source;
  /** The datagrams of NETLINK_NETFILTER in the order of the capture. Each iteration starts again. */
  datagrams(): Iterable<Scanned>;
  /** What is not given. Filled as the datagrams are iterated over, and emptied when an iteration starts. */
  readonly skipped: Skipped;
  /** What the capture says about itself, as far as it was iterated over. */
  readonly notes: { release?: string };
}

/**
 * Reads a capture, whatever its format is: pcap, pcapng, a log of strace
 * (`strace -e trace=network -e read=all -e write=all`), text with the bytes of datagrams, or one of these compressed by
 * gzip. pcap and pcapng are not taken into memory.
 *
 * @throws DecodeError for what is no capture
 * @throws UnsupportedError for a capture that cannot be read, with what can
 */
export function scan(source: Source): Scan {
  return isGzip(source.read(0, 4)) ? scanGzip(source) : scanPlain(source);
}

function scanGzip(source: Source): Scan {
  const { source: plain, cut } = gunzip(source);
  const reason = 'the gzip file ends early';
  return scanPlain(plain, cut ? { offset: source.size, reason } : undefined);
}

/** @param cut where what was compressed ends early */
function scanPlain(source: Source, cut?: Skipped['cut']): Scan {
  const start = source.read(0, 4096).slice();
  if (isPcap(start)) {
    const file = readPcapHeader(source);
    return scanPackets('pcap', source, cut, (skipped) => pcapPackets(source, file, skipped));
  }
  if (isPcapng(start)) {
    checkPcapng(start);
    return scanPackets('pcapng', source, cut, (skipped, notes) => pcapngPackets(source, skipped, notes));
  }
  const text = isText(start) ? readText(source) : undefined;
  if (text === undefined) throw noCapture(start);
  return scanText(text, cut);
}

function scanText(
  { format, source: textSource, datagrams: gathered, skipped: before }: TextCapture,
  cut: Skipped['cut'],
): Scan {
  const source = orderedSource(textSource);
  const skipped = nothingSkipped();
  const notes: Notes = {};
  function* datagrams(): Iterable<Scanned> {
    Object.assign(skipped, before);
    for (const each of gathered) {
      const datagram = textSource.read(each.at, each.length);
      const found = place(datagram, each, skipped, notes);
      // The rest of its line is not there.
      if (each.open && found.datagram.cut) {
        skipped.cut = { offset: each.offset, reason: CUT_TEXT };
        skipped[each.truncated ? 'truncated' : 'broken']--;
        break;
      }
      source.foreign ||= found.foreign;
      yield found.datagram;
    }
    skipped.cut ??= cut;
  }
  return { format, source, datagrams, skipped, notes };
}

type Notes = Scan['notes'];

function scanPackets(
  format: Scan['format'],
  packetSource: Source,
  cut: Skipped['cut'],
  packets: (skipped: Skipped, notes: Notes) => Iterable<Packet>,
): Scan {
  const source = orderedSource(packetSource);
  const skipped = nothingSkipped();
  const notes: Notes = {};
  function* datagrams(): Iterable<Scanned> {
    Object.assign(skipped, nothingSkipped());
    for (const packet of packets(skipped, notes)) {
      const scanned = datagramOf(packetSource, packet, skipped, notes);
      if (scanned === undefined) continue;
      source.foreign ||= scanned.foreign;
      yield scanned.datagram;
    }
    skipped.cut ??= cut;
  }
  return { format, source, datagrams, skipped, notes };
}

interface Found {
  datagram: Scanned;
  foreign: boolean;
}

/** The datagram in a packet; undefined where it has none of ours, which is counted. */
function datagramOf(source: Source, packet: Packet, skipped: Skipped, notes: Notes): Found | undefined {
  const { at, length, linkType, time, truncated } = packet;
  if (!isNetlinkLinkType(linkType)) {
    skipped.otherLinkTypes++;
    return undefined;
  }
  if (length > LONGEST_PACKET) {
    skipped.broken++;
    return undefined;
  }
  const bytes = source.read(at, length);
  const cooked = readCooked(bytes, linkType);
  if (cooked === 'broken') {
    skipped.broken++;
    return undefined;
  }
  if (cooked === 'other' || cooked.family !== NETLINK_NETFILTER) {
    skipped.otherFamilies++;
    return undefined;
  }
  const { fromKernel, socket } = cooked;
  const where = { at: at + cooked.length, fromKernel, time, socket, truncated };
  return place(bytes.subarray(cooked.length), where, skipped, notes);
}

interface Place {
  at: number;
  /** Undefined: the capture does not say. */
  fromKernel: boolean | undefined;
  time: bigint | undefined;
  socket: number | undefined;
  truncated: boolean;
}

/** A datagram and where it is, with as many of its messages as are whole. What is missing is counted. */
function place(datagram: Uint8Array, where: Place, skipped: Skipped, notes: Notes): Found {
  const { at, time, socket, truncated } = where;
  const foreign = isForeign(datagram);
  const littleEndian = foreign !== HOST_LITTLE_ENDIAN;
  const length = wholeMessages(datagram, littleEndian);
  const broken = length === 0 || length < datagram.length;
  if (truncated) skipped.truncated++;
  else if (broken) skipped.broken++;
  const whole = datagram.subarray(0, length);
  notes.release ??= releaseOf(foreign ? toHostOrder(whole) : whole);
  const fromKernel = where.fromKernel ?? !isRequest(datagram, littleEndian);
  return { foreign, datagram: { fromKernel, time, at, length, cut: truncated || broken, socket } };
}
