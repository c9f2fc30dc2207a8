/**
 * The same on simulated kernels, each of which ignores what its release did not know: a filter that is ignored would
 * empty the table.
 */
import { expect } from 'chai';
import { CALLS } from '../support/destructive/calls.ts';
import { CALLS_OF_C } from '../support/destructive/calls-of-c.ts';
import { filtersOf, Judge, unlikeReleases } from '../support/destructive/judge.ts';
import { FILTERS, KEYS, keyOf, packetsOf, RELEASES } from '../support/destructive/table.ts';
import { simulatedWorld } from '../support/destructive/world.ts';
import { TIER } from '../support/tier.ts';

const NEWEST = RELEASES.at(-1)!;

/**
 * Filter -> the releases that it is tried on. Most releases are asked the same as the one before; the newest kernel may
 * still answer otherwise. In a soak all.
 */
const TRIED = new Map(
  FILTERS.map((each) => [each, TIER === 'soak' ? RELEASES : [...unlikeReleases(each, RELEASES), NEWEST]]),
);

describe('destructive calls on simulated kernels', () => {
  for (const release of RELEASES) {
    describe(`Linux ${release}`, () => {
      it('has a table to work on, with counters', async () => {
        const world = await simulatedWorld(release);
        await world.fill(false);
        const entries = await world.read();
        expect(entries.map(keyOf)).to.have.members(KEYS);
        expect(entries.map(packetsOf)).to.deep.equal(KEYS.map(() => 1));
        await world.close();
      });

      for (const [number, call] of [...CALLS, ...CALLS_OF_C].entries()) {
        const filters = filtersOf(call, number).filter((each) => TRIED.get(each)!.includes(release));
        if (filters.length === 0) continue;
        it(`${call.name}: leaves exactly the wanted flows and counters`, async () => {
          const world = await simulatedWorld(release);
          const judge = new Judge(world);
          const faults: string[] = [];
          for (const filter of filters) faults.push(...(await judge.faults(call, filter, release)));
          await world.close();
          expect(faults).to.deep.equal([]);
        });
      }
    });
  }
});
