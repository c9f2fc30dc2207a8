import { NLA_HDRLEN, NLA_TYPE_MASK } from '../uapi/netlink.ts';
import { HOST_LITTLE_ENDIAN } from './byteorder.ts';
import { DecodeError } from './errors.ts';
import { align4 } from './nlmsg.ts';

/**
 * The length in the nlattr header at `offset`, checked against `end`.
 *
 * @throws DecodeError when the header does not fit or its nla_len is below 4 or passes `end`.
 */
export function nlattrLength(view: DataView, offset: number, end: number): number {
  if (end - offset < NLA_HDRLEN) throw new DecodeError(`${end - offset} bytes left, nlattr needs 4`, offset);
  const length = view.getUint16(offset, HOST_LITTLE_ENDIAN);
  if (length < NLA_HDRLEN || length > end - offset) {
    throw new DecodeError(`nla_len is ${length}, with ${end - offset} bytes left`, offset);
  }
  return length;
}

/** What visits an attribute: `type` without the NLA_F_ flags, payload from `start` to `end`. */
export type AttributeVisitor = (type: number, view: DataView, start: number, end: number) => void;

/**
 * Visits the attributes between `offset` and `end` in order. For the rare, small nests (extended ACK, statistics);
 * flows have their compiled tables.
 *
 * @throws DecodeError at the first broken length.
 */
export function walkAttributes(view: DataView, offset: number, end: number, visit: AttributeVisitor): void {
  while (offset < end) {
    const length = nlattrLength(view, offset, end);
    visit(view.getUint16(offset + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK, view, offset + NLA_HDRLEN, offset + length);
    offset = align4(offset + length);
  }
}

// Without ignoreBOM a leading U+FEFF would be taken away, and the string would be written back as another.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A string attribute, with or without its NUL: bytes up to the first NUL, decoded as UTF-8. */
export function readString(view: DataView, start: number, end: number): string {
  let stop = start;
  let ascii = true;
  while (stop < end) {
    const byte = view.getUint8(stop);
    if (byte === 0) break;
    if (byte > 127) ascii = false;
    stop++;
  }
  const bytes = new Uint8Array(view.buffer, view.byteOffset + start, stop - start);
  if (ascii && bytes.length <= 64) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  return decoder.decode(bytes);
}
