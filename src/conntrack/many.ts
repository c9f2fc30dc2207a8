/** Many requests of one kind from an iterable, several hundred in a datagram, in constant memory. */

import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { buildChange, type ChangeQuery } from '../ctnetlink/request/flow.ts';
import { Batch } from '../netlink/batch.ts';
import { type Checks, checkFunction, describe } from '../netlink/check.ts';
import { NetlinkError } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import { type Handle, runtime } from '../netlink/runtime.ts';
import type { BatchSender } from './batch-sender.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';
import { checkManyLabels, labelled } from './created-labels.ts';

/** What goes into a datagram at the most; more makes it no faster. */
const MESSAGES = 256;
const BYTES = 49152;
/** Batches that the kernel has while the next is built. */
const AHEAD = 3;
/** Failures that a ManyError keeps, and those that its message has. */
const KEPT = 100;
const NAMED = 10;

/** Flows from an array, a generator, a dump, or any other iterable. */
export type Flows = Iterable<FlowInit | Flow> | AsyncIterable<FlowInit | Flow>;

/** One item that failed, and its place among all. */
export interface Failure {
  /** Its place among all items, from 0. */
  index: number;
  /** The item as it was given. */
  item: FlowInit | Flow;
  /** KernelError as the kernel refused it; TypeError, RangeError for what cannot be asked. */
  error: Error;
}

/** What createMany and createOrUpdateMany take. */
export interface ManyOptions extends CallOptions {
  /**
   * Called for each failed item, in the order of the answers; the call then resolves anyway. If it throws, the call
   * ends with that error. Default: the call continues to the end of the items and then rejects with a ManyError.
   */
  onError?(failure: Failure): void;
}

export const MANY_OPTIONS: Checks<ManyOptions> = { ...CALL_OPTIONS, onError: checkFunction };

/** What became of the items. */
export interface ManyResult {
  /** Items that the kernel carried out. */
  succeeded: number;
  /** Items that failed; each was reported. */
  failed: number;
}

/** Some items failed; all others were done. The message has the first ten failures, a line each. */
export class ManyError extends NetlinkError implements ManyResult {
  /** 'ManyError', of every copy of this package. */
  override name = 'ManyError';
  /** Items that the kernel carried out. */
  readonly succeeded: number;
  /** Items that failed. */
  readonly failed: number;
  /** The first 100. Not enumerable, nor is there a `cause`: what prints errors would print each with its stack. */
  declare readonly failures: readonly Failure[];

  constructor(operation: string, result: ManyResult, failures: readonly Failure[]) {
    const { succeeded, failed } = result;
    const lines = failures.slice(0, NAMED).map(({ index, error }) => `  item ${index}: ${error.message}`);
    if (failed > lines.length) lines.push(`  and ${failed - lines.length} more`);
    super('ERR_MANY', `${operation}: ${failed} of ${succeeded + failed} failed\n${lines.join('\n')}`);
    this.succeeded = succeeded;
    this.failed = failed;
    Object.defineProperty(this, 'failures', { value: failures });
  }
}

/** What is done with the items. */
export interface Work {
  /** What errors call it. */
  readonly operation: string;
  /** Messages in a batch at the most. */
  readonly most: number;
  /** `send` is given the flows as they were when they were taken: a program may change its item meanwhile. */
  readonly keepsFlows: boolean;
  /** The request for one item; `owned`: the flow is not the caller's. */
  request(flow: Flow, owned: boolean): Request;
  /** Sends the requests for these items, taken from the batch at once, and whatever follows from their answers. */
  send(batch: Batch, items: readonly (FlowInit | Flow)[], failed: Failed): Promise<void>;
}

/** Takes the failure of the item at this place of its batch. */
export type Failed = (at: number, error: Error) => void;

/** One request for each item. */
export function changes(sender: BatchSender, query: ChangeQuery): Work {
  /** The item as it is now: only a refusal asks. */
  const subject = (item: FlowInit | Flow): string | undefined => {
    try {
      return buildChange(query, Flow.from(item), false).subject();
    } catch {
      // It was changed meanwhile, and could not be sent as it is.
      return undefined;
    }
  };
  return {
    operation: query,
    most: sender.largestBatch,
    keepsFlows: query !== 'update',
    request: (flow, owned) => buildChange(query, flow, owned),
    async send(batch, items, failed) {
      // An update is refused where there is no room for labels, a creation is not.
      const places = query === 'update' ? [] : labelled(items as readonly Flow[]);
      const refused = places.length === 0 ? undefined : new Set<number>();
      const refuse = (at: number, error: Error): void => {
        refused?.add(at);
        failed(at, error);
      };
      await sender.sendBatch(batch, refuse, (at) => subject(items[at]));
      if (refused === undefined) return;
      const created = places.filter((at) => !refused.has(at));
      await checkManyLabels(sender, query, items as readonly Flow[], created, failed);
    },
  };
}

/**
 * @throws TypeError for what is no iterable; ManyError when items failed and there is no onError; what the iterable
 * throws, when all that it gave before has been sent; OverrunError, TransportError, ClosedError, when nobody knows what
 * became of the last several hundred
 */
export async function sendMany(work: Work, flows: Flows, options: ManyOptions): Promise<ManyResult> {
  const many = new Many(work, options);
  if (isIterable(flows, Symbol.asyncIterator)) await many.addAsync(flows as AsyncIterable<FlowInit | Flow>);
  else if (isIterable(flows, Symbol.iterator)) await many.addAll(flows as Iterable<FlowInit | Flow>);
  else throw new TypeError(`flows must be an iterable or an async iterable, not ${describe(flows)}`);
  return many.result();
}

function isIterable(value: unknown, symbol: symbol): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, symbol) === 'function';
}

class Many {
  readonly #work: Work;
  readonly #options: ManyOptions;
  readonly #most: number;
  readonly #batch = new Batch();
  /** Of the batch. */
  #items: (FlowInit | Flow)[] = [];
  #flows: Flow[] = [];
  #indices: number[] = [];
  /** Taken from the iterable. */
  #taken = 0;
  #failed = 0;
  readonly #failures: Failure[] = [];
  /** Batches that have been sent, until they are answered for. */
  readonly #sent: Promise<void>[] = [];
  #idle: Handle;
  #thrown: { error: unknown } | undefined;

  constructor(work: Work, options: ManyOptions) {
    this.#work = work;
    this.#options = options;
    this.#most = Math.max(1, Math.min(MESSAGES, work.most));
  }

  async addAll(flows: Iterable<FlowInit | Flow>): Promise<void> {
    this.#proceed();
    try {
      for (const item of flows) {
        this.#add(item);
        if (this.#full) await this.#next();
      }
    } finally {
      await this.#finish();
    }
  }

  async addAsync(flows: AsyncIterable<FlowInit | Flow>): Promise<void> {
    this.#proceed();
    try {
      for await (const item of flows) {
        this.#add(item);
        if (this.#full) await this.#next();
        // What it gave is sent while it has nothing more to give.
        else this.#idle ??= runtime.setImmediate(() => this.#send());
      }
    } finally {
      await this.#finish();
    }
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

  #add(item: FlowInit | Flow): void {
    const index = this.#taken++;
    try {
      const flow = Flow.from(item);
      this.#batch.add(this.#work.request(flow, flow !== item));
      this.#items.push(item);
      if (this.#work.keepsFlows) this.#flows.push(flow);
      this.#indices.push(index);
    } catch (error) {
      this.#fail({ index, item, error: error as Error });
    }
  }

  #fail(failure: Failure): void {
    this.#failed++;
    const { onError } = this.#options;
    if (onError === undefined) {
      if (this.#failures.length < KEPT) this.#failures.push(failure);
      return;
    }
    try {
      onError(failure);
    } catch (error) {
      this.#thrown ??= { error };
    }
  }

  /** Sends the batch, and waits when too many are on their way. */
  async #next(): Promise<void> {
    this.#send();
    if (this.#sent.length > AHEAD) await this.#sent.shift();
    this.#proceed();
  }

  async #finish(): Promise<void> {
    this.#send();
    await Promise.all(this.#sent.splice(0));
    this.#proceed();
  }

  #send(): void {
    runtime.clearImmediate(this.#idle);
    this.#idle = undefined;
    if (this.#batch.count === 0 || this.#options.signal?.aborted === true) return;
    const items = this.#items;
    const indices = this.#indices;
    const failed = (at: number, error: Error): void => this.#fail({ index: indices[at], item: items[at], error });
    const sent = this.#work.send(this.#batch, this.#work.keepsFlows ? this.#flows : items, failed);
    this.#batch.clear();
    this.#items = [];
    this.#flows = [];
    this.#indices = [];
    // The call that waits for it gets the error.
    sent.catch(() => {});
    this.#sent.push(sent);
  }

  /** @throws the signal's reason, what onError threw */
  #proceed(): void {
    this.#options.signal?.throwIfAborted();
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}
