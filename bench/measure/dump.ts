/** A dump of the whole table. */
import { fill } from '../flows.ts';
import { ADDON, type Result, runC, runOurs, type Side, sides } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, peakMiB, ratio, seconds } from '../statistics.ts';
import { atMost, Figure, type Table } from '../table.ts';
import type { Size } from './size.ts';

const LOOP = 'bare C receive loop';
const QUERY = 'nfct_query with a callback';

interface Dumped extends Result {
  worst_delay_ms?: number;
}

interface Program {
  name: string;
  run(): Dumped;
  /** What is promised of it: how long it may keep the event loop, and how fast it is and how much memory it takes. */
  yields?: boolean;
  fast?: boolean;
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
    rows: programs.map(({ name, yields, fast }) => {
      const each = results[name];
      const times = seconds(each);
      const delays = each.flatMap(({ worst_delay_ms }) => worst_delay_ms ?? []);
      return {
        name,
        cells: [
          new Figure(median(times), 2),
          new Figure(ratio(times, seconds(results[QUERY])), 2, fast ? atMost(0.8) : undefined),
          new Figure(ratio(times, seconds(results[LOOP])), 2, fast ? atMost(1.15) : undefined),
          new Figure(peakMiB(each), 0, fast ? atMost(120) : undefined),
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
      const program = { name: side.name, run: run(side, 'flows'), yields: true, fast };
      if (side.transport !== 'node:ffi') return [program];
      return [program, { name: `${side.name}, batches()`, run: run(side, 'batches'), yields: true, fast }];
    }),
    { name: ADDON.name, run: run(ADDON, 'flows') },
  ];
}
