import { expect } from 'chai';
import { HOST_LITTLE_ENDIAN } from '../../src/netlink/byteorder.ts';
import { ClosedError, KernelError, OverrunError, TransportError } from '../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import {
  ack,
  error,
  FakeTransport,
  headerOf,
  int32,
  message,
  nlattr,
  rejection,
  settled,
  watch,
} from '../support/fake-transport.ts';
import { asked, type Write } from '../support/requests.ts';

/** A request that says nothing but its number. */
const build: Write = (writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 5, sequence));

/** First payload byte of every message. */
class Payloads {
  readonly seen: number[] = [];

  message(_header: unknown, view: DataView, offset: number): void {
    this.seen.push(view.getUint8(offset + 16));
  }
}

const get = { operation: 'get' };

describe('socket: requests', () => {
  it('are sent with a number of their own, never 0', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => kernel.queue(ack(nlmsg_seq)));
    const socket = new NetlinkSocket(transport);
    await Promise.all([1, 2, 3].map(() => socket.request(...asked(build, get))));
    const numbers = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    expect(new Set(numbers).size).to.equal(3);
    expect(numbers).not.to.include(0);
    expect(headerOf(transport.sent[0])).to.include({ nlmsg_type: 0x101, nlmsg_flags: 5, nlmsg_len: 16, nlmsg_pid: 0 });
  });

  it('resolve at their ACK, with their replies delivered', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    const request = watch(socket.request(...asked(build, { ...get, sink })));
    const sequence = headerOf(transport.sent[0]).nlmsg_seq;
    transport.deliver(message(sequence, [1]));
    transport.deliver(message(sequence, [2]));
    await settled();
    expect(request.state).to.equal('pending');
    expect(socket.pending).to.equal(1);
    transport.deliver(ack(sequence));
    await settled();
    expect(request.state).to.equal('resolved');
    expect(sink.seen).to.deep.equal([1, 2]);
    expect(socket.pending).to.equal(0);
  });

  it('are registered before they are sent: an answer from inside of send counts', async () => {
    const sink = new Payloads();
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.deliver(message(nlmsg_seq, [9]), ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    await socket.request(...asked(build, { ...get, sink }));
    expect(sink.seen).to.deep.equal([9]);
    expect(socket.counts.strays).to.equal(0);
  });

  it('may be answered in any order', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const sinks = [new Payloads(), new Payloads(), new Payloads()];
    const requests = sinks.map((sink) => socket.request(...asked(build, { ...get, sink })));
    const [a, b, c] = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    transport.queue(message(c, [30]), message(a, [10]));
    transport.queue(ack(c), message(b, [20]), message(a, [11]));
    transport.queue(ack(a), ack(b));
    transport.readable();
    await Promise.all(requests);
    expect(sinks.map((sink) => sink.seen)).to.deep.equal([[10, 11], [20], [30]]);
  });

  it('reject with what the kernel said, explained', async () => {
    const extack = nlattr(1, Buffer.from('bad attribute\0'));
    const transport = new FakeTransport((bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(error(nlmsg_seq, 22, { whole: bytes, extack }));
    });
    const socket = new NetlinkSocket(transport, (operation, errno) => `${operation} ${errno} explained`);
    const reason = await rejection(socket.request(...asked(build, { operation: 'create' })));
    expect(reason).to.be.instanceOf(KernelError);
    expect((reason as KernelError).message).to.equal('create: EINVAL: create 22 explained (kernel: bad attribute)');
    expect((reason as KernelError).sequence).to.equal(headerOf(transport.sent[0]).nlmsg_seq);
  });

  it('reject with what their builder threw, and nothing is sent', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const refusal = new RangeError('too long');
    const reason = await rejection(
      socket.request(
        ...asked(() => {
          throw refusal;
        }, get),
      ),
    );
    expect(reason).to.equal(refusal);
    expect(transport.sent).to.deep.equal([]);
    expect(socket.pending).to.equal(0);
  });

  it('reject with what send threw, and the next one is not harmed', async () => {
    let failing = true;
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      if (failing) throw new TransportError('sendmsg', 105, 'no buffer space');
      kernel.queue(ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    for (const dump of [false, true]) {
      const reason = await rejection(socket.request(...asked(build, { ...get, dump })));
      expect(reason).to.be.instanceOf(TransportError).with.property('code', 'ENOBUFS');
    }
    expect(socket.pending).to.equal(0);
    expect(transport.referenced).to.equal(false);
    failing = false;
    await socket.request(...asked(build, { ...get, dump: true }));
  });

  it('reject with what their sink threw; others go on', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const refusal = new Error('refused');
    const refused = watch(
      socket.request(
        ...asked(build, {
          ...get,
          sink: {
            message() {
              throw refusal;
            },
          },
        }),
      ),
    );
    const sink = new Payloads();
    const other = socket.request(...asked(build, { ...get, sink }));
    const [a, b] = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    transport.deliver(message(a, [1]), message(b, [2]), message(a, [3]));
    await settled();
    expect(refused).to.deep.equal({ state: 'rejected', reason: refusal });
    transport.deliver(ack(a), ack(b));
    await other;
    expect(sink.seen).to.deep.equal([2]);
    expect(socket.counts.strays).to.equal(0);
  });

  it('may be made from inside of a sink', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1]), ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    const inner = new Payloads();
    let nested: Promise<void> | undefined;
    await socket.request(
      ...asked(build, {
        ...get,
        sink: {
          message() {
            nested = socket.request(...asked(build, { ...get, sink: inner }));
            expect(inner.seen, 'not delivered inside of another delivery').to.deep.equal([]);
          },
        },
      }),
    );
    await nested;
    expect(inner.seen).to.deep.equal([1]);
  });

  it('do not disturb the bytes of one before', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    for (let n = 1; n <= 3; n++) {
      socket
        .request(
          ...asked((writer, sequence) => {
            const at = writer.beginMessage(0x101, 5, sequence);
            writer.attributeBytes(n, new Uint8Array(n).fill(n));
            writer.endMessage(at);
          }, get),
        )
        .catch(() => {});
    }
    expect(transport.sent.map((bytes) => bytes.slice(16))).to.deep.equal(
      [1, 2, 3].map((n) => nlattr(n, new Uint8Array(n).fill(n))),
    );
    socket.close();
  });

  it('untracked are sent as they are, and their answer is nobody’s', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    socket.sendUntracked(message(0, [1, 2]));
    expect(transport.sent).to.deep.equal([message(0, [1, 2])]);
    socket.close();
    expect(() => socket.sendUntracked(message(0))).to.throw(ClosedError);
  });
});

describe('socket: what comes in', () => {
  it('from other processes does nothing, whatever it says', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    const request = socket.request(...asked(build, { ...get, sink }));
    const sequence = headerOf(transport.sent[0]).nlmsg_seq;
    transport.queueDatagram(message(sequence, [66]), { sender: 1234 });
    transport.queueDatagram(error(sequence, 1), { sender: 1234 });
    transport.queueDatagram(new Uint8Array(5), { sender: 1234, truncated: true });
    transport.deliver(message(sequence, [1]), ack(sequence));
    await request;
    expect(sink.seen).to.deep.equal([1]);
    expect(socket.counts).to.deep.equal({ strays: 0, foreign: 3, truncated: 0 });
  });

  it('and belongs to nobody is counted', () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    socket.request(...asked(build, get)).catch(() => {});
    const sequence = headerOf(transport.sent[0]).nlmsg_seq;
    transport.deliver(message(sequence + 1000), ack(sequence + 1000), message(0));
    expect(socket.counts.strays).to.equal(3);
    expect(socket.pending).to.equal(1);
    socket.close();
  });

  it('and is broken rejects what is pending; the socket can be used after it', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const requests = [1, 2].map(() => rejection(socket.request(...asked(build, get))));
    const broken = message(1);
    new DataView(broken.buffer).setUint32(0, 15, HOST_LITTLE_ENDIAN);
    transport.deliver(broken);
    for (const reason of await Promise.all(requests)) expect(reason).to.have.property('code', 'ERR_DECODE');
    expect(socket.closed).to.equal(false);
    const after = socket.request(...asked(build, get));
    transport.deliver(ack(headerOf(transport.sent[2]).nlmsg_seq));
    await after;
  });

  it('and was cut is an overrun', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const request = rejection(socket.request(...asked(build, get)));
    transport.queueDatagram(message(0, int32(0)).subarray(0, 17), { truncated: true });
    transport.readable();
    expect(await request).to.be.instanceOf(OverrunError);
    expect(socket.counts.truncated).to.equal(1);
  });

  it('overran: all that is pending is rejected, the socket can be used after it', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const overrun = new OverrunError('the receive buffer overran');
    const sink = new Payloads();
    const requests = [
      rejection(socket.request(...asked(build, get))),
      rejection(socket.request(...asked(build, { ...get, sink }))),
    ];
    const [, late] = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    transport.queueError(overrun);
    transport.queue(message(late, [1]), ack(late));
    transport.readable();
    expect(await Promise.all(requests)).to.deep.equal([overrun, overrun]);
    expect(sink.seen).to.deep.equal([]);
    const after = socket.request(...asked(build, get));
    transport.deliver(ack(headerOf(transport.sent[2]).nlmsg_seq));
    await after;
    expect(socket.closed).to.equal(false);
  });
});
