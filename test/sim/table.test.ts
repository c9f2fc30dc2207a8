/**
 * A table (src/table) on the simulated kernel. $CTNETLINK_SEED runs one seed; $CTNETLINK_TABLE_SEEDS so many, from 1 on
 * (default: 200; 2,000 at a landing, 10,000 in a soak). In processes of their own: what a simulation leaves behind must
 * not meet the real rings of other tests.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { build } from 'esbuild';
import { sized } from '../support/tier.ts';

const { CTNETLINK_SEED } = process.env;
const { CTNETLINK_TABLE_SEEDS = `${sized({ quick: 200, landing: 1000, soak: 10_000 })}` } = process.env;
const RUN = fileURLToPath(new URL('table-run.ts', import.meta.url));
const HAPPENS = ['compared', 'changes', 'resyncs', 'lost', 'ambiguous', 'gaps'];

describe('a table on the simulated kernel', () => {
  let folder = '';
  let script = '';

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-table-'));
    script = join(folder, 'run.mjs');
    const options = { bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' } as const;
    await build({ entryPoints: [RUN], outfile: script, ...options });
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A line for each seed that fails, and one with the sums. */
  async function run(from: number, count: number): Promise<string[]> {
    const args = [script, String(from), String(count)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 });
    return stdout.trim().split('\n');
  }

  if (CTNETLINK_SEED !== undefined && /^\d+$/.test(CTNETLINK_SEED)) {
    it(`is the kernel's with seed ${CTNETLINK_SEED}`, async function () {
      this.timeout(0);
      expect((await run(Number(CTNETLINK_SEED), 1)).slice(0, -1)).to.deep.equal([]);
    });
    return;
  }

  it('does the same for the same seed', async () => {
    expect(await run(7, 1)).to.deep.equal(await run(7, 1));
  });

  it(`is the kernel's whenever it says so, and its changes add up to it, with ${CTNETLINK_TABLE_SEEDS} seeds`, async function () {
    this.timeout(0);
    const lines = await run(1, Number(CTNETLINK_TABLE_SEEDS));
    const sums = JSON.parse(lines.pop()!) as Record<string, number>;
    console.log(`      ${HAPPENS.map((name) => `${name} ${sums[name]}`).join(', ')}`);
    const failures = lines.map((line) => {
      const { seed, violations } = JSON.parse(line) as { seed: number; violations: string[] };
      return `CTNETLINK_SEED=${seed} npx mocha test/sim/table.test.ts  # ${violations[0]}`;
    });
    expect(failures.slice(0, 20)).to.deep.equal([]);
    expect(sums.seeds).to.equal(Number(CTNETLINK_TABLE_SEEDS));
    // All of it has happened.
    for (const name of HAPPENS) expect(sums[name], name).to.be.above(0);
  });
});
