/** How often the command line looks at a flow. */
import { expect } from 'chai';
import { changeFlows, removeFlows } from '../../src/cli/commands/change.ts';
import { Selection } from '../../src/cli/commands/selection.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { Output } from '../../src/cli/output.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { CompiledFilter } from '../../src/ctnetlink/filter/filter.ts';
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
      deleted = await removeFlows({ ct, each: [{ ct, netns: undefined }], open, settings, output });
    });
    expect([deleted, count]).to.deep.equal([3, 3]);
    expect((await ct.dump().toArray()).map((flow) => flow.orig.src)).to.deep.equal(['10.1.1.9']);
  });

  it('matches each flow that the kernel gives once, also by several ports', async () => {
    resetNamespace();
    const open = () => Conntrack.open();
    await using ct = await open();
    const tuple = { src: '10.1.1.1', dst: '10.2.2.2', sport: 1 } as const;
    for (const dport of [52, 53, 54, 55, 80])
      await ct.create({ orig: { ...tuple, proto: 'udp', dport }, timeout: 100 });
    const ping = { src: tuple.src, dst: tuple.dst, proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 53 } as const;
    await ct.create({ orig: ping, timeout: 100 });
    const six = { src: 'fd00::1', dst: 'fd00::2', sport: 1 } as const;
    for (const dport of [53, 55]) await ct.create({ orig: { ...six, proto: 'udp', dport }, timeout: 100 });
    const output = new Output({ on: () => {}, once: () => {}, write: () => true });
    // The kernel leaves out the family and the protocol that are not asked for.
    const words = ['-f', 'ipv4', '-p', 'udp', '--dport', '53:54,80'];
    let changed = 0;
    const matchedToChange = await matchesIn(async () => {
      const settings = parse(['-U', ...words, '-m', '7']);
      changed = await changeFlows({ ct, each: [{ ct, netns: undefined }], open, settings, output }, (error) =>
        expect.fail(error.message),
      );
    });
    expect([changed, matchedToChange]).to.deep.equal([3, 5]);
    let deleted = 0;
    const matchedToDelete = await matchesIn(async () => {
      deleted = await removeFlows({
        ct,
        each: [{ ct, netns: undefined }],
        open,
        settings: parse(['-D', ...words]),
        output,
      });
    });
    expect([deleted, matchedToDelete]).to.deep.equal([3, 5]);
    const left = (await ct.dump().toArray()).map(({ orig, mark }) => [orig.family, orig.dport, mark ?? 0]);
    expect(left).to.have.deep.members([
      ['ipv4', 52, 0],
      ['ipv4', 55, 0],
      ['ipv4', undefined, 0],
      ['ipv6', 53, 0],
      ['ipv6', 55, 0],
    ]);
  });
});
