import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError, NetlinkError, UnsupportedError } from '../../src/netlink/errors.ts';
import { type CapturedDatagram, pcapFileHeader, pcapRecord, readPcap } from '../../src/transport/pcap.ts';
import { replay } from '../../src/transport/replay.ts';
import { concat, message } from '../support/fake-transport.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { fixtureBytes, fixtureNames, pcap } from './captures.ts';

const REQUEST = message(1, [1, 2, 3, 4], { flags: 1 });
const REPLY = message(1, [5, 6, 7, 8], { flags: 2 });

/** What reading throws. */
function failure(file: Uint8Array): DecodeError | UnsupportedError {
  try {
    readPcap(file);
  } catch (error) {
    return error as DecodeError | UnsupportedError;
  }
  throw new Error('it was read');
}

/** A capture of one datagram with one field of 32 bits changed: the file header has 24 bytes, a packet header 16. */
function changed(offset: number, value: number): Uint8Array {
  const file = pcap({ fromKernel: false, time: 5n, bytes: REQUEST });
  viewOf(file).setUint32(offset, value, HOST_LITTLE_ENDIAN);
  return file;
}

describe('pcap', () => {
  it('reads what it wrote', () => {
    const datagrams: CapturedDatagram[] = [
      { fromKernel: false, time: 0n, bytes: REQUEST },
      { fromKernel: true, time: 1_700_000_000_999_999_999n, bytes: REPLY },
      // The kernel's answers may have NLM_F_REQUEST: the packet type decides.
      { fromKernel: true, time: 1n, bytes: REQUEST },
      // The last second that 32 bits have.
      { fromKernel: true, time: 4_294_967_295_000_000_001n, bytes: new Uint8Array(0) },
      { fromKernel: true, time: 2n, bytes: new Uint8Array(65_536).fill(7) },
    ];
    const read = readPcap(pcap(...datagrams));
    expect(read.map(({ fromKernel, time }) => [fromKernel, time])).to.deep.equal(
      datagrams.map(({ fromKernel, time }) => [fromKernel, time]),
    );
    for (const [index, { bytes }] of read.entries()) expect(Buffer.compare(bytes, datagrams[index].bytes)).to.equal(0);
  });

  it('reads a file inside of a larger buffer', () => {
    const file = pcap({ fromKernel: true, time: 7n, bytes: REPLY });
    const around = concat(new Uint8Array(13).fill(0xff), file, new Uint8Array(20).fill(0xff));
    const [read] = readPcap(around.subarray(13, 13 + file.length));
    expect(read.bytes).to.deep.equal(REPLY);
  });

  it('gives datagrams whose copies are copies, also of a Buffer', () => {
    const file = Buffer.from(pcap({ fromKernel: true, time: 7n, bytes: REPLY }));
    const [{ bytes }] = readPcap(file);
    bytes.slice().fill(0);
    expect(bytes).to.deep.equal(REPLY);
  });

  it('reads what counts microseconds', () => {
    const file = pcap({ fromKernel: true, time: 3_000_000_456n, bytes: REPLY });
    viewOf(file).setUint32(0, 0xa1b2c3d4, HOST_LITTLE_ENDIAN);
    expect(readPcap(file)[0].time).to.equal(3_000_456_000n);
  });

  it('is what tcpdump has for netlink', () => {
    const header = viewOf(pcapFileHeader());
    expect(header.getUint16(4, HOST_LITTLE_ENDIAN)).to.equal(2);
    expect(header.getUint16(6, HOST_LITTLE_ENDIAN)).to.equal(4);
    expect(header.getUint32(20, HOST_LITTLE_ENDIAN)).to.equal(253);
    const record = pcapRecord({ fromKernel: false, time: 1n, bytes: REQUEST });
    // Big-endian: PACKET_OUTGOING, ARPHRD_NETLINK, nothing, NETLINK_NETFILTER.
    expect(Buffer.from(record.subarray(16, 32)).toString('hex')).to.equal('0004033800000000000000000000000c');
  });

  it('tells by NLM_F_REQUEST where a datagram of nlmon went: all are outgoing', () => {
    const datagrams = [REQUEST, REPLY, REPLY, new Uint8Array(3), REQUEST].map((bytes) => ({
      fromKernel: false,
      time: 0n,
      bytes,
    }));
    expect(readPcap(pcap(...datagrams)).map(({ fromKernel }) => fromKernel)).to.deep.equal([
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  it('leaves other netlink families out', () => {
    const route = pcapRecord({ fromKernel: true, time: 0n, bytes: message(3) });
    viewOf(route).setUint16(30, 0);
    const ours = pcapRecord({ fromKernel: true, time: 0n, bytes: REPLY });
    const read = readPcap(concat(pcapFileHeader(), route, ours, route));
    expect(read.map(({ bytes }) => bytes)).to.deep.equal([REPLY]);
  });

  it('ignores what stands beside the link type: the length of a frame check sequence', () => {
    expect(readPcap(changed(20, 0x1000_00fd))).to.have.length(1);
  });

  it('refuses what is no capture, or a broken one, and says where', () => {
    const cases: [file: Uint8Array, offset: number, text: string][] = [
      [new Uint8Array(0), 0, '0 bytes are no pcap file'],
      [pcapFileHeader().subarray(0, 23), 0, '23 bytes are no pcap file'],
      [new Uint8Array(100), 0, 'no pcap file'],
      [changed(0, 0x12345678), 0, 'no pcap file'],
      [concat(pcap({ fromKernel: true, time: 0n, bytes: REPLY }), new Uint8Array(15)), 76, 'inside a packet header'],
      [changed(32, 37), 24, 'a packet of 37 bytes passes the end of the file'],
      [changed(32, 0xffffffff), 24, 'a packet of 4294967295 bytes passes'],
      [changed(32, 15), 24, 'a packet of 15 bytes lacks the cooked header'],
      [changed(36, 37), 24, 'a packet was cut (snap length)'],
    ];
    for (const [file, offset, text] of cases) {
      const error = failure(file);
      expect(error, text).to.be.instanceOf(DecodeError);
      expect(error.message).to.contain(text);
      expect((error as DecodeError).offset, text).to.equal(offset);
    }
  });

  it('refuses what it could read but does not, with the remedy', () => {
    const pcapng = Uint8Array.from(Buffer.from('0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff', 'hex'));
    const swapped = pcapFileHeader();
    viewOf(swapped).setUint32(0, 0xa1b23c4d, !HOST_LITTLE_ENDIAN);
    const swappedMicroseconds = pcapFileHeader();
    viewOf(swappedMicroseconds).setUint32(0, 0xa1b2c3d4, !HOST_LITTLE_ENDIAN);
    const cases: [Uint8Array, string][] = [
      [pcapng, 'editcap -F pcap'],
      [changed(20, 1), 'link type 1 is not netlink (253)'],
      [swapped, 'other byte order'],
      [swappedMicroseconds, 'other byte order'],
    ];
    for (const [file, text] of cases) {
      const error = failure(file);
      expect(error, text).to.be.instanceOf(UnsupportedError);
      expect(error.message).to.contain(text);
    }
  });
});

/** Reads a capture that may be anything, and opens it. Whatever else it throws fails the test. */
function readAnything(file: Uint8Array): 'read' | 'refused' {
  try {
    readPcap(file);
    replay(file);
    return 'read';
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof UnsupportedError)) throw error;
    return 'refused';
  }
}

describe('pcap: of any bytes', () => {
  for (const name of fixtureNames) {
    it(`every prefix of ${name} is read or refused`, () => {
      const file = fixtureBytes(name);
      const results = Array.from(file, (_, length) => readAnything(file.subarray(0, length)));
      expect(readAnything(file)).to.equal('read');
      // A file that ends between two packets is whole.
      const whole = results.filter((result) => result === 'read').length;
      expect(whole).to.be.within(1, 1 + readPcap(file).length);
    });
  }

  it('mutations are read or refused', () => {
    const random = new Random(seedFromEnvironment());
    const results = { read: 0, refused: 0 };
    for (let round = 0; round < 3000; round++) {
      const file = new Uint8Array(fixtureBytes(random.pick(fixtureNames)));
      for (let n = random.between(1, 8); n > 0; n--) file[random.below(file.length)] = random.below(256);
      results[readAnything(file)]++;
    }
    expect(results.read, `seed ${random.seed}`).to.be.above(100);
    expect(results.refused, `seed ${random.seed}`).to.be.above(100);
  });

  it('mutations that are read are dumped to flows or an error of ours, and never wait for ever', async () => {
    const random = new Random(seedFromEnvironment());
    for (let round = 0; round < 500; round++) {
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
      expect(error).to.have.property('code', 'ERR_CLOSED');
    }
    expect(flows).to.have.length.above(30);
  });
});
