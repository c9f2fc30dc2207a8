/**
 * What a socket is to the layers above. An adapter is one file in transport/; the conformance suite in test/transport/
 * says what it must do. Reading is pulled: while nobody calls `receive`, the kernel's buffer fills, so there is no
 * second queue (except with `receiveAhead`).
 */

import type { Netns, NetnsInfo } from './netns.ts';

/** One datagram. It belongs to the transport and is valid until the next `receive`: copy what must stay. */
export interface Datagram {
  /** The datagram, with the headers of its messages. */
  bytes: Uint8Array;
  /** A view of the same bytes. */
  view: DataView;
  /** nl_pid of the sender: 0 is the kernel; anybody else may be any process and is not to be trusted. */
  sender: number;
  /** MSG_TRUNC: the datagram was longer than the read buffer and its tail is lost. */
  truncated: boolean;
  /** When it was captured, in nanoseconds since the epoch: of a replay whose capture says it. */
  time?: bigint;
  /** With allNamespaces: the id of the network namespace it is from; undefined for that of the socket. */
  nsid?: number | undefined;
}

/** What a transport reports; it may call each at any time after `start`, but never from inside `send` or `receive`. */
export interface TransportListener {
  /** There may be something to `receive`. */
  readable(): void;
  /** The socket is gone and nothing more will come; `close` is still to be called. */
  failed(error: Error): void;
}

/**
 * A netlink socket of NETLINK_NETFILTER, or what acts as one. A program can bring its own: `options.transport` of
 * Conntrack.open takes what opens it.
 */
export interface Transport {
  /** What runs, such as 'addon' or 'replay'. */
  readonly name: string;
  /** nl_pid that this socket is bound to. */
  readonly portid: number;
  /**
   * Release of the kernel behind it as uname(2) has it, such as '6.18.0'; undefined where unknown. It decides
   * which filters the kernel is asked to apply.
   */
  readonly release: string | undefined;
  /** The network namespace that the socket is in; undefined if no namespace was asked for. */
  readonly netns?: NetnsInfo | undefined;

  /** Events of other network namespaces arrive, as was asked for. Undefined: no. */
  readonly allNamespaces?: boolean | undefined;

  /** True once nothing can come any more without a further `send`: the end of a replay. Never true of a real socket. */
  readonly ended: boolean;

  /**
   * True if no answer to a sent request can come any more, and no event of a group that was left: the last `receive`
   * found the queue empty, and began after all requests had reached the kernel. A request without an answer has lost it
   * then. Undefined: this transport cannot know it, and only an OverrunError rejects pending requests.
   */
  readonly drained?: boolean;

  /**
   * Bytes of the receive buffer that the answers to requests may take at once, beside the datagram of a dump, with what
   * the kernel charges for each datagram. Other requests are sent when those are answered. Undefined: any number.
   */
  readonly window?: number;

  /**
   * How many datagrams can wait to be received at the most. An answer that is not among so many datagrams was lost.
   * Undefined: not known.
   */
  readonly queueLimit?: number;

  /** Called once, before anything else. */
  start(listener: TransportListener): void;
  /**
   * Sends one datagram to the kernel. The bytes may be used again when it returns. One that takes long may reach the
   * kernel a little later, in a thread of its own; `close` loses none.
   * @param takesLong the kernel may need milliseconds for it: a large batch, or a dump with a filter that few entries
   * pass. Default: false
   * @returns false when it reaches the kernel later; else its answer is there to be received by now
   * @throws TransportError
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most transports have nothing to return
  send(bytes: Uint8Array, takesLong?: boolean): boolean | void;
  /**
   * The next datagram that is there, without waiting.
   * @throws OverrunError when messages were lost (ENOBUFS); the socket stays usable and what is still queued follows.
   * @throws RequestError when there is no answer to one request, or no more of it; what is still queued follows.
   * @throws TransportError
   */
  receive(): Datagram | undefined;
  /** Events of this group (NFNLGRP_*) arrive from now on. @throws TransportError, UnsupportedError */
  joinGroup(group: number): void;
  /** No event of the group arrives any more; those that have arrived are still received. @throws TransportError */
  leaveGroup(group: number): void;
  /**
   * SO_ATTACH_FILTER: only what this classic BPF program lets through is received; undefined takes it away. The program
   * is `struct sock_filter` by `struct sock_filter` (linux/filter.h), 8 bytes each in the byte order of the host. Not
   * there: this transport has no way to set it.
   * @throws TransportError EINVAL for a program that the kernel does not take
   */
  attachFilter?(program: Uint8Array | undefined): void;
  /**
   * A setting of the kernel in the network namespace of the socket: the number in /proc/sys/net/NAME. Undefined: it
   * cannot be read. Not there: this transport knows no settings.
   * @param name such as 'netfilter/nf_conntrack_events'
   */
  setting?(name: string): number | undefined;
  /**
   * Throws if the socket is gone: others can close its descriptor, and then its number is given out again. Nothing else
   * notices that while nothing comes. Not there: this transport does not know it.
   * @throws TransportError EBADF
   */
  check?(): void;
  /** Keeps the process alive (the state after `start`), or not. */
  ref(): void;
  /** The process may end while this socket is open. */
  unref(): void;
  /** Closes the socket. Idempotent. */
  close(): void;
}

/** What all transports take. */
export interface TransportOptions {
  /**
   * The network namespace that the socket is opened in: see Netns. If the property is there, it must not be undefined.
   * Default: that of the calling thread.
   */
  netns?: Netns | undefined;
  /**
   * SO_RCVBUF in bytes, of sockets that take events (a Conntrack opens its sockets for requests without it): a limit of
   * what waits in the kernel, not an allocation. Default: 8 MiB (13,107 events) where the transport can pass
   * net.core.rmem_max, which takes CAP_NET_ADMIN; the addon leaves it at net.core.rmem_default.
   */
  receiveBuffer?: number | undefined;
  /**
   * The socket will join multicast groups. Some transports refuse here, with the remedy, rather than at the first
   * event.
   */
  events?: boolean | undefined;
  /**
   * NETLINK_BROADCAST_ERROR on sockets that join groups: the kernel keeps DESTROY events that did not fit and sends
   * them again, so that nearly none is lost, and flows live longer meanwhile. NEW and UPDATE events are lost as before,
   * and their number is unknown. Default: false.
   */
  reliable?: boolean | undefined;
  /**
   * NETLINK_LISTEN_ALL_NSID on sockets that join groups (Linux 4.2): the events of other network namespaces arrive too,
   * each with the id of its namespace, if that has an id here and its owner grants CAP_NET_BROADCAST. The option
   * `receiveAhead` changes nothing then. Default: false.
   */
  allNamespaces?: boolean | undefined;
  /**
   * Events are received into memory of this process the moment that they come, also while JavaScript compiles or
   * collects: for a receive buffer that must be small. Up to 8,192 wait there, which may take 32 MiB; while thousands
   * come in a second, the thread looks again instead of sleeping. Lost events are counted as before; the `overrun`
   * event may be several hundred events late. By io_uring (Linux 6.10), and not in worker threads or over the addon:
   * there, and where io_uring is not allowed, it changes nothing. Default: false.
   */
  receiveAhead?: boolean | undefined;
}

/** Opens sockets of one kind: the same options give sockets that see the same kernel (or the same capture). */
export interface TransportFactory {
  /** Opens a socket. @throws UnsupportedError, TransportError */
  (options?: TransportOptions): Promise<Transport>;
  /**
   * Called once for each Conntrack and nfct handle, whose sockets the result opens. Not there: all of them share one.
   */
  forOne?(): TransportFactory;
}
