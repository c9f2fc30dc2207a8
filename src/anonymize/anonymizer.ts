/**
 * Datagrams one after another, anonymised. Only what is known to be harmless, or to be an address, leaves: all else is
 * zeros.
 */
import { LATEST_TIME } from '../capture/capture.ts';
import type { CapturedDatagram } from '../capture/datagram.ts';
import { isListensNote, lossOf, nsidOf, overrunNote, releaseOf } from '../capture/notes.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { DecodeError } from '../netlink/errors.ts';
import { nlattrLength } from '../netlink/nlattr.ts';
import { align4, newNlmsghdr, readNlmsghdr } from '../netlink/nlmsg.ts';
import { attributesOf, nfnlMessage, nfnlSubsystem } from '../nfnetlink/nfgenmsg.ts';
import {
  NLA_HDRLEN,
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
} from '../uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP } from '../uapi/nfnetlink.ts';
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET_STATS,
  IPCTNL_MSG_CT_GET_UNCONFIRMED,
  IPCTNL_MSG_EXP_GET_STATS_CPU,
} from '../uapi/nfnetlink_conntrack.ts';
import type { AddressMap, AddressSize } from './address-map.ts';
import type { Dropped } from './dropped.ts';
import { type AnonymizeOptions, addressMap } from './options.ts';
import { EXPECTATION_RULES, EXTACK_RULES, FLOW_RULES, type Rule, type Rules, STATS_RULES } from './rules.ts';
import { hide, isHarmless } from './texts.ts';

type Verdict = 'kept' | keyof Dropped;

/**
 * The kernel numbers attributes from 1 and has 28 (CTA_MAX). A far larger number is not a type but a part of something
 * else, because a length is broken; and a type stays.
 */
const LARGEST_TYPE = 63;

/** How many conversations of other subsystems are remembered. */
const MOST_CONVERSATIONS = 1 << 12;

export class Anonymizer {
  /** Grows with each datagram. */
  readonly dropped: Dropped = { otherSubsystems: 0, broken: 0 };
  readonly #map: AddressMap;
  readonly #keep: ReadonlySet<string>;
  readonly #drop: ReadonlySet<string>;
  /** Conversations whose NLMSG_DONE is left out too: it does not show what it ends. */
  readonly #foreign = new Set<string>();
  readonly #header = newNlmsghdr();
  #bytes = new Uint8Array(0);
  #view = viewOf(this.#bytes);

  /** @param options that were checked */
  constructor(options: AnonymizeOptions) {
    this.#map = addressMap(options);
    this.#keep = new Set(options.keep);
    this.#drop = new Set(options.drop);
  }

  /**
   * The datagram with the messages that may leave, if there are any, and a note in front where one of the kernel's is
   * broken.
   */
  *datagrams(datagram: CapturedDatagram): Iterable<CapturedDatagram> {
    const { bytes: original, time, ...rest } = datagram;
    // A broken time would be another one in the file that is written.
    const kept = { ...rest, time: time !== undefined && time > LATEST_TIME ? undefined : time };
    // Not slice(): that of a Buffer shares its memory.
    this.#bytes = new Uint8Array(original);
    this.#view = viewOf(this.#bytes);
    const { broken } = this.dropped;
    const bytes = this.#messages();
    if (rest.fromKernel && this.dropped.broken > broken) yield { ...kept, bytes: overrunNote().bytes };
    if (bytes.length > 0) yield { ...kept, bytes };
  }

  /** Changes the messages in their place, and moves those that stay together. */
  #messages(): Uint8Array {
    const bytes = this.#bytes;
    let length = 0;
    for (let offset = 0; offset < bytes.length; ) {
      let end: number;
      try {
        end = readNlmsghdr(this.#view, offset, bytes.length, this.#header);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.dropped.broken++;
        break;
      }
      const next = Math.min(align4(end), bytes.length);
      const verdict = this.#verdict(offset, end);
      if (verdict === 'kept') {
        bytes.fill(0, end, next);
        bytes.copyWithin(length, offset, next);
        length += next - offset;
      } else {
        this.dropped[verdict]++;
      }
      offset = next;
    }
    return bytes.subarray(0, length);
  }

  #verdict(offset: number, end: number): Verdict {
    try {
      return this.#message(offset, end);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return 'broken';
    }
  }

  /** @throws DecodeError */
  #message(offset: number, end: number): Verdict {
    const { nlmsg_type: type, nlmsg_flags: flags, nlmsg_seq: sequence, nlmsg_pid: portid } = this.#header;
    const conversation = `${portid}:${sequence}`;
    switch (type) {
      case NLMSG_NOOP:
        return isNote(this.#bytes.subarray(offset, end)) ? 'kept' : 'otherSubsystems';
      case NLMSG_OVERRUN:
        return /^(?:lost=\d{1,15})?$/.test(lossOf(this.#bytes.subarray(offset, end))!) ? 'kept' : 'broken';
      case NLMSG_ERROR:
        return this.#error(offset + NLMSG_HDRLEN, end, flags);
      case NLMSG_DONE:
        if (this.#foreign.has(conversation)) return 'otherSubsystems';
        this.#afterErrno(offset + NLMSG_HDRLEN, end, flags);
        return 'kept';
    }
    const rules = rulesOf(type, flags);
    if (rules === undefined) {
      if (this.#foreign.size >= MOST_CONVERSATIONS) this.#foreign.clear();
      this.#foreign.add(conversation);
      return 'otherSubsystems';
    }
    this.#foreign.delete(conversation);
    this.#attributes(rules, attributesOf(offset, end), end);
    return 'kept';
  }

  /** errno, the request or its header, and an extended ACK. */
  #error(at: number, end: number, flags: number): Verdict {
    const echo = at + 4;
    if (end - echo < NLMSG_HDRLEN) throw new DecodeError('NLMSG_ERROR lacks the header of its request', at);
    const view = this.#view;
    const type = view.getUint16(echo + 4, HOST_LITTLE_ENDIAN);
    const rules = rulesOf(type, view.getUint16(echo + 6, HOST_LITTLE_ENDIAN));
    if (rules === undefined) return 'otherSubsystems';
    const length = view.getUint32(echo, HOST_LITTLE_ENDIAN);
    // Old kernels do not mark that an ACK has the header only.
    const headerOnly = (flags & NLM_F_CAPPED) !== 0 || end - echo === NLMSG_HDRLEN;
    const stop = echo + (headerOnly ? NLMSG_HDRLEN : length);
    if (stop < echo + NLMSG_HDRLEN || stop > end) throw new DecodeError(`echoed nlmsg_len is ${length}`, echo);
    if (!headerOnly) this.#attributes(rules, attributesOf(echo, stop), stop);
    this.#extendedAck(stop, end, flags);
    return 'kept';
  }

  #afterErrno(at: number, end: number, flags: number): void {
    if (end - at < 4) this.#bytes.fill(0, at, end);
    else this.#extendedAck(at + 4, end, flags);
  }

  #extendedAck(from: number, end: number, flags: number): void {
    const at = Math.min(align4(from), end);
    this.#bytes.fill(0, from, at);
    if ((flags & NLM_F_ACK_TLVS) === 0) this.#bytes.fill(0, at, end);
    else this.#attributes(EXTACK_RULES, at, end);
  }

  /** @throws DecodeError at a broken length */
  #attributes(rules: Rules, from: number, end: number): void {
    for (let at = from; at < end; ) {
      const stop = at + nlattrLength(this.#view, at, end);
      const type = this.#view.getUint16(at + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK;
      if (type > LARGEST_TYPE) throw new DecodeError(`nla_type is ${type}`, at);
      this.#attribute(rules[type], at + NLA_HDRLEN, stop);
      at = align4(stop);
      this.#bytes.fill(0, stop, Math.min(at, end));
    }
  }

  #attribute(rule: Rule | undefined, at: number, end: number): void {
    switch (rule?.act) {
      case 'nest':
        this.#attributes(rule.members, at, end);
        return;
      case 'stay':
        // A value of another length is none that is known.
        if (end - at !== rule.size) this.#bytes.fill(0, at, end);
        return;
      case 'counter':
        // Statistics have nothing else: this is another message.
        if (end - at !== 4) throw new DecodeError(`a counter has ${end - at} bytes, needs 4`, at);
        return;
      case 'address':
      case 'mask':
        this.#address(rule.act === 'mask', rule.size, at, end);
        return;
      case 'labels':
        if (end - at > rule.most || this.#drop.has('labels')) this.#bytes.fill(0, at, end);
        return;
      case 'secctx':
        if (!this.#keep.has('secctx')) hide(this.#bytes, at, end);
        return;
      case 'helper':
      case 'text':
        if ((rule.act === 'helper' && this.#drop.has('helper')) || !isHarmless(this.#bytes, at, end))
          hide(this.#bytes, at, end);
        return;
      default:
        if (!this.#keep.has('unknown')) this.#bytes.fill(0, at, end);
    }
  }

  #address(mask: boolean, size: AddressSize, at: number, end: number): void {
    // The bytes behind it may be a part of the address: as the header of an attribute they would stay.
    if (end - at !== size) throw new DecodeError(`an address has ${end - at} bytes, needs ${size}`, at);
    if (!mask || !isPrefixMask(this.#bytes.subarray(at, end))) this.#map.replace(this.#bytes, at, size);
  }
}

/** Undefined for a message that is not of connection tracking. */
function rulesOf(type: number, flags: number): Rules | undefined {
  const message = nfnlMessage(type);
  const answer = (flags & NLM_F_REQUEST) === 0;
  switch (nfnlSubsystem(type)) {
    case NFNL_SUBSYS_CTNETLINK:
      // The kernel answers the other GETs by a NEW; statistics of expectations have a type of this subsystem (Linux
      // 6.18).
      if (answer && message > IPCTNL_MSG_CT_DELETE) return message <= IPCTNL_MSG_CT_GET_STATS ? STATS_RULES : [];
      return message <= IPCTNL_MSG_CT_GET_UNCONFIRMED ? FLOW_RULES : [];
    case NFNL_SUBSYS_CTNETLINK_EXP:
      if (answer && message === IPCTNL_MSG_EXP_GET_STATS_CPU) return STATS_RULES;
      return message <= IPCTNL_MSG_EXP_GET_STATS_CPU ? EXPECTATION_RULES : [];
    default:
      return undefined;
  }
}

/** Whether this is the release of a kernel and cannot be anything else, such as an address. */
export function isOnlyRelease(release: string | undefined): release is string {
  return release !== undefined && /^[\w.+~-]{1,64}$/.test(release);
}

/** Ones and then zeros. Another mask is treated as an address, since it may be one. */
function isPrefixMask(mask: Uint8Array): boolean {
  const ones = mask.findIndex((byte) => byte !== 0xff);
  if (ones < 0) return true;
  const inverted = ~mask[ones] & 0xff;
  return (inverted & (inverted + 1)) === 0 && mask.subarray(ones + 1).every((byte) => byte === 0);
}

function isNote(message: Uint8Array): boolean {
  return isListensNote(message) || nsidOf(message) !== undefined || isOnlyRelease(releaseOf(message));
}
