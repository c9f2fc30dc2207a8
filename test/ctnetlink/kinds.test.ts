import { expect } from 'chai';
import { KINDS, type Kind, type KindName, type SlotValue, toHex } from '../../src/ctnetlink/attributes/kinds.ts';
import { checkInteger, describe as describeValue } from '../../src/netlink/check.ts';

function kind(name: KindName): Kind {
  return KINDS[name];
}

/** Through the slot and back. */
function through(name: KindName, value: unknown): unknown {
  return kind(name).get(kind(name).set(value, 'x') as never);
}

function slot(name: KindName, value: unknown): SlotValue {
  return kind(name).set(value, 'x');
}

const NOT_NUMBERS = ['1', null, undefined, {}, [], true, 1n, Symbol('s'), () => 1];
const NOT_INTEGERS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY];

describe('kinds', () => {
  it('of integers take 0 to their largest and refuse the rest by name', () => {
    const largest = { u8: 0xff, pair: 0xff, be16: 0xffff, be32: 0xffffffff, u32: 0xffffffff, status: 0xffffffff };
    for (const [name, max] of Object.entries(largest) as [KindName, number][]) {
      for (const good of [0, 1, max]) expect(through(name, good), name).to.equal(good);
      for (const bad of [...NOT_INTEGERS, max + 1]) {
        expect(() => kind(name).set(bad, 'flow.x'), `${name} ${bad}`).to.throw(
          RangeError,
          `flow.x must be an integer from 0 to ${max}, not ${bad}`,
        );
      }
      for (const bad of NOT_NUMBERS) {
        if (name === 'status' && Array.isArray(bad)) continue;
        const must = name === 'status' ? 'must be a number or an array of names' : 'must be a number';
        expect(() => kind(name).set(bad, 'flow.x'), name).to.throw(TypeError, `flow.x ${must}, not `);
      }
    }
  });

  it('of 32 bits keep them signed in the slot', () => {
    for (const name of ['be32', 'u32', 'status'] as const) {
      expect(slot(name, 0xffffffff)).to.equal(-1);
      expect(slot(name, 0x80000000)).to.equal(-0x80000000);
    }
  });

  describe('be64', () => {
    const MAX = 2n ** 64n - 1n;

    it('is a number in the slot while that is safe, else a bigint', () => {
      expect(slot('be64', 5n)).to.equal(5);
      expect(slot('be64', 2n ** 53n - 1n)).to.equal(2 ** 53 - 1);
      expect(slot('be64', 2n ** 53n)).to.equal(2n ** 53n);
      expect(slot('be64', MAX)).to.equal(MAX);
    });

    it('is always a bigint as a property', () => {
      for (const value of [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, MAX]) expect(through('be64', value)).to.equal(value);
    });

    it('may be given as a number or as decimal text', () => {
      for (const value of [7, '7', 7n, '007']) expect(through('be64', value)).to.equal(7n);
      expect(through('be64', String(MAX))).to.equal(MAX);
    });

    it('is a number in JSON while that is safe, else decimal text', () => {
      const json = (value: bigint): unknown => KINDS.be64.json(slot('be64', value) as number);
      expect(json(7n)).to.equal(7);
      expect(json(2n ** 53n - 1n)).to.equal(2 ** 53 - 1);
      expect(json(2n ** 53n)).to.equal('9007199254740992');
      expect(json(MAX)).to.equal('18446744073709551615');
    });

    it('refuses what does not fit or may have been rounded', () => {
      for (const bad of [-1n, MAX + 1n, String(MAX + 1n), 2 ** 53, -1, 0.5, Number.NaN]) {
        expect(() => slot('be64', bad), String(bad)).to.throw(RangeError, 'x must be ');
      }
      for (const bad of ['', '-1', '0x10', '1e3', ' 1', '1'.repeat(21), null, {}, true]) {
        expect(() => slot('be64', bad), String(bad)).to.throw(TypeError, 'x must be a number, not ');
      }
    });
  });

  describe('addresses', () => {
    it('are text outside and bits inside', () => {
      expect(slot('ipv4', '255.0.0.1')).to.equal(0xff000001 | 0);
      expect(slot('ipv6', '::2')).to.deep.equal(Uint8Array.from([...new Array(15).fill(0), 2]));
      expect(through('ipv4', '192.0.2.1')).to.equal('192.0.2.1');
      expect(through('ipv6', '2001:DB8:0::1')).to.equal('2001:db8::1');
    });

    it('refuse what is none of their family', () => {
      expect(() => slot('ipv4', '::1')).to.throw(RangeError, "x must be an IPv4 address, not '::1'");
      expect(() => slot('ipv6', '1.2.3.4')).to.throw(RangeError, "x must be an IPv6 address, not '1.2.3.4'");
      expect(() => slot('ipv4', 16909060)).to.throw(TypeError, 'x must be a string, not 16909060');
      expect(() => slot('ipv6', null)).to.throw(TypeError, 'x must be a string, not null');
    });
  });

  describe('string', () => {
    it('is any text but one with NUL', () => {
      for (const good of ['', 'ftp', 'naïve']) expect(through('string', good)).to.equal(good);
      expect(() => slot('string', 'a\0b')).to.throw(RangeError, 'x must not contain NUL');
      expect(() => slot('string', 7)).to.throw(TypeError, 'x must be a string, not 7');
    });
  });

  describe('bytes', () => {
    it('may be bytes or hexadecimal text, which JSON has', () => {
      expect(through('bytes', Uint8Array.of(0, 255))).to.deep.equal(Uint8Array.of(0, 255));
      expect(through('bytes', '00fF')).to.deep.equal(Uint8Array.of(0, 255));
      expect(through('bytes', '')).to.deep.equal(new Uint8Array(0));
      expect(KINDS.bytes.json(Uint8Array.of(0, 255, 16) as never)).to.equal('00ff10');
      expect(toHex(new Uint8Array(0))).to.equal('');
    });

    it('are copied, also from a Buffer, whose own slice shares memory', () => {
      for (const name of ['bytes', 'labels'] as const) {
        for (const given of [new Uint8Array(4), Buffer.alloc(4)]) {
          const kept = slot(name, given) as Uint8Array;
          given[0] = 255;
          expect([...kept], `${name} from ${given.constructor.name}`).to.deep.equal([0, 0, 0, 0]);
          expect(kept.constructor).to.equal(Uint8Array);
        }
      }
    });

    it('refuse the rest', () => {
      for (const bad of ['0', 'zz', '0x00', [1, 2], new ArrayBuffer(4), 5, null]) {
        expect(() => slot('bytes', bad)).to.throw(TypeError, 'x must be a Uint8Array, not ');
      }
    });
  });

  describe('labels', () => {
    it('are bit numbers, or the words themselves', () => {
      expect(through('labels', [127, 0])).to.deep.equal([0, 127]);
      expect(slot('labels', Uint8Array.of(1, 2, 3, 4))).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
    });

    it('refuse the rest', () => {
      expect(() => slot('labels', new Uint8Array(5))).to.throw(RangeError, 'x must be whole 32-bit words, not 5 bytes');
      expect(() => slot('labels', new Uint8Array(20))).to.throw(RangeError, 'x must be at most 16 bytes, not 20');
      expect(() => slot('labels', [128])).to.throw(RangeError, 'x: bit 128');
      expect(() => slot('labels', 3)).to.throw(TypeError, 'x must be an array of bit numbers, not 3');
    });
  });

  describe('names', () => {
    const samples = { family: 'ipv6', proto: 'icmpv6', tcpState: 'TIME_WAIT', sctpState: 'CLOSED' } as const;

    it('stand for numbers, and a number without a name for itself', () => {
      for (const [name, value] of Object.entries(samples)) expect(through(name as KindName, value)).to.equal(value);
      expect(through('dccpState', 'PARTOPEN')).to.equal('PARTOPEN');
      expect(through('dccpRole', 'SERVER')).to.equal('SERVER');
      expect(through('proto', 6)).to.equal('tcp');
      expect(through('proto', 89)).to.equal(89);
      expect(through('tcpState', 200)).to.equal(200);
      expect(slot('tcpState', 'NONE')).to.equal(0);
    });

    it('refuse a name that is none, and say which there are', () => {
      expect(() => slot('proto', 'TCP')).to.throw(RangeError, /^x must be a number or one of tcp, udp, .*, not 'TCP'$/);
      expect(() => slot('proto', 'toString')).to.throw(RangeError, "not 'toString'");
      expect(() => slot('family', 'inet')).to.throw(RangeError, "x must be a number or one of ipv4, ipv6, not 'inet'");
      expect(() => slot('proto', 256)).to.throw(RangeError, 'x must be an integer from 0 to 255');
      expect(() => slot('proto', null)).to.throw(TypeError, 'x must be a number, not null');
    });
  });
});

describe('check', () => {
  it('takes integers from 0 to the largest', () => {
    expect(checkInteger(0, 5, 'n')).to.equal(0);
    expect(checkInteger(5, 5, 'n')).to.equal(5);
    expect(() => checkInteger(6, 5, 'n')).to.throw(RangeError, 'n must be an integer from 0 to 5, not 6');
    expect(() => checkInteger('5', 5, 'n')).to.throw(TypeError, "n must be a number, not '5'");
  });

  it('describes any value without failing on it', () => {
    const values = ['a', null, undefined, { a: 1 }, [1], 1n, Symbol('s'), true];
    expect(values.map(describeValue)).to.deep.equal([
      "'a'",
      'null',
      'undefined',
      'an object',
      'an array',
      '1n',
      'Symbol(s)',
      'true',
    ]);
    expect(describeValue(Object.create(null))).to.equal('an object');
  });
});
