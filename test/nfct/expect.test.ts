/**
 * nf_expect against libnetfilter_conntrack. What differs on purpose:
 *
 * - C (1.0.9) forgets ATTR_EXP_CLASS, ATTR_EXP_NAT_TUPLE with ATTR_EXP_NAT_DIR, and ATTR_EXP_FN: ours follow what C
 *   writes.
 * - C leaves a tuple out that has neither protocol, and writes one of zeros that has only those; we refuse the first
 *   with a TypeError.
 * - C cuts a helper's name after 15 bytes, silently; we refuse it.
 * - C sends DESTROY and GET without ATTR_EXP_EXPECTED, which flushes, or finds nothing; we refuse them.
 * - C forgets the layer 3 protocol of a tuple when it reads a message without one of the three, which the kernel always
 *   sends.
 * - C reads 32 bits for ATTR_EXP_NAT_DIR, which its header has as 8.
 * - nfexp_get_attr of a tuple gives an object of its own, not a pointer into the expectation.
 */
import { expect } from 'chai';
import { expectationCodec } from '../../src/ctnetlink/expectation.ts';
import { decodeExpectation } from '../../src/ctnetlink/message.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { buildExpectQuery } from '../../src/nfct/expect-query.ts';
import { expectWireForm } from '../../src/nfct/expect-wire.ts';
import * as nfct from '../../src/nfct/index.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { concat, message } from '../support/fake-transport.ts';
import { conntrack, hex, is, memoryOf } from '../support/nfct/memory.ts';
import {
  attrsExpect,
  buildExpect,
  cmpExpect,
  type ExpectList,
  queryExpect,
  type Scalar,
} from '../support/oracle/expect.ts';
import type { Attr } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const seed = seedFromEnvironment();
const OBJECTS = 3000;

const WIDTHS: Readonly<Record<number, number>> = {
  [nfct.ATTR_EXP_TIMEOUT]: 4,
  [nfct.ATTR_EXP_ZONE]: 2,
  [nfct.ATTR_EXP_FLAGS]: 4,
  [nfct.ATTR_EXP_CLASS]: 4,
  [nfct.ATTR_EXP_NAT_DIR]: 1,
};
const TEXTS = [nfct.ATTR_EXP_HELPER_NAME, nfct.ATTR_EXP_FN];
const TUPLES = { master: 0, expected: 1, mask: 2, nat: 8 } as const;
const SCALARS = [...Object.keys(WIDTHS).map(Number), ...TEXTS].sort((a, b) => a - b);
/** What C does not write. */
const FORGOTTEN = [nfct.ATTR_EXP_CLASS, nfct.ATTR_EXP_NAT_TUPLE, nfct.ATTR_EXP_NAT_DIR, nfct.ATTR_EXP_FN];

const NONE: ExpectList = { master: [], expected: [], mask: [], nat: [], scalars: [] };

/** Few different values, so that two are often the same in a part. */
function randomTuple(random: Random, family: number): Attr[] {
  const icmp = random.oneIn(6);
  const proto = icmp ? (family === AF_INET ? 1 : 58) : random.pick([6, 17, 132, 50]);
  const addresses = family === AF_INET ? [0, 1] : [4, 5];
  const tuple = [is(nfct.ATTR_L3PROTO, family), is(nfct.ATTR_L4PROTO, proto)];
  if (random.oneIn(2)) tuple.push(is(nfct.ATTR_ORIG_ZONE, random.pick([0, 5]), 0));
  for (const id of addresses)
    tuple.push({ id, value: new Uint8Array(family === AF_INET ? 4 : 16).fill(random.below(3)) });
  if (icmp) tuple.push(is(nfct.ATTR_ICMP_TYPE, family === AF_INET ? 8 : 128), is(nfct.ATTR_ICMP_CODE, random.below(2)));
  else if (proto !== 50) for (const id of [8, 9]) tuple.push(is(id, random.below(2), random.below(2)));
  return tuple;
}

function randomScalar(random: Random, id: number): Scalar {
  if (TEXTS.includes(id)) return { id, value: Buffer.from(`${random.pick(['ftp', 'sip', ''])}\0`) };
  const value = new Uint8Array(WIDTHS[id]);
  value[0] = random.below(3);
  return { id, value };
}

function randomList(random: Random, without: readonly number[] = []): ExpectList {
  const family = random.pick([AF_INET, AF_INET6]);
  const tuple = (id: number): Attr[] => (without.includes(id) || random.oneIn(3) ? [] : randomTuple(random, family));
  return {
    master: tuple(TUPLES.master),
    expected: randomTuple(random, family),
    mask: tuple(TUPLES.mask),
    nat: tuple(TUPLES.nat),
    scalars: SCALARS.filter((id) => !without.includes(id) && random.oneIn(2)).map((id) => randomScalar(random, id)),
  };
}

function ofList({ scalars, ...tuples }: ExpectList): nfct.Expectation {
  const exp = nfct.nfexp_new();
  for (const [name, id] of Object.entries(TUPLES)) {
    const list = tuples[name as keyof typeof TUPLES];
    if (list.length > 0) nfct.nfexp_set_attr(exp, id, conntrack(list));
  }
  for (const { id, value } of scalars) nfct.nfexp_set_attr(exp, id, fromMemory(id, value));
  return exp;
}

function fromMemory(id: number, memory: Uint8Array): number | string {
  return TEXTS.includes(id)
    ? new TextDecoder().decode(memory.subarray(0, -1))
    : Number([...memory].reduceRight((sum, byte) => sum * 256 + byte, 0));
}

function written(exp: nfct.Expectation): string {
  const writer = new Writer();
  expectationCodec.write(writer, expectWireForm(exp).attributes);
  return hex(writer.finish());
}

/** What is set, in the format of the oracle. */
function told(exp: nfct.Expectation): string {
  const ids = [0, 1, 4, 5, 8, 9, 12, 13, 14, 15, 17];
  const tuples = Object.values(TUPLES).map((id) => {
    const ct = nfct.nfexp_get_attr(exp, id) as nfct.Flow | undefined;
    if (ct === undefined) return '';
    return ids
      .filter((each) => nfct.nfct_attr_is_set(ct, each) === 1)
      .map((each) => `${each}=${hex(memoryOf(each, nfct.nfct_get_attr(ct, each)!))} `)
      .join('');
  });
  const scalars = SCALARS.filter((id) => nfct.nfexp_attr_is_set(exp, id) === 1).map((id) => {
    const value = nfct.nfexp_get_attr(exp, id) as number | string;
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(typeof value === 'number' ? value : 0);
    return `${id}=${typeof value === 'string' ? Buffer.from(`${value}\0`).toString('hex') : bytes.toString('hex', 0, WIDTHS[id])}`;
  });
  return `${tuples.join('| ')}| ${scalars.join(' ')}`.trim();
}

describeOracle('nf_expect as in C', () => {
  it(`builds the same bytes: ${OBJECTS} random objects (seed ${seed})`, () => {
    const random = new Random(seed);
    const lists = Array.from({ length: OBJECTS }, () => randomList(random, FORGOTTEN));
    const theirs = buildExpect(lists);
    for (const [index, list] of lists.entries()) {
      const built = theirs[index];
      if ('errno' in built) throw new Error(`C: errno ${built.errno}`);
      expect(written(ofList(list)), JSON.stringify(list)).to.equal(hex(built.attributes));
    }
  });

  it('writes what C forgets behind what C writes', () => {
    const random = new Random(seed);
    const lists = Array.from({ length: 500 }, () => randomList(random));
    for (const [index, built] of buildExpect(lists).entries()) {
      if ('errno' in built) throw new Error(`C: errno ${built.errno}`);
      expect(written(ofList(lists[index]))).to.match(new RegExp(`^${hex(built.attributes)}`));
    }
  });

  it('sends the same requests', () => {
    const random = new Random(seed);
    const queries = Array.from({ length: 400 }, () =>
      random.oneIn(4)
        ? { type: random.pick([nfct.NFCT_Q_FLUSH, nfct.NFCT_Q_DUMP]), data: random.pick([0, AF_INET, AF_INET6]) }
        : {
            type: random.pick([nfct.NFCT_Q_CREATE, nfct.NFCT_Q_CREATE_UPDATE, nfct.NFCT_Q_GET, nfct.NFCT_Q_DESTROY]),
            data: randomList(random, FORGOTTEN),
          },
    );
    const theirs = queryExpect(queries);
    for (const [index, { type, data }] of queries.entries()) {
      const writer = new Writer();
      buildExpectQuery(type, typeof data === 'number' ? data : ofList(data)).request.write(writer, 0);
      const bytes = theirs[index];
      if (!(bytes instanceof Uint8Array)) throw new Error(`C: errno ${bytes.errno} for query ${type}`);
      expect(hex(writer.finish()), `query ${type}`).to.equal(hex(bytes));
    }
  });

  it(`reads the same values: ${OBJECTS} messages (seed ${seed})`, () => {
    const random = new Random(seed);
    const lists = Array.from({ length: OBJECTS }, () => {
      const list = randomList(random);
      const family = (list.expected[0] as Scalar).value[0];
      return { ...list, master: randomTuple(random, family), mask: randomTuple(random, family) };
    });
    const messages = lists.map((list) => {
      const exp = ofList(list);
      const writer = new Writer();
      expectationCodec.write(writer, expectWireForm(exp).attributes);
      return message(0x200, concat([exp.family === 'ipv4' ? AF_INET : AF_INET6, 0, 0, 0], writer.finish()));
    });
    for (const [index, line] of attrsExpect(messages).entries()) {
      const bytes = messages[index];
      expect(told(decodeExpectation(viewOf(bytes), 0, bytes.length)), hex(bytes)).to.equal(line);
    }
  });

  for (const flags of [
    0,
    nfct.NFCT_CMP_ORIG,
    nfct.NFCT_CMP_TIMEOUT_GE,
    nfct.NFCT_CMP_MASK,
    nfct.NFCT_CMP_STRICT,
    0x7f,
  ]) {
    it(`compares the same under flags ${flags} (seed ${seed})`, () => {
      const random = new Random(seed);
      const pairs = Array.from({ length: 2000 }, () => {
        const one = randomList(random);
        const two = random.oneIn(8) ? randomList(random) : { ...one };
        for (const name of Object.keys(TUPLES) as (keyof typeof TUPLES)[]) if (random.oneIn(8)) two[name] = [];
        if (random.oneIn(3)) two.scalars = two.scalars.filter(() => random.percent(80));
        if (random.oneIn(4)) two.scalars = two.scalars.map(({ id }) => randomScalar(random, id));
        return random.oneIn(2) ? ([one, two] as const) : ([two, one] as const);
      });
      const theirs = cmpExpect(pairs, flags);
      for (const [index, [one, two]] of pairs.entries())
        expect(nfct.nfexp_cmp(ofList(one), ofList(two), flags), JSON.stringify([one, two])).to.equal(theirs[index]);
      expect(new Set(theirs)).to.deep.equal(new Set([0, 1]));
    });
  }
});

describe('nf_expect', () => {
  const { nfexp_new, nfexp_set_attr, nfexp_get_attr, nfexp_attr_is_set, nfexp_attr_unset } = nfct;
  const tuple = (): nfct.Flow =>
    conntrack([is(nfct.ATTR_L3PROTO, AF_INET), is(nfct.ATTR_L4PROTO, 6), is(0, 1, 2, 3, 4), is(1, 5, 6, 7, 8)]);

  it('copies tuples in and out', () => {
    const exp = nfexp_new();
    const master = tuple();
    nfexp_set_attr(exp, nfct.ATTR_EXP_MASTER, master);
    nfct.nfct_set_attr_u8(master, nfct.ATTR_L4PROTO, 17);
    const got = nfexp_get_attr(exp, nfct.ATTR_EXP_MASTER) as nfct.Flow;
    expect(got.orig.proto).to.equal('tcp');
    nfct.nfct_set_attr_u8(got, nfct.ATTR_L4PROTO, 17);
    expect(exp.master.proto).to.equal('tcp');
    expect(nfexp_get_attr(exp, nfct.ATTR_EXP_MASK)).to.equal(undefined);
  });

  it('clones, unsets and reports what is set', () => {
    const exp = ofList({ ...NONE, scalars: [{ id: nfct.ATTR_EXP_TIMEOUT, value: Uint8Array.of(10, 0, 0, 0) }] });
    nfexp_set_attr(exp, nfct.ATTR_EXP_EXPECTED, tuple());
    const clone = nfct.nfexp_clone(exp);
    for (const id of [nfct.ATTR_EXP_TIMEOUT, nfct.ATTR_EXP_EXPECTED]) {
      expect(nfexp_attr_is_set(exp, id)).to.equal(1);
      expect(nfexp_attr_unset(exp, id)).to.equal(0);
      expect(nfexp_attr_is_set(exp, id)).to.equal(0);
      expect(nfexp_attr_is_set(clone, id)).to.equal(1);
    }
    expect(nfct.nfexp_get_attr_u32(clone, nfct.ATTR_EXP_TIMEOUT)).to.equal(10);
    expect(nfct.nfexp_get_attr_u32(exp, nfct.ATTR_EXP_TIMEOUT)).to.equal(0);
  });

  it('names what is wrong', () => {
    const exp = nfexp_new();
    expect(() => nfexp_set_attr(exp, 11, 1)).to.throw(RangeError, 'attribute 11 is not an ATTR_EXP_ number');
    expect(() => nfexp_set_attr(exp, nfct.ATTR_EXP_ZONE, 70_000)).to.throw(RangeError, 'value of ATTR_EXP_ZONE');
    expect(() => nfexp_set_attr(exp, nfct.ATTR_EXP_MASTER, 1)).to.throw(TypeError, 'value of ATTR_EXP_MASTER');
    expect(() => nfexp_set_attr(exp, nfct.ATTR_EXP_HELPER_NAME, 'x'.repeat(16))).to.throw(RangeError, '15 bytes');
    expect(() => nfct.nfexp_set_attr_u8(exp, nfct.ATTR_EXP_ZONE, 1)).to.throw(TypeError, 'nfexp_set_attr_u16');
    expect(() => nfct.nfexp_get_attr_u16(exp, nfct.ATTR_EXP_FN)).to.throw(TypeError, 'use nfexp_get_attr');
    expect(() => nfexp_set_attr({} as nfct.Expectation, 3, 1)).to.throw(TypeError, 'exp must be an nf_expect object');
    expect(() => nfct.nfexp_set_attr_u32(exp, nfct.ATTR_EXP_MASTER, 1)).to.throw(TypeError, 'ATTR_EXP_MASTER');
    expect(() => nfct.nfexp_cmp(exp, exp, 0x80)).to.throw(RangeError, 'flags');
  });

  it('is never a request that would flush', () => {
    const exp = nfexp_new();
    nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_HELPER_NAME, 'ftp');
    for (const type of [nfct.NFCT_Q_DESTROY, nfct.NFCT_Q_GET, nfct.NFCT_Q_CREATE])
      expect(() => buildExpectQuery(type, exp)).to.throw(TypeError, 'ATTR_EXP_EXPECTED is not set');
    expect(() => buildExpectQuery(nfct.NFCT_Q_UPDATE, exp)).to.throw(RangeError, 'qt must be');
    expect(() => buildExpectQuery(nfct.NFCT_Q_DUMP, exp)).to.throw(TypeError, 'address family');
  });
});
