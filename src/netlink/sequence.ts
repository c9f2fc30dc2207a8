/**
 * The request-sequence tracker: every reply names its request by nlmsg_seq. A request is registered before it is sent;
 * replies go to its sink until an ACK, an error or a DONE ends it. Sequence 0 is what the kernel gives to events.
 *
 * **No answer can stay away.** The kernel queues an answer before sendmsg returns, and the queue is a queue. So a
 * request has lost its answer when the queue was read empty after it was sent (`drained`), when the answer to a later
 * one has been read, or when more was read than can have waited in front of it. A dump goes on inside of recvmsg: only
 * an empty queue says that it has lost its end.
 */
import { EBUSY, ENOBUFS } from '../uapi/errno.ts';
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_MIN_TYPE, NLMSG_OVERRUN } from '../uapi/netlink.ts';
import { type PendingBatch, PendingBatches } from './batch.ts';
import { DumpInterruptedError, type ExtendedAck, KernelError, lostAnswer, OverrunError } from './errors.ts';
import { align4, newNlmsghdr, type nlmsghdr, readNlmsghdr } from './nlmsg.ts';
import { readErrno, readExtendedAck } from './nlmsgerr.ts';
import type { Request } from './request.ts';
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
  /**
   * True: nobody waits for its events, so they do not keep the process alive. Call NetlinkSocket.reference() when it
   * changes.
   */
  readonly idle?: boolean;
  /** Events were lost; the stream goes on. */
  overrun(error: OverrunError): void;
  /**
   * Nothing more will come: the socket was closed (by `error`, if it was not the caller), or a replay is at its end.
   */
  end(error?: Error): void;
}

/** Gives the sentence that a KernelError carries: what an errno means for an operation, and what to do. */
export type Explain = (operation: string, errno: number, extack: ExtendedAck | undefined) => string | undefined;

/** One request on its way. */
export interface PendingRequest {
  readonly request: Pick<Request, 'kind' | 'subject'>;
  /** Something comes before its ACK: an ACK alone is no answer, and with that the ACK may be missing. */
  readonly replies?: boolean;
  /** Bytes of the receive buffer that its answer takes at the most; a dump's are not counted. */
  readonly charge?: number;
  /** Reached from here until it is settled. */
  readonly keep?: object;
  /**
   * Undefined: replies are dropped undecoded. The tracker takes it away when the request is settled but not yet
   * answered.
   */
  sink: ReplySink | undefined;
  /** Called exactly once; undefined is success. `replied`: its sink was given something. */
  settle(error: Error | undefined, replied: boolean): void;
}

interface Entry {
  readonly pending: PendingRequest;
  /** As its request says; here, because every datagram looks. */
  readonly dump: boolean;
  /** Grows from one that is sent to the next. */
  readonly order: number;
  /** Datagrams that had been read when it was sent. */
  readonly since: number;
  /** It reaches the kernel some time later: nothing is known of when, but by an empty queue. */
  later: boolean;
  settled: boolean;
  interrupted: boolean;
  replied: boolean;
}

/** The last sequence number there is. */
const LAST = 0xffffffff;
/** After so many datagrams, it looks for requests whose answer can no longer be in the queue. */
const LOOK = 1024;

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
  /** Datagrams that can wait in the receive buffer at the most. */
  queueLimit = Number.POSITIVE_INFINITY;
  /** The transport is such a queue, and says when it is empty. Others may answer in any order. */
  queues = false;
  readonly #explain: Explain | undefined;
  readonly #entries = new Map<number, Entry>();
  readonly #batches = new PendingBatches();
  readonly #header = newNlmsghdr();
  #sequence: number;
  #order = 0;
  #datagrams = 0;
  #charge = 0;
  #dump: Entry | undefined;
  /** A dump was given up whose end did not come: the kernel may believe that it is on its way. */
  #halted = false;
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

  /** Bytes of the receive buffer that the answers to all of them may take, without those of a dump. */
  get charge(): number {
    return this.#charge + this.#batches.charge;
  }

  /** Datagrams that have been read. */
  get datagrams(): number {
    return this.#datagrams;
  }

  /** A dump runs or is drained: the kernel would answer another with EBUSY. */
  get dumping(): boolean {
    return this.#dump !== undefined;
  }

  /** True when a datagram would be welcome to somebody. */
  get hungry(): boolean {
    return (this.events !== undefined && this.events.paused !== true) || this.#owesAnswers;
  }

  /** True when somebody waits for an answer or an event. */
  get awaited(): boolean {
    return (this.events !== undefined && this.events.idle !== true) || this.#owesAnswers;
  }

  /** An answer is to come that would be taken now. */
  get #owesAnswers(): boolean {
    if (this.#batches.messages > 0) return true;
    for (const { pending } of this.#entries.values()) if (pending.sink?.paused !== true) return true;
    return false;
  }

  /** A sequence number that no pending request has; never 0. */
  nextSequence(): number {
    do this.#sequence = this.#sequence >= LAST ? 1 : this.#sequence + 1;
    while (this.#isTaken(this.#sequence));
    return this.#sequence;
  }

  #isTaken(sequence: number): boolean {
    return this.#entries.has(sequence) || (this.#batches.messages > 0 && this.#batches.has(sequence));
  }

  /** To be called before the send. */
  register(sequence: number, pending: PendingRequest): void {
    const entry: Entry = {
      pending,
      dump: pending.request.kind.dump,
      order: ++this.#order,
      since: this.#datagrams,
      later: false,
      settled: false,
      interrupted: false,
      replied: false,
    };
    this.#entries.set(sequence, entry);
    if (entry.dump) this.#dump = entry;
    else this.#charge += pending.charge ?? 0;
  }

  /** It was sent, but reaches the kernel some time later. */
  sentLater(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry !== undefined) entry.later = true;
    else this.#batches.sentLater(sequence);
  }

  /** To be called before the send. Returns the sequence number of the first message; the others follow it. */
  registerBatch(batch: PendingBatch): number {
    const { count } = batch;
    // None is to be 0 or beyond 32 bits, nor one that a request has which is long on its way.
    let first = this.#sequence + 1;
    for (let number = first; number < first + count; number++) {
      if (number > LAST) number = 0;
      else if (!this.#isTaken(number)) continue;
      first = number + 1;
    }
    this.#sequence = first + count - 1;
    this.#batches.add(first, batch, ++this.#order, this.#datagrams);
    return first;
  }

  /** Forgets a batch that could not be sent. */
  unregisterBatch(batch: PendingBatch): void {
    this.#batches.remove(batch);
  }

  /** Forgets a request that could not be sent. */
  unregister(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry !== undefined) this.#remove(sequence, entry);
  }

  #remove(sequence: number, entry: Entry): void {
    this.#entries.delete(sequence);
    if (entry === this.#dump) this.#dump = undefined;
    else this.#charge -= entry.pending.charge ?? 0;
  }

  /** Settles a request whose replies are still to come: they are drained, undecoded. */
  abandon(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry !== undefined) this.#settle(entry, undefined);
  }

  /** When the last datagram was captured, in nanoseconds since the epoch; undefined of a kernel's. */
  time: bigint | undefined;

  /** The id of the network namespace that the last datagram is from; undefined for that of the socket. */
  nsid: number | undefined;

  /** Gives every message of a datagram to whom it belongs. */
  dispatch(datagram: Datagram): void {
    this.#datagrams++;
    this.time = datagram.time;
    this.nsid = datagram.nsid;
    if (this.#datagrams % LOOK === 0) this.#loseOlder(this.#datagrams - this.queueLimit);
    if (datagram.sender !== 0) {
      this.counts.foreign++;
      return;
    }
    if (datagram.truncated) {
      this.counts.truncated++;
      // The part of a dump that was in it does not come again.
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
        // Nobody knows whose message this is. Whole datagrams of the kernel have no such defect; a cut one was reported
        // above.
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

  /** The transport has no answer to this request, or no more of it. */
  fail(sequence: number, error: Error): void {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) {
      this.#batches.answer(sequence, () => error);
      return;
    }
    this.#remove(sequence, entry);
    this.#settle(entry, error);
  }

  /** Messages were lost and nobody knows whose: every pending request is rejected, and the event stream reports it. */
  overrun(error: OverrunError): void {
    this.#settleAll(error);
    this.events?.overrun(error);
  }

  /**
   * Messages were lost, and what is queued comes yet: it may answer what waits, and the rest has lost its answer when
   * the queue is empty. Only for a batch nobody knows whether a refusal is missing. The event stream reports it.
   */
  doubt(error: OverrunError): void {
    this.#batches.doubt();
    this.events?.overrun(error);
  }

  /** The queue was read empty, and all that was sent had reached the kernel before: what has no answer gets none. */
  drained(): void {
    // A copy: what is settled may make a request at once, which has lost nothing.
    if (this.#entries.size > 0) for (const [sequence, entry] of [...this.#entries]) this.#lose(sequence, entry);
    this.#batches.loseAll();
  }

  /** The answer to a request was read: those that were sent before it would have come before it. */
  #loseBefore(order: number): void {
    if (!this.queues) return;
    for (const [sequence, entry] of this.#entries) {
      if (entry.order >= order) break;
      if (!entry.dump && !entry.later) this.#lose(sequence, entry);
    }
    this.#batches.loseIf((batch) => batch.order < order && !batch.later);
  }

  /** More was read than can have waited in front of the answers to those that were sent before that datagram. */
  #loseOlder(datagram: number): void {
    for (const [sequence, entry] of this.#entries)
      if (entry.since < datagram && !entry.dump && !entry.later) this.#lose(sequence, entry);
    this.#batches.loseIf((batch) => batch.since < datagram && !batch.later);
  }

  #lose(sequence: number, entry: Entry): void {
    this.#remove(sequence, entry);
    const { replies = false, request } = entry.pending;
    if (entry.dump) this.#halted = true;
    this.#settle(entry, replies && entry.replied ? undefined : lostAnswer(request.kind.name, request.kind.repeatable));
  }

  /** The socket is gone: rejects everything that is pending and ends the event stream. */
  close(error: Error, eventError: Error | undefined): void {
    this.#closed = true;
    this.#settleAll(error);
    this.#forgetAll();
    this.endEvents(eventError);
  }

  /**
   * Nothing more will come, though the socket is not closed: ends the event stream and rejects who still waits for an
   * answer.
   */
  end(error: Error): void {
    this.#settleAll(error);
    this.#forgetAll();
    this.endEvents();
  }

  #forgetAll(): void {
    this.#entries.clear();
    this.#dump = undefined;
    this.#charge = 0;
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
        entry.replied = true;
        const { sink } = entry.pending;
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
      } else if (sequence === 0 || !this.#batches.reply(sequence, view, offset, end)) {
        this.counts.strays++;
      }
    } else if (header.nlmsg_type === NLMSG_ERROR || header.nlmsg_type === NLMSG_DONE) {
      if (entry !== undefined) this.#finish(sequence, entry, view, offset, end);
      else this.#answerBatch(sequence, view, offset, end);
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
    const { replies = false, request } = entry.pending;
    const { name: operation, repeatable } = request.kind;
    const { dump } = entry;
    let error = this.#outcome(operation, request, view, offset, end, repeatable);
    if (dump) {
      // Its first datagram did not fit. It goes on when something else is read, and only an empty queue says that it
      // does not.
      if (error instanceof OverrunError && this.queues) return;
      // The one before it, which was given up, is still on its way: so is its end, behind this.
      if (this.#halted && error instanceof KernelError && error.errno === EBUSY)
        error = lostAnswer(operation, repeatable);
      else this.#halted = false;
    } else if (error === undefined && replies && !entry.replied) {
      // An ACK says that the kernel did it; the reply in front of it did not fit.
      error = lostAnswer(operation, repeatable);
    }
    if (error === undefined && entry.interrupted) error = new DumpInterruptedError(operation);
    this.#remove(sequence, entry);
    this.#settle(entry, error);
    if (!dump) this.#loseBefore(entry.order);
  }

  #answerBatch(sequence: number, view: DataView, offset: number, end: number): void {
    const answered = this.#batches.answer(sequence, (batch, index) =>
      this.#outcome(batch.operation, { subject: () => batch.subject?.(index) }, view, offset, end, false),
    );
    if (answered === undefined) this.counts.strays++;
    else this.#loseBefore(answered.order);
  }

  /** What an NLMSG_ERROR or NLMSG_DONE says; undefined for an ACK. */
  #outcome(
    operation: string,
    request: Pick<Request, 'subject'>,
    view: DataView,
    offset: number,
    end: number,
    repeatable: boolean,
  ): Error | undefined {
    const { nlmsg_type, nlmsg_flags, nlmsg_seq } = this.#header;
    const done = nlmsg_type === NLMSG_DONE;
    try {
      const errno = readErrno(view, offset, end, done);
      if (errno === 0) return undefined;
      // What it would have answered did not fit the receive buffer, or a part of it: that refuses nothing.
      if (errno === ENOBUFS) return lostAnswer(operation, repeatable);
      const extack = readExtendedAck(view, offset, end, nlmsg_flags, done);
      const explanation = this.#explain?.(operation, errno, extack);
      return new KernelError(errno, {
        operation,
        sequence: nlmsg_seq,
        subject: request.subject(),
        extack,
        explanation,
      });
    } catch (error) {
      return error as Error;
    }
  }

  #settle(entry: Entry, error: Error | undefined): void {
    if (entry.settled) return;
    entry.settled = true;
    const { pending } = entry;
    pending.sink = undefined;
    pending.settle(error, entry.replied);
  }

  #settleAll(error: Error): void {
    for (const [sequence, entry] of [...this.#entries]) {
      // After a loss an ACK may never come: only a dump is sure to be carried to its DONE, so only a dump is still
      // waited for.
      if (!entry.dump) this.#remove(sequence, entry);
      this.#settle(entry, error);
    }
    this.#batches.settleAll(error);
  }
}
