import { expect } from 'chai';
import { decodeCpuStats, decodeGlobalStats } from '../../src/ctnetlink/stats.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { concat, message, nlattr } from '../support/fake-transport.ts';

function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value);
  return bytes;
}

function reply(resId: number[], ...attributes: Uint8Array[]): Uint8Array {
  return message(1, concat([0, 0, ...resId], ...attributes));
}

describe('stats', () => {
  it('of a CPU have its number, big-endian, and every counter of the header', () => {
    const types = Object.entries(cta).filter(([name]) => /^CTA_STATS_(?!GLOBAL|EXP|UNSPEC)/.test(name));
    const bytes = reply([1, 2], ...types.map(([, type]) => nlattr(type, be32(0xf0000000 + type))));
    const stats = decodeCpuStats(viewOf(bytes), 0, bytes.length);
    expect(stats.cpu).to.equal(0x0102);
    const camel = (name: string): string =>
      name
        .slice('CTA_STATS_'.length)
        .toLowerCase()
        .replace(/_(.)/g, (_all, letter: string) => letter.toUpperCase())
        .replace('Toolong', 'TooLong');
    const expected = Object.fromEntries(types.map(([name, type]) => [camel(name), 0xf0000000 + type]));
    expect(stats).to.deep.equal({ cpu: 0x0102, ...expected });
  });

  it('of a CPU are 0 where an old kernel sends nothing, and undefined where 0 would be a lie', () => {
    const bytes = reply([0, 3]);
    expect(decodeCpuStats(viewOf(bytes), 0, bytes.length)).to.deep.equal({
      cpu: 3,
      found: 0,
      invalid: 0,
      insert: 0,
      insertFailed: 0,
      drop: 0,
      earlyDrop: 0,
      error: 0,
      searchRestart: 0,
    });
  });

  it('of the table are its entries and, since Linux 4.18, the most it takes', () => {
    const both = reply([0, 0], nlattr(1, be32(7)), nlattr(2, be32(0xffffffff)));
    expect(decodeGlobalStats(viewOf(both), 0, both.length)).to.deep.equal({ entries: 7, maxEntries: 0xffffffff });
    const old = reply([0, 0], nlattr(1, be32(7)));
    expect(decodeGlobalStats(viewOf(old), 0, old.length)).to.deep.equal({ entries: 7 });
  });

  it('skip what is unknown or too short', () => {
    const bytes = reply([0, 0], nlattr(99, be32(1)), nlattr(2, [1]), nlattr(0x3fff, []));
    expect(decodeGlobalStats(viewOf(bytes), 0, bytes.length)).to.deep.equal({ entries: 0 });
    expect(decodeCpuStats(viewOf(bytes), 0, bytes.length).found).to.equal(0);
  });

  it('refuse broken lengths', () => {
    const cut = reply([0, 0], nlattr(1, be32(7)).subarray(0, 6));
    const short = message(1, [0, 0, 0]);
    for (const decode of [decodeCpuStats, decodeGlobalStats]) {
      expect(() => decode(viewOf(cut), 0, cut.length))
        .to.throw(DecodeError)
        .with.property('offset', 20);
      expect(() => decode(viewOf(short), 0, short.length)).to.throw(
        DecodeError,
        '19 bytes, nlmsghdr and nfgenmsg need 20',
      );
    }
  });
});
