import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { overrunNote, releaseNote } from '../../src/capture/notes.ts';
import { pcapRecord } from '../../src/capture/pcap.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import { block, fields } from '../support/captures.ts';
import { concat, message } from '../support/fake-transport.ts';

const REPLY = message(1, [5, 6, 7, 8], { flags: 2 });
/** A cooked header with REPLY, 36 bytes. */
const PACKET = pcapRecord({ fromKernel: true, time: 0n, bytes: REPLY }).subarray(16);
const TICKS = 1_700_000_000_123_456n;

const section = (little = true): Uint8Array =>
  block(0x0a0d0d0a, fields(little, [32, 0x1a2b3c4d], [16, 1], [16, 0], [64, 0xffff_ffff_ffff_ffffn]), little);

/** An interface with its options. */
function device(linkType = 253, options: Uint8Array[] = [], little = true, snapLength = 0): Uint8Array {
  return block(1, concat(fields(little, [16, linkType], [16, 0], [32, snapLength]), ...options), little);
}

function option(code: number, value: Uint8Array, little = true): Uint8Array {
  return fields(little, [16, code], [16, value.length], value);
}

/** An enhanced packet. */
function enhanced(ticks = TICKS, number = 0, little = true, packet = PACKET, original = packet.length): Uint8Array {
  const head = fields(
    little,
    [32, number],
    [32, ticks >> 32n],
    [32, ticks & 0xffffffffn],
    [32, packet.length],
    [32, original],
  );
  return block(6, concat(head, fields(little, packet)), little);
}

const times = (...parts: Uint8Array[]): (bigint | undefined)[] =>
  readCapture(concat(...parts)).datagrams.map(({ time }) => time);

describe('pcapng', () => {
  it('counts microseconds where an interface says nothing', () => {
    const { datagrams, format } = readCapture(concat(section(), device(), enhanced()));
    expect(format).to.equal('pcapng');
    expect(datagrams).to.deep.equal([{ fromKernel: true, time: 1_700_000_000_123_456_000n, bytes: REPLY }]);
  });

  it('has the resolution, offset and link type of each interface', () => {
    const resolution = (value: number): Uint8Array => option(9, Uint8Array.of(value));
    const offset = option(14, fields(true, [64, BigInt.asUintN(64, -5n)]));
    const file = [
      section(),
      device(253, [resolution(9)]),
      device(1),
      device(253, [resolution(6), offset, option(0, new Uint8Array(0))]),
      device(253, [option(2, new TextEncoder().encode('nlmon0')), resolution(0x80 | 10)]),
      device(253, [resolution(12)]),
      ...[0, 1, 2, 3, 4].map((number) => enhanced(5_000_000_000_000_000n, number)),
    ];
    expect(times(...file)).to.deep.equal([
      5_000_000_000_000_000n,
      (5_000_000_000n - 5n) * 1_000_000_000n,
      (5_000_000_000_000_000n * 1_000_000_000n) / 1024n,
      5_000_000_000_000n,
    ]);
    expect(readCapture(concat(...file)).skipped.otherLinkTypes).to.equal(1);
  });

  it('has sections of both byte orders, each with its own interfaces', () => {
    const little = [section(), device(1), device(), enhanced(TICKS, 1)];
    const big = [section(false), device(253, [], false), enhanced(TICKS, 0, false), enhanced(TICKS, 1, false)];
    const { datagrams, skipped } = readCapture(concat(...little, ...big, ...little));
    expect(datagrams).to.have.length(3);
    expect(skipped.broken, 'a packet of an interface of the section before').to.equal(1);
  });

  it('has simple packets without a time, and those of old files', () => {
    const simple = block(3, fields(true, [32, PACKET.length], PACKET));
    const old = block(2, fields(true, [16, 0], [16, 7], [32, 0], [32, 9], [32, 36], [32, 36], PACKET));
    expect(times(section(), device(), simple, old)).to.deep.equal([undefined, 9000n]);
    const cut = readCapture(
      concat(section(), device(253, [], true, 30), block(3, fields(true, [32, 36], PACKET.subarray(0, 30)))),
    );
    expect(cut.skipped).to.include({ truncated: 1 });
  });

  it('passes over blocks that it does not know', () => {
    const unknown = [block(4, new Uint8Array(8)), block(5, new Uint8Array(12)), block(0xbad, new Uint8Array(400))];
    expect(times(section(), ...unknown, device(), ...unknown, enhanced(), ...unknown)).to.have.length(1);
  });

  it('counts packets that do not fit into their block, or name no interface', () => {
    const tooLong = enhanced();
    tooLong[20] = 200;
    const { datagrams, skipped } = readCapture(
      concat(section(), device(), tooLong, enhanced(TICKS, 9), block(6, new Uint8Array(4)), enhanced()),
    );
    expect(datagrams).to.have.length(1);
    expect(skipped).to.include({ broken: 3, cut: undefined });
  });

  it('ends at a block whose length is broken, and says where', () => {
    const start = concat(section(), device(), enhanced());
    const cases: [rest: Uint8Array, reason: RegExp][] = [
      [enhanced().subarray(0, 11), /inside of a block header/],
      [enhanced().subarray(0, -1), /a block of 68 bytes passes the end/],
      [fields(true, [32, 6], [32, 11], [32, 0]), /a block has a length of 11/],
      [fields(true, [32, 0x0a0d0d0a], [32, 28], [32, 0]), /no byte order/],
    ];
    for (const [rest, reason] of cases) {
      const { datagrams, skipped } = readCapture(concat(start, rest));
      expect(datagrams).to.have.length(1);
      expect(skipped.cut?.offset).to.equal(start.length);
      expect(skipped.cut?.reason).to.match(reason);
    }
  });

  it('is refused where its first block is none of pcapng', () => {
    expect(() => readCapture(section().subarray(0, 11))).to.throw(DecodeError, 'no byte order');
    expect(() => readCapture(fields(true, [32, 0x0a0d0d0a], [32, 28], [32, 0]))).to.throw(DecodeError);
  });

  it('is written with the release and the losses where Wireshark shows them', () => {
    const file = writeCapture([releaseNote('6.1.0'), overrunNote(258), overrunNote()], { format: 'pcapng' });
    const text = Buffer.from(file).toString('latin1');
    // opt_comment and its length, epb_flags: inbound, epb_dropcount
    expect(text).to.contain('\x01\0\x0d\0release=6.1.0');
    expect(text).to.contain('\x02\0\x04\0\x01\0\0\0\x01\0\x08\0lost=258\x04\0\x08\0\x02\x01\0\0\0\0\0\0\0\0\0\0');
    expect(text).to.contain('messages were lost here');
    expect(readCapture(writeCapture([], { format: 'pcapng' })).datagrams).to.deep.equal([]);
  });

  it('has the release of the comment also without a note', () => {
    const comment = option(1, new TextEncoder().encode('a capture\nrelease=6.2.0'));
    const body = concat(fields(true, [32, 0x1a2b3c4d], [16, 1], [16, 0], [64, 0]), comment);
    expect(readCapture(concat(block(0x0a0d0d0a, body), device())).release).to.equal('6.2.0');
  });
});
