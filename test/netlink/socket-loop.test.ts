import { expect } from 'chai';
import { runtime } from '../../src/netlink/runtime.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { passTime } from '../support/clock.ts';
import { ack, done, FakeTransport, headerOf, message, settled } from '../support/fake-transport.ts';
import { asked, type Write } from '../support/requests.ts';

const build: Write = (writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 5, sequence));

describe('socket: read loop', () => {
  it('keeps the process alive only while somebody waits', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    expect(transport.referenced, 'at the start').to.equal(false);
    const first = socket.request(...asked(build, { operation: 'get' }));
    const second = socket.request(...asked(build, { operation: 'get' }));
    expect(transport.referenced).to.equal(true);
    const [a, b] = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    transport.deliver(ack(a));
    await first;
    expect(transport.referenced, 'one is left').to.equal(true);
    transport.deliver(ack(b));
    await second;
    expect(transport.referenced).to.equal(false);
  });

  it('keeps it alive for queued dumps, for what is drained, and for events', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const { done: ended, stop } = socket.start(...asked(build, { operation: 'dump', dump: true }));
    stop();
    await ended;
    expect(transport.referenced, 'drained').to.equal(true);
    const queued = socket.start(...asked(build, { operation: 'dump', dump: true }));
    transport.deliver(done(headerOf(transport.sent[0]).nlmsg_seq));
    expect(transport.referenced, 'queued').to.equal(true);
    transport.deliver(done(headerOf(transport.sent[1]).nlmsg_seq));
    await queued.done;
    expect(transport.referenced).to.equal(false);
    const sink = { message() {}, overrun() {}, end() {} };
    socket.setEventSink(sink);
    expect(transport.referenced, 'events').to.equal(true);
    socket.setEventSink(undefined);
    expect(transport.referenced).to.equal(false);
  });

  it('does not read while nobody wants anything', () => {
    const transport = new FakeTransport();
    new NetlinkSocket(transport);
    transport.deliver(message(0, [1]));
    expect(transport.receives).to.equal(0);
  });

  it('yields to the event loop within a dump that never makes it wait', async () => {
    let sequence = 0;
    const transport = new FakeTransport((_bytes, { nlmsg_seq }) => {
      sequence = nlmsg_seq;
    });
    const socket = new NetlinkSocket(transport);
    let turns = 0;
    let finished = false;
    // A dump that has more until the loop has turned a few times.
    transport.more = () => {
      if (finished) return undefined;
      passTime(1);
      finished = turns >= 5;
      return finished ? done(sequence) : message(sequence, [1]);
    };
    const tick = (): void => {
      turns++;
      if (!finished) setImmediate(tick);
    };
    setImmediate(tick);
    await socket.request(...asked(build, { operation: 'dump', dump: true }));
    expect(turns).to.be.at.least(5);
  });

  it('yields also to timers, and between requests whose caller only awaits them', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => kernel.queue(ack(nlmsg_seq)));
    const socket = new NetlinkSocket(transport);
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 1);
    // A socket that yields to no timer ends here too, after half a minute.
    for (let n = 0; !fired && n < 10_000_000; n++) {
      await socket.request(...asked(build, { operation: 'get' }));
      passTime(1);
    }
    expect(fired).to.equal(true);
  });

  it('goes on in the next turn by itself', async () => {
    let sequence = 0;
    const transport = new FakeTransport((_bytes, { nlmsg_seq }) => {
      sequence = nlmsg_seq;
    });
    const socket = new NetlinkSocket(transport);
    let turn = 0;
    let finished = false;
    transport.more = () => {
      if (finished) return undefined;
      passTime(1);
      finished = turn === 3;
      return finished ? done(sequence) : message(sequence, [1]);
    };
    const timer = setInterval(() => {
      turn = Math.min(turn + 1, 3);
    }, 1);
    // Nobody says `readable` again.
    await socket.request(...asked(build, { operation: 'dump', dump: true }));
    clearInterval(timer);
  });

  it('lets timers run before it goes on, wherever in the turn it began', () => {
    const immediates: (() => void)[] = [];
    const { setImmediate } = runtime;
    runtime.setImmediate = (callback) => immediates.push(callback);
    try {
      const transport = new FakeTransport();
      const socket = new NetlinkSocket(transport, undefined, 4);
      transport.more = () => {
        passTime(1);
        return message(0, [1]);
      };
      const read: number[] = [];
      let before = 0;
      const note = (): void => {
        read.push(transport.receives - before);
        before = transport.receives;
      };
      socket.setEventSink({ message() {}, overrun() {}, end() {} });
      note();
      // Those of one turn of the loop; timers come behind them.
      for (let turn = 0; turn < 4; turn++) {
        for (const immediate of immediates.splice(0)) immediate();
        note();
      }
      // The first datagram begins the turn, and the last one ends it.
      expect(read).to.deep.equal([6, 0, 6, 6, 6]);
    } finally {
      runtime.setImmediate = setImmediate;
    }
  });

  it('stops when all that wait are paused, and goes on when one of them asks', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      for (let n = 0; n < 10; n++) kernel.queue(message(nlmsg_seq, [n]));
      kernel.queue(done(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    const seen: number[] = [];
    const sink = {
      paused: false,
      message(_header: unknown, view: DataView, offset: number) {
        seen.push(view.getUint8(offset + 16));
        sink.paused = seen.length % 4 === 0;
      },
    };
    const request = socket.request(...asked(build, { operation: 'dump', dump: true, sink }));
    expect(seen).to.deep.equal([0, 1, 2, 3]);
    transport.readable();
    await settled();
    expect(seen).to.have.lengthOf(4);
    sink.paused = false;
    socket.read();
    expect(seen).to.have.lengthOf(8);
    sink.paused = false;
    socket.read();
    await request;
    expect(seen).to.have.lengthOf(10);
  });

  it('reads for another request although one is paused, which then gets what comes', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    let seen = 0;
    const sink = { paused: true, message: () => void seen++ };
    const paused = socket.request(...asked(build, { operation: 'dump', dump: true, sink }));
    const other = socket.request(...asked(build, { operation: 'get' }));
    const [a, b] = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    transport.queue(message(a, [1]));
    transport.queue(ack(b));
    transport.queue(message(a, [2]));
    transport.readable();
    await other;
    expect(seen).to.equal(1);
    expect(transport.unread).to.equal(1);
    sink.paused = false;
    transport.deliver(done(a));
    await paused;
    expect(seen).to.equal(2);
  });

  it('is not entered again by a transport that is readable from inside of receive or send', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1]), ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    let depth = 0;
    let deepest = 0;
    const sink = {
      message() {
        deepest = Math.max(deepest, ++depth);
        transport.readable();
        socket.read();
        depth--;
      },
    };
    await Promise.all([1, 2, 3].map(() => socket.request(...asked(build, { operation: 'get', sink }))));
    expect(deepest).to.equal(1);
  });
});
