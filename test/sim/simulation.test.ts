/**
 * The whole package on a simulated kernel. $CTNETLINK_SEED runs one seed; $CTNETLINK_SEEDS so many, from 1 on (10,000
 * in CI); $CTNETLINK_CALLS makes a seed longer than its 200 public calls.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Sums } from './run.ts';
import { simulate } from './simulation.ts';

const { CTNETLINK_SEED, CTNETLINK_SEEDS = '100', CTNETLINK_CALLS = '200' } = process.env;
const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
/** Seeds of one process: rings are for the life of a process, so that it grows. */
const CHUNK = 250;

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
    const chunks: [from: number, count: number][] = [];
    for (let from = 1; from <= count; from += CHUNK) chunks.push([from, Math.min(CHUNK, count + 1 - from)]);
    const failures: Failure[] = [];
    const sums: Sums[] = [];
    const work = async (): Promise<void> => {
      for (let chunk = chunks.shift(); chunk !== undefined && failures.length === 0; chunk = chunks.shift())
        sums.push(await runChunk(...chunk, failures));
    };
    await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
    const repeat = failures.map(
      ({ seed, violations }) =>
        `CTNETLINK_SEED=${seed} CTNETLINK_CALLS=${CTNETLINK_CALLS} npx mocha test/sim/simulation.test.ts  # ${violations[0]}`,
    );
    if (repeat.length > 0) throw new Error(`${repeat.length} seeds fail:\n${repeat.slice(0, 20).join('\n')}`);
    const total = (key: 'seeds' | 'calls' | 'steps' | 'systemCalls'): number =>
      sums.reduce((sum, each) => sum + each[key], 0);
    expect(total('seeds')).to.equal(count);
    // Some end early: their process does.
    expect(total('calls')).to.be.at.least(0.85 * count * Number(CTNETLINK_CALLS));
  });
});

/** Runs seeds in a process of their own. @param failures takes those that fail */
function runChunk(from: number, count: number, failures: Failure[]): Promise<Sums> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', RUN, String(from), String(count)], {
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
