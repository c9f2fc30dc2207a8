/** Reading events that wait. */
import { binary } from '../c/build.ts';
import { empty } from '../flows.ts';
import { type Result, runC, runOurs, sides } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, peakMiB, seconds } from '../statistics.ts';
import { atLeast, Figure, type Table } from '../table.ts';
import { MOST_REQUESTS, type Size } from './size.ts';

const C = 'nfct_catch with a callback';

interface Drained extends Result {
  first_seconds?: number;
}

export async function measureEvents({ flows, rounds }: Size): Promise<Table> {
  const title = 'Events';
  const count = Math.min(flows, MOST_REQUESTS);
  const args = [String(count), binary('fill')];
  const results = await takeTurns<Drained>({
    title,
    rounds,
    count,
    before: empty,
    programs: Object.fromEntries([
      [C, () => runC<Drained>('drain', ...args)],
      ...sides.map((side) => [side.name, () => runOurs<Drained>(side, 'events', ...args)]),
    ]),
  });
  await empty();
  return {
    title,
    text: `${count.toLocaleString('en-US')} NEW events wait in the receive buffer and are then read by next() of ct.events(), three attributes of each. "At first" is in a program that has just begun.`,
    columns: ['', 'events a second', 'events a second, at first', 'peak memory, MiB'],
    rows: Object.entries(results).map(([name, each]) => {
      const first = each.flatMap(({ first_seconds }) => first_seconds ?? []);
      return {
        name,
        cells: [
          new Figure(count / median(seconds(each)), 0, name === C ? undefined : atLeast(500_000)),
          first.length === 0 ? undefined : new Figure(count / median(first), 0),
          new Figure(peakMiB(each), 0),
        ],
      };
    }),
  };
}
