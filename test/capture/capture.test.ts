import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { fileSource } from '../../src/capture/file-source.ts';
import { messages } from '../../src/capture/messages.ts';
import { lossOf, overrunNote, releaseNote } from '../../src/capture/notes.ts';
import { scan } from '../../src/capture/scan.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { datagram, message } from '../support/fake-transport.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const REQUEST = message(1, [1, 2, 3, 4], { flags: 1 });
const REPLY = message(1, [5, 6, 7, 8], { flags: 2 });

describe('readCapture and writeCapture', () => {
  const names = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('/capture.pcap'),
  );

  for (const name of names) {
    it(`read ${name} as before, and write it as it was`, () => {
      const file = new Uint8Array(readFileSync(FIXTURES + name));
      const { datagrams, format, skipped } = readCapture(file);
      expect(format).to.equal('pcap');
      expect(datagrams).to.deep.equal(readCapture(file).datagrams);
      expect(skipped).to.include({ truncated: 0, broken: 0, otherFamilies: 0, otherLinkTypes: 0, cut: undefined });
      expect(writeCapture(datagrams)).to.deep.equal(file);
    });

    it(`read ${name} from the file piece by piece`, () => {
      const source = fileSource(FIXTURES + name);
      try {
        const { datagrams, source: places } = scan(source);
        const found = [...datagrams()].map(({ at, length }) => places.read(at, length).slice());
        expect(found).to.deep.equal(readCapture(readFileSync(FIXTURES + name)).datagrams.map(({ bytes }) => bytes));
      } finally {
        source.close();
      }
    });
  }

  it('keep the direction, the time and the socket', () => {
    const datagrams: CapturedDatagram[] = [
      { fromKernel: false, time: 1_700_000_000_123_456_789n, bytes: REQUEST, socket: 4_000_000_000 },
      { fromKernel: true, time: 4_294_967_295_000_000_001n, bytes: REPLY, socket: 0 },
      // The kernel's answers may have NLM_F_REQUEST, and what is sent may lack it.
      { fromKernel: true, time: undefined, bytes: REQUEST },
      { fromKernel: false, time: 5n, bytes: REPLY },
      releaseNote('6.1.0-18-amd64'),
      overrunNote(12),
      overrunNote(),
    ];
    const read = readCapture(writeCapture(datagrams));
    expect(read.datagrams).to.deep.equal(datagrams);
    expect(read.release).to.equal('6.1.0-18-amd64');
  });

  it('give a loss where a packet was cut, with the messages that are there', () => {
    const file = writeCapture([{ fromKernel: true, time: 7n, bytes: datagram(REPLY, REPLY) }]);
    // The second message loses its last byte; the packet header says that there was one more.
    viewOf(file).setUint32(32, 16 + 39, HOST_LITTLE_ENDIAN);
    const { datagrams, skipped } = readCapture(file.subarray(0, -1));
    expect(datagrams.map(({ bytes }) => lossOf(bytes) ?? bytes)).to.deep.equal(['', REPLY]);
    expect(skipped.truncated).to.equal(1);
  });
});

describe('messages', () => {
  it('gives each message of a datagram', () => {
    expect(messages(datagram(REQUEST, REPLY))).to.deep.equal([REQUEST, REPLY]);
  });
});
