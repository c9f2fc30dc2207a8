/** How often the command line looks at a flow. */
import { expect } from 'chai';
import { removeFlows } from '../../src/cli/change.ts';
import { Output } from '../../src/cli/output.ts';
import { parse } from '../../src/cli/parse.ts';
import { Selection } from '../../src/cli/selection.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { CompiledFilter } from '../../src/ctnetlink/filter.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

/** How often a flow is matched, by whichever filter, while `body` runs. */
async function matchesIn(body: () => Promise<void>): Promise<number> {
  let count = 0;
  const prototypes: { matches(flow: Flow): boolean }[] = [Selection.prototype, CompiledFilter.prototype];
  const before = prototypes.map((each) => Object.getOwnPropertyDescriptor(each, 'matches'));
  for (const each of prototypes) {
    const { matches } = each;
    each.matches = function (flow) {
      count++;
      return matches.call(this, flow);
    };
  }
  try {
    await body();
  } finally {
    prototypes.forEach((each, index) => {
      Reflect.deleteProperty(each, 'matches');
      if (before[index] !== undefined) Object.defineProperty(each, 'matches', before[index]);
    });
  }
  return count;
}

describeKernel('cli/selection', [], () => {
  it('matches each flow once: 3 flows, 3 matches', async () => {
    resetNamespace();
    const open = () => Conntrack.open();
    await using ct = await open();
    const tuple = { src: '10.1.1.1', dst: '10.2.2.2', proto: 'udp', dport: 53 } as const;
    for (const sport of [1, 2, 3]) await ct.create({ orig: { ...tuple, sport }, timeout: 100 });
    await ct.create({ orig: { ...tuple, src: '10.1.1.9', sport: 4 }, timeout: 100 });
    const output = new Output({ on: () => {}, once: () => {}, write: () => true });
    const settings = parse(['-D', '-s', '10.1.1.1']);
    let deleted = 0;
    const count = await matchesIn(async () => {
      deleted = await removeFlows({ ct, open, settings, output });
    });
    expect([deleted, count]).to.deep.equal([3, 3]);
    expect((await ct.dump().toArray()).map((flow) => flow.orig.src)).to.deep.equal(['10.1.1.9']);
  });
});
