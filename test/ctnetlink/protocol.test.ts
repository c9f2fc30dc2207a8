/** Properties of another protocol than that of the flow, which the kernel ignores without a word. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { buildCreate, buildUpdate } from '../../src/ctnetlink/request/flow.ts';

const UDP = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 } as const;
const TCP = { ...UDP, proto: 'tcp' } as const;
const ICMP = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 3 } as const;

const CASES: [FlowInit, typeof TypeError | typeof RangeError, string][] = [
  [{ orig: UDP, tcp: { state: 'CLOSE' } }, RangeError, "flow.tcp.state is not a property of flows with proto 'udp'"],
  [{ orig: TCP, sctp: { state: 'CLOSED' } }, RangeError, "flow.sctp.state is not a property of flows with proto 'tcp'"],
  [{ orig: UDP, dccp: { role: 1 } }, RangeError, "flow.dccp.role is not a property of flows with proto 'udp'"],
  [{ orig: { ...UDP, icmpId: 3 } }, RangeError, "flow.orig.icmpId is not a property of flows with proto 'udp'"],
  [{ orig: { ...ICMP, dport: 3 } }, RangeError, "flow.orig.dport is not a property of flows with proto 'icmp'"],
  [{ orig: { ...ICMP, proto: 50 } }, RangeError, "flow.orig.icmpType is not a property of flows with proto '50'"],
  [{ orig: UDP, markMask: 5 }, TypeError, 'flow.mark is required with markMask'],
  [{ orig: UDP, labelsMask: [5] }, TypeError, 'flow.labels is required with labelsMask'],
];

describe('a property that the kernel would ignore', () => {
  for (const [init, type, message] of CASES)
    it(`is refused by create and update: ${message}`, () => {
      const flow = Flow.from({ ...init, timeout: 60 });
      expect(() => buildCreate(flow, 'create')).to.throw(type, message);
      expect(() => buildUpdate(flow)).to.throw(type, message);
    });

  it('is none of a dumped flow, of its spread and of its JSON', () => {
    const reply = { ...TCP, src: '10.0.0.2', dst: '10.0.0.1', sport: 53, dport: 1 };
    const flow = Flow.from({ orig: TCP, reply, id: 7, timeout: 9, tcp: { state: 'CLOSE', flagsOrig: 3 } });
    for (const each of [{ ...flow, mark: 4 }, JSON.parse(JSON.stringify(flow)), { orig: ICMP, timeout: 1 }]) {
      buildUpdate(Flow.from(each));
      buildCreate(Flow.from(each), 'create');
    }
  });

  it('is a protocol of the other family, of a flow to create', () => {
    const six = { ...ICMP, src: 'fd00::1', dst: 'fd00::2' };
    const create = (orig: FlowInit['orig']) => () => buildCreate(Flow.from({ orig, timeout: 9 }), 'create');
    expect(create({ ...ICMP, proto: 'icmpv6' })).to.throw(RangeError, "flow.orig.proto 'icmpv6' needs IPv6 addresses");
    expect(create(six)).to.throw(RangeError, "flow.orig.proto 'icmp' needs IPv4 addresses");
    create({ ...six, proto: 'icmpv6', icmpType: 128 })();
  });
});
