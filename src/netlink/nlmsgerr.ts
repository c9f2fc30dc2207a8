import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from '../uapi/netlink.ts';
import { HOST_LITTLE_ENDIAN } from './byteorder.ts';
import { DecodeError, type ExtendedAck } from './errors.ts';
import { readString, walkAttributes } from './nlattr.ts';
import { align4 } from './nlmsg.ts';

/**
 * The errno, positive, of an NLMSG_ERROR (0: an ACK) or NLMSG_DONE (0: the dump is complete). Both start with an int
 * that is 0 or a negative errno; old kernels send a DONE without it.
 *
 * @throws DecodeError when an NLMSG_ERROR is too short for it.
 */
export function readErrno(view: DataView, offset: number, end: number, done: boolean): number {
  const at = offset + NLMSG_HDRLEN;
  if (end - at < 4) {
    if (done) return 0;
    throw new DecodeError(`NLMSG_ERROR has ${end - at} payload bytes, needs 4`, at);
  }
  return Math.abs(view.getInt32(at, HOST_LITTLE_ENDIAN));
}

/**
 * The extended ACK of an NLMSG_ERROR or NLMSG_DONE, or undefined. In an ERROR it follows the request that the kernel
 * echoes: the whole request, or only its header if NLM_F_CAPPED is set.
 *
 * @throws DecodeError for a broken length.
 */
export function readExtendedAck(
  view: DataView,
  offset: number,
  end: number,
  flags: number,
  done: boolean,
): ExtendedAck | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  let at = offset + NLMSG_HDRLEN + 4;
  if (!done) {
    if (end - at < NLMSG_HDRLEN) throw new DecodeError('NLMSG_ERROR lacks the header of its request', at);
    const echoed = (flags & NLM_F_CAPPED) !== 0 ? NLMSG_HDRLEN : view.getUint32(at, HOST_LITTLE_ENDIAN);
    if (echoed < NLMSG_HDRLEN || echoed > end - at) throw new DecodeError(`echoed nlmsg_len is ${echoed}`, at);
    at += align4(echoed);
  }
  const extack: ExtendedAck = {};
  walkAttributes(view, at, end, (type, _view, start, stop) => {
    if (type === NLMSGERR_ATTR_MSG) extack.message = readString(view, start, stop);
    else if (stop - start < 4) return;
    else if (type === NLMSGERR_ATTR_OFFS) extack.offset = view.getUint32(start, HOST_LITTLE_ENDIAN);
    else if (type === NLMSGERR_ATTR_MISS_TYPE) extack.missingType = view.getUint32(start, HOST_LITTLE_ENDIAN);
    else if (type === NLMSGERR_ATTR_MISS_NEST) extack.missingNest = view.getUint32(start, HOST_LITTLE_ENDIAN);
  });
  return extack;
}
