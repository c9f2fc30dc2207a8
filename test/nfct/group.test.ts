/**
 * Groups of attributes, and nfct_attr_is_set_array, as in C. What differs:
 *
 * - Counters are kept (C keeps zeros of what the kernel alone says).
 * - The groups of one address of any family are read only: setting one in C marks the addresses of both families as set
 *   and stores nothing.
 * - Setting ports sets the layer 4 protocol to what it is, or 0 when it is not set; C remembers what it was before it
 *   was unset.
 * - A group or an attribute that does not exist is a RangeError (C: -1 and EINVAL, and nothing for setters), also in an
 *   array, behind one that is not set, which C does not look at.
 */
import { expect } from 'chai';
import { UnsupportedError } from '../../src/netlink/errors.ts';
import * as nfct from '../../src/nfct/index.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { ALL_IDS, conntrack, hex, is, memoryOf, valueInC } from '../support/nfct/memory.ts';
import { idsOf, randomObject, randomShape, type Shape, setIn, textOf } from '../support/nfct/objects.ts';
import { type GroupState, groups, isSetArray } from '../support/oracle/objects.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const { nfct_attr_grp_is_set, nfct_attr_grp_unset, nfct_get_attr_grp, nfct_new, nfct_set_attr_grp } = nfct;
const seed = seedFromEnvironment();
const ALL_GROUPS = Array.from({ length: nfct.ATTR_GRP_MAX }, (_, group) => group);
const ADDRESSES = [12, 13, 14, 15];
const ENODATA = 61;

/** Fields of the structures of C in the order of its memory, each with an attribute of the same width. */
function layout(group: number): [name: string, like: number][] {
  const pair = (id: number, ...names: string[]): [string, number][] => names.map((name) => [name, id]);
  if ([0, 1, 7].includes(group)) return pair(nfct.ATTR_IPV4_SRC, 'src', 'dst');
  if ([2, 3, 8].includes(group)) return pair(nfct.ATTR_IPV6_SRC, 'src', 'dst');
  if ([4, 5, 9].includes(group)) return pair(nfct.ATTR_PORT_SRC, 'sport', 'dport');
  if (group === 6) return [...pair(nfct.ATTR_ICMP_ID, 'id'), ...pair(nfct.ATTR_ICMP_TYPE, 'code', 'type')];
  if (ADDRESSES.includes(group)) return pair(nfct.ATTR_IPV6_SRC, 'ip6');
  return pair(nfct.ATTR_ORIG_COUNTER_BYTES, 'packets', 'bytes');
}

const SIZES = [8, 8, 32, 32, 4, 4, 4, 8, 32, 4, 16, 16, 16, 16, 16, 16];

function groupValue(group: number, memory: Uint8Array): nfct.AttrGroupValue {
  const value: Record<string, unknown> = {};
  let at = 0;
  for (const [name, like] of layout(group)) {
    const size = memory.length === 4 && group === 6 ? (name === 'id' ? 2 : 1) : memory.length / layout(group).length;
    value[name] = valueInC(like, memory.slice(at, at + size));
    at += size;
  }
  return value as never;
}

/** In the format of the oracle, with the zeros of C for counters. */
function groupStates(ct: nfct.Flow): GroupState[] {
  return ALL_GROUPS.map((group) => {
    const isSet = nfct_attr_grp_is_set(ct, group);
    const value = nfct_get_attr_grp(ct, group) as unknown as Record<string, nfct.AttrValue> | undefined;
    if (value === undefined) return { isSet, result: -ENODATA, memory: '' };
    const memory = layout(group).map(([name, like]) => hex(memoryOf(like, value[name])));
    return { isSet, result: 0, memory: isCounters(group) ? '0'.repeat(32) : memory.join('') };
  });
}

function isCounters(group: number): boolean {
  return group === nfct.ATTR_GRP_ORIG_COUNTERS || group === nfct.ATTR_GRP_REPL_COUNTERS;
}

/** Those that keep to the memory that objects of this shape have. */
function groupsOf(shape: Shape): number[] {
  const not = [...(shape.family === AF_INET ? [2, 3, 8] : [0, 1, 7]), ...(shape.icmp ? [4, 5] : [6])];
  return ALL_GROUPS.filter((group) => !not.includes(group));
}

describeOracle('nfct: groups as in C', () => {
  it(`are set, read and unset (seed ${seed})`, () => {
    const random = new Random(seed);
    const cases = Array.from({ length: sized({ quick: 1500, landing: 1500, soak: 3000 }) }, () => {
      const shape = randomShape(random);
      const list = randomObject(random, shape);
      const ops = Array.from({ length: random.below(4) }, () => {
        const group = random.pick(groupsOf(shape));
        const memory = random.bytes(SIZES[group]);
        // The last of ICMP is the type, which must have an answer.
        if (group === nfct.ATTR_GRP_ICMP) memory[3] = shape.family === AF_INET ? 8 : 128;
        return random.oneIn(2) || ADDRESSES.includes(group) ? { group } : { group, memory };
      });
      return { list, ops };
    });
    const seen = ALL_GROUPS.map(() => [0, 0]);
    for (const [index, expected] of groups(cases).entries()) {
      const { list, ops } = cases[index];
      const what = `${textOf(list)} ${ops.map((op) => `${op.group}${op.memory === undefined ? '-' : `=${hex(op.memory)}`}`)}`;
      const ct = conntrack(list);
      for (const { group, memory } of ops) {
        if (memory === undefined) expect(nfct_attr_grp_unset(ct, group)).to.equal(0);
        else nfct_set_attr_grp(ct, group, groupValue(group, memory));
      }
      const relevant = withoutLeftovers(setIn(ct), list, ops);
      expect(relevant, what).to.deep.equal(withoutLeftovers(expected.state.set, list, ops));
      expect(groupStates(ct), what).to.deep.equal(expected.groups);
      for (const [group, { isSet }] of expected.groups.entries()) seen[group][isSet]++;
    }
    for (const [group, [no, yes]] of seen.entries()) {
      expect(no, `group ${group} not set`).to.be.greaterThan(100);
      expect(yes, `group ${group} set`).to.be.greaterThan(100);
    }
  });

  it(`of attributes in an array (seed ${seed})`, () => {
    const random = new Random(seed);
    const cases = Array.from({ length: 500 }, () => {
      const shape = randomShape(random);
      const list = randomObject(random, shape, 90);
      return { list, ids: idsOf(shape).filter(() => random.oneIn(12)) };
    });
    cases.push({ list: [], ids: [] });
    const answers = isSetArray(cases);
    for (const [index, { list, ids }] of cases.entries())
      expect(nfct.nfct_attr_is_set_array(conntrack(list), ids), `${textOf(list)}: ${ids}`).to.equal(answers[index]);
    expect(answers).to.include.members([0, 1]);
    expect(answers.at(-1)).to.equal(1);
  });
});

/** Without the layer 4 protocols that C remembers. */
function withoutLeftovers(
  set: readonly string[],
  list: readonly { id: number }[],
  ops: readonly { group: number; memory?: Uint8Array }[],
): string[] {
  const protos = { 4: nfct.ATTR_ORIG_L4PROTO, 5: nfct.ATTR_REPL_L4PROTO, 9: nfct.ATTR_MASTER_L4PROTO };
  const again = Object.entries(protos).filter(([group, id]) => {
    const unset = ops.findIndex((op) => op.group === Number(group) && op.memory === undefined);
    const after = ops.slice(unset + 1).some((op) => op.group === Number(group) && op.memory !== undefined);
    return unset >= 0 && after && list.some((attr) => attr.id === id);
  });
  const ids = again.map(([, id]) => String(id));
  return set.filter((each) => !ids.includes(each.split('=')[0]));
}

describe('nfct: groups', () => {
  it('keep counters, which C does not', () => {
    const ct = nfct_new();
    nfct_set_attr_grp(ct, nfct.ATTR_GRP_ORIG_COUNTERS, { packets: 1n, bytes: 2n ** 64n - 1n });
    expect(nfct_get_attr_grp(ct, nfct.ATTR_GRP_ORIG_COUNTERS)).to.deep.equal({ packets: 1n, bytes: 2n ** 64n - 1n });
    expect(nfct_attr_grp_is_set(ct, nfct.ATTR_GRP_REPL_COUNTERS)).to.equal(0);
  });

  it('of one address are of either family', () => {
    const v4 = conntrack([is(nfct.ATTR_IPV4_SRC, 1, 2, 3, 4)]);
    const ip = nfct.inet_addr('1.2.3.4');
    const bytes = Uint8Array.of(1, 2, 3, 4, ...new Uint8Array(12));
    expect(nfct_get_attr_grp(v4, nfct.ATTR_GRP_ORIG_ADDR_SRC)).to.deep.equal({ ip, ip6: bytes, addr: bytes });
    const long = Uint8Array.of(1, 2, 3, 4, 5, ...new Uint8Array(11).fill(9));
    const v6 = conntrack([is(nfct.ATTR_REPL_IPV6_DST, ...long)]);
    expect(nfct_get_attr_grp(v6, nfct.ATTR_GRP_REPL_ADDR_DST)).to.deep.equal({ ip, ip6: long, addr: long });
    expect(nfct_get_attr_grp(v6, nfct.ATTR_GRP_REPL_ADDR_SRC)).to.equal(undefined);
    const value = { ip, ip6: long, addr: long };
    for (const group of ADDRESSES)
      expect(() => nfct_set_attr_grp(v6, group, value)).to.throw(UnsupportedError, /can only be read: set ATTR_/);
  });

  it('imply protocols as in C', () => {
    const ct = nfct_new();
    nfct_set_attr_grp(ct, nfct.ATTR_GRP_ORIG_IPV6, { src: new Uint8Array(16), dst: new Uint8Array(16) });
    expect(nfct.nfct_get_attr_u8(ct, nfct.ATTR_L3PROTO)).to.equal(AF_INET6);
    nfct_set_attr_grp(ct, nfct.ATTR_GRP_ORIG_IPV4, { src: 1, dst: 2 });
    expect(nfct.nfct_get_attr_u8(ct, nfct.ATTR_L3PROTO)).to.equal(AF_INET);
    nfct_set_attr_grp(ct, nfct.ATTR_GRP_REPL_PORT, { sport: 1, dport: 2 });
    expect(nfct.nfct_get_attr(ct, nfct.ATTR_REPL_L4PROTO)).to.equal(0);
    nfct.nfct_set_attr_u8(ct, nfct.ATTR_REPL_L4PROTO, 17);
    nfct_set_attr_grp(ct, nfct.ATTR_GRP_REPL_PORT, { sport: 3, dport: 4 });
    expect(nfct.nfct_get_attr(ct, nfct.ATTR_REPL_L4PROTO)).to.equal(17);
    expect(nfct_get_attr_grp(ct, nfct.ATTR_GRP_REPL_PORT)).to.deep.equal({ sport: 3, dport: 4 });
  });

  it('refuse what they cannot hold, and set nothing then', () => {
    const ct = nfct_new();
    const set = (group: number, value: unknown) => () => nfct_set_attr_grp(ct, group, value as never);
    expect(set(0, { src: 1 })).to.throw(TypeError, /value of ATTR_\w*IPV4_DST must/);
    expect(set(0, { src: 1, dst: -1 })).to.throw(RangeError, /value of ATTR_\w*IPV4_DST must/);
    expect(set(2, { src: new Uint8Array(16), dst: new Uint8Array(4) })).to.throw(RangeError, /must be 16 bytes/);
    expect(set(4, { sport: 1, dport: 65536 })).to.throw(RangeError, /PORT_DST must/);
    expect(set(6, { id: 1, code: 2, type: 256 })).to.throw(RangeError, /ICMP_TYPE must/);
    expect(set(10, { packets: 1, bytes: '2' })).to.throw(TypeError, /COUNTER_BYTES must/);
    for (const value of [undefined, null, 1]) expect(set(0, value)).to.throw(TypeError, /^value must/);
    expect(ALL_IDS.filter((id) => nfct.nfct_attr_is_set(ct, id))).to.deep.equal([]);
  });

  it('have no other numbers, and belong to objects', () => {
    const ct = nfct_new();
    for (const group of [-1, 16, 1.5]) {
      expect(() => nfct_set_attr_grp(ct, group, { src: 1, dst: 2 })).to.throw(RangeError, /^type must/);
      for (const ask of [nfct_get_attr_grp, nfct_attr_grp_is_set, nfct_attr_grp_unset])
        expect(() => ask(ct, group)).to.throw(RangeError, /^type must/);
    }
    for (const ask of [nfct_get_attr_grp, nfct_attr_grp_is_set, nfct_attr_grp_unset])
      expect(() => ask({} as never, 0)).to.throw(TypeError, /^ct must/);
    expect(() => nfct_set_attr_grp(null as never, 0, { src: 1, dst: 2 })).to.throw(TypeError, /^ct must/);
  });
});
