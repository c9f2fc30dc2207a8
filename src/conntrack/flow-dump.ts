/** Dumps of flows: the filter, and the list of the table that is dumped. */
import { compiledFilter, type FilterInit } from '../ctnetlink/filter/filter.ts';
import { kernelSupport } from '../ctnetlink/filter/support.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildDump, type DumpQuery } from '../ctnetlink/request/flow.ts';
import { type Checks, checkBoolean, checkOptions, oneOf } from '../netlink/check.ts';
import type { Lease } from '../netlink/lease.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';
import { Dump, type DumpSource } from './dump.ts';
import type { DumpSockets } from './dump-sockets.ts';
import { ResetDump } from './reset-dump.ts';

/** Which list of the kernel's. */
export type Table = 'conntrack' | 'dying' | 'unconfirmed';

/** What Conntrack.dump takes. */
export interface DumpOptions extends CallOptions {
  /**
   * Sets the counters of the flows that are yielded to zero, and of no others; only of the table 'conntrack'. Each flow
   * is yielded with the counters that it had at that moment. `for await` zeroes a flow when it is asked for, so that a
   * loop that is left has zeroed what it was given and nothing else; `batches()` zeroes up to 256 flows at a time and
   * is about twice as fast; `toArray()` zeroes all, and loses their counters when it rejects. A flow that ended since
   * it was dumped is left out: its DESTROY event had its counters. One that took its place is yielded with its own
   * counters where it matches. Rejects with OverrunError when an answer was lost, and counters with it. Default: false.
   */
  reset?: boolean | undefined;
  /**
   * 'conntrack' (default); 'dying': entries whose DESTROY event could not be delivered yet; 'unconfirmed': always empty
   * on current kernels.
   */
  table?: Table | undefined;
  /** Iteration rejects with its reason. */
  signal?: AbortSignal | undefined;
}

const DUMP_OPTIONS: Checks<DumpOptions> = {
  ...CALL_OPTIONS,
  reset: checkBoolean,
  table: oneOf('conntrack', 'dying', 'unconfirmed'),
};

/** The query of these options. @throws RangeError naming the option */
function dumpQuery({ reset = false, table = 'conntrack' }: DumpOptions): DumpQuery {
  if (table === 'conntrack') return 'dump';
  if (reset) throw new RangeError(`options.reset is not for the table '${table}'`);
  return table === 'dying' ? 'dumpDying' : 'dumpUnconfirmed';
}

/** @throws TypeError, RangeError naming the part of the filter or the option */
export function flowDump(lease: Lease, sockets: DumpSockets, filter: FilterInit, options: DumpOptions): Dump<Flow> {
  const { reset, table, signal } = checkOptions(options, DUMP_OPTIONS);
  const source = flowSource(filter, dumpQuery({ reset, table }));
  const Kind = reset === true ? ResetDump : Dump;
  return new Kind(lease, sockets, source, signal);
}

/** @throws TypeError, RangeError naming the part of the filter */
export function flowSource(filter: FilterInit, query: DumpQuery): DumpSource<Flow> {
  const compiled = compiledFilter(filter);
  const filters = !compiled.takesAll;
  return {
    request: (release) => buildDump(query, compiled.forKernel('dump', kernelSupport(release))),
    take(view, offset, end) {
      const flow = decodeFlow(view, offset, end);
      // Also what the kernel has filtered: an old one may not have understood all of it.
      return !filters || compiled.matches(flow) ? flow : undefined;
    },
  };
}
