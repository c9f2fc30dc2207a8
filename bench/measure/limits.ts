/** What depends on the machine, so that no test can promise it. */
import { binary } from '../c/build.ts';
import { empty } from '../flows.ts';
import { runOurs, sides } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median } from '../statistics.ts';
import { atMost, Figure, type Table } from '../table.ts';
import type { Size } from './size.ts';

const MOST_EVENTS = 200_000;
/** The ways in which a program ends. */
const WAYS = ['close', 'exit', 'SIGINT'] as const;

type Ended = Record<'count' | (typeof WAYS)[number], number>;

interface Burst {
  count: number;
  lost: number;
}

export async function measureLimits({ flows, rounds }: Size): Promise<Table> {
  const title = 'Limits';
  const count = Math.min(flows, MOST_EVENTS);
  const ended = await takeTurns<Ended>({
    title: `${title}, ends`,
    rounds,
    count: WAYS.length,
    before: empty,
    programs: Object.fromEntries(sides.map((side) => [side.name, () => runOurs<Ended>(side, 'ending')])),
  });
  const bursts = await takeTurns<Burst>({
    title: `${title}, bursts`,
    rounds,
    count,
    before: empty,
    programs: Object.fromEntries(
      sides.map((side) => [side.name, () => runOurs<Burst>(side, 'burst', String(count), binary('fill'))]),
    ),
  });
  await empty();
  return {
    title,
    text:
      'How long a program that waits for events takes to end, and how many events it loses with a receive buffer of 64 MiB while another ' +
      `process makes ${count.toLocaleString('en-US')} flows as fast as it can. The worst round of the losses.`,
    columns: ['', 'ends after close(), ms', 'after process.exit(), ms', 'after SIGINT, ms', 'events lost'],
    rows: sides.map(({ name }) => ({
      name,
      cells: [
        ...WAYS.map((way) => new Figure(median(ended[name].map((each) => each[way])), 0, atMost(50))),
        new Figure(Math.max(...bursts[name].map(({ lost }) => lost)), 0, atMost(0)),
      ],
    })),
  };
}
