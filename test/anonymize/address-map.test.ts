/** The mapping of addresses: a permutation that keeps how many leading bits two of them share. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { AddressMap, AddressSize } from '../../src/anonymize/address-map.ts';
import { addressMap } from '../../src/anonymize/options.ts';
import { sha256 } from '../../src/anonymize/sha256.ts';
import { bytesOf, replacer } from '../support/anonymize.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const seed = seedFromEnvironment();

function mapped(map: AddressMap, address: Uint8Array): Uint8Array {
  const bytes = address.slice();
  map.replace(bytes, 0, bytes.length as AddressSize);
  return bytes;
}

function shared(a: Uint8Array, b: Uint8Array): number {
  const bits = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const [x, y] = [bits(a), bits(b)];
  let n = 0;
  while (n < x.length && x[n] === y[n]) n++;
  return n;
}

/** An address whose first bits are those of another. */
function neighbour(random: Random, address: Uint8Array): Uint8Array {
  const bits = random.between(0, 8 * address.length);
  const other = random.bytes(address.length);
  for (let i = 0; i < address.length; i++) {
    const mask = Math.max(0, Math.min(8, bits - 8 * i));
    const ones = (0xff00 >> mask) & 0xff;
    other[i] = (address[i] & ones) | (other[i] & ~ones);
  }
  return other;
}

const SPECIAL = ['0.0.0.0', '255.255.255.255', '127.0.0.1', '127.255.3.4', '::', '::1'];

describe('anonymize: mapping of addresses', () => {
  it('hashes as FIPS 180-4 has it', () => {
    const random = new Random(seed);
    for (let length = 0; length < 300; length++) {
      const bytes = random.bytes(length);
      expect(Buffer.from(sha256(bytes)).toString('hex')).to.equal(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  for (const size of [4, 16] as const) {
    it(`keeps how many bits addresses of ${size} bytes share, special ones among them (seed ${seed})`, () => {
      const random = new Random(seed);
      const special = [
        ...SPECIAL,
        '169.254.1.2',
        '224.0.0.251',
        '10.1.2.3',
        '192.168.1.1',
        'fe80::1',
        'ff02::fb',
        'fd00::5',
      ]
        .map(bytesOf)
        .filter(({ length }) => length === size);
      for (let n = 0; n < 40; n++) {
        const keep = random.oneIn(2) ? [] : ['private', '198.51.100.0/24', '2001:db8::/33'];
        const map = addressMap({ key: random.bytes(random.between(1, 40)), keep });
        for (let pair = 0; pair < 50; pair++) {
          const a = random.oneIn(3) ? random.pick(special) : random.bytes(size);
          const b = random.oneIn(3) ? random.pick(special) : neighbour(random, a);
          expect(shared(mapped(map, a), mapped(map, b)), `${a} ${b}`).to.equal(shared(a, b));
        }
      }
    });
  }

  it('gives the same for the same key, and another for another', () => {
    const [one, again, other] = [replacer('one'), replacer(new TextEncoder().encode('one')), replacer('other')];
    const addresses = Array.from({ length: 50 }, (_, n) => `10.${n}.3.4`);
    expect(addresses.map(one)).to.deep.equal(addresses.map(again));
    expect(addresses.map(one)).not.to.deep.equal(addresses.map(other));
    // A mapping that later versions must keep.
    expect(['10.0.0.1', '192.0.2.1', '2001:db8::1'].map(one)).to.deep.equal([
      '10.247.83.219',
      '197.209.161.144',
      '3381:ff24:3ac9:39d4:d5ad:e761:5cea:aad6',
    ]);
  });

  it('is a random one without a key', () => {
    const address = bytesOf('2001:db8::1');
    expect(mapped(addressMap({}), address)).not.to.deep.equal(mapped(addressMap({}), address));
  });

  it('inverts about half of the bits', () => {
    const random = new Random(seed);
    let inverted = 0;
    for (let n = 0; n < 200; n++) {
      // Nothing special begins with these bits.
      const address = Uint8Array.of(0x5f, ...random.bytes(15));
      const other = mapped(addressMap({ key: random.bytes(16) }), address);
      for (let i = 1; i < 16; i++) for (let bit = 0; bit < 8; bit++) inverted += ((address[i] ^ other[i]) >> bit) & 1;
    }
    expect(inverted / (200 * 120)).to.be.within(0.45, 0.55);
  });

  it('keeps special addresses, and special prefixes', () => {
    for (let n = 0; n < 20; n++) {
      const replace = replacer(`key ${n}`);
      for (const address of SPECIAL) expect(replace(address)).to.equal(address);
      expect(replace('169.254.7.8')).to.match(/^169\.254\./);
      expect(replace('239.255.255.250')).to.match(/^2(2[4-9]|3\d)\./);
      expect(replace('fe80::1:2:3:4')).to.match(/^fe80::/);
      expect(replace('ff02::1')).to.match(/^ff02:/);
      // What shares bits with a special one is not special afterwards.
      expect(replace('126.0.0.1')).to.match(/^126\./);
      expect(replace('2001:db8::1')).to.match(/^[23]/);
    }
  });
});
