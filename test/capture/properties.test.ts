/** What every format keeps, whatever is written; and what is left of a file that was cut or broken. */
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Capture, readCapture, writeCapture } from '../../src/capture/capture.ts';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { HEX_HEADER } from '../../src/capture/hex.ts';
import { scan } from '../../src/capture/scan.ts';
import { memorySource } from '../../src/capture/source.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError, UnsupportedError } from '../../src/netlink/errors.ts';
import { walkDatagram } from '../../src/netlink/nlmsg.ts';
import { captureBytes, captureNames, otherOrder, randomDatagrams } from '../support/captures.ts';
import { Canvas } from '../support/fuzz/mutate.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

const FORMATS = ['pcap', 'pcapng', 'hex'] as const;
const seed = seedFromEnvironment();

const key = ({ fromKernel, time, bytes, socket }: CapturedDatagram): string =>
  `${fromKernel} ${time} ${socket} ${Buffer.from(bytes).toString('hex')}`;

/** Undefined: refused as no capture. Whatever else is thrown fails the test. */
function attempt(file: Uint8Array): Capture | undefined {
  try {
    return readCapture(file);
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof UnsupportedError)) throw error;
    return undefined;
  }
}

describe(`captures of any datagrams (seed ${seed})`, () => {
  for (const format of FORMATS) {
    it(`are the same when written as ${format}, compressed, and of the other byte order`, () => {
      const random = new Random(seed);
      for (let round = 0; round < 300; round++) {
        const datagrams = randomDatagrams(random);
        const file = writeCapture(datagrams, { format });
        const read = readCapture(file);
        expect(read.format).to.equal(format);
        expect(read.datagrams, `round ${round}`).to.deep.equal(datagrams);
        expect(read.skipped).to.deep.equal({
          truncated: 0,
          broken: 0,
          otherFamilies: 0,
          otherLinkTypes: 0,
          cut: undefined,
        });
        if (round % 10 !== 0) continue;
        expect(readCapture(gzipSync(file)), `round ${round}`).to.deep.equal(read);
        const notes = datagrams.filter(({ bytes }) => bytes[5] !== 0 || bytes[4] > 4);
        const turned = notes.map((each) => ({ ...each, bytes: otherOrder(each.bytes) }));
        expect(readCapture(writeCapture(turned, { format })).datagrams, `round ${round}`).to.deep.equal(notes);
      }
    });

    it(`are a beginning when a ${format} file was cut, at whatever byte`, () => {
      const random = new Random(seed);
      const datagrams = randomDatagrams(random, 8);
      const file = writeCapture(datagrams, { format });
      const whole = datagrams.map(key);
      let most = 0;
      for (let length = 0; length < file.length; length++) {
        const read = attempt(file.subarray(0, length));
        if (read === undefined) {
          expect(length, 'refused').to.be.below({ pcap: 24, pcapng: 12, hex: HEX_HEADER.length }[format]);
          continue;
        }
        const found = read.datagrams.map(key);
        // A line of text may be cut between two messages.
        if (format === 'hex' && found.length > 0 && !whole[found.length - 1].startsWith(found.at(-1)!)) {
          throw new Error(`cut at ${length}: ${found.at(-1)} instead of ${whole[found.length - 1]}`);
        }
        const sure = format === 'hex' ? found.slice(0, -1) : found;
        expect(sure, `cut at ${length}`).to.deep.equal(whole.slice(0, sure.length));
        most = Math.max(most, found.length);
      }
      expect(most).to.be.within(7, 8);
    });
  }

  it('say where a file was cut', () => {
    const datagrams = randomDatagrams(new Random(seed), 8);
    for (const format of FORMATS) {
      const file = writeCapture(datagrams, { format });
      expect(readCapture(file.subarray(0, -4)).skipped.cut, format).to.be.an('object');
    }
    const packed = gzipSync(writeCapture(datagrams));
    expect(readCapture(packed.subarray(0, -1)).skipped.cut?.reason).to.equal('the gzip file ends early');
    for (let length = 0; length < packed.length; length += 7) attempt(packed.subarray(0, length));
  });

  it('are whole messages in whatever is left of a broken file', () => {
    const random = new Random(seed);
    const own = FORMATS.map((format) => writeCapture(randomDatagrams(random, 10), { format }));
    const files = [...captureNames('.pcap', '.pcapng', '.log').map(captureBytes), ...own].filter(
      ({ length }) => length < 20_000,
    );
    const canvas = new Canvas();
    let taken = 0;
    for (let round = 0; round < 4000; round++) {
      canvas.load(random.pick(files));
      canvas.mutate(random, files);
      try {
        const read = attempt(canvas.bytes);
        if (read === undefined) continue;
        taken++;
        for (const { bytes } of read.datagrams) walkDatagram(viewOf(bytes), () => {});
        const { datagrams, source, skipped } = scan(memorySource(canvas.bytes));
        for (const { at, length } of datagrams())
          if (length > 0) walkDatagram(viewOf(source.read(at, length)), () => {});
        expect(skipped).to.deep.equal(read.skipped);
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${(error as Error).stack}`, { cause: error });
      }
    }
    expect(taken).to.be.above(2000);
  });
});
