import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError, OverrunError, TransportError, UnsupportedError } from '../../src/netlink/errors.ts';
import { type nlmsghdr, walkDatagram } from '../../src/netlink/nlmsg.ts';
import { runtime } from '../../src/netlink/runtime.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import type { Transport } from '../../src/netlink/transport.ts';
import { ReplayError } from '../../src/replay/error.ts';
import type { ReplayOptions } from '../../src/replay/options.ts';
import { replay } from '../../src/replay/replay.ts';
import { fakeKernel } from '../../src/testing/index.ts';
import { record } from '../../src/transport/record.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import * as group from '../../src/uapi/nfnetlink.ts';
import {
  ack,
  datagram,
  done,
  FakeTransport,
  headerOf,
  message,
  rejection,
  settled,
} from '../support/fake-transport.ts';
import { came, drain, fixtureBytes, fixturePath, overrun, pcap, release, sent, started } from '../support/fixtures.ts';
import { asked } from '../support/requests.ts';
import { turns } from '../support/turns.ts';

/** A request of CTNETLINK, distinguished from others by its payload. */
function ask(sequence: number, payload: number, type = 0x101): Uint8Array {
  return message(sequence, [payload, 0, 0, 0], { type, flags: 5 });
}

/** What answers it. */
function tell(sequence: number, payload: number): Uint8Array {
  return message(sequence, [payload, 0, 0, 0], { type: 0x100, portid: 99 });
}

const NEW = { type: 0x100, flags: NLM_F_CREATE | NLM_F_EXCL };
const UPDATE = { type: 0x100 };
const DESTROY = { type: 0x102 };

function event(payload: number, options: { type?: number; flags?: number; portid?: number } = NEW): Uint8Array {
  return message(0, [payload, 0, 0, 0], options);
}

async function open(capture: Uint8Array, options?: ReplayOptions): Promise<Transport> {
  return started(await replay(capture, options)());
}

function headers(bytes: Uint8Array): nlmsghdr[] {
  const all: nlmsghdr[] = [];
  walkDatagram(viewOf(bytes), (header) => all.push({ ...header }));
  return all;
}

const payloads = (datagrams: Uint8Array[]): number[] => datagrams.map((bytes) => bytes[16]);

/** What `receive` throws instead of an answer. */
function refusal(transport: Transport, bytes: Uint8Array): ReplayError {
  try {
    transport.send(bytes);
    transport.receive();
  } catch (error) {
    expect(error).to.be.instanceOf(ReplayError).and.instanceOf(TransportError);
    return error as ReplayError;
  }
  throw new Error('it was answered');
}

describe('replay: requests', () => {
  it('are answered with what answered them, whatever the order', async () => {
    const transport = await open(
      pcap(sent(ask(7, 1)), came(tell(7, 11)), came(ack(7)), sent(ask(8, 2)), came(tell(8, 22)), came(ack(8))),
    );
    transport.send(ask(1, 2));
    expect(payloads(drain(transport))).to.deep.equal([22, 0]);
    transport.send(ask(2, 1));
    expect(payloads(drain(transport))).to.deep.equal([11, 0]);
  });

  it('that are equal get their answers in the order of the capture, each once', async () => {
    const transport = await open(
      pcap(
        ...[sent(ask(7, 1)), came(tell(7, 11), ack(7))],
        ...[sent(ask(8, 1)), came(tell(8, 12), ack(8))],
        ...[sent(ask(9, 1)), came(tell(9, 13), ack(9))],
      ),
    );
    for (const answer of [11, 12, 13]) {
      transport.send(ask(1, 1));
      expect(payloads(drain(transport))).to.deep.equal([answer]);
    }
    expect(refusal(transport, ask(1, 1)).message).to.contain('3 times, and they are used up (repeat: true');
  });

  it('get the last answer again with repeat', async () => {
    const transport = await open(
      pcap(sent(ask(7, 1)), came(tell(7, 11), ack(7)), sent(ask(8, 1)), came(tell(8, 12), ack(8))),
      { repeat: true },
    );
    for (const answer of [11, 12, 12, 12]) {
      transport.send(ask(1, 1));
      expect(payloads(drain(transport))).to.deep.equal([answer]);
    }
    expect(refusal(transport, ask(1, 5)).message).to.contain('has no answer');
  });

  it('get their own sequence number and portid, in every message of the answer', async () => {
    const capture = pcap(
      sent(ask(7, 1)),
      came(tell(7, 1), tell(7, 2), done(7)),
      sent(ask(7, 2)),
      came(tell(7, 3), done(7)),
    );
    const factory = replay(capture);
    const first = started(await factory());
    const second = started(await factory());
    expect(first.portid).not.to.equal(second.portid);
    first.send(ask(0xfffffff0, 1));
    second.send(ask(77, 2));
    const [whole, ...more] = drain(first);
    expect(more).to.have.length(0);
    expect(headers(whole).map(({ nlmsg_type, nlmsg_seq, nlmsg_pid }) => [nlmsg_type, nlmsg_seq, nlmsg_pid])).to.eql([
      [0x100, 0xfffffff0, first.portid],
      [0x100, 0xfffffff0, first.portid],
      [3, 0xfffffff0, first.portid],
    ]);
    const [other] = drain(second);
    expect(headers(other).map(({ nlmsg_seq, nlmsg_pid }) => [nlmsg_seq, nlmsg_pid])).to.eql([
      [77, second.portid],
      [77, second.portid],
    ]);
  });

  it('leave the capture as it was, and the answers of other sockets', async () => {
    const bytes = pcap(sent(ask(7, 1)), came(tell(7, 11), ack(7)), came(event(1)));
    // A file comes as a Buffer, whose slice() is no copy.
    for (const capture of [bytes, Buffer.from(bytes)]) {
      const factory = replay(capture, { repeat: true });
      const [first, second] = [started(await factory()), started(await factory())];
      first.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
      first.send(ask(1, 1));
      second.send(ask(2, 1));
      expect(drain(first).map((each) => headerOf(each).nlmsg_seq)).to.deep.equal([1, 0]);
      expect(drain(second).map((each) => headerOf(each).nlmsg_seq)).to.deep.equal([2]);
      expect(Buffer.compare(capture, bytes)).to.equal(0);
    }
  });

  it('are told apart by type, flags, length and payload, not by sequence number and portid', async () => {
    const recorded = message(7, [1, 2, 3, 4, 5], { type: 0x101, flags: 5, portid: 3 });
    for (const other of [
      message(7, [1, 2, 3, 4, 6], { type: 0x101, flags: 5 }),
      message(7, [1, 2, 3, 4], { type: 0x101, flags: 5 }),
      message(7, [1, 2, 3, 4, 5], { type: 0x102, flags: 5 }),
      message(7, [1, 2, 3, 4, 5], { type: 0x101, flags: 1 }),
    ]) {
      refusal(await open(pcap(sent(recorded), came(ack(7)))), other);
    }
    const transport = await open(pcap(sent(recorded), came(ack(7))));
    transport.send(message(8, [1, 2, 3, 4, 5], { type: 0x101, flags: 5, portid: 4 }));
    expect(drain(transport)).to.have.length(1);
  });

  it('keep the division of their answer into datagrams', async () => {
    const transport = await open(
      pcap(sent(ask(7, 1)), came(tell(7, 1), tell(7, 2)), came(tell(7, 3)), came(tell(7, 4), done(7))),
    );
    transport.send(ask(1, 1));
    expect(drain(transport).map((bytes) => headers(bytes).length)).to.deep.equal([2, 1, 2]);
  });

  it('may have shared a datagram with others, and so may their answers', async () => {
    const capture = pcap(
      sent(ask(7, 1), ask(8, 2)),
      // A reply of odd length, an event between the two answers.
      came(message(7, [11, 0, 0, 0, 0], { type: 0x100 }), event(5), tell(8, 22), ack(7), ack(8)),
    );
    const transport = await open(capture);
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    transport.send(ask(2, 2));
    expect(drain(transport).map((bytes) => headers(bytes).map((header) => header.nlmsg_type))).to.deep.equal([
      [0x100],
      [2],
      [0x100],
    ]);
    transport.send(ask(3, 1));
    const [reply, end] = drain(transport);
    expect([headerOf(reply).nlmsg_len, reply[16], headerOf(end).nlmsg_seq]).to.deep.equal([21, 11, 3]);
  });

  it('may share a datagram now', async () => {
    const transport = await open(pcap(sent(ask(7, 1)), came(ack(7)), sent(ask(8, 2)), came(tell(8, 22)), came(ack(8))));
    transport.send(datagram(ask(5, 2), ask(6, 1)));
    expect(drain(transport).map((bytes) => headerOf(bytes).nlmsg_seq)).to.deep.equal([5, 5, 6]);
  });

  it('of several recorded sockets with the same sequence numbers do not mix', async () => {
    const transport = await open(
      pcap(
        ...[sent(ask(1, 1)), came(tell(1, 11)), came(ack(1))],
        ...[sent(ask(1, 2)), came(tell(1, 22)), came(ack(1))],
      ),
    );
    transport.send(ask(1, 1));
    expect(payloads(drain(transport))).to.deep.equal([11, 0]);
    transport.send(ask(2, 2));
    expect(payloads(drain(transport))).to.deep.equal([22, 0]);
  });

  it('that asked for no answer and got none are taken', async () => {
    const transport = await open(pcap(sent(message(7, [1], { type: 0x102, flags: 1 }))));
    transport.send(message(1, [1], { type: 0x102, flags: 1 }));
    expect(drain(transport)).to.have.length(0);
    expect(transport.ended).to.equal(true);
  });

  it('whose recorded answer is cut off get what there is, and then fail instead of waiting for ever', async () => {
    const dump = (sequence: number): Uint8Array => message(sequence, [1, 0, 0, 0], { type: 0x101, flags: 0x301 });
    const transport = await open(pcap(sent(dump(7)), came(tell(7, 11))));
    transport.send(dump(1));
    expect(transport.receive()?.bytes[16]).to.equal(11);
    expect(() => transport.receive()).to.throw(
      ReplayError,
      'the capture ends before the answer to dump { family: 1 } does',
    );
  });

  it('are acknowledged behind their answer, also where nobody had read the ACK', async () => {
    const transport = await open(pcap(sent(ask(7, 1)), came(tell(7, 11))));
    transport.send(ask(1, 1));
    expect(transport.receive()?.bytes[16]).to.equal(11);
    expect(headers(transport.receive()!.bytes)[0]).to.include({ nlmsg_type: NLMSG_ERROR, nlmsg_seq: 1 });
    expect(transport.receive()).to.equal(undefined);
  });

  it('without an answer are refused with what was asked and what there is', async () => {
    const transport = await open(pcap(sent(ask(7, 0xab)), came(ack(7)), sent(ask(8, 0xcd, 0x102)), came(ack(8))));
    const error = refusal(transport, ask(1, 0xef, 0x104));
    expect(error.name).to.equal('ReplayError');
    expect(error.code).to.equal('ERR_TRANSPORT');
    expect(error.message).to.contain('no answer to message 4 of subsystem 1 (CTNETLINK), 4 bytes');
    expect(error.message).to.match(/\. The capture has: get \{ family: 171 \}; flushAll$/);
    transport.send(ask(1, 0xab));
    drain(transport);
    expect(refusal(transport, ask(1, 0xef)).message).to.match(/The capture has: flushAll$/);
    transport.send(ask(1, 0xcd, 0x102));
    drain(transport);
    expect(refusal(transport, ask(1, 0xef)).message).to.match(/, nor any that is not used$/);
  });

  it('are not all listed in the refusal when there are many, nor are long ones whole', async () => {
    const long = message(1, new Uint8Array(500).fill(0x77), { type: 0x101, flags: 5 });
    const others = Array.from({ length: 20 }, (_, n) => sent(ask(n + 2, n)));
    const { message: text } = refusal(await open(pcap(sent(long), ...others)), ask(1, 99));
    expect(text.length).to.be.below(1000);
    expect(text).to.contain('...]').and.contain('; ...');
  });

  it('are refused in the words of the API, with what there is of the same call first', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    const path = join(folder, 'capture.pcap');
    const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 5353, dport: 53 } as const;
    const made = record(path, {
      transport: async () => {
        const fake = new FakeTransport((_request, { nlmsg_flags, nlmsg_seq }, kernel) =>
          kernel.queue((nlmsg_flags & NLM_F_DUMP) === NLM_F_DUMP ? done(nlmsg_seq) : ack(nlmsg_seq)),
        );
        fake.release = '6.18.0';
        return fake;
      },
    });
    const recorded = await Conntrack.open({ transport: made });
    await recorded.cpuStats();
    await recorded.update({ orig, mark: 1 });
    await recorded.update({ orig, mark: 1 });
    await recorded.dump().toArray();
    await recorded.dump({ family: 'ipv4' }).toArray();
    await recorded.close();
    made.close();
    const ct = await Conntrack.open({ transport: replay(path) });
    const said = async (promise: Promise<unknown>): Promise<string> => ((await rejection(promise)) as Error).message;
    expect(await said(ct.dump({ mark: 3 }).toArray())).to.equal(
      'replay: the capture has no answer to dump { mark: 3 }. The capture has: dump; dump { family: ipv4 }; cpuStats; ' +
        'update udp 192.0.2.1:5353 -> 198.51.100.2:53 { mark: 1 } (2)',
    );
    expect(await said(ct.update({ orig, mark: 2, zone: 5 }))).to.equal(
      'replay: the capture has no answer to update udp 192.0.2.1:5353 -> 198.51.100.2:53 { mark: 2, zone: 5 }. ' +
        'The capture has: update udp 192.0.2.1:5353 -> 198.51.100.2:53 { mark: 1 } (2); cpuStats; dump; dump { family: ipv4 }',
    );
    await ct.dump().toArray();
    expect(await said(ct.dump().toArray())).to.equal(
      'replay: the capture answers dump once, and that is used up (repeat: true gives the last again)',
    );
    await ct.close();
    rmSync(folder, { recursive: true });
  });

  it('that differ from one of the capture in no word are refused with the bytes of both', async () => {
    const transport = await open(pcap(sent(message(7, [0, 0, 0, 0], { type: 0x101, flags: 0x301 })), came(done(7))), {
      match: 'exact',
    });
    const asked = message(1, [0, 0, 0, 0], { type: 0x101, flags: 0x305 });
    expect(refusal(transport, asked).message).to.equal(
      'replay: the capture has no answer to dump (type 0x101 flags 0x305 [00000000], but it has type 0x101 flags 0x301 [00000000]). ' +
        'The capture has: dump',
    );
  });

  it('that are refused reject, and the socket goes on', async () => {
    const socket = new NetlinkSocket(await replay(pcap(sent(ask(7, 1)), came(ack(7))))());
    const build =
      (payload: number) =>
      (writer: import('../../src/netlink/writer.ts').Writer, sequence: number): void => {
        const bytes = ask(sequence, payload);
        writer.bytes.set(bytes, writer.reserve(bytes.length));
      };
    expect(await rejection(socket.request(...asked(build(2), { operation: 'get' })))).to.be.instanceOf(ReplayError);
    expect(socket.closed).to.equal(false);
    expect(socket.pending).to.equal(0);
    await socket.request(...asked(build(1), { operation: 'get' }));
    socket.close();
  });
});

describe('replay: events', () => {
  const groups = [
    group.NFNLGRP_CONNTRACK_NEW,
    group.NFNLGRP_CONNTRACK_UPDATE,
    group.NFNLGRP_CONNTRACK_DESTROY,
    group.NFNLGRP_CONNTRACK_EXP_NEW,
    group.NFNLGRP_CONNTRACK_EXP_UPDATE,
    group.NFNLGRP_CONNTRACK_EXP_DESTROY,
  ];
  const everyGroup = pcap(
    came(event(1, NEW)),
    came(event(2, UPDATE)),
    came(event(3, DESTROY)),
    came(event(4, { type: 0x200, flags: NLM_F_CREATE | NLM_F_EXCL })),
    came(event(5, { type: 0x200 })),
    came(event(6, { type: 0x202 })),
    // Without EXCL, as a later kernel may send it.
    came(event(7, { type: 0x100, flags: NLM_F_CREATE })),
  );

  it('come only after their group is joined', async () => {
    const transport = await open(everyGroup);
    expect(drain(transport)).to.have.length(0);
    for (const each of groups) transport.joinGroup(each);
    expect(payloads(drain(transport))).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
  });

  it('come only of the groups that are joined', async () => {
    const expected: number[][] = [[1, 7], [2], [3], [4], [5], [6]];
    for (const [index, each] of groups.entries()) {
      const transport = await open(everyGroup);
      transport.joinGroup(each);
      expect(payloads(drain(transport)), `group ${each}`).to.deep.equal(expected[index]);
    }
    const transport = await open(everyGroup);
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    transport.joinGroup(group.NFNLGRP_CONNTRACK_DESTROY);
    transport.leaveGroup(group.NFNLGRP_CONNTRACK_NEW);
    expect(payloads(drain(transport)), 'all had come when it was left').to.deep.equal([1, 3, 7]);
    expect(transport.ended).to.equal(true);
  });

  it('keep their portid and sequence 0', async () => {
    const transport = await open(pcap(came(event(1, { ...NEW, portid: 1234 }))));
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    const [bytes] = drain(transport);
    expect(headerOf(bytes)).to.include({ nlmsg_seq: 0, nlmsg_pid: 1234 });
  });

  it('that shared a datagram come one by one', async () => {
    const transport = await open(pcap(came(event(1), event(2), event(3, DESTROY))));
    for (const each of groups) transport.joinGroup(each);
    expect(payloads(drain(transport))).to.deep.equal([1, 2, 3]);
  });

  it('end the stream after the last', async () => {
    const transport = await open(pcap(came(event(1)), came(event(2)), came(event(3, DESTROY))));
    expect(transport.ended, 'nothing is joined').to.equal(true);
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    expect(transport.ended).to.equal(false);
    transport.receive();
    expect(transport.ended).to.equal(false);
    transport.receive();
    expect(transport.ended, 'what is left is of another group').to.equal(true);
    expect(transport.receive()).to.equal(undefined);
  });

  it('come whole to each socket that joined', async () => {
    const factory = replay(pcap(came(event(1)), came(event(2, DESTROY)), came(event(3))));
    const first = started(await factory());
    const second = started(await factory());
    for (const each of [group.NFNLGRP_CONNTRACK_NEW, group.NFNLGRP_CONNTRACK_DESTROY]) first.joinGroup(each);
    second.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    expect(payloads(drain(first))).to.deep.equal([1, 2, 3]);
    expect(payloads(drain(second))).to.deep.equal([1, 3]);
  });

  it('have an overrun in their place, reported to every socket that joined a group', async () => {
    const factory = replay(pcap(came(event(1)), overrun(), came(event(2))));
    for (const joined of [group.NFNLGRP_CONNTRACK_NEW, group.NFNLGRP_CONNTRACK_DESTROY]) {
      const transport = started(await factory());
      expect(drain(transport)).to.have.length(0);
      transport.joinGroup(joined);
      const seen: unknown[] = [];
      for (;;) {
        try {
          const next = transport.receive();
          if (next === undefined) break;
          seen.push(next.bytes[16]);
        } catch (error) {
          expect(error).to.be.instanceOf(OverrunError);
          seen.push('overrun');
        }
      }
      expect(seen).to.deep.equal(joined === group.NFNLGRP_CONNTRACK_NEW ? [1, 'overrun', 2] : ['overrun']);
      expect(transport.ended).to.equal(true);
    }
  });

  it("wait with events: 'recorded' for the requests before them", async () => {
    const transport = await open(
      pcap(
        came(event(1)),
        ...[sent(ask(7, 1)), came(ack(7)), came(event(2))],
        ...[sent(ask(8, 2)), came(ack(8)), came(event(3))],
      ),
      { events: 'recorded' },
    );
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    expect(payloads(drain(transport))).to.deep.equal([1]);
    expect(transport.ended, 'more comes after a request').to.equal(false);
    // The second alone is not enough.
    transport.send(ask(1, 2));
    expect(drain(transport).map((bytes) => headerOf(bytes).nlmsg_seq)).to.deep.equal([1]);
    transport.send(ask(2, 1));
    expect(drain(transport).map((bytes) => [headerOf(bytes).nlmsg_seq, bytes[16]])).to.deep.equal([
      [2, 0],
      [0, 2],
      [0, 3],
    ]);
    expect(transport.ended).to.equal(true);
  });

  it("with events: 'recorded' wait no more for a request that was left out, once a later one was made", async () => {
    const transport = await open(
      pcap(
        release('release=6.18.0'),
        ...[sent(ask(7, 1)), came(ack(7)), came(event(2))],
        ...[sent(ask(8, 2)), came(ack(8)), came(event(3))],
        ...[sent(ask(9, 3)), came(ack(9)), came(event(4))],
      ),
      { events: 'recorded' },
    );
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    transport.send(ask(1, 2));
    expect(drain(transport).map((bytes) => headerOf(bytes).nlmsg_seq)).to.deep.equal([1]);
    // It may still come, in this turn.
    expect(drain(transport)).to.deep.equal([]);
    await turns(3);
    expect(payloads(drain(transport))).to.deep.equal([2, 3]);
    // What may still be made is waited for.
    await turns(3);
    expect(drain(transport)).to.deep.equal([]);
    // It was not used up.
    transport.send(ask(2, 1));
    expect(drain(transport).map((bytes) => headerOf(bytes).nlmsg_seq)).to.deep.equal([2]);
    transport.send(ask(3, 3));
    expect(drain(transport).map((bytes) => [headerOf(bytes).nlmsg_seq, bytes[16]])).to.deep.equal([
      [3, 0],
      [0, 4],
    ]);
    expect(transport.ended).to.equal(true);
  });

  it("of a program that left a request out come with events: 'recorded', also over another socket", async () => {
    const orig = (sport: number) => ({ src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport, dport: 2 }) as const;
    const kernel = fakeKernel();
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    const file = join(folder, 'left-out.pcap');
    const recorder = record(file, { transport: kernel.transport });
    const recorded = await Conntrack.open({ transport: recorder });
    const listening = await recorded.events();
    for (const sport of [1, 2, 3]) {
      await recorded.create({ orig: orig(sport), timeout: 60 });
      // Else the capture has the events behind all requests.
      await listening.next();
    }
    await recorded.close();
    recorder.close();
    await using ct = await Conntrack.open({ transport: replay(file, { events: 'recorded' }) });
    const events = await ct.events();
    // The second is left out.
    await ct.create({ orig: orig(1), timeout: 60 });
    const first = await events.next();
    await ct.create({ orig: orig(3), timeout: 60 });
    const ports = [first, await events.next(), await events.next()].map(({ value }) =>
      value.type === 'overrun' ? undefined : value.flow.orig.sport,
    );
    expect(ports).to.deep.equal([1, 2, 3]);
    rmSync(folder, { recursive: true });
  });

  it("with events: 'recorded' name after a second, in a warning, the request that they wait for", async () => {
    const { setTimeout, warn } = runtime;
    const warnings: string[] = [];
    const waits: number[] = [];
    const calls: (() => void)[] = [];
    runtime.warn = (code, text) => warnings.push(`${code}: ${text}`);
    runtime.setTimeout = (call, milliseconds) => waits.push(milliseconds) && calls.push(call);
    try {
      const capture = pcap(release('release=6.18.0'), sent(ask(7, 1)), came(ack(7)), came(event(2)));
      const transport = await open(capture, { events: 'recorded' });
      transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
      for (let round = 0; round < 3; round++) {
        expect(drain(transport)).to.deep.equal([]);
        await turns(3);
      }
      expect([waits, warnings]).to.deep.equal([[1000], []]);
      calls[0]();
      expect(warnings).to.have.lengthOf(1);
      expect(warnings[0]).to.match(/^CTNETLINK_REPLAY_WAITS: .* waits for a request that the program has not made: \S/);
    } finally {
      Object.assign(runtime, { setTimeout, warn });
    }
  });

  it('that waited are announced to the other sockets, not from inside of send', async () => {
    const factory = replay(pcap(sent(ask(7, 1)), came(ack(7)), came(event(2))), { events: 'recorded' });
    const listening = await factory();
    let announced = 0;
    listening.start({ readable: () => announced++, failed: () => {} });
    listening.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    const closing = await factory();
    let late = 0;
    closing.start({ readable: () => late++, failed: () => {} });
    closing.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    expect(listening.receive()).to.equal(undefined);
    const requesting = started(await factory());
    requesting.send(ask(1, 1));
    closing.close();
    expect(announced).to.equal(0);
    await settled();
    expect([announced, late]).to.deep.equal([1, 0]);
    expect(payloads(drain(listening))).to.deep.equal([2]);
  });

  it('are not mistaken for replies when a request has sequence 0, nor replies for events', async () => {
    const transport = await open(
      pcap(sent(ask(0, 1)), came(event(1)), came(tell(55, 2)), came(message(0, [], { type: 3, flags: NLM_F_MULTI }))),
    );
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    transport.joinGroup(group.NFNLGRP_CONNTRACK_UPDATE);
    transport.send(ask(9, 1));
    expect(headers(transport.receive()!.bytes)[0].nlmsg_type).to.equal(NLMSG_DONE);
    // A reply to a request that was made before the recording began is nobody's.
    expect(transport.receive()?.bytes[16]).to.equal(1);
    expect(transport.receive()).to.equal(undefined);
  });
});

describe('replay: captures', () => {
  it('may say which kernel they are from', async () => {
    expect((await open(pcap(release('release=6.18.0-test'), came(event(1))))).release).to.equal('6.18.0-test');
    expect((await open(pcap(came(event(1))))).release).to.equal(undefined);
    expect((await open(pcap(release('something else')))).release).to.equal(undefined);
  });

  it('decide by their kernel what is sent', async () => {
    // An old kernel is sent no status filter, so that the capture of a new one does not answer.
    const open = async (text: string): Promise<string> => {
      const ct = await Conntrack.open({ transport: replay(pcap(release(text))) });
      const error = (await rejection(ct.dump({ status: ['ASSURED'] }).toArray())) as Error;
      return error.message;
    };
    expect(await open('release=6.18.0')).to.contain('no answer to dump { status: [ASSURED] },');
    expect(await open('release=4.4.0')).to.contain('no answer to dump,');
  });

  it('are given as bytes, path or URL', async () => {
    const path = fixturePath('mixed');
    const counts: number[] = [];
    for (const capture of [fixtureBytes('mixed'), path, pathToFileURL(path)]) {
      await using ct = await Conntrack.open({ transport: replay(capture) });
      counts.push((await ct.dump().toArray()).length);
    }
    expect(counts[0]).to.be.above(30);
    expect(new Set(counts).size).to.equal(1);
  });

  it('that are empty answer nothing and end', async () => {
    const transport = await open(pcap());
    transport.joinGroup(group.NFNLGRP_CONNTRACK_NEW);
    expect(transport.ended).to.equal(true);
    expect(refusal(transport, ask(1, 1)).message).to.contain('nor any that is not used');
  });

  it('of anything else are refused at once', () => {
    expect(() => replay(new Uint8Array(10))).to.throw(DecodeError);
    expect(() => replay(new Uint8Array(100))).to.throw(DecodeError);
    const otherLink = pcap();
    otherLink[20] = 1;
    expect(() => replay(otherLink)).to.throw(UnsupportedError);
    expect(() => replay('/nonexistent/capture.pcap')).to.throw(/ENOENT/);
  });

  it('with a broken message answer up to there', async () => {
    const broken = tell(7, 1);
    broken[0] = 200;
    const transport = await open(pcap(sent(ask(7, 1)), came(tell(7, 2)), came(broken), came(ack(7))));
    transport.send(ask(1, 1));
    expect(transport.receive()?.bytes[16]).to.equal(2);
    expect(headers(transport.receive()!.bytes)[0].nlmsg_type).to.equal(NLMSG_ERROR);
    expect(() => transport.receive()).to.throw(ReplayError, 'a part of the answer to get { family: 1 } is missing');
    expect(() => replay(pcap({ ...came(), bytes: new Uint8Array(5) }))).not.to.throw();
    // A datagram of nothing is no defect.
    expect(() => replay(pcap({ ...came(), bytes: new Uint8Array(0) }))).not.to.throw();
  });

  it('can be opened again from the start', async () => {
    const bytes = pcap(sent(ask(7, 1)), came(ack(7)));
    for (let n = 0; n < 2; n++) {
      const transport = await open(bytes);
      transport.send(ask(1, 1));
      expect(drain(transport)).to.have.length(1);
    }
  });

  it('replay in any number of sockets, closed or not', async () => {
    const factory = replay(fixtureBytes('empty'), { repeat: true });
    for (let n = 0; n < 100; n++) {
      const ct = await Conntrack.open({ transport: factory });
      expect(await ct.dump().toArray()).to.deep.equal([]);
      if (n % 2 === 0) await ct.close();
    }
  });
});
