/** What a flow costs in tables of every size. */
import { fill } from '../flows.ts';
import { type Result, runC, runOurs, sides } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { seconds } from '../statistics.ts';
import { atMost, Figure, type Row, type Table } from '../table.ts';
import type { Size } from './size.ts';

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const LOOP = 'bare C receive loop';
/** Each program dumps again and again for so long: it is the warm program that is asked for. */
const SECONDS = '1';

export async function measureScale({ flows, rounds }: Size): Promise<Table> {
  const title = 'Scale';
  const sizes = SIZES.filter((size) => size <= flows);
  const programs = Object.fromEntries([
    [LOOP, () => runC('receive', SECONDS)],
    ...sides.map((side) => [side.name, () => runOurs(side, 'dump', 'flows', SECONDS)]),
  ]);
  const names = Object.keys(programs);
  /**
   * Seconds a dump, by name: of the empty table, then of the sizes. The best round: here small differences count, in no
   * round of their own.
   */
  const times: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (const count of [0, ...sizes]) {
    await fill(count);
    const results = await takeTurns<Result>({ title: `${title}, ${count} flows`, rounds, programs, count });
    for (const name of names) times[name].push(Math.min(...seconds(results[name])));
  }
  const perFlow = (name: string): number[] => {
    const [empty, ...others] = times[name];
    return others.map((time, index) => ((time - empty) * 1e9) / sizes[index]);
  };
  const ours = names.filter((name) => name !== LOOP);
  return {
    title,
    text:
      'Dumps by a program that has made some before. The kernel walks its whole hash table for each, whatever is in it, which is what a ' +
      'dump of no flows takes; "ns a flow" is what the flows take beyond that. Best round. The last column: by how much the dearest is above ' +
      "the cheapest. The cost is flat as far as the kernel's own is, which the bare loop shows: the goal is on the ratio to it.",
    columns: ['flows', '0', ...sizes.map((size) => size.toLocaleString('en-US')), 'spread, %'],
    rows: [
      ...names.map((name) =>
        row(
          `${name}, ms`,
          times[name].map((time) => new Figure(time * 1000, 1)),
        ),
      ),
      ...names.map((name) => flat(`${name}, ns a flow`, perFlow(name), 0)),
      ...ours.map((name) =>
        flat(
          `${name}, of the C loop's time`,
          times[name].slice(1).map((time, index) => time / times[LOOP][index + 1]),
          2,
          true,
        ),
      ),
    ],
  };
}

function row(name: string, figures: Figure[]): Row {
  return { name, cells: [...figures, undefined] };
}

/** What should be the same for every size. */
function flat(name: string, values: number[], digits: number, promised = false): Row {
  const least = Math.min(...values);
  // A machine so busy that more flows took less time says nothing.
  const spread = least > 0 ? 100 * (Math.max(...values) / least - 1) : Number.POSITIVE_INFINITY;
  const figures = values.map((value) => new Figure(value, digits));
  return { name, cells: [undefined, ...figures, new Figure(spread, 0, promised ? atMost(15) : undefined)] };
}
