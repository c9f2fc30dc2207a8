/** Deletes or changes all flows that match, in one walk over the table: what the calls take and give. */
import { type CompiledFilter, compiledFilter, type FilterInit, restrictingFilter } from '../ctnetlink/filter/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { type Checks, checkBoolean, checkFunction, checkInteger, checkSync, describe } from '../netlink/check.ts';
import { NetlinkError } from '../netlink/errors.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';

/**
 * Which flows: a filter, or a function that returns whether a flow is meant. The function is called once for each flow
 * of the table, and must not be async.
 */
export type Where = FilterInit | ((flow: Flow) => boolean);

/** What a walk has come to so far. */
export interface WhereCounts {
  /** Flows that the kernel dumped. It leaves out those that it knows not to match the filter. */
  scanned: number;
  /** Flows that matched. */
  matched: number;
  /** Flows that matched, and were gone when their turn came, or replaced by another one. */
  alreadyGone: number;
  /** Flows that the kernel refused to delete or change, or whose answers were lost three times: see `failures`. */
  failed: number;
  /**
   * Flows that were on their way when the call ended, and not answered: they may have been deleted or changed. 0 unless
   * the call rejects, such as by `close`.
   */
  unknown: number;
}

/** Why one flow was not deleted or changed. */
export interface WhereFailure {
  /** The flow as it was dumped. */
  flow: Flow;
  /** KernelError as the kernel refused it; OverrunError where its answer was lost three times. */
  error: Error;
}

/** What updateWhere resolves to. */
export interface UpdateWhereResult extends WhereCounts {
  /** Flows that were changed; of a dry run 0. */
  updated: number;
  /** The first 20 flows that matched, as they were. */
  sample: Flow[];
  /** The first 20 that failed. */
  failures: WhereFailure[];
}

/** What deleteWhere resolves to. */
export interface DeleteWhereResult extends WhereCounts {
  /** Flows that were deleted; of a dry run 0. */
  deleted: number;
  /** The first 20 flows that matched. */
  sample: Flow[];
  /** The first 20 that failed. */
  failures: WhereFailure[];
  /**
   * With `verify`: deleted flows whose tuple came back within that time. The next packet of a TCP connection creates
   * its flow again while nf_conntrack_tcp_loose is 1 (the default).
   */
  reappeared?: number;
  /** With `verify`: the first 20 that came back, as they are now. */
  reappearedSample?: Flow[];
  /**
   * With `verify` and nf_conntrack_timestamp=1: flows that were deleted in the place of one that was meant, because
   * they had its tuple and, by chance, its id. `exact` prevents nearly all of them.
   */
  wrongGeneration?: number;
  /**
   * With `verify`: events that were lost; undefined if their number is not known. Unless it is 0, `reappeared` and
   * `wrongGeneration` are the least that they can be.
   */
  eventsLost?: number | undefined;
}

/** What updateWhere takes. */
export interface UpdateWhereOptions extends CallOptions {
  /** Only counts what matches. Default: false. */
  dryRun?: boolean | undefined;
  /**
   * The most flows that may match, 0 or more. Nothing is done before the dump has ended. If more match, nothing is done
   * at all, and the call rejects with a WhereError `ERR_LIMIT`. Up to that many flows are kept in memory. Default: any
   * number.
   */
  limit?: number | undefined;
  /**
   * Asks for each flow first, many in a datagram, and leaves those in whose place another flow is, as far as that can
   * be seen (`Conntrack.delete` has the details): an id may be that of such a flow. Takes another request for each
   * flow. Default: false to delete, where the kernel compares the id itself; true to change, where it compares nothing.
   */
  exact?: boolean | undefined;
  /** Called after each datagram of the dump and after each batch; ends the call if it throws. */
  onProgress?: ((counts: WhereCounts) => void) | undefined;
  /** Stops after the batch under way. The call rejects with a WhereError `ERR_ABORTED`, which has the counts so far. */
  signal?: AbortSignal | undefined;
}

/** What deleteWhere takes. */
export interface DeleteWhereOptions extends UpdateWhereOptions {
  /**
   * Listens to events from before the dump until so many milliseconds after the last delete (0 to 3,600,000), and
   * counts the flows that came back. Default: no.
   */
  verify?: number | undefined;
}

const MOST_LIMIT = 0x7fffffff;
const MOST_VERIFY = 3_600_000;

export const UPDATE_WHERE_OPTIONS: Checks<UpdateWhereOptions> = {
  ...CALL_OPTIONS,
  dryRun: checkBoolean,
  limit: (value, argument) => checkInteger(value, MOST_LIMIT, argument),
  exact: checkBoolean,
  onProgress: checkFunction,
};

export const DELETE_WHERE_OPTIONS: Checks<DeleteWhereOptions> = {
  ...UPDATE_WHERE_OPTIONS,
  verify: (value, argument) => checkInteger(value, MOST_VERIFY, argument),
};

/** A walk ended early. Flows may have been deleted or changed: `result` has the counts so far. */
export class WhereError extends NetlinkError {
  /** 'WhereError', of every copy of this package. */
  override name = 'WhereError';
  /**
   * ERR_LIMIT: more matched than the limit, and nothing was done; ERR_ABORTED: by the signal; ERR_INCOMPLETE: by
   * `cause`.
   */
  declare readonly code: 'ERR_LIMIT' | 'ERR_ABORTED' | 'ERR_INCOMPLETE';
  /** What it had come to. */
  readonly result: DeleteWhereResult | UpdateWhereResult;

  constructor(code: WhereError['code'], message: string, result: WhereError['result'], cause?: unknown) {
    super(code, message, { cause });
    this.result = result;
  }
}

/** What is dumped, and which of it is meant. */
export interface Selected {
  /** As far as the kernel is asked. */
  readonly filter: CompiledFilter;
  matches(flow: Flow): boolean;
}

/** @throws TypeError, RangeError naming what is wrong */
export function selectedBy(where: Where): Selected {
  if (typeof where === 'function') {
    const filter = compiledFilter({});
    return {
      filter,
      matches(flow) {
        const result: unknown = checkSync(where(flow), 'where');
        // The -1 of indexOf is true: flows would be meant that are not.
        if (typeof result === 'boolean') return result;
        throw new TypeError(`where must return true or false, not ${describe(result)}`);
      },
    };
  }
  const filter = restrictingFilter(where, 'where');
  return { filter, matches: (flow) => filter.matches(flow) };
}
