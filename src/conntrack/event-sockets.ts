import { type Checks, checkBoolean, checkSignal } from '../netlink/check.ts';
import { type Lease, stackOf } from '../netlink/lease.ts';
import type { Transport } from '../netlink/transport.ts';
import { checkReceiveBuffer, type OpenOptions, openTransport } from '../transport/open.ts';
import { EventQueue, type EventSource, Events } from './events.ts';

/** What all event streams take. */
export interface EventSocketOptions {
  /**
   * SO_RCVBUF of the socket in bytes. The kernel doubles it, and charges 1,280 bytes for each event that waits.
   * Default: what Conntrack.open was given, else 8 MiB, which hold 13,107 events (the addon: what net.core.rmem_default
   * allows).
   */
  receiveBuffer?: number | undefined;
  /**
   * The kernel keeps DESTROY events that did not fit and sends them again (NETLINK_BROADCAST_ERROR), so that nearly
   * none is lost; flows that ended live longer meanwhile. NEW and UPDATE events are still lost, and an overrun does not
   * say how many. Default: what Conntrack.open was given, else false.
   */
  reliable?: boolean | undefined;
  /**
   * Events are received into memory of this process the moment that they come, also while JavaScript compiles or
   * collects: for a receive buffer that must be small. Takes up to 32 MiB and, while thousands come in a second, a
   * whole processor. Needs io_uring of Linux 6.10, and changes nothing where there is none, in worker threads and over
   * the addon. Default: what Conntrack.open was given, else false.
   */
  receiveAhead?: boolean | undefined;
  /**
   * Events of other network namespaces arrive too, each with an `nsid` (NETLINK_LISTEN_ALL_NSID, Linux 4.2). Two kinds
   * of namespaces stay silent: those without an id in the namespace of the socket (`ip netns set NAME auto` gives one;
   * so does a veth pair between both), and those whose user namespace does not grant CAP_NET_BROADCAST to this process.
   * UnsupportedError over the addon and other transports that cannot do it. Default: what Conntrack.open was given,
   * else false.
   */
  allNamespaces?: boolean | undefined;
  /** Closes the stream; iteration rejects with its reason. */
  signal?: AbortSignal | undefined;
}

export const EVENT_SOCKET_OPTIONS: Checks<EventSocketOptions> = {
  receiveBuffer: checkReceiveBuffer,
  reliable: checkBoolean,
  receiveAhead: checkBoolean,
  allNamespaces: checkBoolean,
  signal: checkSignal,
};

/** What listens on a socket of its own. */
interface Listening {
  readonly ended: boolean;
  close(): void;
}

/** The sockets of event streams: one each, which end with the request socket at the latest. */
export class EventSockets {
  readonly #lease: Lease;
  readonly #options: OpenOptions;
  /** What carries them; a program drops only the streams. */
  readonly #open = new Set<Listening>();

  /** @param options with which the request socket was opened */
  constructor(lease: Lease, options: OpenOptions) {
    this.#lease = lease;
    this.#options = options;
  }

  /** @throws UnsupportedError where the transport takes no events; KernelError EPERM */
  async open<E>(source: EventSource<E>, options: EventSocketOptions): Promise<Events<E>> {
    const stack = stackOf();
    const { signal } = options;
    const {
      receiveBuffer = this.#options.receiveBuffer,
      reliable = this.#options.reliable,
      receiveAhead = this.#options.receiveAhead,
      allNamespaces = this.#options.allNamespaces,
    } = options;
    const given = { receiveBuffer, reliable, receiveAhead, allNamespaces };
    const queue = await this.listen(given, signal, (transport) => new EventQueue(transport, source, signal));
    return new Events(queue, stack);
  }

  /** Opens a socket for events, and what listens on it, which is closed at the latest with the request socket. */
  async listen<T extends Listening>(
    options: EventSocketOptions,
    signal: AbortSignal | undefined,
    make: (transport: Transport) => T,
  ): Promise<T> {
    signal?.throwIfAborted();
    this.#lease.assertOpen();
    const transport = await openTransport({ ...this.#options, ...options, events: true });
    const listening = make(transport);
    if (signal?.aborted === true || this.#lease.closed) {
      // While the socket was being opened.
      listening.close();
      signal?.throwIfAborted();
      this.#lease.assertOpen();
    }
    for (const other of this.#open) if (other.ended) this.#open.delete(other);
    this.#open.add(listening);
    return listening;
  }

  close(): void {
    for (const listening of this.#open) listening.close();
    this.#open.clear();
  }
}
