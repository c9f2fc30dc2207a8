import { expect } from 'chai';
import { formatIpv6, parseIpv6 } from '../../src/ctnetlink/address.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { CompiledFilter, type Filter, type KernelFilter } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { encode } from '../support/samples.ts';
import { sized } from '../support/tier.ts';

const FLOW: FlowInit = {
  orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 80 },
  reply: { src: '10.0.0.2', dst: '192.0.2.1', proto: 'tcp', sport: 80, dport: 2000 },
  status: 0x1e,
  mark: 0x12,
  timeout: 10,
};

function matches(filter: Filter, more: FlowInit = {}): boolean {
  return new CompiledFilter(filter).matches(Flow.from({ ...FLOW, ...more }));
}

function forKernel(filter: Filter, purpose: 'dump' | 'flush' = 'dump', release = '6.18.0'): KernelFilter {
  return new CompiledFilter(filter).forKernel(purpose, kernelSupport(release));
}

/** What is sent, as JSON, beside the family and whether it is exact. */
function sent(filter: Filter, purpose: 'dump' | 'flush' = 'dump', release = '6.18.0'): unknown[] {
  const { family, attributes, exact } = forKernel(filter, purpose, release);
  return [family, attributes.toJSON(), exact];
}

describe('filter: matches', () => {
  it('takes JSON, plain properties and a changed spread of a flow, and refuses others by name', () => {
    const filter = new CompiledFilter({ mark: 4, orig: { src: '10.0.0.0/8' } });
    const flow = Flow.from({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 }, mark: 3 });
    const { orig } = flow;
    expect(filter.matches(flow)).to.equal(false);
    expect(filter.matches({ ...flow, mark: 4 })).to.equal(true);
    expect(filter.matches(flow.with({ mark: 4 }))).to.equal(true);
    expect(filter.matches({ orig, mark: 4 })).to.equal(true);
    expect(filter.matches({ ...flow })).to.equal(false);
    expect(filter.matches(JSON.parse(JSON.stringify(flow.with({ mark: 4 }))))).to.equal(true);
    expect(filter.matches(JSON.parse(JSON.stringify(flow)))).to.equal(false);
    for (const [value, message] of [
      [5, /^flow must be an object, not 5/],
      [undefined, /^flow must be an object, not undefined/],
      [{ makr: 4 }, /^flow.makr is not a property of a flow/],
    ] as const)
      expect(() => filter.matches(value as never)).to.throw(TypeError, message);
  });

  it('everything where nothing is asked', () => {
    expect(new CompiledFilter({}).empty).to.equal(true);
    expect(matches({})).to.equal(true);
    expect(new CompiledFilter({ orig: {}, reply: {} }).empty).to.equal(true);
    for (const filter of [
      { status: 0 },
      { status: { value: 0, mask: 0 } },
      { mark: { value: 0, mask: 0 } },
      { mark: { value: 0, mask: 0 }, status: 0, orig: {} },
    ])
      expect(new CompiledFilter(filter).empty, JSON.stringify(filter)).to.equal(true);
    for (const filter of [
      { mark: { value: 1, mask: 0 } },
      { status: { value: 1, mask: 0 } },
      { family: 'ipv4' },
      { orig: { src: '0.0.0.0/0' } },
    ] as const)
      expect(new CompiledFilter(filter).empty, JSON.stringify(filter)).to.equal(false);
    for (const filter of [{ mark: 0 }, { zone: 0 }, { family: 'ipv4' }, { orig: { sport: 0 } }] as const) {
      expect(new CompiledFilter(filter).empty, JSON.stringify(filter)).to.equal(false);
    }
  });

  it('the family, also if only an address implies it', () => {
    expect(matches({ family: 'ipv4' })).to.equal(true);
    expect(matches({ family: 'ipv6' })).to.equal(false);
    expect(matches({ orig: { src: '::1' } })).to.equal(false);
    expect(matches({ reply: { family: 'ipv6' } })).to.equal(false);
  });

  it('what is equal in each direction', () => {
    expect(matches({ orig: { src: '10.0.0.1', proto: 'tcp', dport: 80 } })).to.equal(true);
    expect(matches({ orig: { src: '10.0.0.2' } })).to.equal(false);
    expect(matches({ orig: { proto: 6 } })).to.equal(true);
    expect(matches({ orig: { proto: 'udp' } })).to.equal(false);
    expect(matches({ reply: { dst: '192.0.2.1', dport: 2000 } })).to.equal(true);
    expect(matches({ orig: { sport: 1000 }, reply: { sport: 81 } })).to.equal(false);
    expect(matches({ orig: { icmpId: 1 } }), 'what is not there is not equal').to.equal(false);
  });

  it('one of several ports, in each direction', () => {
    expect(matches({ orig: { dport: [53, { from: 79, to: 81 }] } })).to.equal(true);
    expect(matches({ orig: { dport: { from: 80, to: 80 }, sport: [1, 1000] } })).to.equal(true);
    expect(matches({ orig: { dport: [53, { from: 81, to: 90 }] } })).to.equal(false);
    expect(
      matches({
        orig: { dport: [80] },
        reply: {
          dport: [
            { from: 0, to: 1999 },
            { from: 2001, to: 65535 },
          ],
        },
      }),
    ).to.equal(false);
    const { orig } = Flow.from({ orig: { sport: 1000, dport: 80 } });
    expect(matches({ orig }), 'of a flow').to.equal(true);
    const ping = { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpId: 1 } as const, reply: {} };
    expect(matches({ orig: { dport: { from: 0, to: 65535 } } }, ping), 'what is not there').to.equal(false);
    expect(new CompiledFilter({ orig: { dport: { from: 0, to: 65535 } } }).empty).to.equal(false);
  });

  it('what was asked, whatever becomes of the object that said it', () => {
    const ends = { from: 80, to: 81 };
    const list = [7, ends];
    const compiled = new CompiledFilter({ orig: { dport: list } });
    ends.from = 81;
    list.length = 1;
    expect(compiled.matches(Flow.from(FLOW))).to.equal(true);
  });

  it('IPv6 addresses however they are written', () => {
    const six = { orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp' } as const, reply: {} };
    expect(matches({ orig: { src: 'FD00:0::0:1' } }, six)).to.equal(true);
    expect(matches({ orig: { src: 'fd00::2' } }, six)).to.equal(false);
    expect(matches({ family: 'ipv6' }, six)).to.equal(true);
  });

  it('addresses by their first bits; the others may be written as they like', () => {
    const src = (prefix: string): boolean => matches({ orig: { src: prefix } });
    for (const prefix of ['10.0.0.0/8', '10.255.3.4/8', '10.0.0.1/32', '10.0.0.0/31', '0.0.0.0/0', '8.0.0.0/5'])
      expect(src(prefix), prefix).to.equal(true);
    for (const prefix of ['11.0.0.0/8', '10.0.0.0/32', '10.0.0.2/31', '138.0.0.0/1', '::/0'])
      expect(src(prefix), prefix).to.equal(false);
    expect(matches({ reply: { dst: '192.0.0.0/16', src: '10.0.0.0/24' }, orig: { sport: 1000 } })).to.equal(true);
    expect(matches({ reply: { dst: '192.0.0.0/16', src: '10.0.1.0/24' } })).to.equal(false);
    const negative = { orig: { src: '203.0.113.7', dst: '10.0.0.2', proto: 'tcp' } as const };
    expect(matches({ orig: { src: '203.0.113.0/24' } }, negative)).to.equal(true);
    expect(matches({ orig: { src: '128.0.0.0/1' } }, negative)).to.equal(true);
  });

  it('IPv6 addresses by their first bits', () => {
    const six = { orig: { src: 'fd00:1234:5678::ff01', dst: 'fd00::2', proto: 'udp' } as const, reply: {} };
    const src = (prefix: string): boolean => matches({ orig: { src: prefix } }, six);
    for (const prefix of ['fd00::/8', 'fdff::1/8', 'fd00:1234::/32', 'fd00:1234:5679::/47', 'fd00:1234:5678::ff00/127'])
      expect(src(prefix), prefix).to.equal(true);
    for (const prefix of ['::/0', 'fd00:1234:5678::ff01/128', 'FC00::/7']) expect(src(prefix), prefix).to.equal(true);
    for (const prefix of ['fe00::/8', 'fd00:1235::/32', 'fd00:1234:5679::/48', 'fd00:1234:5678::ff00/128', '0.0.0.0/0'])
      expect(src(prefix), prefix).to.equal(false);
    expect(matches({ orig: { dst: 'fd00::/8' }, reply: { src: '::/0' } }, six), 'which is not there').to.equal(false);
  });

  it('addresses of every prefix length', () => {
    const random = new Random(seedFromEnvironment());
    const bitsOf = (address: string): string =>
      [...(parseIpv6(address) ?? quad(address))].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const quad = (address: string): number[] => address.split('.').map(Number);
    for (let round = 0; round < sized({ quick: 600, landing: 1500, soak: 3000 }); round++) {
      const v6 = random.oneIn(2);
      const bits = v6 ? 128 : 32;
      const one = random.bytes(bits / 8);
      const other = one.slice();
      // Another from some bit on.
      const at = random.below(bits + 1);
      for (let bit = at; bit < bits; bit++) if (bit === at || random.oneIn(2)) other[bit >> 3] ^= 0x80 >> (bit & 7);
      const [a, b] = [one, other].map((bytes) => (v6 ? formatIpv6(bytes) : bytes.join('.')));
      const length = random.below(bits + 1);
      const wanted = bitsOf(a).slice(0, length) === bitsOf(b).slice(0, length);
      const flow = Flow.from({ orig: { src: b, dst: b, proto: 'udp' } });
      for (const name of ['src', 'dst'] as const) {
        const filter = new CompiledFilter({ orig: { [name]: `${a}/${length}` } });
        expect(filter.matches(flow), `seed ${random.seed}: ${a}/${length} ${b}`).to.equal(wanted);
      }
    }
  });

  it('takes the tuple of another flow', () => {
    const flow = Flow.from(FLOW);
    expect(new CompiledFilter({ orig: flow.orig, reply: flow.reply }).matches(flow)).to.equal(true);
    expect(matches({ orig: { ...flow.orig, src: '10.0.0.0/8' } })).to.equal(true);
  });

  it('a mark whole, or under its mask; what is not dumped is 0', () => {
    expect(matches({ mark: 0x12 })).to.equal(true);
    expect(matches({ mark: 0x10 })).to.equal(false);
    expect(matches({ mark: { value: 0x10, mask: 0xf0 } })).to.equal(true);
    expect(matches({ mark: { value: 0, mask: 0xf00 } })).to.equal(true);
    expect(matches({ mark: { value: 0, mask: 0 } })).to.equal(true);
    expect(matches({ mark: 0 }, { mark: undefined })).to.equal(true);
    expect(matches({ mark: 1 }, { mark: undefined })).to.equal(false);
    expect(matches({ mark: 0xffffffff }, { mark: 0xffffffff })).to.equal(true);
    expect(matches({ mark: { value: 0x80000000, mask: 0x80000000 } }, { mark: 0x80000001 })).to.equal(true);
  });

  it('never a bit of a value that is outside of its mask, as in the kernel', () => {
    expect(matches({ mark: { value: 0x12, mask: 0xf0 } })).to.equal(false);
    expect(matches({ status: { value: ['ASSURED'], mask: ['CONFIRMED'] } })).to.equal(false);
  });

  it('status bits that are given, or exactly those of the mask', () => {
    expect(matches({ status: ['SEEN_REPLY', 'ASSURED'] })).to.equal(true);
    expect(matches({ status: ['SEEN_REPLY', 'DYING'] })).to.equal(false);
    expect(matches({ status: 0x0e })).to.equal(true);
    expect(matches({ status: { value: 0, mask: ['DYING'] } })).to.equal(true);
    expect(matches({ status: { value: 0, mask: ['ASSURED'] } })).to.equal(false);
    expect(matches({ status: { value: ['ASSURED'], mask: ['ASSURED', 'DYING'] } })).to.equal(true);
    expect(matches({ status: 0 }), 'asks for nothing').to.equal(true);
    expect(matches({ status: { value: 4, mask: 0 } }), 'cannot be').to.equal(false);
  });

  it('a zone of the flow or of one direction; none is zone 0', () => {
    expect(matches({ zone: 0 })).to.equal(true);
    expect(matches({ zone: 1 })).to.equal(false);
    expect(matches({ zone: 1 }, { zone: 1 })).to.equal(true);
    expect(matches({ zone: 0 }, { zone: 1 })).to.equal(false);
    expect(matches({ zone: 2 }, { orig: { ...FLOW.orig, zone: 2 } })).to.equal(true);
    expect(matches({ zone: 2 }, { reply: { ...FLOW.reply, zone: 2 } })).to.equal(true);
    expect(matches({ zone: 0 }, { reply: { ...FLOW.reply, zone: 2 } })).to.equal(false);
    expect(matches({ orig: { zone: 2 } }, { orig: { ...FLOW.orig, zone: 2 } })).to.equal(true);
    expect(matches({ orig: { zone: 2 } }, { reply: { ...FLOW.reply, zone: 2 } })).to.equal(false);
    expect(matches({ orig: { zone: 2 } }, { zone: 2 }), 'of both directions').to.equal(true);
    expect(matches({ orig: { zone: 0 } }), 'never dumped').to.equal(true);
    expect(matches({ orig: { zone: 0 } }, { zone: 2 })).to.equal(false);
  });

  it('what a caller mistook is refused by name', () => {
    const REFUSED: [unknown, typeof TypeError | typeof RangeError, string][] = [
      [null, TypeError, 'filter must be an object, not null'],
      ['x', TypeError, "filter must be an object, not 'x'"],
      [{ makr: 1 }, TypeError, 'filter.makr is not one of family, mark, status, zone, orig, reply'],
      [{ src: '::1' }, TypeError, 'filter.src is not one of'],
      [{ family: 'inet' }, RangeError, "filter.family must be 'ipv4' or 'ipv6', not 'inet'"],
      [{ family: 2 }, RangeError, "filter.family must be 'ipv4' or 'ipv6', not 2"],
      [{ mark: '1' }, TypeError, "filter.mark must be a number, not '1'"],
      [{ mark: -1 }, RangeError, 'filter.mark must be an integer from 0'],
      [{ mark: { value: 1 } }, TypeError, 'filter.mark.mask must be a number, not undefined'],
      [{ mark: { value: 1, maks: 1 } }, TypeError, 'filter.mark.maks is not one of value, mask'],
      [{ mark: undefined }, TypeError, 'filter.mark is undefined; leave it out to match anything'],
      [{ family: undefined }, TypeError, 'filter.family is undefined'],
      [{ status: undefined }, TypeError, 'filter.status is undefined'],
      [{ zone: undefined }, TypeError, 'filter.zone is undefined'],
      [{ orig: undefined }, TypeError, 'filter.orig is undefined'],
      [{ reply: undefined }, TypeError, 'filter.reply is undefined'],
      [{ orig: { src: undefined } }, TypeError, 'filter.orig.src is undefined'],
      [{ reply: { dport: undefined } }, TypeError, 'filter.reply.dport is undefined'],
      [{ status: [] }, RangeError, 'filter.status is an empty list; leave it out'],
      [{ status: { value: [], mask: ['ASSURED'] } }, RangeError, 'filter.status.value is an empty list'],
      [{ status: { value: 0, mask: [] } }, RangeError, 'filter.status.mask is an empty list'],
      [{ mark: [] }, RangeError, 'filter.mark is an empty list'],
      [{ orig: [] }, RangeError, 'filter.orig is an empty list'],
      [{ family: 'ipv4', orig: new Map() }, TypeError, 'filter.orig must be an object, not a Map'],
      [{ reply: new Date(0) }, TypeError, 'filter.reply must be an object, not a Date'],
      [{ orig: 5 }, TypeError, 'filter.orig must be an object, not 5'],
      [{ mark: null }, TypeError, 'filter.mark must be a number, not null'],
      [{ status: ['X'] }, RangeError, 'filter.status must have names'],
      [{ status: { value: 0 } }, TypeError, 'filter.status.mask must be a number or an array of names, not undefined'],
      [{ status: { value: ['X'], mask: 0 } }, RangeError, 'filter.status.value must have names'],
      [{ zone: 65536 }, RangeError, 'filter.zone must be an integer from 0 to 65535, not 65536'],
      [{ orig: { src: 'x' } }, RangeError, "filter.orig.src must be an IPv4 or IPv6 address, not 'x'"],
      [
        { orig: { src: '10.0.0.0/33' } },
        RangeError,
        "filter.orig.src must have a prefix length from 0 to 32 after its slash, not '33'",
      ],
      [
        { reply: { dst: 'fd00::/129' } },
        RangeError,
        "filter.reply.dst must have a prefix length from 0 to 128 after its slash, not '129'",
      ],
      [
        { orig: { dst: '10.0.0.0/' } },
        RangeError,
        "filter.orig.dst must have a prefix length from 0 to 32 after its slash, not ''",
      ],
      [
        { orig: { src: '10.0.0.0/8/8' } },
        RangeError,
        "filter.orig.src must have a prefix length from 0 to 32 after its slash, not '8/8'",
      ],
      [{ orig: { src: '10.0.0.0/-1' } }, RangeError, 'filter.orig.src must have a prefix length'],
      [{ orig: { src: '10.0.0.0/255.0.0.0' } }, RangeError, 'filter.orig.src must have a prefix length'],
      [{ orig: { src: '/8' } }, RangeError, "filter.orig.src must be an IPv4 or IPv6 address, not ''"],
      [{ orig: { src: '10.0.0/8' } }, RangeError, "filter.orig.src must be an IPv4 or IPv6 address, not '10.0.0'"],
      [{ orig: { src: '10.0.0.0/8', port: 1 } }, TypeError, 'filter.orig.port is not one of'],
      [{ orig: { src: 1 } }, TypeError, 'filter.orig.src must be a string, not 1'],
      [{ orig: 5 }, TypeError, 'filter.orig must be an object, not 5'],
      [{ orig: { src: '10.0.0.0/8', dst: 'fd00::/8' } }, RangeError, 'filter.orig has parts of both families'],
      [{ family: 'ipv6', orig: { src: '10.0.0.0/8' } }, RangeError, 'filter has parts of both families'],
      [{ orig: { src: '1.1.1.1' }, reply: { src: '::1' } }, RangeError, 'filter has parts of both families'],
      [{ family: 'ipv6', orig: { src: '1.1.1.1' } }, RangeError, 'filter has parts of both families'],
    ];
    for (const [filter, error, text] of REFUSED) {
      expect(() => new CompiledFilter(filter as Filter), JSON.stringify(filter)).to.throw(error, text);
    }
    expect(() => new CompiledFilter({ zone: -1 }, 'options.filter')).to.throw(RangeError, 'options.filter.zone');
  });
});

describe('filter: for the kernel', () => {
  it('is the family', () => {
    expect(sent({ family: 'ipv6' })).to.deep.equal([10, {}, true]);
    expect(sent({ family: 'ipv4' }, 'flush')).to.deep.equal([2, {}, true]);
    expect(sent({})).to.deep.equal([0, {}, true]);
  });

  it('is the mark and always its mask', () => {
    expect(sent({ mark: 5 })).to.deep.equal([0, { mark: 5, markMask: 0xffffffff }, true]);
    expect(sent({ mark: { value: 0, mask: 1 } }, 'flush')).to.deep.equal([0, { mark: 0, markMask: 1 }, true]);
  });

  it('is the status and always its mask; a mask of 0 is EINVAL and stays here', () => {
    const assured = { status: ['ASSURED'], statusMask: ['ASSURED'] };
    expect(sent({ status: ['ASSURED'] })).to.deep.equal([0, assured, true]);
    const none = { status: [], statusMask: ['ASSURED'] };
    expect(sent({ status: { value: 0, mask: ['ASSURED'] } })).to.deep.equal([0, none, true]);
    for (const status of [0, { value: 0, mask: 0 }, { value: 4, mask: 0 }]) {
      expect(sent({ status })).to.deep.equal([0, {}, false]);
      expect(sent({ status }, 'flush')).to.deep.equal([0, {}, false]);
    }
  });

  it('is the zone, 0 too', () => {
    expect(sent({ zone: 0 })).to.deep.equal([0, { zone: 0 }, true]);
    expect(sent({ zone: 7 }, 'flush')).to.deep.equal([0, { zone: 7 }, true]);
  });

  it('is a tuple of IPv4, each part with its flag', () => {
    const { family, attributes, exact } = forKernel({
      orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1, dport: 2 },
      reply: { dst: '10.0.0.1' },
    });
    expect([family, exact]).to.deep.equal([2, true]);
    expect(attributes.toJSON()).to.deep.equal({
      orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1, dport: 2 },
      reply: { dst: '10.0.0.1' },
      filter: {
        origFlags:
          cta.CTA_FILTER_F_CTA_IP_SRC |
          cta.CTA_FILTER_F_CTA_IP_DST |
          cta.CTA_FILTER_F_CTA_PROTO_NUM |
          cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT |
          cta.CTA_FILTER_F_CTA_PROTO_DST_PORT,
        replyFlags: cta.CTA_FILTER_F_CTA_IP_DST,
      },
    });
  });

  it('has a flag for every attribute of a tuple, and no other: a flag alone is EINVAL', () => {
    const parts = { src: '1.1.1.1', dst: '2.2.2.2', proto: 'udp', sport: 1, dport: 2 } as const;
    const flags = { src: 1, dst: 2, proto: 8, sport: 16, dport: 32 };
    for (let set = 1; set < 32; set++) {
      const names = (Object.keys(parts) as (keyof typeof parts)[]).filter((_, bit) => ((set >> bit) & 1) !== 0);
      const orig = Object.fromEntries(names.map((name) => [name, parts[name]]));
      const { attributes, exact } = forKernel({ family: 'ipv4', orig });
      // Ports without their protocol are EINVAL.
      const wanted = names.filter((name) => names.includes('proto') || (name !== 'sport' && name !== 'dport'));
      expect(exact).to.equal(wanted.length === names.length);
      expect(attributes.filter?.origFlags).to.equal(
        wanted.length === 0 ? undefined : wanted.reduce((sum, name) => sum | flags[name], 0),
      );
      expect(attributes.orig.sport).to.equal(wanted.includes('sport') ? 1 : undefined);
    }
  });

  it('never has an IPv6 address: the kernel keeps what differs from it', () => {
    for (const purpose of ['dump', 'flush'] as const) {
      const { family, attributes, exact } = forKernel(
        { orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', dport: 53 }, reply: { src: 'fd00::2' } },
        purpose,
      );
      expect(family).to.equal(10);
      expect(exact).to.equal(false);
      expect(attributes.toJSON()).to.deep.equal({
        orig: { proto: 'udp', dport: 53 },
        filter: { origFlags: cta.CTA_FILTER_F_CTA_PROTO_NUM | cta.CTA_FILTER_F_CTA_PROTO_DST_PORT, replyFlags: 0 },
      });
      expect(Buffer.from(encode(attributes)).includes(Buffer.from('fd00', 'hex'))).to.equal(false);
    }
    expect(sent({ orig: { src: 'fd00::1' } })).to.deep.equal([10, {}, false]);
  });

  it('has no part of an address, which the kernel cannot compare; but its family', () => {
    for (const purpose of ['dump', 'flush'] as const) {
      expect(sent({ orig: { src: '10.0.0.0/8' } }, purpose)).to.deep.equal([2, {}, false]);
      expect(sent({ orig: { src: '10.0.0.0/0' } }, purpose)).to.deep.equal([2, {}, false]);
      expect(sent({ reply: { dst: 'fd00::/64' } }, purpose)).to.deep.equal([10, {}, false]);
      expect(sent({ reply: { dst: 'fd00::/128' } }, purpose)).to.deep.equal([10, {}, false]);
      const whole = { orig: { src: '10.0.0.1' }, filter: { origFlags: cta.CTA_FILTER_F_CTA_IP_SRC, replyFlags: 0 } };
      expect(sent({ orig: { src: '10.0.0.1/32' } }, purpose)).to.deep.equal([2, whole, true]);
      const { attributes, exact } = forKernel({ orig: { src: '10.0.0.0/31', dst: '10.0.0.2', proto: 'tcp' } }, purpose);
      expect(exact).to.equal(false);
      expect(attributes.orig.src).to.equal(undefined);
      expect(attributes.filter?.origFlags).to.equal(cta.CTA_FILTER_F_CTA_IP_DST | cta.CTA_FILTER_F_CTA_PROTO_NUM);
    }
  });

  it('has one port, never several, which the kernel cannot compare; but the rest', () => {
    for (const purpose of ['dump', 'flush'] as const) {
      const orig = { src: '10.0.0.1', proto: 'udp' } as const;
      const rest = { orig, filter: { origFlags: 9, replyFlags: 0 } };
      for (const dport of [[53, 80], { from: 53, to: 54 }, { from: 0, to: 65535 }])
        expect(sent({ orig: { ...orig, dport } }, purpose), JSON.stringify(dport)).to.deep.equal([2, rest, false]);
      const whole = { orig: { ...orig, dport: 53 }, filter: { origFlags: 9 | 32, replyFlags: 0 } };
      for (const dport of [53, [53], { from: 53, to: 53 }, [53, { from: 53, to: 53 }, 53]])
        expect(sent({ orig: { ...orig, dport } }, purpose), JSON.stringify(dport)).to.deep.equal([2, whole, true]);
      expect(sent({ reply: { sport: [1, 2] } }, purpose)).to.deep.equal([0, {}, false]);
    }
  });

  it('never has the zone of a tuple: the kernel takes it and compares nothing, a flush by it empties the table', () => {
    for (const purpose of ['dump', 'flush'] as const) {
      expect(sent({ family: 'ipv4', orig: { zone: 12 } }, purpose)).to.deep.equal([2, {}, false]);
      const both = forKernel({ orig: { src: '1.1.1.1', zone: 12 }, reply: { zone: 0 } }, purpose);
      expect(both.exact).to.equal(false);
      expect(both.attributes.filter?.origFlags).to.equal(cta.CTA_FILTER_F_CTA_IP_SRC);
      expect(both.attributes.orig.zone).to.equal(undefined);
    }
  });

  it('has ports of TCP and UDP only', () => {
    for (const proto of ['sctp', 'udplite', 'dccp', 'gre', 89] as const) {
      const { attributes, exact } = forKernel({ family: 'ipv4', orig: { proto, dport: 1 } });
      expect(exact, String(proto)).to.equal(false);
      expect(attributes.orig.dport).to.equal(undefined);
      expect(attributes.filter?.origFlags).to.equal(cta.CTA_FILTER_F_CTA_PROTO_NUM);
    }
  });

  it('has ICMP fields of ICMP and ICMPv6, each with its own flags and attributes', () => {
    const icmp = forKernel({ family: 'ipv4', orig: { proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 7 } });
    expect(icmp.exact).to.equal(true);
    expect(icmp.attributes.filter?.origFlags).to.equal(8 | (7 << 6));
    const icmpv6 = forKernel({ family: 'ipv6', orig: { proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 7 } });
    expect(icmpv6.exact).to.equal(true);
    expect(icmpv6.attributes.filter?.origFlags).to.equal(8 | (7 << 9));
    const other = forKernel({ family: 'ipv4', orig: { proto: 'tcp', icmpType: 8 } });
    expect(other.exact).to.equal(false);
    expect(other.attributes.orig.icmpType).to.equal(undefined);
  });

  it('has no ICMP type that is not tracked: EINVAL, where the answer is that there is none', () => {
    for (const [family, proto, type] of [
      ['ipv4', 'icmp', 3],
      ['ipv4', 'icmp', 128],
      ['ipv6', 'icmpv6', 8],
      ['ipv6', 'icmpv6', 135],
    ] as const) {
      const { attributes, exact } = forKernel({ family, reply: { proto, icmpType: type, icmpId: 1 } });
      expect(exact).to.equal(false);
      expect(attributes.reply.icmpType).to.equal(undefined);
      expect(attributes.reply.icmpId).to.equal(1);
    }
  });

  it('has no tuple without a family: EOPNOTSUPP', () => {
    expect(sent({ orig: { proto: 'udp' } })).to.deep.equal([0, {}, false]);
    expect(sent({ family: 'ipv4', orig: { proto: 'udp' } })).to.deep.equal([
      2,
      { orig: { proto: 'udp' }, filter: { origFlags: 8, replyFlags: 0 } },
      true,
    ]);
  });

  it('has 0 as a value', () => {
    const { attributes, exact } = forKernel({ family: 'ipv4', orig: { src: '0.0.0.0', proto: 'udp', sport: 0 } });
    expect(exact).to.equal(true);
    expect(attributes.orig.sport).to.equal(0);
    expect(attributes.filter?.origFlags).to.equal(1 | 8 | 16);
  });

  it('does not take anything from the filter that it was made of', () => {
    const compiled = new CompiledFilter({ orig: { src: '10.0.0.1' }, mark: 1 });
    const support = kernelSupport('6.18.0');
    compiled.forKernel('dump', support).attributes.slots.fill(undefined);
    expect(compiled.forKernel('dump', support).attributes.mark).to.equal(1);
  });
});

describe('filter: for old kernels', () => {
  const FULL: Filter = {
    family: 'ipv4',
    mark: 1,
    status: ['ASSURED'],
    zone: 2,
    orig: { src: '10.0.0.1', proto: 'tcp' },
  };

  it('has nothing that the kernel would ignore, and then is not exact', () => {
    const tuple = { orig: { src: '10.0.0.1', proto: 'tcp' }, filter: { origFlags: 9, replyFlags: 0 } };
    const mark = { mark: 1, markMask: 0xffffffff };
    const status = { status: ['ASSURED'], statusMask: ['ASSURED'] };
    const releases: [string | undefined, dump: unknown[], flush: unknown[]][] = [
      [undefined, [0, mark, false], [0, mark, false]],
      ['4.19.0', [0, mark, false], [0, mark, false]],
      ['4.20.0', [2, mark, false], [0, mark, false]],
      ['5.3.0', [2, mark, false], [2, mark, false]],
      ['5.8.0', [2, { ...tuple, ...mark }, false], [2, mark, false]],
      ['5.15.0', [2, { ...tuple, ...mark, ...status }, false], [2, { ...mark, ...status }, false]],
      ['6.8.0', [2, { ...tuple, ...mark, ...status }, false], [2, { ...mark, ...status }, false]],
      ['6.9.0', [2, { ...tuple, ...mark, ...status, zone: 2 }, true], [2, { ...mark, ...status, zone: 2 }, false]],
      [
        '6.13.0',
        [2, { ...tuple, ...mark, ...status, zone: 2 }, true],
        [2, { ...tuple, ...mark, ...status, zone: 2 }, true],
      ],
    ];
    for (const [release, dump, flush] of releases) {
      const compiled = new CompiledFilter(FULL);
      for (const [purpose, expected] of [
        ['dump', dump],
        ['flush', flush],
      ] as const) {
        const { family, attributes, exact } = compiled.forKernel(purpose, kernelSupport(release));
        expect([family, attributes.toJSON(), exact], `${purpose} on ${release}`).to.deep.equal(expected);
      }
    }
  });

  it('is a mark alone on every kernel', () => {
    expect(sent({ mark: 1 }, 'flush', '2.6.32')).to.deep.equal([0, { mark: 1, markMask: 0xffffffff }, true]);
  });
});
