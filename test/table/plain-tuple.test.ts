/** Tuples that are looked up without a flow, beside the same read as those of a flow. */
import { expect } from 'chai';
import type { TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { flowFrom } from '../../src/ctnetlink/flow.ts';
import { ORIG } from '../../src/ctnetlink/slots.ts';
import { checkTuple } from '../../src/ctnetlink/tuple.ts';
import { readPlainTuple } from '../../src/table/plain-tuple.ts';
import { TupleKey } from '../../src/table/store/tuple-key.ts';
import { ORIGINAL } from '../../src/table/store/tuple-places.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const ADDRESSES = ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2', '::', '1.2.3', 'fd00', 5, undefined];
const PROTOCOLS = ['tcp', 'udp', 'icmp', 'icmpv6', 'gre', 'sctp', 'dccp', 'TCP', 6, 47, 255, 300, undefined];
const NUMBERS = [0, 1, 255, 256, 65_535, 65_536, -1, 1.5, Number.NaN, '1', undefined];
const PARTS = ['sport', 'dport', 'icmpType', 'icmpCode', 'icmpId', 'zone', 'family', 'port'];
const USUAL = { tcp: ['sport', 'dport'], icmp: ['icmpType', 'icmpCode', 'icmpId'] };

function anyTuple(random: Random): TupleInit {
  const wild = random.oneIn(3);
  const address = (): unknown => random.pick(ADDRESSES.slice(0, wild ? undefined : 2));
  const tuple: Record<string, unknown> = { src: address(), dst: address(), proto: random.pick(['tcp', 'icmp']) };
  for (const name of USUAL[tuple.proto as 'tcp' | 'icmp'])
    tuple[name] = random.pick(NUMBERS.slice(0, wild ? undefined : 3));
  if (wild) tuple.proto = random.pick(PROTOCOLS);
  if (random.oneIn(8)) tuple[random.pick(PARTS)] = random.pick(NUMBERS);
  if (random.oneIn(8)) delete tuple[random.pick(Object.keys(tuple))];
  return tuple as TupleInit;
}

describe('a tuple that is looked up', () => {
  it('is read as that of a flow, or left to be read so', () => {
    const random = new Random(seedFromEnvironment());
    let plain = 0;
    for (let step = 0; step < 20_000; step++) {
      const tuple = anyTuple(random);
      const zone = random.oneIn(2) ? 0 : 7;
      const key = new TupleKey(1);
      if (!readPlainTuple(tuple, zone, key)) continue;
      plain++;
      const { slots } = flowFrom({ orig: tuple, zone }, 'tuple');
      checkTuple(slots, ORIG, 'tuple');
      const wanted = new TupleKey(1).read(slots, ORIGINAL);
      expect([key.equals(wanted), key.hash], JSON.stringify(tuple)).to.deep.equal([true, wanted.hash]);
    }
    expect(plain).to.be.above(5000);
  });
});
