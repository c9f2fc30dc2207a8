import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { timestampDate } from '../../src/ctnetlink/timestamp.ts';

describe('timestampDate', () => {
  it('makes a Date of nanoseconds since 1970, cut to milliseconds', () => {
    const text = '2023-11-14T22:13:20.123Z';
    for (const nanoseconds of [1700000000123000000n, 1700000000123999999n, '1700000000123456789'])
      expect(timestampDate(nanoseconds).toISOString()).to.equal(text);
    expect(timestampDate(0n).getTime()).to.equal(0);
    expect(timestampDate(999_999).getTime()).to.equal(0);
    expect(timestampDate(2n ** 64n - 1n).toISOString()).to.equal('2554-07-21T23:34:33.709Z');
  });

  it('takes what a flow and its JSON have, also nothing', () => {
    const flow = Flow.from({ timestamp: { start: 1700000000123456789n, event: 1700000001n * 1_000_000_000n } });
    const json = JSON.parse(JSON.stringify(flow));
    for (const { timestamp } of [flow, json]) {
      expect(timestampDate(timestamp?.start)?.getTime()).to.equal(1700000000123);
      expect(timestampDate(timestamp?.event)?.getTime()).to.equal(1700000001000);
      expect(timestampDate(timestamp?.stop)).to.equal(undefined);
    }
  });

  it('refuses what is no time', () => {
    for (const value of [null, {}, 'now', new Date(0)])
      expect(() => timestampDate(value as never)).to.throw(TypeError, /^nanoseconds must/);
    for (const value of [-1n, 2n ** 64n, 1.5, -1, 2 ** 53])
      expect(() => timestampDate(value)).to.throw(RangeError, /^nanoseconds must/);
  });
});
