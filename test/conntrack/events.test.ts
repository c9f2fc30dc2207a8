import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Events } from '../../src/conntrack/events.ts';
import type { FlowEventOrOverrun } from '../../src/conntrack/flow-events.ts';
import type { FlowEvent } from '../../src/ctnetlink/event.ts';
import {
  ClosedError,
  DecodeError,
  KernelError,
  OverrunError,
  TransportError,
  UnsupportedError,
} from '../../src/netlink/errors.ts';
import type { TransportOptions } from '../../src/netlink/transport.ts';
import { replay } from '../../src/replay/replay.ts';
import { EPERM } from '../../src/uapi/errno.ts';
import { FakeTransport, headerOf, message, rejection, settled, watch } from '../support/fake-transport.ts';
import { came, fixturePath, overrun, pcap } from '../support/fixtures.ts';
import { DESTROY, flow, flowMessage, kernelWith, NEW, numberOf, play, range, UPDATE } from '../support/played.ts';

/** An event in short. */
const brief = (event: FlowEventOrOverrun): unknown =>
  event.type === 'overrun' ? ['overrun', event.lost] : [event.type, numberOf(event.flow), event.portid];

async function all(events: AsyncIterable<FlowEventOrOverrun>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const event of events) seen.push(brief(event));
  return seen;
}

/** Events over one played socket. */
async function listen(
  options?: Parameters<Conntrack['events']>[0],
): Promise<{ ct: Conntrack; events: Events<FlowEvent>; socket: FakeTransport }> {
  const { ct, sockets } = await play(kernelWith([]));
  const events = await ct.events(options);
  return { ct, events, socket: sockets[1] };
}

describe('Conntrack: events', () => {
  it('come with type, flow and the portid of the program that caused them', async () => {
    const { events, socket } = await listen();
    socket.deliver(flowMessage(0, flow(1), NEW));
    socket.deliver(flowMessage(0, flow(2), { ...UPDATE, portid: 77 }), flowMessage(0, flow(3), DESTROY));
    expect(brief((await events.next()).value)).to.deep.equal(['new', 1, 0]);
    expect(brief((await events.next()).value)).to.deep.equal(['update', 2, 77]);
    const last = (await events.next()).value as FlowEventOrOverrun;
    expect(brief(last)).to.deep.equal(['destroy', 3, 0]);
    expect(last.type === 'destroy' && last.flow.toJSON()).to.deep.include({ mark: 3, id: 1003 });
    events.close();
  });

  it('wake the call that waits for them', async () => {
    const { events, socket } = await listen();
    const first = events.next();
    const second = events.next();
    await settled();
    socket.deliver(flowMessage(0, flow(1), NEW));
    expect(brief((await first).value)).to.deep.equal(['new', 1, 0]);
    socket.deliver(flowMessage(0, flow(2), NEW));
    expect(brief((await second).value)).to.deep.equal(['new', 2, 0]);
    events.close();
  });

  it('come in order to calls of next that overlap', async () => {
    const { events, socket } = await listen();
    const waiting = Promise.all(range(5).map(() => events.next()));
    await settled();
    socket.deliver(...range(3).map((n) => flowMessage(0, flow(n), NEW)));
    await settled();
    socket.deliver(...range(2, 3).map((n) => flowMessage(0, flow(n), NEW)));
    expect((await waiting).map(({ value }) => brief(value))).to.have.deep.members(range(5).map((n) => ['new', n, 0]));
    events.close();
  });

  it('are those of a socket of its own, which joined before the promise resolved', async () => {
    const seen: (TransportOptions | undefined)[] = [];
    const sockets: FakeTransport[] = [];
    const ct = await Conntrack.open({
      receiveBuffer: 1000,
      transport: async (options) => {
        seen.push(options);
        sockets.push(new FakeTransport());
        return sockets.at(-1)!;
      },
    });
    await ct.events();
    await ct.events({ types: ['destroy'], receiveBuffer: 5000, receiveAhead: true });
    await ct.events({ types: ['update', 'new', 'new'] });
    expect(seen.map((options) => [options?.events, options?.receiveBuffer, options?.receiveAhead])).to.deep.equal([
      [false, undefined, undefined],
      [true, 1000, undefined],
      [true, 5000, true],
      [true, 1000, undefined],
    ]);
    expect(sockets.map((socket) => [...socket.groups].sort())).to.deep.equal([[], [1, 2, 3], [3], [1, 2]]);
    await ct.close();
  });

  it('that are not about flows are left out', async () => {
    const { events, socket } = await listen();
    socket.deliver(message(0, [2, 0, 0, 0], { type: 0x200 }), message(0, [2, 0, 0, 0], { type: 0x101 }));
    socket.deliver(flowMessage(0, flow(1), NEW));
    expect(brief((await events.next()).value)).to.deep.equal(['new', 1, 0]);
    events.close();
  });

  it('of other processes are no events', async () => {
    const { events, socket } = await listen();
    socket.queueDatagram(flowMessage(0, flow(1), NEW), { sender: 5 });
    socket.deliver(flowMessage(0, flow(2), NEW));
    expect(brief((await events.next()).value)).to.deep.equal(['new', 2, 0]);
    events.close();
  });

  it('keep the process alive while next waits, and not otherwise', async () => {
    const { events, socket } = await listen();
    expect(socket.referenced, 'nobody has read').to.equal(false);
    const waiting = [events.next(), events.next()];
    await settled();
    expect(socket.referenced).to.equal(true);
    socket.deliver(flowMessage(0, flow(1), NEW));
    await waiting[0];
    await settled();
    expect(socket.referenced, 'the second waits').to.equal(true);
    socket.deliver(flowMessage(0, flow(2), NEW), flowMessage(0, flow(3), NEW));
    await waiting[1];
    await settled();
    expect(socket.referenced, 'nobody waits').to.equal(false);
    expect(brief((await events.next()).value)).to.deep.equal(['new', 3, 0]);
    const last = events.next();
    await settled();
    expect(socket.referenced).to.equal(true);
    events.close();
    expect((await last).done).to.equal(true);
    expect(socket.closed).to.equal(true);
  });
});

describe('Conntrack: events and overruns', () => {
  it('have the overrun in its place', async () => {
    const { events, socket } = await listen();
    socket.queue(flowMessage(0, flow(1), NEW));
    socket.queueError(new OverrunError('lost', 42));
    socket.queue(flowMessage(0, flow(2), NEW));
    socket.queueError(new OverrunError('lost'));
    socket.readable();
    const seen = [];
    for (let n = 0; n < 4; n++) seen.push(brief((await events.next()).value));
    expect(seen).to.deep.equal([
      ['new', 1, 0],
      ['overrun', 42],
      ['new', 2, 0],
      ['overrun', undefined],
    ]);
    events.close();
  });

  it('report a cut datagram, and yield its whole messages', async () => {
    const { events, socket } = await listen();
    const whole = flowMessage(0, flow(1), NEW);
    const cut = flowMessage(0, flow(2), NEW).subarray(0, 40);
    const bytes = new Uint8Array(whole.length + cut.length);
    bytes.set(whole);
    bytes.set(cut, whole.length);
    socket.queueDatagram(bytes, { truncated: true });
    socket.readable();
    expect(brief((await events.next()).value)).to.deep.equal(['overrun', undefined]);
    expect(brief((await events.next()).value)).to.deep.equal(['new', 1, 0]);
    events.close();
  });

  it('are read ahead up to a limit; the rest waits in the kernel, where a loss is noticed', async () => {
    const { events, socket } = await listen();
    let made = 0;
    socket.more = () => (made < 1000 ? flowMessage(0, flow(made++), NEW) : undefined);
    socket.readable();
    for (let turn = 0; turn < 10; turn++) await settled();
    expect(made, 'nobody reads yet').to.equal(256);
    socket.readable();
    await settled();
    expect(made).to.equal(256);
    for (let n = 0; n < 1000; n++) expect(numberOf((await events.next()).value.flow)).to.equal(n);
    expect(made).to.equal(1000);
    events.close();
  });
});

describe('Conntrack: the end of events', () => {
  it('is close: what was not read is dropped', async () => {
    const { events, socket } = await listen();
    socket.deliver(flowMessage(0, flow(1), NEW));
    events.close();
    events.close();
    expect(socket.closed).to.equal(true);
    expect(events.ended).to.equal(true);
    expect(await events.next()).to.deep.equal({ value: undefined, done: true });
    expect(await all(events)).to.deep.equal([]);
  });

  it('is close while next waits', async () => {
    const { events } = await listen();
    const waiting = Promise.all([events.next(), events.next()]);
    await settled();
    events.close();
    for (const result of await waiting) expect(result).to.deep.equal({ value: undefined, done: true });
  });

  it('is breaking out of the loop', async () => {
    const { events, socket } = await listen();
    socket.deliver(flowMessage(0, flow(1), NEW), flowMessage(0, flow(2), NEW));
    for await (const event of events) {
      expect(brief(event)).to.deep.equal(['new', 1, 0]);
      break;
    }
    expect(socket.closed).to.equal(true);
    expect(await events.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('is an error in the loop', async () => {
    const { events, socket } = await listen();
    socket.deliver(flowMessage(0, flow(1), NEW));
    const mistake = new Error('mine');
    const loop = async (): Promise<void> => {
      for await (const _ of events) throw mistake;
    };
    expect(await rejection(loop())).to.equal(mistake);
    expect(socket.closed).to.equal(true);
  });

  it('is the end of `await using`', async () => {
    const { events, socket } = await listen();
    {
      await using using = events;
      expect(using.ended).to.equal(false);
    }
    expect(socket.closed).to.equal(true);
  });

  it('is the signal, with its own reason, reported once', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const { events, socket } = await listen({ signal: controller.signal });
    socket.deliver(flowMessage(0, flow(1), NEW));
    controller.abort(reason);
    expect(socket.closed).to.equal(true);
    expect(await rejection(events.next())).to.equal(reason);
    expect(await events.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('is the signal while next waits', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const { events } = await listen({ signal: controller.signal });
    const waiting = rejection(events.next());
    await settled();
    controller.abort(reason);
    expect(await waiting).to.equal(reason);
  });

  it('is not the signal when they were closed before', async () => {
    const controller = new AbortController();
    const { events } = await listen({ signal: controller.signal });
    events.close();
    controller.abort(new Error('late'));
    expect(await events.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('is the signal that was aborted before, and then no socket is opened', async () => {
    const { ct, sockets } = await play();
    expect(await rejection(ct.events({ signal: AbortSignal.abort('before') }))).to.equal('before');
    expect(sockets).to.have.length(1);
  });

  it('is the signal, or closing, while the socket is being opened', async () => {
    for (const closes of [false, true]) {
      const sockets: FakeTransport[] = [];
      const ct = await Conntrack.open({
        transport: async () => {
          await settled();
          sockets.push(new FakeTransport());
          return sockets.at(-1)!;
        },
      });
      const controller = new AbortController();
      const opening = rejection(ct.events({ signal: controller.signal }));
      if (closes) await ct.close();
      else controller.abort('meanwhile');
      const error = await opening;
      if (closes) expect(error).to.be.instanceOf(ClosedError);
      else expect(error).to.equal('meanwhile');
      expect(sockets[1].closed).to.equal(true);
      await ct.close();
    }
  });

  it('is closing the Conntrack', async () => {
    const { ct, sockets } = await play();
    const streams = [await ct.events(), await ct.events()];
    const waiting = streams.map((events) => all(events));
    await settled();
    await ct.close();
    expect(await Promise.all(waiting)).to.deep.equal([[], []]);
    expect(sockets.map(({ closed }) => closed)).to.deep.equal([true, true, true]);
    expect(await rejection(ct.events())).to.be.instanceOf(ClosedError);
    expect(sockets).to.have.length(3);
  });

  it('of one stream is not that of another', async () => {
    const { ct, sockets } = await play(kernelWith([flow(1)]));
    const [first, second] = [await ct.events(), await ct.events()];
    first.close();
    sockets[2].deliver(flowMessage(0, flow(7), NEW));
    expect(brief((await second.next()).value)).to.deep.equal(['new', 7, 0]);
    expect(await ct.dump().toArray()).to.have.length(1);
    // Streams that are over are forgotten.
    for (let n = 0; n < 50; n++) (await ct.events()).close();
    await ct.close();
    expect(sockets.every(({ closed }) => closed)).to.equal(true);
  });

  it('is a socket that fails, with what happened, after what was read', async () => {
    const { events, socket } = await listen();
    const failure = new TransportError('recvmsg', 9, 'bad file descriptor');
    socket.deliver(flowMessage(0, flow(1), NEW));
    socket.fail(failure);
    expect(brief((await events.next()).value)).to.deep.equal(['new', 1, 0]);
    expect(await rejection(events.next())).to.equal(failure);
    expect(await events.next()).to.deep.equal({ value: undefined, done: true });
    expect(socket.closed).to.equal(true);
  });

  it('is an event that cannot be decoded', async () => {
    const { events, socket } = await listen();
    const broken = flowMessage(0, flow(2), NEW);
    broken[20] = 200;
    socket.deliver(flowMessage(0, flow(1), NEW), broken, flowMessage(0, flow(3), NEW));
    expect(brief((await events.next()).value)).to.deep.equal(['new', 1, 0]);
    expect(await rejection(events.next())).to.be.instanceOf(DecodeError);
    expect(await events.next()).to.deep.equal({ value: undefined, done: true });
    expect(socket.closed).to.equal(true);
  });
});

describe('Conntrack: events that are drained', () => {
  it('leave their groups, come to the last one, and end', async () => {
    const { ct, sockets } = await play(kernelWith([]));
    const streams = [await ct.events(), await ct.expectations.events()] as const;
    for (const [index, events] of streams.entries()) {
      const socket = sockets[index + 1];
      socket.drained = true;
      expect(socket.groups.size).to.equal(3 - index);
      if (index === 0) socket.queue(flowMessage(0, flow(1), NEW), flowMessage(0, flow(2), UPDATE));
      socket.queueError(new OverrunError('lost', 7));
      events.drain();
      events.drain();
      expect(socket.groups.size).to.equal(0);
      const seen = [];
      for await (const event of events) seen.push(brief(event as FlowEventOrOverrun));
      expect(seen).to.deep.equal([
        ...(index === 0
          ? [
              ['new', 1, 0],
              ['update', 2, 0],
            ]
          : []),
        ['overrun', 7],
      ]);
      expect(events.ended).to.equal(true);
      expect(socket.closed).to.equal(true);
    }
    await ct.close();
  });

  it('are more than are read ahead', async () => {
    const { events, socket } = await listen();
    socket.drained = true;
    let made = 0;
    socket.more = () => (made < 1000 ? flowMessage(0, flow(made++), NEW) : undefined);
    events.drain();
    await settled();
    expect([made, events.ended]).to.deep.equal([256, false]);
    expect(await all(events)).to.deep.equal(range(1000).map((n) => ['new', n, 0]));
  });

  it('end behind the answer to a request, where the transport cannot know that nothing waits', async () => {
    const { events, socket } = await listen();
    socket.queue(flowMessage(0, flow(1), NEW));
    const before = socket.sent.length;
    events.drain();
    // It is a control message, to which the kernel gives an ACK and nothing else.
    expect(socket.sent).to.have.length(before + 1);
    const { nlmsg_type, nlmsg_flags } = headerOf(socket.sent[before]);
    expect([nlmsg_type, nlmsg_flags]).to.deep.equal([1, 5]);
    expect(await all(events)).to.deep.equal([['new', 1, 0]]);
    expect(socket.closed).to.equal(true);
  });

  it('end for a next that waits', async () => {
    const { events, socket } = await listen();
    socket.drained = true;
    const waiting = [events.next(), events.next()];
    await settled();
    events.drain();
    for (const next of waiting) expect(await next).to.deep.equal({ value: undefined, done: true });
  });

  it('end with the reason of the signal when it is aborted meanwhile, and close drops the rest', async () => {
    for (const closes of [true, false]) {
      const controller = new AbortController();
      const { events, socket } = await listen({ signal: controller.signal });
      socket.drained = true;
      socket.queue(...range(300).map((n) => flowMessage(0, flow(n), NEW)));
      socket.more = () => flowMessage(0, flow(1), NEW);
      events.drain();
      if (closes) events.close();
      else controller.abort('enough');
      if (closes) expect((await events.next()).done).to.equal(true);
      else expect(await rejection(events.next())).to.equal('enough');
      expect(socket.closed).to.equal(true);
    }
  });

  it('are those that had ended before', async () => {
    const { events, socket } = await listen();
    events.close();
    events.drain();
    expect(socket.sent).to.have.length(0);
    expect((await events.next()).done).to.equal(true);
  });

  it('of a replay are all that had come', async () => {
    const messages = range(5).map((n) => came(flowMessage(0, flow(n), NEW)));
    await using ct = await Conntrack.open({ transport: replay(pcap(...messages)) });
    const events = await ct.events();
    events.drain();
    expect(await all(events)).to.deep.equal(range(5).map((n) => ['new', n, 0]));
  });

  it("of a replay with events: 'recorded' are those whose request was made", async () => {
    await using ct = await Conntrack.open({ transport: replay(fixturePath('events'), { events: 'recorded' }) });
    const events = await ct.events();
    events.drain();
    const types = (await all(events)).map((event) => (event as unknown[])[0]);
    expect(types, 'the flush deletes the flow').not.to.contain('destroy');
    expect(types).to.contain('new');
  });
});

describe('Conntrack: events that cannot be had', () => {
  it('reject with what joining came to, and the socket is closed', async () => {
    const cases: [Error, (error: unknown) => void][] = [
      [
        new TransportError('setsockopt', EPERM, 'operation not permitted'),
        (error) => {
          expect(error).to.be.instanceOf(KernelError).and.include({ code: 'EPERM', operation: 'join' });
          expect((error as Error).message).to.contain('CAP_NET_ADMIN');
        },
      ],
      [
        new UnsupportedError('not here'),
        (error) => expect(error).to.be.instanceOf(UnsupportedError).and.include({ message: 'not here' }),
      ],
      [new TransportError('setsockopt', 0, 'odd'), (error) => expect(error).to.be.instanceOf(TransportError)],
    ];
    for (const [thrown, check] of cases) {
      const sockets: FakeTransport[] = [];
      const ct = await Conntrack.open({
        transport: async (options) => {
          const fake = new FakeTransport();
          if (options?.events)
            fake.joinGroup = () => {
              throw thrown;
            };
          sockets.push(fake);
          return fake;
        },
      });
      check(await rejection(ct.events()));
      expect(sockets[1].closed).to.equal(true);
      expect(sockets[0].closed).to.equal(false);
      await ct.close();
    }
  });

  it('reject with what opening came to', async () => {
    const ct = await Conntrack.open({
      transport: async (options) => {
        if (options?.events) throw new UnsupportedError('no events here');
        return new FakeTransport();
      },
    });
    expect(await rejection(ct.events())).to.be.instanceOf(UnsupportedError);
    await ct.close();
  });
});

describe('Conntrack: events of a replay', () => {
  const capture = pcap(
    came(flowMessage(0, flow(1), NEW)),
    came(flowMessage(0, flow(1), UPDATE)),
    overrun(),
    came(flowMessage(0, flow(1), DESTROY)),
  );

  it('end after the last', async () => {
    await using ct = await Conntrack.open({ transport: replay(capture) });
    const events = await ct.events();
    expect(await all(events)).to.deep.equal([
      ['new', 1, 0],
      ['update', 1, 0],
      ['overrun', undefined],
      ['destroy', 1, 0],
    ]);
    expect(events.ended).to.equal(true);
  });

  it('are only of the types that were asked for, and come whole to each stream', async () => {
    await using ct = await Conntrack.open({ transport: replay(capture) });
    const streams = [await ct.events({ types: ['new'] }), await ct.events(), await ct.events({ types: ['destroy'] })];
    expect(await Promise.all(streams.map((events) => all(events)))).to.deep.equal([
      [
        ['new', 1, 0],
        ['overrun', undefined],
      ],
      [
        ['new', 1, 0],
        ['update', 1, 0],
        ['overrun', undefined],
        ['destroy', 1, 0],
      ],
      [
        ['overrun', undefined],
        ['destroy', 1, 0],
      ],
    ]);
  });

  it("wait with events: 'recorded' for what caused them", async () => {
    await using ct = await Conntrack.open({ transport: replay(fixturePath('events'), { events: 'recorded' }) });
    const events = await ct.events();
    const types: string[] = [];
    const reading = (async () => {
      for await (const event of events) types.push(event.type);
    })();
    for (let turn = 0; turn < 5; turn++) await settled();
    expect(types, 'the flush deletes the flow').not.to.contain('destroy');
    expect(types).to.contain('new');
    expect(watch(reading).state).to.equal('pending');
    await ct.flush({ orig: { proto: 'tcp', dport: 8080 }, family: 'ipv4' });
    await reading;
    expect(types.at(-1)).to.equal('destroy');
  });
});
