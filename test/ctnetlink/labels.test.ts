import { expect } from 'chai';
import { LABEL_BITS, labelBits, labelWords } from '../../src/ctnetlink/labels.ts';
import { HOST_LITTLE_ENDIAN } from '../../src/netlink/byteorder.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const seed = seedFromEnvironment();

/** The 32-bit words in host order. */
function words(bytes: Uint8Array): number[] {
  return [...new Uint32Array(bytes.slice().buffer)];
}

describe('labels', () => {
  it('are words in host byte order', () => {
    expect(words(labelWords([0]))).to.deep.equal([1, 0, 0, 0]);
    expect(words(labelWords([31, 32]))).to.deep.equal([0x80000000, 1, 0, 0]);
    expect(words(labelWords([127]))).to.deep.equal([0, 0, 0, 0x80000000]);
    expect(words(labelWords([8, 16, 24]))).to.deep.equal([0x01010100, 0, 0, 0]);
    if (HOST_LITTLE_ENDIAN) expect([...labelWords([1, 9])].slice(0, 4)).to.deep.equal([2, 2, 0, 0]);
  });

  it('are always 128 bits', () => {
    expect(labelWords([])).to.deep.equal(new Uint8Array(16));
    expect(LABEL_BITS).to.equal(128);
  });

  it('are read from as many words as the kernel sends', () => {
    expect(labelBits(new Uint8Array(0))).to.deep.equal([]);
    expect(labelBits(new Uint8Array(new Uint32Array([0x80000001]).buffer))).to.deep.equal([0, 31]);
    expect(labelBits(new Uint8Array(new Uint32Array([0, 0, 0, 0, 1]).buffer))).to.deep.equal([128]);
  });

  it('may be named in any order and twice', () => {
    expect(labelBits(labelWords([100, 3, 3, 64]))).to.deep.equal([3, 64, 100]);
    expect(labelBits(labelWords(new Set([5])))).to.deep.equal([5]);
  });

  it(`come back as they went, every bit and any set (seed ${seed})`, () => {
    for (let bit = 0; bit < LABEL_BITS; bit++) expect(labelBits(labelWords([bit]))).to.deep.equal([bit]);
    const random = new Random(seed);
    for (let n = 0; n < 500; n++) {
      const bits = [...new Array(LABEL_BITS).keys()].filter(() => random.oneIn(3));
      expect(labelBits(labelWords(bits))).to.deep.equal(bits);
    }
  });

  it('refuse a bit that is none, by its name', () => {
    for (const [bit, name] of [
      [-1, '-1'],
      [128, '128'],
      [1.5, '1.5'],
      [Number.NaN, 'NaN'],
      ['3' as never, "'3'"],
      [Symbol('x') as never, 'Symbol(x)'],
    ] as const)
      expect(() => labelWords([bit])).to.throw(RangeError, `labels: bit ${name} is not an integer from 0 to 127`);
    expect(() => labelWords([200], 'flow.labelsMask')).to.throw(RangeError, 'flow.labelsMask: bit 200');
  });
});
