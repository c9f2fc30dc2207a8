/**
 * A replay takes time in proportion to the capture. Nothing here looks at a clock: with so many requests, an
 * implementation that walks the capture for each of them needs many times what mocha allows for a test.
 */
import { expect } from 'chai';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { pcapFileHeader, pcapRecord } from '../../src/capture/pcap.ts';
import type { Transport } from '../../src/netlink/transport.ts';
import { ReplayError } from '../../src/replay/error.ts';
import { replay } from '../../src/replay/replay.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW } from '../../src/uapi/nfnetlink.ts';
import { ack, done, message } from '../support/fake-transport.ts';
import { started } from '../support/fixtures.ts';
import { sized } from '../support/tier.ts';

const MANY = sized({ quick: 6_000, landing: 20_000, soak: 60_000 });
const TIME = 1_700_000_000_000_000_000n;

/** Four bytes that distinguish a request, or an event, from others. */
function payload(n: number): number[] {
  return [n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, 0];
}

function ask(sequence: number, n: number, type = 0x101, flags = 5): Uint8Array {
  return message(sequence, payload(n), { type, flags });
}

function event(n: number): Uint8Array {
  return message(0, payload(n), { type: 0x100, flags: NLM_F_CREATE | NLM_F_EXCL });
}

const sent = (bytes: Uint8Array): CapturedDatagram => ({ fromKernel: false, time: TIME, bytes });
const came = (bytes: Uint8Array): CapturedDatagram => ({ fromKernel: true, time: TIME, bytes });

function pcap(datagrams: readonly CapturedDatagram[]): Uint8Array {
  return Buffer.concat([pcapFileHeader(), ...datagrams.map(pcapRecord)]);
}

/** `count` requests, each with its ACK and, where there are any, an event behind it. */
function requests(count: number, { distinct = true, events = false } = {}): Uint8Array {
  const datagrams: CapturedDatagram[] = [];
  for (let n = 0; n < count; n++) {
    datagrams.push(sent(ask(n + 1, distinct ? n : 0)), came(ack(n + 1)));
    if (events) datagrams.push(came(event(n)));
  }
  return pcap(datagrams);
}

/** Sends, and reads what there is then as the layers above do; how many datagrams that was. */
function exchange(transport: Transport, bytes: Uint8Array): number {
  transport.send(bytes);
  let count = 0;
  while (transport.receive() !== undefined) count++;
  // What the layers above look at when there is nothing.
  void transport.ended;
  return count;
}

describe(`replay: a capture of ${MANY}`, () => {
  it('different requests', async () => {
    const transport = started(await replay(requests(MANY))());
    let answers = 0;
    for (let n = 0; n < MANY; n++) answers += exchange(transport, ask(n + 1, n));
    expect(answers).to.equal(MANY);
  });

  it('equal requests; with repeat the last answer is given as often again', async () => {
    const transport = started(await replay(requests(MANY, { distinct: false }), { repeat: true })());
    let answers = 0;
    for (let n = 0; n < 2 * MANY; n++) answers += exchange(transport, ask(n + 1, 0));
    expect(answers).to.equal(2 * MANY);
  });

  it('requests that are made in another order, and as many that it does not answer', async () => {
    const transport = started(await replay(requests(MANY), { events: 'recorded' })());
    let answers = 0;
    let refusals = 0;
    for (let n = MANY - 1; n >= 0; n--) {
      answers += exchange(transport, ask(n + 1, n));
      try {
        exchange(transport, ask(n + 1, n, 0x104));
      } catch (error) {
        if (error instanceof ReplayError) refusals++;
      }
    }
    expect([answers, refusals]).to.deep.equal([MANY, MANY]);
  });

  it('events between requests of a socket that does not listen, for one that does and one that waits for others', async () => {
    const factory = replay(requests(MANY, { events: true }), { events: 'recorded' });
    const asking = started(await factory());
    const listening = started(await factory());
    const idle = started(await factory());
    listening.joinGroup(NFNLGRP_CONNTRACK_NEW);
    idle.joinGroup(NFNLGRP_CONNTRACK_DESTROY);
    const seen = [0, 0, 0];
    for (let n = 0; n < MANY; n++) {
      seen[0] += exchange(asking, ask(n + 1, n));
      for (const [at, transport] of [listening, idle].entries())
        while (transport.receive() !== undefined) seen[at + 1]++;
      if (listening.ended !== (n === MANY - 1)) throw new Error(`ended is wrong after request ${n}`);
    }
    expect(seen).to.deep.equal([MANY, MANY, 0]);
  });

  it('sockets, each with one request', async () => {
    const factory = replay(requests(MANY, { events: true }), { events: 'recorded' });
    const transports: Transport[] = [];
    for (let n = 0; n < MANY; n++) transports.push(started(await factory()));
    let answers = 0;
    for (const [n, transport] of transports.entries()) answers += exchange(transport, ask(1, n));
    expect(answers).to.equal(MANY);
  });

  it('datagrams of one answer', async () => {
    const tell = (n: number): Uint8Array => message(7, payload(n), { type: 0x100, flags: 2 });
    const datagrams = [sent(ask(7, 1, 0x101, 0x301))];
    for (let n = 0; n < MANY; n++) datagrams.push(came(tell(n)));
    datagrams.push(came(done(7)));
    const transport = started(await replay(pcap(datagrams))());
    expect(exchange(transport, ask(1, 1, 0x101, 0x301))).to.equal(MANY + 1);
  });
});
