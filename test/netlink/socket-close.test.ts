import { expect } from 'chai';
import { ClosedError, TransportError } from '../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { ack, FakeTransport, headerOf, message, rejection, watch } from '../support/fake-transport.ts';
import { asked, type Write } from '../support/requests.ts';

const build: Write = (writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 5, sequence));

describe('socket: close', () => {
  it('rejects what is pending and what is queued', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const all = [
      socket.request(...asked(build, { operation: 'get' })),
      socket.request(...asked(build, { operation: 'dump', dump: true })),
      socket.request(...asked(build, { operation: 'dump', dump: true })),
      socket.request(...asked(build, { operation: 'dump', dump: true })),
    ].map(rejection);
    socket.close();
    for (const reason of await Promise.all(all)) expect(reason).to.be.instanceOf(ClosedError);
    expect(socket).to.include({ closed: true, pending: 0 });
    expect(transport.closed).to.equal(true);
    expect(transport.sent, 'queued dumps stay unsent').to.have.lengthOf(2);
  });

  it('can be called again, and refuses all that comes after', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    socket.close();
    socket.close();
    expect(await rejection(socket.request(...asked(build, { operation: 'get' })))).to.be.instanceOf(ClosedError);
    expect(await rejection(socket.request(...asked(build, { operation: 'dump', dump: true })))).to.be.instanceOf(
      ClosedError,
    );
    expect(transport.sent).to.deep.equal([]);
    expect(transport.receives).to.equal(0);
    socket.read();
    transport.readable();
    expect(transport.receives, 'a closed socket is not read').to.equal(0);
  });

  it('from inside of a reply’s sink ends that request too', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1]), message(nlmsg_seq, [2]));
      kernel.queue(ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    let seen = 0;
    const sink = {
      message() {
        seen++;
        socket.close();
      },
    };
    expect(await rejection(socket.request(...asked(build, { operation: 'get', sink })))).to.be.instanceOf(ClosedError);
    expect(seen).to.equal(1);
  });

  it('does not reach the signals of requests that it rejected', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const abort = new AbortController();
    const request = rejection(socket.request(...asked(build, { operation: 'get', signal: abort.signal })));
    const queued = [1, 2].map(() =>
      rejection(socket.request(...asked(build, { operation: 'dump', dump: true, signal: abort.signal }))),
    );
    socket.close();
    abort.abort(new Error('too late'));
    for (const reason of await Promise.all([request, ...queued])) expect(reason).to.be.instanceOf(ClosedError);
  });

  it('follows from a socket that fails while it is read', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const request = watch(socket.request(...asked(build, { operation: 'get' })));
    const failure = new TransportError('recvmsg', 9, 'bad file descriptor');
    transport.queueError(failure);
    transport.readable();
    const reason = await rejection(socket.request(...asked(build, { operation: 'get' })));
    expect(request.reason).to.be.instanceOf(ClosedError).with.property('cause', failure);
    expect((request.reason as Error).message).to.equal('the socket failed: recvmsg: bad file descriptor');
    expect(reason, 'later ones reject with the reason as well').to.include({ code: 'ERR_CLOSED', cause: failure });
  });

  it('by the transport twice is one end', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    let ends = 0;
    socket.setEventSink({ message() {}, overrun() {}, end: () => ends++ });
    transport.fail(new Error('first'));
    transport.fail(new Error('second'));
    expect(ends).to.equal(1);
  });

  it('is not needed for an answer that was already there', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const request = socket.request(...asked(build, { operation: 'get' }));
    transport.deliver(ack(headerOf(transport.sent[0]).nlmsg_seq));
    socket.close();
    await request;
  });
});
