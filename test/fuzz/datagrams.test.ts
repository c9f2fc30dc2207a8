/**
 * Broken bytes end in a value or a DecodeError: never in another exception, a hang, or a read out of range.
 *
 * CTNETLINK_SEED       where the mutations start; 'random' for another run every time
 * CTNETLINK_MUTATIONS  how many; default 15,000, 100,000 in CI, 1,000,000 in a soak
 */
import { expect } from 'chai';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { checkMessages, consume, type Outcome, picture } from '../support/fuzz/consume.ts';
import { capturedDatagrams, corpus } from '../support/fuzz/corpus.ts';
import { Canvas } from '../support/fuzz/mutate.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();
const MUTATIONS = Number(process.env.CTNETLINK_MUTATIONS ?? sized({ quick: 7_000, landing: 40_000, soak: 1_000_000 }));
/** Of so many mutated datagrams one is looked at twice, in all that can be seen of it. */
const CLOSE_LOOK = 50;
/** Bytes between two prefixes of a datagram: odd, so that they end at every place of an attribute. */
const STEP = sized({ quick: 11, landing: 3, soak: 1 });

describe('fuzz: datagrams', function () {
  this.timeout(900_000);
  const { stackTraceLimit } = Error;
  let outcome: Outcome;

  before(() => {
    // Half of a run is DecodeErrors, and a stack costs more than all the reading.
    Error.stackTraceLimit = 0;
  });
  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
  beforeEach(() => {
    outcome = { flows: 0, expectations: 0, stats: 0, acks: 0, refusals: 0 };
  });

  it('whole captures are read without a complaint', () => {
    const datagrams = capturedDatagrams();
    expect(datagrams.length).to.be.above(50);
    for (const bytes of datagrams) consume(viewOf(bytes), outcome);
    expect(outcome.flows).to.be.above(100);
    expect(outcome.acks).to.be.above(20);
  });

  it(`every prefix of every captured datagram, ${STEP} bytes apart`, () => {
    const canvas = new Canvas();
    let prefixes = 0;
    for (const bytes of capturedDatagrams()) {
      for (let length = 0; length < bytes.length; length += STEP) {
        canvas.load(bytes, length);
        consume(canvas.view, outcome);
        prefixes++;
      }
    }
    expect(prefixes).to.be.above(50_000 / STEP);
    expect(outcome.refusals).to.be.above(25_000 / STEP);
  });

  it(`${MUTATIONS} mutations (seed ${seed})`, () => {
    const random = new Random(seed);
    const { small, whole } = corpus();
    const canvas = new Canvas();
    const failed = (error: unknown, n: number): never => {
      const hex = Buffer.from(canvas.bytes).toString('hex');
      throw new Error(`seed ${seed}, mutation ${n}: ${(error as Error).message}\n${hex}`, { cause: error });
    };
    for (let n = 0; n < MUTATIONS; n++) {
      canvas.load(random.pick(random.oneIn(500) ? whole : small));
      canvas.mutate(random, small);
      try {
        consume(canvas.view, outcome);
        if (n % CLOSE_LOOK === 0) {
          const one = picture(canvas.view);
          canvas.surroundWith(0x3a);
          if (picture(canvas.view) !== one) throw new Error('what surrounds the datagram was read');
          if (!canvas.intact) throw new Error('what surrounds the datagram was written');
          checkMessages(canvas.view);
          canvas.surroundWith(0xc5);
        }
      } catch (error) {
        failed(error, n);
      }
    }
    // Neither all broken nor all whole.
    expect(outcome.flows).to.be.above(MUTATIONS / 10);
    expect(outcome.refusals).to.be.above(MUTATIONS / 10);
    expect(outcome.acks).to.be.above(MUTATIONS / 100);
    expect(outcome.stats).to.be.above(MUTATIONS / 100);
  });

  it('random bytes, which are no message', () => {
    const random = new Random(seed);
    const canvas = new Canvas();
    for (let n = 0; n < 20_000; n++) {
      canvas.load(random.bytes(random.below(200)));
      consume(canvas.view, outcome);
    }
    expect(outcome.refusals).to.be.above(10_000);
  });
});
