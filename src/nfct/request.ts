/** One request for each NFCT_Q_: type, flags and attributes as C sends them, except where that would do harm. */

import { CompiledFilter, type KernelFilter } from '../ctnetlink/filter/filter.ts';
import { kernelSupport } from '../ctnetlink/filter/support.ts';
import { FilterTerms } from '../ctnetlink/filter/terms.ts';
import { buildMessage, type QueryName } from '../ctnetlink/request/flow.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import {
  NFCT_Q_CREATE,
  NFCT_Q_CREATE_UPDATE,
  NFCT_Q_DESTROY,
  NFCT_Q_DUMP,
  NFCT_Q_DUMP_FILTER,
  NFCT_Q_DUMP_FILTER_RESET,
  NFCT_Q_DUMP_RESET,
  NFCT_Q_FLUSH,
  NFCT_Q_FLUSH_FILTER,
  NFCT_Q_GET,
  NFCT_Q_UPDATE,
} from '../uapi/libnetfilter_conntrack.ts';
import { NFNETLINK_V1 } from '../uapi/nfnetlink.ts';
import { checkConntrack } from './conntrack.ts';
import { checkFamily, compileFilterDump, inOrder } from './filter-dump.ts';
import { wireForm } from './wire.ts';

/** What a query sends, and which replies are wanted. */
export interface Query {
  readonly request: Request;
  /** Kernels do not compare all of it, and old ones nothing. */
  readonly filter?: CompiledFilter;
}

/**
 * @param release of the kernel, as Transport has it: what a filter may say depends on it
 * @throws TypeError, RangeError naming the argument
 * @throws UnsupportedError when the kernel would flush, or reset, more than the filter says
 */
export function buildQuery(qt: number, data: unknown, release: string | undefined): Query {
  switch (qt) {
    case NFCT_Q_CREATE:
      return ofConntrack('create', data);
    case NFCT_Q_CREATE_UPDATE:
      return ofConntrack('createOrUpdate', data);
    case NFCT_Q_UPDATE:
      return ofConntrack('update', data);
    case NFCT_Q_DESTROY:
      return ofConntrack('delete', data);
    case NFCT_Q_GET:
      return ofConntrack('get', data);
    case NFCT_Q_FLUSH:
      return ofFamily('flush', data);
    case NFCT_Q_DUMP:
      return ofFamily('dump', data);
    case NFCT_Q_DUMP_RESET:
      return ofFamily('dumpReset', data);
    case NFCT_Q_DUMP_FILTER:
      return filteredDump('dump', data, release);
    case NFCT_Q_DUMP_FILTER_RESET:
      return filteredDump('dumpReset', data, release);
    case NFCT_Q_FLUSH_FILTER:
      return filteredFlush(data, release);
    default:
      throw new RangeError(`query must be one of NFCT_Q_*, not ${describe(qt)}`);
  }
}

function ofConntrack(operation: QueryName, data: unknown): Query {
  checkConntrack(data, 'data');
  const { family, attributes } = wireForm(data, 'data');
  return { request: buildMessage(operation, family, attributes) };
}

function ofFamily(operation: QueryName, data: unknown): Query {
  const family = checkInteger(data, 0xff, 'data (an address family)');
  return { request: buildMessage(operation, family) };
}

function filteredDump(operation: 'dump' | 'dumpReset', data: unknown, release: string | undefined): Query {
  const filter = compileFilterDump(data, 'data');
  const kernel = filter.forKernel('dump', kernelSupport(release));
  if (operation === 'dumpReset' && !kernel.exact) {
    throw new UnsupportedError(
      `NFCT_Q_DUMP_FILTER_RESET: ${ofThisKernel(release)} would also reset counters of flows that the filter does not match`,
    );
  }
  return { request: filtered(operation, kernel), filter };
}

function filteredFlush(data: unknown, release: string | undefined): Query {
  // A family in 1.0.9, a filter since.
  const filter =
    typeof data === 'number'
      ? new CompiledFilter(new FilterTerms({ family: checkFamily(data, 'data') }))
      : compileFilterDump(data, 'data');
  if (filter.empty)
    throw new TypeError('data: this filter matches every flow; NFCT_Q_FLUSH is the query that empties the table');
  const kernel = filter.forKernel('flush', kernelSupport(release));
  if (!kernel.exact) {
    throw new UnsupportedError(
      `NFCT_Q_FLUSH_FILTER: ${ofThisKernel(release)} would flush more flows than the filter matches; dump with it and destroy each flow`,
    );
  }
  return { request: filtered('flush', kernel, NFNETLINK_V1) };
}

function filtered(operation: QueryName, kernel: KernelFilter, version?: number): Request {
  return buildMessage(operation, kernel.family, inOrder(kernel), version);
}

function ofThisKernel(release: string | undefined): string {
  return release === undefined ? 'a kernel of unknown release' : `Linux ${release}`;
}
