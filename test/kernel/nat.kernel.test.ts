/** NAT as the kernel sets it up: `flow.nat` says what was asked for. */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { Translation } from '../../src/ctnetlink/nat.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

const UDP = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'udp', sport: 1000, dport: 53 } as const;
const ICMP = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 9 } as const;
const UDP6 = { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1000, dport: 53 } as const;

describeKernel('flow.nat', ['conntrack', 'nft'], () => {
  let ct: Conntrack;
  before(async () => {
    ct = await Conntrack.open();
  });
  beforeEach(() => resetNamespace());
  after(async () => {
    await ct.close();
    resetNamespace();
  });

  const cases: [name: string, FlowInit, Translation | undefined][] = [
    ['none', { orig: UDP }, undefined],
    // The kernel finds the answer by the reply tuple, but it translates nothing.
    [
      'none of a flow whose directions differ',
      { orig: UDP, reply: { ...UDP, src: '10.1.0.9', dst: '10.0.0.1', sport: 53, dport: 1000 } },
      undefined,
    ],
    ['the source', { orig: UDP, snat: { minAddress: '203.0.113.1' } }, { src: { address: '203.0.113.1', port: 1000 } }],
    [
      'the port of the source',
      { orig: UDP, snat: { minAddress: '10.0.0.1', minPort: 7 } },
      { src: { address: '10.0.0.1', port: 7 } },
    ],
    // The request has no address, so it stays.
    [
      'the port of the source where only that is asked for',
      { orig: UDP, snat: { minPort: 7 } },
      { src: { address: '10.0.0.1', port: 7 } },
    ],
    [
      'the destination and its port',
      { orig: UDP, dnat: { minAddress: '203.0.113.2', minPort: 5353 } },
      { dst: { address: '203.0.113.2', port: 5353 } },
    ],
    [
      'both',
      { orig: UDP6, snat: { minAddress: '2001:db8::1' }, dnat: { minAddress: '2001:db8::2', minPort: 5353 } },
      { src: { address: '2001:db8::1', port: 1000 }, dst: { address: '2001:db8::2', port: 5353 } },
    ],
    [
      'the source of ICMP',
      { orig: ICMP, snat: { minAddress: '203.0.113.1' } },
      { src: { address: '203.0.113.1', icmpId: 9 } },
    ],
    [
      'the ICMP id',
      { orig: ICMP, snat: { minAddress: '10.0.0.1', minPort: 77, maxPort: 77 } },
      { src: { address: '10.0.0.1', icmpId: 77 } },
    ],
  ];
  for (const [name, init, nat] of cases)
    it(`is ${name}, again when the dumped flow is created again`, async () => {
      await ct.create({ ...init, timeout: 600 });
      const [before] = await ct.dump().toArray();
      await ct.delete(before);
      expect(await ct.createMany([before])).to.deep.equal({ succeeded: 1, failed: 0 });
      const [after] = await ct.dump().toArray();
      expect(after.nat).to.deep.equal(nat);
      for (const part of ['orig', 'reply', 'status'] as const)
        expect(JSON.stringify(after[part]), part).to.equal(JSON.stringify(before[part]));
      // An update changes no NAT, and is no reason to refuse it.
      await ct.createOrUpdate(after.with({ mark: 5 }));
      expect((await ct.get(after))?.mark).to.equal(5);
    });

  for (const [name, init, nat] of cases) {
    it(`is ${name}`, async () => {
      await ct.create({ ...init, timeout: 600 });
      const [flow, ...more] = await ct.dump().toArray();
      expect(more).to.deep.equal([]);
      expect(flow.nat).to.deep.equal(nat);
      expect(flow.isNat).to.equal(nat !== undefined);
    });
  }
});
