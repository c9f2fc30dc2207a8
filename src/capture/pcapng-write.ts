/** Writes pcapng: one section with one interface (link type 253, nanoseconds), and a block for each datagram. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { align4 } from '../netlink/nlmsg.ts';
import { COOKED_HEADER, LINKTYPE_NETLINK, writeCooked } from './cooked.ts';
import type { CapturedDatagram } from './datagram.ts';
import { isRequest } from './messages.ts';
import { lossOf } from './notes.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_SECTION,
  BYTE_ORDER_MAGIC,
  EPB_DROPCOUNT,
  EPB_FLAGS,
  IF_TSRESOL,
  OPT_COMMENT,
  OPT_ENDOFOPT,
  SHB_USERAPPL,
} from './pcapng-blocks.ts';

const INBOUND = 1;
const OUTBOUND = 2;
const NANOSECONDS_RESOLUTION = 9;

type Option = readonly [code: number, value: Uint8Array];

/**
 * The first bytes of a pcapng file of netlink datagrams.
 *
 * @param release of the kernel, for the comment of the section
 */
export function pcapngFileHeader(release?: string): Uint8Array {
  const comment: Option[] = release === undefined ? [] : [[OPT_COMMENT, text(`release=${release}`)]];
  const section = block(BLOCK_SECTION, 16, [...comment, [SHB_USERAPPL, text('ctnetlink')]], (view) => {
    view.setUint32(0, BYTE_ORDER_MAGIC, HOST_LITTLE_ENDIAN);
    view.setUint16(4, 1, HOST_LITTLE_ENDIAN);
    // The length of the section is not known.
    view.setBigInt64(8, -1n, HOST_LITTLE_ENDIAN);
  });
  const resolution = Uint8Array.of(NANOSECONDS_RESOLUTION);
  const device = block(BLOCK_INTERFACE, 8, [[IF_TSRESOL, resolution]], (view) => {
    view.setUint16(0, LINKTYPE_NETLINK, HOST_LITTLE_ENDIAN);
  });
  const bytes = new Uint8Array(section.length + device.length);
  bytes.set(section);
  bytes.set(device, section.length);
  return bytes;
}

/** One datagram as it is in such a file, behind pcapngFileHeader() and other datagrams. */
export function pcapngRecord({ fromKernel, time = 0n, bytes, socket }: CapturedDatagram): Uint8Array {
  const length = COOKED_HEADER + bytes.length;
  const options: Option[] = [[EPB_FLAGS, word(fromKernel ? INBOUND : OUTBOUND)], ...lossOptions(bytes)];
  return block(BLOCK_ENHANCED_PACKET, 20 + align4(length), options, (view, body) => {
    view.setUint32(4, Number(time >> 32n), HOST_LITTLE_ENDIAN);
    view.setUint32(8, Number(time & 0xffff_ffffn), HOST_LITTLE_ENDIAN);
    view.setUint32(12, length, HOST_LITTLE_ENDIAN);
    view.setUint32(16, length, HOST_LITTLE_ENDIAN);
    writeCooked(view, 20, fromKernel, isRequest(bytes), socket);
    body.set(bytes, 20 + COOKED_HEADER);
  });
}

/** For those that read the file by other means than the note itself. */
function lossOptions(datagram: Uint8Array): Option[] {
  const loss = lossOf(datagram);
  if (loss === undefined) return [];
  const lost = /^lost=(\d+)$/.exec(loss);
  if (lost === null) return [[OPT_COMMENT, text('messages were lost here')]];
  const count = new Uint8Array(8);
  viewOf(count).setBigUint64(0, BigInt(lost[1]), HOST_LITTLE_ENDIAN);
  return [
    [OPT_COMMENT, text(loss)],
    [EPB_DROPCOUNT, count],
  ];
}

/** @param size of the body, which `fill` gets as a view and as bytes */
function block(
  type: number,
  size: number,
  options: readonly Option[],
  fill: (view: DataView, body: Uint8Array) => void,
): Uint8Array {
  const optionsSize = options.reduce((sum, [, value]) => sum + 4 + align4(value.length), 4);
  const length = 8 + size + optionsSize + 4;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  view.setUint32(0, type, HOST_LITTLE_ENDIAN);
  view.setUint32(4, length, HOST_LITTLE_ENDIAN);
  view.setUint32(length - 4, length, HOST_LITTLE_ENDIAN);
  const body = bytes.subarray(8, 8 + size);
  fill(viewOf(body), body);
  let at = 8 + size;
  for (const [code, value] of options) {
    view.setUint16(at, code, HOST_LITTLE_ENDIAN);
    view.setUint16(at + 2, value.length, HOST_LITTLE_ENDIAN);
    bytes.set(value, at + 4);
    at += 4 + align4(value.length);
  }
  view.setUint16(at, OPT_ENDOFOPT, HOST_LITTLE_ENDIAN);
  return bytes;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, HOST_LITTLE_ENDIAN);
  return bytes;
}
