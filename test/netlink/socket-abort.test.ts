import { expect } from 'chai';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { ack, done, FakeTransport, headerOf, message, rejection, settled, watch } from '../support/fake-transport.ts';
import { asked, type Write } from '../support/requests.ts';

const build: Write = (writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 5, sequence));
const REASON = new Error('the reason of the signal');

class Payloads {
  readonly seen: number[] = [];

  message(_header: unknown, view: DataView, offset: number): void {
    this.seen.push(view.getUint8(offset + 16));
  }
}

function lastSequence(transport: FakeTransport): number {
  return headerOf(transport.sent.at(-1)!).nlmsg_seq;
}

describe('socket: abort', () => {
  it('before the request: nothing is built or sent', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    let built = 0;
    const counted: Write = (writer, sequence) => {
      built++;
      build(writer, sequence);
    };
    for (const dump of [false, true]) {
      const signal = AbortSignal.abort(REASON);
      expect(await rejection(socket.request(...asked(counted, { operation: 'get', dump, signal })))).to.equal(REASON);
    }
    expect(built).to.equal(0);
    expect(transport.sent).to.deep.equal([]);
    expect(socket.pending).to.equal(0);
  });

  it('without a reason of its own rejects with the AbortError of the platform', async () => {
    const socket = new NetlinkSocket(new FakeTransport());
    const reason = await rejection(socket.request(...asked(build, { operation: 'get', signal: AbortSignal.abort() })));
    expect(reason).to.be.instanceOf(DOMException).with.property('name', 'AbortError');
  });

  it('while queued: it is never sent, and those behind it move up', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const abort = new AbortController();
    const first = socket.request(...asked(build, { operation: 'dump', dump: true }));
    const second = rejection(socket.request(...asked(build, { operation: 'dump', dump: true, signal: abort.signal })));
    const third = socket.request(...asked(build, { operation: 'dump', dump: true }));
    abort.abort(REASON);
    expect(await second).to.equal(REASON);
    expect(socket.pending).to.equal(2);
    transport.deliver(done(lastSequence(transport)));
    await first;
    expect(transport.sent).to.have.lengthOf(2);
    transport.deliver(done(lastSequence(transport)));
    await third;
    expect(transport.sent).to.have.lengthOf(2);
  });

  it('while it runs: rejects at once, the rest is drained and is no stray', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const abort = new AbortController();
    const sink = new Payloads();
    const options = { operation: 'dump', dump: true, sink, signal: abort.signal };
    const first = watch(socket.request(...asked(build, options)));
    const second = watch(socket.request(...asked(build, { operation: 'dump', dump: true })));
    const sequence = lastSequence(transport);
    transport.deliver(message(sequence, [1]));
    abort.abort(REASON);
    await settled();
    expect(first).to.deep.equal({ state: 'rejected', reason: REASON });
    transport.deliver(message(sequence, [2]), message(sequence, [3]));
    expect(transport.sent, 'the kernel would say EBUSY').to.have.lengthOf(1);
    transport.deliver(done(sequence));
    expect(transport.sent).to.have.lengthOf(2);
    transport.deliver(done(lastSequence(transport)));
    await settled();
    expect(second.state).to.equal('resolved');
    expect(sink.seen).to.deep.equal([1]);
    expect(socket.counts.strays).to.equal(0);
  });

  it('from inside of its own sink', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1]), message(nlmsg_seq, [2]));
      kernel.queue(message(nlmsg_seq, [3]), done(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    const abort = new AbortController();
    const seen: number[] = [];
    const sink = {
      message(_header: unknown, view: DataView, offset: number): void {
        seen.push(view.getUint8(offset + 16));
        abort.abort(REASON);
      },
    };
    const options = { operation: 'dump', dump: true, sink, signal: abort.signal };
    expect(await rejection(socket.request(...asked(build, options)))).to.equal(REASON);
    expect(seen).to.deep.equal([1]);
    expect(socket.pending, 'all was drained').to.equal(0);
    expect(socket.counts.strays).to.equal(0);
  });

  it('of a paused dump drains it', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      for (let n = 0; n < 5; n++) kernel.queue(message(nlmsg_seq, [n]));
      kernel.queue(done(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    const abort = new AbortController();
    const sink = { paused: false, message: () => void Object.assign(sink, { paused: true }) };
    const request = rejection(
      socket.request(...asked(build, { operation: 'dump', dump: true, sink, signal: abort.signal })),
    );
    expect(transport.unread).to.equal(5);
    abort.abort(REASON);
    expect(await request).to.equal(REASON);
    expect(transport.unread).to.equal(0);
    expect(socket.pending).to.equal(0);
  });

  it('after the end does nothing, and nothing listens to the signal any more', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => kernel.queue(ack(nlmsg_seq)));
    const socket = new NetlinkSocket(transport);
    const abort = new AbortController();
    let listeners = 0;
    const { signal } = abort;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await socket.request(...asked(build, { operation: 'get', signal }));
    expect(listeners).to.equal(0);
    abort.abort(REASON);
    await socket.request(...asked(build, { operation: 'get' }));
  });
});

describe('socket: stop', () => {
  it('resolves at once and drains', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    const handle = socket.start(...asked(build, { operation: 'dump', dump: true, sink }));
    const sequence = lastSequence(transport);
    transport.deliver(message(sequence, [1]));
    handle.stop();
    await handle.done;
    transport.deliver(message(sequence, [2]), done(sequence));
    expect(sink.seen).to.deep.equal([1]);
    expect(socket).to.include({ pending: 0 });
    expect(socket.counts.strays).to.equal(0);
  });

  it('takes a queued dump out of the queue', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const first = socket.request(...asked(build, { operation: 'dump', dump: true }));
    const handle = socket.start(...asked(build, { operation: 'dump', dump: true }));
    handle.stop();
    await handle.done;
    transport.deliver(done(lastSequence(transport)));
    await first;
    expect(transport.sent).to.have.lengthOf(1);
  });

  it('may be called twice, after the end, and after close', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => kernel.queue(ack(nlmsg_seq)));
    const socket = new NetlinkSocket(transport);
    const handle = socket.start(...asked(build, { operation: 'get' }));
    await handle.done;
    handle.stop();
    handle.stop();
    socket.close();
    handle.stop();
    const refused = socket.start(...asked(build, { operation: 'get' }));
    refused.stop();
    expect(await rejection(refused.done)).to.have.property('code', 'ERR_CLOSED');
  });
});
