/** Broken capture files end in datagrams, a DecodeError or an UnsupportedError, whether they are read or replayed. */
import { expect } from 'chai';
import { readCapture } from '../../src/capture/capture.ts';
import { DecodeError, UnsupportedError } from '../../src/netlink/errors.ts';
import { replay } from '../../src/replay/replay.ts';
import { captureFiles } from '../support/fuzz/corpus.ts';
import { Canvas } from '../support/fuzz/mutate.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();
const MUTATIONS = sized({ quick: 5_000, landing: 10_000, soak: 300_000 });

/** Bytes between two prefixes: odd, so that they end at every place of a packet. */
const STEP = sized({ quick: 11, landing: 3, soak: 1 });

describe('fuzz: captures', () => {
  const { stackTraceLimit } = Error;
  before(() => {
    Error.stackTraceLimit = 0;
  });
  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  /** True when the file was taken. */
  function take(file: Uint8Array): boolean {
    try {
      let bytes = 0;
      for (const datagram of readCapture(file).datagrams) bytes += datagram.bytes.length;
      if (bytes > file.length) throw new Error(`${bytes} bytes of datagrams in a file of ${file.length}`);
      replay(file);
      return true;
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof UnsupportedError)) throw error;
      return false;
    }
  }

  it('whole ones are taken', () => {
    const files = captureFiles();
    expect(files.length).to.be.at.least(5);
    for (const file of files) expect(take(file)).to.equal(true);
  });

  it(`every prefix, ${STEP} bytes apart`, () => {
    let taken = 0;
    for (const file of captureFiles().filter(({ length }) => length < 10_000)) {
      for (let length = 0; length < file.length; length += STEP) if (take(file.subarray(0, length))) taken++;
    }
    expect(taken, 'those that end between packets').to.be.above(20);
  });

  it(`${MUTATIONS} mutations (seed ${seed})`, () => {
    const random = new Random(seed);
    const files = captureFiles().filter(({ length }) => length < 10_000);
    const canvas = new Canvas();
    let taken = 0;
    for (let n = 0; n < MUTATIONS; n++) {
      canvas.load(random.pick(files));
      canvas.mutate(random, files);
      try {
        if (take(canvas.bytes)) taken++;
      } catch (error) {
        const hex = Buffer.from(canvas.bytes).toString('hex');
        throw new Error(`seed ${seed}, mutation ${n}: ${(error as Error).stack}\n${hex}`, { cause: error });
      }
    }
    expect(taken).to.be.within(MUTATIONS / 20, MUTATIONS - MUTATIONS / 20);
  });
});
