/**
 * Anonymised captures say what the captures say, with other addresses, and have none of the original ones in any byte.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type AnonymizeOptions, anonymize, type Dropped } from '../../src/anonymize/anonymize.ts';
import { readCapture, writeCapture } from '../../src/capture/capture.ts';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { messages } from '../../src/capture/messages.ts';
import { overrunNote, releaseNote } from '../../src/capture/notes.ts';
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import { decodeExpectation, decodeFlow } from '../../src/ctnetlink/message.ts';
import { formatEvent, formatExpectation, formatFlow } from '../../src/format/index.ts';
import { Conntrack, type Filter } from '../../src/index.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { replay } from '../../src/replay.ts';
import { NLM_F_REQUEST, NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import { addressesIn, bytesOf, isPrefixMask, KEY, replaceAll, replacer } from '../support/anonymize.ts';
import { block, CAPTURES, captureNames, fields } from '../support/captures.ts';
import { ack, concat, datagram, done, error, int32, message, nlattr } from '../support/fake-transport.ts';
import { fixtureNames, fixturePath } from '../support/fixtures.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { encodeExpectation, randomExpectation } from '../support/sample-expectations.ts';
import { encode, nested, randomFlow } from '../support/samples.ts';

const seed = seedFromEnvironment();
const replace = replacer();
const FILES: readonly (readonly [name: string, file: Uint8Array])[] = [
  ...captureNames('.pcap', '.pcapng', '.log')
    // strace decoded its messages: it has none.
    .filter((name) => name !== 'strace-decoded.log')
    .map((name) => [name, new Uint8Array(readFileSync(CAPTURES + name))] as const),
  ...fixtureNames.map((name) => [`${name}/capture.pcap`, new Uint8Array(readFileSync(fixturePath(name)))] as const),
];

/**
 * What a message of connection tracking says, with the mask of an expectation apart; undefined for what says nothing of
 * flows.
 */
function said(bytes: Uint8Array): [text: string, mask: string] | undefined {
  const view = viewOf(bytes);
  const type = view.getUint16(4, HOST_LITTLE_ENDIAN);
  if (type === NLMSG_ERROR && bytes.length > 40)
    return said(bytes.slice(20, 20 + view.getUint32(20, HOST_LITTLE_ENDIAN)));
  const request = (view.getUint16(6, HOST_LITTLE_ENDIAN) & NLM_F_REQUEST) !== 0;
  try {
    if (type >> 8 === 1 && ((type & 255) < 3 || request))
      return [JSON.stringify(decodeFlow(view, 0, bytes.length)), ''];
    if (type >> 8 !== 2 || ((type & 255) > 2 && !request)) return undefined;
    const { mask, ...rest } = decodeExpectation(view, 0, bytes.length).toJSON();
    return [JSON.stringify(rest), JSON.stringify(mask ?? {})];
  } catch {
    // A request whose attributes are too short.
    return ['broken', ''];
  }
}

function allSaid(file: Uint8Array): [text: string, mask: string][] {
  return readCapture(file)
    .datagrams.flatMap(({ bytes }) => messages(bytes))
    .map(said)
    .filter((each) => each !== undefined);
}

function lengths(file: Uint8Array): number[] {
  return readCapture(file).datagrams.flatMap(({ bytes }) => messages(bytes).map(({ length }) => length));
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes).indexOf(part);
}

/** The original addresses that a file must not have any more. */
function originals(texts: readonly string[]): string[] {
  return [...addressesIn(texts.join('\n'))].filter((address) => replace(address) !== address);
}

function capture(...datagrams: [fromKernel: boolean, ...messages: Uint8Array[]][]): CapturedDatagram[] {
  return datagrams.map(([fromKernel, ...all]) => ({ fromKernel, time: 1n, bytes: datagram(...all) }));
}

/** What an anonymised capture of these has. */
function anonymised(datagrams: CapturedDatagram[], options: AnonymizeOptions = {}): Uint8Array[] {
  return readCapture(anonymize(writeCapture(datagrams), { key: KEY, ...options })).datagrams.map(({ bytes }) => bytes);
}

const IPV4 = [2, 0, 0, 0];
const request = (type: number, attributes: Uint8Array): Uint8Array =>
  message(1, concat(IPV4, attributes), { type, flags: NLM_F_REQUEST });

describe('anonymize', () => {
  for (const [name, file] of FILES) {
    it(`${name} says the same with other addresses, none of which was there`, () => {
      const written = anonymize(file, { key: KEY });
      const before = allSaid(file);
      expect(allSaid(written)).to.deep.equal(before.map(([text, mask]) => [replaceAll(text, replace), mask]));
      for (const address of originals(before.map(([text]) => text))) {
        expect(indexOf(written, bytesOf(address)), address).to.equal(-1);
        expect(indexOf(written, Buffer.from(address)), address).to.equal(-1);
      }
      const read = readCapture(written);
      const { format, datagrams, release } = readCapture(file);
      expect(read.format).to.equal(format === 'strace' ? 'hex' : format);
      expect(read.release).to.equal(release);
      expect(anonymize(file, { key: KEY })).to.deep.equal(written);
      if (name.startsWith('rtcut') || name.startsWith('seq0')) return;
      expect(lengths(written)).to.deep.equal(lengths(file));
      const others = ({ fromKernel, time, socket }: CapturedDatagram): unknown => [fromKernel, time ?? 0n, socket];
      expect(read.datagrams.map(others)).to.deep.equal(datagrams.map(others));
    });
  }

  async function listed(file: Uint8Array, filter: Filter = {}): Promise<string[]> {
    await using ct = await Conntrack.open({ transport: replay(file) });
    const lines: string[] = [];
    for await (const flow of ct.dump(filter)) lines.push(formatFlow(flow, { layer3: true, id: true, now: 0 }));
    return lines;
  }

  async function expected(file: Uint8Array): Promise<string[]> {
    await using ct = await Conntrack.open({ transport: replay(file) });
    return (await ct.expectations.dump().toArray()).map((each) => formatExpectation(each));
  }

  it('what is replayed of it is the same text but for addresses', async () => {
    const mixed = new Uint8Array(readFileSync(fixturePath('mixed')));
    const before = await listed(mixed);
    expect(before).to.have.length.above(30);
    for (const format of ['pcap', 'pcapng', 'hex'] as const) {
      const after = await listed(anonymize(mixed, { key: KEY, format }));
      expect(after).to.deep.equal(before.map((line) => replaceAll(line, replace)));
    }
    const expectations = new Uint8Array(readFileSync(fixturePath('expectations')));
    const lines = await expected(expectations);
    expect(lines.some((line) => /mask-src=255/.test(line))).to.equal(true);
    expect(await expected(anonymize(expectations, { key: KEY }))).to.deep.equal(
      lines.map((line) => replaceAll(line, replace)),
    );
  });

  /** By the capture: what conntrack(8) asked for there. */
  const ASKED: Readonly<Record<string, (replace: (address: string) => string) => Filter>> = {
    L: () => ({}),
    Lf4: () => ({ family: 'ipv4' }),
    Lsrc: (other) => ({ orig: { src: other('10.0.0.1') } }),
    multi: () => ({}),
    seq0: () => ({}),
    'strace-L': () => ({}),
    two: () => ({}),
  };

  for (const [name, file] of FILES.filter(([each]) => ASKED[each.split('.')[0]] !== undefined))
    it(`the same dump replays from ${name} to the same text but for addresses`, async () => {
      const asked = ASKED[name.split('.')[0]];
      const before = await listed(
        file,
        asked((address) => address),
      );
      expect(before).to.have.length.above(0);
      const after = await listed(anonymize(file, { key: KEY }), asked(replace));
      expect(after).to.deep.equal(before.map((line) => replaceAll(line, replace)));
    });

  it('events of a capture come with their times, and the same text but for addresses', async () => {
    const events = async (file: Uint8Array): Promise<string[]> => {
      await using ct = await Conntrack.open({ transport: replay(file) });
      const lines: string[] = [];
      for await (const event of await ct.events()) {
        if (event.type === 'overrun') throw new Error('nothing was lost');
        lines.push(`${event.time} ${formatEvent(event)}`);
      }
      return lines;
    };
    for (const name of captureNames('.pcap', '.pcapng').filter((each) => /^(?:E|rtcut)/.test(each))) {
      const file = new Uint8Array(readFileSync(CAPTURES + name));
      const before = await events(file);
      expect(before).to.have.length.above(3);
      expect(await events(anonymize(file, { key: KEY }))).to.deep.equal(
        before.map((line) => replaceAll(line, replace)),
      );
    }
  });

  it(`random flows and expectations, as requests, from the kernel and in errors (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let n = 0; n < 300; n++) {
      const key = random.bytes(random.between(1, 32));
      const flow = concat(IPV4, encode(randomFlow(random, ATTRIBUTES, random.between(1, 4))));
      const expectation = concat(IPV4, encodeExpectation(randomExpectation(random)));
      const asked = request(0x101, encode(randomFlow(random, ATTRIBUTES, 2)));
      const file = writeCapture(
        capture(
          [false, asked],
          [true, message(1, flow), message(1, expectation, { type: 0x200 })],
          [true, error(1, 22, { whole: asked })],
        ),
      );
      const written = anonymize(file, { key, keep: ['secctx', 'unknown'] });
      expect(lengths(written)).to.deep.equal(lengths(file));
      const other = replacer(key);
      const unlessMask = (address: string): string => (isPrefixMask(address) ? address : other(address));
      // Names at random may look like addresses, and are hidden then.
      expect(allSaid(written).map(([text, mask]) => [withoutTexts(text), mask])).to.deep.equal(
        allSaid(file).map(([text, mask]) => [withoutTexts(replaceAll(text, other)), replaceAll(mask, unlessMask)]),
      );
    }
  });

  const SECRET = Uint8Array.of(198, 51, 100, 77);

  it('hides security contexts and what is unknown, and on request labels and helpers', () => {
    const flow = concat(
      IPV4,
      nested(['CTA_SECCTX', 'CTA_SECCTX_NAME'], Buffer.from('user_u:secret_t\0')),
      nested(['CTA_HELP', 'CTA_HELP_NAME'], Buffer.from('ftp\0')),
      nested(['CTA_HELP', 'CTA_HELP_INFO'], SECRET),
      nlattr(22, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      nlattr(60, SECRET),
      nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP', 'CTA_IP_V4_SRC'], SECRET, 31),
    );
    const of = (options: AnonymizeOptions): ReturnType<typeof decodeFlow> => {
      const [bytes] = anonymised(capture([true, message(0, flow)]), options);
      return decodeFlow(viewOf(bytes), 0, bytes.length);
    };
    const hidden = of({});
    expect(hidden.secctx).to.equal('xxxxxxxxxxxxxxx');
    expect([hidden.helper!.name, hidden.labels]).to.deep.equal(['ftp', [0]]);
    expect(hidden.helper!.info).to.deep.equal(new Uint8Array(4));
    expect(hidden.unknown!.map(({ value }) => [...value])).to.deep.equal([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    const less = of({ drop: ['labels', 'helper'] });
    expect([less.helper!.name, less.labels]).to.deep.equal(['xxx', []]);
    const more = of({ keep: ['secctx', 'unknown'] });
    expect(more.secctx).to.equal('user_u:secret_t');
    expect(more.helper!.info).to.deep.equal(SECRET);
    expect(more.unknown!.map(({ value }) => value)).to.deep.equal([SECRET, SECRET]);
  });

  it('hides an address in a name or a sentence, and what does not have the length of its kind', () => {
    const extack = concat(
      nlattr(1, Buffer.from('no route to 198.51.100.77\0')),
      nlattr(2, int32(40)),
      nlattr(3, SECRET),
      nlattr(1, Buffer.from('Not supported: bad zone\0')),
    );
    const odd = message(2, concat(IPV4, nlattr(8, [0, 0, 0, 1, ...SECRET]), nlattr(3, SECRET.subarray(0, 3))));
    const named = message(3, concat(IPV4, nested(['CTA_HELP', 'CTA_HELP_NAME'], Buffer.from('h2001:db8::7\0'))));
    const bytes = concat(
      ...anonymised(capture([true, error(1, 22, { extack })], [true, done(1, 22, extack)], [true, odd], [true, named])),
    );
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).to.contain('xxxxxxxxxxxxxxxxxxxxxxxxx\0').and.to.contain('Not supported: bad zone');
    expect(text).not.to.contain('198.51').and.not.to.contain('2001');
    expect(indexOf(bytes, SECRET)).to.equal(-1);
    expect(indexOf(bytes, SECRET.subarray(0, 3))).to.equal(-1);
  });

  it('maps ranges of NAT, and masks of expectations that are none', () => {
    const nat = request(
      0x100,
      concat(
        nested(['CTA_NAT_SRC', 'CTA_NAT_V4_MINIP'], SECRET),
        nested(['CTA_NAT_SRC', 'CTA_NAT_V4_MAXIP'], SECRET),
        nested(['CTA_NAT_DST', 'CTA_NAT_V6_MINIP'], bytesOf('2001:db8::7')),
        nested(['CTA_NAT_DST', 'CTA_NAT_V6_MAXIP'], bytesOf('2001:db8::8')),
      ),
    );
    const mask = (address: Uint8Array, name: 'CTA_IP_V4_SRC' | 'CTA_IP_V6_SRC' = 'CTA_IP_V4_SRC'): Uint8Array =>
      message(2, concat(IPV4, nested(['CTA_EXPECT_MASK', 'CTA_TUPLE_IP', name], address)), { type: 0x200 });
    const masks = ['0.0.0.0', '255.255.255.0', '255.254.0.0', '255.255.255.255'];
    const datagrams = capture(
      [false, nat],
      ...masks.map((each): [boolean, Uint8Array] => [true, mask(bytesOf(each))]),
      [true, mask(bytesOf('ffff:ffff::'), 'CTA_IP_V6_SRC')],
      [true, mask(SECRET)],
    );
    const [asked, ...rest] = anonymised(datagrams);
    const { snat, dnat } = decodeFlow(viewOf(asked), 0, asked.length);
    const address = replace('198.51.100.77');
    expect([snat!.minAddress, snat!.maxAddress]).to.deep.equal([address, address]);
    expect([dnat!.minAddress, dnat!.maxAddress]).to.deep.equal(['2001:db8::7', '2001:db8::8'].map(replace));
    expect(rest.map((each) => decodeExpectation(viewOf(each), 0, each.length).mask!.src)).to.deep.equal([
      ...masks,
      'ffff:ffff::',
      address,
    ]);
  });

  it('leaves out other subsystems, their ends and answers, and counts them', () => {
    const rule = message(7, concat(IPV4, nlattr(1, SECRET)), { type: 0xa01, portid: 9 });
    const end = message(7, int32(0), { type: 3, portid: 9 });
    const answer = error(8, 22, { whole: message(8, concat(IPV4, nlattr(1, SECRET)), { type: 0xa06 }) });
    const flow = message(1, concat(IPV4, nlattr(8, [0, 0, 0, 5])));
    let dropped: Dropped | undefined;
    const written = anonymised(capture([true, rule, flow, end], [true, answer], [true, ack(1), done(1)]), {
      onDropped: (counts) => {
        dropped = counts;
      },
    });
    expect(written).to.deep.equal([flow, datagram(ack(1), done(1))]);
    expect(dropped).to.deep.equal({ otherSubsystems: 3, broken: 0 });
  });

  it('leaves out what cannot be decoded, with a note that messages of the kernel were lost', () => {
    const broken = message(1, concat(IPV4, [40, 0, 1, 0, ...SECRET]));
    let dropped: Dropped | undefined;
    const onDropped = (counts: Dropped): void => {
      dropped = counts;
    };
    expect(anonymised(capture([true, ack(1), broken], [false, broken]), { onDropped })).to.deep.equal([
      overrunNote().bytes,
      ack(1),
    ]);
    expect(dropped).to.deep.equal({ otherSubsystems: 0, broken: 2 });
  });

  it('keeps notes that say a release or a loss, and nothing else', () => {
    const note = message(0, Buffer.from('release=6.1.0 of alice, 198.51.100.77'), { type: 1 });
    const loss = message(0, Buffer.from('lost=198.51.100.77'), { type: 4 });
    const datagrams = [releaseNote('6.1.0-18-amd64'), overrunNote(7), ...capture([true, note], [true, loss])];
    expect(anonymised(datagrams)).to.deep.equal([
      releaseNote('6.1.0-18-amd64').bytes,
      overrunNote(7).bytes,
      overrunNote().bytes,
    ]);
  });

  it('has no comment, no name of an interface, a host or an application of a pcapng', () => {
    const text = (code: number, value: string): Uint8Array =>
      fields(true, [16, code], [16, value.length], Buffer.from(value.padEnd(Math.ceil(value.length / 4) * 4, '\0')));
    const section = block(
      0x0a0d0d0a,
      concat(
        fields(true, [32, 0x1a2b3c4d], [16, 1], [16, 0], [64, 0xffff_ffff_ffff_ffffn]),
        ...[text(1, 'release=6.1.0'), text(1, 'secret comment'), text(3, 'secret system'), text(4, 'secret program')],
      ),
    );
    const device = block(
      1,
      concat(fields(true, [16, 253], [16, 0], [32, 0]), text(2, 'secret0'), text(15, 'secret nic')),
    );
    const names = block(4, fields(true, [16, 1], [16, 11], SECRET, Buffer.from('secret\0'), [32, 0]));
    const packets = writeCapture(capture([true, ack(1)]), { format: 'pcapng' });
    const from = packets.indexOf(6, 60) & ~3;
    const file = concat(section, device, names, packets.subarray(from));
    const { datagrams, release } = readCapture(file);
    expect([datagrams.length, release]).to.deep.equal([1, '6.1.0']);
    const written = anonymize(file);
    expect(Buffer.from(written).toString('latin1')).not.to.contain('secret');
    expect(indexOf(written, SECRET)).to.equal(-1);
    expect(readCapture(written).release).to.equal('6.1.0');
  });
});

/** Without the texts and the private data in it. */
function withoutTexts(json: string): string {
  return json.replace(/"(?:secctx|helper|fn|name|info)":"[^"]*"/g, '');
}
