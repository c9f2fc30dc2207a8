/**
 * Dumps that reset counters. A GET_CTRZERO dump of the kernel's zeroes what it walks past, not what a filter of ours
 * keeps, and loses the counters of a flow that does not fit its datagram. So the flows are dumped without it, and each
 * that matches is zeroed by its tuple, which returns its old counters and touches no other flow.
 */

import { kernelSupport } from '../ctnetlink/filter/support.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import type { Naming } from '../ctnetlink/identity.ts';
import { buildReset } from '../ctnetlink/request/flow.ts';
import { Batch } from '../netlink/batch.ts';
import { OverrunError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import { isGone } from './call.ts';
import { Dump, type DumpSource } from './dump.ts';
import type { DumpSockets } from './dump-sockets.ts';

/** Flows of a batch that are zeroed at a time. */
const MOST = 256;

/** What became of some flows: those that were zeroed, with the counters that they had, and why that is not all. */
interface Outcome {
  readonly flows: Flow[];
  readonly error?: unknown;
}

export class ResetDump extends Dump<Flow> {
  readonly #lease: Lease;
  readonly #sockets: DumpSockets;
  readonly #source: DumpSource<Flow>;

  /** @param source of a dump that resets nothing */
  constructor(lease: Lease, sockets: DumpSockets, source: DumpSource<Flow>, signal: AbortSignal | undefined) {
    super(lease, sockets, source, signal);
    this.#lease = lease;
    this.#sockets = sockets;
    this.#source = source;
  }

  override [Symbol.asyncIterator](): AsyncIterableIterator<Flow> {
    return this.#each(super[Symbol.asyncIterator]());
  }

  override batches(): AsyncIterableIterator<Flow[]> {
    return this.#all(super.batches());
  }

  /** Zeroes a flow when it is asked for: a loop that is left has zeroed what it was given, and nothing else. */
  async *#each(dumped: AsyncIterable<Flow>): AsyncGenerator<Flow> {
    const requests = new Batch();
    for await (const flow of dumped) {
      const { flows, error } = await this.#reset([flow], requests);
      yield* flows;
      if (error !== undefined) throw error;
    }
  }

  async *#all(dumped: AsyncIterable<Flow[]>): AsyncGenerator<Flow[]> {
    const requests = new Batch();
    for await (const batch of dumped) {
      for (let at = 0; at < batch.length; ) {
        const some = batch.slice(at, at + Math.min(MOST, this.#lease.largestReadBatch));
        at += some.length;
        const { flows, error } = await this.#reset(some, requests);
        // The counters that there are, before the error.
        if (flows.length > 0) yield flows;
        if (error !== undefined) throw error;
      }
    }
  }

  /** Over a socket beside that of the dump: its answers would be queued behind the unread rest of the dump. */
  async #reset(flows: readonly Flow[], requests: Batch): Promise<Outcome> {
    const socket = await this.#sockets.take();
    const naming: Naming = kernelSupport(socket.transport.release).directionZone ? 'exact' : 'usual';
    requests.clear();
    for (const flow of flows) requests.add(buildReset(flow, naming));
    const zeroed: Flow[] = [];
    let answered = 0;
    let failure: unknown;
    const failed = (_at: number, error: Error): void => {
      // An answer that did not fit is none.
      if (!(error instanceof OverrunError)) answered++;
      // It ended since it was dumped: its counters are in its DESTROY event.
      if (!isGone(error)) failure ??= error;
    };
    try {
      await socket.sendBatch(requests, failed, undefined, this.#lease, (_at, view, offset, end) => {
        answered++;
        const flow = this.#source.take(view, offset, end);
        if (flow !== undefined) zeroed.push(flow);
      });
    } catch (error) {
      failure ??= error;
    } finally {
      this.#sockets.giveBack(socket);
    }
    if (failure === undefined && answered < flows.length) failure = new OverrunError('');
    const lost = flows.length - answered;
    return { flows: zeroed, error: failure instanceof OverrunError ? lostCounters(lost) : failure };
  }
}

function lostCounters(lost: number): OverrunError {
  return new OverrunError(
    `reset: the counters of up to ${lost} flows were lost, because the kernel's answer did not fit the receive buffer. They may count from 0 again`,
    lost,
    'reset',
  );
}
