/**
 * A table (src/table) on the simulated kernel. $CTNETLINK_SEED runs one seed; $CTNETLINK_TABLE_SEEDS so many, from 1 on
 * (default: 200; 2,000 at a landing, 10,000 in a soak).
 */
import { expect } from 'chai';
import { sized } from '../support/tier.ts';
import { simulateTable, type TableResult } from './table-simulation.ts';

const { CTNETLINK_SEED } = process.env;
const { CTNETLINK_TABLE_SEEDS = `${sized({ quick: 200, landing: 2000, soak: 10_000 })}` } = process.env;

describe('a table on the simulated kernel', () => {
  if (CTNETLINK_SEED !== undefined && /^\d+$/.test(CTNETLINK_SEED)) {
    it(`is the kernel's with seed ${CTNETLINK_SEED}`, async function () {
      this.timeout(0);
      const { violations } = await simulateTable(Number(CTNETLINK_SEED));
      expect(violations).to.deep.equal([]);
    });
    return;
  }

  it('does the same for the same seed', async () => {
    const first = await simulateTable(7);
    const second = await simulateTable(7);
    expect(second).to.deep.equal(first);
  });

  it(`is the kernel's whenever it says so, and its changes add up to it, with ${CTNETLINK_TABLE_SEEDS} seeds`, async function () {
    this.timeout(0);
    const failures: string[] = [];
    const sums = { compared: 0, changes: 0, resyncs: 0, lost: 0, ambiguous: 0, gaps: 0 };
    for (let seed = 1; seed <= Number(CTNETLINK_TABLE_SEEDS) && failures.length < 20; seed++) {
      const result: TableResult = await simulateTable(seed);
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += result[name];
      if (result.violations.length > 0)
        failures.push(`CTNETLINK_SEED=${seed} npx mocha test/sim/table.test.ts  # ${result.violations[0]}`);
    }
    console.log(
      `      ${Object.entries(sums)
        .map(([name, number]) => `${name} ${number}`)
        .join(', ')}`,
    );
    expect(failures).to.deep.equal([]);
    // All of it has happened.
    for (const [name, number] of Object.entries(sums)) expect(number, name).to.be.above(0);
  });
});
