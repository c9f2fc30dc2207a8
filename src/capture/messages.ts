/** The netlink messages of a datagram, as far as a capture must know them. */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { checkBytes } from '../netlink/check.ts';
import { align4, walkDatagram } from '../netlink/nlmsg.ts';
import { NLM_F_REQUEST, NLMSG_HDRLEN } from '../uapi/netlink.ts';

/** Whether the first message of a datagram has NLM_F_REQUEST. */
export function isRequest(bytes: Uint8Array, littleEndian = HOST_LITTLE_ENDIAN): boolean {
  return bytes.length >= NLMSG_HDRLEN && (viewOf(bytes).getUint16(6, littleEndian) & NLM_F_REQUEST) !== 0;
}

/** Where the last message ends that is there as a whole, with as much of its padding as there is; 0 where none is. */
export function wholeMessages(bytes: Uint8Array, littleEndian = HOST_LITTLE_ENDIAN): number {
  const view = viewOf(bytes);
  let offset = 0;
  while (bytes.length - offset >= NLMSG_HDRLEN) {
    const length = view.getUint32(offset, littleEndian);
    if (length < NLMSG_HDRLEN || length > bytes.length - offset) break;
    offset = Math.min(align4(offset + length), bytes.length);
  }
  return offset;
}

/**
 * The netlink messages of a datagram, each with its nlmsghdr and without the padding behind it. They share the memory
 * of the datagram: a change of one changes the datagram.
 *
 * @throws TypeError naming the argument, DecodeError at a broken length
 */
export function messages(datagram: Uint8Array): Uint8Array[] {
  checkBytes(datagram, 'datagram');
  const found: Uint8Array[] = [];
  walkDatagram(viewOf(datagram), (_header, _view, offset, end) => void found.push(datagram.subarray(offset, end)));
  return found;
}
