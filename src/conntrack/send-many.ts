/** Many requests of one kind from an iterable, several hundred in a datagram, in constant memory. */

import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import type { Written } from '../ctnetlink/request/stencil.ts';
import { unwatch, watch } from '../netlink/aborts.ts';
import { Batch } from '../netlink/batch.ts';
import { checkSync, describe } from '../netlink/check.ts';
import type { Lease } from '../netlink/lease.ts';
import type { Request } from '../netlink/request.ts';
import { type Handle, runtime, turnOfLoop } from '../netlink/runtime.ts';
import { AsyncItems } from './async-items.ts';
import type { CallOptions } from './call.ts';
import { type Failure, KEPT, ManyError, type ManyResult, type Place } from './many.ts';

/** What goes into a datagram at the most; more makes it no faster. */
const MESSAGES = 256;
const BYTES = 49152;
/** Batches that the kernel has while the next is built. */
const AHEAD = 3;
/** Items without a request, or that are read alone, between two turns of the event loop: a few milliseconds. */
export const A_FEW = 256;

/** What is done with the items, each of which gives an entry of a table. */
export interface Work<Entry = Flow, Item = FlowInit | Flow> {
  /** What errors call it. */
  readonly operation: string;
  /** The request for an item that needs no entry; what `send` is given then has undefined in its place. */
  quick?(item: Item): Written | undefined;
  /** The entry that an item gives. */
  from(item: Item): Entry;
  /** Messages in a batch at the most. */
  readonly most: number;
  /** `send` is given the entries as they were when they were taken: a program may change its item meanwhile. */
  readonly keepsEntries: boolean;
  /** The request for one item; `owned`: the entry is not the caller's. */
  request(entry: Entry, owned: boolean): Request;
  /** Sends the requests for these items, taken from the batch at once, and whatever follows from their answers. */
  send(batch: Batch, items: readonly (Entry | Item | undefined)[], failed: Failed): Promise<void>;
}

/** The same, with items that wait for others, or that are reported although they did not fail. */
export interface ReportingWork<Entry = Flow, Item = FlowInit | Flow> extends Omit<Work<Entry, Item>, 'send'> {
  /** True for an item that waits, among `waiting`, until all others have been answered. */
  waits?(entry: Entry, index: number, item: Item): boolean;
  /** Items that waited. Asked when all have been answered, until there are none. */
  waiting?(): readonly Place<Item>[];
  /** As of Work. */
  send(
    batch: Batch,
    items: readonly (Entry | Item | undefined)[],
    failed: Failed,
    outcome: Outcome<Item>,
  ): Promise<void>;
}

/** How the items of a batch are reported. */
export interface Outcome<Item> {
  /** The item at this place of its batch. */
  place(at: number): Place<Item>;
  /** Calls a function of the program. What it throws ends the call, when the items that were sent are answered. */
  report(call: () => void): void;
}

/** Takes the failure of the item at this place of its batch. */
export type Failed = (at: number, error: Error) => void;

/**
 * @throws TypeError for what is no iterable; ManyError when items failed and there is no onError; what the iterable
 * throws, when all that it gave before has been sent; OverrunError, TransportError, ClosedError, when nobody knows what
 * became of the last several hundred. The signal, `close` and all else that ends the call do so at once, also while an
 * async iterable waits.
 */
export async function sendMany<Entry, Item>(
  lease: Lease,
  work: ReportingWork<Entry, Item>,
  items: Iterable<Item> | AsyncIterable<Item>,
  options: SendOptions<Item>,
  argument = 'flows',
): Promise<ManyResult> {
  const many = new Many(lease, work, options);
  checkItems(items, argument);
  if (isIterable(items, Symbol.asyncIterator)) await many.addAsync(items as AsyncIterable<Item>, argument);
  else await many.addAll(items as Iterable<Item>);
  for (let places = work.waiting?.() ?? []; places.length > 0; places = work.waiting!()) await many.addAgain(places);
  return many.result();
}

/** ManyOptions, for items of any kind. */
interface SendOptions<Item> extends CallOptions {
  onError?(failure: Failure<Item>): void;
}

/** @throws TypeError for what is no iterable */
export function checkItems(items: unknown, argument: string): void {
  if (!isIterable(items, Symbol.asyncIterator) && !isIterable(items, Symbol.iterator))
    throw new TypeError(`${argument} must be an iterable or an async iterable, not ${describe(items)}`);
}

export function isIterable(value: unknown, symbol: symbol): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, symbol) === 'function';
}

class Many<Entry, Item> {
  readonly #work: ReportingWork<Entry, Item>;
  readonly #options: SendOptions<Item>;
  readonly #most: number;
  readonly #batch = new Batch();
  /** Of the batch. */
  #items: Item[] = [];
  #entries: (Entry | undefined)[] = [];
  #indices: number[] = [];
  /** Taken from the iterable. */
  #taken = 0;
  /** Those of them that gave no request: they failed before, or wait for others. */
  #without = 0;
  #failed = 0;
  readonly #failures: Failure<Item>[] = [];
  /** Batches that have been sent, until they are answered for. */
  readonly #sent: Promise<void>[] = [];
  #idle: Handle;
  #thrown: { error: unknown } | undefined;
  /** No more is sent. */
  #stopped = false;
  /** While an async iterable is read: ends that. */
  #interrupt: ((error: unknown) => void) | undefined;
  readonly #lease: Lease;

  constructor(lease: Lease, work: ReportingWork<Entry, Item>, options: SendOptions<Item>) {
    this.#lease = lease;
    this.#work = work;
    this.#options = options;
    this.#most = Math.max(1, Math.min(MESSAGES, work.most));
  }

  async addAll(items: Iterable<Item>): Promise<void> {
    this.#proceed();
    this.#lease.assertOpen();
    try {
      for (const item of items) {
        const turn = this.#take(item);
        if (turn !== undefined) await turn;
      }
    } finally {
      await this.#finish();
    }
  }

  async addAsync(items: AsyncIterable<Item>, argument: string): Promise<void> {
    this.#proceed();
    this.#lease.assertOpen();
    const take = (item: Item): Promise<void> | undefined => {
      const turn = this.#take(item);
      // What it gave is sent while it has nothing more to give.
      if (turn === undefined) this.#idle ??= runtime.setImmediate(() => this.#send());
      return turn;
    };
    const reading = new AsyncItems(items, argument, take);
    const interrupt = (error: unknown): void => {
      this.#stopped = true;
      reading.interrupt(error);
    };
    this.#interrupt = interrupt;
    const { signal } = this.#options;
    const abort = (): void => interrupt(signal!.reason);
    if (signal !== undefined) watch(signal, abort);
    this.#lease.watchClosing(interrupt);
    try {
      await reading.read();
    } finally {
      this.#interrupt = undefined;
      if (signal !== undefined) unwatch(signal, abort);
      this.#lease.unwatchClosing(interrupt);
      await this.#finish();
    }
  }

  /** Items that waited. */
  async addAgain(places: readonly Place<Item>[]): Promise<void> {
    this.#proceed();
    for (const { item, index } of places) {
      const turn = this.#add(item, index, true);
      if (turn !== undefined) await turn;
    }
    await this.#finish();
  }

  /** @throws ManyError */
  result(): ManyResult {
    const result = { succeeded: this.#taken - this.#failed, failed: this.#failed };
    if (this.#failures.length > 0) throw new ManyError(this.#work.operation, result, this.#failures);
    return result;
  }

  get #full(): boolean {
    return this.#batch.count >= this.#most || this.#batch.length >= BYTES;
  }

  #take(item: Item): Promise<void> | undefined {
    return this.#add(item, this.#taken++, false);
  }

  /** @returns what is to be awaited before the next item */
  #add(item: Item, index: number, waited: boolean): Promise<void> | undefined {
    if (this.#request(item, index, waited)) return this.#full ? this.#next() : undefined;
    // The program was called, and nothing is awaited from the kernel: what ends the call is looked for here.
    this.#proceed();
    this.#lease.assertOpen();
    return ++this.#without % A_FEW === 0 ? this.#turn() : undefined;
  }

  /** @returns whether the batch has the item now */
  #request(item: Item, index: number, waited: boolean): boolean {
    const work = this.#work;
    try {
      const quick = work.quick?.(item);
      if (quick !== undefined) {
        this.#batch.add(quick);
        this.#keep(item, undefined, index);
        return true;
      }
      const entry = work.from(item);
      if (!waited && work.waits?.(entry, index, item) === true) return false;
      this.#batch.add(work.request(entry, (entry as unknown) !== item));
      this.#keep(item, entry, index);
      return true;
    } catch (error) {
      this.#fail({ index, item, error: error as Error });
      return false;
    }
  }

  #keep(item: Item, entry: Entry | undefined, index: number): void {
    this.#items.push(item);
    if (this.#work.keepsEntries) this.#entries.push(entry);
    this.#indices.push(index);
  }

  #fail(failure: Failure<Item>): void {
    this.#failed++;
    const { onError } = this.#options;
    if (onError === undefined) {
      if (this.#failures.length < KEPT) this.#failures.push(failure);
      return;
    }
    this.#report(() => checkSync(onError(failure), 'options.onError'));
  }

  #report(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#thrown ??= { error };
      this.#stopped = true;
      this.#interrupt?.(error);
    }
  }

  async #turn(): Promise<void> {
    await turnOfLoop();
    this.#proceed();
    this.#lease.assertOpen();
  }

  /** Sends the batch, and waits when too many are on their way. */
  async #next(): Promise<void> {
    this.#send();
    if (this.#sent.length > AHEAD) {
      // It stays among them until then: a call that ends meanwhile waits for it.
      await this.#sent[0];
      this.#sent.shift();
    }
    this.#proceed();
  }

  async #finish(): Promise<void> {
    this.#send();
    // All of them, so that each has reported what it knows when the call ends.
    const ends = await Promise.allSettled(this.#sent.splice(0));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    this.#proceed();
  }

  #send(): void {
    runtime.clearImmediate(this.#idle);
    this.#idle = undefined;
    if (this.#batch.count === 0 || this.#stopped || this.#options.signal?.aborted === true) return;
    const items = this.#items;
    const indices = this.#indices;
    const place = (at: number): Place<Item> => ({ index: indices[at], item: items[at] });
    const failed = (at: number, error: Error): void => this.#fail({ ...place(at), error });
    const report = (call: () => void): void => this.#report(call);
    const sent = this.#through(this.#work.keepsEntries ? this.#entries : items, failed, { place, report });
    this.#batch.clear();
    this.#items = [];
    this.#entries = [];
    this.#indices = [];
    // The call that waits for it gets the error.
    sent.catch((error: unknown) => this.#interrupt?.(error));
    this.#sent.push(sent);
  }

  /** Of a closed socket nothing is counted as sent. */
  async #through(items: readonly (Entry | Item | undefined)[], failed: Failed, outcome: Outcome<Item>): Promise<void> {
    this.#lease.assertOpen();
    await this.#work.send(this.#batch, items, failed, outcome);
  }

  /** @throws the signal's reason, what onError threw */
  #proceed(): void {
    this.#options.signal?.throwIfAborted();
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}
