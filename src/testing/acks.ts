/** What ends the answer to a request: NLMSG_ERROR, which is an ACK where the errno is 0, and NLMSG_DONE. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { Writer } from '../netlink/writer.ts';
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from '../uapi/netlink.ts';
import { copyOf } from './messages.ts';
import type { ModelAnswer } from './model.ts';

const writer = new Writer(512);
const text = new TextEncoder();

/** As a socket with NETLINK_CAP_ACK and NETLINK_EXT_ACK gets it: only the header of the request is echoed. */
export function acknowledge(
  request: Uint8Array,
  portid: number,
  errno: number,
  extended?: ModelAnswer['fault'],
): Uint8Array {
  const sequence = viewOf(request).getUint32(8, HOST_LITTLE_ENDIAN);
  const flags = NLM_F_CAPPED | (extended === undefined ? 0 : NLM_F_ACK_TLVS);
  const at = begin(NLMSG_ERROR, flags, sequence, portid, errno);
  const echo = writer.reserve(NLMSG_HDRLEN);
  writer.bytes.set(request.subarray(0, NLMSG_HDRLEN), echo);
  if (extended !== undefined) {
    writer.attributeBytes(NLMSGERR_ATTR_MSG, text.encode(`${extended.message}\0`));
    if (extended.offset !== undefined) writer.attributeU32(NLMSGERR_ATTR_OFFS, extended.offset);
  }
  writer.endMessage(at);
  return copyOf(writer.finish());
}

/** The end of a dump. */
export function done(sequence: number, portid: number, flags: number): Uint8Array {
  const at = begin(NLMSG_DONE, NLM_F_MULTI | flags, sequence, portid, 0);
  writer.endMessage(at);
  return copyOf(writer.finish());
}

function begin(type: number, flags: number, sequence: number, portid: number, errno: number): number {
  const at = writer.reset().beginMessage(type, flags, sequence);
  writer.view.setUint32(at + 12, portid, HOST_LITTLE_ENDIAN);
  const place = writer.reserve(4);
  writer.view.setInt32(place, -errno, HOST_LITTLE_ENDIAN);
  return at;
}
