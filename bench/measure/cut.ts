/** The flows of many hosts, deleted in one walk; beside two runs of conntrack(8) for each host, as scripts do it. */
import { spawnSync } from 'node:child_process';
import { fill } from '../flows.ts';
import { type Result, runOurs, sides, sidesInContainers } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, seconds } from '../statistics.ts';
import { atMost, Figure, type Table } from '../table.ts';
import type { Size } from './size.ts';

const HOSTS = 1000;
/** Of c/fill.c, in turn. */
const CLIENTS = 65_536;
/** Of these so many are deleted by conntrack(8): all would take the better part of an hour. */
const MEASURED = 20;
const THEIRS = `conntrack -D, 2 x ${HOSTS.toLocaleString('en-US')} runs`;

interface Cut extends Result {
  dump_seconds: number;
  worst_delay_ms: number;
}

export async function measureCut({ flows, rounds }: Size): Promise<Table> {
  const title = 'deleteWhere of many hosts';
  await fill(flows);
  const theirs = conntrack();
  const all = [...sides, ...sidesInContainers];
  const results = await takeTurns<Cut>({
    title,
    rounds,
    before: () => fill(flows),
    programs: Object.fromEntries(all.map((side) => [side.name, () => runOurs<Cut>(side, 'cut', String(HOSTS))])),
    count: Math.floor(flows / CLIENTS) * HOSTS + Math.min(HOSTS, flows % CLIENTS),
  });
  return {
    title,
    text: `The flows of ${HOSTS.toLocaleString('en-US')} hosts among ${flows.toLocaleString('en-US')}, over node:ffi, koffi, Deno and Bun; conntrack(8) extrapolated from ${2 * MEASURED} runs.`,
    columns: ['', 'seconds', 'of a dump', 'of conntrack(8)', 'latest 1 ms timer, ms late'],
    rows: [
      { name: THEIRS, cells: [new Figure(theirs, 0), undefined, new Figure(1, 2), undefined] },
      ...all.map(({ name }) => {
        const each = results[name];
        const time = median(seconds(each));
        const ofDump = median(each.map((result) => result.seconds / result.dump_seconds));
        return {
          name,
          cells: [
            new Figure(time, 2),
            new Figure(ofDump, 2, atMost(1.4)),
            new Figure(time / theirs, 4, atMost(0.01)),
            new Figure(Math.max(...each.map(({ worst_delay_ms }) => worst_delay_ms)), 0, atMost(25)),
          ],
        };
      }),
    ],
  };
}

/** Seconds of `conntrack -D -s` and `-D -d` for each host. */
function conntrack(): number {
  const start = performance.now();
  for (let host = 0; host < MEASURED; host++)
    for (const option of ['-s', '-d']) {
      const { error } = spawnSync('conntrack', ['-D', option, `10.0.0.${host}`], { stdio: 'ignore' });
      if (error !== undefined) throw error;
    }
  return (((performance.now() - start) / 1000) * HOSTS) / MEASURED;
}
