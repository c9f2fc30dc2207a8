/**
 * The request-sequence tracker: every reply names its request by nlmsg_seq. A request is registered before it is sent; replies go
 * to its sink until an ACK, an error or a DONE ends it. Sequence 0 is what the kernel gives to events.
 */
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_MIN_TYPE, NLMSG_OVERRUN } from '../uapi/netlink.ts';
import { type PendingBatch, PendingBatches } from './batch.ts';
import { DumpInterruptedError, type ExtendedAck, KernelError, OverrunError } from './errors.ts';
import { align4, newNlmsghdr, type nlmsghdr, readNlmsghdr } from './nlmsg.ts';
import { readErrno, readExtendedAck } from './nlmsgerr.ts';
import type { Datagram } from './transport.ts';

/** Takes the data messages of one request. What it throws rejects the request; the rest of the reply is drained. */
export interface ReplySink {
  /** True: does not want more now. When all that is pending on a socket is paused, the socket is not read. */
  readonly paused?: boolean;
  /** One message, from its nlmsghdr at `offset` to `end`. `header` and `view` are used again: copy what must stay. */
  message(header: nlmsghdr, view: DataView, offset: number, end: number): void;
  /** All messages for this sink in the datagram have been given: the time to hand on what they held. */
  datagramEnd?(): void;
}

/** Takes what answers no request. What `message` throws ends the stream with that error. */
export interface EventSink extends ReplySink {
  /** Events were lost; the stream goes on. */
  overrun(error: OverrunError): void;
  /** Nothing more will come: the socket was closed (by `error`, if it was not the caller), or a replay is at its end. */
  end(error?: Error): void;
}

/** Gives the sentence that a KernelError carries: what an errno means for an operation, and what to do. */
export type Explain = (operation: string, errno: number, extack: ExtendedAck | undefined) => string | undefined;

/** One request on its way. */
export interface PendingRequest {
  readonly operation: string;
  readonly dump: boolean;
  /** Undefined: replies are dropped undecoded. The tracker takes it away when the request is settled but not yet answered. */
  sink: ReplySink | undefined;
  /** Called exactly once; undefined is success. */
  settle(error: Error | undefined): void;
}

interface Entry {
  request: PendingRequest;
  settled: boolean;
  interrupted: boolean;
}

/** What a tracker saw that belongs to no request. */
export interface TrackerCounts {
  /** Replies with an unknown sequence number, and events that nobody listens to. */
  strays: number;
  /** Datagrams from a process other than the kernel. */
  foreign: number;
  /** Datagrams that were longer than the read buffer. */
  truncated: number;
}

export class SequenceTracker {
  readonly counts: TrackerCounts = { strays: 0, foreign: 0, truncated: 0 };
  events: EventSink | undefined;
  readonly #explain: Explain | undefined;
  readonly #entries = new Map<number, Entry>();
  readonly #batches = new PendingBatches();
  readonly #header = newNlmsghdr();
  #sequence: number;
  #dump: Entry | undefined;
  #closed = false;
  #touched: ReplySink | undefined;

  /** @param sequence the number before the first: sockets recorded together are told apart by where each starts */
  constructor(explain?: Explain, sequence = 0) {
    this.#explain = explain;
    this.#sequence = sequence;
  }

  /** How many requests wait for their end, drained ones included; of a batch each message. */
  get pending(): number {
    return this.#entries.size + this.#batches.messages;
  }

  /** A dump runs or is drained: the kernel would answer another with EBUSY. */
  get dumping(): boolean {
    return this.#dump !== undefined;
  }

  /** True when a datagram would be welcome to somebody. */
  get hungry(): boolean {
    if (this.events !== undefined && this.events.paused !== true) return true;
    if (this.#batches.messages > 0) return true;
    for (const { request } of this.#entries.values()) if (request.sink?.paused !== true) return true;
    return false;
  }

  /** A sequence number that no pending request has; never 0. */
  nextSequence(): number {
    do this.#sequence = this.#sequence === 0xffffffff ? 1 : this.#sequence + 1;
    while (this.#entries.has(this.#sequence));
    return this.#sequence;
  }

  /** To be called before the send. */
  register(sequence: number, request: PendingRequest): void {
    const entry: Entry = { request, settled: false, interrupted: false };
    this.#entries.set(sequence, entry);
    if (request.dump) this.#dump = entry;
  }

  /** To be called before the send. Returns the sequence number of the first message; the others follow it. */
  registerBatch(batch: PendingBatch): number {
    const { count } = batch;
    // None is to be 0, nor one that a request has which is long on its way.
    if (this.#sequence > 0xffffffff - count) this.#sequence = 0;
    for (let number = this.#sequence + 1; number <= this.#sequence + count; number++)
      if (this.#entries.has(number)) this.#sequence = number;
    const first = this.#sequence + 1;
    this.#sequence += count;
    this.#batches.add(first, batch);
    return first;
  }

  /** Forgets a batch that could not be sent. */
  unregisterBatch(batch: PendingBatch): void {
    this.#batches.remove(batch);
  }

  /** Forgets a request that could not be sent. */
  unregister(sequence: number): void {
    const entry = this.#entries.get(sequence);
    this.#entries.delete(sequence);
    if (entry === this.#dump) this.#dump = undefined;
  }

  /** Settles a request whose replies are still to come: they are drained, undecoded. */
  abandon(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry !== undefined) this.#settle(entry, undefined);
  }

  /** Gives every message of a datagram to whom it belongs. */
  dispatch(datagram: Datagram): void {
    if (datagram.sender !== 0) {
      this.counts.foreign++;
      return;
    }
    if (datagram.truncated) {
      this.counts.truncated++;
      this.overrun(new OverrunError('a datagram was longer than the read buffer and was cut (MSG_TRUNC)'));
    }
    const { view } = datagram;
    const header = this.#header;
    const length = view.byteLength;
    for (let offset = 0; offset < length; ) {
      let end: number;
      try {
        end = readNlmsghdr(view, offset, length, header);
      } catch (error) {
        // Nobody can tell whose message this is. Whole datagrams of the kernel have no such defect; a cut one was reported above.
        if (!datagram.truncated) {
          this.#settleAll(error as Error);
          this.endEvents(error as Error);
        }
        break;
      }
      this.#message(view, offset, end);
      if (this.#closed) return;
      offset = align4(end);
    }
    this.#touch(undefined);
  }

  /** Messages were lost and nobody can tell whose: every request that waits is rejected, the event stream is told. */
  overrun(error: OverrunError): void {
    this.#settleAll(error);
    this.events?.overrun(error);
  }

  /** The socket is gone: rejects everything that is pending and ends the event stream. */
  close(error: Error, eventError: Error | undefined): void {
    this.#closed = true;
    this.#settleAll(error);
    this.#entries.clear();
    this.#dump = undefined;
    this.endEvents(eventError);
  }

  /** Nothing more will come, though the socket is not closed: ends the event stream and rejects who still waits for an answer. */
  end(error: Error): void {
    this.#settleAll(error);
    this.#entries.clear();
    this.#dump = undefined;
    this.endEvents();
  }

  /** Ends the event stream and forgets its sink. */
  endEvents(error?: Error): void {
    const { events } = this;
    this.events = undefined;
    events?.end(error);
  }

  #message(view: DataView, offset: number, end: number): void {
    const header = this.#header;
    const sequence = header.nlmsg_seq;
    const entry = sequence === 0 ? undefined : this.#entries.get(sequence);
    if (header.nlmsg_type >= NLMSG_MIN_TYPE) {
      if (entry !== undefined) {
        if ((header.nlmsg_flags & NLM_F_DUMP_INTR) !== 0) entry.interrupted = true;
        const { sink } = entry.request;
        if (sink === undefined) return;
        this.#touch(sink);
        try {
          sink.message(header, view, offset, end);
        } catch (error) {
          this.#settle(entry, error as Error);
        }
      } else if (sequence === 0 && this.events !== undefined) {
        this.#touch(this.events);
        try {
          this.events.message(header, view, offset, end);
        } catch (error) {
          this.endEvents(error as Error);
        }
      } else {
        this.counts.strays++;
      }
    } else if (header.nlmsg_type === NLMSG_ERROR || header.nlmsg_type === NLMSG_DONE) {
      if (entry !== undefined) this.#finish(sequence, entry, view, offset, end);
      else if (!this.#batches.answer(sequence, (operation) => this.#outcome(operation, view, offset, end)))
        this.counts.strays++;
    } else if (header.nlmsg_type === NLMSG_OVERRUN) {
      this.overrun(new OverrunError('the kernel says that data was lost (NLMSG_OVERRUN)'));
    }
    // NLMSG_NOOP and the reserved types below NLMSG_MIN_TYPE say nothing.
  }

  /** The sink that now takes messages; the one before has all of its own. */
  #touch(sink: ReplySink | undefined): void {
    const before = this.#touched;
    if (sink === before) return;
    this.#touched = sink;
    before?.datagramEnd?.();
  }

  #finish(sequence: number, entry: Entry, view: DataView, offset: number, end: number): void {
    if ((this.#header.nlmsg_flags & NLM_F_DUMP_INTR) !== 0) entry.interrupted = true;
    const { operation } = entry.request;
    let error = this.#outcome(operation, view, offset, end);
    if (error === undefined && entry.interrupted) error = new DumpInterruptedError(operation);
    this.#entries.delete(sequence);
    if (entry === this.#dump) this.#dump = undefined;
    this.#settle(entry, error);
  }

  /** What an NLMSG_ERROR or NLMSG_DONE says; undefined for an ACK. */
  #outcome(operation: string, view: DataView, offset: number, end: number): Error | undefined {
    const { nlmsg_type, nlmsg_flags, nlmsg_seq } = this.#header;
    const done = nlmsg_type === NLMSG_DONE;
    try {
      const errno = readErrno(view, offset, end, done);
      if (errno === 0) return undefined;
      const extack = readExtendedAck(view, offset, end, nlmsg_flags, done);
      const explanation = this.#explain?.(operation, errno, extack);
      return new KernelError(errno, { operation, sequence: nlmsg_seq, extack, explanation });
    } catch (error) {
      return error as Error;
    }
  }

  #settle(entry: Entry, error: Error | undefined): void {
    if (entry.settled) return;
    entry.settled = true;
    const { request } = entry;
    request.sink = undefined;
    request.settle(error);
  }

  #settleAll(error: Error): void {
    for (const [sequence, entry] of this.#entries) {
      // After a loss an ACK may never come: only a dump is sure to be carried to its DONE, so only a dump is still waited for.
      if (!entry.request.dump) this.#entries.delete(sequence);
      this.#settle(entry, error);
    }
    this.#batches.settleAll(error);
  }
}
