import { expect } from 'chai';
import { Pace } from '../../../src/transport/libc/pace.ts';

describe('libc: pace', () => {
  it('is fast while 32 and more come in 4 ms, and judged again every 4 ms', () => {
    const pace = new Pace();
    const come = (count: number): void => {
      for (let n = 0; n < count; n++) pace.came();
    };
    come(1);
    expect(pace.isFast(100)).to.equal(false);
    come(40);
    expect(pace.isFast(103)).to.equal(false);
    expect(pace.isFast(104)).to.equal(true);
    expect(pace.isFast(107)).to.equal(true);
    come(31);
    expect(pace.isFast(108)).to.equal(false);
    come(32);
    expect(pace.isFast(112)).to.equal(true);
    expect(pace.isFast(116)).to.equal(false);
  });
});
