import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_NOOP } from '../uapi/netlink.ts';
import { unwatch, watch } from './aborts.ts';
import { type Batch, type PendingBatch, stampBatch, type TakeReply } from './batch.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from './byteorder.ts';
import { ACK_CHARGE, REPLY_CHARGE } from './charges.ts';
import { noteClosed } from './closings.ts';
import { ClosedError, OverrunError, RequestError } from './errors.ts';
import { Queue } from './queue.ts';
import { operation, type Request } from './request.ts';
import { runtime } from './runtime.ts';
import { type EventSink, type Explain, type ReplySink, SequenceTracker, type TrackerCounts } from './sequence.ts';
import type { Transport } from './transport.ts';
import { Writer } from './writer.ts';

/** A long dump yields to the event loop this often: timers of the program stay within it plus one datagram. */
const A_TURN = 8;

/** How often a request that changes nothing is made again when its answer was lost. */
const REPEATS = 3;

/** How one request is made. */
export interface RequestOptions {
  /** Undefined: replies are dropped undecoded. */
  sink?: ReplySink | undefined;
  /** Rejects with the signal's own reason; what the kernel still answers is drained. */
  signal?: AbortSignal | undefined;
  /** A socket filter may drop what comes before the ACK: the ACK alone is an answer. Default: false. */
  filtered?: boolean | undefined;
  /** Called once, before `done` settles and before the next message is read; undefined is success. */
  settled?: ((error: unknown) => void) | undefined;
}

/** A request that was started. */
export interface RequestHandle {
  /** Resolves with the ACK or DONE; rejects with the error that the kernel answered, or with what ended the request. */
  readonly done: Promise<void>;
  /** Stops the request: `done` resolves at once, and what the kernel still answers is drained. */
  stop(): void;
}

interface Queued {
  /** Bytes of the receive buffer that its answers may take. */
  charge: number;
  start(): void;
  reject(error: Error): void;
}

/**
 * A netlink socket over a transport. It sends requests, finds the request that each answer belongs to, and gives
 * replies and events to their sinks. One read loop serves all of them.
 */
export class NetlinkSocket {
  /** What carries the messages. */
  readonly transport: Transport;
  readonly #tracker: SequenceTracker;
  /** Milliseconds that it reads in a turn of the event loop. */
  readonly #longest: number;
  readonly #writer = new Writer();
  readonly #queuedDumps = new Queue<Queued>();
  /** Requests beyond the transport's window. */
  readonly #queuedOthers = new Queue<Queued>();
  #closed: ClosedError | undefined;
  #reading = false;
  #referenced = true;
  /** The receive buffer overran: what is sent before the queue was read empty may not be answered. */
  #congested = false;
  /** Datagrams that had been read by then. */
  #congestedAt = 0;
  /** When this turn of the event loop began to read; 0: not yet in this turn. */
  #turnStart = 0;
  /** The turn ended with more to read. */
  #resume = false;
  /** This reading is what goes on with an earlier turn. */
  #resuming = false;
  /** The groups were left: the event stream ends when the queue has been read empty. */
  #draining = false;

  /** @param longest milliseconds that it reads in a turn of the event loop at the most, plus one datagram */
  constructor(transport: Transport, explain?: Explain, longest: number = A_TURN) {
    this.transport = transport;
    this.#longest = longest;
    this.#tracker = new SequenceTracker(explain, Math.floor(runtime.random() * 0x7fffffff));
    this.#tracker.queues = transport.drained !== undefined;
    if (transport.queueLimit !== undefined) this.#tracker.queueLimit = transport.queueLimit;
    transport.start({
      readable: () => void this.read(),
      failed: (error) => this.#close(new ClosedError(`the socket failed: ${error.message}`, { cause: error }), error),
    });
    this.reference();
  }

  /** It was closed, by the program or because the transport failed. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** What arrived and belonged to no request. */
  get counts(): Readonly<TrackerCounts> {
    return this.#tracker.counts;
  }

  /**
   * When the datagram that was read last was captured, in nanoseconds since the epoch; undefined where a kernel
   * answers.
   */
  get time(): bigint | undefined {
    return this.#tracker.time;
  }

  /** The id of the network namespace that the last datagram is from; undefined for that of the socket. */
  get nsid(): number | undefined {
    return this.#tracker.nsid;
  }

  /** Requests that wait for their answer, queued ones included. */
  get pending(): number {
    return this.#tracker.pending + this.#queued;
  }

  /** A dump is on its way, waits for its turn, or is drained. */
  get dumping(): boolean {
    return this.#tracker.dumping || this.#queuedDumps.length > 0;
  }

  /**
   * Sends a request and resolves at its ACK or DONE. Rejects with the error of the kernel, of the sink or of
   * writing the request, or with the reason of the signal.
   */
  request(request: Request, options: RequestOptions = {}): Promise<void> {
    return this.start(request, options).done;
  }

  /**
   * Starts a request as `request` does, with a way to stop it early. @param keep is reachable from the socket until the
   * request is settled
   */
  start(request: Request, options: RequestOptions = {}, keep?: object): RequestHandle {
    let stop = (): void => {};
    const done = new Promise<void>((resolve, reject) => {
      stop = this.#start(request, options, keep, resolve, reject);
    });
    return { done, stop };
  }

  /**
   * Sends a batch and resolves when all of it has been answered for. It is taken at once, so that the batch may be
   * filled again.
   * @param subject what a message is about, for the error when it is refused
   * @param keep is reachable from the socket until the batch is settled
   * @param take takes what comes before the answers of requests that ask for something. Whoever gives it sees what did
   * not come
   * @throws TransportError, ClosedError, OverrunError: nobody knows what became of its messages
   */
  sendBatch(
    batch: Batch,
    failed: (index: number, error: Error) => void,
    subject?: (index: number) => string | undefined,
    keep?: object,
    take?: TakeReply,
  ): Promise<void> {
    this.assertOpen();
    const { operation, count, takesLong } = batch;
    const each = chargeOf(take !== undefined);
    const charge = count * each;
    return new Promise((resolve, reject) => {
      const settle = (error: Error | undefined): void => (error === undefined ? resolve() : reject(error));
      const pending: PendingBatch = { operation, count, charge: each, keep, subject, take, failed, settle };
      const send = (bytes: Uint8Array): void => {
        const first = this.#tracker.registerBatch(pending);
        stampBatch(bytes, first, count);
        this.#transmit(bytes, takesLong, first, (error) => {
          this.#tracker.unregisterBatch(pending);
          reject(error);
        });
      };
      if (this.#queuedOthers.length > 0 || !this.#maySend(false, charge)) {
        const bytes = batch.bytes.slice();
        this.#queuedOthers.push({ charge, start: () => send(bytes), reject });
        this.read();
      } else {
        send(batch.bytes);
      }
    });
  }

  /** How many messages a batch may have: their answers must fit the receive buffer. */
  get largestBatch(): number {
    return this.#roomFor(false);
  }

  /** Like largestBatch, for requests that have a reply. */
  get largestReadBatch(): number {
    return this.#roomFor(true);
  }

  #roomFor(replies: boolean): number {
    const { window = Number.POSITIVE_INFINITY } = this.transport;
    return Math.max(1, Math.floor(window / chargeOf(replies)));
  }

  /**
   * Sends a datagram whose answer nobody tracks: with sequence 0, or one of `nextSequence` that the caller looks for.
   */
  sendUntracked(bytes: Uint8Array): void {
    this.assertOpen();
    this.transport.send(bytes);
  }

  /** From now on what answers no request goes to this sink; one at a time. */
  setEventSink(sink: EventSink | undefined): void {
    this.assertOpen();
    this.#tracker.events = sink;
    this.reference();
    // What came while nobody wanted it is not announced again.
    this.read();
  }

  /**
   * Leaves these groups. What had arrived by then still goes to the event sink, losses included; then the stream ends.
   * @throws ClosedError, TransportError
   */
  drainEvents(groups: readonly number[]): void {
    this.assertOpen();
    for (const group of groups) this.transport.leaveGroup(group);
    if (this.transport.drained === undefined) {
      // The queue is first in, first out: what answers this, be it an error, is behind all events.
      const end = (): void => this.#tracker.endEvents();
      void this.request(DRAIN).then(end, end);
    } else {
      this.#draining = true;
      this.read();
    }
  }

  /**
   * Resolves when all events that had arrived have been given to the event sink, which must not pause: the kernel
   * answers a control message behind them.
   */
  async passed(): Promise<void> {
    try {
      await this.request(DRAIN);
    } catch {
      // The answer did not fit, which is known when the queue has been read empty; or the socket is closed.
    }
  }

  /**
   * Takes what the transport has, as far as somebody wants it. A sink that was paused calls it when it wants more.
   * @returns whether nothing is left to be read; false when this turn of the event loop has no time for it
   */
  read(): boolean {
    if (this.#reading || this.#closed !== undefined) return false;
    this.#reading = true;
    let empty: boolean;
    try {
      // In rounds, so that a transport that answers from inside of `send` does not nest one queued dump into the other.
      do empty = this.#readWanted();
      while (this.#startQueued());
    } finally {
      this.#reading = false;
    }
    this.reference();
    return empty;
  }

  /** Rejects all that is pending with ClosedError and ends the event stream. Idempotent. */
  close(): void {
    this.#close(new ClosedError(), undefined);
  }

  #start(
    request: Request,
    options: RequestOptions,
    keep: object | undefined,
    resolve: () => void,
    reject: (error: unknown) => void,
  ): () => void {
    this.assertOpen();
    const { dump, repeatable } = request.kind;
    const { sink, signal, filtered = false } = options;
    const replies = request.kind.replies && !filtered;
    let { settled } = options;
    signal?.throwIfAborted();

    let sequence = this.#tracker.nextSequence();
    const writer = this.#writer.reset();
    request.write(writer, sequence);
    const charge = chargeOf(replies);
    const again = repeatable && this.transport.drained !== undefined ? writer.finish().slice() : undefined;
    let repeats = 0;
    let lost: Error | undefined;

    const queue = dump ? this.#queuedDumps : this.#queuedOthers;
    let queued: Queued | undefined;
    const finish = (error: unknown, failed: boolean): void => {
      if (signal !== undefined) unwatch(signal, onAbort);
      const once = settled;
      settled = undefined;
      once?.(error);
      if (failed) reject(error);
      else resolve();
    };
    const stop = (error: unknown, failed: boolean): void => {
      if (queued !== undefined) {
        queue.delete(queued);
        finish(error, failed);
        this.reference();
      } else {
        finish(error, failed);
        this.#tracker.abandon(sequence);
        this.read();
      }
    };
    const onAbort = (): void => stop(signal!.reason, true);
    const settle = (error: Error | undefined, replied: boolean): void => {
      // A capture has no second answer: the error is that the first was lost.
      if (lost !== undefined && error instanceof RequestError) error = lost;
      if (again === undefined || replied || repeats === REPEATS || !(error instanceof OverrunError)) {
        finish(error, error !== undefined);
        return;
      }
      repeats++;
      lost = error;
      // Behind whatever is still queued in the kernel, and in front of those who come after it.
      this.#congest();
      queued = { charge, start: () => sendAgain(again), reject: (reason) => finish(reason, true) };
      queue.unshift(queued);
    };
    const sendAgain = (bytes: Uint8Array): void => {
      sequence = this.#tracker.nextSequence();
      viewOf(bytes).setUint32(8, sequence, HOST_LITTLE_ENDIAN);
      send(bytes);
    };
    const send = (bytes: Uint8Array): void => {
      queued = undefined;
      this.#tracker.register(sequence, { request, replies, charge, keep, sink, settle });
      this.#transmit(bytes, request.takesLong, sequence, (error) => {
        this.#tracker.unregister(sequence);
        // A capture has no second answer: the error is that the first was lost.
        finish(lost ?? error, true);
      });
    };

    if (signal !== undefined) watch(signal, onAbort);
    if (queue.length > 0 || !this.#maySend(dump, charge)) {
      const bytes = again ?? writer.finish().slice();
      queued = { charge, start: () => send(bytes), reject: (error) => finish(error, true) };
      queue.push(queued);
      // The dump before it may have been paused until now, and must come to its end first.
      this.read();
    } else {
      send(writer.finish());
    }
    return () => stop(undefined, false);
  }

  /** Sends what has just been registered, and reads what is there at once. */
  #transmit(bytes: Uint8Array, takesLong: boolean, sequence: number, failed: (error: unknown) => void): void {
    this.reference();
    try {
      if (this.transport.send(bytes, takesLong) === false) this.#tracker.sentLater(sequence);
    } catch (error) {
      failed(error);
      this.reference();
      return;
    }
    this.read();
  }

  /** @returns whether the transport has nothing more */
  #readWanted(): boolean {
    while (this.#closed === undefined && (this.#tracker.hungry || this.#mustEmpty)) {
      if (this.#turnIsOver()) return false;
      if (!this.#readOne()) return true;
      if (this.#turnStart === 0) this.#beginTurn();
    }
    return false;
  }

  /** A request waits until the queue has been read empty. A dump that waits for another dump does not count. */
  get #mustEmpty(): boolean {
    if (!this.#congested) return false;
    return this.#queuedOthers.length > 0 || (this.#queuedDumps.length > 0 && !this.#tracker.dumping);
  }

  #congest(): void {
    // Counted from the first overrun: under a flood of events others follow for ever.
    if (!this.#congested) this.#congestedAt = this.#tracker.datagrams;
    this.#congested = true;
  }

  /** Reads and dispatches one datagram; false when there is none. */
  #readOne(): boolean {
    const { transport } = this;
    try {
      const datagram = transport.receive();
      if (datagram === undefined) {
        if (transport.ended) this.#tracker.end(new ClosedError('the capture has no answer to this request'));
        if (transport.drained === true) {
          // What is made again because of this is sent into an empty queue.
          this.#tracker.drained();
          this.#congested = false;
          if (this.#draining) this.#tracker.endEvents();
        }
        return false;
      }
      this.#tracker.dispatch(datagram);
      // A queue that others fill as fast may never be empty; what waited in it when it overran has been read.
      if (this.#congested && this.#tracker.datagrams - this.#congestedAt > this.#tracker.queueLimit)
        this.#congested = false;
      return true;
    } catch (error) {
      if (error instanceof OverrunError) {
        if (transport.drained === undefined) {
          this.#tracker.overrun(error);
        } else {
          this.#congest();
          this.#tracker.doubt(error);
        }
        return true;
      }
      if (error instanceof RequestError) {
        this.#tracker.fail(error.sequence, error);
        return true;
      }
      this.#close(new ClosedError(`the socket failed: ${(error as Error).message}`, { cause: error }), error as Error);
      return false;
    }
  }

  /**
   * Sockets that answer at once would let a reader that only awaits promises keep the event loop for a whole dump. So
   * reading counts its time over the turn of the loop, not over the call.
   */
  #turnIsOver(): boolean {
    if (this.#turnStart === 0 || runtime.now() - this.#turnStart <= this.#longest) return false;
    this.#resume = true;
    return true;
  }

  #beginTurn(): void {
    this.#turnStart = runtime.now();
    const inImmediate = this.#resuming;
    runtime.setImmediate(() => {
      // An immediate of the same turn: timers come after it. Behind the next one they have come.
      if (this.#resume && !inImmediate) runtime.setImmediate(() => this.#endTurn());
      else this.#endTurn();
    });
  }

  #endTurn(): void {
    this.#turnStart = 0;
    if (!this.#resume) return;
    this.#resume = false;
    this.#resuming = true;
    this.read();
    this.#resuming = false;
  }

  /** Starts the dump that waits longest, when none runs; false when there is none to start. */
  #startQueued(): boolean {
    if (this.#closed !== undefined) return false;
    if (this.#queued === 0) return false;
    for (const queue of [this.#queuedOthers, this.#queuedDumps]) {
      if (queue.first === undefined || !this.#maySend(queue === this.#queuedDumps, queue.first.charge)) continue;
      queue.shift()!.start();
      return true;
    }
    return false;
  }

  /**
   * One dump at a time, which the kernel would answer EBUSY otherwise, and others as many as there is room for the
   * answers of.
   */
  #maySend(dump: boolean, charge: number): boolean {
    if (this.#congested) return false;
    const { dumping, charge: waiting } = this.#tracker;
    if (dump) return !dumping;
    return waiting === 0 || waiting + charge <= (this.transport.window ?? Number.POSITIVE_INFINITY);
  }

  get #queued(): number {
    return this.#queuedDumps.length + this.#queuedOthers.length;
  }

  /**
   * Only what somebody waits for keeps the process alive. To be called when an event sink becomes idle, or is idle no
   * more.
   */
  reference(): void {
    if (this.#closed !== undefined) return;
    const wanted = this.#queued > 0 || this.#tracker.awaited;
    if (wanted === this.#referenced) return;
    this.#referenced = wanted;
    if (wanted) this.transport.ref();
    else this.transport.unref();
  }

  /** Does nothing while it is open. @throws ClosedError */
  assertOpen(): void {
    if (this.#closed !== undefined) throw new ClosedError(this.#closed.message, { cause: this.#closed.cause });
  }

  #close(error: ClosedError, eventError: Error | undefined): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.transport.close();
    for (const queued of [...this.#queuedOthers.clear(), ...this.#queuedDumps.clear()]) queued.reject(error);
    this.#tracker.close(error, eventError);
    noteClosed(this, error);
  }
}

/** The kernel only acknowledges it. */
const DRAIN: Request = {
  kind: operation({
    name: 'drain',
    type: NLMSG_NOOP,
    flags: NLM_F_REQUEST | NLM_F_ACK,
    replies: false,
    repeatable: false,
  }),
  takesLong: false,
  write(writer, sequence) {
    writer.endMessage(writer.beginMessage(this.kind.type, this.kind.flags, sequence));
  },
  subject: () => undefined,
};

/**
 * Bytes of the receive buffer that the answer to a request takes at the most, a dump's aside. @param replies something
 * comes before it
 */
function chargeOf(replies: boolean): number {
  return replies ? ACK_CHARGE + REPLY_CHARGE : ACK_CHARGE;
}
