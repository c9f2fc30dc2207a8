import { expect } from 'chai';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import { DecodeError, UnsupportedError } from '../../src/netlink/errors.ts';
import { otherOrder } from '../support/captures.ts';
import { datagram, message } from '../support/fake-transport.ts';

const read = (text: string): ReturnType<typeof readCapture> => readCapture(new TextEncoder().encode(text));
const bytesOf = (text: string): Uint8Array[] => read(text).datagrams.map(({ bytes }) => bytes);
const list = (bytes: Uint8Array, write: (byte: number) => string, between: string): string =>
  Array.from(bytes, write).join(between);

const REQUEST = message(7, [0, 0, 0, 0], { type: 0x101, flags: 0x301 });
const REPLY = message(7, [2, 0, 0, 0, 8, 0, 3, 0, 0, 0, 1, 0x8e], { type: 0x100, flags: 2 });
const HEX = Buffer.from(REQUEST).toString('hex');
const hex2 = (byte: number): string => byte.toString(16).padStart(2, '0');

describe('hexadecimal text', () => {
  it('has a datagram a line, with its direction, and its time and socket where they are known', () => {
    const text = `# a comment\n> ${HEX} # behind\n\n1700000000.5 <${Buffer.from(REPLY).toString('hex')}\n[17] > ${HEX}\n2023-11-14T22:13:20.25Z [17] -> ${HEX}\n`;
    const { datagrams, format, skipped } = read(text);
    expect(format).to.equal('hex');
    expect(datagrams).to.deep.equal([
      { fromKernel: false, time: undefined, bytes: REQUEST },
      { fromKernel: true, time: 1_700_000_000_500_000_000n, bytes: REPLY },
      { fromKernel: false, time: undefined, bytes: REQUEST, socket: 17 },
      { fromKernel: false, time: 1_700_000_000_250_000_000n, bytes: REQUEST, socket: 17 },
    ]);
    expect(skipped).to.include({ broken: 0, truncated: 0, cut: undefined });
  });

  it('is written as it is read', () => {
    const file = writeCapture([{ fromKernel: false, time: 1_700_000_000_000_000_001n, bytes: REQUEST, socket: 9 }], {
      format: 'hex',
    });
    expect(new TextDecoder().decode(file).split('\n').slice(1)).to.deep.equal([
      '1700000000.000000001 [9] > 14000000 01010103 07000000 00000000 00000000',
      '',
    ]);
  });

  const FORMS: [name: string, write: (bytes: Uint8Array) => string][] = [
    ['spaces', (bytes) => `> ${list(bytes, hex2, ' ')}`],
    ['colons', (bytes) => `> ${list(bytes, hex2, ':').toUpperCase()}`],
    ['several lines', (bytes) => `> ${list(bytes.subarray(0, 7), hex2, ' ')}\n  ${list(bytes.subarray(7), hex2, ' ')}`],
    ['no arrow', (bytes) => list(bytes, hex2, ' ')],
    ['0x', (bytes) => list(bytes, (byte) => `0x${hex2(byte)}`, ', ')],
    [
      'C',
      (bytes) =>
        `static const unsigned char req[20] = {\n  /* nlmsghdr */ ${list(bytes.subarray(0, 8), (byte) => `0x${hex2(byte)}`, ', ')}, // why\n\t${list(bytes.subarray(8), (byte) => `0x${byte.toString(16)}`, ',')},\n};`,
    ],
    ['Go %v', (bytes) => `2023/01/02 15:04:05 sent: [${list(bytes, String, ' ')}]`],
    ['Go %#v', (bytes) => `msg := []byte{${list(bytes, (byte) => `0x${byte.toString(16)}`, ', ')}}`],
    ['Go decimal', (bytes) => `b := []byte{${list(bytes, String, ', ')}}`],
    ['JSON', (bytes) => `[\n${JSON.stringify([...bytes]).slice(1)}`.replace('[\n', '[')],
    ['C string', (bytes) => `const char *m = "${list(bytes, (byte) => `\\x${hex2(byte)}`, '')}";`],
    ['Python', (bytes) => `b'${list(bytes, (byte) => `\\x${hex2(byte)}`, '')}'`],
    [
      'hexdump -C',
      (bytes) =>
        rows(
          bytes,
          (at) => `${at.toString(16).padStart(8, '0')}  `,
          1,
          (text) => ` |${text}|`,
        ),
    ],
    [
      'xxd',
      (bytes) =>
        rows(
          bytes,
          (at) => `${at.toString(16).padStart(8, '0')}: `,
          2,
          (text) => ` ${text}`,
        ),
    ],
  ];

  function rows(bytes: Uint8Array, head: (at: number) => string, group: 1 | 2, tail: (text: string) => string): string {
    let text = '';
    for (let at = 0; at < bytes.length; at += 16) {
      const row = Array.from(bytes.subarray(at, at + 16));
      const gap = group === 1 ? ' ' : '';
      const digits = row
        .map((byte, index) => hex2(byte) + ((index + 1) % group === 0 ? ' ' : '') + (index === 7 ? gap : ''))
        .join('');
      text += `${head(at) + digits.padEnd(group === 1 ? 50 : 40) + tail(row.map((byte) => (byte > 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join(''))}\n`;
    }
    return text;
  }

  for (const [name, write] of FORMS) {
    it(`takes what bug reports have: ${name}`, () => {
      // Beside words, as in a report.
      const text = `Hello,\nthis fails:\n\n${write(REQUEST)}\n\nand the answer:\n\n${write(REPLY)}\nThanks, dad\n`;
      const { datagrams, skipped } = read(text);
      expect(datagrams.map(({ bytes }) => bytes)).to.deep.equal([REQUEST, REPLY]);
      if (!['spaces', 'colons', 'several lines'].includes(name))
        expect(datagrams.map(({ fromKernel }) => fromKernel)).to.deep.equal([false, true]);
      expect(skipped).to.include({ broken: 0, truncated: 0 });
    });
  }

  it('takes several messages, and those of the other byte order', () => {
    const both = datagram(REQUEST, REPLY);
    expect(bytesOf(`> ${Buffer.from(both).toString('hex')}`)).to.deep.equal([both]);
    expect(bytesOf(`< ${Buffer.from(otherOrder(REPLY)).toString('hex')}`)).to.deep.equal([REPLY]);
  });

  it('counts what is broken, and says where it ends early', () => {
    expect(read(`> 1400 000\n> ${HEX}\n`)).to.deep.include({
      skipped: { truncated: 0, broken: 1, otherFamilies: 0, otherLinkTypes: 0, cut: undefined },
    });
    const broken = read(`> ${HEX.slice(0, 20)}\n> ${HEX}\n`);
    expect(broken.skipped.broken).to.equal(1);
    expect(broken.datagrams.map(({ bytes }) => bytes)).to.deep.equal([REQUEST]);
    expect(read(`[20 0 0 0 300 1]\n> ${HEX}`).skipped.truncated).to.equal(0);
    expect(read(`[20 0 0 0 1 1 1 3 7 0 300]\n> ${HEX}`).skipped.truncated).to.equal(1);
    const cut = read(`> ${HEX}\n> ${HEX.slice(0, -2)}`);
    expect(cut.datagrams).to.have.length(1);
    expect(cut.skipped).to.deep.include({
      broken: 0,
      cut: { offset: HEX.length + 3, reason: 'the text ends inside of a datagram' },
    });
  });

  it('is read in a time that grows with its length, whatever is in it', () => {
    const times = 200_000;
    const hostile = [
      `sendto(3, "${'\\"'.repeat(times)} ) = 4`,
      `sendto(3, ${' '.repeat(times)}x`,
      `> ${' '.repeat(times)}x`,
      `> b'${"'".repeat(times)}x`,
      `> ${'/*'.repeat(times)}*/ x`,
      `> ${'[ '.repeat(times)}`,
      `> ${'{1}'.repeat(times)}`,
      `0000  ${'00 '.repeat(times)}`,
      `${'1 '.repeat(times)}sendto(3, `,
    ];
    for (const text of hostile) {
      try {
        read(text);
      } catch (error) {
        expect(error).to.be.instanceOf(DecodeError);
      }
    }
  });

  it('is no other text, and no other file', () => {
    for (const text of [
      '#!/bin/sh\necho 1\n',
      '{\n  "a": {\n "b": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18] }\n}\n',
      'const x = {\n  a: 1,\n};\n',
      'Hello',
      'conntrack -L\n',
      '10 20 30\n',
      '\n\n',
      'deadbeef',
    ])
      expect(() => read(text), text).to.throw(DecodeError, 'no capture');
    expect(() => readCapture(new Uint8Array(0))).to.throw(DecodeError, 'an empty file is no capture');
    expect(() => readCapture(new Uint8Array(100))).to.throw(DecodeError, 'bytes 0000000000000000');
    expect(() => readCapture(Buffer.from('28b52ffd00', 'hex'))).to.throw(UnsupportedError, 'zstd; decompress it first');
    expect(() => readCapture(Buffer.from('{"snapshot":1}'))).to.throw(UnsupportedError, '`ctnetlink restore` reads');
  });
});
