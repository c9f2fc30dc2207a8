import { expect } from 'chai';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';

const V4 = { src: '192.0.2.1', dst: '198.51.100.2' };
const V6 = { src: '2001:db8::1', dst: '2001:db8:0:0::2' };
const PORTS = { sport: 5353, dport: 53 };
const PING = { icmpType: 8, icmpCode: 0, icmpId: 9 };

const KEYS: readonly (readonly [key: string, orig: TupleInit, more?: FlowInit])[] = [
  ['0/17/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'udp', ...PORTS }],
  ['0/6/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'tcp', ...PORTS }],
  ['0/136/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'udplite', ...PORTS }],
  ['0/132/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'sctp', ...PORTS }],
  ['0/33/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'dccp', ...PORTS }],
  ['0/33/192.0.2.1/198.51.100.2/0/0', { ...V4, proto: 'dccp' }],
  ['0/47/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'gre', ...PORTS }],
  ['0/17/2001:db8::1/2001:db8::2/5353/53', { ...V6, proto: 'udp', ...PORTS }],
  ['0/1/192.0.2.1/198.51.100.2/8/0/9', { ...V4, proto: 'icmp', ...PING }],
  ['0/58/2001:db8::1/2001:db8::2/128/0/9', { ...V6, proto: 'icmpv6', ...PING, icmpType: 128 }],
  ['0/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50 }],
  ['0/0/192.0.2.1/198.51.100.2', { ...V4, proto: 0 }],
  // What the kernel does not look at.
  ['0/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50, ...PORTS, ...PING }],
  ['0/1/192.0.2.1/198.51.100.2/8/0/9', { ...V4, proto: 'icmp', ...PING, ...PORTS }],
  ['0/17/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'udp', ...PORTS, ...PING }],
  ['0/17/192.0.2.1/198.51.100.2/5353/53', { ...V4, proto: 'udp', ...PORTS }, { mark: 4, id: 7, reply: { src: '::1' } }],
  // Of a protocol that this kernel does not track it reports no ports.
  ['0/136/192.0.2.1/198.51.100.2/0/0', { ...V4, proto: 'udplite' }, { id: 7 }],
  // Zones: of both directions, of the original one, and of the reply, which is none of the original one.
  ['5/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50 }, { zone: 5 }],
  ['5/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50, zone: 5 }],
  ['5/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50, zone: 5 }, { zone: 0 }],
  ['0/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50 }, { reply: { zone: 5 } }],
  ['0/50/192.0.2.1/198.51.100.2', { ...V4, proto: 50 }, { zone: 0 }],
];

describe('flow: key', () => {
  for (const [key, orig, more] of KEYS) {
    it(`${key} is that of ${JSON.stringify({ orig, ...more })}`, () => {
      expect(Flow.from({ orig, ...more }).key()).to.equal(key);
    });
  }

  it('distinguishes an IPv4 address from the same one mapped to IPv6', () => {
    const mapped = { src: '::ffff:192.0.2.1', dst: '::ffff:198.51.100.2' };
    expect(Flow.from({ orig: { ...mapped, proto: 50 } }).key()).to.equal('0/50/::ffff:192.0.2.1/::ffff:198.51.100.2');
  });

  for (const [missing, orig] of [
    ['src', {}],
    ['dst', { src: '::1' }],
    ['proto', V4],
    ['sport', { ...V4, proto: 'gre', dport: 1 }],
    ['icmpId', { ...V4, proto: 'icmp', icmpType: 8, icmpCode: 0 }],
  ] as const) {
    it(`of a flow without orig.${missing} is a TypeError that names it`, () => {
      expect(() => Flow.from({ orig, reply: { ...V4, proto: 50 } }).key()).to.throw(TypeError, `flow.orig.${missing} `);
    });
  }
});
