/**
 * nfct_setobjopt and nfct_getobjopt as in C. What differs:
 *
 * - After NFCT_SOPT_SETUP_REPLY and _ORIGINAL, C has all 19 attributes of both tuples set, those of other protocols
 *   too, which then show what lies in the same memory. Here those of the tuple's own protocols are set; protocols that
 *   were not set stay so, where C has 0.
 * - C takes ICMP for ports: of a flow without NAT, NFCT_GOPT_IS_DPAT is 1, because the types of request and answer
 *   differ, and UNDO_SPAT makes a port of the code. Here ICMP has no ports.
 * - C looks beyond its table for the reply of an ICMP type above 18; here there is none, as of other types without one.
 */
import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP } from '../../src/uapi/in.ts';
import { IPS_DST_NAT_DONE, IPS_SRC_NAT_DONE } from '../../src/uapi/nf_conntrack_common.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { conntrack, is } from '../support/nfct/memory.ts';
import {
  builtFrom,
  randomObject,
  randomShape,
  randomWhole,
  type Shape,
  setIn,
  textOf,
} from '../support/nfct/objects.ts';
import { getobjopt, state } from '../support/oracle/objects.ts';
import type { Attr } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const { NFCT_SOPT_SETUP_ORIGINAL, NFCT_SOPT_SETUP_REPLY, nfct_getobjopt, nfct_new, nfct_setobjopt } = nfct;
const seed = seedFromEnvironment();
const OBJECTS = sized({ quick: 600, landing: 1500, soak: 3000 });

/** Attributes of the tuples that an object with these protocols has in C's memory only. */
function ofOtherProtocols({ family }: Shape, proto: number): string[] {
  const icmp = proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6;
  const ports = [8, 9, 10, 11];
  return [...(family === AF_INET ? [4, 5, 6, 7] : [0, 1, 2, 3]), ...(icmp ? ports : [12, 13, 14])].map(String);
}

function protoOf(list: readonly Attr[]): number {
  const found = list.find((attr) => 'id' in attr && attr.id === nfct.ATTR_L4PROTO) as { value: Uint8Array };
  return found.value[0];
}

/** Often a flow without NAT, and one with it in one end only. */
function randomNat(random: Random): { list: Attr[]; shape: Shape } {
  const shape = { ...randomShape(random), icmp: false };
  const addresses = shape.family === AF_INET ? [0, 1, 2, 3] : [4, 5, 6, 7];
  const size = shape.family === AF_INET ? 4 : 16;
  const value = (kind: number, bytes: number): number[] => new Array<number>(bytes).fill(kind);
  // Ends of the original direction, and of the reply the same or another.
  const list: Attr[] = [];
  const end = (orig: number, reply: number, bytes: number, kind: number): void => {
    if (!random.oneIn(8)) list.push(is(orig, ...value(kind, bytes)));
    if (!random.oneIn(8)) list.push(is(reply, ...value(random.oneIn(2) ? kind : kind + 1, bytes)));
  };
  end(addresses[0], addresses[3], size, 1);
  end(addresses[1], addresses[2], size, 3);
  end(nfct.ATTR_ORIG_PORT_SRC, nfct.ATTR_REPL_PORT_DST, 2, 5);
  end(nfct.ATTR_ORIG_PORT_DST, nfct.ATTR_REPL_PORT_SRC, 2, 7);
  if (!random.oneIn(8)) list.push(is(nfct.ATTR_ORIG_L3PROTO, random.oneIn(8) ? 7 : shape.family));
  if (!random.oneIn(4)) list.push(is(nfct.ATTR_ORIG_L4PROTO, IPPROTO_TCP));
  const status = random.pick([0, IPS_SRC_NAT_DONE, IPS_DST_NAT_DONE, IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE]);
  if (!random.oneIn(4)) list.push(is(nfct.ATTR_STATUS, status & 255, status >> 8, 0, 0));
  return { list, shape };
}

describeOracle('nfct: options as in C', () => {
  it(`detect NAT (seed ${seed})`, () => {
    const random = new Random(seed);
    const lists = Array.from({ length: OBJECTS }, () => randomNat(random).list);
    const answers = getobjopt(lists);
    for (const [index, list] of lists.entries()) {
      const ct = conntrack(list);
      const ours = [0, 1, 2, 3].map((option) => nfct_getobjopt(ct, option)).join('');
      expect(ours, textOf(list)).to.equal(answers[index]);
    }
    for (const option of [0, 1, 2, 3]) {
      const translated = answers.filter((answer) => answer[option] === '1').length;
      expect(translated, `option ${option}: 1`).to.be.greaterThan(OBJECTS / 10);
      expect(translated, `option ${option}: 0`).to.be.lessThan(OBJECTS - OBJECTS / 10);
    }
  });

  for (const option of [0, 1, 2, 3]) {
    it(`undo NAT: option ${option} (seed ${seed})`, () => {
      const random = new Random(seed);
      const lists = Array.from({ length: 1000 }, (): Attr[] => {
        if (random.oneIn(2)) return [...randomNat(random).list, { opt: option }];
        const shape = { ...randomShape(random), icmp: false };
        return [...randomObject(random, shape), { opt: option }];
      });
      for (const [index, expected] of state(lists).entries())
        expect(setIn(conntrack(lists[index])), textOf(lists[index])).to.deep.equal(expected.set);
    });
  }

  it(`undo NAT, and it is asked for (seed ${seed})`, () => {
    const random = new Random(seed);
    const lists = Array.from({ length: OBJECTS / 3 }, (): Attr[] => {
      const shape = { ...randomShape(random), icmp: false };
      const four = shape.family === AF_INET ? [0, 1, 2, 3] : [4, 5, 6, 7];
      const whole = [...four, 8, 9, 10, 11].map(
        (id) => randomObject(random, shape, 100).find((each) => each.id === id)!,
      );
      return [...randomWhole(random, shape), ...whole, { opt: random.below(4) }];
    });
    for (const [index, expected] of state(lists).entries())
      expect(builtFrom(conntrack(lists[index])), textOf(lists[index])).to.equal(expected.built);
  });

  for (const option of [NFCT_SOPT_SETUP_ORIGINAL, NFCT_SOPT_SETUP_REPLY]) {
    it(`turn tuples round: option ${option} (seed ${seed})`, () => {
      const random = new Random(seed);
      const shapes = Array.from({ length: OBJECTS }, () => randomShape(random));
      const lists = shapes.map((shape): Attr[] => [...randomWhole(random, shape), { opt: option }]);
      for (const [index, expected] of state(lists).entries()) {
        const list = lists[index];
        const proto = protoOf(list);
        const others = ofOtherProtocols(shapes[index], proto);
        const theirs = expected.set.filter((each) => !others.includes(each.split('=')[0]));
        expect(setIn(conntrack(list)), textOf(list)).to.deep.equal(theirs);
        expect(builtFrom(conntrack(list)), textOf(list)).to.equal(expected.built);
      }
    });
  }
});

describe('nfct: options', () => {
  it('undo NAT: what was translated is asked for, and the reply is as without', () => {
    const ct = Flow.from({
      orig: { src: '10.0.0.1', dst: '9.9.9.9', proto: 'tcp', sport: 1000, dport: 80 },
      reply: { src: '10.0.0.2', dst: '8.8.8.8', proto: 'tcp', sport: 8080, dport: 2000 },
      status: ['SRC_NAT_DONE', 'DST_NAT_DONE'],
    });
    for (const option of [0, 1, 2, 3]) expect(nfct_getobjopt(ct, option), `${option}`).to.equal(1);
    for (const option of [0, 1, 2, 3]) expect(nfct_setobjopt(ct, option)).to.equal(0);
    for (const option of [0, 1, 2, 3]) expect(nfct_getobjopt(ct, option), `${option}`).to.equal(0);
    expect(ct.reply).to.include({ src: '9.9.9.9', dst: '10.0.0.1', sport: 80, dport: 1000 });
    expect(ct.snat).to.include({ minAddress: '8.8.8.8', minPort: 2000, maxPort: 2000 });
    expect(ct.dnat).to.include({ minAddress: '10.0.0.2', minPort: 8080, maxPort: 8080 });
  });

  it('take no ICMP for ports', () => {
    const ct = conntrack([
      is(nfct.ATTR_L3PROTO, AF_INET),
      is(nfct.ATTR_L4PROTO, IPPROTO_ICMP),
      is(nfct.ATTR_ICMP_TYPE, 8),
      is(nfct.ATTR_ICMP_CODE, 1),
      { opt: NFCT_SOPT_SETUP_REPLY },
    ]);
    expect([0, 1, 2, 3].map((option) => nfct_getobjopt(ct, option))).to.deep.equal([0, 0, 0, 0]);
    nfct_setobjopt(ct, nfct.NFCT_SOPT_UNDO_SPAT);
    expect(nfct.nfct_get_attr(ct, nfct.ATTR_SNAT_PORT)).to.equal(0);
  });

  it('set up tuples of the protocols that are set only', () => {
    const ct = conntrack([is(nfct.ATTR_L3PROTO, AF_INET6), { opt: NFCT_SOPT_SETUP_REPLY }]);
    const zeros = '0'.repeat(32);
    expect(setIn(ct)).to.deep.equal([...[4, 5, 6, 7].map((id) => `${id}=${zeros}`), '15=0a', '16=0a']);
    const gre = conntrack([is(nfct.ATTR_L4PROTO, IPPROTO_GRE), { opt: NFCT_SOPT_SETUP_REPLY }]);
    expect(setIn(gre)).to.deep.equal([...[8, 9, 10, 11].map((id) => `${id}=0000`), '17=2f', '18=2f']);
    const none = nfct_new();
    nfct_setobjopt(none, NFCT_SOPT_SETUP_ORIGINAL);
    expect(setIn(none)).to.deep.equal([]);
  });

  it('are refused when there are no such', () => {
    const ct = nfct_new();
    for (const option of [-1, 6, 1.5]) expect(() => nfct_setobjopt(ct, option)).to.throw(RangeError, /^option must/);
    for (const option of [-1, 4]) expect(() => nfct_getobjopt(ct, option)).to.throw(RangeError, /^option must/);
    expect(() => nfct_getobjopt(ct, '0' as never)).to.throw(TypeError, /^option must/);
    expect(() => nfct_setobjopt({} as never, 0)).to.throw(TypeError, /^ct must/);
    expect(() => nfct_getobjopt({} as never, 0)).to.throw(TypeError, /^ct must/);
  });
});
