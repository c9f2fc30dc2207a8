/** Batches: what goes into the datagram, and how its answers find their message. */
import { expect } from 'chai';
import { Batch, stampBatch } from '../../src/netlink/batch.ts';
import { ACK_CHARGE } from '../../src/netlink/charges.ts';
import { KernelError, OverrunError } from '../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { EEXIST, ENOENT } from '../../src/uapi/errno.ts';
import { NLM_F_ACK, NLM_F_REQUEST } from '../../src/uapi/netlink.ts';
import {
  ack,
  done,
  error,
  FakeTransport,
  headerOf,
  messagesOf,
  rejection,
  settled,
} from '../support/fake-transport.ts';
import { asked, type Write, written } from '../support/requests.ts';

/** A message with a payload of so many bytes. */
function build(size: number): Write {
  return (writer, sequence) => {
    const at = writer.beginMessage(0x100, NLM_F_REQUEST | NLM_F_ACK, sequence);
    writer.reserve(size);
    writer.endMessage(at);
  };
}

function batchOf(...sizes: number[]): Batch {
  const batch = new Batch();
  for (const size of sizes) batch.add(written(build(size)));
  return batch;
}

describe('Batch', () => {
  it('has its messages one after the other', () => {
    const batch = batchOf(4, 8, 12);
    expect(batch).to.include({ count: 3, length: 20 + 24 + 28 });
    expect(messagesOf(batch.bytes).map(({ length }) => length)).to.deep.equal([20, 24, 28]);
    batch.clear();
    expect(batch).to.include({ count: 0, length: 0 });
  });

  it('is as it was after a builder that throws', () => {
    const batch = batchOf(4);
    const before = batch.bytes.slice();
    expect(() =>
      batch.add(
        written((writer) => {
          writer.reserve(1000);
          throw new RangeError('no');
        }),
      ),
    ).to.throw(RangeError, 'no');
    expect(batch.count).to.equal(1);
    expect(batch.bytes).to.deep.equal(before);
  });

  it('is numbered in its order, and asks for one ACK, by its last message', () => {
    const { bytes } = batchOf(4, 4, 4);
    stampBatch(bytes, 0xfffffffd, 3);
    const headers = messagesOf(bytes).map(headerOf);
    expect(headers.map(({ nlmsg_seq }) => nlmsg_seq)).to.deep.equal([0xfffffffd, 0xfffffffe, 0xffffffff]);
    expect(headers.map(({ nlmsg_flags }) => nlmsg_flags)).to.deep.equal([1, 1, NLM_F_REQUEST | NLM_F_ACK]);
  });
});

/** Sends a batch of `count` and says how it ended. */
async function send(fake: FakeTransport, socket: NetlinkSocket, count: number): Promise<[number, string][]> {
  const failed: [number, string][] = [];
  const sizes = Array.from({ length: count }, () => 4);
  await socket.sendBatch(batchOf(...sizes), (index, { message }) => failed.push([index, message]));
  expect(fake.unread).to.equal(0);
  return failed;
}

describe('NetlinkSocket: batches', () => {
  it('settle with the ACK of the last', async () => {
    const fake = new FakeTransport((_request, { nlmsg_flags, nlmsg_seq }, kernel) => {
      if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(fake);
    expect(await send(fake, socket, 5)).to.deep.equal([]);
    expect(fake.sent).to.have.length(5);
    expect(socket.pending).to.equal(0);
    expect(socket.counts.strays).to.equal(0);
    expect(fake.referenced).to.equal(false);
  });

  it('report which of their messages were refused, the last one too', async () => {
    for (const refused of [[0], [2, 3], [4], [0, 1, 2, 3, 4]]) {
      const fake = new FakeTransport((_request, { nlmsg_flags, nlmsg_seq }, kernel) => {
        const index = kernel.sent.length - 1;
        if (refused.includes(index)) kernel.queue(error(nlmsg_seq, index % 2 === 0 ? EEXIST : ENOENT));
        else if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
      });
      const failed = await send(fake, new NetlinkSocket(fake), 5);
      const expected = refused.map((index) => [index, `create: ${index % 2 === 0 ? 'EEXIST' : 'ENOENT'}`]);
      expect(failed).to.deep.equal(expected);
    }
  });

  it('count for the window of the transport, each of their messages', async () => {
    const waiting: number[] = [];
    const fake = Object.assign(
      new FakeTransport((_request, { nlmsg_flags, nlmsg_seq }) => {
        if ((nlmsg_flags & NLM_F_ACK) !== 0) waiting.push(nlmsg_seq);
      }),
      { window: 8 * ACK_CHARGE },
    );
    const socket = new NetlinkSocket(fake);
    expect(socket.largestBatch).to.equal(8);
    const batches = [5, 3, 1].map((count) => send(fake, socket, count));
    const single = socket.request(...asked(build(4), { operation: 'update' }));
    expect([fake.sent.length, socket.pending]).to.deep.equal([8, 10]);
    fake.deliver(ack(waiting[0]));
    expect(fake.sent.length, 'the third batch, and the request behind it').to.equal(10);
    for (const sequence of waiting.slice(1)) fake.deliver(ack(sequence));
    await Promise.all([...batches, single]);
    expect(socket.pending).to.equal(0);
  });

  it('larger than the window are sent when nothing else waits', async () => {
    const fake = Object.assign(
      new FakeTransport((_request, { nlmsg_flags, nlmsg_seq }, kernel) => {
        if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
      }),
      { window: 2 * ACK_CHARGE },
    );
    expect(await send(fake, new NetlinkSocket(fake), 5)).to.deep.equal([]);
  });

  it('have numbers that no request has which waits', async () => {
    const fake = new FakeTransport();
    const socket = new NetlinkSocket(fake);
    const first = socket.request(...asked(build(4), { operation: 'get' }));
    const batch = send(fake, socket, 3);
    const second = socket.request(...asked(build(4), { operation: 'get' }));
    const numbers = fake.sent.map((message) => headerOf(message).nlmsg_seq);
    expect(new Set(numbers).size).to.equal(5);
    fake.deliver(ack(numbers[4]));
    fake.deliver(error(numbers[2], ENOENT));
    fake.deliver(ack(numbers[3]));
    fake.deliver(ack(numbers[0]));
    await Promise.all([first, second]);
    expect(await batch).to.deep.equal([[1, 'create: ENOENT']]);
  });

  it('wait beside a dump, and not behind it', async () => {
    const fake = new FakeTransport((_request, { nlmsg_flags, nlmsg_seq }, kernel) => {
      if ((nlmsg_flags & 0x300) !== 0x300 && (nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(fake);
    const dump = socket.request(
      ...asked((writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 0x301, sequence)), {
        operation: 'dump',
        dump: true,
      }),
    );
    expect(await send(fake, socket, 2)).to.deep.equal([]);
    fake.deliver(done(headerOf(fake.sent[0]).nlmsg_seq));
    await dump;
  });

  it('reject when nobody knows what became of them', async () => {
    const fake = new FakeTransport();
    const socket = new NetlinkSocket(fake);
    const lost = socket.sendBatch(batchOf(4, 4), () => {});
    fake.queueError(new OverrunError('lost'));
    fake.readable();
    expect(await rejection(lost)).to.include({ code: 'ENOBUFS' });
    const closed = socket.sendBatch(batchOf(4), () => {});
    socket.close();
    expect(await rejection(closed)).to.include({ code: 'ERR_CLOSED' });
    await settled();
  });

  it('reject with the transport error of the send, and leave nothing', async () => {
    const fake = new FakeTransport(() => {
      throw new KernelError(1, { operation: 'send', sequence: 0 });
    });
    const socket = new NetlinkSocket(fake);
    expect(await rejection(socket.sendBatch(batchOf(4), () => {}))).to.include({ code: 'EPERM' });
    expect(socket.pending).to.equal(0);
    expect(fake.referenced).to.equal(false);
  });
});
