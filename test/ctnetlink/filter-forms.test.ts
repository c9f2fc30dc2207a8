/** Lists, `not`, `all`, several filters, and the properties that no kernel knows. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { CompiledFilter, type Filter, type FilterInit } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { formatFilter } from '../../src/ctnetlink/filter/text/format.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { rejection } from '../support/fake-transport.ts';
import { DESTROY, flow, flowMessage, kernelWith, numberOf, play } from '../support/played.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

type Asked = Filter | readonly Filter[];

const FLOW: FlowInit = {
  orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 80 },
  reply: { src: '10.0.0.2', dst: '192.0.2.1', proto: 'tcp', sport: 80, dport: 2000 },
  status: ['SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'SRC_NAT'],
  mark: 0x12,
  timeout: 100,
  labels: [1, 40],
  helper: { name: 'ftp' },
  tcp: { state: 'ESTABLISHED' },
  countersOrig: { packets: 3, bytes: 300 },
  countersReply: { packets: 4, bytes: 2n ** 64n - 1n },
};
/** A flow with nothing that may be absent. */
const BARE: FlowInit = {
  orig: { src: 'fd00::1', dst: 'fd00::2', proto: 89 },
  reply: { src: 'fd00::2', dst: 'fd00::1', proto: 89 },
  status: ['CONFIRMED'],
};

function matches(filter: Asked, init: FlowInit = FLOW): boolean {
  return new CompiledFilter(filter).matches(Flow.from(init));
}

/** Filters that match FLOW, and some that do not. */
const CASES: Record<string, { yes: Asked[]; no: Asked[] }> = {
  'any of a list': {
    yes: [
      { family: ['ipv6', 'ipv4'] },
      { mark: [1, 0x12] },
      { zone: [0, 5] },
      { status: [['DYING'], ['ASSURED']] },
      { status: [0x200, 4] },
      { orig: { proto: ['udp', 'tcp'], dport: [1, 80] } },
      { orig: { src: ['fd00::/8', '10.0.0.0/24'] } },
      { reply: { dst: new Set(['192.0.2.1']) } },
    ],
    no: [
      { family: ['ipv6'] },
      { mark: [1, 2] },
      { zone: [4, 5] },
      { status: [['DYING'], ['SEEN_REPLY', 'DYING']] },
      { orig: { proto: ['udp', 17] } },
      { orig: { src: ['fd00::/8', '10.0.1.0/24'] } },
    ],
  },
  'not a value, nor one of a list': {
    yes: [
      { family: { not: 'ipv6' } },
      { mark: { not: 1 } },
      { mark: { not: [1, { from: 2, to: 0x11 }, { value: 1, mask: 1 }] } },
      { zone: { not: [1, 2] } },
      { status: { not: ['DYING'] } },
      { status: { not: [['DYING'], ['EXPECTED']] } },
      { orig: { dport: { not: [53, { from: 81, to: 90 }] }, src: { not: '10.0.0.2' } } },
      { orig: { proto: { not: ['udp', 'icmp'] } } },
    ],
    no: [
      { family: { not: ['ipv4', 'ipv6'] } },
      { mark: { not: [1, 0x12] } },
      { mark: { not: { value: 0x10, mask: 0xf0 } } },
      { zone: { not: 0 } },
      { status: { not: ['ASSURED'] } },
      { orig: { dport: { not: { from: 80, to: 80 } } } },
      { orig: { src: { not: ['10.0.0.0/8'] } } },
    ],
  },
  'a range of marks and timeouts': {
    yes: [
      { mark: { from: 0x12, to: 0x12 } },
      {
        mark: [
          { from: 0, to: 1 },
          { from: 3, to: 0xffffffff },
        ],
      },
      { timeout: { from: 1, to: 100 } },
      { timeout: [5, 100] },
      { timeout: { not: 99 } },
    ],
    no: [{ mark: { from: 0x13, to: 0xffffffff } }, { timeout: { from: 101, to: 0xffffffff } }, { timeout: 99 }],
  },
  'any of the four addresses': {
    yes: [
      { host: '10.0.0.1' },
      { host: '10.0.0.2' },
      { host: '192.0.2.1' },
      { host: '192.0.2.0/24' },
      { host: '0.0.0.0/0' },
      { host: ['203.0.113.1', 'fd00::1', '192.0.2.1'] },
      { host: { not: ['203.0.113.1', '::/0'] } },
    ],
    no: [
      { host: '10.0.0.3' },
      { host: '::/0' },
      { host: '10.0.0.0/32' },
      { host: { not: '192.0.2.1' } },
      { host: new Set(['203.0.113.1', 'fd00::1']) },
    ],
  },
  'any of the four ports': {
    yes: [{ port: 1000 }, { port: 80 }, { port: 2000 }, { port: { from: 1999, to: 2001 } }, { port: { not: 53 } }],
    no: [{ port: 1001 }, { port: [1, { from: 81, to: 999 }] }, { port: { not: [53, 2000] } }],
  },
  'labels, states and the helper': {
    yes: [
      { labels: 40 },
      { labels: [2, 1] },
      { labels: { not: [0, 127] } },
      { tcp: { state: 'ESTABLISHED' } },
      { tcp: { state: ['SYN_SENT', 3] } },
      { tcp: { state: { not: 'CLOSE' } } },
      { sctp: { state: { not: 'CLOSED' } } },
      { helper: 'ftp' },
      { helper: ['sip', 'ftp'] },
      { helper: { not: 'sip' } },
      { tcp: {}, sctp: {} },
    ],
    no: [
      { labels: 0 },
      { labels: { not: 1 } },
      { tcp: { state: { not: ['ESTABLISHED', 'CLOSE'] } } },
      { sctp: { state: 'ESTABLISHED' } },
      { helper: 'f' },
      { helper: { not: ['ftp'] } },
    ],
  },
  'NAT and expected flows, by the status': {
    yes: [{ nat: 'src' }, { nat: 'any' }, { nat: ['dst', 'src'] }, { nat: { not: 'none' } }, { expected: false }],
    no: [{ nat: 'dst' }, { nat: 'none' }, { nat: { not: ['any'] } }, { expected: true }, { expected: { not: false } }],
  },
  'counters of one direction, or of both together': {
    yes: [
      { counters: { packets: 7 } },
      { counters: { packets: [1, { from: 5, to: 7 }] } },
      { counters: { orig: { packets: 3, bytes: 300n }, reply: { packets: { from: 4, to: 4 } } } },
      { counters: { reply: { bytes: '18446744073709551615' } } },
      { counters: { reply: { bytes: { from: 2n ** 53n, to: 2n ** 64n - 1n } } } },
      { counters: { packets: { not: 3 } } },
    ],
    no: [
      { counters: { packets: 3 } },
      { counters: { reply: { bytes: 2n ** 64n - 2n } } },
      { counters: { orig: { bytes: { from: 301, to: Number.MAX_SAFE_INTEGER } } } },
      { counters: { bytes: { from: 0, to: 2n ** 64n - 1n } } },
    ],
  },
  'any of several filters, none of those in not, and all of those in all': {
    yes: [
      [{ mark: 1 }, { mark: 0x12 }],
      [{ mark: 1 }, {}],
      { not: { mark: 1 } },
      { not: [{ mark: 1 }, { port: 53 }] },
      { mark: 0x12, not: { zone: 5 } },
      { not: { not: { mark: 0x12 } } },
      { all: [{ host: '10.0.0.1' }, { host: '192.0.2.1' }] },
      { all: [[{ mark: 1 }, { port: 80 }], { not: { zone: 1 } }] },
      { all: [{ mark: { value: 0x10, mask: 0xf0 } }, { mark: { value: 2, mask: 0xf } }] },
    ],
    no: [
      [{ mark: 1 }, { mark: 2 }],
      { not: {} },
      { not: [{ mark: 1 }, { port: 80 }] },
      { mark: 0x12, not: { zone: 0 } },
      { all: [{ host: '10.0.0.1' }, { host: '10.0.0.9' }] },
      { all: [{ mark: 0x12 }, { mark: 0x13 }] },
      { all: [{ zone: 0 }, { zone: 1 }] },
      { all: [{ status: ['ASSURED'] }, { status: { value: 0, mask: ['ASSURED'] } }] },
      { all: [{ orig: { dport: 80 } }, { orig: { dport: 81 } }] },
    ],
  },
};

describe('filter forms: a flow matches', () => {
  for (const [name, { yes, no }] of Object.entries(CASES)) {
    it(name, () => {
      for (const filter of yes) expect(matches(filter), JSON.stringify(filter, big)).to.equal(true);
      for (const filter of no) expect(matches(filter), JSON.stringify(filter, big)).to.equal(false);
    });
  }

  const big = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

  it('no property that it lacks, and each of them inside of not; a missing mark or zone is 0', () => {
    const absent: Filter[] = [
      { orig: { dport: { from: 0, to: 65535 } } },
      { port: { from: 0, to: 65535 } },
      { orig: { icmpId: [0, 1] } },
      { labels: Array.from({ length: 128 }, (_, bit) => bit) },
      { tcp: { state: [0, 3, 255] } },
      { sctp: { state: 'NONE' } },
      { helper: ['ftp', 'sip'] },
      { timeout: { from: 0, to: 0xffffffff } },
      { counters: { packets: { from: 0, to: 2n ** 64n - 1n } } },
      { counters: { orig: { bytes: 0 } } },
    ];
    for (const filter of absent) {
      expect(matches(filter, BARE), JSON.stringify(filter, big)).to.equal(false);
      expect(matches({ not: filter }, BARE)).to.equal(true);
    }
    const opposite: Filter[] = [
      { port: { not: 53 } },
      { labels: { not: 1 } },
      { helper: { not: 'ftp' } },
      { timeout: { not: { from: 0, to: 0xffffffff } } },
      { counters: { packets: { not: 0 } } },
      { tcp: { state: { not: 'CLOSE' } } },
    ];
    for (const filter of opposite) expect(matches(filter, BARE), JSON.stringify(filter)).to.equal(true);
    for (const filter of [{ mark: [0] }, { mark: { from: 0, to: 1 } }, { zone: [0] }] as const)
      expect(matches(filter, BARE)).to.equal(true);
  });

  it('one of tens of thousands of addresses, of any family and prefix length', () => {
    const random = new Random(seedFromEnvironment());
    const ipv4 = (): string => [...random.bytes(4)].join('.');
    const ipv6 = (): string => `2001:db8:${random.below(65536).toString(16)}::${random.below(65536).toString(16)}`;
    const hosts = new Set<string>();
    while (hosts.size < 20_000) hosts.add(random.oneIn(2) ? ipv4() : ipv6());
    for (const other of ['172.16.0.0/12', '0.0.0.0/32', '255.255.255.255', 'fd00::/8', '::', 'fe80::/10'])
      hosts.add(other);
    const compiled = new CompiledFilter({ host: hosts });
    // What becomes of the set does not matter.
    const listed = [...hosts];
    hosts.clear();
    const has = (address: string): boolean => {
      const other = address.includes(':') ? '3fff::1' : '9.9.9.9';
      const orig = { src: other, dst: other, proto: 'udp' } as const;
      return compiled.matches(Flow.from({ orig, reply: { ...orig, dst: address } }));
    };
    for (const each of listed) expect(has(each.replace(/\/.*/, '')), each).to.equal(true);
    for (const each of ['172.31.255.255', 'fdff:ffff::1', 'fe9f::1']) expect(has(each), each).to.equal(true);
    for (const each of ['172.32.0.0', '0.0.0.1', 'fec0::1', '::1', '1::']) expect(has(each), each).to.equal(false);
    let found = 0;
    for (let n = 0; n < 2000; n++)
      found += has(random.oneIn(2) ? ipv4().replace(/^172\./, '11.') : `2002::${n}`) ? 1 : 0;
    expect(found).to.be.below(10);
    expect((compiled.toJSON() as { host: string[] }).host).to.deep.equal(listed);
  });

  it('one of an iterable that can be read once', () => {
    function* hosts(): Generator<string> {
      yield '203.0.113.0/24';
      yield '10.0.0.2';
    }
    const compiled = new CompiledFilter({ host: hosts() });
    expect(compiled.matches(Flow.from(FLOW))).to.equal(true);
    expect(compiled.toJSON()).to.deep.equal({ host: ['203.0.113.0/24', '10.0.0.2'] });
  });
});

describe('filter forms: JSON', () => {
  it('makes the same filter again', () => {
    const filter: Filter = {
      mark: { from: 1, to: 2 },
      status: ['ASSURED'],
      host: new Set(['10.0.0.0/8']),
      orig: Flow.from(FLOW).orig as Filter['orig'] & object,
      counters: { bytes: { from: 5n, to: 2n ** 64n - 1n } },
      not: [{ port: { not: [1, 2] } }],
    };
    const json = JSON.parse(JSON.stringify(new CompiledFilter(filter)));
    expect(json).to.deep.equal({
      mark: { from: 1, to: 2 },
      status: ['ASSURED'],
      host: ['10.0.0.0/8'],
      orig: { family: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 80 },
      counters: { bytes: { from: 5, to: '18446744073709551615' } },
      not: [{ port: { not: [1, 2] } }],
    });
    expect(new CompiledFilter(json).toJSON()).to.deep.equal(json);
    expect(new CompiledFilter([{ mark: 1 }, { zone: 2 }]).toJSON()).to.deep.equal([{ mark: 1 }, { zone: 2 }]);
    expect(new CompiledFilter({}).toJSON()).to.deep.equal({});
  });

  it('is not what a program changes of it', () => {
    const compiled = new CompiledFilter({ mark: [1, 2] });
    (compiled.toJSON() as { mark: number[] }).mark.length = 0;
    expect(compiled.toJSON()).to.deep.equal({ mark: [1, 2] });
  });
});

describe('filter forms: what excludes nothing', () => {
  const EVERYTHING: Asked[] = [
    [{ mark: 3 }, {}],
    [{ orig: {} }, { mark: 3 }],
    [[{}]].flat(),
    { not: { not: {} } },
    { not: { mark: { value: 2, mask: 1 } } },
    { not: { all: [{ mark: 1 }, { mark: 2 }] } },
    { not: { not: [{ mark: 1 }, {}] } },
    { all: [{}, [{ mark: 3 }, {}]] },
    { family: ['ipv4', 'ipv6'] },
    [{ family: 'ipv4' }, { family: 'ipv6' }],
    [{ family: 'ipv4' }, { family: { not: 'ipv4' } }],
    { host: ['0.0.0.0/0', '::/0'] },
    { host: ['0.0.0.0/1', '128.0.0.0/1', '::/0'] },
    [{ host: '0.0.0.0/0' }, { family: 'ipv6' }],
    [{ orig: { src: '0.0.0.0/0' } }, { reply: { dst: '::/0' } }],
    [{ orig: { src: '10.0.0.0/8' } }, { orig: { src: { not: '10.0.0.0/8' } } }],
    { orig: { src: ['0.0.0.0/0', '::/0'] } },
    { not: { family: { not: ['ipv4', 'ipv6'] } } },
    { mark: { from: 0, to: 0xffffffff } },
    {
      mark: [
        { from: 0, to: 5 },
        { from: 6, to: 0xffffffff },
      ],
    },
    [{ mark: { from: 0, to: 5 } }, { mark: { from: 6, to: 0xffffffff } }],
    [{ mark: 1 }, { mark: { not: 1 } }],
    [{ mark: { value: 1, mask: 1 } }, { mark: { value: 0, mask: 1 } }],
    [{ mark: { value: 1, mask: 1 } }, { mark: { value: 0, mask: 3 } }, { mark: { value: 2, mask: 3 } }],
    [{ status: ['ASSURED'] }, { not: { status: ['ASSURED'] } }],
    { status: [0, ['ASSURED']] },
    { status: { not: { value: 4, mask: 2 } } },
    { expected: [true, false] },
    [{ expected: true }, { expected: false }],
    { nat: ['any', 'none'] },
    [{ nat: 'none' }, { nat: 'src' }, { nat: 'dst' }],
    [{ labels: 5 }, { labels: { not: 5 } }],
    [{ helper: 'ftp' }, { helper: { not: 'ftp' } }],
    [{ port: 53 }, { not: { port: 53 } }],
    // Bits and ranges of one mark: every pattern is in one of them.
    [
      { mark: { value: 0, mask: 1 } },
      { mark: { value: 1, mask: 7 } },
      { mark: { value: 3, mask: 3 } },
      { mark: { value: 5, mask: 7 } },
    ],
    [{ mark: { from: 0, to: 4 } }, { mark: { value: 4, mask: 4 } }, { mark: { not: { value: 4, mask: 4 } } }],
    [{ mark: { value: 0xabcd0000, mask: 0xffff0000 } }, { not: { mark: { value: 0xabcd0000, mask: 0xffff0000 } } }],
    [{ labels: [1, 2, 3] }, { not: { labels: 1 }, all: [{ not: { labels: [2, 3] } }] }],
    [{ zone: 1 }, { zone: { not: [1] } }],
    [{ counters: { packets: 1 } }, { not: { counters: { packets: 1 } } }],
    { orig: { proto: Array.from({ length: 256 }, (_, proto) => proto) } },
    // What no flow of the kernel is: of one protocol with the parts or the state of another.
    { not: { orig: { proto: 'icmp', dport: 53 } } },
    { not: { orig: { proto: 'icmp' }, port: 53 } },
    { not: { orig: { proto: 'udp' }, tcp: { state: 'CLOSE' } } },
    { not: { orig: { proto: 'tcp', icmpId: 5 } } },
    { not: { orig: { proto: 'icmp' }, reply: { sport: 5 } } },
    { not: { orig: { sport: 5 }, reply: { icmpType: 0 } } },
    { not: { orig: { proto: 47, icmpCode: 0 } } },
    { not: { orig: { proto: 50, sport: 4500 } } },
    { not: { family: 'ipv4', orig: { proto: 'icmpv6' } } },
    { not: { host: '10.0.0.1', orig: { proto: 'icmpv6' } } },
    { not: { family: 'ipv6', reply: { proto: 'icmp' } } },
    { not: { orig: { proto: 'udp' }, reply: { proto: 'tcp' } } },
    { not: { orig: { proto: 'udp' }, reply: { proto: { not: 'udp' } } } },
    { not: { tcp: { state: 'CLOSE' }, sctp: { state: 'CLOSED' } } },
    { not: { tcp: { state: 'CLOSE' }, orig: { icmpId: 7 } } },
    { not: { counters: { packets: 5, orig: { packets: 6 } } } },
    { not: { counters: { bytes: { from: 0, to: 9 }, reply: { bytes: { from: 10, to: 20 } } } } },
    { zone: Array.from({ length: 65_536 }, (_, zone) => zone) },
    { orig: { zone: Array.from({ length: 65_536 }, (_, zone) => zone) } },
  ];

  const SOMETHING: Asked[] = [
    { family: 'ipv4' },
    { family: { not: 'ipv4' } },
    { host: '0.0.0.0/0' },
    { orig: { src: '::/0' } },
    { host: ['0.0.0.0/0', '::/1'] },
    { orig: { dport: { from: 0, to: 65535 } } },
    { port: { from: 0, to: 65535 } },
    { timeout: { from: 0, to: 0xffffffff } },
    { status: ['CONFIRMED'] },
    { not: {} },
    { not: { not: { mark: 1 } } },
    { mark: { from: 0, to: 0xfffffffe } },
    { mark: { not: 0x12345678 } },
    [{ mark: { from: 0, to: 5 } }, { mark: { from: 7, to: 0xffffffff } }],
    [{ mark: { value: 1, mask: 1 } }, { mark: { value: 0, mask: 3 } }],
    { not: { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 5, dport: 6 }, mark: 3, zone: 1 } },
    { host: { not: 'fd00::1' } },
    [{ nat: 'src' }, { nat: 'dst' }],
    [{ host: '10.0.0.0/8' }, { orig: { src: { not: '10.0.0.0/8' } }, family: 'ipv6' }],
    { status: [['ASSURED'], ['SEEN_REPLY']] },
    // What is found only by several values that are right together.
    {
      mark: [
        { from: 0, to: 2 },
        { value: 2, mask: 2 },
      ],
    },
    [
      { mark: { value: 0, mask: 1 } },
      { mark: { value: 0, mask: 6 } },
      { mark: { value: 2, mask: 6 } },
      { mark: { value: 6, mask: 6 } },
    ],
    { not: { all: [{ labels: 1 }, { labels: 2 }, { not: { labels: 3 } }] } },
    { not: { orig: { src: '10.0.0.1' }, reply: { src: '10.0.0.2' }, host: { not: '10.0.0.3' } } },
    { not: { orig: { sport: 1 }, reply: { dport: 2 }, port: { not: [3, 4] } } },
    { not: { counters: { packets: 7, orig: { packets: 3 } } } },
    { not: { zone: 5, reply: { zone: 5 }, orig: { zone: 0 } } },
    { zone: Array.from({ length: 65_535 }, (_, zone) => zone) },
    // What only some flow of another protocol than those that are named is.
    { not: { orig: { proto: 'icmp', icmpId: 5 } } },
    { not: { orig: { proto: { not: 'tcp' }, sport: 5 } } },
    { not: { orig: { proto: { not: ['tcp', 'udp', 'udplite', 'sctp', 'dccp'] }, sport: 5 } } },
    { not: { orig: { proto: { not: 'icmp' }, icmpId: 5 } } },
    { not: { family: 'ipv6', orig: { proto: { not: 'icmpv6' } } } },
    { not: { host: '10.0.0.1', orig: { icmpType: 8 } } },
    { not: { host: 'fd00::1', reply: { icmpType: 129 } } },
    { not: { tcp: { state: 'CLOSE' }, reply: { proto: { not: 'udp' } } } },
    { not: { orig: { proto: 'udp' }, reply: { proto: { not: 'tcp' } } } },
    { not: { counters: { packets: 6, orig: { packets: 5 } } } },
    { not: { counters: { packets: { from: 10, to: 12 }, orig: { packets: 3 }, reply: { packets: 8 } } } },
    { orig: { proto: Array.from({ length: 255 }, (_, proto) => proto) } },
    Array.from({ length: 3000 }, (_, n) => ({ orig: { src: `10.0.${n >> 8}.${n & 255}`, dport: n } })),
    { not: Array.from({ length: 3000 }, (_, n) => ({ mark: n, zone: n & 255 })) },
    { host: Array.from({ length: 60_000 }, (_, n) => `10.${n >> 8}.0.${n & 255}`) },
  ];

  it('is empty, in whatever form', () => {
    for (const filter of EVERYTHING) expect(new CompiledFilter(filter).empty, JSON.stringify(filter)).to.equal(true);
  });

  it('is no filter that some flow does not match', () => {
    for (const filter of SOMETHING)
      expect(new CompiledFilter(filter).empty, JSON.stringify(filter).slice(0, 200)).to.equal(false);
  });

  it('is refused by flush, which names flushAll; nothing is sent', async () => {
    const { ct, fake } = await play(kernelWith([flow(1)]));
    for (const filter of EVERYTHING) {
      const error = await rejection(ct.flush(filter));
      expect(error, JSON.stringify(filter)).to.be.instanceOf(RangeError);
      expect((error as Error).message).to.include('flushAll()');
    }
    expect(fake.sent).to.deep.equal([]);
    await ct.close();
  });
});

describe('filter forms: a compiled filter inside of another', () => {
  const inner: Filter = { host: '10.0.0.0/8', mark: 0x12 };
  const compiled = new CompiledFilter(inner);

  it('is what it was made of: in matches, JSON, and what the kernel is asked for', () => {
    for (const [filter, same] of [
      [
        [compiled, { mark: 1 }],
        [inner, { mark: 1 }],
      ],
      [{ not: compiled }, { not: inner }],
      [{ not: [compiled, { zone: 3 }] }, { not: [inner, { zone: 3 }] }],
      [
        { zone: 0, all: [compiled] },
        { zone: 0, all: [inner] },
      ],
      [{ all: [[{ mark: 1 }, compiled], compiled] }, { all: [[{ mark: 1 }, inner], inner] }],
      [[{ not: new CompiledFilter([compiled, { not: compiled }]) }], [{ not: [inner, { not: inner }] }]],
      [compiled, inner],
    ] as [FilterInit, Asked][]) {
      const [one, other] = [new CompiledFilter(filter), new CompiledFilter(same)];
      for (const init of [FLOW, BARE]) expect(one.matches(Flow.from(init))).to.equal(other.matches(Flow.from(init)));
      expect(one.toJSON()).to.deep.equal(other.toJSON());
      expect(one.forEvents()).to.deep.equal(other.forEvents());
      expect(one.forKernel('flush', kernelSupport('6.18.0')).exact).to.equal(
        other.forKernel('flush', kernelSupport('6.18.0')).exact,
      );
      expect(one.empty).to.equal(other.empty);
      expect(formatFilter(filter)).to.equal(formatFilter(same));
    }
  });

  it('hides nothing from a flush', async () => {
    const { ct, fake } = await play();
    for (const [filter, text] of [
      [[new CompiledFilter({})], 'flushAll()'],
      [{ all: [new CompiledFilter({ family: 'ipv4', orig: {} })] }, 'filter.all[0].orig has no properties'],
      [{ mark: 1, not: new CompiledFilter([{ mark: 3 }, IPV6_HOST]) }, 'filter.not[1] has parts of both families'],
    ] as [FilterInit, string][])
      expect(((await rejection(ct.flush(filter))) as Error).message).to.include(text);
    expect(fake.sent).to.deep.equal([]);
    await ct.close();
  });

  it('is refused if it matches by more than it was made of', () => {
    class Mine extends CompiledFilter {
      override matches(): boolean {
        return false;
      }
    }
    const mine = new Mine({ mark: 1 });
    expect(() => new CompiledFilter([mine, { mark: 2 }])).to.throw(
      TypeError,
      'filter[0] is a compiled filter of a derived class, or of another copy of this package',
    );
    expect(() => new CompiledFilter({ not: mine })).to.throw(TypeError, /^filter\.not is .* pass it alone/);
  });
});

describe('filter forms: a name that is like another', () => {
  for (const [filter, meant] of [
    [{ hosts: '10.0.0.1' }, 'host'],
    [{ Mark: 1 }, 'mark'],
    [{ label: 1 }, 'labels'],
    [{ proto: 'tcp' }, 'orig.proto'],
    [{ src: '10.0.0.1' }, 'orig.src'],
    [{ dport: 1 }, 'orig.dport'],
    [{ sprot: 1 }, 'orig.sport'],
    [{ state: 'ESTABLISHED' }, 'tcp.state'],
    [{ packets: 1 }, 'counters.packets'],
    [{ mark: 1, not: [{ hots: '10.0.0.1' }] }, 'host'],
    [{ tcp: { stat: 'ESTABLISHED' } }, 'state'],
    [{ counters: { reply: { byte: 1 } } }, 'bytes'],
    [{ orig: { sprot: 1 } }, 'sport'],
  ] as const)
    it(`${JSON.stringify(filter)}: did you mean ${meant}?`, () => {
      expect(() => new CompiledFilter(filter as unknown as Filter)).to.throw(TypeError, `; did you mean ${meant}?`);
    });

  it('is not guessed where none is like it', () => {
    expect(() => new CompiledFilter({ colour: 1 } as Filter)).to.throw(TypeError, /^filter\.colour is not .*, all$/);
  });
});

/** It can match nothing. */
const IPV6_HOST: Filter = { family: 'ipv6', host: '10.0.0.1' };

describe('filter forms: a part that needs both families', () => {
  const IMPOSSIBLE: readonly Filter[] = [
    { family: 'ipv6', host: '10.0.0.1' },
    { orig: { src: '10.0.0.1', dst: 'fd00::1' } },
    { orig: { family: 'ipv4', dst: 'fd00::1' }, mark: 1 },
    { orig: { src: '10.0.0.1' }, reply: { src: ['fd00::1'] } },
    { all: [{ family: 'ipv4' }, { family: 'ipv6' }] },
  ];
  const request = (filter: Asked): unknown => {
    const { family, attributes, exact } = new CompiledFilter(filter).forKernel('dump', kernelSupport('6.18.0'));
    return [family, attributes.toJSON(), exact];
  };

  it('matches nothing beside others, and the kernel is asked for the others alone', () => {
    for (const impossible of IMPOSSIBLE) {
      for (const [filter, same] of [
        [[impossible, { family: 'ipv4', mark: 0x12 }], { family: 'ipv4', mark: 0x12 }],
        [
          [{ mark: 0x12 }, impossible, { mark: 5 }],
          [{ mark: 0x12 }, { mark: 5 }],
        ],
        [{ all: [[impossible, { mark: 0x12 }]] }, { mark: 0x12 }],
        [
          { mark: 0x12, not: [impossible, { zone: 3 }] },
          { mark: 0x12, not: { zone: 3 } },
        ],
        [{ mark: 0x12, not: impossible }, { mark: 0x12 }],
        [[impossible, { not: { not: [impossible, { mark: 0x12 }] } }], { not: { not: { mark: 0x12 } } }],
      ] as const) {
        for (const init of [FLOW, BARE])
          expect(matches(filter, init), JSON.stringify(filter)).to.equal(matches(same, init));
        expect(request(filter), JSON.stringify(filter)).to.deep.equal(request(same));
        expect(new CompiledFilter(filter).forEvents()).to.deep.equal(new CompiledFilter(same).forEvents());
        // It stays in the text and in the JSON.
        expect(new CompiledFilter(filter).toJSON()).to.deep.equal(JSON.parse(JSON.stringify(filter)));
      }
    }
  });

  it('is everything inside of a not, which no flush takes', () => {
    for (const impossible of IMPOSSIBLE) {
      expect(new CompiledFilter({ not: impossible }).empty).to.equal(true);
      expect(new CompiledFilter([{ not: impossible }, { mark: 1 }]).empty).to.equal(true);
    }
  });
});

describe('filter forms: to the kernel', () => {
  const sent = (filter: Asked, purpose: 'dump' | 'flush' = 'dump'): unknown[] => {
    const { family, attributes, exact } = new CompiledFilter(filter).forKernel(purpose, kernelSupport('6.18.0'));
    return [family, attributes.toJSON(), exact];
  };
  const statusOf = (value: string[], mask: string[]): object => ({ status: value, statusMask: mask });

  it('go as exactly what they mean, where that is one value: then a flush may have them', () => {
    for (const purpose of ['dump', 'flush'] as const) {
      expect(sent({ mark: [5] }, purpose)).to.deep.equal([0, { mark: 5, markMask: 0xffffffff }, true]);
      expect(sent({ mark: { from: 5, to: 5 } }, purpose)).to.deep.equal([0, { mark: 5, markMask: 0xffffffff }, true]);
      expect(sent([{ zone: 3 }], purpose)).to.deep.equal([0, { zone: 3 }, true]);
      expect(sent({ all: [{ zone: 3 }, { mark: 1 }] }, purpose)).to.deep.equal([
        0,
        { zone: 3, mark: 1, markMask: 0xffffffff },
        true,
      ]);
      expect(sent({ expected: true }, purpose)).to.deep.equal([0, statusOf(['EXPECTED'], ['EXPECTED']), true]);
      expect(sent({ expected: false }, purpose)).to.deep.equal([0, statusOf([], ['EXPECTED']), true]);
      expect(sent({ nat: 'src' }, purpose)).to.deep.equal([0, statusOf(['SRC_NAT'], ['SRC_NAT']), true]);
      expect(sent({ nat: 'none' }, purpose)).to.deep.equal([0, statusOf([], ['SRC_NAT', 'DST_NAT']), true]);
      expect(sent({ nat: 'none', expected: true, status: ['ASSURED'] }, purpose)).to.deep.equal([
        0,
        statusOf(['EXPECTED', 'ASSURED'], ['EXPECTED', 'ASSURED', 'SRC_NAT', 'DST_NAT']),
        true,
      ]);
      expect(sent({ status: { not: ['ASSURED'] } }, purpose)).to.deep.equal([0, statusOf([], ['ASSURED']), true]);
      expect(sent({ not: { mark: { value: 4, mask: 4 } } }, purpose)).to.deep.equal([
        0,
        { mark: 0, markMask: 4 },
        true,
      ]);
      expect(sent({ family: ['ipv6'] }, purpose)).to.deep.equal([10, {}, true]);
      expect(sent({ orig: { src: ['10.0.0.1'], proto: ['tcp'] } }, purpose)).to.deep.equal(
        sent({ orig: { src: '10.0.0.1', proto: 'tcp' } }, purpose),
      );
    }
  });

  it('go as far as every alternative has it, and then are not exact', () => {
    for (const purpose of ['dump', 'flush'] as const) {
      for (const [filter, family, attributes] of [
        [{ mark: [1, 2] }, 0, {}],
        [{ mark: { from: 1, to: 2 }, zone: 4 }, 0, { zone: 4 }],
        [{ host: ['10.0.0.0/8', '192.0.2.1'] }, 2, {}],
        [{ host: 'fd00::1' }, 10, {}],
        [{ host: ['10.0.0.1', 'fd00::1'] }, 0, {}],
        [{ host: { not: '10.0.0.1' } }, 0, {}],
        [[{ orig: { src: '10.0.0.1' } }, { family: 'ipv4', mark: 1 }], 2, {}],
        [[{ orig: { src: '10.0.0.1' } }, { mark: 1 }], 0, {}],
        [{ family: { not: 'ipv4' } }, 0, {}],
        [{ nat: 'any' }, 0, {}],
        [{ status: { not: ['ASSURED', 'SEEN_REPLY'] } }, 0, {}],
        [{ not: { mark: 5 } }, 0, {}],
        [{ mark: 5, not: {} }, 0, { mark: 5, markMask: 0xffffffff }],
        [{ port: 53, labels: 1, helper: 'x', timeout: 1, tcp: { state: 1 } }, 0, {}],
        [{ all: [{ mark: 5 }, { mark: 6 }] }, 0, { mark: 5, markMask: 0xffffffff }],
        [{ all: [{ zone: 5 }, { zone: 6 }] }, 0, { zone: 5 }],
        [
          { all: [{ status: ['ASSURED'] }, { expected: true, status: { value: 0, mask: 4 } }] },
          0,
          statusOf(['ASSURED'], ['ASSURED']),
        ],
      ] as const) {
        const [sentFamily, sentAttributes, exact] = sent(filter as Asked, purpose);
        expect([sentFamily, exact], JSON.stringify(filter)).to.deep.equal([family, false]);
        expect(sentAttributes, JSON.stringify(filter)).to.deep.equal(attributes);
      }
    }
    const twice = sent({ all: [{ family: 'ipv4', orig: { proto: 'udp', dport: 5 } }, { orig: { dport: 6 } }] });
    expect(twice[2]).to.equal(false);
    expect(twice[1]).to.deep.include({ orig: { proto: 'udp', dport: 5 } });
  });

  it('never flush more than they match: the rest is dumped and deleted flow by flow', async () => {
    const { ct } = await play(kernelWith([flow(1), flow(2), flow(3)]));
    expect(await ct.flush({ mark: [1, 3] })).to.equal(2);
    expect(await ct.flush({ mark: { not: 2 } })).to.equal(2);
    expect(await ct.flush([{ host: '10.0.0.2' }, { mark: 3 }])).to.equal(2);
    expect((await ct.dump({ mark: { from: 2, to: 9 } }).toArray()).map(numberOf)).to.deep.equal([2, 3]);
    await ct.close();
  });
});

describe('filter forms: as socket filters', () => {
  /** Whether the event passes the socket, and whether it is wanted. */
  function judged(filter: Asked, event: Uint8Array): [passes: boolean, wanted: boolean] {
    const compiled = new CompiledFilter(filter);
    const program = compiled.forEvents();
    const view = viewOf(event);
    const passes = program === undefined || new BpfProgram(program).run(view) !== 0;
    return [passes, compiled.matches(decodeFlow(view, 0, event.length))];
  }

  it('decide exactly what they can', () => {
    for (const init of [FLOW, BARE]) {
      const event = flowMessage(0, init);
      for (const { yes, no } of Object.values(CASES))
        for (const filter of [...yes, ...no]) {
          if ('counters' in filter || 'helper' in filter) continue;
          const [passes, wanted] = judged(filter, event);
          expect(passes, JSON.stringify(filter)).to.equal(wanted);
        }
    }
  });

  it('let through what they cannot decide, also inside of not', () => {
    const event = flowMessage(0, FLOW);
    for (const filter of [{ helper: 'sip' }, { not: { helper: 'ftp' } }, { counters: { packets: 99 } }] as const)
      expect(judged(filter, event), JSON.stringify(filter)).to.deep.equal([true, false]);
    for (const filter of [{ helper: 'ftp' }, { not: { helper: 'sip' } }, { not: { counters: { bytes: 1 } } }] as const)
      expect(judged(filter, event), JSON.stringify(filter)).to.deep.equal([true, true]);
    // Without the attribute it is clear.
    const bare = flowMessage(0, BARE, DESTROY);
    for (const filter of [{ helper: 'sip' }, { counters: { orig: { packets: 0 } } }, { labels: 5 }] as const)
      expect(judged(filter, bare), JSON.stringify(filter)).to.deep.equal([false, false]);
  });

  it('are small for tens of thousands of addresses, and drop none of them', () => {
    const random = new Random(seedFromEnvironment());
    const hosts = Array.from({ length: 30_000 }, (_, n) =>
      n % 3 === 0 ? `2001:db8:${(n & 0xffff).toString(16)}::1` : `10.${n & 255}.${(n >> 8) & 255}.${random.below(256)}`,
    );
    const program = new BpfProgram(new CompiledFilter({ host: hosts }).forEvents()!);
    expect(new CompiledFilter({ host: hosts }).forEvents()!.length / 8).to.be.below(1000);
    expect(new CompiledFilter({ not: { host: hosts } }).forEvents()!.length / 8).to.be.below(1000);
    const passes = (src: string): boolean => {
      const orig = { src, dst: src.includes(':') ? '3fff::1' : '9.9.9.9', proto: 'udp', sport: 1, dport: 2 } as const;
      return program.run(viewOf(flowMessage(0, { orig, reply: { ...orig, src: orig.dst, dst: src } }))) !== 0;
    };
    for (let n = 0; n < 3000; n++) expect(passes(random.pick(hosts))).to.equal(true);
    expect(passes('192.0.2.1')).to.equal(false);
    expect(passes('fd00::1')).to.equal(false);
  });

  it('are short enough for every kernel, or leave out what does not fit', () => {
    const many = Array.from({ length: 2000 }, (_, n) => ({
      orig: { src: `10.0.${n >> 8}.${n & 255}`, dport: n },
      mark: n,
    }));
    const bytes = new CompiledFilter({ zone: 3, all: [many] }).forEvents()!;
    expect(bytes.length / 8).to.be.below(50);
    const program = new BpfProgram(bytes);
    const init = { ...FLOW, orig: { ...FLOW.orig, src: '10.0.0.5', dport: 5 }, mark: 5 };
    expect(program.run(viewOf(flowMessage(0, { ...init, zone: 3 })))).not.to.equal(0);
    expect(program.run(viewOf(flowMessage(0, { ...init, zone: 4 })))).to.equal(0);
    expect(new CompiledFilter({ not: many.map(({ mark }) => ({ mark, zone: 1 })) }).forEvents()).to.equal(undefined);
  });
});

describe('filter forms: what a caller mistook is refused by name', () => {
  const REFUSED: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [[], RangeError, 'filter is an empty list'],
    [[{ mark: 1 }, undefined], TypeError, 'filter[1] must be an object, not undefined'],
    [[[{ mark: 1 }]], TypeError, 'filter[0] must be an object, not an array'],
    [[{ mark: 1 }, { makr: 1 }], TypeError, 'filter[1].makr is not one of family, mark'],
    [{ not: undefined }, TypeError, 'filter.not is undefined'],
    [{ not: [] }, RangeError, 'filter.not is an empty list'],
    [{ not: 5 }, TypeError, 'filter.not must be an object, not 5'],
    [{ not: [{ mark: undefined }] }, TypeError, 'filter.not[0].mark is undefined'],
    [{ all: [] }, RangeError, 'filter.all is an empty list'],
    [{ all: {} }, TypeError, 'filter.all must be an array of filters, not an object'],
    [{ all: [{ mark: 1 }, []] }, RangeError, 'filter.all[1] is an empty list'],
    [{ all: [[{ zone: undefined }]] }, TypeError, 'filter.all[0][0].zone is undefined'],
    // biome-ignore lint/suspicious/noSparseArray: that is the case
    [{ all: [, {}] }, TypeError, 'filter.all[0] must be an object, not undefined'],
    [{ mark: { not: undefined } }, TypeError, 'filter.mark.not is undefined'],
    [{ mark: { not: [] } }, RangeError, 'filter.mark.not is an empty list'],
    [{ mark: { not: { not: 1 } } }, TypeError, 'filter.mark.not.not'],
    [{ mark: { not: 1, from: 2 } }, TypeError, 'filter.mark.from cannot be beside filter.mark.not'],
    [{ mark: [1, undefined] }, TypeError, 'filter.mark[1] must be a number, not undefined'],
    [{ mark: [{ not: 1 }] }, TypeError, 'filter.mark[0].not is not one of value, mask'],
    [{ mark: [1, { value: undefined, mask: 1 }] }, TypeError, 'filter.mark[1].value is undefined'],
    [{ mark: { from: 2, to: 1 } }, RangeError, 'filter.mark must have from not above to, not 2 to 1'],
    [{ mark: { from: 1 } }, TypeError, 'filter.mark.to must be a number, not undefined'],
    [{ mark: [{ from: 0, to: 2 ** 32 }] }, RangeError, 'filter.mark[0].to must be an integer from 0 to 4294967295'],
    [{ status: [['ASSURED'], []] }, RangeError, 'filter.status[1] is an empty list'],
    [{ status: ['ASSURED', 4] }, TypeError, 'filter.status must have names of'],
    [{ status: [['ASURED']] }, RangeError, 'filter.status[0] must have names of'],
    [{ status: { not: [] } }, RangeError, 'filter.status.not is an empty list'],
    [{ zone: [1, 65536] }, RangeError, 'filter.zone[1] must be an integer from 0 to 65535'],
    [{ zone: { from: 1, to: 2 } }, TypeError, 'filter.zone must be a number, not an object'],
    [{ family: [] }, RangeError, 'filter.family is an empty list'],
    [{ family: ['ipv4', 'ipv5'] }, RangeError, "filter.family[1] must be 'ipv4' or 'ipv6', not 'ipv5'"],
    [{ family: { not: undefined } }, TypeError, 'filter.family.not is undefined'],
    [{ orig: { proto: [] } }, RangeError, 'filter.orig.proto is an empty list'],
    [{ orig: { proto: ['tpc'] } }, RangeError, 'filter.orig.proto[0] must be a number or one of tcp, udp'],
    [{ orig: { proto: { not: undefined } } }, TypeError, 'filter.orig.proto.not is undefined'],
    [{ orig: { dport: { not: [] } } }, RangeError, 'filter.orig.dport.not is an empty list'],
    [{ orig: { dport: { not: [1, '2'] } } }, TypeError, 'filter.orig.dport.not[1] must be a number or { from, to }'],
    [{ orig: { dport: { from: 1, to: 2, not: 3 } } }, TypeError, 'filter.orig.dport.from cannot be beside'],
    [{ orig: { icmpType: [256] } }, RangeError, 'filter.orig.icmpType[0] must be an integer from 0 to 255'],
    [{ orig: { src: [] } }, RangeError, 'filter.orig.src is an empty list'],
    [{ orig: { src: new Set() } }, RangeError, 'filter.orig.src is an empty list'],
    [{ orig: { src: ['10.0.0.1', undefined] } }, TypeError, 'filter.orig.src[1] must be a string, not undefined'],
    [{ orig: { src: ['10.0.0.1', 'x'] } }, RangeError, "filter.orig.src[1] must be an IPv4 or IPv6 address, not 'x'"],
    [{ orig: { src: ['10.0.0.1/33'] } }, RangeError, 'filter.orig.src must have a prefix length from 0 to 32'],
    [
      { orig: { src: { not: '10.0.0' } } },
      RangeError,
      "filter.orig.src.not must be an IPv4 or IPv6 address, not '10.0.0'",
    ],
    [{ orig: { not: { src: '10.0.0.1' } } }, TypeError, 'filter.orig.not is not one of'],
    [{ host: [] }, RangeError, 'filter.host is an empty list'],
    [{ host: new Set() }, RangeError, 'filter.host is an empty list'],
    [{ host: { not: new Set() } }, RangeError, 'filter.host.not is an empty list'],
    [{ host: '' }, RangeError, "filter.host must be an IPv4 or IPv6 address, not ''"],
    [{ host: 5 }, TypeError, 'filter.host must be a string, not 5'],
    [{ host: {} }, TypeError, 'filter.host must be a string, not an object'],
    [{ host: new Map([['10.0.0.1', 1]]) }, TypeError, 'filter.host[0] must be a string, not an array'],
    [{ host: [['10.0.0.1']] }, TypeError, 'filter.host[0] must be a string, not an array'],
    [{ host: undefined }, TypeError, 'filter.host is undefined'],
    [{ port: '53' }, TypeError, 'filter.port must be a number'],
    [{ port: [53, 65536] }, RangeError, 'filter.port[1] must be an integer from 0 to 65535'],
    [{ labels: 128 }, RangeError, 'filter.labels must be an integer from 0 to 127'],
    [{ labels: [] }, RangeError, 'filter.labels is an empty list'],
    [{ labels: ['x'] }, TypeError, "filter.labels[0] must be a number, not 'x'"],
    [{ tcp: { state: 'OPEN' } }, RangeError, 'filter.tcp.state must be a number or one of NONE'],
    [{ tcp: { state: [] } }, RangeError, 'filter.tcp.state is an empty list'],
    [{ tcp: { state: undefined } }, TypeError, 'filter.tcp.state is undefined'],
    [{ tcp: { stat: 1 } }, TypeError, 'filter.tcp.stat is not one of state'],
    [{ tcp: 'ESTABLISHED' }, TypeError, "filter.tcp must be an object, not 'ESTABLISHED'"],
    [
      { sctp: { state: { not: ['SYN_SENT'] } } },
      RangeError,
      'filter.sctp.state.not[0] must be a number or one of NONE',
    ],
    [{ helper: '' }, RangeError, "filter.helper must be the name of a helper, not ''"],
    [{ helper: 'ftp\0' }, RangeError, "filter.helper must be the name of a helper, not 'ftp\\x00'"],
    [{ helper: 5 }, TypeError, 'filter.helper must be a string, not 5'],
    [{ nat: 'snat' }, RangeError, "filter.nat must be src, dst, any or none, not 'snat'"],
    [{ nat: ['src', null] }, TypeError, 'filter.nat[1] must be src, dst, any or none, not null'],
    [{ timeout: -1 }, RangeError, 'filter.timeout must be an integer from 0 to 4294967295'],
    [{ counters: { packets: -1 } }, RangeError, 'filter.counters.packets must be an integer from 0 to 2^53 - 1'],
    [{ counters: { packets: 2n ** 64n } }, RangeError, 'filter.counters.packets must be from 0 to 2^64 - 1'],
    [{ counters: { bytes: { from: 2, to: 1n } } }, RangeError, 'filter.counters.bytes must have from not above to'],
    [{ counters: { bytes: { from: 2 } } }, TypeError, 'filter.counters.bytes.to must be a number or a bigint'],
    [{ counters: { bytes: { from: 2, to: undefined } } }, TypeError, 'filter.counters.bytes.to is undefined'],
    [{ counters: { bytes: 'x' } }, TypeError, 'filter.counters.bytes must be a number, a bigint or { from, to }'],
    [{ counters: { orig: { byte: 1 } } }, TypeError, 'filter.counters.orig.byte is not one of packets, bytes'],
    [{ counters: 5 }, TypeError, 'filter.counters must be an object, not 5'],
    [{ expected: 1 }, TypeError, 'filter.expected must be true or false, not 1'],
    [{ host: '10.0.0.1', family: 'ipv6' }, RangeError, 'filter has parts of both families'],
    [{ all: [{ family: 'ipv4' }, { family: 'ipv6' }] }, RangeError, 'filter has parts of both families'],
    [[{ family: 'ipv4', host: '::/0' }], RangeError, 'filter[0] has parts of both families'],
    [
      [{ family: 'ipv6', host: '10.0.0.1' }, { orig: { src: '10.0.0.1', dst: 'fd00::1' } }],
      RangeError,
      'filter[0] has parts of both families',
    ],
    [{ mark: 1, all: [[{ family: 'ipv4', host: '::/0' }]] }, RangeError, 'filter.all[0][0] has parts of both families'],
  ];
  for (const [filter, type, text] of REFUSED) {
    const shown = JSON.stringify(filter, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
    it(`${text}: ${shown}`, () => {
      expect(() => new CompiledFilter(filter as Filter)).to.throw(type, text);
    });
  }
});
