/**
 * Logs of strace: of `-e trace=network -e read=all -e write=all`, whose dumps have all bytes; and of strings, where
 * they have them. Other sockets and files are left out, as far as the log says what a descriptor is.
 */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { NLMSG_HDRLEN, NLMSG_MIN_TYPE } from '../uapi/netlink.ts';
import { isForeign } from './byte-order.ts';
import { QUOTED, unescapeBytes } from './escapes.ts';
import { hexdumpLine } from './hexdump.ts';
import { lines } from './lines.ts';
import { wholeMessages } from './messages.ts';
import type { Skipped } from './skipped.ts';
import type { Source } from './source.ts';
import { type StraceCall, StraceCalls } from './strace-calls.ts';
import type { TextDatagram } from './text-datagram.ts';

/** What a log of netlink contains; anything may precede it, such as a process or a time. */
const CALL =
  /(?:^|[\s\]])(?:(?:send|recv)(?:to|from|msg|mmsg)?|socket|bind|getsockname|readv?|writev?)\((?:\d+[<,]|AF_)|<\.\.\. \w+ resumed>|^ \| 00000 /;

/** Whether a line is one of strace. */
export function isCall(text: string): boolean {
  return CALL.test(text);
}

/** A call whose bytes are being read. */
interface Transfer {
  call: StraceCall;
  /** Of each vector of sendmmsg and recvmmsg, else of one. */
  bytes: number[];
  dumped: boolean;
  offset: number;
  open: boolean;
}

export function* straceDatagrams(source: Source, skipped: Skipped): Iterable<TextDatagram> {
  const calls = new StraceCalls();
  let transfer: Transfer | undefined;
  for (const { text, offset, open } of lines(source)) {
    if (transfer !== undefined) {
      const dump = /^ \| /.test(text) ? hexdumpLine(text.slice(3)) : undefined;
      if (dump !== undefined) {
        transfer.bytes.push(...dump.bytes);
        transfer.dumped = true;
        transfer.open = open;
        continue;
      }
      if (/^ \* \d+ bytes in buffer/.test(text)) continue;
      if (transfer.bytes.length > 0 || !/^ = \d+ buffers in vector/.test(text)) yield* finish(transfer, skipped);
      if (/^ = \d+ buffers in vector/.test(text)) {
        transfer = { ...transfer, bytes: [], dumped: false, offset, open };
        continue;
      }
    }
    const call = calls.read(text);
    transfer = call === undefined ? undefined : { call, bytes: [], dumped: false, offset, open };
  }
  if (transfer !== undefined) yield* finish(transfer, skipped);
}

function* finish({ call, bytes, dumped, offset, open }: Transfer, skipped: Skipped): Iterable<TextDatagram> {
  const { family, toKernel, length, many, socket, time } = call;
  if (family === 'other') {
    if (call.netlink) skipped.otherFamilies++;
    return;
  }
  const strings = dumped ? undefined : stringsOf(call.text);
  const all = Uint8Array.from(strings?.bytes ?? bytes);
  // A file or a pipe may have the descriptor.
  if (family === undefined && !isNetfilter(all)) return;
  const truncated = strings?.cut === true || (!many && all.length < length);
  yield { fromKernel: !toKernel, time, socket, bytes: all, truncated, offset, open };
}

/** Whether bytes of a descriptor that the log says nothing about look like messages of netfilter. */
function isNetfilter(bytes: Uint8Array): boolean {
  if (bytes.length < NLMSG_HDRLEN) return false;
  const littleEndian = isForeign(bytes) !== HOST_LITTLE_ENDIAN;
  if (wholeMessages(bytes, littleEndian) === 0) return false;
  const type = viewOf(bytes).getUint16(4, littleEndian);
  return type >> 8 !== 0 || type < NLMSG_MIN_TYPE;
}

/**
 * The bytes of a call's buffers, where strace wrote them as strings: `"\24\0..."` behind the descriptor, or each
 * `iov_base`.
 */
function stringsOf(text: string): { bytes: number[]; cut: boolean } | undefined {
  const bases = text.includes('iov_base=')
    ? [...text.matchAll(new RegExp(`iov_base=(?:${QUOTED.source})?`, 'g'))]
    : [...text.matchAll(new RegExp(`^\\w+\\(\\d+(?:<[^>]*>)?, ${QUOTED.source}`, 'g'))];
  const bytes: number[] = [];
  let cut = bases.length === 0;
  for (const [, string, more] of bases) {
    // strace has decoded what is not a string, without its bytes.
    if (string === undefined) {
      cut = true;
      break;
    }
    for (const byte of unescapeBytes(string)) bytes.push(byte);
    if (more !== undefined) {
      cut = true;
      break;
    }
  }
  return { bytes, cut };
}
