import { expect } from 'chai';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError, type ExtendedAck } from '../../src/netlink/errors.ts';
import { readErrno, readExtendedAck } from '../../src/netlink/nlmsgerr.ts';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import { ack, concat, done, error, headerOf, int32, message, nlattr } from '../support/fake-transport.ts';

function errno(bytes: Uint8Array): number {
  return readErrno(viewOf(bytes), 0, bytes.length, headerOf(bytes).nlmsg_type === NLMSG_DONE);
}

function extack(bytes: Uint8Array): ExtendedAck | undefined {
  const { nlmsg_type, nlmsg_flags } = headerOf(bytes);
  return readExtendedAck(viewOf(bytes), 0, bytes.length, nlmsg_flags, nlmsg_type === NLMSG_DONE);
}

const TLVS = concat(
  nlattr(1, Buffer.from('Attribute failed policy validation\0')),
  nlattr(2, int32(36)),
  nlattr(3, [1, 2, 3]),
  nlattr(4, nlattr(1, int32(5))),
  nlattr(5, int32(9)),
  nlattr(6, int32(20)),
);
const READ = { message: 'Attribute failed policy validation', offset: 36, missingType: 9, missingNest: 20 };
const REQUEST = message(7, [1, 2, 3, 4, 5, 6, 7]);

describe('nlmsgerr', () => {
  describe('errno', () => {
    it('is 0 in an ACK and positive in an error', () => {
      expect(errno(ack(1))).to.equal(0);
      expect(errno(error(1, 2))).to.equal(2);
      expect(errno(error(1, 22, { whole: REQUEST }))).to.equal(22);
    });

    it('is in a DONE too, where old kernels leave it out', () => {
      expect(errno(done(1))).to.equal(0);
      expect(errno(done(1, 16))).to.equal(16);
      expect(errno(message(1, [], { type: NLMSG_DONE }))).to.equal(0);
    });

    it('must be there in an error', () => {
      for (let length = 0; length < 4; length++) {
        const bytes = message(1, new Uint8Array(length), { type: NLMSG_ERROR });
        expect(() => errno(bytes))
          .to.throw(DecodeError, `NLMSG_ERROR has ${length} payload bytes, needs 4`)
          .with.property('offset', 16);
      }
    });

    it('survives the smallest integer', () => {
      expect(errno(message(1, int32(-0x80000000), { type: NLMSG_ERROR }))).to.equal(0x80000000);
    });
  });

  describe('extended ACK', () => {
    it('is absent without NLM_F_ACK_TLVS, whatever follows', () => {
      expect(extack(error(1, 22))).to.equal(undefined);
      const bytes = message(1, concat(int32(-22), message(1), TLVS), { type: NLMSG_ERROR, flags: NLM_F_CAPPED });
      expect(extack(bytes)).to.equal(undefined);
    });

    it('follows the header of the request with NLM_F_CAPPED', () => {
      expect(extack(error(1, 22, { extack: TLVS }))).to.deep.equal(READ);
    });

    it('follows the whole request, padded, without NLM_F_CAPPED', () => {
      expect(extack(error(1, 22, { extack: TLVS, whole: REQUEST }))).to.deep.equal(READ);
    });

    it('ignores nlmsg_len of the echoed header with NLM_F_CAPPED: the rest of the request is not there', () => {
      const header = message(1);
      viewOf(header).setUint32(0, 4000, HOST_LITTLE_ENDIAN);
      const bytes = message(1, concat(int32(-22), header, TLVS), {
        type: NLMSG_ERROR,
        flags: NLM_F_CAPPED | NLM_F_ACK_TLVS,
      });
      expect(extack(bytes)).to.deep.equal(READ);
    });

    it('follows the errno directly in a DONE', () => {
      expect(extack(done(1, 16, TLVS))).to.deep.equal(READ);
    });

    it('may say nothing', () => {
      expect(extack(error(1, 22, { extack: new Uint8Array(0) }))).to.deep.equal({});
      expect(extack(done(1, 22, new Uint8Array(0)))).to.deep.equal({});
    });

    it('skips what is unknown or shorter than it should be', () => {
      const odd = concat(nlattr(2, [1]), nlattr(5, []), nlattr(77, int32(1)), nlattr(1, Buffer.from('text')));
      expect(extack(error(1, 22, { extack: odd }))).to.deep.equal({ message: 'text' });
    });

    it('refuses broken lengths', () => {
      const tlvs = { type: NLMSG_ERROR, flags: NLM_F_ACK_TLVS };
      expect(() => extack(message(1, int32(-22), tlvs))).to.throw(DecodeError, 'lacks the header of its request');
      expect(() => extack(message(1, concat(int32(-22), new Uint8Array(15)), tlvs))).to.throw(DecodeError, 'lacks');
      for (const length of [0, 15, 17, 0xffffffff]) {
        const header = message(1);
        viewOf(header).setUint32(0, length, HOST_LITTLE_ENDIAN);
        expect(() => extack(message(1, concat(int32(-22), header), tlvs)))
          .to.throw(DecodeError, `echoed nlmsg_len is ${length}`)
          .with.property('offset', 20);
      }
      const cut = error(1, 22, { extack: TLVS.subarray(0, 20) });
      expect(() => extack(cut))
        .to.throw(DecodeError, 'nla_len is 39')
        .with.property('offset', 36);
    });
  });
});
