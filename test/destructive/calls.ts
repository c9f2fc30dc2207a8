/** The calls that delete flows or reset counters, for the matrix. */
import type { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Filter } from '../../src/ctnetlink/filter.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import type { TransportFactory } from '../../src/netlink/transport.ts';
import { type Entry, entryOf, selects } from './table.ts';

/** What a call did, by its own account: the flows that it gave with their counters, where it gives any; or nothing at all. */
export type Given = Entry[] | 'refused' | undefined;

export interface Call {
  readonly name: string;
  /** What the call is to do to the flows that its filter is about. */
  readonly does: 'delete' | 'reset';
  /** It stops when it has been given so many. */
  readonly stopsAt?: number;
  /** Others send what one of these sends, to every release. */
  readonly everyRelease?: boolean;
  /** The filters that it can be asked for; default: all. */
  takes?(filter: Filter): boolean;
  /** Which flows the call is to be about. */
  selects(filter: Filter, entry: Entry): boolean;
  run(ct: Conntrack, filter: Filter, transport: TransportFactory): Promise<Given>;
}

async function gather(flows: AsyncIterable<Flow>, most = Number.POSITIVE_INFINITY): Promise<Entry[]> {
  const given: Entry[] = [];
  for await (const flow of flows) {
    given.push(entryOf(flow));
    if (given.length >= most) break;
  }
  return given;
}

const STOPS_AT = 2;

export const CALLS: readonly Call[] = [
  {
    name: 'flush',
    everyRelease: true,
    does: 'delete',
    selects,
    async run(ct, filter) {
      await ct.flush(filter);
      return undefined;
    },
  },
  {
    name: 'deleteMany of a dump',
    everyRelease: true,
    does: 'delete',
    selects,
    async run(ct, filter) {
      await ct.deleteMany(ct.dump(filter));
      return undefined;
    },
  },
  {
    name: 'deleteMany of a dump, exactly',
    does: 'delete',
    selects,
    async run(ct, filter) {
      await ct.deleteMany(ct.dump(filter), { exact: true });
      return undefined;
    },
  },
  {
    name: 'delete of each dumped flow',
    does: 'delete',
    selects,
    async run(ct, filter) {
      for (const flow of await ct.dump(filter).toArray()) await ct.delete(flow);
      return undefined;
    },
  },
  {
    name: 'dump with reset, flow by flow',
    does: 'reset',
    selects,
    run: (ct, filter) => gather(ct.dump(filter, { reset: true })),
  },
  {
    name: 'dump with reset, broken off',
    does: 'reset',
    selects,
    stopsAt: STOPS_AT,
    run: (ct, filter) => gather(ct.dump(filter, { reset: true }), STOPS_AT),
  },
  {
    name: 'dump with reset, in batches',
    everyRelease: true,
    does: 'reset',
    selects,
    async run(ct, filter) {
      const given: Entry[] = [];
      for await (const batch of ct.dump(filter, { reset: true }).batches()) given.push(...batch.map(entryOf));
      return given;
    },
  },
  {
    name: 'dump with reset, as an array',
    does: 'reset',
    selects,
    run: async (ct, filter) => (await ct.dump(filter, { reset: true }).toArray()).map(entryOf),
  },
];
