/** What was dumped comes back whole: first the flows, then the expectations of their helpers. */
import type { ExpectationInit } from '../ctnetlink/attributes/expectation-properties.ts';
import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import { creationOrder, hasZoneOfOne } from '../ctnetlink/creation-order.ts';
import type { Expectation } from '../ctnetlink/expectation.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { EXPECTATION_LOSSES, FLOW_LOSSES, type Loss } from '../ctnetlink/losses.ts';
import { type Checks, checkBoolean, checkFunction, checkOptions, checkSync, describe } from '../netlink/check.ts';
import { NetlinkError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import { turnOfLoop } from '../netlink/runtime.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';
import { type Flows, failureText, KEPT, type Place } from './many.ts';
import { ExpectationRestore } from './restore-expectations.ts';
import { FlowRestore } from './restore-flows.ts';
import { type RestoreCounts, Restored } from './restored.ts';
import { A_FEW, checkItems, isIterable, sendMany } from './send-many.ts';

/** Expectations from an array, a generator, a dump, or any other iterable. */
export type ExpectationItems = Iterable<ExpectationInit | Expectation> | AsyncIterable<ExpectationInit | Expectation>;

/** What comes back: flows, and the expectations of their helpers. */
export interface Snapshot {
  /** Flows as a dump or their JSON has them. */
  flows?: Flows | undefined;
  /** Expectations as a dump or their JSON has them. */
  expectations?: ExpectationItems | undefined;
}

/** An item that is reported: a flow or an expectation, and its place among all flows or expectations. */
export type RestoreItem =
  | ({ kind: 'flow' } & Place<FlowInit | Flow>)
  | ({ kind: 'expectation' } & Place<ExpectationInit | Expectation>);

/** An item that did not come back. */
export type RestoreFailure = RestoreItem & {
  /** KernelError as the kernel refused it; TypeError, RangeError for what cannot be asked. */
  error: Error;
};

/** An item that came back, but not as it was. */
export type RestoreLoss = RestoreItem & {
  /** What it came back without, or with another value: at least one. */
  losses: readonly Loss[];
};

/** What restore takes. */
export interface RestoreOptions extends CallOptions {
  /**
   * Called for each item that did not come back; the call then resolves anyway. If it throws, the call ends with a
   * RestoreError, whose `cause` is that error. Default: the call continues to the end of the items and then rejects
   * with a RestoreError.
   */
  onError?: ((failure: RestoreFailure) => void) | undefined;
  /**
   * Called for each item that came back without something. If it throws, the call ends with a RestoreError, whose
   * `cause` is that error. Default: the result has the first 100.
   */
  onLoss?: ((loss: RestoreLoss) => void) | undefined;
  /**
   * Sets the TCP flags as they were. The kernel does not report the windows of a connection, and learns them from the
   * first packets that it sees: data that is on its way while the flow comes back can then be INVALID. So TCP flows get
   * the flag BE_LIBERAL in both directions by default, and keep it. Default: false.
   */
  strictWindows?: boolean | undefined;
  /** Stops after the batches under way. The call rejects with a RestoreError `ERR_ABORTED`, which has the counts. */
  signal?: AbortSignal | undefined;
}

const RESTORE_OPTIONS: Checks<RestoreOptions> = {
  ...CALL_OPTIONS,
  onError: checkFunction,
  onLoss: checkFunction,
  strictWindows: checkBoolean,
};

/** What became of everything. */
export interface RestoreResult {
  /** What became of the flows. */
  flows: RestoreCounts;
  /** What became of the expectations. */
  expectations: RestoreCounts;
  /** The first 100 items that came back without something; none if there is an onLoss. */
  losses: readonly RestoreLoss[];
}

/**
 * Some items did not come back, or the call ended early. The message has the first ten failures, a line each. What came
 * back stays, and `result` counts it.
 */
export class RestoreError extends NetlinkError {
  /** 'RestoreError', of every copy of this package. */
  override name = 'RestoreError';
  /**
   * ERR_RESTORE: some items did not come back, and all others did; ERR_ABORTED: the call was ended by its signal;
   * ERR_INCOMPLETE: by `cause`, such as what an iterable or a callback threw, or a socket that was closed.
   */
  declare readonly code: 'ERR_RESTORE' | 'ERR_ABORTED' | 'ERR_INCOMPLETE';
  /** What became of everything, or of what was taken until the call ended. */
  readonly result: RestoreResult;
  /** The first 100; none if there is an onError. Not enumerable: what prints errors would print each with its stack. */
  declare readonly failures: readonly RestoreFailure[];

  constructor(
    result: RestoreResult,
    failures: readonly RestoreFailure[],
    ended?: { code: 'ERR_ABORTED' | 'ERR_INCOMPLETE'; cause: unknown },
  ) {
    const { flows, expectations } = result;
    const failed = flows.failed + expectations.failed;
    const all = failed + cameBack(flows) + cameBack(expectations);
    const named = failures.map(({ kind, index, error }) => ({ name: `${kind} ${index}`, error }));
    if (ended === undefined) super('ERR_RESTORE', failureText('restore', failed, all, named));
    else super(ended.code, endedText(result, ended.code, ended.cause), { cause: ended.cause });
    this.result = result;
    Object.defineProperty(this, 'failures', { value: failures });
  }
}

function cameBack({ whole, partial }: RestoreCounts): number {
  return whole + partial;
}

function endedText({ flows, expectations }: RestoreResult, code: string, cause: unknown): string {
  const how = code === 'ERR_ABORTED' ? 'the call was aborted' : `the call ended early: ${messageOf(cause)}`;
  const failed = flows.failed + expectations.failed;
  const unknown = flows.unknown + expectations.unknown;
  const others = [
    failed > 0 ? `${failed} failed` : [],
    unknown > 0 ? `the fate of ${unknown} is not known` : [],
  ].flat();
  const back = `${cameBack(flows)} flows and ${cameBack(expectations)} expectations had come back`;
  return `restore: ${how}; ${[back, ...others].join(', ')}`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** @throws TypeError, RangeError naming the argument; RestoreError; as sendMany, if nothing was done */
export async function restore(
  lease: Lease,
  snapshot: Flows | Snapshot,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const { signal, onError, onLoss, strictWindows = false } = checkOptions(options, RESTORE_OPTIONS);
  const { flows: given = [], expectations = [] } = partsOf(snapshot);
  let order: number[] | undefined;
  const placed = (place: Place<FlowInit | Flow>): Place<FlowInit | Flow> =>
    order === undefined ? place : { ...place, index: order[place.index] };
  const losses: RestoreLoss[] = [];
  const failures: RestoreFailure[] = [];
  const lost = (loss: RestoreLoss): void => {
    if (onLoss !== undefined) checkSync(onLoss(loss), 'options.onLoss');
    else if (losses.length < KEPT) losses.push(loss);
  };
  const failed = (failure: RestoreFailure): void => {
    if (onError !== undefined) checkSync(onError(failure), 'options.onError');
    else if (failures.length < KEPT) failures.push(failure);
  };
  const ofFlows = new Restored<FlowInit | Flow>((place, each) =>
    lost({ kind: 'flow', ...placed(place), losses: each }),
  );
  const ofExpectations = new Restored<ExpectationInit | Expectation>((place, each) =>
    lost({ kind: 'expectation', ...place, losses: each }),
  );
  const result = (): RestoreResult => ({
    flows: ofFlows.counts(FLOW_LOSSES),
    expectations: ofExpectations.counts(EXPECTATION_LOSSES),
    losses,
  });
  try {
    signal?.throwIfAborted();
    lease.assertOpen();
    let flows = given;
    if (Array.isArray(given) && given.some(isZonedInPart)) {
      order = creationOrder(await readAll(given, lease, signal));
      if (order !== undefined) flows = order.map((at) => given[at]);
    }
    const restoring = new FlowRestore(lease, strictWindows, ofFlows);
    await sendMany(lease, restoring, flows, {
      signal,
      onError: (failure) => {
        ofFlows.failed();
        failed({ kind: 'flow', ...failure, ...placed(failure) });
      },
    });
    const expecting = new ExpectationRestore(lease, restoring.zones, ofExpectations);
    await sendMany(lease, expecting, expectations, {
      signal,
      onError: (failure) => {
        ofExpectations.failed();
        failed({ kind: 'expectation', ...failure });
      },
    });
  } catch (error) {
    if (signal?.aborted === true) throw new RestoreError(result(), failures, { code: 'ERR_ABORTED', cause: error });
    if (!ofFlows.begun && !ofExpectations.begun) throw error;
    throw new RestoreError(result(), failures, { code: 'ERR_INCOMPLETE', cause: error });
  }
  if (failures.length > 0) throw new RestoreError(result(), failures);
  return result();
}

/** Only beside such flows the order matters. It is looked at before the others are read, which takes memory. */
function isZonedInPart(item: FlowInit | Flow | undefined): boolean {
  if (item instanceof Flow) return hasZoneOfOne(item.slots);
  return item?.orig?.zone !== undefined || item?.reply?.zone !== undefined;
}

/** In turns of the event loop. @throws ClosedError; the signal's reason */
async function readAll(
  items: readonly (FlowInit | Flow)[],
  lease: Lease,
  signal: AbortSignal | undefined,
): Promise<(Flow | undefined)[]> {
  const flows: (Flow | undefined)[] = [];
  for (const item of items) {
    flows.push(asFlow(item));
    if (flows.length % A_FEW !== 0) continue;
    await turnOfLoop();
    signal?.throwIfAborted();
    lease.assertOpen();
  }
  return flows;
}

/** Undefined for what is refused when its turn comes. */
function asFlow(item: FlowInit | Flow): Flow | undefined {
  try {
    return Flow.from(item);
  } catch {
    return undefined;
  }
}

/** Both parts are checked before anything is sent. @throws TypeError */
function partsOf(snapshot: Flows | Snapshot): Snapshot {
  if (isIterable(snapshot, Symbol.iterator) || isIterable(snapshot, Symbol.asyncIterator))
    return { flows: snapshot as Flows };
  if (typeof snapshot !== 'object' || snapshot === null)
    throw new TypeError(
      `snapshot must be an iterable of flows, or an object with flows and expectations, not ${describe(snapshot)}`,
    );
  return checkOptions(snapshot as Snapshot, { flows: checkItems, expectations: checkItems }, 'snapshot');
}
