/** deleteWhere and updateWhere: the dump, what is done with it, and the counts. */
import type { Flow } from '../ctnetlink/flow.ts';
import { type FlowPatch, patched, patchFrom } from '../ctnetlink/patch.ts';
import { checkOptions, checkSync } from '../netlink/check.ts';
import type { Lease } from '../netlink/lease.ts';
import type { BatchSender } from './batch-sender.ts';
import { changes } from './changes.ts';
import { Dump } from './dump.ts';
import type { DumpSockets } from './dump-sockets.ts';
import type { EventSockets } from './event-sockets.ts';
import { deletes, deletesExactly, updatesExactly } from './exact-many.ts';
import { flowSource } from './flow-dump.ts';
import { Reappearance } from './reappearance.ts';
import type { Work } from './send-many.ts';
import { type Outcomes, Walk } from './walk.ts';
import {
  DELETE_WHERE_OPTIONS,
  type DeleteWhereOptions,
  type DeleteWhereResult,
  type Selected,
  selectedBy,
  UPDATE_WHERE_OPTIONS,
  type UpdateWhereOptions,
  type UpdateWhereResult,
  type Where,
  type WhereCounts,
  WhereError,
  type WhereFailure,
} from './where.ts';

/** Flows of a sample, and failures that are kept. */
const KEPT = 20;

/**
 * @throws TypeError, RangeError naming the argument; WhereError; KernelError, TransportError before anything was done
 */
export async function deleteWhere(
  lease: Lease,
  sockets: DumpSockets,
  events: () => EventSockets,
  where: Where,
  given: DeleteWhereOptions,
): Promise<DeleteWhereResult> {
  const options = checkOptions(given, DELETE_WHERE_OPTIONS);
  const selected = selectedBy(where);
  const { verify, exact = false, dryRun = false, signal } = options;
  throwIfAborted(signal, () => resultOf(new Counts(), 'deleted'));
  const watcher =
    verify === undefined || dryRun
      ? undefined
      : await events().listen({}, signal, (transport) => new Reappearance(transport, KEPT));
  const work = (sender: BatchSender): Work => (exact ? deletesExactly(sender, { reset: true }) : deletes(sender));
  const counts = new Counts(watcher);
  const result = (): DeleteWhereResult => ({
    ...resultOf(counts, 'deleted'),
    ...(watcher === undefined
      ? {}
      : {
          reappeared: watcher.reappeared,
          reappearedSample: watcher.sample,
          wrongGeneration: watcher.wrongGeneration,
          eventsLost: watcher.lost,
        }),
  });
  const after = async (): Promise<void> => await watcher?.wait(verify!, signal);
  try {
    return await walk({ lease, sockets, selected, options, work, counts, after, result });
  } finally {
    watcher?.close();
  }
}

/** @throws as deleteWhere */
export async function updateWhere(
  lease: Lease,
  sockets: DumpSockets,
  where: Where,
  patch: FlowPatch,
  given: UpdateWhereOptions,
): Promise<UpdateWhereResult> {
  const options = checkOptions(given, UPDATE_WHERE_OPTIONS);
  const selected = selectedBy(where);
  const change = patchFrom(patch, 'patch');
  const { exact = true } = options;
  const work = (sender: BatchSender): Work => {
    if (exact) return updatesExactly(sender, (flow) => patched(flow, change));
    const updates = changes(sender, 'update');
    return {
      ...updates,
      request: (flow, owned) => updates.request(patched(flow, change), owned),
      send: (batch, flows, failed) =>
        updates.send(
          batch,
          (flows as readonly Flow[]).map((flow) => patched(flow, change)),
          failed,
        ),
    };
  };
  const counts = new Counts();
  const result = (): UpdateWhereResult => resultOf(counts, 'updated');
  throwIfAborted(options.signal, result);
  return await walk({ lease, sockets, selected, options, work, counts, after: async () => {}, result });
}

/** What becomes of the flows. */
class Counts implements Outcomes {
  scanned = 0;
  matched = 0;
  alreadyGone = 0;
  failed = 0;
  changed = 0;
  open = 0;
  /** Requests were sent. */
  begun = false;
  readonly sample: Flow[] = [];
  readonly failures: WhereFailure[] = [];
  readonly #watcher: Reappearance | undefined;
  progress: () => void = () => {};

  constructor(watcher?: Reappearance) {
    this.#watcher = watcher;
  }

  async before(flows: readonly Flow[], portid: number): Promise<void> {
    await this.#watcher?.before(flows, portid);
    this.begun = true;
  }

  done(_flow: Flow): void {
    this.changed++;
  }

  gone(flow: Flow): void {
    this.alreadyGone++;
    this.#watcher?.forget(flow);
  }

  refused(flow: Flow, error: Error): void {
    this.failed++;
    if (this.failures.length < KEPT) this.failures.push({ flow, error });
    this.#watcher?.forget(flow);
  }

  unknown(count: number): void {
    this.open += count;
  }

  step(): void {
    this.progress();
  }

  get so(): WhereCounts {
    const { scanned, matched, alreadyGone, failed, open } = this;
    return { scanned, matched, alreadyGone, failed, unknown: open };
  }
}

type Result<Verb extends 'deleted' | 'updated'> = WhereCounts &
  Record<Verb, number> & { sample: Flow[]; failures: WhereFailure[] };

function resultOf<Verb extends 'deleted' | 'updated'>(counts: Counts, verb: Verb): Result<Verb> {
  const { sample, failures, changed } = counts;
  return { ...counts.so, [verb]: changed, sample, failures } as Result<Verb>;
}

function throwIfAborted(signal: AbortSignal | undefined, result: () => WhereError['result']): void {
  if (signal?.aborted === true) throw new WhereError('ERR_ABORTED', 'the call was aborted', result(), signal.reason);
}

interface Walking<R extends WhereError['result']> {
  lease: Lease;
  sockets: DumpSockets;
  selected: Selected;
  options: UpdateWhereOptions;
  work: (sender: BatchSender) => Work;
  counts: Counts;
  after: () => Promise<void>;
  result: () => R;
}

async function walk<R extends WhereError['result']>(walking: Walking<R>): Promise<R> {
  const { lease, sockets, options, work, counts, after, result } = walking;
  const { limit, dryRun = false, signal, onProgress } = options;
  if (onProgress !== undefined) counts.progress = () => checkSync(onProgress(counts.so), 'options.onProgress');
  const walk = new Walk(lease, sockets, work, counts);
  try {
    const flows: Flow[] = [];
    for await (const batch of dumped(walking)) {
      for (const flow of batch) {
        if (counts.sample.length < KEPT) counts.sample.push(flow);
        if (++counts.matched > (limit ?? Number.POSITIVE_INFINITY))
          throw new WhereError('ERR_LIMIT', `more than ${limit} flows match: nothing was done`, result());
        if (dryRun) continue;
        if (limit === undefined) await walk.add(flow);
        else flows.push(flow);
      }
      counts.progress();
    }
    for (const flow of flows) {
      if (signal?.aborted === true) throw signal.reason;
      await walk.add(flow);
    }
    await walk.finish();
    if (counts.begun) await after();
    return result();
  } catch (error) {
    // What is on its way is answered first: the counts are right then.
    await walk.settle().catch(() => {});
    if (error instanceof WhereError) throw error;
    throwIfAborted(signal, result);
    if (!counts.begun) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const unknown = counts.open > 0 ? `; the fate of ${counts.open} flows is not known` : '';
    throw new WhereError('ERR_INCOMPLETE', `the call ended early: ${reason}${unknown}`, result(), error);
  } finally {
    walk.close();
  }
}

/** What matches, a datagram at a time. */
function dumped({ lease, sockets, selected, options, counts }: Walking<WhereError['result']>): AsyncIterable<Flow[]> {
  const source = flowSource({}, 'dump');
  const { request } = flowSource(selected.filter, 'dump');
  const counting = {
    request,
    take(view: DataView, offset: number, end: number): Flow | undefined {
      counts.scanned++;
      const flow = source.take(view, offset, end)!;
      return selected.matches(flow) ? flow : undefined;
    },
  };
  return new Dump<Flow>(lease, sockets, counting, options.signal).batches();
}
