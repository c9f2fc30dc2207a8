/**
 * Messages of flows by hand, as a program over libmnl builds and reads them. A Writer of ctnetlink/netlink stands for
 * the buffer that mnl_nlmsg_put_header begins, one whole message as bytes for the nlmsghdr that is read.
 */
import type { Codec, SlotHolder } from '../ctnetlink/codec/codec.ts';
import type { KernelFilter } from '../ctnetlink/filter/filter.ts';
import { kernelSupport, NEWEST } from '../ctnetlink/filter/support.ts';
import { type Flow, flowCodec } from '../ctnetlink/flow.ts';
import { decodeFlow, decodeFlowAttributes } from '../ctnetlink/message.ts';
import { MASTER, ORIG, REPLY, type TupleSlots } from '../ctnetlink/slots.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import { newNlmsghdr, type nlmsghdr, readNlmsghdr } from '../netlink/nlmsg.ts';
import { Writer } from '../netlink/writer.ts';
import { nfnlMessage } from '../nfnetlink/nfgenmsg.ts';
import { NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { NFGENMSG_LEN, NFNETLINK_V1 } from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET_CTRZERO } from '../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';
import { checkConntrack } from './conntrack.ts';
import { compileFilterDump, inOrder, type nfct_filter_dump } from './filter-dump.ts';
import { wireForm } from './wire.ts';

/**
 * Appends what nfct_query() would send of the object to the message that was begun last: writer.beginMessage(), then
 * writeNfgenmsg(), then this, then writer.endMessage(). The family of nfgenmsg is the caller's, and should be
 * ATTR_L3PROTO. Returns 0.
 *
 * @throws TypeError when no message is begun; TypeError, RangeError where nfct_query() refuses the object. Nothing is
 * written then
 */
export function nfct_nlmsg_build(writer: Writer, ct: Flow): number {
  checkWriter(writer);
  checkConntrack(ct);
  append(writer, flowCodec, [wireForm(ct).attributes]);
  return 0;
}

/**
 * Appends a filter to such a message, and puts its family, where it has one, into the nfgenmsg. Returns 0. A message
 * that deletes (IPCTNL_MSG_CT_DELETE) also gets the version of nfgenmsg without which the kernel flushes both families.
 *
 * Who sends it compares nothing of what comes, as nfct_query() does, so that a filter must be one that the kernel
 * applies as a whole. `release` is that of the kernel it is for, as Transport has it. Without one a dump is for a
 * kernel of today, as in C, and a message that deletes or resets counters for the oldest, which knows marks only: it
 * would ignore the rest, and empty the table.
 *
 * @throws UnsupportedError when the kernel does not apply all of it: it is too old, or does not compare such tuples
 * (IPv6 addresses, ports other than those of TCP and UDP)
 * @throws TypeError when no message is begun, or one would delete all; TypeError, RangeError naming the argument.
 * Nothing is written then
 */
export function nfct_nlmsg_build_filter(writer: Writer, filter_dump: nfct_filter_dump, release?: string): number {
  const message = checkWriter(writer);
  const type = nfnlMessage(writer.view.getUint16(message + 4, HOST_LITTLE_ENDIAN));
  const kernel = wholeFilter(filter_dump, type, release);
  append(writer, flowCodec, inOrder(kernel));
  const nfgenmsg = message + NLMSG_HDRLEN;
  if (kernel.family !== AF_UNSPEC) writer.bytes[nfgenmsg] = kernel.family;
  if (type === IPCTNL_MSG_CT_DELETE) writer.bytes[nfgenmsg + 1] = NFNETLINK_V1;
  return 0;
}

/**
 * What goes to the kernel of a filter whose replies nobody compares.
 * @throws UnsupportedError, TypeError, RangeError as nfct_nlmsg_build_filter
 */
export function wholeFilter(filter_dump: unknown, type: number, release: string | undefined): KernelFilter {
  const filter = compileFilterDump(filter_dump, 'filter_dump');
  const deletes = type === IPCTNL_MSG_CT_DELETE;
  if (deletes && filter.empty)
    throw new TypeError(
      'filter_dump: this filter matches every flow, and a message that deletes with it empties the table',
    );
  const harms = deletes || type === IPCTNL_MSG_CT_GET_CTRZERO;
  // C takes every kernel for one that understands all.
  const support = kernelSupport(release ?? (harms ? undefined : NEWEST));
  const kernel = filter.forKernel(deletes ? 'flush' : 'dump', support);
  if (!kernel.exact) {
    const which = release === undefined ? (harms ? 'a kernel of unknown release' : 'the kernel') : `Linux ${release}`;
    throw new UnsupportedError(`filter_dump: ${which} would take more flows than the filter matches`);
  }
  return kernel;
}

/**
 * Reads one whole message, from its nlmsghdr on, into the object: attributes of the message replace those of the
 * object, the rest stays. Its type is not looked at. Returns 0. Padding or another message behind it is not read.
 *
 * @throws DecodeError for a broken length, with its offset and the path to it (C: ends the process, or ignores the
 * rest). The object is unchanged then
 * @throws TypeError naming the argument
 */
export function nfct_nlmsg_parse(nlh: Uint8Array, ct: Flow): number {
  checkConntrack(ct);
  const { view, end } = openMessage(nlh);
  fill(ct, decodeFlow(view, 0, end), flowCodec, [ORIG, REPLY, MASTER]);
  return 0;
}

/**
 * Like nfct_nlmsg_parse, for attributes alone: those behind the nfgenmsg, whose family is `l3num`. Tuples get no layer
 * 3 protocol when it is neither AF_INET nor AF_INET6.
 *
 * @throws DecodeError as nfct_nlmsg_parse; TypeError, RangeError naming the argument
 */
export function nfct_payload_parse(payload: Uint8Array, l3num: number, ct: Flow): number {
  checkConntrack(ct);
  checkInteger(l3num, 0xffff, 'l3num');
  checkBytes(payload, 'payload');
  fill(ct, decodeFlowAttributes(viewOf(payload), 0, payload.length, l3num), flowCodec, [ORIG, REPLY, MASTER]);
  return 0;
}

/** Appends attributes to a message; what throws leaves it as it was. */
export function append(writer: Writer, codec: Codec, parts: readonly SlotHolder[]): void {
  const at = writer.length;
  try {
    for (const part of parts) codec.write(writer, part);
  } catch (error) {
    writer.truncate(at);
    throw error;
  }
}

/** Where the message that is begun starts. @throws TypeError when none is, with its nfgenmsg */
export function checkWriter(writer: unknown): number {
  if (!(writer instanceof Writer)) throw new TypeError(`writer must be a Writer, not ${describe(writer)}`);
  const { message, length } = writer;
  if (length - message < NLMSG_HDRLEN + NFGENMSG_LEN)
    throw new TypeError('writer must have a message that beginMessage() and writeNfgenmsg() began');
  return message;
}

/** @throws TypeError when it is not bytes; DecodeError when they are not those of one message at least */
export function openMessage(nlh: unknown): { view: DataView; end: number; header: nlmsghdr } {
  checkBytes(nlh, 'nlh');
  const view = viewOf(nlh);
  const header = newNlmsghdr();
  return { view, end: readNlmsghdr(view, 0, view.byteLength, header), header };
}

function checkBytes(value: unknown, argument: string): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${argument} must be a Uint8Array, not ${describe(value)}`);
}

/**
 * Sets in `to` what is set in `from`, which is nobody else's. Addresses of another family do not outlive that of their
 * tuple.
 */
export function fill(to: SlotHolder, from: SlotHolder, codec: Codec, tuples: readonly TupleSlots[]): void {
  if (from.slots.length > to.slots.length) codec.makeRoom(to);
  for (const { family, src4, dst4, src6, dst6 } of tuples) {
    const [before, now] = [to.slots[family], from.slots[family]];
    if (before === undefined || now === undefined || before === now) continue;
    for (const slot of [src4, dst4, src6, dst6]) to.slots[slot] = undefined;
  }
  for (let slot = 0; slot < from.slots.length; slot++) {
    if (from.slots[slot] !== undefined) to.slots[slot] = from.slots[slot];
  }
  to.unknown = from.unknown ?? to.unknown;
}
