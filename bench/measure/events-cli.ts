/** -E under a storm of new flows, beside conntrack(8): what each loses when all of them listen at once. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../test/support/kernel.ts';
import { empty } from '../flows.ts';
import { runC } from '../programs.ts';
import { median } from '../statistics.ts';
import { atMost, Figure, type Table } from '../table.ts';
import type { Size } from './size.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'conntrack -E': ['conntrack'],
  'ctnetlink -E': [process.execPath, MAIN, '--events-may-abort'],
};
const NAMES = Object.keys(PROGRAMS);
const [THEIRS, OURS] = NAMES;
/** Which of them listen at once. */
const SCENES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  alone: [[THEIRS], [OURS]],
  'while both listen': [NAMES],
};
const MOST_FLOWS = 200_000;
/** Bytes for -b; undefined: without it. */
const BUFFERS = [undefined, 106_496, 1 << 20, 8 << 20];
const RULES = 'table inet bench { chain track { type filter hook output priority 0; ct state invalid counter; }; }';

/** Sockets of netfilter that listen: how much waits in each. */
function waiting(): number[] {
  return readFileSync('/proc/net/netlink', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[1] === '12' && !/^0+$/.test(row[3]))
    .map((row) => Number(row[4]));
}

/** How many events each of the programs, which listen at once, did not print. */
async function storm(
  programs: readonly string[],
  count: number,
  buffer: number | undefined,
  folder: string,
): Promise<number[]> {
  const running = programs.map((name) => {
    const [command, ...args] = PROGRAMS[name];
    const path = join(folder, name);
    const file = openSync(path, 'w');
    const size = buffer === undefined ? [] : ['-b', `${buffer}`];
    const child = spawn(command, [...args, '-E', '-e', 'NEW', ...size], { stdio: ['ignore', file, 'ignore'] });
    closeSync(file);
    return { path, child, exit: once(child, 'exit') };
  });
  try {
    await until(() => waiting().length === running.length, { what: 'the listeners' });
    runC('storm', `${count}`);
    await until(() => waiting().every((bytes) => bytes === 0), { what: 'the end of the events' });
  } finally {
    for (const { child } of running) child.kill('SIGINT');
    await Promise.all(running.map(({ exit }) => exit));
  }
  return running.map(({ path }) => count - (readFileSync(path, 'utf8').split('\n').length - 1));
}

export async function measureEventsCli({ flows, rounds }: Size): Promise<Table> {
  const title = 'Events of the command line';
  const count = Math.min(flows, MOST_FLOWS);
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-bench-'));
  const lost = Object.fromEntries(
    Object.keys(SCENES).map((scene) => [
      scene,
      Object.fromEntries(NAMES.map((name) => [name, BUFFERS.map(() => [] as number[])])),
    ]),
  );
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('nft', [RULES]);
  try {
    for (let round = 1; round <= rounds; round++) {
      process.stderr.write(`${title}: round ${round} of ${rounds}\n`);
      for (const [scene, groups] of Object.entries(SCENES)) {
        for (const programs of groups) {
          for (const [index, buffer] of BUFFERS.entries()) {
            await empty();
            const events = await storm(programs, count, buffer, folder);
            for (const [program, name] of programs.entries()) lost[scene][name][index].push(events[program]);
          }
        }
      }
    }
  } finally {
    execFileSync('nft', ['delete table inet bench']);
    rmSync(folder, { recursive: true });
    await empty();
  }
  return {
    title,
    text: `Of ${count.toLocaleString('en-US')} new flows as fast as one socket sends, how many events are not printed to a file. conntrack(8) has 208 KiB in any case: its -b sets the buffer of another socket. -b 106496 gives ours as much.`,
    columns: ['', ...BUFFERS.map((buffer) => (buffer === undefined ? 'lost by default' : `lost with -b ${buffer}`))],
    rows: Object.entries(lost).flatMap(([scene, of]) =>
      NAMES.map((name) => ({
        name: `${name}, ${scene}`,
        cells: of[name].map((each, index) => {
          const goal = name === THEIRS ? undefined : atMost(median(of[THEIRS][index]));
          return new Figure(median(each), 0, goal);
        }),
      })),
    ),
  };
}
