/**
 * nfct_copy and nfct_copy_attr as in C. What differs: C copies an ICMP type, code and ID, but not those that the reply
 * tuple has of it, which then goes out with zeros; here the reply follows, so that what is sent is not compared of
 * ICMP. And C forgets the length of helper info when it is set, so that it copies none of its bytes. And C copies one
 * end of the port range of a translation, so that what it sends asks for the ports from that one to 0 or to what the
 * target had; here it is both.
 */
import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_ICMP } from '../../src/uapi/in.ts';
import { AF_INET } from '../../src/uapi/socket.ts';
import { ALL_IDS, conntrack, is } from '../support/nfct/memory.ts';
import {
  builtFrom,
  randomObject,
  randomShape,
  randomWhole,
  type Setting,
  setIn,
  textOf,
} from '../support/nfct/objects.ts';
import { copy, copyAttr } from '../support/oracle/objects.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const { NFCT_CP_ALL, NFCT_CP_META, NFCT_CP_ORIG, NFCT_CP_OVERRIDE, NFCT_CP_REPL, nfct_copy, nfct_copy_attr } = nfct;
const COMBINATIONS = 16;
const NAT_PORTS: readonly number[] = [nfct.ATTR_SNAT_PORT, nfct.ATTR_DNAT_PORT];
const seed = seedFromEnvironment();

describeOracle('nfct: copies as in C', () => {
  it(`of random objects with all flags (seed ${seed})`, () => {
    const random = new Random(seed);
    const cases = Array.from({ length: 4800 }, (_, index) => {
      const shape = randomShape(random);
      const pair: [Setting[], Setting[]] = [randomObject(random, shape), randomObject(random, shape)];
      return { flags: index % COMBINATIONS, pair };
    });
    for (const [index, expected] of copy(cases).entries()) {
      const { flags, pair } = cases[index];
      const [one, two] = pair.map(conntrack);
      nfct_copy(one, two, flags);
      expect(setIn(one), `${flags} ${textOf(...pair)}`).to.deep.equal(expected.set);
      expect(setIn(two), `${flags} ${textOf(...pair)}`).to.deep.equal(setIn(conntrack(pair[1])));
    }
  });

  it(`of whole objects are sent as C sends them (seed ${seed})`, () => {
    const random = new Random(seed);
    const cases = Array.from({ length: 2400 }, (_, index) => {
      const shape = { ...randomShape(random), icmp: false };
      const whole = (): Setting[] => randomWhole(random, shape).filter(({ id }) => !NAT_PORTS.includes(id));
      const pair: [Setting[], Setting[]] = [whole(), whole()];
      return { flags: index % COMBINATIONS, pair };
    });
    for (const [index, expected] of copy(cases).entries()) {
      const { flags, pair } = cases[index];
      const [one, two] = pair.map(conntrack);
      nfct_copy(one, two, flags);
      expect(builtFrom(one), `${flags} ${textOf(...pair)}`).to.equal(expected.built);
    }
  });

  it(`of each attribute (seed ${seed})`, () => {
    const random = new Random(seed);
    const cases = Array.from({ length: sized({ quick: 600, landing: 1500, soak: 3000 }) }, (_, index) => {
      const shape = randomShape(random);
      const pair: [Setting[], Setting[]] = [randomObject(random, shape), randomObject(random, shape)];
      return { id: index % ALL_IDS.length, pair };
    });
    for (const [index, expected] of copyAttr(cases).entries()) {
      const { id, pair } = cases[index];
      const [one, two] = pair.map(conntrack);
      nfct_copy_attr(one, two, id);
      expect(setIn(one), `${id} ${textOf(...pair)}`).to.deep.equal(expected.set);
    }
  });
});

describe('nfct: copies', () => {
  const random = new Random(seed);
  const everything = (): Flow => conntrack(ALL_IDS.map((id) => randomObjectOf(id)));
  const randomObjectOf = (id: number): Setting =>
    [false, true]
      .flatMap((icmp) => [...randomObject(random, { family: AF_INET, icmp, info: 'tcp' }, 100)])
      .find((setting) => setting.id === id) ?? (is(nfct.ATTR_MARK, 1, 2, 3, 4) as Setting);

  it('share nothing with the original', () => {
    for (const flags of [NFCT_CP_ALL, NFCT_CP_OVERRIDE]) {
      const two = everything();
      const before = two.clone();
      const one = nfct.nfct_new();
      nfct_copy(one, two, flags);
      for (const value of one.slots) if (value instanceof Uint8Array) value.fill(0xff);
      expect(two).to.deep.equal(before);
    }
    const two = conntrack([is(nfct.ATTR_IPV6_SRC, ...new Uint8Array(16))]);
    const one = nfct.nfct_new();
    nfct_copy_attr(one, two, nfct.ATTR_IPV6_SRC);
    for (const value of one.slots) if (value instanceof Uint8Array) value.fill(0xff);
    expect(nfct.nfct_get_attr(two, nfct.ATTR_IPV6_SRC)).to.deep.equal(new Uint8Array(16));
  });

  it('have everything that the other API knows, and C does not', () => {
    const two = Flow.from({
      orig: { src: '1.1.1.1', dst: '2.2.2.2', proto: 'tcp', sport: 1, dport: 2 },
      markMask: 3,
      snat: { minAddress: '9.9.9.1', maxAddress: '9.9.9.9', minPort: 1000, maxPort: 2000 },
      unknown: [{ path: [], type: 99, value: Uint8Array.of(1) }],
    });
    for (const flags of [NFCT_CP_ALL, NFCT_CP_ORIG | NFCT_CP_META, NFCT_CP_OVERRIDE]) {
      // With common slots only, as it was decoded.
      const one = Flow.from({ use: 1 });
      nfct_copy(one, two, flags);
      const { use, ...rest } = one.toJSON();
      expect(rest, `${flags}`).to.deep.equal(two.toJSON());
      expect(use).to.equal(flags === NFCT_CP_OVERRIDE ? undefined : 1);
    }
    const orig = nfct.nfct_new();
    nfct_copy(orig, two, NFCT_CP_ORIG);
    expect(orig.toJSON()).to.deep.equal({ orig: two.toJSON().orig });
  });

  it('of ICMP have it in their reply, which C forgets', () => {
    const reply = [is(nfct.ATTR_REPL_L3PROTO, AF_INET), is(nfct.ATTR_REPL_L4PROTO, IPPROTO_ICMP)];
    const echo = conntrack([
      is(nfct.ATTR_L3PROTO, AF_INET),
      is(nfct.ATTR_L4PROTO, IPPROTO_ICMP),
      is(nfct.ATTR_ICMP_TYPE, 8),
      is(nfct.ATTR_ICMP_CODE, 1),
      is(nfct.ATTR_ICMP_ID, 0, 7),
    ]);
    const one = conntrack(reply);
    nfct_copy(one, echo, NFCT_CP_ORIG);
    expect(one.reply).to.include({ icmpType: 0, icmpCode: 1, icmpId: 7 });
    const two = conntrack([...reply, is(nfct.ATTR_L3PROTO, AF_INET)]);
    for (const id of [nfct.ATTR_ICMP_TYPE, nfct.ATTR_ICMP_CODE, nfct.ATTR_ICMP_ID]) nfct_copy_attr(two, echo, id);
    expect(two.reply).to.include({ icmpType: 0, icmpCode: 1, icmpId: 7 });
    const three = conntrack(reply);
    nfct_copy(three, echo, NFCT_CP_REPL);
    expect(three.reply.icmpType).to.equal(undefined);
  });

  it('of NAT ports have both ends of the range; C forgets one', () => {
    const two = conntrack([is(nfct.ATTR_SNAT_PORT, 4, 0)]);
    const one = conntrack([is(nfct.ATTR_SNAT_PORT, 8, 0)]);
    nfct_copy(one, two, NFCT_CP_META);
    expect(one.snat).to.include({ minPort: 1024, maxPort: 1024 });
  });

  it('carry helper info, whose length C forgets', () => {
    const two = conntrack([is(nfct.ATTR_HELPER_INFO, 1, 2, 3)]);
    const one = nfct.nfct_new();
    nfct_copy_attr(one, two, nfct.ATTR_HELPER_INFO);
    expect(nfct.nfct_get_attr(one, nfct.ATTR_HELPER_INFO)).to.deep.equal(Uint8Array.of(1, 2, 3));
  });

  it('refuse what is no object, no flag and no attribute, and change nothing', () => {
    const ct = conntrack([is(nfct.ATTR_ZONE, 1, 0)]);
    const other = conntrack([is(nfct.ATTR_ZONE, 2, 0)]);
    expect(() => nfct_copy(ct, other, 16)).to.throw(RangeError, /^flags must/);
    expect(() => nfct_copy(ct, other, undefined as never)).to.throw(TypeError, /^flags must/);
    expect(() => nfct_copy(ct, {} as never, 0)).to.throw(TypeError, /^ct2 must/);
    expect(() => nfct_copy(null as never, ct, 0)).to.throw(TypeError, /^ct1 must/);
    expect(() => nfct_copy_attr(ct, other, nfct.ATTR_MAX)).to.throw(RangeError, /not an ATTR_ number/);
    expect(() => nfct_copy_attr(ct, 1 as never, 0)).to.throw(TypeError, /^ct2 must/);
    expect(nfct.nfct_get_attr(ct, nfct.ATTR_ZONE)).to.equal(1);
  });
});
