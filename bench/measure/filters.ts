/** What a filter costs that only this process can compare, beside a dump without one. */
import { fill } from '../flows.ts';
import { type Result, runOurs, type Side, sides } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, seconds } from '../statistics.ts';
import { atMost, Figure, type Row, type Table } from '../table.ts';
import type { Size } from './size.ts';

interface Filtered extends Result {
  /** Without a filter. */
  plain_seconds: number;
}

/** Of c/fill.c, in turn. */
const CLIENTS = 65_536;
const HOSTS = 50_000;

/** Clients below a number, in a table of so many flows. */
function flowsOf(flows: number, clients: number): number {
  return Math.floor(flows / CLIENTS) * clients + Math.min(clients, flows % CLIENTS);
}

export async function measureFilters({ flows, rounds }: Size): Promise<Table> {
  const title = 'Filters';
  const kinds = {
    // c/fill.c gives every third flow one of 255 marks.
    'a mark, which the kernel compares': ['mark', Math.ceil(flows / 255)],
    'a prefix that all are of': ['compared', flows],
    '50,000 hosts, three quarters match': ['hosts', flowsOf(flows, HOSTS)],
    '50,000 hosts, none matches': ['other hosts', 0],
    '50,000 hosts and prefixes of 12 lengths, none matches': ['prefixes', 0],
  } as const;
  await fill(flows);
  const rows: Row[] = [];
  for (const [name, [kind, count]] of Object.entries(kinds)) {
    const results = await takeTurns<Filtered>({
      title: `${title}, ${name}`,
      rounds,
      programs: Object.fromEntries(sides.map((side) => [side.name, () => runOurs<Filtered>(side, 'filters', kind)])),
      count,
    });
    rows.push(...sides.map((side) => rowOf(side, name, results[side.name], kind !== 'mark')));
  }
  return {
    title,
    text: `${flows.toLocaleString('en-US')} flows, five dumps without a filter and five with one in turn, by a compiled filter.`,
    columns: ['', 'seconds', 'of a plain dump'],
    rows,
  };
}

function rowOf({ name: side, transport }: Side, name: string, each: readonly Filtered[], promised: boolean): Row {
  const ratio = median(each.map((result) => result.seconds / result.plain_seconds));
  const fast = promised && (transport === 'node:ffi' || transport === 'koffi');
  return {
    name: `${side}, ${name}`,
    cells: [new Figure(median(seconds(each)), 2), new Figure(ratio, 2, fast ? atMost(1.2) : undefined)],
  };
}
