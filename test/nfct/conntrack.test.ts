import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_UDP } from '../../src/uapi/in.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { ALL_IDS, randomMemory, valueInC, type Width, widthOf } from '../support/nfct/memory.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const { htonl, htons, nfct_get_attr, nfct_new, nfct_set_attr } = nfct;

type Setter = (ct: Flow, type: number, value: never) => void;
type Getter = (ct: Flow, type: number) => nfct.AttrValue;

const TYPED: Readonly<Partial<Record<Width, { set: Setter; get: Getter; zero: nfct.AttrValue }>>> = {
  u8: { set: nfct.nfct_set_attr_u8, get: nfct.nfct_get_attr_u8, zero: 0 },
  u16: { set: nfct.nfct_set_attr_u16, get: nfct.nfct_get_attr_u16, zero: 0 },
  u32: { set: nfct.nfct_set_attr_u32, get: nfct.nfct_get_attr_u32, zero: 0 },
  u64: { set: nfct.nfct_set_attr_u64, get: nfct.nfct_get_attr_u64, zero: 0n },
};

describe('nfct: attributes', () => {
  const random = new Random(seedFromEnvironment());

  for (const id of [...ALL_IDS, nfct.ATTR_TIMESTAMP_EVENT]) {
    const width = widthOf(id);
    it(`${id} (${width}) is set, read, copied and unset`, () => {
      const ct = nfct_new();
      expect(nfct.nfct_attr_is_set(ct, id)).to.equal(0);
      expect(nfct_get_attr(ct, id)).to.equal(undefined);
      const typed = TYPED[width];
      if (typed !== undefined) expect(typed.get(ct, id)).to.equal(typed.zero);

      const value = valueInC(id, randomMemory(random, id));
      nfct_set_attr(ct, id, value);
      expect(nfct.nfct_attr_is_set(ct, id)).to.equal(1);
      expect(nfct_get_attr(ct, id)).to.deep.equal(value);
      const others = Array.from({ length: nfct.ATTR_MAX }, (_, other) => other);
      expect(others.filter((other) => nfct.nfct_attr_is_set(ct, other))).to.deep.equal([id]);
      if (typed !== undefined) {
        const again = nfct_new();
        typed.set(again, id, value as never);
        expect(typed.get(again, id)).to.equal(value);
      }

      const copy = nfct.nfct_clone(ct);
      expect(nfct.nfct_attr_unset(ct, id)).to.equal(0);
      expect(nfct.nfct_attr_is_set(ct, id)).to.equal(0);
      expect(ct.slots.every((slot) => slot === undefined)).to.equal(true);
      expect(nfct_get_attr(copy, id)).to.deep.equal(value);
    });

    it(`${id} (${width}) keeps 0, which is a value`, () => {
      if (!/^u(8|16|32|64)$/.test(width)) return;
      const ct = nfct_new();
      nfct_set_attr(ct, id, 0);
      expect(nfct.nfct_attr_is_set(ct, id)).to.equal(1);
      expect(Number(nfct_get_attr(ct, id))).to.equal(0);
    });

    it(`${id} (${width}) refuses what it cannot hold, naming itself`, () => {
      const ct = nfct_new();
      const attempt = (value: unknown) => () => nfct_set_attr(ct, id, value as never);
      const names = Object.entries(nfct).filter(([each, number]) => number === id && /^ATTR_(?!EXP_|GRP_)/.test(each));
      const name = new RegExp(`value of (${names.map(([each]) => each).join('|')}) must`);
      expect(attempt(undefined)).to.throw(TypeError, name);
      expect(attempt(null)).to.throw(TypeError, name);
      expect(attempt({})).to.throw(TypeError, name);
      if (TYPED[width] !== undefined) {
        expect(attempt('1')).to.throw(TypeError, name);
        expect(attempt(-1)).to.throw(RangeError, name);
        expect(attempt(1.5)).to.throw(RangeError, name);
        expect(attempt(width === 'u64' ? 1n << 64n : 2 ** Number(width.slice(1)))).to.throw(RangeError, name);
      } else {
        expect(attempt(1)).to.throw(TypeError, name);
      }
      if (width === 'u128') expect(attempt(new Uint8Array(15))).to.throw(RangeError, name);
      if (width === 'labels') expect(attempt(new Uint8Array(3))).to.throw(RangeError, name);
      if (width === 'string') expect(attempt('a\0b')).to.throw(RangeError, name);
      expect(nfct.nfct_attr_is_set(ct, id)).to.equal(0);
    });

    it(`${id} (${width}) refuses setters and getters of another width`, () => {
      const ct = nfct_new();
      for (const [other, { set, get }] of Object.entries(TYPED)) {
        if (other === width) continue;
        expect(() => set(ct, id, 0 as never), other).to.throw(
          TypeError,
          /^ATTR_\w+ is not of \d+ bits: use nfct_set_attr/,
        );
        expect(() => get(ct, id), other).to.throw(TypeError, /^ATTR_\w+ is not of \d+ bits: use nfct_get_attr/);
      }
    });
  }

  it('have no other numbers', () => {
    const ct = nfct_new();
    for (const id of [-1, nfct.ATTR_MAX, 1.5, '0' as never, undefined as never]) {
      const all = [
        () => nfct_set_attr(ct, id, 0),
        () => nfct.nfct_set_attr_u8(ct, id, 0),
        () => nfct_get_attr(ct, id),
        () => nfct.nfct_get_attr_u8(ct, id),
        () => nfct.nfct_attr_is_set(ct, id),
        () => nfct.nfct_attr_unset(ct, id),
      ];
      // '0' finds a row as a number would.
      if (typeof id === 'string') continue;
      for (const one of all) expect(one).to.throw(RangeError, /is not an ATTR_ number/);
    }
  });

  it('belong to objects of nfct_new', () => {
    for (const ct of [undefined, null, {}, 1] as never[]) {
      expect(() => nfct_set_attr(ct, 0, 0)).to.throw(TypeError, /ct must be an nf_conntrack object/);
      expect(() => nfct_get_attr(ct, 0)).to.throw(TypeError, /ct must be an nf_conntrack object/);
      expect(() => nfct.nfct_clone(ct)).to.throw(TypeError, /ct must be an nf_conntrack object/);
    }
  });

  it('are asked for in arrays', () => {
    const ct = nfct_new();
    nfct_set_attr(ct, nfct.ATTR_MARK, 1);
    nfct_set_attr(ct, nfct.ATTR_ZONE, 2);
    expect(nfct.nfct_attr_is_set_array(ct, [nfct.ATTR_MARK, nfct.ATTR_ZONE])).to.equal(1);
    expect(nfct.nfct_attr_is_set_array(ct, [nfct.ATTR_MARK, nfct.ATTR_USE])).to.equal(0);
  });

  it('that are bytes are copied in and out', () => {
    const ct = nfct_new();
    const given = new Uint8Array(16).fill(1);
    nfct_set_attr(ct, nfct.ATTR_IPV6_SRC, given);
    given.fill(2);
    const got = nfct_get_attr(ct, nfct.ATTR_IPV6_SRC) as Uint8Array;
    expect(got).to.deep.equal(new Uint8Array(16).fill(1));
    got.fill(3);
    expect(nfct_get_attr(ct, nfct.ATTR_IPV6_SRC)).to.deep.equal(new Uint8Array(16).fill(1));
  });

  it('of variable length take the length of nfct_set_attr_l', () => {
    const ct = nfct_new();
    nfct.nfct_set_attr_l(ct, nfct.ATTR_HELPER_INFO, Uint8Array.of(1, 2, 3, 4), 2);
    expect(nfct_get_attr(ct, nfct.ATTR_HELPER_INFO)).to.deep.equal(Uint8Array.of(1, 2));
    nfct.nfct_set_attr_l(ct, nfct.ATTR_MARK, 7, 4);
    expect(nfct_get_attr(ct, nfct.ATTR_MARK)).to.equal(7);
    expect(() => nfct.nfct_set_attr_l(ct, nfct.ATTR_HELPER_INFO, Uint8Array.of(1), 2)).to.throw(
      RangeError,
      /^len must/,
    );
  });

  it('refuse a helper name that C would cut', () => {
    const ct = nfct_new();
    nfct_set_attr(ct, nfct.ATTR_HELPER_NAME, 'fifteen-letters');
    expect(() => nfct_set_attr(ct, nfct.ATTR_HELPER_NAME, 'sixteen--letters')).to.throw(RangeError, /at most 15 bytes/);
  });

  it('are the properties of the same flow', () => {
    const ct = nfct_new();
    expect(ct).to.be.instanceOf(Flow);
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_L3PROTO, AF_INET);
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_SRC, nfct.inet_addr('1.2.3.4'));
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_L4PROTO, IPPROTO_UDP);
    nfct.nfct_set_attr_u16(ct, nfct.ATTR_PORT_SRC, htons(20));
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, 0x80000001);
    nfct.nfct_set_attr_u16(ct, nfct.ATTR_ZONE, 5);
    nfct.nfct_set_attr_u64(ct, nfct.ATTR_ORIG_COUNTER_BYTES, 0xffffffffffffffffn);
    expect(ct.toJSON()).to.deep.equal({
      orig: { family: 'ipv4', src: '1.2.3.4', proto: 'udp', sport: 20 },
      countersOrig: { bytes: '18446744073709551615' },
      mark: 0x80000001,
      zone: 5,
    });
    const flow = Flow.from({ orig: { src: '255.0.0.1', dport: 53 } });
    expect(nfct.nfct_get_attr_u32(flow, nfct.ATTR_IPV4_SRC)).to.equal(htonl(0xff000001));
    expect(nfct.nfct_get_attr_u16(flow, nfct.ATTR_PORT_DST)).to.equal(htons(53));
    expect(nfct.nfct_get_attr_u8(flow, nfct.ATTR_L3PROTO)).to.equal(AF_INET);
  });

  it('do not imply the layer 3 protocol', () => {
    const ct = nfct_new();
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_IPV4_SRC, nfct.inet_addr('1.2.3.4'));
    expect(nfct.nfct_attr_is_set(ct, nfct.ATTR_L3PROTO)).to.equal(0);
  });
});

describe('nfct: ICMP and options', () => {
  const echo = (family: number, proto: number, type: number, typeFirst: boolean): Flow => {
    const ct = nfct_new();
    if (typeFirst) nfct_set_attr(ct, nfct.ATTR_ICMP_TYPE, type);
    nfct_set_attr(ct, nfct.ATTR_L3PROTO, family);
    nfct_set_attr(ct, nfct.ATTR_L4PROTO, proto);
    if (!typeFirst) nfct_set_attr(ct, nfct.ATTR_ICMP_TYPE, type);
    nfct_set_attr(ct, nfct.ATTR_ICMP_CODE, 3);
    nfct_set_attr(ct, nfct.ATTR_ICMP_ID, htons(77));
    return ct;
  };

  for (const typeFirst of [false, true]) {
    it(`the reply follows the original, the type set ${typeFirst ? 'before' : 'after'} the family`, () => {
      expect(echo(AF_INET, IPPROTO_ICMP, 8, typeFirst).reply).to.include({ icmpType: 0, icmpCode: 3, icmpId: 77 });
      expect(echo(AF_INET, IPPROTO_ICMP, 0, typeFirst).reply.icmpType).to.equal(8);
      expect(echo(AF_INET, IPPROTO_ICMP, 3, typeFirst).reply.icmpType).to.equal(255);
      expect(echo(AF_INET6, IPPROTO_ICMPV6, 128, typeFirst).reply.icmpType).to.equal(129);
      expect(echo(AF_INET6, IPPROTO_ICMPV6, 139, typeFirst).reply.icmpType).to.equal(140);
      expect(echo(AF_INET6, IPPROTO_ICMPV6, 8, typeFirst).reply.icmpType).to.equal(255);
    });
  }

  it('SETUP_REPLY turns the original round, SETUP_ORIGINAL the reply', () => {
    const orig = { family: 'ipv4', src: '1.1.1.1', dst: '2.2.2.2', proto: 'udp', sport: 1, dport: 2 } as const;
    const reply = { family: 'ipv4', src: '2.2.2.2', dst: '1.1.1.1', proto: 'udp', sport: 2, dport: 1 } as const;
    const forth = Flow.from({ orig });
    expect(nfct.nfct_setobjopt(forth, nfct.NFCT_SOPT_SETUP_REPLY)).to.equal(0);
    expect(forth.toJSON()).to.deep.equal({ orig, reply });
    const back = Flow.from({ reply });
    expect(nfct.nfct_setobjopt(back, nfct.NFCT_SOPT_SETUP_ORIGINAL)).to.equal(0);
    expect(back.toJSON()).to.deep.equal({ orig, reply });
  });

  it('SETUP_REPLY of a flow of the other API makes its ICMP too', () => {
    const ct = Flow.from({ orig: { src: '::1', dst: '::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 9 } });
    nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
    expect(ct.reply).to.include({ src: '::2', dst: '::1', icmpType: 129, icmpCode: 0, icmpId: 9 });
  });
});

describe('nfct: byte order', () => {
  it('converts as arpa/inet.h does', () => {
    const bytes = (number: number) => [...new Uint8Array(Uint32Array.of(number).buffer)];
    expect(bytes(nfct.inet_addr('1.2.3.4'))).to.deep.equal([1, 2, 3, 4]);
    expect(bytes(nfct.inet_addr('255.255.255.255'))).to.deep.equal([255, 255, 255, 255]);
    expect(bytes(htonl(0xfffefdfc))).to.deep.equal([255, 254, 253, 252]);
    expect([...new Uint8Array(Uint16Array.of(htons(0xff01)).buffer)]).to.deep.equal([255, 1]);
    for (const number of [0, 1, 255, 256, 0x8000, 0xffff]) expect(nfct.ntohs(htons(number))).to.equal(number);
    for (const number of [0, 1, 0x80000000, 0xffffffff]) expect(nfct.ntohl(htonl(number))).to.equal(number);
    expect(nfct.inet_ntoa(nfct.inet_addr('192.168.0.255'))).to.equal('192.168.0.255');
  });

  it('refuses what is no number or no address', () => {
    expect(() => htons(65536)).to.throw(RangeError, /^hostshort must/);
    expect(() => nfct.ntohs('1' as never)).to.throw(TypeError, /^netshort must/);
    expect(() => htonl(-1)).to.throw(RangeError, /^hostlong must/);
    expect(() => nfct.ntohl(1.5)).to.throw(RangeError, /^netlong must/);
    for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '::1', 1 as never])
      expect(() => nfct.inet_addr(text), text).to.throw(RangeError, /^cp must be an IPv4 address/);
  });
});
