/**
 * Datagrams as text. One a line, `> 14000000...` to the kernel and `< ...` from it, as hexLine() writes them; and what
 * is found in bug reports: hexdump -C and xxd, lists of bytes in C and Go, decimal ones too, and strings with \x
 * escapes.
 */
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import { isForeign } from './byte-order.ts';
import type { CapturedDatagram } from './datagram.ts';
import { QUOTED, unescapeBytes } from './escapes.ts';
import { hexdumpLine } from './hexdump.ts';
import { lines } from './lines.ts';
import { wholeMessages } from './messages.ts';
import type { Skipped } from './skipped.ts';
import type { Source } from './source.ts';
import { CUT_TEXT, type TextDatagram } from './text-datagram.ts';

/** Fewer bytes on a line of their own may be words. */
const LEAST = 8;

/** A time, the portid of the socket in brackets, and an arrow. */
const ARROW =
  /^\s*(?:(\d+(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?)\s+)?(?:\[(\d+)\]\s*)?([<>]|->|<-|=>|<=)(?=[\s0-9a-f[{"])\s*(.*)$/i;
/** Where a list of numbers begins: `{` of C and Go, `[` of Go. */
const LIST =
  /\{(?=\s*(?:0x[0-9a-f]{1,2}|\d{1,3})\b)|=\s*\{(?=\s*$)|\[(?=\s*(?:0x[0-9a-f]{1,2}|\d{1,3})(?:\s*,\s*|\s+|\s*$))/i;
/** `[]byte` and `[20]uint8` of Go, which are no lists but begin one. */
const ARRAY_TYPE = /\[\d*\]\s*(?:byte|uint8)\s*(?=\{)/g;

/** Whether a line may be one of this format. */
export function isHexText(text: string): boolean {
  if (text === HEX_HEADER.trimEnd()) return true;
  const arrow = ARROW.exec(text);
  const rest = (arrow?.[4] ?? text).replace(ARRAY_TYPE, '=');
  return LIST.test(rest) || (bytesOf(rest)?.bytes.length ?? 0) >= (arrow === null ? LEAST : 1);
}

/** The bytes of a line that is no list; where a dump says so, with their offset. */
function bytesOf(text: string): { bytes: number[]; offset?: number } | undefined {
  const dump = hexdumpLine(text.trimStart());
  if (dump !== undefined) return dump;
  const quoted = QUOTED.exec(pythonAsC(text));
  if (quoted?.[1].includes('\\x')) return { bytes: unescapeBytes(quoted[1]) };
  const words = text.split(/[\s:,;-]+/).filter((word) => word !== '');
  const prefixed = words.some((word) => /^0x/i.test(word));
  const bytes: number[] = [];
  for (const word of words) {
    const digits = prefixed ? word.replace(/^0x/i, '').padStart(2, '0') : word;
    if (digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) return undefined;
    for (let at = 0; at < digits.length; at += 2) bytes.push(Number.parseInt(digits.slice(at, at + 2), 16));
  }
  return bytes.length === 0 ? undefined : { bytes };
}

/** The string of `b'...'` in double quotes. */
function pythonAsC(text: string): string {
  const start = /^\s*b'/.exec(text)?.[0].length;
  return start === undefined ? text : `"${text.slice(start, text.lastIndexOf("'"))}"`;
}

/** One datagram that is being read. */
interface Pending extends Omit<TextDatagram, 'bytes'> {
  bytes: number[];
  /** An arrow is in front of it. */
  marked: boolean;
}

export function* hexDatagrams(source: Source, skipped: Skipped): Iterable<TextDatagram> {
  let pending: Pending | undefined;
  let inList = false;
  const start = (offset: number, open: boolean): Pending => ({
    fromKernel: undefined,
    time: undefined,
    socket: undefined,
    truncated: false,
    bytes: [],
    marked: false,
    offset,
    open,
  });
  function* flush(): Iterable<TextDatagram> {
    const done = pending;
    pending = undefined;
    inList = false;
    if (done === undefined) return;
    const { bytes, marked, ...rest } = done;
    // A few numbers without an arrow were none.
    if (marked || bytes.length >= LEAST) yield { ...rest, bytes: Uint8Array.from(bytes) };
  }
  for (const { text, offset, open } of lines(source)) {
    let rest = withoutComments(text);
    if (rest.trim() === '') {
      if (text.trim() === '' && !inList) yield* flush();
      continue;
    }
    const arrow = inList ? null : ARROW.exec(rest);
    if (arrow !== null) {
      yield* flush();
      const socket = arrow[2] === undefined ? undefined : Number(arrow[2]);
      if (socket !== undefined && socket > 0xffff_ffff) {
        skipped.broken++;
        continue;
      }
      const fromKernel = arrow[3].startsWith('<');
      pending = { ...start(offset, open), fromKernel, time: timeOf(arrow[1]), socket, marked: true };
      rest = arrow[4];
    }
    rest = rest.replace(ARRAY_TYPE, '=');
    for (;;) {
      if (!inList) {
        const list = LIST.exec(rest);
        if (list === null) break;
        // A list is a datagram of its own, also behind an arrow that has one already.
        if (pending === undefined || pending.bytes.length > 0) {
          yield* flush();
          pending = start(offset, open);
        }
        inList = true;
        rest = rest.slice(list.index + list[0].length);
      }
      const end = rest.search(/[\]}]/);
      pending!.open = open && end < 0;
      if (!appendNumbers(pending!, end < 0 ? rest : rest.slice(0, end))) {
        pending!.truncated = true;
        yield* flush();
        rest = '';
        break;
      }
      if (end < 0) {
        rest = '';
        break;
      }
      rest = rest.slice(end + 1);
      inList = false;
    }
    if (rest === '' || inList) continue;
    const found = bytesOf(rest);
    if (found === undefined) {
      // Words around a dump are no part of it.
      if (arrow !== null) {
        pending = undefined;
        if (open) skipped.cut = { offset, reason: CUT_TEXT };
        else skipped.broken++;
      }
      continue;
    }
    if (arrow === null && (pending === undefined || startsAgain(pending, found.offset))) {
      yield* flush();
      pending = start(offset, open);
    }
    for (const byte of found.bytes) pending!.bytes.push(byte);
    pending!.open = open;
  }
  yield* flush();
}

/** Not by one expression: it would look at a long run of spaces once for each. */
function withoutComments(text: string): string {
  const at = text.search(/#|\/\//);
  const rest = at < 0 ? text : text.slice(0, at);
  return (rest.includes('*/') ? rest.replace(/\/\*.*?\*\//g, '') : rest).trimEnd();
}

/** Whether a line without an arrow begins another datagram. */
function startsAgain({ bytes }: Pending, offset: number | undefined): boolean {
  if (offset !== undefined) return offset !== bytes.length;
  return bytes.length > 0 && isWhole(Uint8Array.from(bytes));
}

function isWhole(bytes: Uint8Array): boolean {
  return wholeMessages(bytes, isForeign(bytes) !== HOST_LITTLE_ENDIAN) === bytes.length;
}

/** Numbers of a list, decimal or with 0x. False where one is none of a byte. */
function appendNumbers({ bytes }: Pending, text: string): boolean {
  for (const word of text.split(/[\s,]+/)) {
    if (word === '') continue;
    const value = /^(?:0x[0-9a-f]{1,2}|\d{1,3})$/i.test(word) ? Number(word) : 256;
    if (value > 255) return false;
    bytes.push(value);
  }
  return true;
}

/** Seconds since the epoch, or a date. */
function timeOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const [whole, fraction = ''] = text.replace(/Z$/, '').split('.');
  const seconds = /^\d+$/.test(whole) ? BigInt(whole) : BigInt(Date.parse(`${whole.replace(' ', 'T')}Z`) || 0) / 1000n;
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

/** The first line of such a text. */
export const HEX_HEADER = '# netlink datagrams: seconds [portid], > to the kernel, < from the kernel\n';

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** One datagram as a line, with its end. */
export function hexLine({ fromKernel, time, bytes, socket }: CapturedDatagram): string {
  let line = '';
  if (time !== undefined) line += `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')} `;
  if (socket !== undefined) line += `[${socket}] `;
  line += fromKernel ? '<' : '>';
  for (let at = 0; at < bytes.length; at++) {
    if (at % 4 === 0) line += ' ';
    line += DIGITS[bytes[at]];
  }
  return `${line}\n`;
}
