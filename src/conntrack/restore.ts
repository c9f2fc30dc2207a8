/** What was dumped comes back whole: first the flows, then the expectations of their helpers. */
import type { ExpectationInit } from '../ctnetlink/attributes/expectation-properties.ts';
import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import type { Expectation } from '../ctnetlink/expectation.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { EXPECTATION_LOSSES, FLOW_LOSSES, type Loss, type LossFinder } from '../ctnetlink/losses.ts';
import { type Checks, checkBoolean, checkFunction, checkOptions, describe } from '../netlink/check.ts';
import { NetlinkError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';
import { type Flows, failureText, KEPT, type ManyResult, type Place } from './many.ts';
import { ExpectationRestore } from './restore-expectations.ts';
import { FlowRestore } from './restore-flows.ts';
import { checkItems, isIterable, sendMany } from './send-many.ts';

/** Expectations from an array, a generator, a dump, or any other iterable. */
export type ExpectationItems = Iterable<ExpectationInit | Expectation> | AsyncIterable<ExpectationInit | Expectation>;

/** What comes back: flows, and the expectations of their helpers. */
export interface Snapshot {
  /** Flows as a dump or their JSON has them. */
  flows?: Flows;
  /** Expectations as a dump or their JSON has them. */
  expectations?: ExpectationItems;
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
   * Called for each item that did not come back; the call then resolves anyway. If it throws, the call ends with that
   * error. Default: the call continues to the end of the items and then rejects with a RestoreError.
   */
  onError?(failure: RestoreFailure): void;
  /**
   * Called for each item that came back without something. If it throws, the call ends with that error. Default: the
   * result has the first 100.
   */
  onLoss?(loss: RestoreLoss): void;
  /**
   * Sets the TCP flags as they were. The kernel does not report the windows of a connection, and learns them from the
   * first packets that it sees: data that is on its way while the flow comes back can then be INVALID. So TCP flows get
   * the flag BE_LIBERAL in both directions by default, and keep it. Default: false.
   */
  strictWindows?: boolean;
}

const RESTORE_OPTIONS: Checks<RestoreOptions> = {
  ...CALL_OPTIONS,
  onError: checkFunction,
  onLoss: checkFunction,
  strictWindows: checkBoolean,
};

/** What became of the flows, or of the expectations. */
export interface RestoreCounts {
  /** Items that came back whole, but for what the kernel counts or assigns: id, counters, start. */
  whole: number;
  /** Items that came back without something, or with another value. */
  partial: number;
  /** Items that did not come back. */
  failed: number;
  /**
   * How many items came back without each property, such as `{ id: 7, 'countersOrig.packets': 7, labels: 1 }`. Also
   * what the kernel counts or assigns, which no item that came back has as it was.
   */
  lost: Record<string, number>;
}

/** What became of everything. */
export interface RestoreResult {
  /** What became of the flows. */
  flows: RestoreCounts;
  /** What became of the expectations. */
  expectations: RestoreCounts;
  /** The first 100 items that came back without something; none if there is an onLoss. */
  losses: readonly RestoreLoss[];
}

/** Some items did not come back; all others did. The message has the first ten failures, a line each. */
export class RestoreError extends NetlinkError {
  /** 'RestoreError', of every copy of this package. */
  override name = 'RestoreError';
  /** What became of everything. */
  readonly result: RestoreResult;
  /** The first 100. Not enumerable: what prints errors would print each with its stack. */
  declare readonly failures: readonly RestoreFailure[];

  constructor(result: RestoreResult, failures: readonly RestoreFailure[]) {
    const { flows, expectations } = result;
    const failed = flows.failed + expectations.failed;
    const all = failed + flows.whole + flows.partial + expectations.whole + expectations.partial;
    const named = failures.map(({ kind, index, error }) => ({ name: `${kind} ${index}`, error }));
    super('ERR_RESTORE', failureText('restore', failed, all, named));
    this.result = result;
    Object.defineProperty(this, 'failures', { value: failures });
  }
}

/** @throws TypeError, RangeError naming the argument; RestoreError; as sendMany */
export async function restore(
  lease: Lease,
  snapshot: Flows | Snapshot,
  options: RestoreOptions,
): Promise<RestoreResult> {
  checkOptions(options, RESTORE_OPTIONS);
  const { flows = [], expectations = [] } = partsOf(snapshot);
  const { signal, onError, onLoss, strictWindows = false } = options;
  const losses: RestoreLoss[] = [];
  const failures: RestoreFailure[] = [];
  const lost = (loss: RestoreLoss): void => {
    if (onLoss !== undefined) onLoss(loss);
    else if (losses.length < KEPT) losses.push(loss);
  };
  const failed = (failure: RestoreFailure): void => {
    if (onError !== undefined) onError(failure);
    else if (failures.length < KEPT) failures.push(failure);
  };
  const ofFlows = new Losses<FlowInit | Flow>((place, each) => lost({ kind: 'flow', ...place, losses: each }));
  const restoring = new FlowRestore(lease, strictWindows, ofFlows.add);
  const sentFlows = await sendMany(restoring, flows, {
    signal,
    onError: (failure) => failed({ kind: 'flow', ...failure }),
  });
  const ofExpectations = new Losses<ExpectationInit | Expectation>((place, each) =>
    lost({ kind: 'expectation', ...place, losses: each }),
  );
  const expecting = new ExpectationRestore(lease, restoring.zones, ofExpectations.add);
  const sentExpectations = await sendMany(expecting, expectations, {
    signal,
    onError: (failure) => failed({ kind: 'expectation', ...failure }),
  });
  const result: RestoreResult = {
    flows: ofFlows.counts(sentFlows, FLOW_LOSSES, restoring.recounted),
    expectations: ofExpectations.counts(sentExpectations, EXPECTATION_LOSSES, expecting.recounted),
    losses,
  };
  if (failures.length > 0) throw new RestoreError(result, failures);
  return result;
}

/** Both parts are checked before anything is sent. @throws TypeError */
function partsOf(snapshot: Flows | Snapshot): Snapshot {
  if (isIterable(snapshot, Symbol.iterator) || isIterable(snapshot, Symbol.asyncIterator))
    return { flows: snapshot as Flows };
  if (typeof snapshot !== 'object' || snapshot === null)
    throw new TypeError(
      `snapshot must be an iterable of flows, or an object with flows and expectations, not ${describe(snapshot)}`,
    );
  checkOptions(snapshot as Snapshot, { flows: checkItems, expectations: checkItems }, 'snapshot');
  return snapshot as Snapshot;
}

/** Counts what was lost, and reports it. */
class Losses<T> {
  #partial = 0;
  readonly #lost = new Map<string, number>();
  readonly #report: (place: Place<T>, losses: readonly Loss[]) => void;

  constructor(report: (place: Place<T>, losses: readonly Loss[]) => void) {
    this.#report = report;
  }

  readonly add = (place: Place<T>, losses: readonly Loss[]): void => {
    this.#partial++;
    for (const { property } of losses) this.#lost.set(property, (this.#lost.get(property) ?? 0) + 1);
    this.#report(place, losses);
  };

  counts({ succeeded, failed }: ManyResult, finder: LossFinder, recounted: readonly number[]): RestoreCounts {
    const lost = Object.fromEntries(this.#lost);
    recounted.forEach((count, slot) => {
      const property = finder.propertyOf(slot);
      lost[property] = (lost[property] ?? 0) + count;
    });
    return { whole: succeeded - this.#partial, partial: this.#partial, failed, lost };
  }
}
