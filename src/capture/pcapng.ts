/**
 * Reads pcapng, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html: sections of blocks, each with its
 * length.
 */
import { viewOf } from '../netlink/byteorder.ts';
import { DecodeError } from '../netlink/errors.ts';
import { align4 } from '../netlink/nlmsg.ts';
import type { Packet } from './packet.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_PACKET,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  IF_TSOFFSET,
  IF_TSRESOL,
  OPT_COMMENT,
  OPT_ENDOFOPT,
} from './pcapng-blocks.ts';
import type { Skipped } from './skipped.ts';
import type { Source } from './source.ts';

/** A block's type and its two lengths. */
const SMALLEST_BLOCK = 12;
const SECTION_HEADER = 28;
/** Options of a section or an interface are a few lines of text. */
const LONGEST_OPTIONS = 1 << 20;
const NANOSECONDS = 1_000_000_000n;

/** What packets of an interface have in common. */
interface Interface {
  linkType: number;
  snapLength: number;
  /** Ticks in a second. */
  ticks: bigint;
  /** Seconds to add. */
  offset: bigint;
}

export function isPcapng(start: Uint8Array): boolean {
  return start.length >= 4 && viewOf(start).getUint32(0) === BLOCK_SECTION;
}

/** @throws DecodeError for what begins as pcapng does and is none */
export function checkPcapng(start: Uint8Array): void {
  if (start.length < SMALLEST_BLOCK || sectionOrder(start) === undefined)
    throw new DecodeError('no pcapng file: its section has no byte order', 0);
}

/** Whether a section is little-endian. */
function sectionOrder(header: Uint8Array): boolean | undefined {
  const view = viewOf(header);
  if (view.getUint32(8, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(8, false) === BYTE_ORDER_MAGIC ? false : undefined;
}

/** @param notes what the comments of a section say goes there */
export function* pcapngPackets(source: Source, skipped: Skipped, notes: { release?: string }): Iterable<Packet> {
  let littleEndian = true;
  let interfaces: Interface[] = [];
  for (let offset = 0; offset < source.size; ) {
    const header = source.read(offset, SECTION_HEADER);
    const cut = (reason: string): void => {
      skipped.cut = { offset, reason };
    };
    if (header.length < SMALLEST_BLOCK) return cut('the file ends inside of a block header');
    const view = viewOf(header);
    const section = view.getUint32(0) === BLOCK_SECTION;
    if (section) {
      const order = sectionOrder(header);
      if (order === undefined) return cut('a section has no byte order');
      littleEndian = order;
      interfaces = [];
    }
    const type = section ? BLOCK_SECTION : view.getUint32(0, littleEndian);
    const length = view.getUint32(4, littleEndian);
    if (length < SMALLEST_BLOCK) return cut(`a block has a length of ${length}`);
    if (length > source.size - offset) return cut(`a block of ${length} bytes passes the end of the file`);
    const block: Block = { source, offset, header, length, littleEndian };
    if (section) readSection(block, notes);
    else if (type === BLOCK_INTERFACE) interfaces.push(readInterface(block));
    else if (type === BLOCK_ENHANCED_PACKET || type === BLOCK_PACKET || type === BLOCK_SIMPLE_PACKET) {
      const packet = readPacket(block, type, interfaces);
      if (packet === undefined) skipped.broken++;
      else yield packet;
    }
    offset += align4(length);
  }
}

interface Block {
  source: Source;
  offset: number;
  /** Its first bytes. */
  header: Uint8Array;
  length: number;
  littleEndian: boolean;
}

/** Visits the options from `from`, an offset in the block, on; up to the first whose length is broken. */
function eachOption(block: Block, from: number, visit: (code: number, value: Uint8Array) => void): void {
  const { source, offset, length, littleEndian } = block;
  const bytes = source.read(offset + from, Math.max(0, Math.min(length - 4 - from, LONGEST_OPTIONS)));
  const view = viewOf(bytes);
  for (let at = 0; bytes.length - at >= 4; ) {
    const code = view.getUint16(at, littleEndian);
    const size = view.getUint16(at + 2, littleEndian);
    if (code === OPT_ENDOFOPT || size > bytes.length - at - 4) return;
    visit(code, bytes.subarray(at + 4, at + 4 + size));
    at += 4 + align4(size);
  }
}

function readSection(block: Block, notes: { release?: string }): void {
  eachOption(block, 24, (code, value) => {
    if (code !== OPT_COMMENT) return;
    const match = /^release=(.+)$/m.exec(new TextDecoder().decode(value));
    if (match !== null) notes.release ??= match[1];
  });
}

function readInterface(block: Block): Interface {
  const { header, length, littleEndian } = block;
  const view = viewOf(header);
  // One that is too short still counts: packets name an interface by its number.
  const whole = length >= 20 && header.length >= 16;
  const found: Interface = {
    linkType: whole ? view.getUint16(8, littleEndian) : -1,
    snapLength: whole ? view.getUint32(12, littleEndian) : 0,
    ticks: 1_000_000n,
    offset: 0n,
  };
  if (!whole) return found;
  eachOption(block, 16, (code, value) => {
    // The first bit selects the base (2 or 10); the rest is a negative exponent.
    if (code === IF_TSRESOL && value.length >= 1)
      found.ticks = value[0] >= 128 ? 2n ** BigInt(value[0] & 127) : 10n ** BigInt(value[0]);
    else if (code === IF_TSOFFSET && value.length >= 8) found.offset = viewOf(value).getBigInt64(0, littleEndian);
  });
  return found;
}

/** Undefined for a block that is too short for its packet, or of an interface that there is not. */
function readPacket(block: Block, type: number, interfaces: readonly Interface[]): Packet | undefined {
  const { header, offset, length, littleEndian } = block;
  const view = viewOf(header);
  const simple = type === BLOCK_SIMPLE_PACKET;
  const start = simple ? 12 : 28;
  const room = length - start - 4;
  if (room < 0 || header.length < start) return undefined;
  const number = simple ? 0 : type === BLOCK_PACKET ? view.getUint16(8, littleEndian) : view.getUint32(8, littleEndian);
  const from = interfaces[number];
  if (from === undefined) return undefined;
  const original = view.getUint32(simple ? 8 : 24, littleEndian);
  const snapLength = from.snapLength === 0 ? original : from.snapLength;
  const captured = simple ? Math.min(original, snapLength, room) : view.getUint32(20, littleEndian);
  if (captured > room) return undefined;
  const ticks = simple
    ? 0n
    : (BigInt(view.getUint32(12, littleEndian)) << 32n) | BigInt(view.getUint32(16, littleEndian));
  return {
    // A datagram that is written without a time has 0.
    time: ticks === 0n ? undefined : (ticks * NANOSECONDS) / from.ticks + from.offset * NANOSECONDS,
    linkType: from.linkType,
    at: offset + start,
    length: captured,
    truncated: captured < original,
  };
}
