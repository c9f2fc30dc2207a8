/** Two flows have one key exactly if the kernel takes the second for the first. */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';

const V4 = { src: '192.0.2.1', dst: '198.51.100.2' };
const V6 = { src: '2001:db8::1', dst: '2001:db8::2' };
const PORTS = { sport: 5353, dport: 53 };
const PING = { icmpType: 8, icmpCode: 0, icmpId: 9 };

/** Of each protocol, what differs in one thing, and what differs in nothing that the kernel looks at. */
const FLOWS: readonly FlowInit[] = [
  ...(['udp', 'tcp', 'sctp', 'gre'] as const).flatMap((proto): FlowInit[] => [
    { orig: { ...V4, proto, ...PORTS } },
    { orig: { ...V4, proto, ...PORTS, ...PING } },
    { orig: { ...V4, proto, ...PORTS, sport: 5354 } },
    { orig: { ...V4, proto, ...PORTS, dport: 54 } },
    { orig: { ...V6, proto, ...PORTS } },
  ]),
  { orig: { ...V4, src: '192.0.2.9', proto: 'udp', ...PORTS } },
  { orig: { ...V4, dst: '192.0.2.9', proto: 'udp', ...PORTS } },
  { orig: { ...V4, proto: 'icmp', ...PING } },
  { orig: { ...V4, proto: 'icmp', ...PING, ...PORTS } },
  { orig: { ...V4, proto: 'icmp', ...PING, icmpId: 10 } },
  { orig: { ...V4, proto: 'icmp', ...PING, icmpType: 13 } },
  { orig: { ...V4, proto: 'icmp', ...PING, icmpCode: 1 } },
  { orig: { ...V6, proto: 'icmpv6', ...PING, icmpType: 128 } },
  { orig: { ...V6, proto: 'icmpv6', ...PING, icmpType: 128, icmpId: 10 } },
  { orig: { ...V4, proto: 50 } },
  { orig: { ...V4, proto: 50, ...PORTS } },
  { orig: { ...V4, proto: 50, ...PING } },
  { orig: { ...V4, proto: 2 } },
  { orig: { ...V6, proto: 50 } },
  { orig: { ...V4, proto: 50 }, zone: 0 },
  { orig: { ...V4, proto: 50 }, zone: 5 },
  { orig: { ...V4, proto: 50 }, zone: 6 },
  { orig: { ...V4, proto: 50, zone: 5 } },
  { orig: { ...V4, proto: 50, zone: 5 }, zone: 0 },
  { orig: { ...V4, proto: 50 }, reply: { zone: 5 } },
];

/** A flow whose answers are like those of no other, because the kernel also compares them. */
function distinct({ orig, reply, ...more }: FlowInit, n: number): FlowInit {
  const { src: _src, dst: _dst, zone: _zone, ...protocol } = orig as TupleInit;
  const v6 = orig?.src?.includes(':') === true;
  const ends = v6
    ? { src: `fd00::${n + 1}`, dst: `fd00::1:${n + 1}` }
    : { src: `10.0.0.${n + 1}`, dst: `10.0.1.${n + 1}` };
  // What has an id is sent as it is, also parts of another protocol, which the kernel does not look at.
  return { ...more, orig, reply: { ...protocol, ...ends, ...reply }, timeout: 600, id: 1 };
}

describeKernel('keys of flows', ['conntrack'], () => {
  let ct: Conntrack;
  before(async () => {
    resetNamespace();
    ct = await Conntrack.open();
  });
  after(async () => {
    await ct?.close();
    resetNamespace();
  });

  for (const [n, first] of FLOWS.entries())
    it(`${Flow.from(first).key()} (${n}) is that of what the kernel takes for ${JSON.stringify(first)}`, async () => {
      await ct.flushAll();
      await ct.create(distinct(first, n));
      const [dumped] = await ct.dump().toArray();
      const key = dumped.key();
      expect(key, 'as dumped').to.equal(Flow.from(first).key());
      const same: boolean[] = [];
      for (const [m, second] of FLOWS.entries()) {
        try {
          await ct.create(distinct(second, 100 + m));
          same.push(false);
          await ct.delete({ orig: second.orig, zone: second.zone });
        } catch (error) {
          if (!(error instanceof KernelError) || error.code !== 'EEXIST') throw error;
          same.push(true);
        }
      }
      expect(same).to.deep.equal(FLOWS.map((second) => Flow.from(second).key() === key));
    });

  it('a flow with another mark is what update takes', async () => {
    await ct.flushAll();
    const orig = { ...V4, proto: 'tcp', ...PORTS } as const;
    await ct.create({ orig, timeout: 600, mark: 1, zone: 5, tcp: { state: 'ESTABLISHED' } });
    const [flow] = await ct.dump().toArray();
    await ct.update(flow.with({ mark: 4 }));
    expect((await ct.get(flow))?.mark).to.equal(4);
    await ct.update({ ...flow, mark: 5 });
    expect((await ct.get(flow))?.mark).to.equal(5);
    await ct.update(Flow.from(structuredClone(flow)));
    const [after] = await ct.dump().toArray();
    const { timeout: _before, ...expected } = flow.toJSON();
    const { timeout: _after, ...got } = after.toJSON();
    expect(got).to.deep.equal(expected);
  });
});
