import { checkOptions, checkSignal } from '../netlink/check.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { type OpenOptions, openTransport } from '../transport/open.ts';
import { type EventSource, Events } from './events.ts';

export interface EventSocketOptions {
  /**
   * SO_RCVBUF of the socket in bytes: every event that waits is charged 1,280, of twice as much. Default: what Conntrack.open was given,
   * else 8 MiB, which hold 13,107 events (the addon: what net.core.rmem_default allows).
   */
  receiveBuffer?: number;
  /**
   * The kernel keeps DESTROY events that did not fit and sends them again (NETLINK_BROADCAST_ERROR), so that nearly none is lost; flows that
   * ended live longer meanwhile. NEW and UPDATE are lost as ever, and an overrun cannot say how many. Default: what Conntrack.open was
   * given, else false.
   */
  reliable?: boolean;
  /**
   * Events are received into memory of this process the moment that they come, also while JavaScript compiles or collects: for a receive buffer
   * that must be small. Takes up to 32 MiB and, while thousands come in a second, a whole processor. Needs io_uring of Linux 6.10, and changes
   * nothing where there is none, in worker threads and over the addon. Default: what Conntrack.open was given, else false.
   */
  receiveAhead?: boolean;
  /** Closes the stream; iteration rejects with its reason. */
  signal?: AbortSignal;
}

/** The sockets of event streams: one each, which end with the request socket at the latest. */
export class EventSockets {
  readonly #socket: NetlinkSocket;
  readonly #options: OpenOptions;
  readonly #open = new Set<{ readonly ended: boolean; close(): void }>();

  /** @param options with which the request socket was opened */
  constructor(socket: NetlinkSocket, options: OpenOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** @throws RangeError naming the option; UnsupportedError where the transport takes no events; KernelError EPERM */
  async open<E>(source: EventSource<E>, options: EventSocketOptions): Promise<Events<E>> {
    checkOptions(options);
    const { signal } = options;
    const {
      receiveBuffer = this.#options.receiveBuffer,
      reliable = this.#options.reliable,
      receiveAhead = this.#options.receiveAhead,
    } = options;
    checkSignal(signal);
    signal?.throwIfAborted();
    this.#socket.assertOpen();
    const transport = await openTransport({ ...this.#options, receiveBuffer, reliable, receiveAhead, events: true });
    const events = new Events(transport, source, signal);
    if (signal?.aborted === true || this.#socket.closed) {
      // While the socket was being opened.
      events.close();
      signal?.throwIfAborted();
      this.#socket.assertOpen();
    }
    for (const other of this.#open) if (other.ended) this.#open.delete(other);
    this.#open.add(events);
    return events;
  }

  close(): void {
    for (const events of this.#open) events.close();
    this.#open.clear();
  }
}
