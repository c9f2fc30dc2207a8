/** The calls that delete flows, reset counters or change what is there, for the matrix. */
import type { Conntrack } from '../../../src/conntrack/conntrack.ts';
import type { Filter } from '../../../src/ctnetlink/filter/filter.ts';
import type { Flow } from '../../../src/ctnetlink/flow.ts';
import type { TransportFactory } from '../../../src/netlink/transport.ts';
import { IPS_FIXED_TIMEOUT } from '../../../src/uapi/nf_conntrack_common.ts';
import { type Entry, entryOf, selects } from './table.ts';

/**
 * What a call did, by its own account: the flows that it gave with their counters, where it gives any; or nothing at
 * all.
 */
export type Given = Entry[] | 'refused' | undefined;

/** A filter of the matrix. */
export type Asked = Filter | readonly Filter[];

export interface Call {
  readonly name: string;
  /** What the call is to do to the flows that its filter is about; 'mark': they get the mark NEW_MARK. */
  readonly does: 'delete' | 'reset' | 'mark';
  /** It stops when it has been given so many. */
  readonly stopsAt?: number;
  /** Others send what one of these sends, to every release. */
  readonly everyRelease?: boolean;
  /** The filters that it can be asked for; default: all. */
  takes?(filter: Asked): boolean;
  /** Which flows the call is to be about, on a kernel of this release. */
  selects(filter: Asked, entry: Entry, release: string): boolean;
  run(ct: Conntrack, filter: Asked, transport: TransportFactory): Promise<Given>;
}

/** What tells two flows apart whose tuples are each other's is their id, which the kernel compares in a delete only. */
export function hidesNone(filter: Asked): boolean {
  return 'orig' in filter && ['udp', 'gre', 'icmp', 'icmpv6', 'sctp'].includes(String(filter.orig?.proto));
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

/** No flow of the table has it, and no filter asks for it. */
export const NEW_MARK = 0x2a;

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
    name: 'deleteWhere',
    everyRelease: true,
    does: 'delete',
    selects,
    async run(ct, filter) {
      const { matched, deleted, alreadyGone, failed, failures } = await ct.deleteWhere(filter);
      // One of two flows that hide each other may be found by no name.
      if (matched !== deleted + alreadyGone || failed !== 0) throw new Error(JSON.stringify(failures));
      return undefined;
    },
  },
  {
    name: 'deleteWhere, exactly',
    does: 'delete',
    selects,
    async run(ct, filter) {
      await ct.deleteWhere(filter, { exact: true });
      return undefined;
    },
  },
  {
    name: 'deleteWhere of a function, with a limit',
    does: 'delete',
    selects,
    async run(ct, filter) {
      await ct.deleteWhere((flow) => selects(filter, entryOf(flow)), { limit: 1000 });
      return undefined;
    },
  },
  {
    name: 'updateWhere',
    everyRelease: true,
    does: 'mark',
    selects,
    async run(ct, filter) {
      await ct.updateWhere(filter, { mark: NEW_MARK });
      return undefined;
    },
  },
  {
    name: 'updateWhere by tuples alone, where none hides another',
    does: 'mark',
    takes: hidesNone,
    selects,
    async run(ct, filter) {
      await ct.updateWhere(filter, { mark: NEW_MARK }, { exact: false });
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
  {
    name: 'update of each dumped flow, where none hides another',
    does: 'mark',
    takes: hidesNone,
    selects,
    async run(ct, filter) {
      for (const { orig, zone } of await ct.dump(filter).toArray()) await ct.update({ orig, zone, mark: NEW_MARK });
      return undefined;
    },
  },
  {
    name: 'updateMany of a dump, where none hides another',
    does: 'mark',
    everyRelease: true,
    takes: hidesNone,
    selects,
    async run(ct, filter) {
      const flows = await ct.dump(filter).toArray();
      await ct.updateMany(flows.map(({ orig, zone }) => ({ orig, zone, mark: NEW_MARK })));
      return undefined;
    },
  },
  {
    name: 'createOrUpdateMany of a dump, where none hides another',
    does: 'mark',
    takes: hidesNone,
    // It must give a timeout, which the kernel refuses to a flow whose timeout is fixed.
    selects: (filter, entry) => selects(filter, entry) && entry.status?.includes('FIXED_TIMEOUT') !== true,
    async run(ct, filter) {
      const flows = await ct.dump(filter).toArray();
      const changed = flows.filter(({ status }) => (status! & IPS_FIXED_TIMEOUT) === 0);
      const changes = changed.map(({ orig, reply, zone }) => ({ orig, reply, zone, timeout: 600, mark: NEW_MARK }));
      await ct.createOrUpdateMany(changes);
      return undefined;
    },
  },
];
