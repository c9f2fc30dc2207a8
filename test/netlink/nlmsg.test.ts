import { expect } from 'chai';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import { align4, newNlmsghdr, readNlmsghdr, walkDatagram, writeNlmsghdr } from '../../src/netlink/nlmsg.ts';
import { concat, datagram, message } from '../support/fake-transport.ts';

/** What a walk visits. */
function visits(bytes: Uint8Array): { seq: number; offset: number; end: number }[] {
  const visited: { seq: number; offset: number; end: number }[] = [];
  walkDatagram(viewOf(bytes), ({ nlmsg_seq }, _view, offset, end) => visited.push({ seq: nlmsg_seq, offset, end }));
  return visited;
}

function defect(bytes: Uint8Array): DecodeError {
  try {
    visits(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error('no DecodeError');
}

/** The bytes with another nlmsg_len in the header at `offset`. */
function withLength(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = bytes.slice();
  viewOf(copy).setUint32(offset, length, HOST_LITTLE_ENDIAN);
  return copy;
}

describe('nlmsg', () => {
  it('aligns to 4', () => {
    expect([0, 1, 2, 3, 4, 5, 16, 17, 65533].map(align4)).to.deep.equal([0, 4, 4, 4, 4, 8, 16, 20, 65536]);
  });

  it('writes a header as it reads it, fields unsigned', () => {
    const header = {
      nlmsg_len: 0x14,
      nlmsg_type: 0xfffe,
      nlmsg_flags: 0x8301,
      nlmsg_seq: 0xfffffffe,
      nlmsg_pid: 0x80000001,
    };
    const bytes = new Uint8Array(28);
    writeNlmsghdr(viewOf(bytes), 8, header);
    const read = newNlmsghdr();
    expect(readNlmsghdr(viewOf(bytes), 8, 28, read)).to.equal(28);
    expect(read).to.deep.equal(header);
    expect(bytes.subarray(0, 8)).to.deep.equal(new Uint8Array(8));
  });

  it('lays the header out as linux/netlink.h does', () => {
    const bytes = message(0x01020304, [9], { type: 0x0506, flags: 0x0708, portid: 0x0a0b0c0d });
    const expected = [17, 0, 0, 0, 6, 5, 8, 7, 4, 3, 2, 1, 13, 12, 11, 10, 9];
    if (HOST_LITTLE_ENDIAN) expect([...bytes]).to.deep.equal(expected);
  });

  it('visits nothing in an empty datagram', () => {
    expect(visits(new Uint8Array(0))).to.deep.equal([]);
  });

  it('visits messages in order, padding between them and not in them', () => {
    const bytes = datagram(message(1), message(2, [1, 2, 3, 4, 5]), message(3, [1, 2]), message(4));
    expect(visits(bytes)).to.deep.equal([
      { seq: 1, offset: 0, end: 16 },
      { seq: 2, offset: 16, end: 37 },
      { seq: 3, offset: 40, end: 58 },
      { seq: 4, offset: 60, end: 76 },
    ]);
  });

  it('takes a last message that is not padded', () => {
    const bytes = datagram(message(1), message(2, [1, 2, 3, 4, 5]));
    expect(bytes.length).to.equal(37);
    expect(visits(bytes).at(-1)).to.deep.equal({ seq: 2, offset: 16, end: 37 });
  });

  it('takes a last message whose padding is there', () => {
    expect(visits(concat(message(1, [1]), [0, 0, 0]))).to.deep.equal([{ seq: 1, offset: 0, end: 17 }]);
  });

  it('uses one header object for the whole walk', () => {
    const header = newNlmsghdr();
    const seen = new Set<object>();
    walkDatagram(viewOf(datagram(message(1), message(2))), (each) => seen.add(each), header);
    expect([...seen]).to.deep.equal([header]);
  });

  it('does not look beyond its view', () => {
    const buffer = concat(message(1), message(2), message(3));
    expect(visits(buffer.subarray(16, 32))).to.deep.equal([{ seq: 2, offset: 0, end: 16 }]);
  });

  it('refuses fewer bytes than a header has', () => {
    for (let length = 1; length < 16; length++) {
      const error = defect(message(1).subarray(0, length));
      expect(error.message).to.equal(`${length} bytes left, nlmsghdr needs 16 at byte 0`);
    }
  });

  it('refuses an nlmsg_len below the header, 0 above all: the walk must advance', () => {
    for (const length of [0, 1, 4, 15]) {
      const error = defect(withLength(message(1), 0, length));
      expect(error.message).to.equal(`nlmsg_len is ${length}, with 16 bytes left at byte 0`);
    }
  });

  it('refuses an nlmsg_len that passes the end', () => {
    for (const length of [17, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(defect(withLength(message(1), 0, length)).message).to.include(`nlmsg_len is ${length}`);
    }
  });

  it('says where the defect is, and has visited what came before', () => {
    const bytes = withLength(datagram(message(1), message(2), message(3)), 16, 400);
    const visited: number[] = [];
    expect(() => walkDatagram(viewOf(bytes), ({ nlmsg_seq }) => visited.push(nlmsg_seq)))
      .to.throw(DecodeError)
      .with.property('offset', 16);
    expect(visited).to.deep.equal([1]);
  });

  it('refuses what is left over when it is no whole header', () => {
    expect(defect(concat(message(1), new Uint8Array(4))).offset).to.equal(16);
  });
});
