/** The command line, beside conntrack(8): from the start of the process to its end. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runtime } from '../../test/support/runtimes.ts';
import { binary } from '../c/build.ts';
import { empty, fill } from '../flows.ts';
import type { Result } from '../programs.ts';
import { takeTurns } from '../rounds.ts';
import { median, peakMiB, ratio, seconds } from '../statistics.ts';
import { atMost, Figure, type Row, type Table } from '../table.ts';
import { MOST_REQUESTS, type Size } from './size.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const THEIRS = 'conntrack';
const NODE26 = runtime('node26');
const OURS: Readonly<Record<string, readonly string[]>> = {
  [`ctnetlink, Node ${process.versions.node.split('.')[0]}`]: [process.execPath, MAIN],
  ...(NODE26 === undefined ? {} : { 'ctnetlink, Node 26': [NODE26, MAIN] }),
};

interface Task {
  name: string;
  flows: number;
  args: readonly string[];
  /** What the summary line counts. */
  count: number;
  /** The table stays as it was. */
  readsOnly?: boolean;
  /** Not a filled table but an empty one. */
  loads?: boolean;
}

export async function measureCommands({ flows, rounds }: Size): Promise<Table> {
  const some = Math.min(flows, MOST_REQUESTS);
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-bench-'));
  const saved = join(folder, 'saved');
  try {
    await fill(some);
    save(saved);
    const udp = ['-p', 'udp'];
    const tasks: Task[] = [
      { name: '-L', flows: some, args: ['-L'], count: some, readsOnly: true },
      { name: '-L', flows, args: ['-L'], count: flows, readsOnly: true },
      {
        name: '-L of one address',
        flows: some,
        args: ['-L', '-s', '10.0.0.1'],
        count: countOf(saved, '10.0.0.1'),
        readsOnly: true,
      },
      { name: '-D of every second', flows: some, args: ['-D', ...udp], count: some >> 1 },
      { name: '-D', flows: some, args: ['-D'], count: some },
      { name: '-R', flows: some, args: ['-R', saved], count: some, loads: true },
    ];
    const rows: Row[] = [];
    for (const task of tasks) rows.push(...(await measure(task, rounds)));
    return {
      title: 'Command line',
      text: 'Standard output goes to /dev/null; the start of the program is part of what is measured.',
      columns: ['', 'seconds', 'of conntrack(8)', 'peak memory, MiB'],
      rows,
    };
  } finally {
    rmSync(folder, { recursive: true });
    await empty();
  }
}

async function measure(
  { name, flows, args, count, readsOnly = false, loads = false }: Task,
  rounds: number,
): Promise<Row[]> {
  const title = `${name}, ${flows.toLocaleString('en-US')} flows`;
  if (readsOnly) await fill(flows);
  const programs = { [THEIRS]: ['conntrack'], ...OURS };
  const results = await takeTurns<Result>({
    title,
    rounds,
    count,
    before: async () => {
      if (!readsOnly) await fill(loads ? 0 : flows);
    },
    programs: Object.fromEntries(
      Object.entries(programs).map(([program, command]) => [program, () => run([...command, ...args], loads)]),
    ),
  });
  return Object.entries(results).map(([program, each]) => ({
    name: `${title}: ${program}`,
    cells: [
      new Figure(median(seconds(each)), 2),
      new Figure(ratio(seconds(each), seconds(results[THEIRS])), 2, program === THEIRS ? undefined : atMost(1)),
      new Figure(peakMiB(each), 0),
    ],
  }));
}

/** Runs a command and counts what its summary line says; of -R, which has none, what is in the table then. */
function run(command: readonly string[], loads: boolean): Result {
  const { stdout, stderr, error } = spawnSync(binary('run'), command, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  const told = JSON.parse(stdout) as Omit<Result, 'count'> & { status: number };
  if (told.status !== 0) throw new Error(`${command.join(' ')}: ${told.status}\n${stderr}`);
  const text = loads
    ? spawnSync('conntrack', ['-C'], { encoding: 'utf8' }).stdout
    : (/(\d+) flow entries/.exec(stderr)?.[1] ?? '');
  return { ...told, count: Number(text) };
}

/** conntrack(8) writes what -R is to read. */
function save(path: string): void {
  const file = openSync(path, 'w');
  const { status } = spawnSync('conntrack', ['-L', '-o', 'save'], { stdio: ['ignore', file, 'ignore'] });
  if (status !== 0) throw new Error(`conntrack -L -o save: ${status}`);
}

function countOf(path: string, source: string): number {
  return Number(spawnSync('grep', ['-c', '--', ` -s ${source} `, path], { encoding: 'utf8' }).stdout);
}
