/** What requests are called in messages: each as its builder writes it. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Expectation } from '../../src/ctnetlink/expectation.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { describeRequest } from '../../src/ctnetlink/request/describe.ts';
import * as expectations from '../../src/ctnetlink/request/expectation.ts';
import * as requests from '../../src/ctnetlink/request/flow.ts';
import { bytesOf, type Request } from '../../src/netlink/request.ts';
import { message } from '../support/fake-transport.ts';

const UDP = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 5353, dport: 53 } as const;
const UDP6 = { src: '2001:db8::1', dst: '2001:db8::2', proto: 'udp', sport: 5353, dport: 53 } as const;
const PING = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 9 } as const;
const DCCP = { src: '192.0.2.1', dst: '198.51.100.2', proto: 33 } as const;
const MASTER = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 21 } as const;
const ANSWER = { src: '198.51.100.2', dst: '192.0.2.1', proto: 'udp', sport: 53, dport: 5353 } as const;

const flow = (init: FlowInit): Flow => Flow.from(init);
const filter = (terms: Filter, purpose: 'dump' | 'flush' = 'dump') =>
  new CompiledFilter(terms).forKernel(purpose, kernelSupport('6.18.0'));
const expectation = (init: Parameters<typeof Expectation.from>[0]): Expectation => Expectation.from(init);

/** What is asked -> its description. */
const CASES: readonly (readonly [Request, string])[] = [
  [requests.buildGet(flow({ orig: UDP })), 'get udp 192.0.2.1:5353 -> 198.51.100.2:53'],
  [requests.buildGet(flow({ orig: UDP, zone: 5 })), 'get udp 192.0.2.1:5353 -> 198.51.100.2:53 { zone: 5 }'],
  [requests.buildGet(flow({ reply: ANSWER })), 'get reply udp 198.51.100.2:53 -> 192.0.2.1:5353'],
  [requests.buildGet(flow({ orig: UDP6 })), 'get udp [2001:db8::1]:5353 -> [2001:db8::2]:53'],
  [requests.buildGet(flow({ orig: PING })), 'get icmp 192.0.2.1 -> 198.51.100.2 type 8 code 0 id 9'],
  [requests.buildGet(flow({ orig: DCCP })), 'get dccp 192.0.2.1 -> 198.51.100.2'],
  [requests.buildGet(flow({ orig: { ...DCCP, proto: 89 } })), 'get 89 192.0.2.1 -> 198.51.100.2'],
  [requests.buildDelete(flow({ orig: UDP, id: 7 })), 'delete udp 192.0.2.1:5353 -> 198.51.100.2:53 { id: 7 }'],
  [
    requests.buildCreate(flow({ orig: UDP, timeout: 60, mark: 7 }), 'create'),
    'create udp 192.0.2.1:5353 -> 198.51.100.2:53 { timeout: 60, mark: 7 }',
  ],
  [
    requests.buildCreate(flow({ orig: UDP, reply: { ...ANSWER, dst: '203.0.113.1' }, timeout: 60 }), 'createOrUpdate'),
    'createOrUpdate udp 192.0.2.1:5353 -> 198.51.100.2:53 { reply: { src: 198.51.100.2, dst: 203.0.113.1, proto: udp, sport: 53, dport: 5353 }, timeout: 60 }',
  ],
  [
    requests.buildUpdate(flow({ orig: UDP, mark: 16, markMask: 240, labels: [1, 5] })),
    'update udp 192.0.2.1:5353 -> 198.51.100.2:53 { mark: { value: 16, mask: 240 }, labels: [1, 5] }',
  ],
  [
    requests.buildUpdate(flow({ orig: UDP, helper: { name: 'a\u202eb' } })),
    'update udp 192.0.2.1:5353 -> 198.51.100.2:53 { helper: { name: a\\u202eb } }',
  ],
  [requests.buildDump('dump'), 'dump'],
  [requests.buildDump('dump', filter({ mark: 3 })), 'dump { mark: 3 }'],
  [requests.buildDump('dump', filter({ mark: { value: 1, mask: 3 } })), 'dump { mark: { value: 1, mask: 3 } }'],
  [requests.buildDump('dump', filter({ family: 'ipv6' })), 'dump { family: ipv6 }'],
  [requests.buildDump('dump', filter({ status: ['ASSURED'], zone: 1 })), 'dump { status: [ASSURED], zone: 1 }'],
  [
    requests.buildDump('dump', filter({ status: { value: 0, mask: ['SEEN_REPLY'] } })),
    'dump { status: { value: [], mask: [SEEN_REPLY] } }',
  ],
  [
    requests.buildDump('dump', filter({ orig: { src: '10.0.0.1', proto: 'tcp', dport: 80 } })),
    'dump { family: ipv4, orig: { src: 10.0.0.1, proto: tcp, dport: 80 } }',
  ],
  [requests.buildDump('dumpDying'), 'dump {}, { table: dying }'],
  [requests.buildFlush(), 'flushAll'],
  [requests.buildFlush(filter({ mark: 1 }, 'flush')), 'flush { mark: 1 }'],
  [requests.buildFlush(filter({ family: 'ipv4' }, 'flush')), 'flush { family: ipv4 }'],
  [
    requests.buildFlush(filter({ orig: { src: '192.0.2.1', dst: '198.51.100.2' } }, 'flush')),
    'flush { family: ipv4, orig: { src: 192.0.2.1, dst: 198.51.100.2 } }',
  ],
  [requests.buildStats('stats'), 'stats'],
  [requests.buildStats('cpuStats'), 'cpuStats'],
  [expectations.buildExpectationDump(2), 'expectations.dump { family: ipv4 }'],
  [expectations.buildExpectationFlush(), 'expectations.flushAll'],
  [expectations.buildExpectationFlush('ftp'), 'expectations.flush { helper: ftp }'],
  [expectations.buildExpectationStats(), 'expectations.stats'],
  [
    expectations.buildExpectationGet(expectation({ tuple: { dst: '192.0.2.1', proto: 'tcp', dport: 5000 } })),
    'expectations.get tcp 0.0.0.0:0 -> 192.0.2.1:5000',
  ],
  [
    expectations.buildExpectationCreate(
      expectation({ master: MASTER, tuple: { dst: '192.0.2.1', proto: 'tcp', dport: 5000 }, timeout: 60 }),
      'expectations.create',
    ),
    'expectations.create tcp 0.0.0.0:0 -> 192.0.2.1:5000 { master: { src: 192.0.2.1, dst: 198.51.100.2, proto: tcp, sport: 40000, dport: 21 }, mask: { src: 0.0.0.0, ...',
  ],
];

describe('describe-request', () => {
  for (const [request, words] of CASES) {
    it(words, () => {
      expect(describeRequest(bytesOf(request, 1))).to.equal(words);
    });
  }

  it('names what it does not know by numbers', () => {
    const words = (type: number, payload: number[] = [0, 0, 0, 0]): string =>
      describeRequest(message(1, payload, { type, flags: 5 }));
    expect(words(0xa03)).to.equal('message 3 of subsystem 10 (NFTABLES), 4 bytes');
    expect(words(0x4203)).to.equal('message 3 of subsystem 66, 4 bytes');
    expect(words(0x163)).to.equal('message 99 of subsystem 1 (CTNETLINK), 4 bytes');
    expect(words(3)).to.equal('control message 3, 4 bytes');
  });

  it('keeps attributes that it does not know, by type and length', () => {
    const unknown: number[] = [2, 0, 0, 0, 6, 0, 99, 0, 1, 2, 0, 0];
    expect(describeRequest(message(1, unknown, { type: 0x101, flags: 0x301 }))).to.equal(
      'dump { family: ipv4, unknown: [attribute 99 (2 bytes)] }',
    );
  });

  it('shows the bytes of what is broken', () => {
    expect(describeRequest(message(1, [2, 0, 0, 0, 99, 0, 1, 0], { type: 0x101, flags: 5 }))).to.equal(
      'get, which is broken: type 0x101 flags 0x5 [0200000063000100]',
    );
    expect(describeRequest(message(1, [2], { type: 0x101, flags: 5 }))).to.match(/^get, which is broken: /);
  });
});
