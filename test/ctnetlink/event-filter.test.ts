/** Filters as socket filters: what a program lets through beside what CompiledFilter.matches takes. */
import { expect } from 'chai';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { CompiledFilter, type Filter, type TupleFilter } from '../../src/ctnetlink/filter/filter.ts';
import type { Range, Ranges } from '../../src/ctnetlink/filter/ranges.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DESTROY, flow, flowMessage, NEW, UPDATE } from '../support/played.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

/** Whether the event passes the socket, and whether it is wanted. */
function judged(filter: Filter, event: Uint8Array): [passes: boolean, wanted: boolean] {
  const compiled = new CompiledFilter(filter);
  const program = compiled.forEvents();
  const view = viewOf(event);
  const passes = program === undefined || new BpfProgram(program).run(view) !== 0;
  return [passes, compiled.matches(decodeFlow(view, 0, event.length))];
}

const UDP = flow(1);
const UDP6: FlowInit = {
  orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1000, dport: 53 },
  status: ['CONFIRMED'],
};
const PING: TupleInit = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 7 };
const PING6: TupleInit = { src: 'fd00::1', dst: 'fd00::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 7 };

describe('event filter: the program', () => {
  const CASES: Record<string, { filter: Filter; pass: FlowInit[]; drop: FlowInit[] }> = {
    'of a family': { filter: { family: 'ipv6' }, pass: [UDP6], drop: [UDP] },
    'of a mark': { filter: { mark: 5 }, pass: [flow(5)], drop: [flow(4), { ...UDP, mark: undefined }] },
    'of the mark 0, which no event has': {
      filter: { mark: 0 },
      pass: [{ ...UDP, mark: undefined }, flow(0)],
      drop: [UDP],
    },
    'of a masked mark': {
      filter: { mark: { value: 0x80000000, mask: 0xf0000000 } },
      pass: [{ ...UDP, mark: 0x8fffffff }],
      drop: [{ ...UDP, mark: 0x9fffffff }, UDP, { ...UDP, mark: undefined }],
    },
    'of a mark outside of its mask': {
      filter: { mark: { value: 3, mask: 1 } },
      pass: [],
      drop: [flow(1), flow(3), { ...UDP, mark: undefined }],
    },
    'of a mark that may be any': { filter: { mark: { value: 0, mask: 0 } }, pass: [UDP, flow(9)], drop: [] },
    'of a status': {
      filter: { status: ['ASSURED'] },
      pass: [{ ...UDP, status: ['ASSURED', 'CONFIRMED'] }],
      drop: [UDP],
    },
    'of a status that is not': {
      filter: { status: { value: 0, mask: ['ASSURED'] } },
      pass: [UDP],
      drop: [{ ...UDP, status: ['ASSURED', 'CONFIRMED'] }],
    },
    'of a zone': {
      filter: { zone: 7 },
      pass: [
        { ...UDP, zone: 7 },
        { ...UDP, orig: { ...UDP.orig, zone: 7 } },
        { ...UDP, reply: { ...UDP.reply, zone: 7 } },
      ],
      drop: [UDP, { ...UDP, zone: 8 }, { ...UDP, orig: { ...UDP.orig, zone: 8 } }],
    },
    'of zone 0, which no event has': {
      filter: { zone: 0 },
      pass: [UDP],
      drop: [
        { ...UDP, zone: 8 },
        { ...UDP, reply: { ...UDP.reply, zone: 8 } },
      ],
    },
    'of the zone of a direction': {
      filter: { orig: { zone: 7 } },
      pass: [
        { ...UDP, zone: 7 },
        { ...UDP, orig: { ...UDP.orig, zone: 7 } },
      ],
      drop: [UDP, { ...UDP, reply: { ...UDP.reply, zone: 7 } }, { ...UDP, zone: 8 }],
    },
    'of an address': { filter: { orig: { src: '10.0.0.1' } }, pass: [UDP], drop: [flow(2), UDP6] },
    'of the address of the reply': { filter: { reply: { dst: '10.0.0.1' } }, pass: [UDP], drop: [flow(2), UDP6] },
    'of an IPv6 address': {
      filter: { orig: { dst: 'fd00::2' } },
      pass: [UDP6],
      drop: [UDP, { ...UDP6, orig: { ...UDP6.orig, dst: 'fd00::3' } }],
    },
    'of a prefix': {
      filter: { orig: { src: '10.1.2.3/14' } },
      pass: [UDP, flow(0x30000)],
      drop: [flow(0x40000), UDP6],
    },
    'of every address of a family': { filter: { orig: { src: '0.0.0.0/0' } }, pass: [UDP], drop: [UDP6] },
    'of an IPv6 prefix': {
      filter: { orig: { src: 'fd00:0:0:1::/63' } },
      pass: [UDP6, { ...UDP6, orig: { ...UDP6.orig, src: 'fd00:0:0:1::8' } }],
      drop: [{ ...UDP6, orig: { ...UDP6.orig, src: 'fd00:0:0:2::8' } }, UDP],
    },
    'of a protocol and a port': {
      filter: { orig: { proto: 'udp', dport: 53 } },
      pass: [UDP, UDP6],
      drop: [
        { ...UDP, orig: { ...UDP.orig, dport: 54 } },
        { ...UDP, orig: { ...UDP.orig, proto: 'tcp' } },
      ],
    },
    'of a port of any protocol': {
      filter: { reply: { sport: 53 } },
      pass: [UDP, { ...UDP, reply: { ...UDP.reply, proto: 'tcp' } }],
      drop: [UDP6, { orig: PING }],
    },
    'of several ports': {
      filter: { orig: { proto: 'udp', dport: [52, { from: 53, to: 60 }, 80, { from: 0, to: 3 }] } },
      pass: [0, 3, 52, 53, 60, 80].map((dport) => ({ ...UDP, orig: { ...UDP.orig, dport } })),
      drop: [
        ...[4, 51, 61, 79, 81, 65535].map((dport) => ({ ...UDP, orig: { ...UDP.orig, dport } })),
        { orig: PING },
        { orig: PING6 },
      ],
    },
    'of every port, which ICMP does not have': {
      filter: { reply: { dport: { from: 0, to: 65535 } } },
      pass: [UDP, { ...UDP, reply: { ...UDP.reply, dport: 0 } }, { ...UDP, reply: { ...UDP.reply, dport: 65535 } }],
      drop: [{ orig: PING, reply: PING }, UDP6],
    },
    'of ICMP': {
      filter: { orig: { proto: 'icmp', icmpType: 8, icmpId: 7 } },
      pass: [{ orig: PING }],
      drop: [{ orig: { ...PING, icmpId: 8 } }, { orig: PING6 }, UDP],
    },
    'of ICMPv6': {
      filter: { orig: { proto: 'icmpv6', icmpType: 128, icmpCode: 0 } },
      pass: [{ orig: PING6 }],
      drop: [{ orig: { ...PING6, icmpCode: 1 } }, { orig: PING }, UDP6],
    },
  };

  for (const [name, { filter, pass, drop }] of Object.entries(CASES)) {
    it(name, () => {
      for (const kind of [NEW, UPDATE, DESTROY]) {
        for (const init of pass)
          expect(judged(filter, flowMessage(0, init, kind)), JSON.stringify(init)).to.deep.equal([true, true]);
        for (const init of drop)
          expect(judged(filter, flowMessage(0, init, kind)), JSON.stringify(init)).to.deep.equal([false, false]);
      }
    });
  }

  it('of ICMP fields without a protocol lets others through', () => {
    const filter = { orig: { icmpId: 8, src: 'fd00::1' } };
    expect(judged(filter, flowMessage(0, { orig: PING6 }))).to.deep.equal([true, false]);
    expect(judged(filter, flowMessage(0, { orig: { ...PING6, src: 'fd00::9' } }))).to.deep.equal([false, false]);
  });

  it('of more ranges of ports than it tells apart lets some between them through, and all that match', () => {
    const dport = Array.from({ length: 10_000 }, (_, each) => 6 * each + 3);
    const one = { orig: { sport: dport, dport }, reply: { sport: dport, dport } } as const;
    const program = new CompiledFilter(one).forEvents()!;
    // Kernels before 6.9 have 20480 bytes for the filter of a socket, where an instruction becomes two of 8 bytes
    // (net.core.optmem_max).
    expect(program.length / 8).to.be.below(1000);
    const with53 = (port: number): Uint8Array => {
      const tuple = { ...UDP.orig, sport: 3, dport: port };
      return flowMessage(0, { ...UDP, orig: tuple, reply: { ...tuple, dport: 9 } });
    };
    for (const port of [3, 9, 6000 * 6 + 3, 59_997]) expect(judged(one, with53(port))).to.deep.equal([true, true]);
    for (const port of [0, 2, 59_998, 65_535]) expect(judged(one, with53(port))).to.deep.equal([false, false]);
    expect(judged(one, with53(4))).to.deep.equal([true, false]);
  });

  it('of no filter is none', () => {
    expect(new CompiledFilter({}).forEvents()).to.equal(undefined);
    expect(new CompiledFilter({ orig: {} }).forEvents()).to.equal(undefined);
  });

  it('lets through what is not about flows, and is not lost in events of expectations', () => {
    const program = new BpfProgram(new CompiledFilter({ mark: 7 }).forEvents()!);
    for (const type of [0, 1, 2, 3, 4, 0x200, 0x202, 0xa00])
      expect(program.run(viewOf(flowMessage(0, UDP, { type }))), `type ${type}`).to.equal(0xffffffff);
  });

  it('of random filters and flows lets through what matches, and nothing else', () => {
    const random = new Random(seedFromEnvironment());
    const maybe = <T>(make: () => T, times = 2): T | undefined => (random.oneIn(times) ? make() : undefined);
    const address = (v6: boolean): string =>
      v6 ? `fd0${random.below(3)}::${random.between(1, 3)}` : `10.${random.below(3)}.0.${random.between(1, 3)}`;
    const prefixed = (v6: boolean): string =>
      random.oneIn(2)
        ? address(v6)
        : `${address(v6)}/${random.oneIn(2) ? random.pick([8, 15, 16]) : random.below(v6 ? 129 : 33)}`;
    const tuple = (v6: boolean): TupleInit => {
      const proto = random.pick(['tcp', 'udp', 'udp', 'sctp', v6 ? 'icmpv6' : 'icmp', 89] as const);
      const icmp = proto === 'icmp' || proto === 'icmpv6';
      const ports = { sport: random.between(1, 3), dport: random.between(1, 3) };
      return {
        src: address(v6),
        dst: address(v6),
        proto,
        ...(icmp ? { icmpType: random.pick([8, 128]), icmpCode: random.below(2), icmpId: random.below(3) } : {}),
        ...(icmp || proto === 89 ? {} : ports),
        zone: maybe(() => random.between(1, 2), 4),
      };
    };
    const STATUS = ['SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT'] as const;
    const events = Array.from({ length: 400 }, () => {
      const v6 = random.oneIn(3);
      const [orig, reply] = [tuple(v6), tuple(v6)];
      const zoned = orig.zone !== undefined || reply.zone !== undefined;
      const init: FlowInit = {
        orig,
        reply,
        zone: zoned ? undefined : maybe(() => random.between(1, 2)),
        status: STATUS.slice(0, random.below(4)),
        mark: maybe(() => random.below(8)),
        timeout: maybe(() => 30),
      };
      const view = viewOf(flowMessage(0, init, random.pick([NEW, UPDATE, DESTROY])));
      return { view, flow: decodeFlow(view, 0, view.byteLength) };
    });
    const ports = (): Ranges => {
      const one = (): number | Range => {
        const from = random.between(1, 3);
        return random.oneIn(2) ? from : { from, to: random.between(from, 4) };
      };
      return random.oneIn(2) ? one() : Array.from({ length: random.between(1, 3) }, one);
    };
    const part = (v6: boolean): TupleFilter => {
      const whole = { ...tuple(v6), src: prefixed(v6), dst: prefixed(v6) };
      const has = Object.entries(whole).filter(([, value]) => value !== undefined && random.oneIn(3));
      for (const each of has) if (/port$/.test(each[0]) && random.oneIn(2)) each[1] = ports() as never;
      // ICMP fields say what they are of.
      if (has.some(([name]) => name.startsWith('icmp'))) has.push(['proto', whole.proto!]);
      return Object.fromEntries(has);
    };
    const seen = { passed: 0, dropped: 0 };
    for (let round = 0; round < 600; round++) {
      const v6 = random.oneIn(3);
      const parts: Partial<Filter> = {
        family: maybe(() => (v6 ? 'ipv6' : 'ipv4'), 4),
        mark: maybe(() => ({ value: random.below(4), mask: random.below(8) }), 4),
        status: maybe(() => ({ value: random.below(8) & 6, mask: random.below(8) }), 4),
        zone: maybe(() => random.below(3), 4),
        orig: maybe(() => part(v6)),
        reply: maybe(() => part(v6), 4),
      };
      const filter: Filter = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
      const compiled = new CompiledFilter(filter);
      const bytes = compiled.forEvents();
      const program = bytes === undefined ? undefined : new BpfProgram(bytes);
      for (const { view, flow } of events) {
        const passes = program === undefined || program.run(view) !== 0;
        if (passes !== compiled.matches(flow)) {
          const { mark, zone, status, orig, reply } = flow.toJSON();
          const what = JSON.stringify({ filter, flow: { mark, zone, status, orig, reply } });
          expect(passes, `seed ${random.seed}, round ${round}: ${what}`).to.equal(!passes);
        }
        seen[passes ? 'passed' : 'dropped']++;
      }
    }
    expect(Math.min(seen.passed, seen.dropped)).to.be.above(10_000);
  });
});
