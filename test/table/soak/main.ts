/**
 * A table for a long time: `main.ts SECONDS EVENTS NODE`, where NODE runs the churn of EVENTS a second. In a network
 * namespace of the tests' own. Each second, a sample of flows is asked for, and the table must have them as the kernel
 * has. The result is a line of JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Conntrack, type Flow } from '../../../src/index.ts';
import { FlowTable } from '../../../src/table/index.ts';
import { differences } from '../../support/table.ts';
import { TUPLES, tupleOf } from './tuples.ts';

export interface SoakResult {
  readonly seconds: number;
  readonly changes: number;
  /** Flows that were asked for. */
  readonly asked: number;
  readonly lost: number;
  readonly resyncs: number;
  readonly gaps: number;
  /** MiB, the median of each tenth of the time. */
  readonly rss: readonly number[];
  readonly differences: readonly string[];
}

const SAMPLE = 200;
/** So often a flow that comes and goes meanwhile is asked for again. */
const TRIES = 100;

const [seconds, events] = process.argv.slice(2).map(Number);
const table = await FlowTable.open();
const ct = await Conntrack.open();
const churn = spawn(
  process.argv[4],
  [...process.execArgv, fileURLToPath(new URL('churn.ts', import.meta.url)), `${events}`],
  {
    stdio: ['pipe', 'inherit', 'inherit'],
  },
);
let changes = 0;
let gaps = 0;
const reading = (async (): Promise<void> => {
  for await (const { type } of table.changes()) {
    if (type === 'gap') gaps++;
    else changes++;
  }
})();

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const shown = (flow: Flow | undefined): string => (flow === undefined ? 'none' : `${flow.id} ${flow.mark ?? 0}`);
const found: string[] = [];
const rss: number[] = [];
let asked = 0;

/** Before or after the kernel was asked, the table had what the kernel has, or said that it may not have it. */
async function agrees(n: number): Promise<boolean> {
  const tuple = tupleOf(n);
  for (let tries = 0; tries < TRIES; tries++) {
    await table.synced();
    const before = shown(table.get(tuple));
    const real = shown(await ct.get({ orig: tuple }));
    if (real === before || real === shown(table.get(tuple))) return true;
    await pause(10);
  }
  return false;
}

const end = performance.now() + 1000 * seconds;
while (performance.now() < end && found.length === 0) {
  await pause(1000);
  const sample = Array.from({ length: SAMPLE }, () => Math.floor(Math.random() * TUPLES));
  await Promise.all(
    sample.map(async (n) => {
      asked++;
      if (!(await agrees(n))) found.push(`${tupleOf(n).dst}:${tupleOf(n).sport} is ${shown(table.get(tupleOf(n)))}`);
    }),
  );
  rss.push(process.memoryUsage.rss() / 2 ** 20);
}
churn.stdin.end();
await once(churn, 'close');
await table.synced();
// What is still on its way is soon read.
let last: string[] = [];
for (let tries = 0; tries < TRIES; tries++) {
  last = await differences(table, ct);
  if (last.length === 0) break;
  await pause(20);
}
found.push(...last.slice(0, 5));
const { lost, resyncs } = table.proof;
await table.close();
await ct.close();
await reading;

const PARTS = Math.min(10, rss.length);
const medians = Array.from({ length: PARTS }, (_, part) => {
  const of = rss.slice(Math.floor((rss.length * part) / PARTS), Math.floor((rss.length * (part + 1)) / PARTS));
  return Math.round(10 * of.sort((a, b) => a - b)[of.length >> 1]) / 10;
});
const result: SoakResult = { seconds, changes, asked, lost, resyncs, gaps, rss: medians, differences: found };
process.stdout.write(`${JSON.stringify(result)}\n`);
