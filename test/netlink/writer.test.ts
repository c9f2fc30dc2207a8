import { expect } from 'chai';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { walkAttributes } from '../../src/netlink/nlattr.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { concat, headerOf, nlattr } from '../support/fake-transport.ts';

/** A writer whose buffer is full of what an earlier request left. */
function dirty(capacity = 256): Writer {
  const writer = new Writer(capacity);
  writer.bytes.fill(0xff);
  return writer.reset();
}

describe('writer', () => {
  it('writes a message with its length', () => {
    const writer = dirty();
    const at = writer.beginMessage(0x0102, 0x0305, 0xdeadbeef);
    writer.attributeBe32(7, 1);
    writer.endMessage(at);
    const header = { nlmsg_len: 24, nlmsg_type: 0x0102, nlmsg_flags: 0x0305, nlmsg_seq: 0xdeadbeef, nlmsg_pid: 0 };
    expect(headerOf(writer.finish())).to.deep.equal(header);
  });

  it('writes be16, be32 and be64 big-endian', () => {
    const writer = dirty();
    writer.attributeBe16(2, 0xabcd);
    writer.attributeBe32(3, 0xfedcba98);
    writer.attributeBe32(4, -2);
    writer.attributeBe64(5, 0x123456789abcdef0n);
    expect(writer.finish()).to.deep.equal(
      concat(
        nlattr(2, [0xab, 0xcd]),
        nlattr(3, [0xfe, 0xdc, 0xba, 0x98]),
        nlattr(4, [0xff, 0xff, 0xff, 0xfe]),
        nlattr(5, [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0]),
      ),
    );
  });

  it('writes u8, u16, u32 and u64 in the byte order of the host', () => {
    const writer = dirty();
    writer.attributeU8(1, 0xab);
    writer.attributeU16(2, 0xabcd);
    writer.attributeU32(3, 0xfedcba98);
    writer.attributeU32(4, -2);
    writer.attributeU64(5, 0x123456789abcdef0n);
    const inMemory = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer as ArrayBuffer);
    expect(writer.finish()).to.deep.equal(
      concat(
        nlattr(1, [0xab]),
        nlattr(2, inMemory(Uint16Array.of(0xabcd))),
        nlattr(3, inMemory(Uint32Array.of(0xfedcba98))),
        nlattr(4, inMemory(Int32Array.of(-2))),
        nlattr(5, inMemory(BigUint64Array.of(0x123456789abcdef0n))),
      ),
    );
  });

  it('pads with zeros, also in a buffer that was used before', () => {
    for (let size = 0; size <= 9; size++) {
      const writer = dirty();
      writer.attributeBytes(1, new Uint8Array(size).fill(0x11));
      expect(writer.finish(), `${size} bytes`).to.deep.equal(nlattr(1, new Uint8Array(size).fill(0x11)));
      writer.reset();
      writer.attributeBytes(2, new Uint8Array(size).fill(0x22));
      expect(writer.finish(), `${size} bytes, again`).to.deep.equal(nlattr(2, new Uint8Array(size).fill(0x22)));
    }
  });

  it('grows and keeps what it has', () => {
    const writer = new Writer(16);
    const at = writer.beginMessage(1, 2, 3);
    for (let type = 1; type <= 200; type++) writer.attributeBytes(type, new Uint8Array(type).fill(type));
    writer.endMessage(at);
    const bytes = writer.finish();
    const seen: number[] = [];
    walkAttributes(viewOf(bytes), 16, bytes.length, (type, _view, start, end) => {
      seen.push(type);
      expect(bytes.subarray(start, end)).to.deep.equal(new Uint8Array(type).fill(type));
    });
    expect(seen).to.have.lengthOf(200);
    expect(headerOf(bytes).nlmsg_len).to.equal(bytes.length);
  });

  it('grows by exactly one attribute that is larger than twice the buffer', () => {
    const writer = new Writer(16);
    writer.attributeBe32(1, 1);
    writer.attributeBytes(2, new Uint8Array(60_000).fill(7));
    expect(writer.finish()).to.deep.equal(concat(nlattr(1, [0, 0, 0, 1]), nlattr(2, new Uint8Array(60_000).fill(7))));
  });

  it('keeps its view on its bytes when it grows', () => {
    const writer = new Writer(16);
    writer.reserve(1000);
    expect(writer.view.buffer).to.equal(writer.bytes.buffer);
    expect(writer.view.byteLength).to.equal(writer.bytes.length);
  });

  it('nests, with NLA_F_NESTED and the length', () => {
    const writer = dirty();
    const outer = writer.beginNest(1);
    const inner = writer.beginNest(2);
    writer.attributeU8(3, 4);
    writer.endNest(inner);
    writer.attributeU8(5, 6);
    writer.endNest(outer);
    expect(writer.finish()).to.deep.equal(nlattr(0x8001, concat(nlattr(0x8002, nlattr(3, [4])), nlattr(5, [6]))));
  });

  it('takes back an empty nest', () => {
    const writer = dirty();
    writer.attributeU8(1, 2);
    const nest = writer.beginNest(3);
    writer.truncate(nest);
    expect(writer.finish()).to.deep.equal(nlattr(1, [2]));
  });

  it('refuses an attribute that nla_len cannot say, and takes the largest that it can', () => {
    const writer = new Writer();
    writer.attributeBytes(1, new Uint8Array(65_531));
    expect(writer.length).to.equal(65_536);
    expect(() => writer.attributeBytes(1, new Uint8Array(65_532))).to.throw(RangeError, '65532 bytes');
    expect(writer.length).to.equal(65_536);
  });

  it('refuses a nest that nla_len cannot say', () => {
    const writer = new Writer();
    const nest = writer.beginNest(1);
    writer.attributeBytes(2, new Uint8Array(40_000));
    writer.attributeBytes(3, new Uint8Array(40_000));
    expect(() => writer.endNest(nest)).to.throw(RangeError, 'a nest of 80012 bytes');
  });

  it('can be used again after a refusal', () => {
    const writer = new Writer();
    writer.attributeU8(1, 1);
    expect(() => writer.attribute(2, 70_000)).to.throw(RangeError);
    writer.reset().attributeU8(3, 3);
    expect(writer.finish()).to.deep.equal(nlattr(3, [3]));
  });
});
