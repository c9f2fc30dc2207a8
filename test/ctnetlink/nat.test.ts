/** What NAT made of a flow: `flow.nat` and `flow.isNat`. */
import { expect } from 'chai';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import type { Translation } from '../../src/ctnetlink/nat.ts';
import type { StatusText } from '../../src/ctnetlink/status.ts';

const UDP = { src: '10.0.0.1', dst: '192.0.2.1', proto: 'udp', sport: 1000, dport: 53 } as const;
const ANSWER = { src: '192.0.2.1', dst: '10.0.0.1', proto: 'udp', sport: 53, dport: 1000 } as const;
const ICMP = { src: '10.0.0.1', dst: '192.0.2.1', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 9 } as const;
const ECHO = { src: '192.0.2.1', dst: '10.0.0.1', proto: 'icmp', icmpType: 0, icmpCode: 0, icmpId: 9 } as const;

describe('flow.nat', () => {
  const cases: [
    name: string,
    orig: TupleInit,
    reply: TupleInit,
    status: readonly StatusText[],
    Translation | undefined,
  ][] = [
    ['no NAT', UDP, ANSWER, [], undefined],
    ['SNAT', UDP, { ...ANSWER, dst: '203.0.113.1' }, ['SRC_NAT'], { src: { address: '203.0.113.1', port: 1000 } }],
    ['SNAT of the port', UDP, { ...ANSWER, dport: 7 }, ['SRC_NAT'], { src: { address: '10.0.0.1', port: 7 } }],
    ['DNAT', UDP, { ...ANSWER, src: '10.0.0.9' }, ['DST_NAT'], { dst: { address: '10.0.0.9', port: 53 } }],
    ['DNAT of the port', UDP, { ...ANSWER, sport: 5353 }, ['DST_NAT'], { dst: { address: '192.0.2.1', port: 5353 } }],
    [
      'both',
      UDP,
      { src: '10.0.0.9', dst: '203.0.113.1', proto: 'udp', sport: 5353, dport: 7 },
      ['SRC_NAT', 'DST_NAT'],
      { src: { address: '203.0.113.1', port: 7 }, dst: { address: '10.0.0.9', port: 5353 } },
    ],
    ['SNAT of the ICMP id', ICMP, { ...ECHO, icmpId: 77 }, ['SRC_NAT'], { src: { address: '10.0.0.1', icmpId: 77 } }],
    ['DNAT of ICMP', ICMP, { ...ECHO, src: '10.0.0.9' }, ['DST_NAT'], { dst: { address: '10.0.0.9' } }],
    [
      'SNAT of a protocol without ports',
      { src: '10.0.0.1', dst: '192.0.2.1', proto: 50 },
      { src: '192.0.2.1', dst: '203.0.113.1', proto: 50 },
      ['SRC_NAT'],
      { src: { address: '203.0.113.1' } },
    ],
    [
      'SNAT of IPv6',
      { src: 'fd00::1', dst: '2001:db8::1', proto: 'tcp', sport: 1, dport: 2 },
      { src: '2001:db8::1', dst: '2001:db8::9', proto: 'tcp', sport: 2, dport: 1 },
      ['SRC_NAT'],
      { src: { address: '2001:db8::9', port: 1 } },
    ],
    ['directions that differ without NAT', UDP, { ...ANSWER, dst: '203.0.113.1' }, ['CONFIRMED'], undefined],
    ['NAT of the other end only', UDP, { ...ANSWER, dst: '203.0.113.1' }, ['DST_NAT'], undefined],
    ['a status of NAT alone', UDP, ANSWER, ['SRC_NAT', 'DST_NAT'], undefined],
    ['no reply', UDP, {}, ['SRC_NAT'], undefined],
    ['no original direction', {}, ANSWER, ['SRC_NAT'], undefined],
  ];
  for (const [name, orig, reply, status, nat] of cases) {
    it(`detects ${name}`, () => {
      const flow = Flow.from({ orig, reply, status });
      expect(flow.nat).to.deep.equal(nat);
      expect(flow.isNat).to.equal(nat !== undefined);
    });
  }

  it('goes by the directions alone where there is no status', () => {
    const init: FlowInit = { orig: UDP, reply: { ...ANSWER, dst: '203.0.113.1' } };
    expect(Flow.from(init).nat).to.deep.equal({ src: { address: '203.0.113.1', port: 1000 } });
    expect(Flow.from({ orig: UDP, reply: ANSWER }).isNat).to.equal(false);
    expect([Flow.from({}).nat, Flow.from({}).isNat]).to.deep.equal([undefined, false]);
  });

  it('is no part of the JSON, and nothing that can be given', () => {
    const flow = Flow.from({ orig: UDP, reply: { ...ANSWER, dst: '203.0.113.1' } });
    expect(flow.toJSON()).to.have.all.keys('orig', 'reply');
    for (const name of ['nat', 'isNat'])
      expect(() => Flow.from({ [name]: {} } as FlowInit)).to.throw(TypeError, `flow.${name}`);
  });
});
