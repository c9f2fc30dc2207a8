/** struct nfct_handle: one socket, the callbacks, and what arrives between them. */

import type { Expectation } from '../ctnetlink/expectation.ts';
import { explainKernelError } from '../ctnetlink/explain.ts';
import type { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeExpectation, decodeFlow, eventTypeOf, expectationEventTypeOf } from '../ctnetlink/message.ts';
import { MESSAGE_TYPES } from '../format/flags.ts';
import { viewOf } from '../netlink/byteorder.ts';
import { ClosedError, OverrunError, TransportError, throwHere, UnsupportedError } from '../netlink/errors.ts';
import { type FilteringTransport, filtering } from '../netlink/filtering.ts';
import { notDropped, stackOf, whenDropped } from '../netlink/lease.ts';
import { newNlmsghdr, type nlmsghdr, readNlmsghdr } from '../netlink/nlmsg.ts';
import { Queue } from '../netlink/queue.ts';
import { bytesOf } from '../netlink/request.ts';
import type { EventSink, ReplySink } from '../netlink/sequence.ts';
import { NetlinkSocket, type RequestHandle } from '../netlink/socket.ts';
import type { Transport } from '../netlink/transport.ts';
import { NFCT_CB_CONTINUE, NFCT_CB_FAILURE } from '../uapi/libnetfilter_conntrack.ts';
import { Registrations } from './registrations.ts';
import type { Query } from './request.ts';
import { isLast } from './verdict.ts';

interface Waiting {
  resolve(verdict: number): void;
  reject(error: unknown): void;
}

/** What came while nobody waited: a message, or how a request that was sent ended (without an error: well). */
type Arrival = { message: Uint8Array; filter: CompiledFilter | undefined } | { error: unknown };

/**
 * The kernel goes on with a dump when a datagram of it is taken. One that the filter drops never is: all waits for ever
 * (Linux 6.18).
 */
const NO_DUMP_UNDER_FILTER =
  'a dump and a filter cannot be on one handle: the dump would never end. Use another handle, or nfct_filter_detach';

/**
 * What is behind an NfctHandle. While a query or a catch waits, all messages that arrive go to the callback, as in C.
 * While none waits, the socket is not read: the kernel's buffer is the only queue.
 */
export class Handle {
  readonly conntrack = new Registrations<Flow>();
  readonly expect = new Registrations<Expectation>();
  readonly #transport: FilteringTransport;
  readonly #socket: NetlinkSocket;
  readonly #subscribed: boolean;
  /** Queries that wait for their answer. */
  #queries = 0;
  readonly #catches = new Queue<Waiting>();
  readonly #arrivals: Arrivals;
  readonly #events: EventSink;
  #filtered = false;

  constructor(transport: Transport, subscribed: boolean) {
    const socket = new NetlinkSocket(filtering(transport), explainKernelError);
    const arrivals = new Arrivals();
    this.#transport = socket.transport as FilteringTransport;
    this.#socket = socket;
    this.#subscribed = subscribed;
    this.#arrivals = arrivals;
    this.#events = Object.assign(arrivals.sink(), {
      // Without groups, none of what was lost was an event.
      overrun: (error: OverrunError) => {
        if (subscribed) arrivals.outcome(error);
      },
      end: (error?: Error) =>
        arrivals.end(error ?? new ClosedError('the replay is at its end: there are no more messages')),
    });
    if (subscribed) socket.setEventSink(this.#events);
    whenDropped(this, 'A handle of nfct_open()', stackOf(), () => {
      const working = !socket.closed && (subscribed || socket.pending > 0);
      socket.close();
      return working;
    });
  }

  /** @param query makes the request, for a kernel of this release */
  async query(query: (release: string | undefined) => Query): Promise<number> {
    const { request: asked, filter } = this.#prepare(query);
    let verdict = NFCT_CB_CONTINUE;
    let request: RequestHandle | undefined;
    const sink: ReplySink = {
      message: (header, view, offset, end) => {
        // A transport that answers inside `start` may give more before there is something to stop.
        if (isLast(verdict)) return;
        verdict = this.deliver(header, view, offset, end, filter);
        if (isLast(verdict)) request?.stop();
      },
    };
    let waits = true;
    const settled = (): void => {
      if (waits) this.#queries--;
      waits = false;
      this.#attend();
    };
    this.#queries++;
    this.#attend();
    request = this.#socket.start(asked, { filtered: this.#filtered, sink, settled });
    if (isLast(verdict)) request.stop();
    try {
      await request.done;
    } catch (error) {
      throwHere(error);
    } finally {
      // Not yet when nothing could be sent.
      settled();
    }
    return verdict === NFCT_CB_FAILURE ? NFCT_CB_FAILURE : 0;
  }

  /** @param query makes the request, for a kernel of this release */
  async send(query: (release: string | undefined) => Query): Promise<number> {
    const { request: asked, filter } = this.#prepare(query);
    const { length } = bytesOf(asked);
    const arrivals = this.#arrivals;
    let sending = true;
    let failure: unknown;
    const request = this.#socket.start(asked, {
      filtered: this.#filtered,
      sink: arrivals.sink(filter),
      settled: (error) => {
        if (sending && error instanceof TransportError) failure = error;
        else arrivals.outcome(error);
      },
    });
    sending = false;
    // `settled` reports it.
    request.done.catch(() => {});
    if (failure !== undefined) throw failure;
    return length;
  }

  catch(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#catches.push({ resolve, reject });
      this.#attend();
      try {
        this.#takeBacklog();
        if (this.#catches.length === 0) return;
        // Also without groups, to hear that nothing will come.
        this.#socket.setEventSink(this.#events);
        this.#socket.read();
      } catch (error) {
        this.end(error as Error);
      }
    });
  }

  /** @param program of a socket filter; undefined takes it away */
  attachFilter(program: Uint8Array | undefined): void {
    this.#socket.assertOpen();
    if (program !== undefined && this.#socket.dumping) throw new UnsupportedError(NO_DUMP_UNDER_FILTER);
    this.#transport.attachFilter(program);
    this.#filtered = program !== undefined;
  }

  close(): void {
    notDropped(this);
    this.end(new ClosedError());
    this.#socket.close();
  }

  #prepare(query: (release: string | undefined) => Query): Query {
    this.#socket.assertOpen();
    const asked = query(this.#socket.transport.release);
    if (asked.request.kind.dump && this.#filtered) throw new UnsupportedError(NO_DUMP_UNDER_FILTER);
    return asked;
  }

  /** Whoever waits is reached from the socket, and so is its handle; a handle that nobody waits on is not. */
  #attend(): void {
    this.#arrivals.attendant = this.#queries > 0 || this.#catches.length > 0 ? this : undefined;
  }

  /** Delivers a message that no query waits for; its verdict is that of the catch. True: it ended one. */
  take(header: nlmsghdr, view: DataView, offset: number, end: number, filter?: CompiledFilter): boolean {
    try {
      const verdict = this.deliver(header, view, offset, end, filter);
      if (!isLast(verdict)) return false;
      const waiting = this.#next();
      waiting?.resolve(verdict);
      return waiting !== undefined;
    } catch (error) {
      // What a callback throws ends the catch, not the events.
      this.settle({ error });
      return true;
    }
  }

  /** Gives a message to the callback that is registered for such, and returns the verdict. */
  deliver(header: nlmsghdr, view: DataView, offset: number, end: number, filter?: CompiledFilter): number {
    let event = eventTypeOf(header);
    if (event !== undefined) {
      const type = MESSAGE_TYPES[event];
      if (!this.conntrack.wants(type)) return NFCT_CB_CONTINUE;
      const ct = decodeFlow(view, offset, end);
      return filter?.matches(ct) === false ? NFCT_CB_CONTINUE : this.conntrack.call(header, type, ct);
    }
    event = expectationEventTypeOf(header);
    if (event === undefined || !this.expect.wants(MESSAGE_TYPES[event])) return NFCT_CB_CONTINUE;
    return this.expect.call(header, MESSAGE_TYPES[event], decodeExpectation(view, offset, end));
  }

  /** Ends the catch that waits longest, or keeps the outcome for the next. */
  settle(outcome: { error: unknown }): void {
    const waiting = this.#next();
    if (waiting === undefined) this.#arrivals.backlog.push(outcome);
    else if (outcome.error === undefined) waiting.resolve(0);
    else waiting.reject(outcome.error);
  }

  /** The catch that waits longest. */
  #next(): Waiting | undefined {
    const waiting = this.#catches.shift();
    this.#attend();
    // An event sink keeps the process alive.
    if (this.#catches.length === 0 && !this.#subscribed && !this.#socket.closed) this.#socket.setEventSink(undefined);
    return waiting;
  }

  #takeBacklog(): void {
    const header = newNlmsghdr();
    const { backlog } = this.#arrivals;
    while (this.#catches.length > 0 && backlog.length > 0) {
      const arrival = backlog.shift()!;
      if ('message' in arrival) {
        const view = viewOf(arrival.message);
        this.take(header, view, 0, readNlmsghdr(view, 0, view.byteLength, header), arrival.filter);
      } else {
        this.settle(arrival);
      }
    }
  }

  /** Rejects the catches that wait. */
  end(error: Error): void {
    for (const waiting of this.#catches.clear()) waiting.reject(error);
    this.#attend();
  }
}

/** What comes for a handle: the socket reaches this, and the handle only while somebody waits on it. */
class Arrivals {
  /** The handle, while a query or a catch waits. */
  attendant: Handle | undefined;
  /** For the next catch. */
  readonly backlog = new Queue<Arrival>();
  #overrun: OverrunError | undefined;

  /** Takes replies of a request that was sent, or events, for whoever waits. */
  sink(filter?: CompiledFilter): ReplySink {
    const arrivals = this;
    // As in C, what follows in a datagram after a callback said STOP or FAILURE is lost.
    let skipping = false;
    return {
      get paused() {
        return arrivals.attendant === undefined;
      },
      message(header, view, offset, end) {
        if (skipping) return;
        const { attendant } = arrivals;
        if (attendant !== undefined) skipping = attendant.take(header, view, offset, end, filter);
        else arrivals.backlog.push({ message: copyOf(view, offset, end), filter });
      },
      datagramEnd() {
        skipping = false;
      },
    };
  }

  /** How a request that was sent ended, or that events were lost. */
  outcome(error: unknown): void {
    // If nobody knows whose messages were lost, every request and the events report it: it happened once.
    if (error instanceof OverrunError && error.operation === undefined) {
      if (error === this.#overrun) return;
      this.#overrun = error;
    }
    if (this.attendant === undefined) this.backlog.push({ error });
    else this.attendant.settle({ error });
  }

  end(error: Error): void {
    this.attendant?.end(error);
  }
}

function copyOf(view: DataView, offset: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice();
}
