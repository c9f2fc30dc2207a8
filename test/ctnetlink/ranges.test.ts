import { expect } from 'chai';
import { type Range, RangeSet, type Ranges, readRanges } from '../../src/ctnetlink/filter/ranges.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const MAX = 0xffff;

/** Whether the value is one of these, by looking at each. */
function isIn(ranges: Ranges, value: number): boolean {
  if (typeof ranges === 'number') return value === ranges;
  if ('from' in ranges) return value >= ranges.from && value <= ranges.to;
  return ranges.some((each) => isIn(each, value));
}

function has(compiled: number | RangeSet, value: number): boolean {
  return typeof compiled === 'number' ? compiled === value : compiled.has(value);
}

describe('ranges', () => {
  it('of one integer are that integer', () => {
    for (const one of [7, [7], { from: 7, to: 7 }, [7, 7], [7, { from: 7, to: 7 }]] as const)
      expect(readRanges(one, MAX, 'ports'), JSON.stringify(one)).to.equal(7);
  });

  it('are sorted, and joined where they overlap or touch', () => {
    const bounds = (given: Ranges): unknown => (readRanges(given, MAX, 'ports') as RangeSet).bounds;
    expect(bounds([80, { from: 53, to: 54 }])).to.deep.equal([53, 54, 80, 80]);
    expect(bounds([3, 1, 2])).to.deep.equal([1, 3]);
    expect(bounds([{ from: 10, to: 20 }, { from: 15, to: 30 }, 40, { from: 12, to: 13 }])).to.deep.equal([
      10, 30, 40, 40,
    ]);
    expect(bounds([{ from: 0, to: MAX }, 5])).to.deep.equal([0, MAX]);
    expect(bounds([0, MAX])).to.deep.equal([0, 0, MAX, MAX]);
  });

  it('hold 32-bit integers too, as slots have them: signed', () => {
    const set = new RangeSet([
      { from: 0x80000000, to: 0xffffffff },
      { from: 5, to: 6 },
    ]);
    for (const value of [5, 6, 0x80000000, 0x80000000 | 0, -1, 0xffffffff])
      expect(set.has(value), `${value}`).to.equal(true);
    for (const value of [0, 4, 7, 0x7fffffff]) expect(set.has(value), `${value}`).to.equal(false);
  });

  it('have exactly the integers that they were made of, whatever those are', () => {
    const random = new Random(seedFromEnvironment());
    for (let round = 0; round < 2000; round++) {
      // Small ones lie close together, large ones are as ports are.
      const max = random.pick([5, 40, MAX]);
      const one = (): number | Range => {
        const from = random.below(max + 1);
        return random.oneIn(2) ? from : { from, to: random.between(from, Math.min(max, from + random.below(max + 1))) };
      };
      const given: Ranges = random.oneIn(5) ? one() : Array.from({ length: random.between(1, 12) }, one);
      const before = JSON.stringify(given);
      const compiled = readRanges(given, max, 'ports');
      const what = `seed ${random.seed}, round ${round}: ${before}`;
      expect(JSON.stringify(given), what).to.equal(before);
      const ends = [given].flat().flatMap((each) => (typeof each === 'number' ? [each] : [each.from, each.to]));
      const tried =
        max <= 40
          ? Array.from({ length: max + 2 }, (_, value) => value)
          : ends.flatMap((end) => [end - 1, end, end + 1]);
      tried.push(0, max, random.below(max + 1));
      for (const value of tried.filter((each) => each >= 0))
        if (has(compiled, value) !== isIn(given, value))
          expect(has(compiled, value), `${what} has ${value}`).to.equal(!has(compiled, value));
      if (typeof compiled === 'number') continue;
      const fewer = compiled.boundsOf(3);
      expect(fewer.length, what).to.be.at.most(6);
      expect([...fewer], what).to.deep.equal([...fewer].sort((a, b) => a - b));
      const wider = new RangeSet(
        fewer.filter((_, at) => at % 2 === 0).map((from, at) => ({ from, to: fewer[2 * at + 1] })),
      );
      for (const value of tried)
        if (compiled.has(value)) expect(wider.has(value), `${what} has ${value} in fewer ranges`).to.equal(true);
    }
  });
});
