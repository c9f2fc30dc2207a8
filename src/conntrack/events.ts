import { explainKernelError } from '../ctnetlink/explain.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow, type EventType, eventTypeOf } from '../ctnetlink/message.ts';
import { KernelError, type OverrunError, TransportError } from '../netlink/errors.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import type { EventSink } from '../netlink/sequence.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { Transport } from '../netlink/transport.ts';
import { NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE } from '../uapi/nfnetlink.ts';
import { DONE, Signal } from './signal.ts';

const GROUPS: Readonly<Record<EventType, number>> = {
  new: NFNLGRP_CONNTRACK_NEW,
  update: NFNLGRP_CONNTRACK_UPDATE,
  destroy: NFNLGRP_CONNTRACK_DESTROY,
};

export interface EventOptions {
  /** Default: all three. */
  types?: readonly EventType[];
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
  /** Closes the stream; iteration rejects with its reason. */
  signal?: AbortSignal;
}

/**
 * Something happened to a flow. 'update' carries what changed beside the tuples, status and timeout; 'destroy' has counters and
 * timestamps where they are kept, but no labels, helper or master.
 */
export interface FlowEvent {
  type: EventType;
  flow: Flow;
  /** nlmsg_pid: the socket whose request caused it, 0 for the kernel itself. */
  portid: number;
}

/**
 * Events were lost here, behind all that came before it: what the program believes of the table may be wrong, dump it anew.
 */
export interface OverrunEvent {
  type: 'overrun';
  /** How many, exactly; undefined where the transport cannot tell: the addon, `reliable`, and captures of other tools. */
  lost: number | undefined;
}

export type ConntrackEvent = FlowEvent | OverrunEvent;

/** @throws RangeError for an unknown type, or none */
export function checkTypes(types: readonly EventType[]): void {
  if (!Array.isArray(types) || types.length === 0)
    throw new RangeError('options.types must name at least one type of event');
  for (const type of types) {
    if (!Object.hasOwn(GROUPS, type))
      throw new RangeError(`options.types must be of new, update, destroy, not '${type}'`);
  }
}

/** Events read ahead at the most; beyond, they wait in the kernel's buffer, where a loss is noticed. */
const READ_AHEAD = 256;

/**
 * The events of a socket of its own, from the moment that Conntrack.events resolved. Reading is pulled, so the kernel's buffer is the
 * only queue and every loss shows as an 'overrun' event in its place. Flows created before anybody listened tell nothing
 * (nf_conntrack_events=2, the default since Linux 5.19): dump after subscribing.
 */
export class Events implements AsyncIterableIterator<ConntrackEvent>, EventSink {
  readonly #socket: NetlinkSocket;
  readonly #ready = new Signal();
  #queue: ConntrackEvent[] = [];
  #head = 0;
  #ended = false;
  #error: unknown;
  #forget: () => void = () => {};

  /** @throws KernelError, TransportError, UnsupportedError when the groups cannot be joined; the transport is closed then */
  constructor(transport: Transport, types: readonly EventType[], signal?: AbortSignal) {
    this.#socket = new NetlinkSocket(transport, explainKernelError);
    const abort = (): void => {
      this.end(signal?.reason);
      this.close();
    };
    // Before the first event can come: a capture may be at its end with it.
    this.#forget = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for (const type of types) join(transport, GROUPS[type]);
      this.#socket.setEventSink(this);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Nothing more will come than what is queued. */
  get ended(): boolean {
    return this.#ended;
  }

  get paused(): boolean {
    return this.#queue.length - this.#head >= READ_AHEAD;
  }

  message(header: nlmsghdr, view: DataView, offset: number, end: number): void {
    const type = eventTypeOf(header);
    if (type !== undefined) this.#push({ type, flow: decodeFlow(view, offset, end), portid: header.nlmsg_pid });
  }

  overrun(error: OverrunError): void {
    this.#push({ type: 'overrun', lost: error.lost });
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#forget();
    this.#ready.raise();
  }

  next(): Promise<IteratorResult<ConntrackEvent>> {
    const event = this.#shift();
    return event === undefined ? this.#wait() : Promise.resolve({ value: event, done: false });
  }

  async return(): Promise<IteratorResult<ConntrackEvent>> {
    this.close();
    return DONE;
  }

  /** Ends the stream and closes its socket; what was not read is dropped. Idempotent. */
  close(): void {
    this.#queue = [];
    this.#head = 0;
    this.#socket.close();
    this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #push(event: ConntrackEvent): void {
    this.#queue.push(event);
    this.#ready.raise();
  }

  #shift(): ConntrackEvent | undefined {
    if (this.#head === this.#queue.length) return undefined;
    const event = this.#queue[this.#head++];
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    return event;
  }

  async #wait(): Promise<IteratorResult<ConntrackEvent>> {
    for (;;) {
      if (!this.#ended) this.#socket.read();
      const event = this.#shift();
      if (event !== undefined) return { value: event, done: false };
      if (this.#ended) {
        const error = this.#error;
        this.#error = undefined;
        this.#socket.close();
        if (error !== undefined) throw error;
        return DONE;
      }
      await this.#ready.wait();
    }
  }
}

/** Joining is refused without CAP_NET_ADMIN like any request, so the same sentence explains it. */
function join(transport: Transport, group: number): void {
  try {
    transport.joinGroup(group);
  } catch (error) {
    if (!(error instanceof TransportError) || error.errno === 0) throw error;
    throw new KernelError(error.errno, {
      operation: 'join',
      sequence: 0,
      explanation: explainKernelError('join', error.errno),
    });
  }
}
