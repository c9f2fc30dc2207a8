/**
 * A dump that resets counters, over several datagrams: where one is full, the kernel's own reset dump loses the
 * counters of the next flow.
 */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { describeKernel, resetNamespace, sysctl } from '../support/kernel.ts';
import { Packets, prepareForPackets } from '../support/packets.ts';

/** Enough for more than ten datagrams. */
const FLOWS = 2_000;

/** Of several sizes, as messages: IPv4 and IPv6, UDP and ICMP. */
function flowOf(n: number): FlowInit {
  const id = 1_000 + n;
  if (n % 3 === 0)
    return { orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: id, dport: 53 }, timeout: 600 };
  if (n % 3 === 1)
    return { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: id, dport: 53 }, timeout: 600 };
  const ping = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: id } as const;
  return { orig: ping, timeout: 600 };
}

describeKernel('dumps that reset', ['nft', 'conntrack'], () => {
  let ct: Conntrack;
  let packets: Packets;
  const flows = Array.from({ length: FLOWS }, (_, n) => flowOf(n));
  before(async () => {
    resetNamespace();
    sysctl('nf_conntrack_acct', 1);
    prepareForPackets([]);
    ct = await Conntrack.open();
    packets = new Packets();
    await ct.createMany(flows);
  });
  after(async () => {
    packets?.close();
    await ct?.close();
    resetNamespace();
  });
  beforeEach(() => {
    for (const { orig } of flows) packets.send(orig!, 0, 'both');
  });

  it('yield every counter, flow by flow, in batches and as an array', async () => {
    const read = {
      'flow by flow': async () => {
        const all = [];
        for await (const flow of ct.dump({}, { reset: true })) all.push(flow);
        return all;
      },
      'in batches': async () => {
        const all = [];
        for await (const batch of ct.dump({}, { reset: true }).batches()) all.push(...batch);
        return all;
      },
      'as an array': () => ct.dump({}, { reset: true }).toArray(),
    };
    for (const [how, all] of Object.entries(read)) {
      const counted = (await all()).map(({ countersOrig }) => countersOrig?.packets);
      expect(counted, how).to.have.length(FLOWS);
      expect(new Set(counted), how).to.deep.equal(new Set([1n]));
      const left = (await ct.dump().toArray()).filter(({ countersOrig }) => countersOrig?.packets !== 0n);
      expect(left, how).to.have.length(0);
      for (const { orig } of flows) packets.send(orig!, 0, 'both');
    }
  });

  it('leave the counters of what a loop was not given', async () => {
    const given: (number | undefined)[] = [];
    for await (const { orig } of ct.dump({ orig: { proto: 'udp' } }, { reset: true })) {
      given.push(orig.sport);
      if (given.length === 300) break;
    }
    const zeroed = (await ct.dump().toArray()).filter(({ countersOrig }) => countersOrig?.packets === 0n);
    expect(zeroed.map(({ orig }) => orig.sport)).to.have.members(given);
  });
});
