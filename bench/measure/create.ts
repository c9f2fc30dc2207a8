/** Making flows. */
import { empty } from '../flows.ts';
import { type Result, runC, runOurs, type Side, sides, sidesInContainers } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, peakMiB, ratio, seconds } from '../statistics.ts';
import { atMost, Figure, type Goal, type Table } from '../table.ts';
import { MOST_REQUESTS, type Size } from './size.ts';

const C = 'nfct_query, one by one';

/** As in most containers, where a thread of glibc's does what io_uring does elsewhere. */
function inContainers({ transport }: Side): Goal | undefined {
  return transport === 'node:ffi' ? atMost(0.8) : undefined;
}

export async function measureCreate({ flows, rounds }: Size): Promise<Table> {
  const title = 'Create';
  const count = Math.min(flows, MOST_REQUESTS);
  const goals = new Map<string, Goal | undefined>([
    ...sides.map(({ name }) => [name, atMost(0.6)] as const),
    ...sidesInContainers.map((side) => [side.name, inContainers(side)] as const),
  ]);
  const results = await takeTurns<Result>({
    title,
    rounds,
    count,
    before: empty,
    programs: Object.fromEntries([
      [C, () => runC('create', String(count))],
      ...[...sides, ...sidesInContainers].map((side) => [side.name, () => runOurs(side, 'create', String(count))]),
    ]),
  });
  await empty();
  return {
    title,
    text: `${count.toLocaleString('en-US')} UDP flows into an empty table, every one acknowledged by the kernel: createMany() of a generator against NFCT_Q_CREATE.`,
    columns: ['', 'seconds', 'of nfct_query', 'peak memory, MiB'],
    rows: Object.entries(results).map(([name, each]) => ({
      name,
      cells: [
        new Figure(median(seconds(each)), 3),
        new Figure(ratio(seconds(each), seconds(results[C])), 2, goals.get(name)),
        new Figure(peakMiB(each), 0),
      ],
    })),
  };
}
