/**
 * The whole package on a simulated kernel. $CTNETLINK_SEED runs one seed; $CTNETLINK_SEEDS so many, from 1 on (default:
 * 200; 4,000 at a landing, 10,000 in a soak); $CTNETLINK_CALLS makes a seed longer than its 200 public calls.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import { runtime } from '../support/runtimes.ts';
import { sized } from '../support/tier.ts';
import type { Sums } from './run.ts';
import { CALLS, simulate } from './simulation.ts';

const { CTNETLINK_SEED, CTNETLINK_CALLS = `${CALLS}` } = process.env;
const { CTNETLINK_SEEDS = `${sized({ quick: 200, landing: 4000, soak: 10_000 })}` } = process.env;
const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
/** Seeds of one process at most: rings are for the life of a process, so that it grows. */
const CHUNK = 2500;
/** A process is fast only after a hundred seeds. */
const PROCESSES = Math.min(2, availableParallelism());
/** The newest Node is there at every landing, and takes three quarters of the time of Node 20. */
const NEWEST = runtime('node26');
/**
 * Each process has a processor: threads that collect would take the other one's. Where V8 counts the memory of the
 * simulated processes as a part of the heap, and the heap may be this large, it collects all of it once in many seeds.
 */
const OPTIONS = [
  '--single-threaded-gc',
  '--max-semi-space-size=16',
  ...(NEWEST === undefined ? [] : ['--external-memory-accounted-in-global-limit', '--initial-heap-size=512']),
];

interface Failure {
  seed: number;
  violations: string[];
}

describe('the package on a simulated kernel', () => {
  if (CTNETLINK_SEED !== undefined && /^\d+$/.test(CTNETLINK_SEED)) {
    it(`keeps every promise with seed ${CTNETLINK_SEED}`, async () => {
      const { violations } = await simulate(Number(CTNETLINK_SEED), { calls: Number(CTNETLINK_CALLS) });
      expect(violations).to.deep.equal([]);
    });
    return;
  }

  it('runs the same for the same seed', async () => {
    const first = await simulate(7);
    const second = await simulate(7);
    expect(second).to.deep.equal(first);
  });

  it(`keeps every promise with ${CTNETLINK_SEEDS} seeds`, async function () {
    this.timeout(0);
    const count = Number(CTNETLINK_SEEDS);
    const chunk = Math.min(CHUNK, Math.ceil(count / PROCESSES));
    const chunks: [from: number, count: number][] = [];
    for (let from = 1; from <= count; from += chunk) chunks.push([from, Math.min(chunk, count + 1 - from)]);
    const failures: Failure[] = [];
    const sums: Sums[] = [];
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-sim-'));
    try {
      const script = await compile(folder);
      const work = async (): Promise<void> => {
        for (let next = chunks.shift(); next !== undefined && failures.length === 0; next = chunks.shift())
          sums.push(await runChunk(script, ...next, failures));
      };
      await Promise.all(Array.from({ length: PROCESSES }, work));
    } finally {
      rmSync(folder, { recursive: true });
    }
    const total = (key: 'seeds' | 'calls' | 'steps' | 'systemCalls'): number =>
      sums.reduce((sum, each) => sum + each[key], 0);
    const faults: Record<string, number> = {};
    for (const each of sums)
      for (const [kind, times] of Object.entries(each.faults)) faults[kind] = (faults[kind] ?? 0) + times;
    const text = (numbers: object): string =>
      Object.entries(numbers)
        .map(([name, number]) => `${name} ${number}`)
        .join(', ');
    const [seeds, calls, steps] = [total('seeds'), total('calls'), total('systemCalls')];
    console.log(
      `      ${text({ seeds, 'steps (calls of libc)': steps, 'public calls': calls, callbacks: total('steps') })}`,
    );
    console.log(`      faults: ${text(faults)}`);
    const repeat = failures.map(
      ({ seed, violations }) =>
        `CTNETLINK_SEED=${seed} CTNETLINK_CALLS=${CTNETLINK_CALLS} npx mocha test/sim/simulation.test.ts  # ${violations[0]}`,
    );
    if (repeat.length > 0) throw new Error(`${repeat.length} seeds fail:\n${repeat.slice(0, 20).join('\n')}`);
    expect(seeds).to.equal(count);
    // Some end early: their process does.
    expect(calls).to.be.at.least(0.85 * count * Number(CTNETLINK_CALLS));
  });
});

/** JavaScript in one file, which starts at once. @returns its path */
async function compile(folder: string): Promise<string> {
  const outfile = join(folder, 'run.mjs');
  await build({ entryPoints: [RUN], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  return outfile;
}

/** Runs seeds in a process of their own. @param failures takes those that fail */
function runChunk(script: string, from: number, count: number, failures: Failure[]): Promise<Sums> {
  return new Promise((resolve, reject) => {
    const child = spawn(NEWEST ?? process.execPath, [...OPTIONS, script, String(from), String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject).on('close', (code) => {
      const lines = output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Failure | Sums);
      const sums = lines.pop() as Sums | undefined;
      failures.push(...(lines as Failure[]));
      if (code === 0 && sums !== undefined) resolve(sums);
      else reject(new Error(`seeds ${from} to ${from + count - 1} ended with code ${code}`));
    });
  });
}
