/** Every destructive call, filter and release on the real kernel: exactly the wanted flows and counters are left. */
import { expect } from 'chai';
import { CALLS } from '../support/destructive/calls.ts';
import { CALLS_OF_C } from '../support/destructive/calls-of-c.ts';
import { filtersOf, Judge, unlikeReleases } from '../support/destructive/judge.ts';
import { KEYS, keyOf, packetsOf, RELEASES } from '../support/destructive/table.ts';
import { realWorld, type World } from '../support/destructive/world.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { sized } from '../support/tier.ts';

/** simulated.test.ts asks for every filter in every run. */
const APART = sized({ quick: 8, landing: 4, soak: 1 });

describeKernel('destructive calls on the kernel', ['nft', 'conntrack'], () => {
  let world: World;
  before(async () => {
    resetNamespace();
    world = await realWorld();
  });
  after(async () => {
    await world?.close();
    resetNamespace();
  });

  it('have a table to work on, with counters', async () => {
    await world.fill(false);
    const entries = await world.read();
    expect(entries.map(keyOf)).to.have.members(KEYS);
    // Packets of GRE and SCTP are not understood, and those of the last two count on the flows that hide them.
    const silent = entries.filter((entry) => packetsOf(entry) === 0);
    expect(silent.map(({ orig }) => orig.proto)).to.have.members(['gre', 'sctp', 90, 91]);
  });

  for (const [number, call] of [...CALLS, ...CALLS_OF_C].entries()) {
    it(`${call.name}: leaves exactly the wanted flows and counters`, async () => {
      const judge = new Judge(world);
      const faults: string[] = [];
      for (const filter of filtersOf(call, number, APART))
        for (const release of call.everyRelease ? unlikeReleases(filter, RELEASES) : ['6.18.0'])
          faults.push(...(await judge.faults(call, filter, release)));
      expect(faults).to.deep.equal([]);
    });
  }
});
