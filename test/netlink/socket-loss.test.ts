/**
 * Answers that are lost, on a transport that says when its queue is empty: what has no answer then settles, and nothing
 * is sent before. How the kernel loses them: test/sim.
 */
import { expect } from 'chai';
import { Batch } from '../../src/netlink/batch.ts';
import { ACK_CHARGE } from '../../src/netlink/charges.ts';
import { OverrunError, TransportError } from '../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import type { Datagram } from '../../src/netlink/transport.ts';
import { EBUSY, ENOBUFS, EPERM } from '../../src/uapi/errno.ts';
import { NLM_F_ACK, NLM_F_DUMP } from '../../src/uapi/netlink.ts';
import {
  ack,
  done,
  error,
  FakeTransport,
  headerOf,
  message,
  rejection,
  settled,
  watch,
} from '../support/fake-transport.ts';
import { asked, type Kind, written } from '../support/requests.ts';

/** Knows when nothing can come any more: what was asked is answered before `send` returns, or not at all. */
class QueueTransport extends FakeTransport {
  override drained = true;
  queueLimit = 10;

  override send(bytes: Uint8Array): void {
    this.drained = false;
    super.send(bytes);
  }

  override receive(): Datagram | undefined {
    const datagram = super.receive();
    if (datagram === undefined) this.drained = true;
    return datagram;
  }
}

const build =
  (flags: number) =>
  (
    writer: { beginMessage(type: number, flags: number, sequence: number): number; endMessage(at: number): void },
    sequence: number,
  ): void =>
    writer.endMessage(writer.beginMessage(0x101, flags, sequence));

const GET: Kind = { operation: 'get', replies: true, repeatable: true };
const CREATE: Kind = { operation: 'create' };
const DUMP: Kind = { operation: 'dump', dump: true, repeatable: true };

function sequenceOf(transport: FakeTransport, at = -1): number {
  return headerOf(transport.sent.at(at)!).nlmsg_seq;
}

/** Notes what a request was given. */
function noting(): { given: number; message(): void } {
  const sink = {
    given: 0,
    message: () => {
      sink.given++;
    },
  };
  return sink;
}

describe('NetlinkSocket: lost answers', () => {
  it('a request that changes something is rejected when the queue is empty, and the error says that it may have been done', async () => {
    const transport = new QueueTransport();
    const lost = (await rejection(
      new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), CREATE)),
    )) as OverrunError;
    expect(lost).to.be.instanceOf(OverrunError);
    expect(lost).to.include({ code: 'ENOBUFS', operation: 'create' });
    expect(lost.message).to.contain('may have carried it out');
    expect(transport.sent).to.have.length(1);
  });

  it('a get is made again, three times at the most, each with a number of its own', async () => {
    const transport = new QueueTransport();
    const lost = (await rejection(
      new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), GET)),
    )) as OverrunError;
    expect(lost).to.include({ operation: 'get' });
    expect(lost.message).not.to.contain('carried');
    const numbers = transport.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    expect(new Set(numbers).size).to.equal(4);
    expect(transport.sent).to.have.length(4);
  });

  it('a get that is answered when it is made again resolves, and its sink is given one reply', async () => {
    let count = 0;
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => {
      if (++count === 3) kernel.queue(message(nlmsg_seq), ack(nlmsg_seq));
    });
    const sink = noting();
    await new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), { ...GET, sink }));
    expect([count, sink.given]).to.deep.equal([3, 1]);
  });

  it('a get that has its reply is answered, although the ACK is lost', async () => {
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => kernel.queue(message(nlmsg_seq)));
    const sink = noting();
    await new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), { ...GET, sink }));
    expect([transport.sent.length, sink.given]).to.deep.equal([1, 1]);
  });

  it('an ACK without the reply is a loss, and never "there is none"', async () => {
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => kernel.queue(ack(nlmsg_seq)));
    expect(await rejection(new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), GET)))).to.be.instanceOf(
      OverrunError,
    );
    expect(transport.sent).to.have.length(4);
  });

  it('ENOBUFS from the kernel is a loss, no refusal', async () => {
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => kernel.queue(error(nlmsg_seq, ENOBUFS)));
    expect(await rejection(new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), CREATE)))).to.be.instanceOf(
      OverrunError,
    );
  });

  it('a dump that yielded nothing is made again; one that did is not', async () => {
    for (const yields of [false, true]) {
      const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => {
        if (yields) kernel.queue(message(nlmsg_seq));
      });
      const dump = new NetlinkSocket(transport).request(...asked(build(NLM_F_DUMP), { ...DUMP, sink: noting() }));
      expect(await rejection(dump)).to.be.instanceOf(OverrunError);
      expect(transport.sent).to.have.length(yields ? 1 : 4);
    }
  });

  it('a dump that resets counters is not made again', async () => {
    const transport = new QueueTransport();
    const dump = new NetlinkSocket(transport).request(
      ...asked(build(NLM_F_DUMP), { operation: 'dumpReset', dump: true }),
    );
    expect(((await rejection(dump)) as Error).message).to.contain('may have carried it out');
    expect(transport.sent).to.have.length(1);
  });

  it('a dump whose first datagram did not fit goes on: only an empty queue ends it', async () => {
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => {
      kernel.queue(error(nlmsg_seq, ENOBUFS));
      kernel.queue(message(nlmsg_seq));
      kernel.queue(done(nlmsg_seq));
    });
    const sink = noting();
    await new NetlinkSocket(transport).request(...asked(build(NLM_F_DUMP), { ...DUMP, sink }));
    expect(sink.given).to.equal(1);
  });

  it('EBUSY behind a dump that was given up is a loss, and the dump is made again', async () => {
    let dumps = 0;
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => {
      dumps++;
      // The first is never answered; to the kernel it is on its way until its end is read.
      if (dumps === 2) kernel.queue(error(nlmsg_seq, EBUSY));
      if (dumps === 3) kernel.queue(message(nlmsg_seq), done(nlmsg_seq));
    });
    const sink = noting();
    await new NetlinkSocket(transport).request(...asked(build(NLM_F_DUMP), { ...DUMP, sink }));
    expect([dumps, sink.given]).to.deep.equal([3, 1]);
  });

  it('the answer to a later request says that the earlier one has lost its own', async () => {
    const transport = new QueueTransport();
    const socket = new NetlinkSocket(transport);
    // Somebody's sink that wants nothing now keeps the socket from being read empty.
    transport.more = () => message(77);
    const first = watch(socket.request(...asked(build(NLM_F_ACK), CREATE)));
    const sequence = sequenceOf(transport);
    transport.more = undefined;
    expect(first.state).to.equal('pending');
    transport.queue(ack(sequence + 1));
    const second = watch(socket.request(...asked(build(NLM_F_ACK), CREATE)));
    await settled();
    expect([first.state, second.state]).to.deep.equal(['rejected', 'resolved']);
    expect(first.reason).to.be.instanceOf(OverrunError);
  });

  it('more than can have waited in front of an answer was read: it is lost, however full the queue is', async () => {
    const transport = new QueueTransport();
    let others = 0;
    // Never empty: somebody else fills the queue as fast as it is read.
    transport.more = () => (++others < 5_000 ? message(0) : undefined);
    const socket = new NetlinkSocket(transport);
    const create = watch(socket.request(...asked(build(NLM_F_ACK), CREATE)));
    while (create.state === 'pending' && others < 4_000) await settled();
    expect(create.state).to.equal('rejected');
    expect(others).to.be.below(4_000);
    socket.close();
  });

  it('after an overrun what is queued may still answer, and the rest is lost', async () => {
    const transport = new QueueTransport();
    const socket = new NetlinkSocket(transport);
    transport.queueError(new OverrunError('lost'));
    let count = 0;
    const script = transport.send.bind(transport);
    transport.send = (bytes) => {
      script(bytes);
      if (++count === 1) transport.queue(ack(headerOf(bytes).nlmsg_seq));
    };
    await socket.request(...asked(build(NLM_F_ACK), CREATE));
    expect(await rejection(socket.request(...asked(build(NLM_F_ACK), CREATE)))).to.be.instanceOf(OverrunError);
  });

  it('after an overrun nothing is sent until the queue was read empty', async () => {
    const transport = new QueueTransport();
    const socket = new NetlinkSocket(transport);
    const sentWhenRead: number[] = [];
    const sink = {
      message: () => {
        sentWhenRead.push(transport.sent.length);
        if (sentWhenRead.length === 1) others.push(watch(socket.request(...asked(build(NLM_F_ACK), CREATE))));
      },
    };
    const others: ReturnType<typeof watch>[] = [];
    const script = transport.send.bind(transport);
    transport.send = (bytes) => {
      script(bytes);
      const sequence = headerOf(bytes).nlmsg_seq;
      if (transport.sent.length > 1) {
        transport.queue(ack(sequence));
        return;
      }
      transport.queueError(new OverrunError('lost'));
      for (let n = 0; n < 3; n++) transport.queue(message(sequence));
      transport.queue(done(sequence));
    };
    await socket.request(...asked(build(NLM_F_DUMP), { ...DUMP, sink }));
    await settled();
    expect(sentWhenRead, 'one request was sent while there was more to read').to.deep.equal([1, 1, 1]);
    expect(others.map(({ state }) => state)).to.deep.equal(['resolved']);
  });

  it('a batch on its way when messages were lost is in doubt, although its last ACK comes', async () => {
    const transport = new QueueTransport((_request, { nlmsg_flags, nlmsg_seq }, kernel) => {
      if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    transport.queueError(new OverrunError('lost'));
    const batch = new Batch();
    for (let n = 0; n < 3; n++) batch.add(written(build(NLM_F_ACK)));
    expect(await rejection(socket.sendBatch(batch, () => {}))).to.include({ operation: 'create' });
    await socket.sendBatch(batch, () => {});
  });

  it('a batch that is refused as a whole, with one EPERM for its first message, has failed item by item', async () => {
    const transport = new QueueTransport((_request, { nlmsg_seq }, kernel) => {
      if (kernel.sent.length === 1) kernel.queue(error(nlmsg_seq, EPERM));
    });
    const socket = new NetlinkSocket(transport);
    const batch = new Batch();
    for (let n = 0; n < 3; n++) batch.add(written(build(NLM_F_ACK)));
    const failed: unknown[] = [];
    await socket.sendBatch(batch, (index, { message }) => failed.push([index, message]));
    expect(failed).to.deep.equal([0, 1, 2].map((index) => [index, 'create: EPERM']));
  });

  it('a capture that has an ACK without its reply says that the answer was lost', async () => {
    let count = 0;
    const transport = Object.assign(
      new QueueTransport((_request, { nlmsg_seq }, kernel) => {
        if (++count > 1) throw new TransportError('replay', 0, 'the capture has no further answer');
        kernel.queue(ack(nlmsg_seq));
      }),
      { ended: true },
    );
    expect(await rejection(new NetlinkSocket(transport).request(...asked(build(NLM_F_ACK), GET)))).to.be.instanceOf(
      OverrunError,
    );
    expect(count).to.equal(2);
  });

  it('requests beside a dump take no more room than the window, by what each is charged', () => {
    const transport = Object.assign(new FakeTransport(), { window: 10 * ACK_CHARGE });
    const socket = new NetlinkSocket(transport);
    for (let n = 0; n < 20; n++) void socket.request(...asked(build(NLM_F_ACK), CREATE)).catch(() => {});
    expect(transport.sent).to.have.length(10);
    socket.close();
    const gets = Object.assign(new FakeTransport(), { window: 10 * ACK_CHARGE });
    const other = new NetlinkSocket(gets);
    for (let n = 0; n < 20; n++) void other.request(...asked(build(NLM_F_ACK), GET)).catch(() => {});
    expect(gets.sent.length, 'a reply takes more room than an ACK').to.be.below(10);
    other.close();
  });
});
