/**
 * Two control messages of netlink say in a capture what its format has no field for: NLMSG_NOOP with "release=..." says
 * which kernel was recorded, with "listens" that its socket joined a group, and with "nsid=..." the network namespace
 * of the rest of the datagram; NLMSG_OVERRUN is where messages were lost, with "lost=..." where their number is known.
 */
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { checkInteger, checkString } from '../netlink/check.ts';
import { align4 } from '../netlink/nlmsg.ts';
import { Writer } from '../netlink/writer.ts';
import { NLMSG_HDRLEN, NLMSG_NOOP, NLMSG_OVERRUN } from '../uapi/netlink.ts';
import type { CapturedDatagram } from './datagram.ts';

const RELEASE = 'release=';
const LOST = 'lost=';
const LISTENS = 'listens';
const NSID = 'nsid=';

/**
 * A datagram for a capture that says which kernel it was recorded on: the first one. What a program sends depends on
 * it.
 *
 * @param release as uname -r prints it, such as '6.1.0-18-amd64'
 * @throws TypeError naming the argument
 */
export function releaseNote(release: string): CapturedDatagram {
  checkString(release, 'release');
  return { fromKernel: true, time: undefined, bytes: note(NLMSG_NOOP, RELEASE + release) };
}

/**
 * A datagram for a capture that says that messages were lost here. In a replay, each socket that listens gets an
 * overrun there.
 *
 * @param lost how many; leave it out where it is not known
 * @throws TypeError, RangeError naming the argument
 */
export function overrunNote(lost?: number): CapturedDatagram {
  if (lost !== undefined) checkInteger(lost, Number.MAX_SAFE_INTEGER, 'lost');
  return { fromKernel: true, time: undefined, bytes: note(NLMSG_OVERRUN, lost === undefined ? '' : LOST + lost) };
}

/** A datagram for a capture that says that its socket listens to events from here on. */
export function listensNote(): CapturedDatagram {
  return { fromKernel: true, time: undefined, bytes: note(NLMSG_NOOP, LISTENS) };
}

/** Whether this datagram is such a note. */
export function isListensNote(datagram: Uint8Array): boolean {
  return textOf(datagram, NLMSG_NOOP) === LISTENS;
}

/** A datagram behind a note with the id of its network namespace. */
export function withNsid(datagram: Uint8Array, nsid: number): Uint8Array {
  const first = note(NLMSG_NOOP, NSID + nsid);
  const at = align4(first.length);
  const both = new Uint8Array(at + datagram.length);
  both.set(first);
  both.set(datagram, at);
  return both;
}

/** The id of the network namespace of the rest of the datagram, when this message is such a note. */
export function nsidOf(message: Uint8Array): number | undefined {
  const text = textOf(message, NLMSG_NOOP);
  return text !== undefined && /^nsid=\d{1,10}$/.test(text) ? Number(text.slice(NSID.length)) : undefined;
}

/** The kernel's release, when this datagram is such a note. */
export function releaseOf(datagram: Uint8Array): string | undefined {
  const text = textOf(datagram, NLMSG_NOOP);
  return text?.startsWith(RELEASE) ? text.slice(RELEASE.length) : undefined;
}

/** 'lost=...', or '' where the number is not known, when this datagram is a note of a loss. */
export function lossOf(datagram: Uint8Array): string | undefined {
  return textOf(datagram, NLMSG_OVERRUN);
}

/** What a control message of this type says. */
function textOf(datagram: Uint8Array, type: number): string | undefined {
  if (datagram.length < NLMSG_HDRLEN) return undefined;
  const view = viewOf(datagram);
  if (view.getUint16(4, HOST_LITTLE_ENDIAN) !== type) return undefined;
  const end = Math.min(view.getUint32(0, HOST_LITTLE_ENDIAN), datagram.length);
  return new TextDecoder().decode(datagram.subarray(NLMSG_HDRLEN, end));
}

function note(type: number, text: string): Uint8Array {
  const writer = new Writer(64);
  const at = writer.beginMessage(type, 0, 0);
  const bytes = new TextEncoder().encode(text);
  writer.bytes.set(bytes, writer.reserve(bytes.length));
  writer.endMessage(at);
  return writer.finish();
}
