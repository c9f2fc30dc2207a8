import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SCENARIOS } from '../../fixtures/scenarios.ts';
import { readCapture } from '../../src/capture/capture.ts';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { isListensNote } from '../../src/capture/notes.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { OverrunError, TransportError } from '../../src/netlink/errors.ts';
import { walkDatagram, writeNlmsghdr } from '../../src/netlink/nlmsg.ts';
import type { Transport, TransportListener, TransportOptions } from '../../src/netlink/transport.ts';
import { replay } from '../../src/replay/replay.ts';
import { record } from '../../src/transport/record.ts';
import { NLMSG_NOOP, NLMSG_OVERRUN } from '../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../src/uapi/nfnetlink.ts';
import { datagram, FakeTransport, headerOf, message, rejection } from '../support/fake-transport.ts';
import { fixtureBytes, fixturePath, started } from '../support/fixtures.ts';

/** Milliseconds. */
const HOUR = 3_600_000;

/**
 * What a capture says, without time, portids of replies, and sequence numbers: a reply names its request by its place.
 */
function script(datagrams: readonly CapturedDatagram[]): Record<'requests' | 'replies' | 'events', string[]> {
  const said = { requests: [] as string[], replies: [] as string[], events: [] as string[] };
  const requests = new Map<number, number>();
  for (const { fromKernel, bytes } of datagrams) {
    // The fixtures are older than these.
    if (isListensNote(bytes)) continue;
    const copy = bytes.slice();
    let into = said.events;
    walkDatagram(viewOf(copy), (header, view, offset) => {
      if (!fromKernel) {
        into = said.requests;
        requests.set(header.nlmsg_seq, requests.size + 1);
        header.nlmsg_seq = requests.size;
      } else if (header.nlmsg_seq !== 0) {
        into = said.replies;
        header.nlmsg_seq = requests.get(header.nlmsg_seq) ?? 0;
        header.nlmsg_pid = 0;
      }
      writeNlmsghdr(view, offset, header);
    });
    into.push(Buffer.from(copy).toString('hex'));
  }
  return said;
}

describe('record', () => {
  let folder: string;
  let path: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-record-'));
  });
  beforeEach(() => {
    path = join(folder, 'capture.pcap');
    rmSync(path, { force: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  const recorded = (): CapturedDatagram[] => readCapture(readFileSync(path)).datagrams;
  const types = (): number[] => recorded().map(({ bytes }) => headerOf(bytes).nlmsg_type);

  for (const ending of ['pcapng', 'hex'])
    it(`is a file of the format that its name says: .${ending}`, async () => {
      const file = `${path}.${ending}`;
      for (const format of [undefined, ending as 'pcapng' | 'hex']) {
        const recorder = record(format === undefined ? file : path, {
          transport: replay(fixturePath('mixed')),
          format,
        });
        const ct = await Conntrack.open({ transport: recorder });
        const flows = await ct.dump().toArray();
        await ct.close();
        recorder.close();
        const read = readCapture(readFileSync(format === undefined ? file : path));
        expect(read.format).to.equal(ending);
        expect(read.release).to.equal(readCapture(fixtureBytes('mixed')).release);
        await using again = await Conntrack.open({ transport: replay(format === undefined ? file : path) });
        expect((await again.dump().toArray()).length).to.equal(flows.length);
      }
    });

  for (const { name, run } of SCENARIOS) {
    it(`of a replay of ${name} is that capture again`, async () => {
      const recorder = record(path, { transport: replay(fixturePath(name), { events: 'recorded' }) });
      const ct = await Conntrack.open({ transport: recorder });
      const result = await run(ct, async () => {});
      await ct.close();
      recorder.close();
      const original = readCapture(fixtureBytes(name)).datagrams;
      expect(script(recorded())).to.deep.equal(script(original));
      // And so it replays to the same.
      await using again = await Conntrack.open({ transport: replay(path, { events: 'recorded' }) });
      expect(await run(again, async () => {})).to.deep.equal(result);
    });
  }

  it('writes every datagram when it was sent or received: the file is whole at any time', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = started(await recorder());
    expect(recorded()).to.have.length(0);
    const before = Date.now();
    transport.send(message(1, [1], { flags: 1 }));
    expect(recorded().map(({ fromKernel }) => fromKernel)).to.deep.equal([false]);
    fake.queue(message(1, [2]), message(1, [3]));
    expect(recorded(), 'not received yet').to.have.length(1);
    transport.receive();
    const [request, reply] = recorded();
    expect(Buffer.from(request.bytes)).to.deep.equal(Buffer.from(message(1, [1], { flags: 1 })));
    expect(reply.fromKernel).to.equal(true);
    expect(Buffer.from(reply.bytes)).to.deep.equal(Buffer.from(datagram(message(1, [2]), message(1, [3]))));
    for (const { time } of [request, reply]) {
      // The time of day; whether somebody has set the clock since this process began is another matter.
      expect(Number(time! / 1_000_000n)).to.be.within(before - HOUR, before + HOUR);
    }
    expect(reply.time! >= request.time!).to.equal(true);
    recorder.close();
  });

  it('hands everything through to the socket that it records', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = await recorder();
    const heard: unknown[] = [];
    const listener: TransportListener = {
      readable: () => heard.push('readable'),
      failed: (error) => heard.push(error),
    };
    transport.start(listener);
    fake.readable();
    const failure = new Error('gone');
    fake.fail(failure);
    expect(heard).to.deep.equal(['readable', failure]);
    expect([transport.name, transport.portid, transport.release]).to.deep.equal(['fake', 4242, undefined]);
    transport.joinGroup(2);
    transport.joinGroup(3);
    transport.leaveGroup(2);
    expect([...fake.groups]).to.deep.equal([3]);
    transport.unref();
    expect(fake.referenced).to.equal(false);
    transport.ref();
    expect(fake.referenced).to.equal(true);
    expect(transport.ended).to.equal(false);
    fake.ended = true;
    expect(transport.ended).to.equal(true);
    transport.close();
    expect(fake.closed).to.equal(true);
    recorder.close();
  });

  it('says once which kernel it is, before all else', async () => {
    const recorder = record(path, { transport: replay(fixturePath('empty')) });
    const opened = [started(await recorder()), started(await recorder())];
    expect(opened[0].release).to.match(/^\d+\.\d+/);
    expect(types()).to.deep.equal([NLMSG_NOOP]);
    expect(new TextDecoder().decode(recorded()[0].bytes.subarray(16))).to.equal(`release=${opened[0].release}`);
    recorder.close();
    expect((await replay(path)()).release).to.equal(opened[0].release);
  });

  it('records an overrun where it was, and gives it on', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = started(await recorder());
    const event = message(0, [1, 0, 0, 0], { type: 0x100, flags: 0x600 });
    fake.queue(event);
    fake.queueError(new OverrunError('lost'));
    fake.queue(event);
    transport.receive();
    expect(() => transport.receive()).to.throw(OverrunError);
    transport.receive();
    recorder.close();
    expect(types()).to.deep.equal([0x100, NLMSG_OVERRUN, 0x100]);
    const again = started(await replay(path)());
    again.joinGroup(NFNLGRP_CONNTRACK_NEW);
    expect(again.receive()?.bytes.length).to.equal(20);
    expect(() => again.receive()).to.throw(OverrunError);
    expect(again.receive()?.bytes.length).to.equal(20);
  });

  it('gives other failures on and records nothing of them', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = started(await recorder());
    fake.queueError(new TransportError('recvmsg', 9, 'bad file descriptor'));
    expect(() => transport.receive()).to.throw(TransportError);
    fake.close();
    expect(() => transport.send(message(1))).to.throw('send after close');
    expect(recorded()).to.have.length(0);
    recorder.close();
  });

  it('does not record what other processes sent', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = started(await recorder());
    fake.queueDatagram(message(1, [1]), { sender: 77 });
    expect(transport.receive()?.sender).to.equal(77);
    expect(recorded()).to.have.length(0);
    recorder.close();
  });

  it('keeps the whole messages of a datagram that was cut, and that some are lost', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = started(await recorder());
    const two = datagram(message(0, [1, 1, 1, 1]), message(0, [2, 2, 2, 2]));
    fake.queueDatagram(two.subarray(0, two.length - 3), { truncated: true });
    fake.queueDatagram(two.subarray(0, 7), { truncated: true });
    expect(transport.receive()?.truncated).to.equal(true);
    transport.receive();
    recorder.close();
    expect(recorded().map(({ bytes }) => bytes.length)).to.deep.equal([16, 20, 16]);
    // It can be read again.
    replay(path);
  });

  it('goes on without recording when the recorder is closed, which may be done twice', async () => {
    const fake = new FakeTransport();
    const recorder = record(path, { transport: async () => fake });
    const transport = started(await recorder());
    transport.send(message(1));
    recorder.close();
    recorder.close();
    transport.send(message(2));
    fake.queue(message(2));
    expect(transport.receive()).not.to.equal(undefined);
    fake.queueError(new OverrunError('lost'));
    expect(() => transport.receive()).to.throw(OverrunError);
    started(await record(path, { transport: async () => new FakeTransport() })());
    expect(fake.sent).to.have.length(2);
    expect(fake.closed, 'the sockets are not its own').to.equal(false);
  });

  it('takes several sockets into one capture', async () => {
    const recorder = record(path, { transport: replay(fixturePath('mixed'), { repeat: true }) });
    const opened = [
      await Conntrack.open({ transport: recorder }),
      await Conntrack.open({ transport: recorder }),
      await Conntrack.open({ transport: recorder }),
    ];
    const dumps = await Promise.all(opened.map((ct) => ct.dump().toArray()));
    for (const ct of opened) await ct.close();
    recorder.close();
    await using ct = await Conntrack.open({ transport: replay(path) });
    for (const dump of dumps) expect(await ct.dump().toArray()).to.deep.equal(dump);
    expect(await rejection(ct.dump().toArray())).to.be.instanceOf(TransportError);
  });

  it('opens with the options of both, its own first, and never itself', async () => {
    const seen: (TransportOptions | undefined)[] = [];
    const transport = async (options?: TransportOptions): Promise<Transport> => {
      seen.push(options);
      return new FakeTransport();
    };
    const recorder = record(path, { transport, receiveBuffer: 4096 });
    await using ct = await Conntrack.open({ transport: recorder, receiveBuffer: 8192 });
    await ct.events();
    expect(seen.map((options) => [options?.receiveBuffer, options?.events])).to.deep.equal([
      [4096, false],
      [4096, true],
    ]);
    recorder.close();
  });

  it('overwrites what was there', async () => {
    writeFileSync(path, 'x'.repeat(1000));
    const recorder = record(path, { transport: async () => new FakeTransport() });
    await recorder();
    recorder.close();
    expect(readFileSync(path)).to.have.length(24);
  });

  it('opens no socket when the file cannot be written', async () => {
    const transport = async (): Promise<FakeTransport> => new FakeTransport();
    for (const [file, reason] of [
      [join(folder, 'nosuch', 'capture.pcap'), /ENOENT/],
      [folder, /EISDIR/],
      ...(process.platform === 'linux' ? ([['/dev/full', /ENOSPC/]] as const) : []),
    ] as const)
      expect(String(await rejection(record(file, { transport })())), file).to.match(reason);
  });
});
