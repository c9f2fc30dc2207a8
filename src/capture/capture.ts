import {
  type Checks,
  checkBoolean,
  checkBytes,
  checkInteger,
  checkOptions,
  checkPlain,
  describe,
  oneOf,
} from '../netlink/check.ts';
import type { CapturedDatagram } from './datagram.ts';
import { overrunNote, releaseOf } from './notes.ts';
import { type Scan, scan } from './scan.ts';
import type { Skipped } from './skipped.ts';
import { memorySource } from './source.ts';
import { WRITERS, WRITTEN_FORMATS, type WrittenFormat } from './writers.ts';

/** A capture in memory. */
export interface Capture {
  /** In the order of the capture. */
  datagrams: CapturedDatagram[];
  /** What the capture has beside them. */
  skipped: Skipped;
  /** The format that it was in. */
  format: Scan['format'];
  /** Of the kernel that was recorded, where the capture says so. */
  release?: string;
}

/**
 * Reads the NETLINK_NETFILTER datagrams of a capture. What cannot be read is left out and counted. Where messages from
 * the kernel are missing because a packet was cut or is broken, an overrunNote() is in front of those of its messages
 * that are there, as record() writes it.
 *
 * @throws TypeError naming the argument
 * @throws DecodeError for what is no capture, UnsupportedError for a capture that cannot be read
 */
export function readCapture(capture: Uint8Array): Capture {
  checkBytes(capture, 'capture');
  const read = scan(memorySource(capture));
  const datagrams = [...capturedDatagrams(read)];
  const { format, skipped, notes } = read;
  return { datagrams, skipped, format, ...(notes.release === undefined ? {} : { release: notes.release }) };
}

/** The datagrams of a scan as readCapture() gives them. Their bytes are valid until the next. */
export function* capturedDatagrams({ source, datagrams }: Scan): Iterable<CapturedDatagram> {
  for (const { fromKernel, time, at, length, cut, socket } of datagrams()) {
    const whose = socket === undefined ? {} : { socket };
    if (cut && fromKernel) yield { ...overrunNote(), time, ...whose };
    if (length > 0) yield { fromKernel, time, bytes: source.read(at, length), ...whose };
  }
}

/** What writeCapture takes. */
export interface WriteCaptureOptions {
  /** 'pcap' (default) or 'pcapng', which Wireshark and tcpdump open; or 'hex': a line of text for each datagram. */
  format?: WrittenFormat | undefined;
}

const WRITE_OPTIONS: Checks<WriteCaptureOptions> = { format: oneOf(...WRITTEN_FORMATS) };

/**
 * A capture file of these datagrams, which readCapture() and replay() read. A time of 0 is as none.
 *
 * @throws TypeError, RangeError naming the argument
 */
export function writeCapture(datagrams: Iterable<CapturedDatagram>, options: WriteCaptureOptions = {}): Uint8Array {
  const { format = 'pcap' } = checkOptions(options, WRITE_OPTIONS);
  const all = [...datagrams];
  for (const [index, each] of all.entries()) checkDatagram(each, `datagrams[${index}]`);
  const { header, record } = WRITERS[format];
  let release: string | undefined;
  for (const { bytes } of all) release ??= releaseOf(bytes);
  return concat([header(release), ...all.map(record)]);
}

/** The last second that pcap has, in nanoseconds. */
export const LATEST_TIME = 0xffff_ffffn * 1_000_000_000n + 999_999_999n;

/** @throws TypeError, RangeError naming the argument */
function checkDatagram(datagram: CapturedDatagram, argument: string): void {
  checkPlain(datagram, argument);
  const { fromKernel, time, bytes, socket } = datagram;
  checkBoolean(fromKernel, `${argument}.fromKernel`);
  checkBytes(bytes, `${argument}.bytes`);
  if (socket !== undefined) checkInteger(socket, 0xffff_ffff, `${argument}.socket`);
  if (time === undefined) return;
  if (typeof time !== 'bigint') throw new TypeError(`${argument}.time must be a bigint, not ${describe(time)}`);
  if (time < 0n || time > LATEST_TIME)
    throw new RangeError(`${argument}.time must be nanoseconds from 0 to ${LATEST_TIME}, not ${time}`);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
