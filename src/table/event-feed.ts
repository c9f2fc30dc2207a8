/** The socket that events come to: raw messages, without an object for any of them. */

import { joinGroup } from '../conntrack/events.ts';
import type { EventType } from '../ctnetlink/event.ts';
import { explainKernelError } from '../ctnetlink/explain.ts';
import { eventTypeOf, FLOW_GROUPS } from '../ctnetlink/message.ts';
import { ClosedError, type OverrunError } from '../netlink/errors.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { turnOfLoop } from '../netlink/runtime.ts';
import type { EventSink } from '../netlink/sequence.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { Transport } from '../netlink/transport.ts';
import { A_TURN_OF_READING } from './turn.ts';

export interface Listener {
  /** Somebody waits for what events bring: only then do they keep the process alive. */
  readonly waiting: boolean;
  event(type: EventType, view: DataView, offset: number, end: number): void;
  /** @param count exactly so many; undefined: nobody knows */
  lost(count: number | undefined): void;
  /** Nothing more comes. */
  ended(error: Error | undefined): void;
}

export class EventFeed implements EventSink {
  readonly #transport: Transport;
  readonly #socket: NetlinkSocket;
  readonly #listener: Listener;
  #datagrams = 0;
  #ended = false;
  #error: Error | undefined;

  /** @throws KernelError, UnsupportedError, TransportError; the transport is closed then */
  constructor(transport: Transport, types: readonly EventType[], listener: Listener) {
    this.#transport = transport;
    this.#listener = listener;
    this.#socket = new NetlinkSocket(transport, explainKernelError, A_TURN_OF_READING);
    try {
      for (const type of types) joinGroup(transport, FLOW_GROUPS[type]);
      this.#socket.setEventSink(this);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get idle(): boolean {
    return !this.#listener.waiting;
  }

  message(header: nlmsghdr, view: DataView, offset: number, end: number): void {
    const type = eventTypeOf(header);
    if (type !== undefined) this.#listener.event(type, view, offset, end);
  }

  datagramEnd(): void {
    this.#datagrams++;
  }

  overrun(error: OverrunError): void {
    this.#listener.lost(error.lost);
  }

  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#listener.ended(error);
  }

  /** @throws what ended it */
  assertOpen(): void {
    if (this.#ended) throw this.#error ?? new ClosedError('the events ended');
  }

  /** @throws TransportError if somebody else has closed its descriptor */
  check(): void {
    this.#transport.check?.();
  }

  /** Takes what has arrived, as far as this turn of the event loop has time for it. */
  read(): void {
    this.#socket.read();
  }

  /** To be called when `waiting` changes. */
  reference(): void {
    this.#socket.reference();
  }

  /** Resolves when every event has been read that had arrived by now, or the socket is gone. */
  async drained(): Promise<void> {
    const until = this.#datagrams + (this.#transport.queueLimit ?? Number.POSITIVE_INFINITY);
    for (let turn = 0; !this.#ended; turn++) {
      // What the transport reports about an earlier read is old.
      const empty = this.#socket.read();
      const { drained } = this.#transport;
      // What cannot be known is that of the addon, and of captures: they give what they have when they are read.
      if (empty && (drained ?? turn > 0)) return;
      if (this.#datagrams >= until) return;
      await turnOfLoop();
    }
  }

  close(): void {
    this.#ended = true;
    this.#socket.close();
  }
}
