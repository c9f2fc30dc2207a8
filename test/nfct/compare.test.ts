/**
 * nfct_cmp and nfct_compare as the C library answers, under all 128 combinations of flags. Nothing differs on purpose:
 * NFCT_CMP_TIMEOUT_* compare no timeouts in C either. (nfct_set_attr stores no security context in C, so that those are
 * compared in objects that were read from messages.)
 */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import * as nfct from '../../src/nfct/index.ts';
import { IPPROTO_ICMP, IPPROTO_TCP } from '../../src/uapi/in.ts';
import { concat, message } from '../support/fake-transport.ts';
import { ALL_IDS, conntrack, is, randomMemory } from '../support/nfct/memory.ts';
import { randomObject, randomShape, type Setting, textOf, varied } from '../support/nfct/objects.ts';
import { cmp, cmpMessages } from '../support/oracle/objects.ts';
import type { Attr } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { encode } from '../support/samples.ts';
import { sized } from '../support/tier.ts';

const { NFCT_CMP_MASK, NFCT_CMP_ORIG, NFCT_CMP_REPL, NFCT_CMP_STRICT, nfct_cmp, nfct_compare } = nfct;

const COMBINATIONS = 128;
const seed = seedFromEnvironment();

/** As the oracle answers. */
function answers(one: Flow, two: Flow): string {
  const digits = Array.from({ length: COMBINATIONS }, (_, flags) => nfct_cmp(one, two, flags));
  return `${digits.join('')} ${nfct_compare(one, two)}`;
}

/** How often each combination said "equal". */
function count(counts: number[], answer: string): void {
  for (let flags = 0; flags < COMBINATIONS; flags++) counts[flags] += Number(answer[flags]);
}

/** Each combination that compares anything at all must have said both, and often. */
function expectBoth(counts: readonly number[], total: number): void {
  for (const [flags, equal] of counts.entries()) {
    const parts = flags & ~(NFCT_CMP_MASK | NFCT_CMP_STRICT);
    if (parts !== 0 && (parts & (NFCT_CMP_ORIG | NFCT_CMP_REPL)) === 0) {
      expect(equal, `flags ${flags}`).to.equal(total);
    } else {
      expect(equal, `flags ${flags}: equal`).to.be.greaterThan(total / 20);
      expect(total - equal, `flags ${flags}: not equal`).to.be.greaterThan(total / 20);
    }
  }
}

describeOracle('nfct: comparison as in C', () => {
  it(`of random pairs, most of them nearly equal (seed ${seed})`, () => {
    const random = new Random(seed);
    const pairs = Array.from(
      { length: sized({ quick: 500, landing: 1000, soak: 5000 }) },
      (): [Setting[], Setting[]] => {
        const shape = randomShape(random);
        const one = randomObject(random, shape);
        if (random.oneIn(10)) {
          const other = randomShape(random);
          return [one, randomObject(random, other)];
        }
        const two = varied(random, one, shape);
        return random.oneIn(2) ? [one, two] : [two, one];
      },
    );
    const counts = new Array<number>(COMBINATIONS).fill(0);
    for (const [index, expected] of cmp(pairs).entries()) {
      const [one, two] = pairs[index];
      expect(answers(conntrack(one), conntrack(two)), textOf(one, two)).to.equal(expected);
      count(counts, expected);
    }
    expectBoth(counts, pairs.length);
  });

  it('of one attribute, equal, other, and on one side only', () => {
    const random = new Random(seed);
    const pairs: [Attr[], Attr[]][] = [];
    for (let i = 0; i < 40; i++) {
      const shape = randomShape(random);
      const base = randomObject(random, shape, random.pick([0, 100]));
      for (const each of randomObject(random, shape, 100)) {
        const rest = base.filter(({ id }) => id !== each.id);
        const other = randomObject(random, shape, 100).find(({ id }) => id === each.id)!;
        pairs.push([[...rest, each], rest], [rest, [...rest, each]]);
        pairs.push([
          [...rest, each],
          [...rest, other],
        ]);
      }
    }
    for (const [index, expected] of cmp(pairs).entries()) {
      const [one, two] = pairs[index];
      expect(answers(conntrack(one), conntrack(two)), textOf(one, two)).to.equal(expected);
    }
  });

  it('of each attribute, not set, 0, and two other values on either side', () => {
    const pairs: [Attr[], Attr[]][] = [];
    const protocols = [[], [IPPROTO_TCP], [IPPROTO_ICMP]].map((list) =>
      list.flatMap((proto) => [is(nfct.ATTR_ORIG_L4PROTO, proto), is(nfct.ATTR_REPL_L4PROTO, proto)]),
    );
    for (const id of ALL_IDS) {
      const { length } = randomMemory(new Random(1), id);
      const values: Attr[][] = [0, 1, 3].map((byte) => {
        // C stores no security context, so that all are equal to it.
        if (id === nfct.ATTR_SECCTX) return [is(id, 0x61, 0)];
        return [
          { id, value: id === nfct.ATTR_HELPER_NAME ? Uint8Array.of(byte, 0) : new Uint8Array(length).fill(byte) },
        ];
      });
      for (const around of protocols)
        for (const one of [[], ...values])
          for (const two of [[], ...values])
            pairs.push([
              [...around, ...one],
              [...around, ...two],
            ]);
    }
    expect(pairs).to.have.length(ALL_IDS.length * 3 * 16);
    for (const [index, expected] of cmp(pairs).entries()) {
      const [one, two] = pairs[index];
      expect(answers(conntrack(one), conntrack(two)), textOf(one, two)).to.equal(expected);
    }
  });

  it(`of what was read from messages (seed ${seed})`, () => {
    const random = new Random(seed);
    const either = <T>(one: T, two: T): T => (random.oneIn(6) ? two : one);
    const flow = (): Flow => {
      const tcp = { proto: 'tcp', sport: 1, dport: 80 } as const;
      const init: FlowInit = {
        orig: { src: '1.1.1.1', dst: either('2.2.2.2', '3.3.3.3'), ...tcp },
        reply: { src: '2.2.2.2', dst: '1.1.1.1', proto: 'tcp', sport: either(80, 81), dport: 1 },
        timeout: either(100, 99),
        status: either(['ASSURED'], ['ASSURED', 'SEEN_REPLY']),
        countersOrig: { packets: random.below(5), bytes: 1 },
        use: random.below(4),
        id: 7,
      };
      if (!random.oneIn(6)) init.secctx = either('a', 'b');
      if (random.oneIn(3)) init.labels = either([1], [1, 5]);
      if (random.oneIn(3)) init.timestamp = { start: BigInt(random.below(9)) };
      return Flow.from(init);
    };
    const pairs = Array.from({ length: 2000 }, () =>
      [flow(), flow()].map((each) => message(1, concat([2, 0, 0, 0], encode(each)))),
    ) as [Uint8Array, Uint8Array][];
    const counts = new Array<number>(COMBINATIONS).fill(0);
    for (const [index, expected] of cmpMessages(pairs).entries()) {
      const [one, two] = pairs[index].map((bytes) => decodeFlow(viewOf(bytes), 0, bytes.length));
      expect(answers(one, two), `${JSON.stringify(one)} ${JSON.stringify(two)}`).to.equal(expected);
      count(counts, expected);
    }
    expectBoth(counts, pairs.length);
  });
});

describe('nfct: comparison', () => {
  const mark = (value: number): Attr[] => [is(nfct.ATTR_MARK, value, 0, 0, 0)];

  it('says what C says in its documented cases', () => {
    const [one, two, none] = [conntrack(mark(1)), conntrack(mark(2)), conntrack([])];
    expect(nfct_compare(one, conntrack(mark(1)))).to.equal(1);
    expect(nfct_compare(one, two)).to.equal(0);
    expect(nfct_cmp(one, two, NFCT_CMP_ORIG | NFCT_CMP_REPL)).to.equal(1);
    expect(nfct_cmp(one, none, nfct.NFCT_CMP_ALL)).to.equal(1);
    expect(nfct_cmp(one, none, NFCT_CMP_MASK)).to.equal(0);
    expect(nfct_cmp(none, one, NFCT_CMP_MASK)).to.equal(1);
    expect(nfct_cmp(none, one, NFCT_CMP_STRICT)).to.equal(0);
  });

  it('takes a mark or a zone that is not set for 0', () => {
    for (const id of [nfct.ATTR_MARK, nfct.ATTR_ZONE, nfct.ATTR_ORIG_ZONE, nfct.ATTR_REPL_ZONE]) {
      const [zero, one, none] = [0, 1].map((value) => conntrack([is(id, value, 0, 0, 0)])).concat(conntrack([]));
      for (const flags of [NFCT_CMP_MASK, NFCT_CMP_STRICT, NFCT_CMP_MASK | NFCT_CMP_STRICT]) {
        expect([nfct_cmp(zero, none, flags), nfct_cmp(none, zero, flags)]).to.deep.equal([1, 1]);
        expect([nfct_cmp(zero, one, flags), nfct_cmp(one, none, flags)]).to.deep.equal([0, 0]);
      }
    }
    const timeout = [0, 0, 0, 0];
    expect(nfct_cmp(conntrack([is(nfct.ATTR_TIMEOUT, ...timeout)]), conntrack([]), NFCT_CMP_MASK)).to.equal(0);
  });

  it('refuses what is no object and no flag', () => {
    const ct = conntrack([]);
    expect(() => nfct_cmp({} as never, ct, 0)).to.throw(TypeError, /^ct1 must be an nf_conntrack/);
    expect(() => nfct_cmp(ct, null as never, 0)).to.throw(TypeError, /^ct2 must be an nf_conntrack/);
    expect(() => nfct_cmp(ct, ct, 128)).to.throw(RangeError, /^flags must/);
    expect(() => nfct_cmp(ct, ct, undefined as never)).to.throw(TypeError, /^flags must/);
    expect(() => nfct_compare(ct, undefined as never)).to.throw(TypeError, /^ct2 must/);
  });
});
