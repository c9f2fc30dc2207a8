import { throwHere } from '../netlink/errors.ts';
import { type Lease, notDropped, stackOf, whenDropped } from '../netlink/lease.ts';
import type { nlmsghdr } from '../netlink/nlmsg.ts';
import type { Request } from '../netlink/request.ts';
import type { ReplySink } from '../netlink/sequence.ts';
import type { NetlinkSocket, RequestHandle } from '../netlink/socket.ts';
import type { DumpSockets } from './dump-sockets.ts';
import { ITERATION_END } from './iteration-end.ts';
import { Wakeup } from './wakeup.ts';

/** What is dumped. */
export interface DumpSource<T> {
  /** @param release of the kernel, as Transport has it */
  request(release: string | undefined): Request;
  /** The entry in a message, or undefined when it is not wanted. */
  take(view: DataView, offset: number, end: number): T | undefined;
}

/**
 * The entries of the table. Each iteration dumps the table again. Reading is pulled: if the loop is slow, the kernel's
 * dump waits. Breaking out of the loop ends the dump. An entry may come twice if the table changes in the meantime.
 *
 * Iteration rejects with KernelError if the kernel refuses the dump, with DumpInterruptedError if the table changed so
 * that the dump is inconsistent, with OverrunError if a part of it was lost, and with ClosedError.
 */
export class Dump<T> implements AsyncIterable<T> {
  readonly #lease: Lease;
  readonly #sockets: DumpSockets;
  readonly #source: DumpSource<T>;
  readonly #signal: AbortSignal | undefined;

  /** @internal */
  constructor(lease: Lease, sockets: DumpSockets, source: DumpSource<T>, signal: AbortSignal | undefined) {
    this.#lease = lease;
    this.#sockets = sockets;
    this.#source = source;
    this.#signal = signal;
  }

  /** Dumps the table, and yields an entry at a time. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new EntryIterator(this.#reading());
  }

  /** Dumps the table, and yields the entries of a datagram (several hundred) at a time: the fastest way. */
  batches(): AsyncIterableIterator<T[]> {
    return new BatchIterator(this.#reading());
  }

  /** Dumps the table into an array. A table of a million flows takes about a gigabyte. */
  async toArray(): Promise<T[]> {
    const entries: T[] = [];
    for await (const batch of this.batches()) for (const entry of batch) entries.push(entry);
    return entries;
  }

  #reading(): Reading<T> {
    return new Reading(this.#lease, new DumpReader(this.#sockets, this.#source, this.#signal));
  }
}

/** What an iterator holds of a dump. The socket reaches the reader, and not this. */
class Reading<T> {
  readonly #lease: Lease;
  readonly #reader: DumpReader<T>;
  #begun = false;

  constructor(lease: Lease, reader: DumpReader<T>) {
    this.#lease = lease;
    this.#reader = reader;
  }

  get aborted(): boolean {
    return this.#reader.aborted;
  }

  /** The next entries; undefined at the end. While it waits, the reader reaches this by the promise. */
  async read(): Promise<T[] | undefined> {
    if (!this.#begun && !this.#lease.closed) this.#begin();
    try {
      const batch = await this.#reader.read();
      if (batch === undefined) notDropped(this);
      return batch;
    } catch (error) {
      notDropped(this);
      throwHere(error);
    }
  }

  stop(): void {
    notDropped(this);
    this.#reader.stop();
  }

  #begin(): void {
    this.#begun = true;
    const reader = this.#reader;
    whenDropped(this, 'A dump', stackOf(), () => {
      const { over } = reader;
      reader.stop();
      return !over;
    });
  }
}

/**
 * One dump on its way: the sink of its request. The request starts with the first read, decoded entries wait here until
 * they are asked for.
 */
class DumpReader<T> implements ReplySink {
  readonly #sockets: DumpSockets;
  /** While the dump is on its way. */
  #socket: NetlinkSocket | undefined;
  readonly #source: DumpSource<T>;
  /** Forgotten when the iteration is over: what happens to it later concerns nobody. */
  #signal: AbortSignal | undefined;
  readonly #ready = new Wakeup();
  #handle: RequestHandle | undefined;
  #opening = false;
  #batch: T[] = [];
  #ended = false;
  #error: unknown;

  constructor(sockets: DumpSockets, source: DumpSource<T>, signal: AbortSignal | undefined) {
    this.#sockets = sockets;
    this.#source = source;
    this.#signal = signal;
  }

  /** Nothing more is wanted while entries wait to be read: the kernel waits with the rest. */
  get paused(): boolean {
    return this.#batch.length > 0;
  }

  /** All of it came. */
  get over(): boolean {
    return this.#ended;
  }

  /** Nothing that was read before is to be handed out any more. */
  get aborted(): boolean {
    return this.#signal?.aborted === true;
  }

  message(_header: nlmsghdr, view: DataView, offset: number, end: number): void {
    const entry = this.#source.take(view, offset, end);
    if (entry !== undefined) this.#batch.push(entry);
  }

  datagramEnd(): void {
    if (this.#batch.length > 0) this.#ready.wake();
  }

  /** The next entries, never none; undefined at the end. */
  async read(): Promise<T[] | undefined> {
    for (;;) {
      if (this.aborted) {
        const { reason } = this.#signal!;
        this.stop();
        throw reason;
      }
      if (this.#batch.length === 0 && !this.#ended) {
        if (this.#handle !== undefined) this.#socket?.read();
        else if (!this.#opening) await this.#open();
      }
      if (this.#batch.length > 0) {
        const batch = this.#batch;
        this.#batch = [];
        return batch;
      }
      if (this.#ended) {
        const error = this.#error;
        // Thrown once; after that the iteration is simply over.
        this.#error = undefined;
        this.#signal = undefined;
        if (error !== undefined) throw error;
        return undefined;
      }
      await this.#ready.wait();
    }
  }

  /** Nothing more will be read; what the kernel still sends is drained. */
  stop(): void {
    this.#end(undefined);
    this.#error = undefined;
    this.#signal = undefined;
    this.#batch = [];
    this.#handle?.stop();
  }

  /** Starts the dump: at once, when there is a socket for it. */
  #open(): Promise<void> | undefined {
    const socket = this.#sockets.take();
    if (!(socket instanceof Promise)) {
      this.#begin(socket);
      return undefined;
    }
    this.#opening = true;
    return socket
      .then((opened) => this.#begin(opened))
      .finally(() => {
        this.#opening = false;
        this.#ready.wake();
      });
  }

  #begin(socket: NetlinkSocket): void {
    this.#socket = socket;
    // It may have been stopped while its socket was being opened.
    if (this.#ended) {
      this.#giveBack();
      return;
    }
    let request: Request;
    try {
      request = this.#source.request(socket.transport.release);
    } catch (error) {
      this.#giveBack();
      throw error;
    }
    this.#handle = socket.start(request, { sink: this, signal: this.#signal });
    this.#handle.done.then(
      () => this.#end(undefined),
      (error) => this.#end(error),
    );
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#ready.wake();
    this.#giveBack();
  }

  #giveBack(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) this.#sockets.giveBack(socket);
  }
}

class BatchIterator<T> implements AsyncIterableIterator<T[]> {
  readonly #reading: Reading<T>;

  constructor(reading: Reading<T>) {
    this.#reading = reading;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T[]>> {
    const batch = await this.#reading.read();
    return batch === undefined ? ITERATION_END : { value: batch, done: false };
  }

  async return(): Promise<IteratorResult<T[]>> {
    this.#reading.stop();
    return ITERATION_END;
  }
}

/** Written by hand: an async generator costs 100 to 300 ns more an entry. */
class EntryIterator<T> implements AsyncIterableIterator<T> {
  readonly #reading: Reading<T>;
  #batch: readonly T[] = [];
  #at = 0;
  #turn: Promise<unknown> | undefined;

  constructor(reading: Reading<T>) {
    this.#reading = reading;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#at < this.#batch.length && !this.#reading.aborted) {
      return Promise.resolve({ value: this.#batch[this.#at++], done: false });
    }
    // Calls that overlap take turns: of two that read at once, one would take the place of the other's batch.
    const refill = (): Promise<IteratorResult<T>> => this.#refill();
    const turn = this.#turn === undefined ? this.#refill() : this.#turn.then(refill, refill);
    this.#turn = turn;
    return turn;
  }

  async return(): Promise<IteratorResult<T>> {
    this.#batch = [];
    this.#reading.stop();
    return ITERATION_END;
  }

  async #refill(): Promise<IteratorResult<T>> {
    if (this.#at >= this.#batch.length || this.#reading.aborted) {
      // Empty, so that nothing of it is handed out when the read rejects.
      this.#batch = [];
      const batch = await this.#reading.read();
      if (batch === undefined) return ITERATION_END;
      this.#batch = batch;
      this.#at = 0;
    }
    return { value: this.#batch[this.#at++], done: false };
  }
}
