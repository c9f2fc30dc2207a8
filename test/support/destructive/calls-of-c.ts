/** The destructive queries of nfct and the options of the command line, as far as they can say what a filter says. */
import { changeFlows, removeFlows } from '../../../src/cli/commands/change.ts';
import type { Context } from '../../../src/cli/commands/context.ts';
import { flushFlows } from '../../../src/cli/commands/flush.ts';
import { selected } from '../../../src/cli/commands/list.ts';
import { Selection } from '../../../src/cli/commands/selection.ts';
import { parse } from '../../../src/cli/options/parse.ts';
import { UsageError } from '../../../src/cli/options/settings.ts';
import { Output } from '../../../src/cli/output.ts';
import { Conntrack } from '../../../src/conntrack/conntrack.ts';
import type { TupleInit } from '../../../src/ctnetlink/attributes/flow-properties.ts';
import type { Ranges } from '../../../src/ctnetlink/filter/ranges.ts';
import { formatFilter } from '../../../src/ctnetlink/filter/text/format.ts';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { statusBits } from '../../../src/ctnetlink/status.ts';
import { UnsupportedError } from '../../../src/netlink/errors.ts';
import type { TransportFactory } from '../../../src/netlink/transport.ts';
import * as nfct from '../../../src/nfct/index.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../../src/uapi/socket.ts';
import { type Asked, type Call, type Given, hidesNone, NEW_MARK } from './calls.ts';
import { type Entry, SIMPLE_FILTERS, type SimpleFilter, selects } from './table.ts';

const FAMILIES = { ipv4: AF_INET, ipv6: AF_INET6 } as const;

function isSimple(filter: Asked): filter is SimpleFilter {
  return (SIMPLE_FILTERS as readonly Asked[]).includes(filter);
}

/** The filter as nfct_filter_dump has it; undefined where it cannot say that. */
function filterDump(asked: Asked): nfct.nfct_filter_dump | undefined {
  if (!isSimple(asked)) return undefined;
  const { family, mark, status, zone, orig, reply } = asked;
  if (reply !== undefined || orig?.zone !== undefined || `${orig?.src}${orig?.dst}`.includes('/')) return undefined;
  if (typeof orig?.sport === 'object' || typeof orig?.dport === 'object') return undefined;
  const filter = nfct.nfct_filter_dump_create();
  const set = (type: number, value: Parameters<typeof nfct.nfct_filter_dump_set_attr>[2]): void =>
    nfct.nfct_filter_dump_set_attr(filter, type, value);
  if (family !== undefined) set(nfct.NFCT_FILTER_DUMP_L3NUM, FAMILIES[family]);
  if (mark !== undefined) {
    const { value, mask } = typeof mark === 'number' ? { value: mark, mask: 0xffffffff } : mark;
    set(nfct.NFCT_FILTER_DUMP_MARK, { val: value, mask });
  }
  if (status !== undefined) {
    const { value, mask } = typeof status === 'object' && 'mask' in status ? status : { value: status, mask: status };
    set(nfct.NFCT_FILTER_DUMP_STATUS, { val: statusBits(value, 'value'), mask: statusBits(mask, 'mask') });
  }
  if (zone !== undefined) set(nfct.NFCT_FILTER_DUMP_ZONE, zone);
  if (orig !== undefined) set(nfct.NFCT_FILTER_DUMP_TUPLE, Flow.from({ orig: orig as TupleInit }));
  return filter;
}

function isOnlyFamily(filter: Asked): filter is Required<Pick<SimpleFilter, 'family'>> {
  return isSimple(filter) && Object.keys(filter).join() === 'family';
}

/** Sends a query. What the kernel would do more of is refused. */
async function query(
  transport: TransportFactory,
  type: number,
  data: Parameters<typeof nfct.nfct_query>[2],
): Promise<Given> {
  const h = await nfct.nfct_open(nfct.CONNTRACK, 0, { transport });
  try {
    await nfct.nfct_query(h, type, data);
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return 'refused';
    throw error;
  } finally {
    nfct.nfct_close(h);
  }
}

function portsText(ports: Ranges | undefined): string | undefined {
  if (ports === undefined) return undefined;
  const all = typeof ports === 'number' || 'from' in ports ? [ports] : ports;
  return all.map((each) => (typeof each === 'number' ? each : `${each.from}:${each.to}`)).join();
}

/** The options that say what the filter says; undefined where there are none. */
function optionsOf(asked: Asked): string[] | undefined {
  if (!isSimple(asked)) return undefined;
  const { family, mark, status, zone, orig = {}, reply = {} } = asked;
  const { src, dst, proto, sport, dport, ...rest } = orig;
  const { src: replySrc, dst: replyDst, sport: replySport, dport: replyDport, ...replyRest } = reply;
  const hasPorts = proto === 'udp' || proto === 'tcp';
  const unsayable =
    Object.keys(rest).length > 0 ||
    Object.keys(replyRest).length > 0 ||
    `${replySrc}${replyDst}`.includes('/') ||
    ((sport ?? dport ?? replySport ?? replyDport) !== undefined && !hasPorts) ||
    (status !== undefined && !Array.isArray(status)) ||
    zone === 0 ||
    // Of a value with bits outside of its mask conntrack(8) takes those of the mask.
    (typeof mark === 'object' && (mark.value & ~mark.mask) !== 0);
  if (unsayable) return undefined;
  const marked = typeof mark === 'object' ? `${mark.value}/${mark.mask}` : mark;
  const said: [option: string, value: string | number | undefined][] = [
    ['-f', family],
    ['-m', marked],
    ['-u', (status as readonly string[] | undefined)?.join(',')],
    ['-w', zone],
    ['-s', src],
    ['-d', dst],
    ['-p', proto],
    ['--sport', portsText(sport)],
    ['--dport', portsText(dport)],
    ['--reply-port-src', portsText(replySport)],
    ['--reply-port-dst', portsText(replyDport)],
    ['-r', replySrc],
    ['-q', replyDst],
  ];
  return said.flatMap(([option, value]) => (value === undefined ? [] : [option, String(value)]));
}

const SILENT = { on: () => {}, once: () => {}, write: () => true };

async function withCommand(
  ct: Conntrack,
  transport: TransportFactory,
  args: readonly string[],
  command: (context: Context) => Promise<unknown>,
): Promise<Given> {
  await command({
    ct,
    each: [{ ct, netns: undefined }],
    open: () => Conntrack.open({ transport }),
    settings: parse(args),
    output: new Output(SILENT),
  });
  return undefined;
}

async function zeroed({ ct, settings }: Context): Promise<void> {
  for await (const _batch of selected(ct, new Selection(settings), { reset: true }));
}

function refusal(parsed: () => unknown): Given {
  try {
    parsed();
  } catch (error) {
    if (error instanceof UsageError) return 'refused';
    throw error;
  }
  throw new Error('was not refused');
}

/** -w is a zone of both directions. */
function selectsAsCommand(filter: Asked, entry: Entry): boolean {
  return selects(filter, entry) && (!('zone' in filter) || entry.zone === filter.zone);
}

/** A dump is for one family since Linux 4.20; before, the kernel walks past both, and zeroes both. */
function zeroedByDump(filter: Asked, entry: Entry, release: string): boolean {
  return release === '4.19.0' || selects(filter, entry);
}

export const CALLS_OF_C: readonly Call[] = [
  {
    name: 'NFCT_Q_FLUSH_FILTER',
    does: 'delete',
    everyRelease: true,
    takes: (filter) => filterDump(filter) !== undefined,
    selects,
    run: (_ct, filter, transport) => query(transport, nfct.NFCT_Q_FLUSH_FILTER, filterDump(filter)!),
  },
  {
    name: 'NFCT_Q_DUMP_FILTER_RESET',
    does: 'reset',
    everyRelease: true,
    takes: (filter) => filterDump(filter) !== undefined,
    selects,
    run: (_ct, filter, transport) => query(transport, nfct.NFCT_Q_DUMP_FILTER_RESET, filterDump(filter)!),
  },
  {
    name: 'NFCT_Q_FLUSH, which ignores its family',
    does: 'delete',
    takes: isOnlyFamily,
    selects: () => true,
    run: (_ct, filter, transport) =>
      query(transport, nfct.NFCT_Q_FLUSH, isOnlyFamily(filter) ? FAMILIES[filter.family] : AF_UNSPEC),
  },
  {
    name: 'NFCT_Q_DUMP_RESET of both families',
    does: 'reset',
    takes: isOnlyFamily,
    selects: () => true,
    run: (_ct, _filter, transport) => query(transport, nfct.NFCT_Q_DUMP_RESET, AF_UNSPEC),
  },
  {
    name: 'NFCT_Q_DESTROY of each dumped flow, where none hides another',
    does: 'delete',
    takes: hidesNone,
    selects,
    async run(ct, filter, transport) {
      for (const { orig, zone } of await ct.dump(filter).toArray())
        await query(transport, nfct.NFCT_Q_DESTROY, Flow.from({ orig, zone }));
      return undefined;
    },
  },
  {
    name: 'flushAll',
    does: 'delete',
    takes: isOnlyFamily,
    selects: () => true,
    async run(ct) {
      await ct.flushAll();
      return undefined;
    },
  },
  {
    name: 'ctnetlink -D',
    does: 'delete',
    everyRelease: true,
    takes: (filter) => optionsOf(filter) !== undefined,
    selects: selectsAsCommand,
    run: (ct, filter, transport) => withCommand(ct, transport, ['-D', ...optionsOf(filter)!], removeFlows),
  },
  {
    name: 'ctnetlink -D --filter',
    does: 'delete',
    everyRelease: true,
    selects,
    run: (ct, filter, transport) => withCommand(ct, transport, ['-D', '--filter', formatFilter(filter)], removeFlows),
  },
  {
    name: 'ctnetlink -F',
    does: 'delete',
    everyRelease: true,
    takes: isOnlyFamily,
    selects,
    run: (ct, filter, transport) => withCommand(ct, transport, ['-F', ...optionsOf(filter)!], flushFlows),
  },
  {
    name: 'ctnetlink -F without a family',
    does: 'delete',
    takes: isOnlyFamily,
    selects: () => true,
    run: (ct, _filter, transport) => withCommand(ct, transport, ['-F'], flushFlows),
  },
  {
    name: 'ctnetlink -U',
    does: 'mark',
    everyRelease: true,
    // -m says what is to change, and so does -u; -w is not for it.
    takes: (filter) => optionsOf(filter) !== undefined && ['mark', 'status', 'zone'].every((each) => !(each in filter)),
    selects: selectsAsCommand,
    run: (ct, filter, transport) =>
      withCommand(ct, transport, ['-U', '-m', String(NEW_MARK), ...optionsOf(filter)!], (context) =>
        changeFlows(context, (error) => {
          throw error;
        }),
      ),
  },
  {
    name: 'ctnetlink -L -z without a filter',
    does: 'reset',
    takes: isOnlyFamily,
    selects: () => true,
    run: (ct, _filter, transport) => withCommand(ct, transport, ['-L', '-z'], zeroed),
  },
  {
    name: 'ctnetlink -L -z with a filter, which is refused but for a family',
    does: 'reset',
    everyRelease: true,
    takes: (filter) => optionsOf(filter) !== undefined,
    selects: zeroedByDump,
    async run(ct, filter, transport) {
      const args = ['-L', '-z', ...optionsOf(filter)!];
      if (!isOnlyFamily(filter)) return refusal(() => parse(args));
      return await withCommand(ct, transport, args, zeroed);
    },
  },
];
