import { expect } from 'chai';
import { STATUS_BITS, statusBits, statusNames } from '../../src/ctnetlink/status.ts';
import * as common from '../../src/uapi/nf_conntrack_common.ts';

/** What a program in JavaScript may give. */
const given = statusBits as (status: unknown, argument?: string) => number;

describe('status', () => {
  it('has a name for each of the 16 bits of the header, lowest first', () => {
    expect(Object.values(STATUS_BITS)).to.deep.equal([...new Array(16).keys()].map((bit) => 1 << bit));
    expect(Object.keys(STATUS_BITS).slice(0, 4)).to.deep.equal(['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED']);
    expect(STATUS_BITS.DYING).to.equal(common.IPS_DYING);
    expect(STATUS_BITS).not.to.have.any.keys('NAT_MASK', 'NAT_DONE_MASK', 'UNCHANGEABLE_MASK', 'DYING_BIT');
  });

  it('is named lowest bit first', () => {
    expect(statusNames(0)).to.deep.equal([]);
    expect(statusNames(0xe)).to.deep.equal(['SEEN_REPLY', 'ASSURED', 'CONFIRMED']);
    expect(statusNames(0x188)).to.deep.equal(['CONFIRMED', 'SRC_NAT_DONE', 'DST_NAT_DONE']);
  });

  it('has its hexadecimal text for a bit without a name, of either sign', () => {
    expect(statusNames(0x10008)).to.deep.equal(['CONFIRMED', '0x10000']);
    expect(statusNames(0x80000000)).to.deep.equal(['0x80000000']);
    expect(statusNames(0x80000000 | 0)).to.deep.equal(['0x80000000']);
    expect(statusNames(-1)).to.have.lengthOf(32);
  });

  it('comes back from its names, all 32 bits of it', () => {
    for (let bit = 0; bit < 32; bit++) {
      const status = (1 << bit) >>> 0;
      expect(statusBits(statusNames(status))).to.equal(status);
    }
    expect(statusBits(statusNames(0xffffffff))).to.equal(0xffffffff);
  });

  it('may be a number, or no names at all', () => {
    expect(statusBits(0)).to.equal(0);
    expect(statusBits(0xffffffff)).to.equal(0xffffffff);
    expect(statusBits([])).to.equal(0);
    expect(statusBits(['ASSURED', 'ASSURED'])).to.equal(4);
  });

  it('refuses what is neither, by the name of the argument', () => {
    expect(() => given(['NONSENSE'], 'flow.status')).to.throw(
      RangeError,
      /^flow\.status must have names of EXPECTED, /,
    );
    expect(() => given(['NONSENSE'])).to.throw(RangeError, "not 'NONSENSE'");
    for (const name of ['toString', 'constructor', 'assured', 'IPS_ASSURED', '', '0x', '0x123456789']) {
      expect(() => given([name])).to.throw(RangeError, 'status must have names');
    }
    for (const name of [4, null, Symbol('ASSURED'), Object.create(null)])
      expect(() => given([name])).to.throw(TypeError, 'status must have names');
    expect(() => given('ASSURED')).to.throw(TypeError, "status must be a number or an array of names, not 'ASSURED'");
    expect(() => given({})).to.throw(TypeError, 'not an object');
    for (const number of [-1, 2 ** 32, 1.5])
      expect(() => statusBits(number)).to.throw(RangeError, 'from 0 to 4294967295');
  });
});
