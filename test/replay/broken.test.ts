/** Replays of captures that are broken in any way. */
import { expect } from 'chai';
import { Conntrack } from '../../src/index.ts';
import { DecodeError, NetlinkError, UnsupportedError } from '../../src/netlink/errors.ts';
import { replay } from '../../src/replay.ts';
import { fixtureBytes, fixtureNames } from '../support/fixtures.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

/** Reads a capture that may be anything, and opens it. Whatever else it throws fails the test. */
function readAnything(file: Uint8Array): 'read' | 'refused' {
  try {
    replay(file);
    return 'read';
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof UnsupportedError)) throw error;
    return 'refused';
  }
}

/** Bytes between two beginnings of a capture: odd, so that they end at every place of an attribute. */
const STEP = sized({ quick: 11, landing: 3, soak: 1 });

describe('replay: of any bytes', () => {
  for (const name of fixtureNames) {
    it(`every beginning of ${name}, ${STEP} bytes apart, is replayed, but for one without a whole file header`, () => {
      const file = fixtureBytes(name);
      for (let length = 0; length <= file.length; length += length < 100 ? 1 : STEP)
        expect(readAnything(file.subarray(0, length)), `${length} bytes`).to.equal(length < 24 ? 'refused' : 'read');
    });
  }

  it('mutations are read or refused', () => {
    const random = new Random(seedFromEnvironment());
    const results = { read: 0, refused: 0 };
    for (let round = 0; round < sized({ quick: 400, landing: 1500, soak: 20_000 }); round++) {
      const file = new Uint8Array(fixtureBytes(random.pick(fixtureNames)));
      for (let n = random.between(1, 8); n > 0; n--) file[random.below(file.length)] = random.below(256);
      results[readAnything(file)]++;
    }
    expect(results.read, `seed ${random.seed}`).to.be.above(100);
    // Only what is wrong with the file header is.
    expect(results.refused, `seed ${random.seed}`).to.be.above(10);
  });

  it('mutations that are read are dumped to flows or an error of ours, and never wait for ever', async () => {
    const random = new Random(seedFromEnvironment());
    for (let round = 0; round < sized({ quick: 100, landing: 250, soak: 5000 }); round++) {
      const file = new Uint8Array(fixtureBytes('mixed'));
      // Behind the request, so that there is an answer to it.
      for (let n = random.between(1, 8); n > 0; n--) file[random.between(150, file.length - 1)] = random.below(256);
      if (readAnything(file) === 'refused') continue;
      const ct = await Conntrack.open({ transport: replay(file) });
      const late = setTimeout(() => ct.close(), 60_000);
      try {
        expect(await ct.dump().toArray()).to.be.an('array');
      } catch (error) {
        expect(error, `seed ${random.seed}, round ${round}: ${(error as Error).stack}`).to.be.instanceOf(NetlinkError);
        expect((error as Error).message).not.to.equal('the socket is closed');
      } finally {
        clearTimeout(late);
        await ct.close();
      }
    }
  });

  it('a capture that ends inside of an answer fails the request', async () => {
    const file = fixtureBytes('mixed');
    // Without the packet with the DONE.
    const ct = await Conntrack.open({ transport: replay(file.subarray(0, file.length - 16 - 16 - 20)) });
    const flows: unknown[] = [];
    try {
      for await (const flow of ct.dump()) flows.push(flow);
      throw new Error('it ended');
    } catch (error) {
      expect((error as Error).message).to.contain('the capture ends before the answer to dump does');
      expect(error).to.have.property('name', 'ReplayError');
    }
    expect(flows).to.have.length.above(30);
  });
});
