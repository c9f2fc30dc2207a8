import { isIPv4, isIPv6 } from 'node:net';
import { expect } from 'chai';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6, parseIpv6Into } from '../../src/ctnetlink/address.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const seed = seedFromEnvironment();

/** What inet_pton(3) makes of a text, and what inet_ntop(3) of glibc prints for it (asked through Python's socket). */
const IPV6_TEXTS: readonly (readonly [text: string, hex: string, printed: string])[] = [
  ['::', '00000000000000000000000000000000', '::'],
  ['::1', '00000000000000000000000000000001', '::1'],
  ['1::', '00010000000000000000000000000000', '1::'],
  ['::1:0', '00000000000000000000000000010000', '::0.1.0.0'],
  ['::ffff', '0000000000000000000000000000ffff', '::ffff'],
  ['::1:2', '00000000000000000000000000010002', '::0.1.0.2'],
  ['::1.2.3.4', '00000000000000000000000001020304', '::1.2.3.4'],
  ['::ffff:1.2.3.4', '00000000000000000000ffff01020304', '::ffff:1.2.3.4'],
  ['::ffff:0:0', '00000000000000000000ffff00000000', '::ffff:0.0.0.0'],
  ['::fffe:1.2.3.4', '00000000000000000000fffe01020304', '::fffe:102:304'],
  ['::1:ffff:1.2.3.4', '00000000000000000001ffff01020304', '::1:ffff:102:304'],
  ['0:0:0:0:0:0:1.2.3.4', '00000000000000000000000001020304', '::1.2.3.4'],
  ['64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201', '64:ff9b::c000:201'],
  ['2001:db8::1', '20010db8000000000000000000000001', '2001:db8::1'],
  ['2001:DB8::ABCD', '20010db800000000000000000000abcd', '2001:db8::abcd'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '20010db8000000000000000000000001', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '20010000000000010000000000000001', '2001:0:0:1::1'],
  ['2001:0:0:0:1:0:0:1', '20010000000000000001000000000001', '2001::1:0:0:1'],
  ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '00000002000300040005000600070008', '0:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:1.2.3.4', '00010002000300040005000601020304', '1:2:3:4:5:6:102:304'],
  ['fe80::1', 'fe800000000000000000000000000001', 'fe80::1'],
  ['ff02::', 'ff020000000000000000000000000000', 'ff02::'],
  ['1:0:0:4:5:6:0:0', '00010000000000040005000600000000', '1::4:5:6:0:0'],
  ['1:0:3:0:0:6:0:0', '00010000000300000000000600000000', '1:0:3::6:0:0'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'f'.repeat(32), 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

const NOT_IPV4 = ['', '1', '1.2', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.-1', '01.2.3.4', '1.2.3.04', '1.2.3.4 ']
  .concat([
    ' 1.2.3.4',
    '1.2.3.0x4',
    '1..3.4',
    '1.2.3.',
    '.1.2.3',
    '1.2.3.4\n',
    '1,2,3,4',
    '1.2.3.1e1',
    '::1',
    '1.2.3.4/8',
  ])
  .concat(['١.2.3.4', '1.2.3.00', '0000.1.2.3', '256.0.0.0', '1.2.3.9999']);

const NOT_IPV6 = ['', ':', ':::', '::::', '1', '1:2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8:', ':1::']
  .concat([':1:2:3:4:5:6:7:8', '1::2::3', '::1::', '12345::', 'g::', '::-1', '1:2:3:4::5:6:7:8:9', ':1', '1:'])
  .concat([
    '1.2.3.4',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4.5',
    '::256.1.1.1',
    '::01.2.3.4',
    '::1.2.3.4:5',
    '::ffff:1.2.3.4:',
  ])
  .concat([
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1%eth0',
    'fe80::1%1',
    '::1/64',
    ' ::1',
    '::1 ',
    '[::1]',
    '1:2:3:4:5:6:7:8::',
    '::1\n',
  ]);

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}

/** Addresses as they occur, rather than as chance makes them: runs of zeros and of ones. */
function ipv6Bytes(random: Random): Uint8Array {
  const bytes = random.bytes(16);
  for (let i = 0; i < 16; i += 2) {
    const kind = random.below(4);
    if (kind < 2) bytes[i] = bytes[i + 1] = 0;
    if (kind === 2) bytes[i] = 0;
  }
  if (random.oneIn(8)) bytes.fill(0, 0, 12);
  if (random.oneIn(8)) bytes.fill(0, 0, 10).fill(255, 10, 12);
  return bytes;
}

describe('address', () => {
  describe('IPv4', () => {
    it('is a signed 32-bit integer', () => {
      expect(parseIpv4('1.2.3.4')).to.equal(0x01020304);
      expect(parseIpv4('255.255.255.255')).to.equal(-1);
      expect(parseIpv4('0.0.0.0')).to.equal(0);
      expect(parseIpv4('128.0.0.1')).to.equal(0x80000001 | 0);
    });

    it('is printed from an integer of either sign', () => {
      expect(formatIpv4(-1)).to.equal('255.255.255.255');
      expect(formatIpv4(0xffffffff)).to.equal('255.255.255.255');
      expect(formatIpv4(0)).to.equal('0.0.0.0');
      expect(formatIpv4(0x0a000001)).to.equal('10.0.0.1');
    });

    it('is refused where inet_pton(3) and Node refuse it', () => {
      for (const text of NOT_IPV4) {
        expect(parseIpv4(text), JSON.stringify(text)).to.equal(undefined);
        expect(isIPv4(text), JSON.stringify(text)).to.equal(false);
      }
    });

    it(`survives text (seed ${seed})`, () => {
      const random = new Random(seed);
      for (let n = 0; n < 20_000; n++) {
        const address = random.uint32() | 0;
        const text = formatIpv4(address);
        expect(parseIpv4(text)).to.equal(address);
        expect(isIPv4(text)).to.equal(true);
        expect(new URL(`http://${text}`).hostname).to.equal(text);
      }
    });
  });

  describe('IPv6', () => {
    it('is read and printed as the C library does', () => {
      for (const [text, bytes, printed] of IPV6_TEXTS) {
        expect(hex(parseIpv6(text)), text).to.equal(bytes);
        const used = new Uint8Array(16).fill(0xa5);
        expect([parseIpv6Into(text, used), hex(used)], text).to.deep.equal([true, bytes]);
        expect(formatIpv6(Buffer.from(bytes, 'hex')), text).to.equal(printed);
        expect(isIPv6(text), text).to.equal(true);
      }
    });

    it('is refused where inet_pton(3) refuses it', () => {
      for (const text of NOT_IPV6) {
        expect(parseIpv6(text), JSON.stringify(text)).to.equal(undefined);
        // Node takes a zone; a conntrack tuple has none.
        if (!text.includes('%')) expect(isIPv6(text), JSON.stringify(text)).to.equal(false);
      }
    });

    it(`survives text (seed ${seed})`, () => {
      const random = new Random(seed);
      for (let n = 0; n < 20_000; n++) {
        const bytes = ipv6Bytes(random);
        const text = formatIpv6(bytes);
        expect(hex(parseIpv6(text)), text).to.equal(hex(bytes));
      }
    });

    it(`is printed as Node prints it, but for embedded IPv4 (seed ${seed})`, () => {
      const random = new Random(seed);
      let compared = 0;
      for (let n = 0; n < 20_000; n++) {
        const text = formatIpv6(ipv6Bytes(random));
        // The URL standard prints no dotted quad.
        if (text.includes('.')) continue;
        expect(new URL(`http://[${text}]`).hostname).to.equal(`[${text}]`);
        compared++;
      }
      expect(compared).to.be.above(10_000);
    });

    it(`is an address exactly where Node says so (seed ${seed})`, () => {
      const random = new Random(seed);
      let yes = 0;
      for (let n = 0; n < 50_000; n++) {
        const parts = Array.from({ length: random.between(1, 9) }, () =>
          random.pick(['', '0', '1', 'ffff', 'abc', '1.2.3.4', '12345', ':', '00000', 'G']),
        );
        const text = random.oneIn(2) ? parts.join(':') : parts.join(random.pick([':', '::']));
        expect(parseIpv6(text) !== undefined, JSON.stringify(text)).to.equal(isIPv6(text));
        if (isIPv6(text)) yes++;
      }
      expect(yes).to.be.above(500);
    });
  });
});
