/**
 * Broken datagrams and captures are anonymised or left out: nothing but typed errors is thrown, and no address leaves.
 */
import { expect } from 'chai';
import { anonymize } from '../../src/anonymize/anonymize.ts';
import { Anonymizer } from '../../src/anonymize/anonymizer.ts';
import { messages } from '../../src/capture/messages.ts';
import { decodeExpectation, decodeFlow } from '../../src/ctnetlink/message.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError, UnsupportedError } from '../../src/netlink/errors.ts';
import { addressesIn, bytesOf, isPrefixMask, KEY, replacer } from '../support/anonymize.ts';
import { captureFiles, corpus } from '../support/fuzz/corpus.ts';
import { Canvas } from '../support/fuzz/mutate.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();
const MUTATIONS = sized({ quick: 5_000, landing: 10_000, soak: 50_000 });
const FILES = sized({ quick: 500, landing: 1000, soak: 5000 });

/** The addresses that a message has, but those that stay: special ones, and such as may be a mask. */
function originals(bytes: Uint8Array): Uint8Array[] {
  const replace = replacer();
  const view = viewOf(bytes);
  const type = view.getUint16(4, HOST_LITTLE_ENDIAN) >> 8;
  let text = '';
  try {
    if (type === 1) text = JSON.stringify(decodeFlow(view, 0, bytes.length));
    if (type === 2) text = JSON.stringify(decodeExpectation(view, 0, bytes.length));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
  return [...addressesIn(text)].filter((each) => replace(each) !== each && !isPrefixMask(each)).map(bytesOf);
}

/**
 * Other lengths, and types that nobody knows: the bytes of addresses stay together, wherever they are then. Known types
 * are not exchanged: an address that a message calls a mark is one.
 */
function mutateHeaders(random: Random, original: Uint8Array): Uint8Array {
  const bytes = original.slice(0, random.oneIn(5) ? random.below(original.length) : original.length);
  const view = viewOf(bytes);
  for (let times = random.between(1, 4); times > 0 && bytes.length >= 24; times--) {
    const at = 20 + random.below((bytes.length - 20) >> 2) * 4;
    const length = view.getUint16(at, HOST_LITTLE_ENDIAN);
    if (random.oneIn(8)) view.setUint32(0, random.between(0, bytes.length), HOST_LITTLE_ENDIAN);
    else if (random.oneIn(3)) view.setUint16(at, length ^ (1 << random.below(8)), HOST_LITTLE_ENDIAN);
    else if (random.oneIn(2)) view.setUint16(at, random.pick([0, 4, 8, 12, 20, random.below(64)]), HOST_LITTLE_ENDIAN);
    else view.setUint16(at + 2, random.between(30, 63) | random.pick([0, 0x8000]), HOST_LITTLE_ENDIAN);
  }
  return bytes;
}

describe('fuzz: anonymize', () => {
  const { stackTraceLimit } = Error;
  before(() => {
    Error.stackTraceLimit = 0;
  });
  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it(`${MUTATIONS} datagrams with other headers have none of their addresses (seed ${seed})`, () => {
    const random = new Random(seed);
    const all = corpus()
      .small.map((bytes) => ({ bytes, addresses: messages(bytes).flatMap(originals) }))
      .filter(({ addresses }) => addresses.length > 0);
    expect(all.length).to.be.above(100);
    const anonymizer = new Anonymizer({ key: KEY });
    let given = 0;
    for (let n = 0; n < MUTATIONS; n++) {
      const { bytes, addresses } = random.pick(all);
      const mutated = mutateHeaders(random, bytes);
      const datagram = { fromKernel: random.oneIn(2), time: undefined, bytes: mutated };
      for (const { bytes: out } of anonymizer.datagrams(datagram)) {
        given++;
        expect(out.length).to.be.at.most(Math.max(16, mutated.length));
        for (const address of addresses) {
          if (Buffer.from(out.buffer, out.byteOffset, out.length).indexOf(address) < 0) continue;
          const hex = [mutated, out, address].map((each) => Buffer.from(each).toString('hex')).join('\n');
          throw new Error(`seed ${seed}, mutation ${n}: an address leaves\n${hex}`);
        }
      }
    }
    expect(given).to.be.above(MUTATIONS / 4);
  });

  it(`${FILES} captures end in a capture or a typed error (seed ${seed})`, () => {
    const random = new Random(seed);
    const files = captureFiles().filter(({ length }) => length < 10_000);
    const canvas = new Canvas();
    let taken = 0;
    for (let n = 0; n < FILES; n++) {
      canvas.load(random.pick(files));
      canvas.mutate(random, files);
      try {
        anonymize(anonymize(canvas.bytes, { key: KEY }));
        taken++;
      } catch (error) {
        if (error instanceof DecodeError || error instanceof UnsupportedError) continue;
        const hex = Buffer.from(canvas.bytes).toString('hex');
        throw new Error(`seed ${seed}, mutation ${n}: ${(error as Error).stack}\n${hex}`, { cause: error });
      }
      expect(canvas.intact).to.equal(true);
    }
    expect(taken).to.be.above(FILES / 2);
  });
});
