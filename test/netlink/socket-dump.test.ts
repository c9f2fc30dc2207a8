import { expect } from 'chai';
import { DumpInterruptedError, KernelError, OverrunError } from '../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { NLM_F_DUMP_INTR, NLM_F_MULTI } from '../../src/uapi/netlink.ts';
import {
  done,
  FakeTransport,
  headerOf,
  message,
  nlattr,
  rejection,
  settled,
  watch,
} from '../support/fake-transport.ts';
import { asked, type Write } from '../support/requests.ts';

/** A dump named by the type of its request, so that the order of the sends can be seen. */
function dumpOf(name: number): Write {
  return (writer, sequence) => writer.endMessage(writer.beginMessage(name, 0x301, sequence));
}

class Payloads {
  readonly seen: number[] = [];

  message(_header: unknown, view: DataView, offset: number): void {
    this.seen.push(view.getUint8(offset + 16));
  }
}

const dump = { operation: 'dump', dump: true };

function sentTypes(transport: FakeTransport): number[] {
  return transport.sent.map((bytes) => headerOf(bytes).nlmsg_type);
}

function lastSequence(transport: FakeTransport): number {
  return headerOf(transport.sent.at(-1)!).nlmsg_seq;
}

describe('socket: dumps', () => {
  it('take many datagrams and end with DONE', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    const request = watch(socket.request(...asked(dumpOf(1), { ...dump, sink })));
    const sequence = lastSequence(transport);
    for (let n = 0; n < 200; n += 2) {
      transport.deliver(message(sequence, [n], { flags: NLM_F_MULTI }), message(sequence, [n + 1, 0, 0, 0, 0]));
    }
    await settled();
    expect(request.state).to.equal('pending');
    transport.deliver(done(sequence));
    await settled();
    expect(request.state).to.equal('resolved');
    expect(sink.seen).to.deep.equal([...new Array(200).keys()]);
  });

  it('may have their DONE beside the last entries', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1]), message(nlmsg_seq, [2]), done(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    await socket.request(...asked(dumpOf(1), { ...dump, sink }));
    expect(sink.seen).to.deep.equal([1, 2]);
  });

  it('reject with the errno of their DONE', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1]));
      kernel.queue(done(nlmsg_seq, 12, nlattr(1, Buffer.from('gone\0'))));
    });
    const socket = new NetlinkSocket(transport);
    const reason = await rejection(socket.request(...asked(dumpOf(1), dump)));
    expect(reason).to.be.instanceOf(KernelError).with.property('message', 'dump: ENOMEM (kernel: gone)');
  });

  it('reject when they were interrupted, with everything delivered', async () => {
    const transport = new FakeTransport((_bytes, { nlmsg_seq }, kernel) => {
      kernel.queue(message(nlmsg_seq, [1], { flags: NLM_F_MULTI | NLM_F_DUMP_INTR }));
      kernel.queue(message(nlmsg_seq, [2]), done(nlmsg_seq));
    });
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    const reason = await rejection(socket.request(...asked(dumpOf(1), { ...dump, sink })));
    expect(reason).to.be.instanceOf(DumpInterruptedError);
    expect(sink.seen).to.deep.equal([1, 2]);
  });

  it('run one at a time, in the order in which they were asked for', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const ends: number[] = [];
    const all = [1, 2, 3].map((n) => socket.request(...asked(dumpOf(n), dump)).then(() => ends.push(n)));
    expect(sentTypes(transport)).to.deep.equal([1]);
    expect(socket.pending).to.equal(3);
    transport.deliver(done(lastSequence(transport)));
    expect(sentTypes(transport)).to.deep.equal([1, 2]);
    transport.deliver(done(lastSequence(transport)));
    // One that comes while another is queued takes its place behind it.
    all.push(socket.request(...asked(dumpOf(4), dump)).then(() => ends.push(4)));
    expect(sentTypes(transport)).to.deep.equal([1, 2, 3]);
    transport.deliver(done(lastSequence(transport)));
    transport.deliver(done(lastSequence(transport)));
    await Promise.all(all);
    expect(ends).to.deep.equal([1, 2, 3, 4]);
  });

  it('keep their own bytes while they wait', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const build =
      (n: number): Write =>
      (writer, sequence) => {
        const at = writer.beginMessage(n, 0x301, sequence);
        writer.attributeBytes(n, new Uint8Array(40).fill(n));
        writer.endMessage(at);
      };
    const all = [1, 2, 3].map((n) => socket.request(...asked(build(n), dump)));
    for (let n = 1; n <= 3; n++) transport.deliver(done(lastSequence(transport)));
    await Promise.all(all);
    expect(transport.sent.map((bytes) => bytes.slice(16))).to.deep.equal(
      [1, 2, 3].map((n) => nlattr(n, new Uint8Array(40).fill(n))),
    );
  });

  it('do not hold up other requests', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const long = watch(socket.request(...asked(dumpOf(1), dump)));
    const get = socket.request(...asked(dumpOf(7), { operation: 'get' }));
    expect(sentTypes(transport)).to.deep.equal([1, 7]);
    transport.deliver(done(lastSequence(transport)));
    await get;
    expect(long.state).to.equal('pending');
    transport.deliver(done(headerOf(transport.sent[0]).nlmsg_seq));
    await settled();
    expect(long.state).to.equal('resolved');
  });

  it('that are refused let the next one run', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const first = rejection(socket.request(...asked(dumpOf(1), dump)));
    const second = socket.request(...asked(dumpOf(2), dump));
    transport.deliver(done(lastSequence(transport), 16));
    expect(await first).to.have.property('code', 'EBUSY');
    transport.deliver(done(lastSequence(transport)));
    await second;
  });

  it('that cannot be sent let the next one run', async () => {
    let sends = 0;
    const transport = new FakeTransport(() => {
      if (++sends === 2) throw new Error('full');
    });
    const socket = new NetlinkSocket(transport);
    const all = [1, 2, 3].map((n) => watch(socket.request(...asked(dumpOf(n), dump))));
    transport.deliver(done(lastSequence(transport)));
    await settled();
    expect(all.map(({ state }) => state)).to.deep.equal(['resolved', 'rejected', 'pending']);
    transport.deliver(done(lastSequence(transport)));
    await settled();
    expect(all[2].state).to.equal('resolved');
  });

  it('that overran are rejected at once, and the next one waits for the DONE', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const sink = new Payloads();
    const first = rejection(socket.request(...asked(dumpOf(1), { ...dump, sink })));
    const second = socket.request(...asked(dumpOf(2), dump));
    const sequence = lastSequence(transport);
    transport.queue(message(sequence, [1]));
    transport.queueError(new OverrunError('lost'));
    transport.queue(message(sequence, [2]));
    transport.readable();
    expect(await first).to.be.instanceOf(OverrunError);
    expect(sink.seen).to.deep.equal([1]);
    expect(sentTypes(transport)).to.deep.equal([1]);
    transport.deliver(done(sequence));
    expect(sentTypes(transport)).to.deep.equal([1, 2]);
    transport.deliver(done(lastSequence(transport)));
    await second;
    expect(socket.counts.strays).to.equal(0);
  });

  it('start one after the other and not one inside of the other', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const all = Array.from({ length: 60 }, (_, n) => socket.request(...asked(dumpOf(n), dump)));
    const limit = Error.stackTraceLimit;
    const depths: number[] = [];
    // From here on the kernel answers from inside of send.
    transport.send = (bytes) => {
      depths.push(new Error().stack!.split('\n').length);
      transport.queue(message(headerOf(bytes).nlmsg_seq, [1]), done(headerOf(bytes).nlmsg_seq));
    };
    try {
      Error.stackTraceLimit = 1000;
      transport.deliver(done(lastSequence(transport)));
    } finally {
      Error.stackTraceLimit = limit;
    }
    await Promise.all(all);
    expect(depths).to.have.lengthOf(59);
    // The first turn of the loop may end in between, and the rest starts from an empty stack.
    expect(Math.max(...depths)).to.equal(depths[0]);
  });

  it('may be queued by the thousand', async () => {
    const transport = new FakeTransport();
    const socket = new NetlinkSocket(transport);
    const all = Array.from({ length: 20_000 }, (_, n) => socket.request(...asked(dumpOf(n & 0xff), dump)));
    transport.send = (bytes) => transport.queue(done(headerOf(bytes).nlmsg_seq));
    transport.deliver(done(lastSequence(transport)));
    await Promise.all(all);
  });
});
