/**
 * A model of AF_NETLINK sockets in front of a model of ctnetlink, by net/netlink/af_netlink.c of Linux 6.18: what is
 * queued when, what it is charged, what is dropped and how that is reported, and how a dump goes on.
 */

import { BpfProgram } from '../../src/netlink/bpf.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { align4, newNlmsghdr, readNlmsghdr, writeNlmsghdr } from '../../src/netlink/nlmsg.ts';
import { type ModelDump, newBytes } from '../../src/testing/messages.ts';
import type { CtnetlinkModel } from '../../src/testing/model.ts';
import type { ModelEvent } from '../../src/testing/table.ts';
import { EAGAIN, EBUSY, EINVAL, ENOBUFS, ENOMEM } from '../../src/uapi/errno.ts';
import {
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  NLMSGERR_ATTR_MSG,
} from '../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_DESTROY } from '../../src/uapi/nfnetlink.ts';
import type { Random } from '../support/random.ts';
import type { Faults } from './faults.ts';

const SKB = 256;
const SHARED_INFO = 320;
/** The data of a small message. */
const SMALL_HEAD = 576;
/** SKB_WITH_OVERHEAD of what a dump datagram takes at the least and at the most. */
const LEAST_DUMP = 4096 - SHARED_INFO;
const LARGEST_READ = 32768 - SHARED_INFO;
/** An event has room for all that it could have. */
const EVENT_CHARGE = 1280;
const SOCK_MIN_RCVBUF = 2304;
/** net.core.rmem_max as the kernel sets it, and as an administrator may. */
export const RMEM_MAX = 212_992;
export const LOW_RMEM_MAX = 4096;
const RMEM_DEFAULT = 212_992;
/** Milliseconds between two attempts to announce what a reliable socket had no room for. */
const RETRY = 2;

/** Datagrams that fill a receive buffer of any size: few of each. */
const FILLING = [120_000, 4000, 20].map((length) => new Uint8Array(length));

/** What a message of so many bytes is charged: skb->truesize. */
export function chargeOf(length: number): number {
  const needed = length + SHARED_INFO;
  return SKB + (needed <= SMALL_HEAD ? SMALL_HEAD : 2 ** Math.ceil(Math.log2(needed)));
}

interface Queued {
  readonly bytes: Uint8Array;
  readonly charge: number;
  /** nl_pid of the sender. */
  readonly sender: number;
}

/** What sends and receives: a system call of the process, or an operation of a ring. */
export type Reader = 'call' | 'ring';

interface RunningDump {
  readonly sequence: number;
  readonly dump: ModelDump;
}

/** What all sockets have in common. */
export class NetlinkKernel {
  readonly model: CtnetlinkModel;
  readonly random: Random;
  readonly faults: Faults;
  readonly report: (violation: string) => void;
  readonly sockets = new Set<NetlinkSocketModel>();
  /** NLMSG_DONE is in a datagram of its own, as ctnetlink_dump_table makes it, or behind the last messages. */
  readonly doneAlone: boolean;
  /** Messages of the kernel's that were lost, on any socket. */
  losses = 0;
  /** DESTROY events that a reliable socket had no room for. */
  readonly kept: ModelEvent[] = [];
  #nextTry = 0;
  #portid: number;

  constructor(model: CtnetlinkModel, random: Random, faults: Faults, report: (violation: string) => void) {
    this.model = model;
    this.report = report;
    this.random = random;
    this.faults = faults;
    this.doneAlone = !random.oneIn(4);
    this.#portid = random.pick([1000, 0x7fffffff, 0xfffff000]);
    model.table.event = (event) => {
      if (!this.#broadcast(event) && event.group === NFNLGRP_CONNTRACK_DESTROY) this.kept.push(event);
    };
    model.table.wanted = (group) => {
      for (const socket of this.sockets) if (socket.groups.has(group)) return true;
      return false;
    };
  }

  open(): NetlinkSocketModel {
    const socket = new NetlinkSocketModel(this, this.#portid++);
    this.sockets.add(socket);
    return socket;
  }

  /** Some other process sends to one of the sockets: those that are connected to the kernel refuse it. */
  foreign(): void {
    const socket = this.random.pick([...this.sockets]);
    if (socket?.connected === false) socket.fromProcess(this.random.between(2, 999));
  }

  /** The kernel tries again to announce what it kept for a reliable socket: to all, as nf_conntrack_ecache.c does. */
  announceKept(time: number): void {
    if (this.kept.length === 0 || time < this.#nextTry) return;
    this.#nextTry = time + RETRY;
    while (this.kept.length > 0 && this.#broadcast(this.kept[0])) this.kept.shift();
  }

  /** False when a reliable socket has lost it. */
  #broadcast(event: ModelEvent): boolean {
    let lost = false;
    for (const socket of this.sockets)
      if (socket.groups.has(event.group) && !socket.hear(event) && socket.reliable) lost = true;
    return !lost;
  }
}

export class NetlinkSocketModel {
  readonly kind = 'netlink';
  readonly portid: number;
  readonly groups = new Set<number>();
  receiveBuffer = RMEM_DEFAULT;
  noEnobufs = false;
  capAck = false;
  extAck = false;
  /** What is charged for the messages that wait. */
  charge = 0;
  drops = 0;
  closed = false;
  /** To the kernel: nobody else can send to it. */
  connected = false;
  /** Events that came and passed the filter, and those of them that were queued: what a reader must find. */
  heard = 0;
  readonly accepted: number[] = [];
  /** NETLINK_BROADCAST_ERROR: the kernel keeps what it could not deliver here, as far as it can. */
  reliable = false;
  /** Called behind each receive: something comes as fast as it is read. */
  flood: (() => void) | undefined;
  /** The kernel has no memory for the next ACK. */
  losesAck = false;
  /** Datagrams that reached the kernel, and that it refused to take. */
  sent = 0;
  refused = 0;
  readonly #kernel: NetlinkKernel;
  readonly #queue: Queued[] = [];
  #error = 0;
  #congested = false;
  /** The reader that got ENOBUFS, and no EAGAIN since. A congested socket drops all answers until it was read empty. */
  #told: Reader | undefined;
  #largestRead = 0;
  #dump: RunningDump | undefined;
  #filter: BpfProgram | undefined;
  /** Sequence of the last request, for those who forge an answer. */
  #lastSequence = 0;

  constructor(kernel: NetlinkKernel, portid: number) {
    this.#kernel = kernel;
    this.portid = portid >>> 0;
  }

  get readable(): boolean {
    return this.#queue.length > 0 || this.#error !== 0;
  }

  /** An error is to be reported: EPOLLERR. */
  get failed(): boolean {
    return this.#error !== 0;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get dumping(): boolean {
    return this.#dump !== undefined;
  }

  /** SO_RCVBUF with net.core.rmem_max, or SO_RCVBUFFORCE without. */
  setReceiveBuffer(bytes: number, most = Number.POSITIVE_INFINITY): void {
    this.receiveBuffer = Math.max(2 * Math.min(bytes, most), SOCK_MIN_RCVBUF);
  }

  attachFilter(program: Uint8Array | undefined): void {
    this.#filter = program === undefined ? undefined : new BpfProgram(program);
  }

  get filtered(): boolean {
    return this.#filter !== undefined;
  }

  /** A datagram for the kernel: its requests are carried out before this returns. */
  send(bytes: Uint8Array, by: Reader, meanwhile: () => void = () => {}): void {
    this.sent++;
    if (!this.connected && this.#kernel.faults.happens('foreign flood')) this.#fill();
    // The process may not yet have seen what a ring has reported.
    if (this.#congested && (this.#told === 'call' || this.#told === by))
      this.#kernel.report(`socket ${this.portid}: a request is sent, though the kernel will drop its answer`);
    const view = viewOf(bytes);
    const header = newNlmsghdr();
    for (let at = 0; at + NLMSG_HDRLEN <= bytes.length; ) {
      const length = view.getUint32(at, HOST_LITTLE_ENDIAN);
      if (length < NLMSG_HDRLEN || at + length > bytes.length) return;
      const message = bytes.subarray(at, at + length);
      readNlmsghdr(view, at, bytes.length, header);
      this.#lastSequence = header.nlmsg_seq;
      if ((header.nlmsg_flags & NLM_F_REQUEST) !== 0 && header.nlmsg_type >= NLMSG_MIN_TYPE)
        this.#request(message, header.nlmsg_flags, header.nlmsg_seq);
      at += align4(length);
      meanwhile();
    }
  }

  /**
   * recvmsg without waiting: copies the next datagram, which is cut to `capacity`, and lets a dump go on.
   * @returns what came, or a negative errno
   */
  receive(capacity: number, by: Reader): Readonly<Queued> | number {
    const result = this.#receive(capacity);
    if (result === -ENOBUFS) this.#told = by;
    else if (result === -EAGAIN) this.#told = undefined;
    this.flood?.();
    if (this.#queue.length === 0) this.#congested = false;
    return result;
  }

  /** recvmmsg ended with an error after it had received something. */
  keepError(errno: number): void {
    this.#error = errno;
    this.#told = undefined;
  }

  close(): void {
    this.closed = true;
    this.#kernel.sockets.delete(this);
    this.#dump = undefined;
  }

  /** An event of a group of this socket's; false when it was lost. */
  hear(event: ModelEvent): boolean {
    if (this.#filter !== undefined && this.#filter.run(viewOf(event.bytes)) === 0) return true;
    this.heard++;
    if (!this.#deliver(event.bytes, Math.max(EVENT_CHARGE, chargeOf(event.bytes.length)))) return false;
    this.accepted.push(event.serial);
    return true;
  }

  /** What a process other than the kernel sends here: an ACK, or an error, for the request sent last. */
  fromProcess(portid: number): void {
    const { random } = this.#kernel;
    const bytes = random.oneIn(3) ? random.bytes(random.below(64)) : this.#ack(this.#lastSequence, random.below(2), 0);
    // A full buffer is its sender's concern alone.
    if (this.#fits(chargeOf(bytes.length))) this.#push(bytes, chargeOf(bytes.length), portid);
  }

  /** Another process sends until not even an ACK of the kernel's has room. */
  #fill(): void {
    const portid = this.#kernel.random.between(2, 999);
    for (const bytes of FILLING)
      for (const charge = chargeOf(bytes.length); this.#fits(charge); ) this.#push(bytes, charge, portid);
  }

  #receive(capacity: number): Readonly<Queued> | number {
    if (this.#error !== 0) {
      const error = this.#error;
      this.#error = 0;
      return -error;
    }
    const next = this.#queue.shift();
    if (next === undefined) return -EAGAIN;
    this.charge -= next.charge;
    this.#largestRead = Math.min(Math.max(this.#largestRead, capacity), LARGEST_READ);
    if (this.#dump !== undefined && this.charge <= this.receiveBuffer / 2) {
      const errno = this.#goOn();
      if (errno !== 0) this.#error = errno;
    }
    return next;
  }

  #request(message: Uint8Array, flags: number, sequence: number): void {
    let errno = 0;
    if (this.#dump !== undefined && (flags & NLM_F_DUMP) === NLM_F_DUMP && isGet(message)) {
      errno = EBUSY;
    } else {
      const { model, faults } = this.#kernel;
      const answer = model.request(message, this.portid);
      errno = answer.errno;
      if (answer.dump !== undefined) {
        this.#dump = { sequence, dump: answer.dump };
        errno = this.#goOn();
        if (errno === 0) return;
      } else if (answer.reply !== undefined) {
        if (faults.happens('lost reply')) errno = ENOMEM;
        else if (faults.happens('ack without reply')) this.#kernel.losses++;
        else if (!this.#deliver(answer.reply, chargeOf(answer.reply.length))) errno = ENOBUFS;
      }
    }
    if (errno === 0 && (flags & NLM_F_ACK) === 0) return;
    if (this.losesAck || this.#kernel.faults.happens('lost ack')) {
      this.losesAck = false;
      this.#kernel.losses++;
      this.#error = ENOBUFS;
      return;
    }
    const ack = this.#ack(sequence, errno, flags, message);
    this.#deliver(ack, chargeOf(ack.length));
  }

  /** netlink_dump: makes the next datagram of the dump. @returns 0 or a positive errno; then it is still running */
  #goOn(): number {
    const { faults, doneAlone } = this.#kernel;
    const { sequence, dump } = this.#dump!;
    const size = Math.max(this.#largestRead, LEAST_DUMP);
    const charge = SKB + size + SHARED_INFO;
    const full = this.charge > 0 && this.charge + charge >= this.receiveBuffer;
    if (full || faults.happens('lost dump datagram')) {
      this.#kernel.losses++;
      return ENOBUFS;
    }
    const bytes = dump.next(size, faults.happens('repeated entries'));
    const done = this.#done(sequence);
    if (bytes !== undefined && (doneAlone || bytes.length + done.length > size)) {
      this.#push(bytes, charge, 0);
      return 0;
    }
    // The end is known only when nothing comes: what comes next is made now, and the end follows these if that is none.
    this.#dump = undefined;
    if (bytes === undefined) {
      this.#push(done, charge, 0);
      return 0;
    }
    const more = dump.next(size);
    if (more !== undefined) {
      this.#dump = { sequence, dump: before(more, dump) };
      this.#push(bytes, charge, 0);
      return 0;
    }
    const whole = newBytes(bytes.length + done.length);
    whole.set(bytes);
    whole.set(done, bytes.length);
    this.#push(whole, charge, 0);
    return 0;
  }

  #fits(charge: number): boolean {
    return !this.#congested && (this.charge === 0 || this.charge + charge <= this.receiveBuffer);
  }

  /** A message of the kernel's: false when it is lost. */
  #deliver(bytes: Uint8Array, charge: number): boolean {
    if (this.#fits(charge)) {
      this.#push(bytes, charge, 0);
      return true;
    }
    if (!this.noEnobufs && !this.#congested) {
      this.#congested = true;
      this.#error = ENOBUFS;
    }
    this.drops = (this.drops + 1) >>> 0;
    this.#kernel.losses++;
    return false;
  }

  #push(bytes: Uint8Array, charge: number, sender: number): void {
    this.#queue.push({ bytes, charge, sender });
    this.charge += charge;
  }

  #done(sequence: number): Uint8Array {
    const bytes = newBytes(NLMSG_HDRLEN + 4);
    const header = { nlmsg_len: bytes.length, nlmsg_type: NLMSG_DONE, nlmsg_flags: NLM_F_MULTI };
    writeNlmsghdr(viewOf(bytes), 0, { ...header, nlmsg_seq: sequence, nlmsg_pid: this.portid });
    return bytes;
  }

  /** NLMSG_ERROR: an ACK when errno is 0. */
  #ack(sequence: number, errno: number, requestFlags: number, message?: Uint8Array): Uint8Array {
    const whole = errno !== 0 && !this.capAck && message !== undefined;
    const echo = whole ? message.length : NLMSG_HDRLEN;
    const text = errno === EINVAL && this.extAck ? 'simulated\0\0\0' : '';
    const bytes = newBytes(NLMSG_HDRLEN + 4 + align4(echo) + (text === '' ? 0 : 4 + text.length));
    const view = viewOf(bytes);
    writeNlmsghdr(view, 0, {
      nlmsg_len: bytes.length,
      nlmsg_type: NLMSG_ERROR,
      nlmsg_flags: (whole ? 0 : NLM_F_CAPPED) | (text === '' ? 0 : NLM_F_ACK_TLVS),
      nlmsg_seq: sequence,
      nlmsg_pid: this.portid,
    });
    view.setInt32(NLMSG_HDRLEN, -errno, HOST_LITTLE_ENDIAN);
    if (message !== undefined) bytes.set(message.subarray(0, echo), NLMSG_HDRLEN + 4);
    else writeNlmsghdr(view, NLMSG_HDRLEN + 4, { ...newNlmsghdr(), nlmsg_len: 16, nlmsg_flags: requestFlags });
    if (text !== '') {
      const at = NLMSG_HDRLEN + 4 + align4(echo);
      view.setUint16(at, 4 + text.length, HOST_LITTLE_ENDIAN);
      view.setUint16(at + 2, NLMSGERR_ATTR_MSG, HOST_LITTLE_ENDIAN);
      bytes.set(new TextEncoder().encode(text), at + 4);
    }
    return bytes;
  }
}

/** NLM_F_DUMP are the bits that mean other things in requests that are no GET. */
function isGet(message: Uint8Array): boolean {
  return ![0, 2].includes(viewOf(message).getUint16(4, HOST_LITTLE_ENDIAN) & 0xff);
}

/** A dump that gives these messages first. */
function before(first: Uint8Array, dump: ModelDump): ModelDump {
  let kept: Uint8Array | undefined = first;
  return {
    next(size, repeat) {
      const bytes = kept ?? dump.next(size, repeat);
      kept = undefined;
      return bytes;
    },
  };
}
