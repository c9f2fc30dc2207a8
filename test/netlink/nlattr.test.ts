import { expect } from 'chai';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import { nlattrLength, readString, walkAttributes } from '../../src/netlink/nlattr.ts';
import { concat, nlattr } from '../support/fake-transport.ts';

function walk(bytes: Uint8Array, offset = 0, end = bytes.length): { type: number; value: number[] }[] {
  const visited: { type: number; value: number[] }[] = [];
  walkAttributes(viewOf(bytes), offset, end, (type, _view, start, stop) => {
    visited.push({ type, value: [...bytes.subarray(start, stop)] });
  });
  return visited;
}

function withLength(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = bytes.slice();
  viewOf(copy).setUint16(offset, length, HOST_LITTLE_ENDIAN);
  return copy;
}

function text(...bytes: number[]): string {
  return readString(viewOf(Uint8Array.from([255, ...bytes, 255])), 1, 1 + bytes.length);
}

describe('nlattr', () => {
  it('visits attributes in order, without padding', () => {
    expect(walk(concat(nlattr(1, [1]), nlattr(2, []), nlattr(3, [1, 2, 3, 4, 5])))).to.deep.equal([
      { type: 1, value: [1] },
      { type: 2, value: [] },
      { type: 3, value: [1, 2, 3, 4, 5] },
    ]);
  });

  it('takes NLA_F_NESTED and NLA_F_NET_BYTEORDER off the type', () => {
    expect(walk(concat(nlattr(0x8000 | 5, []), nlattr(0x4000 | 6, []), nlattr(0xc000 | 0x3fff, [])))).to.deep.equal([
      { type: 5, value: [] },
      { type: 6, value: [] },
      { type: 0x3fff, value: [] },
    ]);
  });

  it('visits nothing between equal offsets', () => {
    expect(walk(nlattr(1, []), 4, 4)).to.deep.equal([]);
  });

  it('takes a last attribute without its padding', () => {
    const bytes = nlattr(1, [7]).subarray(0, 5);
    expect(walk(bytes)).to.deep.equal([{ type: 1, value: [7] }]);
  });

  it('refuses lengths that are broken, and says where', () => {
    const good = concat(nlattr(1, [1, 2, 3, 4]), nlattr(2, [5]));
    for (const [length, problem] of [
      [0, 'nla_len is 0, with 8 bytes left at byte 8'],
      [3, 'nla_len is 3, with 8 bytes left at byte 8'],
      [9, 'nla_len is 9, with 8 bytes left at byte 8'],
      [65535, 'nla_len is 65535, with 8 bytes left at byte 8'],
    ] as const) {
      expect(() => walk(withLength(good, 8, length)))
        .to.throw(DecodeError, problem)
        .with.property('offset', 8);
    }
    for (const left of [1, 2, 3]) {
      expect(() => walk(good, 0, 8 + left)).to.throw(DecodeError, `${left} bytes left, nlattr needs 4 at byte 8`);
    }
  });

  it('never passes the given end, whatever follows it', () => {
    const bytes = concat(nlattr(1, [1, 2, 3, 4]), nlattr(2, [5]));
    expect(() => nlattrLength(viewOf(bytes), 0, 7)).to.throw(DecodeError);
    expect(nlattrLength(viewOf(bytes), 0, 8)).to.equal(8);
  });

  describe('strings', () => {
    it('end at the first NUL or where the attribute does', () => {
      expect(text(...Buffer.from('ftp'))).to.equal('ftp');
      expect(text(...Buffer.from('ftp\0'))).to.equal('ftp');
      expect(text(...Buffer.from('ftp\0junk'))).to.equal('ftp');
      expect(text(0)).to.equal('');
      expect(text()).to.equal('');
    });

    it('are UTF-8', () => {
      for (const sample of ['naïve', '日本', '😀', '\ufeffftp', 'x'.repeat(64), 'x'.repeat(65), 'ü'.repeat(200)]) {
        expect(text(...Buffer.from(sample))).to.equal(sample);
      }
    });

    it('have U+FFFD for what is not UTF-8', () => {
      expect(text(0x61, 0xff, 0x62)).to.equal('a\ufffdb');
    });
  });
});
