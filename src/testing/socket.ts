/**
 * A netlink socket onto the model: what is queued when, which events have no room, and how a dump continues, as
 * net/netlink/af_netlink.c does it.
 */
import { BpfProgram } from '../netlink/bpf.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { errnoName, OverrunError, TransportError, UnsupportedError } from '../netlink/errors.ts';
import { align4, newNlmsghdr, readNlmsghdr } from '../netlink/nlmsg.ts';
import { Queue } from '../netlink/queue.ts';
import { type Handle, runtime } from '../netlink/runtime.ts';
import type { Datagram, Transport, TransportListener, TransportOptions } from '../netlink/transport.ts';
import { EBUSY, EINVAL } from '../uapi/errno.ts';
import { NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_HDRLEN, NLMSG_MIN_TYPE } from '../uapi/netlink.ts';
import { NFNLGRP_NFTRACE } from '../uapi/nfnetlink.ts';
import { acknowledge, done } from './acks.ts';
import type { ModelDump } from './messages.ts';
import type { ModelAnswer } from './model.ts';
import type { Scripts } from './scripts.ts';
import type { ModelEvent } from './table.ts';

/** The most that the kernel puts into a datagram of a dump. */
const LARGEST_DUMP = 32_448;
const DEFAULT_BUFFER = 8 * 1024 * 1024;
/** What an event is charged, of twice the buffer: its truesize. */
const EVENT_CHARGE = 1280;
/** struct sock_filter. */
const BPF_BYTES = 8;
/** The longest that a timer takes. */
const FOR_EVER = 0x7fffffff;

/** What waits to be received: a datagram, or so many lost events in its place. */
interface Queued {
  bytes: Uint8Array | undefined;
  lost: number;
  truncated: boolean;
}

/** What a socket needs of its kernel. */
export interface SocketKernel {
  readonly release: string;
  /** nf_conntrack_events. */
  readonly events: number;
  readonly scripts: Scripts;
  /** Carries out one request. */
  request(message: Uint8Array, portid: number): ModelAnswer;
  /** Sends a datagram when the time of a delay is over. @returns false when it is carried out now */
  defer(send: () => void): boolean;
  closed(socket: FakeSocket): void;
}

export class FakeSocket implements Transport {
  readonly name = 'fake';
  readonly portid: number;
  readonly release: string;
  readonly ended = false;
  readonly groups = new Set<number>();
  readonly #kernel: SocketKernel;
  readonly #room: number;
  readonly #queue = new Queue<Queued>();
  /** What was queued last. */
  #last: Queued | undefined;
  #listener: TransportListener | undefined;
  #filter: BpfProgram | undefined;
  #dump: { readonly sequence: number; readonly dump: ModelDump; readonly interrupted: boolean } | undefined;
  /** Bytes that the events in the queue are charged. */
  #charge = 0;
  /** Requests that have not reached the kernel. */
  #later: (() => void)[] = [];
  #notice: Handle;
  #alive: Handle;
  #closed = false;

  constructor(kernel: SocketKernel, portid: number, { receiveBuffer = DEFAULT_BUFFER }: TransportOptions = {}) {
    this.#kernel = kernel;
    this.portid = portid;
    this.release = kernel.release;
    this.#room = 2 * receiveBuffer;
  }

  get drained(): boolean {
    return this.#queue.length === 0 && this.#later.length === 0;
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
    this.ref();
  }

  send(bytes: Uint8Array): boolean {
    this.#check();
    const copy = bytes.slice();
    const carryOut = (): void => {
      this.#later = this.#later.filter((each) => each !== carryOut);
      this.#requests(copy);
      this.#notify();
    };
    if (!this.#kernel.defer(carryOut)) {
      this.#requests(copy);
      return true;
    }
    this.#later.push(carryOut);
    return false;
  }

  receive(): Datagram | undefined {
    this.#check();
    const next = this.#queue.shift();
    if (next === undefined) return undefined;
    if (next.bytes === undefined) throw new OverrunError('events did not fit the receive buffer', next.lost);
    if (this.#dump !== undefined) this.#continueDump();
    const { bytes, truncated } = next;
    this.#charge = this.#queue.length === 0 ? 0 : Math.max(0, this.#charge - EVENT_CHARGE);
    return { bytes, view: viewOf(bytes), sender: 0, truncated };
  }

  joinGroup(group: number): void {
    this.#check();
    checkGroup(group);
    const errno = this.#kernel.scripts.failureOf('join');
    if (errno !== undefined) throw refused('NETLINK_ADD_MEMBERSHIP', errno);
    this.groups.add(group);
  }

  leaveGroup(group: number): void {
    this.#check();
    checkGroup(group);
    this.groups.delete(group);
  }

  attachFilter(program: Uint8Array | undefined): void {
    this.#check();
    if (program !== undefined && program.length % BPF_BYTES !== 0)
      throw new UnsupportedError(`a filter is ${BPF_BYTES} bytes an instruction, and this has ${program.length} bytes`);
    try {
      this.#filter = program === undefined ? undefined : new BpfProgram(program);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw refused('SO_ATTACH_FILTER', EINVAL, error);
    }
  }

  setting(name: string): number | undefined {
    return name === 'netfilter/nf_conntrack_events' ? this.#kernel.events : undefined;
  }

  ref(): void {
    if (this.#closed || this.#alive !== undefined) return;
    this.#alive = runtime.setInterval(() => {}, FOR_EVER);
  }

  unref(): void {
    if (this.#alive !== undefined) runtime.clearInterval(this.#alive);
    this.#alive = undefined;
  }

  close(): void {
    if (this.#closed) return;
    // No request is lost.
    for (const carryOut of this.#later) carryOut();
    this.#closed = true;
    this.unref();
    if (this.#notice !== undefined) runtime.clearImmediate(this.#notice);
    this.#dump = undefined;
    this.#queue.clear();
    this.#kernel.closed(this);
  }

  /** An event of the kernel's, if this socket wants it. */
  hear({ group, bytes, echo }: ModelEvent): void {
    const echoed = echo === this.portid;
    if (!echoed && !this.groups.has(group)) return;
    if (this.#filter !== undefined && this.#filter.run(viewOf(bytes)) === 0) return;
    const full = this.#charge + EVENT_CHARGE > this.#room;
    if (!echoed && (full || this.#kernel.scripts.losesEvent(this.portid))) this.#lose();
    else {
      this.#charge += EVENT_CHARGE;
      this.#push(bytes);
    }
    if (!echoed) this.#notify();
  }

  /** What is lost together is one loss. */
  #lose(): void {
    if (this.#last?.bytes === undefined && this.#last !== undefined && this.#queue.length > 0) this.#last.lost++;
    else this.#add({ bytes: undefined, lost: 1, truncated: false });
  }

  #push(bytes: Uint8Array, truncated = false): void {
    this.#add({ bytes, lost: 0, truncated });
  }

  #add(queued: Queued): void {
    this.#last = queued;
    this.#queue.push(queued);
  }

  /** Never from inside of `send` or `receive`, of this socket or of the one whose request is announced. */
  #notify(): void {
    this.#notice ??= runtime.setImmediate(() => {
      this.#notice = undefined;
      if (!this.#closed) this.#listener?.readable();
    });
  }

  #requests(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    const header = newNlmsghdr();
    for (let at = 0; bytes.length - at >= NLMSG_HDRLEN; ) {
      const length = view.getUint32(at, HOST_LITTLE_ENDIAN);
      if (length < NLMSG_HDRLEN || length > bytes.length - at) return;
      readNlmsghdr(view, at, bytes.length, header);
      const { nlmsg_flags: flags, nlmsg_type: type, nlmsg_seq: sequence } = header;
      if ((flags & NLM_F_REQUEST) !== 0 && type >= NLMSG_MIN_TYPE)
        this.#request(bytes.subarray(at, at + length), flags, sequence);
      else if ((flags & NLM_F_ACK) !== 0) this.#push(acknowledge(bytes.subarray(at, at + length), this.portid, 0));
      at += align4(length);
    }
  }

  #request(message: Uint8Array, flags: number, sequence: number): void {
    const { scripts } = this.#kernel;
    const answer = scripts.answerTo(message) ?? this.#kernel.request(message, this.portid);
    let { errno } = answer;
    if (answer.dump !== undefined) {
      if (this.#dump === undefined) {
        this.#dump = { sequence, dump: answer.dump, interrupted: scripts.interrupts() };
        this.#continueDump();
        return;
      }
      // One at a time.
      errno = EBUSY;
    }
    const { reply } = answer;
    if (reply !== undefined) this.#push(reply, scripts.truncates());
    if (errno !== 0 || (flags & NLM_F_ACK) !== 0) this.#push(acknowledge(message, this.portid, errno, answer.fault));
  }

  /** netlink_dump: the next datagram of the dump, or its end. */
  #continueDump(): void {
    const { sequence, dump, interrupted } = this.#dump!;
    const bytes = dump.next(LARGEST_DUMP);
    const flags = interrupted ? NLM_F_DUMP_INTR : 0;
    if (bytes === undefined) {
      this.#dump = undefined;
      this.#push(done(sequence, this.portid, flags));
      return;
    }
    if (!this.#kernel.scripts.truncates()) {
      this.#push(bytes);
      return;
    }
    // As recvmsg cuts a datagram to a buffer that is too short.
    this.#push(bytes.subarray(0, bytes.length >> 1), true);
  }

  #check(): void {
    if (this.#closed) throw new Error('the socket is closed');
  }
}

function checkGroup(group: number): void {
  if (group < 1 || group > NFNLGRP_NFTRACE) throw refused('NETLINK_ADD_MEMBERSHIP', EINVAL);
}

function refused(option: string, errno: number, cause?: unknown): TransportError {
  return new TransportError('setsockopt', errno, `${errnoName(errno)} (${option})`, { cause });
}
