import { expect } from 'chai';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { attributesOf, nfnlMessage, nfnlSubsystem, nfnlType, readNfgenmsg } from '../../src/nfnetlink/nfgenmsg.ts';
import { writeNfgenmsg } from '../../src/nfnetlink/request.ts';
import { message } from '../support/fake-transport.ts';

describe('nfgenmsg', () => {
  it('types are the subsystem and its message', () => {
    expect(nfnlType(1, 0)).to.equal(0x100);
    expect(nfnlType(2, 3)).to.equal(0x203);
    expect(nfnlType(255, 255)).to.equal(0xffff);
    expect([nfnlSubsystem(0x102), nfnlMessage(0x102)]).to.deep.equal([1, 2]);
    expect([nfnlSubsystem(0xff7f), nfnlMessage(0xff7f)]).to.deep.equal([255, 127]);
  });

  it('is read as it is written, res_id big-endian', () => {
    const writer = new Writer();
    writer.bytes.fill(0xff);
    const at = writer.beginMessage(0x100, 0, 1);
    writeNfgenmsg(writer, 10, 1, 0x0102);
    writer.endMessage(at);
    const bytes = writer.finish();
    expect([...bytes.subarray(16)]).to.deep.equal([10, 1, 1, 2]);
    expect(readNfgenmsg(viewOf(bytes), 0, bytes.length)).to.deep.equal({
      nfgen_family: 10,
      version: 1,
      res_id: 0x0102,
    });
  });

  it('has version 0 and no res_id when nothing else is said', () => {
    const writer = new Writer();
    writer.bytes.fill(0xff);
    writeNfgenmsg(writer, 2);
    expect([...writer.finish()]).to.deep.equal([2, 0, 0, 0]);
  });

  it('precedes the attributes directly, wherever the message is', () => {
    expect(attributesOf(0, 20)).to.equal(20);
    expect(attributesOf(40, 100)).to.equal(60);
  });

  it('must be there', () => {
    for (let length = 0; length < 4; length++) {
      const bytes = message(1, new Uint8Array(length));
      expect(() => readNfgenmsg(viewOf(bytes), 0, bytes.length))
        .to.throw(DecodeError, `${16 + length} bytes, nlmsghdr and nfgenmsg need 20`)
        .with.property('offset', 0);
    }
  });
});
