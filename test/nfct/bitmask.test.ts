/**
 * Bitmasks as in C. What differs: nfct_bitmask_new of more than 65535 is a RangeError (C: NULL), and an object copies
 * the bitmask that it is given, and gives copies (in C it owns the one, and lends it).
 */
import { expect } from 'chai';
import * as nfct from '../../src/nfct/index.ts';
import { conntrack, memoryOf } from '../support/nfct/memory.ts';
import { bitmask } from '../support/oracle/objects.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const { ATTR_CONNLABELS, ATTR_CONNLABELS_MASK, nfct_bitmask_new, nfct_bitmask_set_bit, nfct_bitmask_test_bit } = nfct;
const seed = seedFromEnvironment();

/** What objects.c does for a line. */
function ours(line: string): number[] {
  const [maxbit, ...ops] = line.split(' ');
  let mask = nfct_bitmask_new(Number(maxbit));
  return ops.map((op) => {
    const bit = Number.parseInt(op.slice(1), 10);
    switch (op[0]) {
      case '+':
        nfct_bitmask_set_bit(mask, bit);
        return 0;
      case '-':
        nfct.nfct_bitmask_unset_bit(mask, bit);
        return 0;
      case '?':
        return nfct_bitmask_test_bit(mask, bit);
      case '!':
        nfct.nfct_bitmask_clear(mask);
        return 0;
      case 'm':
        return nfct.nfct_bitmask_maxbit(mask);
      case 'c': {
        const other = nfct.nfct_bitmask_clone(mask);
        const equal = nfct.nfct_bitmask_equal(mask, other);
        nfct.nfct_bitmask_set_bit(mask, 0);
        nfct.nfct_bitmask_destroy(mask);
        mask = other;
        return Number(equal);
      }
      default: {
        const other = nfct_bitmask_new(bit);
        for (const each of op.split(':')[1].split(',')) if (each !== '') nfct_bitmask_set_bit(other, Number(each));
        return Number(nfct.nfct_bitmask_equal(mask, other));
      }
    }
  });
}

describeOracle('nfct: bitmasks as in C', () => {
  it(`of all sizes, whatever is done to them (seed ${seed})`, () => {
    const random = new Random(seed);
    const lines = Array.from({ length: 1000 }, () => {
      const maxbit = random.pick([0, 31, 32, 63, 100, 127, 128, 1023, 65535, random.below(300)]);
      const bit = (): number =>
        random.pick([maxbit, maxbit + 1, random.below(maxbit + 40), random.below(8), 2 ** 32 - 1]);
      const bits = (): number[] => Array.from({ length: random.below(3) }, () => random.below(8));
      const ops = Array.from({ length: random.between(1, 30) }, () => {
        switch (random.below(14)) {
          case 0:
            return '!';
          case 1:
            return 'm';
          case 2:
            return 'c';
          case 3:
          case 4:
            return `=${random.oneIn(3) ? random.below(200) : maxbit}:${bits()}`;
          case 5:
          case 6:
            return `-${bit()}`;
          case 7:
          case 8:
          case 9:
            return `?${bit()}`;
          default:
            return `+${bit()}`;
        }
      });
      return [maxbit, ...ops].join(' ');
    });
    const answers = bitmask(lines);
    for (const [index, line] of lines.entries()) expect(ours(line), line).to.deep.equal(answers[index]);
  });

  it('are not larger than 65536 bits', () => {
    expect(bitmask(['65536 m', '4294967295 m'])).to.deep.equal([undefined, undefined]);
    for (const maxbit of [65536, 4294967295, -1, 1.5])
      expect(() => nfct_bitmask_new(maxbit)).to.throw(RangeError, /^maxbit must/);
  });
});

describe('nfct: bitmasks', () => {
  it('are copied into objects and out of them', () => {
    for (const id of [ATTR_CONNLABELS, ATTR_CONNLABELS_MASK]) {
      const ct = nfct.nfct_new();
      const mask = nfct_bitmask_new(127);
      nfct_bitmask_set_bit(mask, 100);
      nfct.nfct_set_attr(ct, id, mask);
      nfct_bitmask_set_bit(mask, 1);
      const got = nfct.nfct_get_attr(ct, id) as nfct.nfct_bitmask;
      expect([nfct_bitmask_test_bit(got, 100), nfct_bitmask_test_bit(got, 1)]).to.deep.equal([1, 0]);
      nfct_bitmask_set_bit(got, 2);
      expect(nfct_bitmask_test_bit(nfct.nfct_get_attr(ct, id) as nfct.nfct_bitmask, 2)).to.equal(0);
      expect(nfct.nfct_bitmask_maxbit(got)).to.equal(127);
    }
  });

  it('are the labels of the other API', () => {
    const flow = nfct.nfct_new();
    const mask = nfct_bitmask_new(63);
    nfct_bitmask_set_bit(mask, 33);
    nfct.nfct_set_attr(flow, ATTR_CONNLABELS, mask);
    expect(flow.labels).to.deep.equal([33]);
  });

  it('are whole words, as which objects take them too', () => {
    const memory = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x80);
    const ct = conntrack([]);
    nfct.nfct_set_attr(ct, ATTR_CONNLABELS, memory);
    const got = nfct.nfct_get_attr(ct, ATTR_CONNLABELS)!;
    expect(memoryOf(ATTR_CONNLABELS, got)).to.deep.equal(memory);
    expect(() => nfct.nfct_set_attr(ct, ATTR_CONNLABELS, memory.subarray(1))).to.throw(
      RangeError,
      /whole 32-bit words/,
    );
    expect(() => nfct.nfct_set_attr(ct, ATTR_CONNLABELS, [1] as never)).to.throw(TypeError, /an nfct_bitmask/);
    // The kernel sends none without a bit; C has one word at least.
    nfct.nfct_set_attr(ct, ATTR_CONNLABELS, new Uint8Array(0));
    expect(nfct.nfct_bitmask_maxbit(nfct.nfct_get_attr(ct, ATTR_CONNLABELS) as nfct.nfct_bitmask)).to.equal(31);
  });

  it('refuse what is no bitmask and no bit', () => {
    const mask = nfct_bitmask_new(31);
    for (const ask of [nfct_bitmask_set_bit, nfct_bitmask_test_bit, nfct.nfct_bitmask_unset_bit]) {
      expect(() => ask({} as never, 0)).to.throw(TypeError, /^mask must be the result of nfct_bitmask_new/);
      for (const bit of [-1, 2 ** 32, 0.5]) expect(() => ask(mask, bit)).to.throw(RangeError, /^bit must/);
      expect(() => ask(mask, '1' as never)).to.throw(TypeError, /^bit must/);
    }
    for (const ask of [nfct.nfct_bitmask_clear, nfct.nfct_bitmask_clone, nfct.nfct_bitmask_maxbit])
      expect(() => ask(null as never)).to.throw(TypeError, /^mask must/);
    expect(() => nfct.nfct_bitmask_equal(mask, undefined as never)).to.throw(TypeError, /^mask2 must/);
    expect(() => nfct.nfct_bitmask_equal(1 as never, mask)).to.throw(TypeError, /^mask1 must/);
  });
});
