/**
 * A netlink socket by system calls. The answer to a request is in the queue when sendmsg returns, and a dump goes on
 * inside of recvmsg: only events need a notice.
 */
import { DUMP_CHARGE } from '../../netlink/charges.ts';
import { ClosedError, errnoName, OverrunError, TransportError } from '../../netlink/errors.ts';
import type { Namespace } from '../../netlink/netns.ts';
import { isMainThread } from '../../netlink/platform.ts';
import { runtime } from '../../netlink/runtime.ts';
import type { Datagram, Transport, TransportListener, TransportOptions } from '../../netlink/transport.ts';
import { EAFNOSUPPORT, EAGAIN, EBADF, EINTR, ENOBUFS, ENOTSOCK, EPERM, EPROTONOSUPPORT } from '../../uapi/errno.ts';
import {
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_LISTEN_ALL_NSID,
  NETLINK_NETFILTER,
  NETLINK_NO_ENOBUFS,
} from '../../uapi/netlink.ts';
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  SK_MEMINFO_RMEM_ALLOC,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
} from '../../uapi/socket.ts';
import { Ahead } from './ahead.ts';
import { attempt, failure, sendmsg } from './call.ts';
import { LostEvents } from './enobufs.ts';
import { MOST as INBOX_BUFFERS, Inbox } from './io_uring/inbox.ts';
import { checkPlatform, type Libc } from './libc.ts';
import { allocateAll, Memory, SOCKADDR_NL_PID, SOCKADDR_NL_SIZE } from './memory.ts';
import { assertAtHome, leave, openInside } from './netns.ts';
import { SocketOptions } from './options.ts';
import { Outgoing } from './outgoing.ts';
import { Pace } from './pace.ts';
import { Readiness } from './readiness.ts';
import { DATAGRAM_SIZE, ReceiveBuffers } from './receive-buffers.ts';
import { kernelRelease } from './release.ts';
import { readSetting } from './setting.ts';

/**
 * A limit, not an allocation: 13,107 events (test/kernel/charges.kernel.test.ts), or the answers to as many requests.
 */
const DEFAULT_BUFFER = 8 * 1024 * 1024;
/** The least that any datagram is charged: a struct sk_buff, and the least piece of memory. */
const LEAST_CHARGE = 512;
/**
 * Datagrams a receive. Events come many at a time. A dump that fills two, some 300 flows, is received ahead from there
 * on.
 */
const EVENT_BUFFERS = 32;
const REQUEST_BUFFERS = 2;
/**
 * Where a process may end without an event that its memory is still used after (a renderer of Electron's that is loaded
 * again, a worker thread), nothing but system calls that return may write to it.
 */
const MAY_GO_AHEAD = isMainThread && (process as { type?: string }).type !== 'renderer';

export class LibcTransport implements Transport {
  readonly name: string;
  readonly portid: number;
  readonly release: string | undefined;
  readonly netns: Namespace | undefined;
  readonly allNamespaces: boolean;
  readonly ended = false;
  readonly window: number;
  readonly queueLimit: number;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #options: SocketOptions;
  /** Whose the descriptor is; undefined where the kernel cannot say so. */
  readonly #cookie: bigint | undefined;
  readonly #reliable: boolean;
  /** To the kernel: nobody else can send to this socket. */
  readonly #connected: boolean;
  #outgoing: Outgoing;
  readonly #buffers: ReceiveBuffers;
  #drained = true;
  #next = 0;
  #received = 0;
  #ahead: Ahead | undefined;
  #mayGoAhead = MAY_GO_AHEAD;
  #advancing = false;
  readonly #wantsInbox: boolean;
  #inbox: Inbox | undefined;
  #pace: Pace | undefined;
  #lostEvents: LostEvents | undefined;
  #readiness: Readiness | undefined;
  #listener: TransportListener | undefined;
  #referenced = true;
  #closed = false;

  /** @throws TransportError */
  constructor(libc: Libc, options: TransportOptions) {
    const { receiveBuffer = DEFAULT_BUFFER, events = false, reliable = false, receiveAhead = false } = options;
    this.allNamespaces = events && options.allNamespaces === true;
    const { netns } = options as { netns?: Namespace };
    this.name = libc.name;
    this.#libc = libc;
    this.#reliable = reliable;
    // What the kernel receives by itself has no control messages.
    this.#wantsInbox = receiveAhead && !this.allNamespaces;
    this.#fd = netns === undefined ? open(libc) : openInside(libc, netns, () => open(libc));
    this.netns = netns;
    let known: SocketOptions | undefined;
    let outgoing: Outgoing | undefined;
    try {
      this.portid = this.#bind();
      this.#connected = !events && this.#connect();
      known = new SocketOptions(libc, this.#fd);
      this.#cookie = known.cookie();
      // Linux 4.12 and 4.3: without them errors say less, and echo the whole request.
      known.setWhereKnown(SOL_NETLINK, NETLINK_EXT_ACK, 1);
      known.setWhereKnown(SOL_NETLINK, NETLINK_CAP_ACK, 1);
      if (this.allNamespaces) listenToAll(known);
      const limit = known.setReceiveBuffer(receiveBuffer);
      // A dump goes on while half of the buffer is free, one datagram at a time.
      this.window = Math.max(0, limit - DUMP_CHARGE);
      this.queueLimit = Math.ceil(limit / LEAST_CHARGE) + INBOX_BUFFERS;
      this.release = kernelRelease(libc);
      outgoing = new Outgoing(libc, new Uint8Array(0), PAGE);
      this.#buffers = new ReceiveBuffers(libc, events ? EVENT_BUFFERS : REQUEST_BUFFERS, this.allNamespaces);
    } catch (error) {
      known?.free();
      outgoing?.free();
      libc.close(this.#fd);
      if (netns !== undefined) leave(libc, netns);
      throw error;
    }
    this.#options = known;
    this.#outgoing = outgoing;
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
  }

  get drained(): boolean {
    return this.#drained;
  }

  send(bytes: Uint8Array, takesLong = false): boolean {
    this.#assertOpen();
    this.#drained = false;
    const ahead = takesLong ? this.#goAhead() : undefined;
    if (ahead !== undefined) {
      ahead.send(bytes);
      this.#advanceSoon(ahead);
      return false;
    }
    if (!this.#outgoing.set(bytes)) {
      const larger = new Outgoing(this.#libc, bytes, 2 * bytes.length);
      this.#outgoing.free();
      this.#outgoing = larger;
    }
    sendmsg(this.#libc, this.#fd, this.#outgoing);
    return true;
  }

  receive(): Datagram | undefined {
    if (this.#closed) return undefined;
    // A table waits until all events have been read, and has sent nothing before.
    this.#drained = false;
    const lostEvents = this.#lostEvents;
    if (lostEvents !== undefined) this.#tell(lostEvents.take(false));
    if (this.#inbox !== undefined) {
      const datagram = this.#receiveFromInbox(this.#inbox);
      if (datagram !== undefined || this.#inbox !== undefined) return datagram;
    }
    // What was received directly came before what is received ahead.
    if (this.#next === this.#received) {
      if (this.#ahead?.busy === true) {
        const datagram = this.#receiveAhead(this.#ahead);
        if (datagram !== undefined || this.#ahead.busy) return datagram;
      }
      if (!this.#fill()) {
        if (lostEvents !== undefined) this.#tell(lostEvents.take(true));
        this.#drained = true;
        this.#readiness?.arm();
        return undefined;
      }
    }
    const buffer = this.#next++;
    lostEvents?.delivered();
    return this.#buffers.datagram(buffer, this.#buffers.lengthOf(buffer));
  }

  joinGroup(group: number): void {
    this.#assertOpen();
    this.#listen();
    this.#options.set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  leaveGroup(group: number): void {
    this.#assertOpen();
    this.#options.set(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group);
    // The kernel sends to nobody meanwhile. What it had sent waits: in the socket, or where it was received ahead.
    this.#drained = false;
  }

  attachFilter(program: Uint8Array | undefined): void {
    this.#assertOpen();
    this.#options.setFilter(program);
  }

  setting(name: string): number | undefined {
    return this.#closed ? undefined : readSetting(this.#libc, this.netns, name);
  }

  check(): void {
    if (!this.#closed && !this.#isOurs())
      throw new TransportError('getsockopt', EBADF, 'EBADF: somebody else has closed the descriptor');
  }

  /** The descriptor is still that of this socket. */
  #isOurs(): boolean {
    if (this.#cookie === undefined) return true;
    try {
      return this.#options.cookie() === this.#cookie;
    } catch (error) {
      return ![EBADF, ENOTSOCK].includes((error as TransportError).errno);
    }
  }

  ref(): void {
    this.#referenced = true;
    this.#readiness?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#readiness?.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#readiness === undefined) this.#closeReader();
    else this.#readiness.close(() => this.#closeReader());
  }

  #closeReader(): void {
    // The number of a closed descriptor is given out again: nothing may still read from it.
    const reader = this.#ahead ?? this.#inbox;
    if (reader === undefined) this.#free();
    else reader.close(() => this.#free());
  }

  #free(): void {
    // Another file may have its number by now, if somebody has closed it.
    if (this.#isOurs()) this.#libc.close(this.#fd);
    if (this.netns !== undefined) leave(this.#libc, this.netns);
    this.#options.free();
    this.#outgoing.free();
    this.#buffers.free();
  }

  /**
   * Connects the socket to the kernel (nl_pid 0): other processes that send to it get ECONNREFUSED from now on, so that
   * nobody can fill its buffer. Multicast groups are not concerned.
   * @returns false where the kernel refuses
   */
  #connect(): boolean {
    const kernel = new Memory(this.#libc, SOCKADDR_NL_SIZE);
    kernel.u16(0, AF_NETLINK);
    const result = this.#libc.connect(this.#fd, kernel.bytes, SOCKADDR_NL_SIZE);
    kernel.free();
    return result === 0;
  }

  #bind(): number {
    const libc = this.#libc;
    const [address, length] = allocateAll(libc, SOCKADDR_NL_SIZE, 4);
    address.u16(0, AF_NETLINK);
    length.u32(0, SOCKADDR_NL_SIZE);
    try {
      attempt(libc, 'bind', () => libc.bind(this.#fd, address.bytes, SOCKADDR_NL_SIZE));
      attempt(libc, 'getsockname', () => libc.getsockname(this.#fd, address.bytes, length.bytes));
      return address.getU32(SOCKADDR_NL_PID);
    } finally {
      address.free();
      length.free();
    }
  }

  /** From now on lost events are counted and are no errors, and the reader needs a notice of new events. */
  #listen(): void {
    if (this.#readiness !== undefined) return;
    this.#options.set(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    if (this.#reliable) this.#options.set(SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
    this.#lostEvents = new LostEvents(this.#options);
    if (this.#wantsInbox) this.#inbox = this.#openInbox(this.#lostEvents);
    if (this.#inbox !== undefined) this.#pace = new Pace();
    this.#mayGoAhead = false;
    this.#watch(this.#inbox?.pollable ?? this.#fd);
  }

  #watch(fd: number): void {
    this.#readiness = new Readiness(this.#libc, fd, () => this.#listener?.readable(), this.#pace);
    if (!this.#referenced) this.#readiness.unref();
  }

  /** Undefined where there is no io_uring, or somebody has read this socket already, and not from there. */
  #openInbox(lostEvents: LostEvents): Inbox | undefined {
    if (!this.#mayGoAhead || this.#ahead !== undefined || this.#received > 0) return undefined;
    return whereItCan(() => new Inbox(this.#libc, this.#fd, () => lostEvents.beforeReceive(this.#inbox?.held)));
  }

  #receiveFromInbox(inbox: Inbox): Datagram | undefined {
    const datagram = inbox.receive();
    if (datagram !== undefined) {
      this.#pace?.came();
      this.#lostEvents?.delivered();
      return datagram;
    }
    if (inbox.broken) {
      this.#leaveInbox(inbox);
      return undefined;
    }
    const options = this.#options;
    this.#lostEvents?.beforeReceive();
    const waiting = options.memoryInfo(SK_MEMINFO_RMEM_ALLOC) > 0;
    this.#tell(this.#lostEvents?.take(true) ?? 0);
    // What the kernel has received is in the inbox when this thread runs again. It looked before it was asked what
    // waits.
    if (!waiting && inbox.held === 0) this.#drained = true;
    this.#readiness?.arm();
    return undefined;
  }

  /** The kernel receives nothing into it any more: the socket is read directly from now on. */
  #leaveInbox(inbox: Inbox): void {
    this.#inbox = undefined;
    this.#pace = undefined;
    this.#readiness?.close(() => inbox.close(() => {}));
    // Where the socket itself cannot be watched, `close` must not wait for the end of what was closed already.
    this.#readiness = undefined;
    this.#watch(this.#fd);
  }

  /** Receives as many datagrams as there is room for; false when there is none. */
  #fill(): boolean {
    const libc = this.#libc;
    const buffers = this.#buffers;
    this.#lostEvents?.beforeReceive();
    for (;;) {
      buffers.prepare();
      const received = libc.recvmmsg(this.#fd, buffers.memory.bytes, buffers.count, MSG_DONTWAIT, null);
      if (received > 0) {
        this.#next = 0;
        this.#received = received;
        if (this.#lostEvents !== undefined) this.#lostEvents.received(received);
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
    if (received === this.#buffers.count && this.#buffers.lengthOf(received - 1) > DATAGRAM_SIZE / 2)
      this.#goAhead()?.start();
  }

  /** What receives ahead, once there was something long for it; undefined where nothing can. */
  #goAhead(): Ahead | undefined {
    if (!this.#mayGoAhead) return undefined;
    this.#ahead ??= whereItCan(() => new Ahead(this.#libc, this.#fd, this.#connected));
    // Neither io_uring nor a thread of the C library, or no more: this socket does it all by itself.
    if (this.#ahead === undefined || this.#ahead.refused) this.#mayGoAhead = false;
    return this.#mayGoAhead ? this.#ahead : undefined;
  }

  #receiveAhead(ahead: Ahead): Datagram | undefined {
    const datagram = ahead.receive();
    if (datagram === 'overrun') throw new OverrunError(OVERRAN);
    if (datagram === undefined && ahead.busy) this.#advanceSoon(ahead);
    return datagram;
  }

  /** Nothing else of the program is kept from its turn while the kernel works. */
  #advanceSoon(ahead: Ahead): void {
    if (this.#advancing) return;
    this.#advancing = true;
    runtime.setImmediate(() => {
      this.#advancing = false;
      if (this.#closed) return;
      ahead.advance();
      this.#listener?.readable();
    });
  }

  /** Lost events are reported where they are missing. */
  #tell(lost: number): void {
    if (lost === 0) return;
    if (this.#reliable)
      throw new OverrunError('the receive buffer is full: the kernel keeps DESTROY events and tries again');
    throw new OverrunError(`the receive buffer overran: ${lost} lost`, lost);
  }

  #assertOpen(): void {
    if (this.#closed) throw new ClosedError();
  }
}

const PAGE = 4096;
const OVERRAN = 'the receive buffer overran';

/** @throws TransportError */
function open(libc: Libc): number {
  const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  try {
    return attempt(libc, 'socket', () => libc.socket(AF_NETLINK, type, NETLINK_NETFILTER));
  } catch (error) {
    const { errno } = error as TransportError;
    if (errno !== EPROTONOSUPPORT && errno !== EAFNOSUPPORT) throw error;
    throw new TransportError(
      'socket',
      errno,
      `${errnoName(errno)}: this kernel has no nfnetlink. Load its module (modprobe nfnetlink nf_conntrack_netlink), or build it in`,
      { cause: error },
    );
  }
}

/** @throws TransportError */
function listenToAll(options: SocketOptions): void {
  try {
    options.set(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1);
  } catch (error) {
    const { errno } = error as TransportError;
    if (errno !== EPERM) throw error;
    throw new TransportError(
      'setsockopt',
      errno,
      'EPERM: events of all network namespaces take CAP_NET_BROADCAST in the user namespace that owns the network namespace of the socket',
      { cause: error },
    );
  }
}

/** What needs io_uring or aio.h, and memory for it; undefined where there is none. */
function whereItCan<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    // RangeError: no memory for an ArrayBuffer.
    if (error instanceof TransportError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * A socket by the libc of this runtime.
 * @throws UnsupportedError on a machine whose layouts are not known; TransportError
 */
export function openSocket(libc: Libc, options: TransportOptions = {}): Transport {
  checkPlatform(libc.name);
  assertAtHome();
  return new LibcTransport(libc, options);
}
