import { expect } from 'chai';
import { ClosedError, OverrunError } from '../../src/netlink/errors.ts';
import type { EventSink } from '../../src/netlink/sequence.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { ack, FakeTransport, headerOf, message, settled, watch } from '../support/fake-transport.ts';
import { asked, type Write } from '../support/requests.ts';

const build: Write = (writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 5, sequence));

class Events implements EventSink {
  readonly log: unknown[] = [];
  paused = false;
  /** Called with every payload byte. */
  on: ((payload: number) => void) | undefined;

  message(_header: unknown, view: DataView, offset: number): void {
    const payload = view.getUint8(offset + 16);
    this.log.push(payload);
    this.on?.(payload);
  }

  overrun(error: OverrunError): void {
    this.log.push(error);
  }

  end(error?: Error): void {
    this.log.push(['end', error]);
  }
}

describe('socket: events', () => {
  it('go to the sink beside replies, in order', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    transport.deliver(message(0, [1]), message(0, [2]));
    const request = socket.request(...asked(build, { operation: 'get' }));
    const { nlmsg_seq } = headerOf(transport.sent[0]);
    // With NLM_F_ECHO the event of a request precedes its ACK.
    transport.deliver(message(0, [3]), ack(nlmsg_seq), message(0, [4]));
    await request;
    expect(events.log).to.deep.equal([1, 2, 3, 4]);
    expect(socket.counts.strays).to.equal(0);
  });

  it('that were there before the sink reach it', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    transport.deliver(message(0, [1]));
    expect(transport.unread, 'nobody wants it yet').to.equal(1);
    const events = new Events();
    socket.setEventSink(events);
    expect(events.log).to.deep.equal([1]);
  });

  it('that nobody listens to any more are counted', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    transport.deliver(message(0, [1]));
    socket.setEventSink(undefined);
    socket.request(...asked(build, { operation: 'get' })).catch(() => {});
    transport.deliver(message(0, [2]));
    expect(events.log).to.deep.equal([1]);
    expect(socket.counts.strays).to.equal(1);
    socket.close();
  });

  it('wait in the transport while the sink is paused', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    events.on = () => {
      events.paused = true;
    };
    socket.setEventSink(events);
    for (let n = 1; n <= 3; n++) transport.queue(message(0, [n]));
    transport.readable();
    expect(events.log).to.deep.equal([1]);
    expect(transport.unread).to.equal(2);
    transport.readable();
    expect(transport.unread).to.equal(2);
    events.on = undefined;
    events.paused = false;
    socket.read();
    expect(events.log).to.deep.equal([1, 2, 3]);
  });

  it('continue after an overrun, which the sink receives', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    const overrun = new OverrunError('lost', 3);
    transport.queue(message(0, [1]));
    transport.queueError(overrun);
    transport.queue(message(0, [2]));
    transport.readable();
    expect(events.log).to.deep.equal([1, overrun, 2]);
    expect(socket.closed).to.equal(false);
  });

  it('end with the error of their sink; requests go on', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    const bad = new Error('bad event');
    events.on = (payload) => {
      if (payload === 2) throw bad;
    };
    socket.setEventSink(events);
    const request = socket.request(...asked(build, { operation: 'get' }));
    const { nlmsg_seq } = headerOf(transport.sent[0]);
    transport.deliver(message(0, [1]), message(0, [2]), message(0, [3]), ack(nlmsg_seq));
    await request;
    expect(events.log).to.deep.equal([1, 2, ['end', bad]]);
    expect(socket.closed).to.equal(false);
    expect(transport.referenced, 'nobody waits any more').to.equal(false);
  });

  it('end with the DecodeError of a broken datagram', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    transport.queueDatagram(new Uint8Array(5));
    transport.readable();
    expect(events.log).to.have.lengthOf(1);
    expect((events.log[0] as [string, Error])[1]).to.have.property('code', 'ERR_DECODE');
  });

  it('end when a replay is at its end, after what it had', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    transport.ended = true;
    transport.deliver(message(0, [1]));
    expect(events.log).to.deep.equal([1, ['end', undefined]]);
    expect(socket.closed).to.equal(false);
    expect(transport.referenced).to.equal(false);
  });

  it('end at close, once', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    socket.close();
    socket.close();
    expect(events.log).to.deep.equal([['end', undefined]]);
    expect(() => socket.setEventSink(events)).to.throw(ClosedError);
  });

  it('end when the sink itself closes the socket, and nothing of the datagram follows', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    events.on = () => socket.close();
    socket.setEventSink(events);
    transport.queue(message(0, [1]), message(0, [2]));
    transport.queue(message(0, [3]));
    transport.readable();
    expect(events.log).to.deep.equal([1, ['end', undefined]]);
  });

  it('end when the sink closes the socket while it receives an overrun or the end', () => {
    for (const how of ['overrun', 'end'] as const) {
      const transport = new FakeTransport();
      const socket = new NetlinkSocket(transport);
      const events = new Events();
      const tell = events[how].bind(events) as (error: never) => void;
      events[how] = (error: unknown) => {
        tell(error as never);
        socket.close();
      };
      socket.setEventSink(events);
      if (how === 'overrun') {
        transport.queueError(new OverrunError('lost'));
        transport.queue(message(0, [1]));
      }
      transport.ended = how === 'end';
      transport.readable();
      expect(events.log.at(-1)).to.deep.equal(['end', undefined]);
      expect(events.log).to.have.lengthOf(how === 'overrun' ? 2 : 1);
    }
  });

  it('end with the error of a socket that failed', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const events = new Events();
    socket.setEventSink(events);
    const request = watch(socket.request(...asked(build, { operation: 'get' })));
    const failure = new Error('the namespace is gone');
    transport.fail(failure);
    await settled();
    expect(events.log).to.deep.equal([['end', failure]]);
    expect(request.reason).to.be.instanceOf(ClosedError).with.property('cause', failure);
    expect(socket.closed).to.equal(true);
    expect(transport.closed).to.equal(true);
  });
});
