/** The live table, beside a Map of Flow objects, and beside the internal cache of conntrackd(8) in statistics mode. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from '../c/build.ts';
import { empty, fill } from '../flows.ts';
import { type Result, runOurs, type Side, sides } from '../programs.ts';
import { type Results, takeTurns } from '../rounds.ts';
import { median, seconds } from '../statistics.ts';
import { atMost, Figure, type Row, type Table } from '../table.ts';
import type { Size } from './size.ts';

const DAEMON = 'conntrackd(8), statistics mode';
const LIMIT = 300_000;

interface Kept extends Result {
  dump_seconds: number;
  bytes: number;
  get_us: number;
  number_seconds?: number;
  address_seconds?: number;
  verify_seconds?: number;
  event_us: number;
  delay_ms: number;
}

/** A row. */
interface Named {
  readonly name: string;
  readonly run: () => Kept;
  /** The goal of a flow, where there are goals. */
  readonly bytes?: number;
}

export async function measureTable({ flows, rounds }: Size): Promise<Table> {
  const title = 'Live table';
  for (const name of ['acct', 'timestamp']) writeFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, '1');
  const run = (side: Side, kind: 'table' | 'map', family: 4 | 6) => () =>
    runOurs<Kept>(side, 'table', kind, String(flows), binary('fill'), String(family));
  const ipv4: Named[] = sides.flatMap((side) => [
    { name: side.name, run: run(side, 'table', 4), bytes: 220 },
    { name: `${side.name}, Map of Flow objects`, run: run(side, 'map', 4) },
  ]);
  const ipv6: Named[] = sides.map((side) => ({ name: `${side.name}, IPv6`, run: run(side, 'table', 6), bytes: 300 }));
  const turns = (named: Named[], family: 4 | 6): Promise<Results<Kept>> =>
    takeTurns<Kept>({
      title,
      rounds,
      count: flows,
      before: () => fill(flows, family),
      programs: Object.fromEntries(named.map((each) => [each.name, each.run])),
    });
  const results = { ...(await turns(ipv4, 4)), ...(await turns(ipv6, 6)) };
  await fill(flows);
  const daemon = conntrackd(flows);
  await empty();
  const rows: Row[] = [...ipv4, ...ipv6].map(({ name, bytes }) => {
    const goals = bytes !== undefined;
    const each = results[name];
    const of = (key: keyof Kept, digits: number, most?: number): Figure | undefined => {
      const values = each.map((result) => result[key]).filter((value) => value !== undefined);
      if (values.length === 0) return undefined;
      return new Figure(median(values as number[]), digits, goals && most !== undefined ? atMost(most) : undefined);
    };
    const ofDump = median(each.map((result) => result.seconds / result.dump_seconds));
    return {
      name,
      cells: [
        of('bytes', 0, bytes),
        new Figure(median(seconds(each)), 2),
        new Figure(ofDump, 2, goals ? atMost(1.3) : undefined),
        of('event_us', 2, 2),
        of('get_us', 2, 1),
        of('number_seconds', 3, 0.1),
        of('address_seconds', 3, 0.3),
        of('verify_seconds', 2),
        of('delay_ms', 0, 25),
      ],
    };
  });
  if (daemon !== undefined)
    rows.push({
      name: DAEMON,
      cells: [new Figure(daemon.bytes, 0), new Figure(daemon.seconds, 2), ...new Array<undefined>(7).fill(undefined)],
    });
  return {
    title,
    text: `${flows.toLocaleString('en-US')} flows with counters and timestamps; memory is the growth of the resident set after a full collection. Then 100,000 flows of the other family begin.`,
    columns: [
      '',
      'bytes a flow',
      'opening, seconds',
      'of a dump',
      'µs an event',
      'get, µs',
      'find by a number, s (the slowest of nine)',
      'find by prefix, s',
      'verify, s',
      'latest 1 ms timer, ms late',
    ],
    rows,
  };
}

/** Undefined where it is not installed. */
function conntrackd(flows: number): { bytes: number; seconds: number } | undefined {
  if (spawnSync('conntrackd', ['-v']).error !== undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-bench-'));
  const file = join(folder, 'conntrackd.conf');
  writeFileSync(
    file,
    `General {
  HashSize 524288
  HashLimit 4000000
  LockFile ${folder}/lock
  UNIX { Path ${folder}/socket }
  NetlinkBufferSize 268435456
  NetlinkBufferSizeMaxGrowth 268435456
}
Stats { LogFile off }
`,
  );
  let child: ChildProcess | undefined;
  try {
    const start = performance.now();
    child = spawn('conntrackd', ['-C', file], { stdio: 'ignore' });
    for (;;) {
      const { stdout } = spawnSync('conntrackd', ['-C', file, '-s'], { encoding: 'utf8' });
      if (Number(/current active connections:\s*(\d+)/.exec(stdout)?.[1]) >= flows) break;
      if (performance.now() - start > LIMIT) throw new Error(`conntrackd has not read the table:\n${stdout}`);
      spawnSync('sleep', ['0.1']);
    }
    const elapsed = (performance.now() - start) / 1000;
    const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1];
    return { bytes: (Number(resident) * 1024) / flows, seconds: elapsed };
  } finally {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}
