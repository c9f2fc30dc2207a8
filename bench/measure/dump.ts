/** A dump of the whole table. */
import { fill } from '../flows.ts';
import { ADDON, type Result, runC, runOurs, type Side, sides, sidesInContainers } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, peakMiB, ratio, seconds } from '../statistics.ts';
import { atMost, Figure, type Goal, type Table } from '../table.ts';
import type { Size } from './size.ts';

const LOOP = 'bare C receive loop';
const QUERY = 'nfct_query with a callback';

/** What those promise that Node runs, with io_uring. */
const FAST = { ofQuery: atMost(0.8), ofLoop: atMost(1.15), memory: atMost(120) } as const;

interface Dumped extends Result {
  worst_delay_ms?: number;
}

interface Program {
  name: string;
  run(): Dumped;
  /** What is promised of it: how long it may keep the event loop. */
  yields?: boolean;
  /** How fast it is, beside nfct_query and beside the bare loop, and how much memory it takes. */
  ofQuery?: Goal;
  ofLoop?: Goal;
  memory?: Goal;
}

export async function measureDump({ flows, rounds }: Size): Promise<Table> {
  const title = 'Dump';
  await fill(flows);
  const programs = contestants();
  const results = await takeTurns<Dumped>({
    title,
    rounds,
    programs: Object.fromEntries(programs.map(({ name, run }) => [name, run])),
    count: flows,
  });
  return {
    title,
    text: `${flows.toLocaleString('en-US')} flows, three attributes read of each; for await over Conntrack.dump() unless it says batches().`,
    columns: ['', 'seconds', 'of nfct_query', 'of the C loop', 'peak memory, MiB', 'latest 1 ms timer, ms late'],
    rows: programs.map(({ name, yields, ofQuery, ofLoop, memory }) => {
      const each = results[name];
      const times = seconds(each);
      const delays = each.flatMap(({ worst_delay_ms }) => worst_delay_ms ?? []);
      return {
        name,
        cells: [
          new Figure(median(times), 2),
          new Figure(ratio(times, seconds(results[QUERY])), 2, ofQuery),
          new Figure(ratio(times, seconds(results[LOOP])), 2, ofLoop),
          new Figure(peakMiB(each), 0, memory),
          delays.length === 0 ? undefined : new Figure(Math.max(...delays), 0, yields ? atMost(25) : undefined),
        ],
      };
    }),
  };
}

function contestants(): Program[] {
  const run = (side: Side, way: 'flows' | 'batches') => () => runOurs<Dumped>(side, 'dump', way);
  return [
    { name: LOOP, run: () => runC('receive') },
    { name: QUERY, run: () => runC('dump') },
    ...sides.flatMap((side) => {
      const fast = side.transport === 'node:ffi' || side.transport === 'koffi';
      const goals = { yields: true, ...(fast ? FAST : {}) };
      const program = { name: side.name, run: run(side, 'flows'), ...goals };
      if (side.transport !== 'node:ffi') return [program];
      return [program, { name: `${side.name}, batches()`, run: run(side, 'batches'), ...goals }];
    }),
    ...sidesInContainers.map((side) => {
      const ofQuery = side.transport === 'node:ffi' ? atMost(0.75) : undefined;
      return { name: side.name, run: run(side, 'flows'), yields: true, ofQuery };
    }),
    { name: ADDON.name, run: run(ADDON, 'flows') },
  ];
}
