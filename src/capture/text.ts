/** Captures as text: their datagrams are gathered in memory, in one buffer. */
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { isForeign } from './byte-order.ts';
import { HEX_HEADER, hexDatagrams, isHexText } from './hex.ts';
import { lines } from './lines.ts';
import { wholeMessages } from './messages.ts';
import { nothingSkipped, type Skipped } from './skipped.ts';
import { memorySource, type Source } from './source.ts';
import { isCall, straceDatagrams } from './strace.ts';
import type { TextDatagram } from './text-datagram.ts';

const SMALLEST_BUFFER = 1 << 16;

/** The same, gathered. */
export interface Gathered extends Omit<TextDatagram, 'bytes'> {
  at: number;
  length: number;
}

export interface TextCapture {
  format: 'strace' | 'hex';
  source: Source;
  datagrams: readonly Gathered[];
  skipped: Readonly<Skipped>;
}

/** Whether a file that begins like this is text. */
export function isText(start: Uint8Array): boolean {
  // Tab, line feed, form feed, carriage return, and escapes of colours.
  return start.length > 0 && start.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13) || byte === 27);
}

/** Undefined for a text that is no capture. */
export function readText(text: Source): TextCapture | undefined {
  const format = formatOf(text);
  if (format === undefined) return undefined;
  const skipped = nothingSkipped();
  const datagrams: Gathered[] = [];
  let buffer = new Uint8Array(SMALLEST_BUFFER);
  let used = 0;
  for (const { bytes, ...rest } of format === 'strace' ? straceDatagrams(text, skipped) : hexDatagrams(text, skipped)) {
    if (used + bytes.length > buffer.length) {
      const larger = new Uint8Array(2 * (used + bytes.length));
      larger.set(buffer);
      buffer = larger;
    }
    buffer.set(bytes, used);
    datagrams.push({ ...rest, at: used, length: bytes.length });
    used += bytes.length;
  }
  if (format === 'hex' && !isOfNetlink(text, datagrams, skipped, buffer)) return undefined;
  return { format, source: memorySource(buffer.subarray(0, used)), datagrams, skipped };
}

/** Numbers may be in any text: what has no arrow must look like netlink. */
function isOfNetlink(text: Source, datagrams: readonly Gathered[], skipped: Skipped, buffer: Uint8Array): boolean {
  if (skipped.broken > 0 || skipped.cut !== undefined) return true;
  const ofNetlink = datagrams.some(({ fromKernel, at, length }) => {
    const bytes = buffer.subarray(at, at + length);
    return fromKernel !== undefined || wholeMessages(bytes, isForeign(bytes) !== HOST_LITTLE_ENDIAN) > 0;
  });
  return ofNetlink || new TextDecoder().decode(text.read(0, HEX_HEADER.length)) === HEX_HEADER;
}

function formatOf(text: Source): 'strace' | 'hex' | undefined {
  let hex = false;
  for (const line of lines(text)) {
    if (isCall(line.text)) return 'strace';
    hex ||= isHexText(line.text);
  }
  return hex ? 'hex' : undefined;
}
