import { NLA_F_NESTED, NLA_HDRLEN, NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from './byteorder.ts';
import { align4 } from './nlmsg.ts';

const MAX_ATTRIBUTE = 0xffff;

/**
 * Writes netlink messages into one growing buffer that is used again for the next request. `finish` gives the bytes;
 * they are the writer's and valid until `reset`.
 */
export class Writer {
  /** The buffer. It is replaced when it grows. */
  bytes: Uint8Array;
  /** A view of the same bytes. */
  view: DataView;
  /** Bytes written so far, always 4-aligned between attributes. */
  length = 0;
  /** Where the message begun last starts. */
  message = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(new ArrayBuffer(capacity));
    this.view = viewOf(this.bytes);
  }

  /** Empties the buffer, for the next request. */
  reset(): this {
    this.length = 0;
    this.message = 0;
    return this;
  }

  /** Makes room for `count` more bytes, whatever they hold, and returns where they start. */
  reserve(count: number): number {
    const at = this.length;
    const needed = at + count;
    if (needed > this.bytes.length) this.#grow(needed);
    this.length = needed;
    return at;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(new ArrayBuffer(Math.max(needed, this.bytes.length * 2)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = viewOf(grown);
  }

  /**
   * Starts a message; returns where, for `endMessage`. The portid is 0: the kernel fills in the sender's from the
   * socket.
   */
  beginMessage(type: number, flags: number, sequence: number): number {
    const at = this.reserve(NLMSG_HDRLEN);
    this.message = at;
    this.view.setUint16(at + 4, type, HOST_LITTLE_ENDIAN);
    this.view.setUint16(at + 6, flags, HOST_LITTLE_ENDIAN);
    this.view.setUint32(at + 8, sequence, HOST_LITTLE_ENDIAN);
    this.view.setUint32(at + 12, 0);
    return at;
  }

  /** Ends the message that beginMessage started at this place: its length is known now. */
  endMessage(at: number): void {
    this.view.setUint32(at, this.length - at, HOST_LITTLE_ENDIAN);
  }

  /**
   * Room for an attribute of `size` payload bytes with its header written; returns where the payload starts.
   *
   * @throws RangeError when the attribute would pass 65,535 bytes, the most that nla_len can say.
   */
  attribute(type: number, size: number): number {
    const length = (4 satisfies typeof NLA_HDRLEN) + size;
    if (length > MAX_ATTRIBUTE) throw new RangeError(`an attribute of ${size} bytes does not fit nla_len`);
    const padded = align4(length);
    const at = this.reserve(padded);
    // The payload's last word, so that padding is zero; the payload is written over it.
    if (padded !== length) this.view.setUint32(at + padded - 4, 0);
    // nla_len and nla_type in one store; the byte order is a literal in each branch so that V8 folds it.
    if (HOST_LITTLE_ENDIAN) this.view.setUint32(at, length | (type << 16), true);
    else this.view.setUint32(at, (length << 16) | type, false);
    return at + (4 satisfies typeof NLA_HDRLEN);
  }

  /** An attribute of 8 bits. */
  attributeU8(type: number, value: number): void {
    const at = this.attribute(type, 1);
    this.bytes[at] = value;
  }

  /** In the byte order of the host, as netlink's own integers are: nla_put_u16 of the kernel. */
  attributeU16(type: number, value: number): void {
    const at = this.attribute(type, 2);
    this.view.setUint16(at, value, HOST_LITTLE_ENDIAN);
  }

  /** In the byte order of the host: nla_put_u32 of the kernel. */
  attributeU32(type: number, value: number): void {
    const at = this.attribute(type, 4);
    this.view.setUint32(at, value, HOST_LITTLE_ENDIAN);
  }

  /** In the byte order of the host: nla_put_u64_64bit of the kernel. */
  attributeU64(type: number, value: bigint): void {
    const at = this.attribute(type, 8);
    this.view.setBigUint64(at, value, HOST_LITTLE_ENDIAN);
  }

  /** Big-endian, as most 16-bit integers of ctnetlink are: nla_put_be16 of the kernel. */
  attributeBe16(type: number, value: number): void {
    const at = this.attribute(type, 2);
    this.view.setUint16(at, value);
  }

  /** Big-endian, as the 32-bit integers of ctnetlink are, except those of labels and CTA_FILTER: nla_put_be32. */
  attributeBe32(type: number, value: number): void {
    const at = this.attribute(type, 4);
    this.view.setUint32(at, value);
  }

  /** Big-endian, as the 64-bit integers of ctnetlink are: nla_put_be64 of the kernel. */
  attributeBe64(type: number, value: bigint): void {
    const at = this.attribute(type, 8);
    this.view.setBigUint64(at, value);
  }

  /** An attribute of these bytes. */
  attributeBytes(type: number, value: Uint8Array): void {
    const at = this.attribute(type, value.length);
    this.bytes.set(value, at);
  }

  /** Starts a nest; returns where, for `endNest`. */
  beginNest(type: number): number {
    return this.attribute(type | NLA_F_NESTED, 0) - NLA_HDRLEN;
  }

  /** Ends the nest that beginNest started at this place. @throws RangeError when it has grown past 65,535 bytes */
  endNest(at: number): void {
    const length = this.length - at;
    if (length > MAX_ATTRIBUTE) throw new RangeError(`a nest of ${length} bytes does not fit nla_len`);
    this.view.setUint16(at, length, HOST_LITTLE_ENDIAN);
  }

  /** Takes back everything from `at` on: for a nest that turned out empty. */
  truncate(at: number): void {
    this.length = at;
  }

  /** What was written, valid until `reset` or more is written. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
