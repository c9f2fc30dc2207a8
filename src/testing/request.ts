/** A request as the model reads it: its header, which attributes it has, and their values in slots. */
import type { SlotHolder, SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from '../ctnetlink/icmp.ts';
import { demandedParts, PARTS } from '../ctnetlink/protocols.ts';
import type { TupleSlots } from '../ctnetlink/slots.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { walkAttributes } from '../netlink/nlattr.ts';
import { newNlmsghdr, readNlmsghdr } from '../netlink/nlmsg.ts';
import { attributesOf, nfnlMessage } from '../nfnetlink/nfgenmsg.ts';
import { EINVAL, EOPNOTSUPP } from '../uapi/errno.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../uapi/in.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_ECHO, NLM_F_EXCL, NLMSG_HDRLEN } from '../uapi/netlink.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import { checkNests, checkPolicy, nestKey, type PolicyFault } from './policy.ts';

/** An errno, and what the extended ACK says. */
export interface Refusal {
  readonly errno: number;
  readonly fault?: PolicyFault;
}

/** The attributes of a subsystem. */
export interface Attributes {
  readonly policy: Parameters<typeof checkPolicy>[0];
  readonly decode: (view: DataView, offset: number, end: number) => SlotHolder;
}

/** A copy of the request that is read, because what fails its policy is taken out. */
let copy = new Uint8Array(1 << 16);
let copied = viewOf(copy);

function viewOfCopy(bytes: Uint8Array): DataView {
  if (bytes.length > copy.length) {
    copy = new Uint8Array(bytes.length);
    copied = viewOf(copy);
  }
  copy.set(bytes);
  return copied;
}

export class ModelRequest {
  /** IPCTNL_MSG_*. */
  readonly message: number;
  readonly sequence: number;
  readonly dumps: boolean;
  readonly creates: boolean;
  readonly exclusive: boolean;
  /** NLM_F_ECHO: the requester gets the events of the request, too. */
  readonly echo: boolean;
  /** nfgen_family. */
  readonly family: number;
  /** nfgenmsg.version. */
  readonly version: number;
  readonly portid: number;
  slots: SlotValue[] = [];
  /** Bits by attribute type: those that are there. */
  #present = 0;
  #errnos: ReadonlyMap<number, number> | undefined;

  private constructor(view: DataView, length: number, portid: number) {
    const header = newNlmsghdr();
    readNlmsghdr(view, 0, length, header);
    const { nlmsg_flags, nlmsg_type, nlmsg_seq } = header;
    this.message = nfnlMessage(nlmsg_type);
    this.sequence = nlmsg_seq;
    this.dumps = (nlmsg_flags & NLM_F_DUMP) === NLM_F_DUMP;
    this.creates = (nlmsg_flags & NLM_F_CREATE) !== 0;
    this.exclusive = (nlmsg_flags & NLM_F_EXCL) !== 0;
    this.echo = (nlmsg_flags & NLM_F_ECHO) !== 0;
    this.family = view.getUint8(NLMSG_HDRLEN);
    this.version = view.getUint8(NLMSG_HDRLEN + 1);
    this.portid = portid;
  }

  /** @param attributes undefined: the message has none that the kernel looks at */
  static read(bytes: Uint8Array, portid: number, attributes: Attributes | undefined): ModelRequest | Refusal {
    const end = bytes.length;
    if (attributes === undefined) return new ModelRequest(viewOf(bytes), end, portid);
    const view = viewOfCopy(bytes);
    const start = attributesOf(0, end);
    const { policy, decode } = attributes;
    const fault = checkPolicy(policy, view, start, end);
    if (fault !== undefined) return { errno: fault.errno, fault };
    const request = new ModelRequest(view, end, portid);
    walkAttributes(view, start, end, (type) => {
      if (type < 32) request.#present |= 1 << type;
    });
    request.#errnos = checkNests(policy, view, start, end);
    request.slots = decode(view, 0, end).slots;
    return request;
  }

  /** Whether an attribute of this type is there. */
  has(type: number): boolean {
    return (this.#present & (1 << type)) !== 0;
  }

  /**
   * What the kernel answers when it reads the nest of this type: 0, or an errno.
   * @param inner the one nest in it that is read, too; default: all
   */
  errnoOf(type: number, inner?: number): number {
    const errnos = this.#errnos;
    if (errnos === undefined) return 0;
    const own = errnos.get(nestKey(type, 0));
    if (own !== undefined) return own;
    if (inner !== undefined) return errnos.get(nestKey(type, inner)) ?? 0;
    for (const [key, errno] of errnos) if (key >> 8 === type) return errno;
    return 0;
  }

  /** The value of a slot, as a 32-bit integer without a sign; undefined where it is not set. */
  number(slot: number): number | undefined {
    const value = this.slots[slot];
    return typeof value === 'number' ? value >>> 0 : undefined;
  }

  /**
   * ctnetlink_parse_tuple: the tuple in this attribute must be whole. Parts that its protocol lacks are removed.
   * @returns 0, or an errno
   */
  tuple(type: number, tuple: TupleSlots): number {
    const { slots, family } = this;
    const errno = this.errnoOf(type);
    if (errno !== 0) return errno;
    if (family !== AF_INET && family !== AF_INET6) return EOPNOTSUPP;
    const is4 = family === AF_INET;
    slots[is4 ? tuple.src6 : tuple.src4] = undefined;
    slots[is4 ? tuple.dst6 : tuple.dst4] = undefined;
    if (slots[is4 ? tuple.src4 : tuple.src6] === undefined) return EINVAL;
    if (slots[is4 ? tuple.dst4 : tuple.dst6] === undefined) return EINVAL;
    const protocol = slots[tuple.proto] as number | undefined;
    if (protocol === undefined) return EINVAL;
    const demanded = demandedParts(protocol);
    for (const part of demanded) if (slots[tuple[part]] === undefined) return EINVAL;
    for (const part of PARTS) if (!demanded.includes(part)) slots[tuple[part]] = undefined;
    const answers = answersOf(protocol);
    if (answers !== undefined && answers[slots[tuple.icmpType] as number] === undefined) return EINVAL;
    slots[tuple.family] = family;
    return 0;
  }
}

/** The ICMP types that are tracked, with those that answer; undefined for another protocol. */
export function answersOf(protocol: SlotValue): Readonly<Record<number, number>> | undefined {
  if (protocol === IPPROTO_ICMP) return ICMP_ANSWERS;
  return protocol === IPPROTO_ICMPV6 ? ICMPV6_ANSWERS : undefined;
}

/** The subsystem and message of a request that may be too short for anything else. */
export function typeOf(bytes: Uint8Array): number {
  return viewOf(bytes).getUint16(4, HOST_LITTLE_ENDIAN);
}
