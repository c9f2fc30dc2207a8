import { explainKernelError } from '../ctnetlink/explain.ts';
import { unwatch, watch } from '../netlink/aborts.ts';
import { type Check, describe } from '../netlink/check.ts';
import { KernelError, type OverrunError, TransportError } from '../netlink/errors.ts';
import { notDropped, whenDropped } from '../netlink/lease.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { runtime } from '../netlink/runtime.ts';
import type { EventSink } from '../netlink/sequence.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { Transport } from '../netlink/transport.ts';
import { Arrivals } from './arrivals.ts';
import { ITERATION_END } from './iteration-end.ts';

/**
 * Events were lost here, after all earlier ones of the stream. What the program knows about the table may be wrong:
 * dump it again.
 */
export interface OverrunEvent {
  /** Distinguishes it from all other events. */
  type: 'overrun';
  /** The exact number of lost events; undefined with the addon, with `reliable`, and in captures of other tools. */
  lost: number | undefined;
}

/** Of what was read last. */
export type Circumstances = Pick<NetlinkSocket, 'time' | 'nsid'>;

/** What is listened to. */
export interface EventSource<E> {
  /** NFNLGRP_* */
  readonly groups: readonly number[];
  /** A socket filter for a transport that has such: lets through all that `take` wants. */
  readonly program?: Uint8Array;
  /**
   * What happened, or undefined when it is not wanted.
   * @param socket says when it was captured, in nanoseconds since the epoch, and in which network namespace it happened
   */
  take(header: nlmsghdr, view: DataView, offset: number, end: number, socket: Circumstances): E | undefined;
}

/** A check for an array of these types of events. */
export function typesOf(groups: Readonly<Record<string, number>>): Check {
  const names = Object.keys(groups).join(', ');
  return (types, argument) => {
    if (!Array.isArray(types)) throw new TypeError(`${argument} must be an array of ${names}, not ${describe(types)}`);
    if (types.length === 0) throw new RangeError(`${argument} must name at least one type of event`);
    for (const type of types as readonly unknown[]) {
      const wrong = `${argument} must be of ${names}, not ${describe(type)}`;
      if (typeof type !== 'string') throw new TypeError(wrong);
      if (!Object.hasOwn(groups, type)) throw new RangeError(wrong);
    }
  };
}

/** Events read ahead at the most; beyond, they wait in the kernel's buffer, where a loss is noticed. */
const READ_AHEAD = 256;

/**
 * What was read of a socket of its own and not handed out. The socket reaches this, and not the stream that a program
 * holds.
 */
export class EventQueue<E> implements EventSink {
  readonly #socket: NetlinkSocket;
  readonly #source: EventSource<E>;
  readonly #arrived = new Arrivals<E | OverrunEvent>();
  #draining = false;
  /**
   * A call has its event: waiting calls are counted again after the program's turn, because most wait again at once.
   */
  #looksSoon = false;
  #forget: () => void = () => {};

  /**
   * @throws KernelError, TransportError, UnsupportedError when the groups cannot be joined or the filter is refused;
   * the transport is closed then
   */
  constructor(transport: Transport, source: EventSource<E>, signal?: AbortSignal) {
    this.#socket = new NetlinkSocket(transport, explainKernelError);
    this.#source = source;
    const abort = (): void => {
      this.end(signal?.reason);
      this.close();
    };
    // Before the first event can come: a capture may be at its end with it.
    if (signal !== undefined) {
      this.#forget = () => unwatch(signal, abort);
      watch(signal, abort);
    }
    try {
      // Before anything can come that it would have dropped.
      if (source.program !== undefined) transport.attachFilter?.(source.program);
      for (const group of source.groups) joinGroup(transport, group);
      this.#socket.setEventSink(this);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Nothing more will come than what is queued. */
  get ended(): boolean {
    return this.#arrived.ended;
  }

  get idle(): boolean {
    return this.#arrived.waiting === 0;
  }

  get paused(): boolean {
    return this.#arrived.length >= READ_AHEAD;
  }

  message(header: nlmsghdr, view: DataView, offset: number, end: number): void {
    const event = this.#source.take(header, view, offset, end, this.#socket);
    if (event !== undefined) this.#arrived.push(event);
  }

  overrun(error: OverrunError): void {
    this.#arrived.push({ type: 'overrun', lost: error.lost });
  }

  end(error?: unknown): void {
    if (this.ended) return;
    this.#arrived.end(error);
    this.#forget();
    this.#socket.close();
  }

  /** Leaves the groups; ends when all that had arrived has been read. */
  drain(): void {
    if (this.#draining || this.ended) return;
    this.#draining = true;
    this.#socket.drainEvents(this.#source.groups);
  }

  /** What is there to be handed out. */
  shift(): E | OverrunEvent | undefined {
    return this.#arrived.shift();
  }

  /** The next event; undefined at the end. @throws what ended it */
  async wait(): Promise<E | OverrunEvent | undefined> {
    try {
      return await this.#arrived.next(() => {
        if (!this.ended) this.#socket.read();
      });
    } finally {
      this.#lookSoon();
    }
  }

  /** Drops what was not handed out, and closes the socket. Idempotent. */
  close(): void {
    this.#arrived.clear();
    this.#socket.close();
    this.end();
  }

  #lookSoon(): void {
    if (this.#looksSoon || this.ended) return;
    this.#looksSoon = true;
    runtime.setImmediate(() => {
      this.#looksSoon = false;
      this.#socket.reference();
    });
  }
}

/**
 * The events of a socket of its own, from the moment that the stream was opened. Reading is pulled: the stream reads up
 * to 256 events ahead of the loop, and all others wait in the kernel's buffer. If that is full, events are lost, and an
 * 'overrun' event is in their place. There are no events for flows that were created before anybody listened
 * (nf_conntrack_events=2, the default since Linux 5.19): dump after subscribing.
 *
 * Close the stream. If the program drops it, it is closed only when the runtime collects it, with a warning. Only a
 * pending `next` keeps the process alive.
 */
export class Events<E> implements AsyncIterableIterator<E | OverrunEvent> {
  readonly #queue: EventQueue<E>;

  /**
   * @internal
   * @param stack where it was opened
   */
  constructor(queue: EventQueue<E>, stack: string) {
    this.#queue = queue;
    whenDropped(this, 'An event stream', stack, () => {
      const { ended } = queue;
      queue.close();
      return !ended;
    });
  }

  /** The stream itself: a second loop goes on where the first one ended. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** True if nothing more will come than what is queued. */
  get ended(): boolean {
    return this.#queue.ended;
  }

  /**
   * The next event, or an `overrun` event where events were lost. Rejects with the error that ended the stream, once.
   */
  next(): Promise<IteratorResult<E | OverrunEvent>> {
    const event = this.#queue.shift();
    return event === undefined ? this.#wait() : Promise.resolve({ value: event, done: false });
  }

  /** Closes the stream: what `break` in a `for await` loop calls. */
  async return(): Promise<IteratorResult<E | OverrunEvent>> {
    this.close();
    return ITERATION_END;
  }

  /**
   * Leaves the groups. The stream still yields the events that have arrived by now, overruns included, and then ends.
   * Use it in a program that must end and wants to see all earlier events: `close` drops unread events. Idempotent, and
   * without effect on a stream that has ended.
   * @throws TransportError
   */
  drain(): void {
    this.#queue.drain();
  }

  /** Ends the stream and closes its socket. Unread events are dropped: see `drain`. Idempotent. */
  close(): void {
    notDropped(this);
    this.#queue.close();
  }

  /** `await using events = await ct.events()` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** While it waits, the queue reaches this by the promise. */
  async #wait(): Promise<IteratorResult<E | OverrunEvent>> {
    const event = await this.#queue.wait();
    if (event !== undefined) return { value: event, done: false };
    notDropped(this);
    return ITERATION_END;
  }
}

/** Joining is refused without CAP_NET_ADMIN like any request, so the same sentence explains it. */
export function joinGroup(transport: Transport, group: number): void {
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
