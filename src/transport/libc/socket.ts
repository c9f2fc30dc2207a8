/**
 * A netlink socket by system calls. The answer to a request is in the queue when sendmsg returns, and a dump goes on inside of recvmsg: only
 * events need to be told of.
 */
import { release } from 'node:os';
import { setImmediate } from 'node:timers';
import { isMainThread } from 'node:worker_threads';
import { ClosedError, OverrunError, TransportError } from '../../netlink/errors.ts';
import type { Datagram, Transport, TransportListener, TransportOptions } from '../../netlink/transport.ts';
import { EAGAIN, EINTR, ENOBUFS } from '../../uapi/errno.ts';
import {
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_NETFILTER,
  NETLINK_NO_ENOBUFS,
} from '../../uapi/netlink.ts';
import { AF_NETLINK, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, SOL_NETLINK } from '../../uapi/socket.ts';
import { Ahead, takesLong } from './ahead.ts';
import { attempt, failure } from './call.ts';
import { Inbox } from './inbox.ts';
import { checkPlatform, type Libc } from './libc.ts';
import { Losses } from './losses.ts';
import { Memory, SOCKADDR_NL_PID, SOCKADDR_NL_SIZE } from './memory.ts';
import { SocketOptions } from './options.ts';
import { Outgoing } from './outgoing.ts';
import { Pace } from './pace.ts';
import { Readiness } from './readiness.ts';
import { DATAGRAM_SIZE, Slots } from './slots.ts';

/** A limit, not an allocation: 6,500 events, or the answers to as many requests. */
const DEFAULT_BUFFER = 8 * 1024 * 1024;
/** What an event or an answer is charged, with a reserve. */
const ANSWER_CHARGE = 1280;
/** Datagrams a receive. Events come many at a time. A dump that fills two, some 300 flows, is received ahead from there on. */
const EVENT_SLOTS = 32;
const REQUEST_SLOTS = 2;
/** Milliseconds until an answer is looked for again that was not there. */
const RETRY = 10;

export class LibcTransport implements Transport {
  readonly name: string;
  readonly portid: number;
  readonly release = release();
  readonly ended = false;
  readonly window: number;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #options: SocketOptions;
  readonly #reliable: boolean;
  #outgoing: Outgoing;
  readonly #slots: Slots;
  #next = 0;
  #received = 0;
  #ahead: Ahead | undefined;
  /** When a worker thread ends, its memory goes before its requests do. */
  #mayGoAhead = isMainThread;
  #advancing = false;
  readonly #wantsInbox: boolean;
  #inbox: Inbox | undefined;
  #pace: Pace | undefined;
  #losses: Losses | undefined;
  #readiness: Readiness | undefined;
  #listener: TransportListener | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #referenced = true;
  #closed = false;

  /** @throws TransportError */
  constructor(libc: Libc, options: TransportOptions) {
    const { receiveBuffer = DEFAULT_BUFFER, events = false, reliable = false, receiveAhead = false } = options;
    this.name = libc.name;
    this.#libc = libc;
    this.#reliable = reliable;
    this.#wantsInbox = receiveAhead;
    const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
    this.#fd = attempt(libc, 'socket', () => libc.socket(AF_NETLINK, type, NETLINK_NETFILTER));
    try {
      this.portid = this.#bind();
      this.#options = new SocketOptions(libc, this.#fd);
      // Linux 4.12 and 4.3: without them errors say less, and echo the whole request.
      this.#options.setWhereKnown(SOL_NETLINK, NETLINK_EXT_ACK, 1);
      this.#options.setWhereKnown(SOL_NETLINK, NETLINK_CAP_ACK, 1);
      // A dump may take half of the buffer (the kernel keeps to that), answers the other half.
      this.window = Math.max(1, Math.floor(this.#options.setReceiveBuffer(receiveBuffer) / 2 / ANSWER_CHARGE));
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
    this.#outgoing = new Outgoing(libc, new Uint8Array(0), PAGE);
    this.#slots = new Slots(libc, events ? EVENT_SLOTS : REQUEST_SLOTS);
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    this.#assertOpen();
    const ahead = takesLong(bytes) ? this.#goAhead() : undefined;
    if (ahead !== undefined) {
      ahead.send(bytes);
      this.#advanceSoon(ahead);
      return;
    }
    if (!this.#outgoing.set(bytes)) this.#outgoing = new Outgoing(this.#libc, bytes, 2 * bytes.length);
    while (this.#libc.sendmsg(this.#fd, this.#outgoing.header, 0) < 0)
      if (this.#libc.errno() !== EINTR) throw failure(this.#libc, 'sendmsg');
  }

  receive(): Datagram | undefined {
    if (this.#closed) return undefined;
    const losses = this.#losses;
    if (losses !== undefined) this.#tell(losses.take(false));
    if (this.#inbox !== undefined) return this.#receiveFromInbox(this.#inbox);
    // What was received directly came before what is received ahead.
    if (this.#next === this.#received) {
      if (this.#ahead?.busy === true) {
        const datagram = this.#receiveAhead(this.#ahead);
        if (datagram !== undefined || this.#ahead.busy) return datagram;
      }
      if (!this.#fill()) {
        if (losses !== undefined) this.#tell(losses.take(true));
        if (this.#readiness !== undefined) this.#readiness.arm();
        else if (this.#referenced) this.#lookAgain();
        return undefined;
      }
    }
    const slot = this.#next++;
    losses?.delivered();
    return this.#slots.datagram(slot, this.#slots.lengthOf(slot));
  }

  joinGroup(group: number): void {
    this.#assertOpen();
    this.#listen();
    this.#options.set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  leaveGroup(group: number): void {
    this.#assertOpen();
    this.#options.set(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group);
  }

  attachFilter(program: Uint8Array | undefined): void {
    this.#assertOpen();
    this.#options.setFilter(program);
  }

  ref(): void {
    this.#referenced = true;
    this.#readiness?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#readiness?.unref();
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#readiness?.close();
    // The number of a closed descriptor is given out again: nothing may still read from it.
    const reader = this.#ahead ?? this.#inbox;
    if (reader === undefined) this.#libc.close(this.#fd);
    else reader.close(() => this.#libc.close(this.#fd));
  }

  #bind(): number {
    const libc = this.#libc;
    const address = new Memory(libc, SOCKADDR_NL_SIZE);
    const length = new Memory(libc, 4);
    address.u16(0, AF_NETLINK);
    length.u32(0, SOCKADDR_NL_SIZE);
    attempt(libc, 'bind', () => libc.bind(this.#fd, address.bytes, SOCKADDR_NL_SIZE));
    attempt(libc, 'getsockname', () => libc.getsockname(this.#fd, address.bytes, length.bytes));
    return address.getU32(SOCKADDR_NL_PID);
  }

  /** From now on losses are counted, not told as errors, and somebody must be told of what comes. */
  #listen(): void {
    if (this.#readiness !== undefined) return;
    this.#options.set(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    if (this.#reliable) this.#options.set(SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
    this.#losses = new Losses(this.#options);
    if (this.#wantsInbox) this.#inbox = this.#openInbox(this.#losses);
    if (this.#inbox !== undefined) this.#pace = new Pace();
    this.#mayGoAhead = false;
    const fd = this.#inbox?.pollable ?? this.#fd;
    this.#readiness = new Readiness(this.#libc, fd, () => this.#listener?.readable(), this.#pace);
    if (!this.#referenced) this.#readiness.unref();
  }

  /** Undefined where there is no io_uring, or somebody has read this socket already, and not from there. */
  #openInbox(losses: Losses): Inbox | undefined {
    if (!this.#mayGoAhead || this.#ahead !== undefined || this.#received > 0) return undefined;
    try {
      return new Inbox(this.#libc, this.#fd, () => losses.beforeReceive(this.#inbox?.held));
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return undefined;
    }
  }

  #receiveFromInbox(inbox: Inbox): Datagram | undefined {
    const datagram = inbox.receive();
    if (datagram !== undefined) {
      this.#pace?.came();
      this.#losses?.delivered();
      return datagram;
    }
    this.#losses?.beforeReceive();
    this.#tell(this.#losses?.take(true) ?? 0);
    this.#readiness?.arm();
    return undefined;
  }

  /** Receives as many datagrams as there is room for; false when there is none. */
  #fill(): boolean {
    const libc = this.#libc;
    const slots = this.#slots;
    this.#losses?.beforeReceive();
    for (;;) {
      const received = libc.recvmmsg(this.#fd, slots.memory.bytes, slots.count, MSG_DONTWAIT, null);
      if (received > 0) {
        this.#next = 0;
        this.#received = received;
        if (this.#losses !== undefined) this.#losses.received(received);
        else this.#watchForLongDump(received);
        return true;
      }
      const errno = libc.errno();
      if (errno === EAGAIN) return false;
      if (errno === ENOBUFS) throw new OverrunError(OVERRAN);
      if (errno !== EINTR) throw failure(libc, 'recvmmsg');
    }
  }

  #watchForLongDump(received: number): void {
    if (received === this.#slots.count && this.#slots.lengthOf(received - 1) > DATAGRAM_SIZE / 2)
      this.#goAhead()?.start();
  }

  /** The ring, once there was something long for it; undefined where there is none. */
  #goAhead(): Ahead | undefined {
    if (this.#ahead !== undefined || !this.#mayGoAhead) return this.#ahead;
    try {
      this.#ahead = new Ahead(this.#libc, this.#fd);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      // No io_uring here: this socket does it all by itself.
      this.#mayGoAhead = false;
    }
    return this.#ahead;
  }

  #receiveAhead(ahead: Ahead): Datagram | undefined {
    const datagram = ahead.receive();
    if (datagram !== undefined) return datagram;
    if (ahead.busy) {
      this.#advanceSoon(ahead);
    } else if (ahead.overran) {
      ahead.overran = false;
      throw new OverrunError(OVERRAN);
    }
    return undefined;
  }

  /** Nothing else of the program is kept from its turn while the kernel works. */
  #advanceSoon(ahead: Ahead): void {
    if (this.#advancing) return;
    this.#advancing = true;
    setImmediate(() => {
      this.#advancing = false;
      if (this.#closed) return;
      ahead.advance();
      this.#listener?.readable();
    });
  }

  /** What was lost is told where it was lost. */
  #tell(lost: number): void {
    if (lost === 0) return;
    if (this.#reliable)
      throw new OverrunError('the receive buffer is full: the kernel keeps DESTROY events and tries again');
    throw new OverrunError(`the receive buffer overran: ${lost} lost`, lost);
  }

  /** An answer that was not there: it always is, as far as anybody has seen. */
  #lookAgain(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      if (!this.#closed) this.#listener?.readable();
    }, RETRY);
  }

  #assertOpen(): void {
    if (this.#closed) throw new ClosedError();
  }
}

const PAGE = 4096;
const OVERRAN = 'the receive buffer overran';

/**
 * A socket by the libc of this runtime.
 * @throws UnsupportedError on a machine whose layouts are not known; TransportError
 */
export function openSocket(libc: Libc, options: TransportOptions = {}): Transport {
  checkPlatform(libc.name);
  return new LibcTransport(libc, options);
}
