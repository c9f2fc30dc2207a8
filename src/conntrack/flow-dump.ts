/** Dumps of flows: what of the table, and which list of it. */
import { CompiledFilter, type Filter } from '../ctnetlink/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildDump, type DumpQuery } from '../ctnetlink/request.ts';
import { kernelSupport } from '../ctnetlink/support.ts';
import { type Checks, checkBoolean, checkOptions, oneOf } from '../netlink/check.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';
import type { DumpSource } from './dump.ts';

/** Which list of the kernel's. */
export type Table = 'conntrack' | 'dying' | 'unconfirmed';

export interface DumpOptions extends CallOptions {
  /** Sets the counters of what is dumped to zero (conntrack -z); only of the table 'conntrack'. Default: false. */
  reset?: boolean;
  /**
   * 'conntrack' (default); 'dying': entries whose DESTROY event could not be delivered yet; 'unconfirmed': always empty on current
   * kernels.
   */
  table?: Table;
  /** Iteration rejects with its reason. */
  signal?: AbortSignal;
}

const DUMP_OPTIONS: Checks<DumpOptions> = {
  ...CALL_OPTIONS,
  reset: checkBoolean,
  table: oneOf('conntrack', 'dying', 'unconfirmed'),
};

/** The query of these options. @throws RangeError naming the option */
function dumpQuery({ reset = false, table = 'conntrack' }: DumpOptions): DumpQuery {
  if (table === 'conntrack') return reset ? 'dumpReset' : 'dump';
  if (reset) throw new RangeError(`options.reset is not for the table '${table}'`);
  return table === 'dying' ? 'dumpDying' : 'dumpUnconfirmed';
}

/** @throws TypeError, RangeError naming the part of the filter or the option */
export function flowDump(filter: Filter, options: DumpOptions): DumpSource<Flow> {
  checkOptions(options, DUMP_OPTIONS);
  const query = dumpQuery(options);
  const compiled = new CompiledFilter(filter);
  const filters = !compiled.empty;
  return {
    request: (release) => buildDump(query, compiled.forKernel('dump', kernelSupport(release))),
    take(view, offset, end) {
      const flow = decodeFlow(view, offset, end);
      // Also what the kernel has filtered: an old one may not have understood all of it.
      return !filters || compiled.matches(flow) ? flow : undefined;
    },
  };
}
