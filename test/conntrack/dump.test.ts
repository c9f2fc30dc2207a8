import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { ClosedError, DecodeError, DumpInterruptedError, KernelError, OverrunError } from '../../src/netlink/errors.ts';
import { replay } from '../../src/replay/replay.ts';
import { ENOBUFS, EOPNOTSUPP, EPERM } from '../../src/uapi/errno.ts';
import { NLM_F_DUMP_INTR, NLM_F_MULTI } from '../../src/uapi/netlink.ts';
import { passTime } from '../support/clock.ts';
import { done, type FakeTransport, headerOf, message, rejection, settled, watch } from '../support/fake-transport.ts';
import { fixturePath } from '../support/fixtures.ts';
import { flow, flowMessage, kernelWith, numberOf, play, range, said } from '../support/played.ts';

const FLOWS = range(10).map(flow);

async function numbers(dump: AsyncIterable<Flow>): Promise<number[]> {
  const all: number[] = [];
  for await (const each of dump) all.push(numberOf(each));
  return all;
}

/** What was iterated before it threw, and what it threw. */
async function untilError(dump: AsyncIterable<Flow>): Promise<[number[], unknown]> {
  const all: number[] = [];
  try {
    for await (const each of dump) all.push(numberOf(each));
  } catch (error) {
    return [all, error];
  }
  throw new Error('it threw nothing');
}

/** The sequence number of the last request. */
const sequenceOf = (fake: FakeTransport): number => headerOf(fake.sent.at(-1)!).nlmsg_seq;

describe('Conntrack: dump', () => {
  it('gives every flow, in order, one by one', async () => {
    const { ct } = await play(kernelWith(FLOWS, 3));
    expect(await numbers(ct.dump())).to.deep.equal(range(10));
  });

  it('gives flows that stay what they are when the datagram is gone', async () => {
    const { ct } = await play(kernelWith(FLOWS, 3));
    const flows = await ct.dump().toArray();
    expect(flows.map((each) => each.toJSON())).to.deep.equal(
      (await play(kernelWith(FLOWS, 10)).then(({ ct }) => ct.dump().toArray())).map((each) => each.toJSON()),
    );
    expect(flows[7].toJSON()).to.deep.include({ mark: 7, timeout: 30, id: 1007, status: ['CONFIRMED'] });
  });

  it('gives a batch a datagram', async () => {
    const { ct } = await play(kernelWith(FLOWS, 4));
    const sizes: number[] = [];
    for await (const batch of ct.dump().batches()) sizes.push(batch.length);
    expect(sizes).to.deep.equal([4, 4, 2]);
  });

  it('of nothing is empty', async () => {
    const { ct } = await play(kernelWith([]));
    expect(await ct.dump().toArray()).to.deep.equal([]);
    expect(await numbers(ct.dump())).to.deep.equal([]);
    for await (const _ of ct.dump().batches()) throw new Error('an empty batch');
  });

  it('sends nothing before it is iterated', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS));
    const dump = ct.dump();
    dump[Symbol.asyncIterator]();
    dump.batches();
    await settled();
    expect(fake.sent).to.have.length(0);
  });

  it('starts again each time it is iterated', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS));
    const dump = ct.dump();
    expect(await numbers(dump)).to.deep.equal(range(10));
    expect(await numbers(dump)).to.deep.equal(range(10));
    expect(await dump.toArray()).to.have.length(10);
    expect(fake.sent).to.have.length(3);
  });

  it('has iterators that iterate themselves', async () => {
    const { ct } = await play(kernelWith(FLOWS));
    const flows = ct.dump()[Symbol.asyncIterator]();
    await flows.next();
    expect(await numbers(flows)).to.deep.equal(range(9, 1));
    expect(await flows.next()).to.deep.equal({ value: undefined, done: true });
    const batches = ct.dump().batches();
    expect(batches[Symbol.asyncIterator]()).to.equal(batches);
  });

  it('loses nothing when next is called before the one before it has answered', async () => {
    const { ct } = await play(kernelWith(FLOWS, 3));
    const iterator = ct.dump()[Symbol.asyncIterator]();
    const results = await Promise.all(range(12).map(() => iterator.next()));
    expect(results.slice(10).map(({ done }) => done)).to.deep.equal([true, true]);
    expect(results.slice(0, 10).map(({ value }) => numberOf(value))).to.have.members(range(10));
  });

  it('waits for what comes later', async () => {
    const { ct, fake } = await play();
    const all = numbers(ct.dump());
    await settled();
    const sequence = sequenceOf(fake);
    for (const n of range(5)) {
      fake.deliver(flowMessage(sequence, flow(n)));
      if (n % 2 === 0) await settled();
    }
    fake.deliver(done(sequence));
    expect(await all).to.deep.equal(range(5));
  });

  it('ends when its consumer does, and the rest is drained', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS));
    for await (const each of ct.dump()) if (numberOf(each) === 2) break;
    expect(fake.unread).to.equal(0);
    expect(ct.counts.strays).to.equal(0);
    expect(await numbers(ct.dump())).to.deep.equal(range(10));
  });

  it('that is drained lets the next begin on another socket', async () => {
    const { ct, fake, sockets } = await play();
    const first = ct.dump()[Symbol.asyncIterator]();
    const result = first.next();
    await settled();
    const sequence = sequenceOf(fake);
    fake.deliver(flowMessage(sequence, flow(0)), flowMessage(sequence, flow(1)));
    await result;
    await first.return!();
    const second = numbers(ct.dump());
    await settled();
    expect(fake.sent, 'the kernel still dumps').to.have.length(1);
    const [, other] = sockets;
    other.deliver(flowMessage(sequenceOf(other), flow(3)), done(sequenceOf(other)));
    expect(await second).to.deep.equal([3]);
    fake.deliver(flowMessage(sequence, flow(2)));
    fake.deliver(done(sequence));
    const third = numbers(ct.dump());
    await settled();
    expect(fake.sent, 'the first is free again').to.have.length(2);
    fake.deliver(done(sequenceOf(fake)));
    expect(await third).to.deep.equal([]);
  });

  it('is over after return: nothing of what was read comes any more', async () => {
    const { ct } = await play(kernelWith(FLOWS, 5));
    for (const iterator of [ct.dump()[Symbol.asyncIterator](), ct.dump().batches()]) {
      await iterator.next();
      expect(await iterator.return!()).to.deep.equal({ value: undefined, done: true });
      expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
      expect(await iterator.return!()).to.deep.equal({ value: undefined, done: true });
    }
  });

  it('that was never begun sends nothing when it returns', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS));
    const iterator = ct.dump()[Symbol.asyncIterator]();
    await iterator.return!();
    expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
    expect(fake.sent).to.have.length(0);
  });

  it('lets an error of the loop out, and is drained', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS));
    const mistake = new Error('mine');
    const loop = async (): Promise<void> => {
      for await (const each of ct.dump()) if (numberOf(each) === 3) throw mistake;
    };
    expect(await rejection(loop())).to.equal(mistake);
    expect(fake.unread).to.equal(0);
    expect(await numbers(ct.dump())).to.deep.equal(range(10));
  });

  it('may run beside others, on their own sockets; at most four sockets are kept', async () => {
    const { ct, sockets } = await play(kernelWith(FLOWS));
    const all = await Promise.all(range(10).map((n) => (n % 2 === 0 ? numbers(ct.dump()) : ct.dump().toArray())));
    expect(all.map((each) => each.length)).to.deep.equal(range(10).map(() => 10));
    expect(sockets.flatMap(({ sent }) => sent)).to.have.length(10);
    expect(sockets.slice(1).filter(({ closed }) => !closed).length).to.be.at.most(4);
    await ct.close();
    expect(sockets.filter(({ closed }) => !closed)).to.deep.equal([]);
  });

  it('may have other requests inside of its loop, also another dump of another Conntrack', async () => {
    const { ct } = await play(kernelWith(FLOWS));
    const { ct: other } = await play(kernelWith(FLOWS));
    let count = 0;
    for await (const each of ct.dump()) {
      await ct.delete({ orig: each.orig });
      if (count === 4) expect(await other.dump().toArray()).to.have.length(10);
      count++;
    }
    expect(count).to.equal(10);
  });

  it('may have another dump, and statistics of each CPU, inside of its loop', async () => {
    const { ct } = await play(kernelWith(FLOWS, 1));
    let count = 0;
    for await (const _each of ct.dump()) {
      expect(await numbers(ct.dump())).to.deep.equal(range(10));
      expect(await ct.cpuStats()).to.have.length(10);
      count++;
    }
    expect(count).to.equal(10);
  });

  it('that is stopped, or whose Conntrack is closed, while a socket is opened for it leaves none open', async () => {
    for (const end of ['return', 'close'] as const) {
      const { ct, sockets } = await play(kernelWith(FLOWS, 1));
      const outer = ct.dump()[Symbol.asyncIterator]();
      await outer.next();
      const inner = ct.dump()[Symbol.asyncIterator]();
      const first = watch(inner.next());
      if (end === 'return') await inner.return!();
      else await ct.close();
      await settled();
      await settled();
      expect(first.state).to.equal(end === 'return' ? 'resolved' : 'rejected');
      await ct.close();
      expect(sockets.filter(({ closed }) => !closed)).to.deep.equal([]);
    }
  });
});

describe('Conntrack: dump requests', () => {
  it('say which table, and never that the counters are to be reset', async () => {
    const { ct, fake } = await play(kernelWith([]));
    await ct.dump().toArray();
    await ct.dump({}, { reset: true }).toArray();
    await ct.dump({}, { table: 'dying' }).toArray();
    await ct.dump({}, { table: 'unconfirmed' }).toArray();
    await ct.dump({}, { table: 'conntrack', reset: false }).toArray();
    expect(fake.sent.map((bytes) => said(bytes).type)).to.deep.equal([0x101, 0x101, 0x106, 0x107, 0x101]);
    for (const bytes of fake.sent) {
      expect(said(bytes)).to.deep.include({ flags: 0x301, family: 0, version: 0, flow: {} });
      expect(bytes).to.have.length(20);
    }
  });

  it('have of the filter what the kernel understands, and the rest is applied here', async () => {
    const flows = [flow(1), { ...flow(2), mark: 1 }, flow(3)];
    for (const [release, sent] of [
      ['6.18.0', { mark: 1, markMask: 0xffffffff, status: ['CONFIRMED'], statusMask: ['CONFIRMED'] }],
      ['4.4.0', { mark: 1, markMask: 0xffffffff }],
    ] as const) {
      const { ct, fake } = await play(kernelWith(flows), { release });
      // The kernel that is played filters nothing at all.
      expect(await numbers(ct.dump({ mark: 1, status: ['CONFIRMED'] }))).to.deep.equal([1, 2]);
      expect(said(fake.sent[0]).flow).to.deep.equal(sent);
    }
  });

  it('are not sent for an IPv6 address: the kernel matches the others', async () => {
    const six = { orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1, dport: 2 } } as const;
    const other = { orig: { ...six.orig, src: 'fd00::3' } };
    const { ct, fake } = await play(kernelWith([six, other]));
    const found = await ct.dump({ orig: { src: 'fd00::1', proto: 'udp' } }).toArray();
    expect(found.map((each) => each.orig.src)).to.deep.equal(['fd00::1']);
    expect(said(fake.sent[0]).family).to.equal(10);
    expect(said(fake.sent[0]).flow.orig).to.deep.equal({ family: 'ipv6', proto: 'udp' });
  });
});

describe('Conntrack: dump that fails', () => {
  it('rejects with the error of the kernel, after the flows that it had sent', async () => {
    const { ct } = await play((_request, { nlmsg_seq }, kernel) => {
      kernel.queue(flowMessage(nlmsg_seq, flow(0)), flowMessage(nlmsg_seq, flow(1)));
      kernel.queue(flowMessage(nlmsg_seq, flow(2)), done(nlmsg_seq, EPERM));
    });
    const [seen, error] = await untilError(ct.dump());
    expect(seen).to.deep.equal([0, 1, 2]);
    expect(error).to.be.instanceOf(KernelError).and.include({ code: 'EPERM', operation: 'dump' });
    expect((error as Error).message).to.contain('CAP_NET_ADMIN');
  });

  it('rejects once; after that the iteration is over', async () => {
    const { ct } = await play((_request, { nlmsg_seq }, kernel) => kernel.queue(done(nlmsg_seq, EOPNOTSUPP)));
    const iterator = ct.dump()[Symbol.asyncIterator]();
    expect(await rejection(iterator.next())).to.have.property('code', 'EOPNOTSUPP');
    expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
    expect(await rejection(ct.dump().toArray())).to.have.property('code', 'EOPNOTSUPP');
  });

  it('rejects at the end, after all flows, if the kernel marks the dump inconsistent', async () => {
    const { ct } = await play((_request, { nlmsg_seq }, kernel) => {
      kernel.queue(flowMessage(nlmsg_seq, flow(0)));
      kernel.queue(flowMessage(nlmsg_seq, flow(1), { flags: NLM_F_MULTI | NLM_F_DUMP_INTR }));
      kernel.queue(flowMessage(nlmsg_seq, flow(2)));
      kernel.queue(done(nlmsg_seq));
    });
    const [seen, error] = await untilError(ct.dump());
    expect(seen).to.deep.equal([0, 1, 2]);
    expect(error).to.be.instanceOf(DumpInterruptedError);
  });

  it('rejects with where the defect is when a flow cannot be decoded', async () => {
    const { ct, fake } = await play((_request, { nlmsg_seq }, kernel) => {
      const broken = flowMessage(nlmsg_seq, flow(1));
      // nla_len of CTA_TUPLE_ORIG.
      broken[20] = 200;
      kernel.queue(flowMessage(nlmsg_seq, flow(0)), broken, flowMessage(nlmsg_seq, flow(2)));
      kernel.queue(flowMessage(nlmsg_seq, flow(3)), done(nlmsg_seq));
    });
    const [seen, error] = await untilError(ct.dump());
    expect(seen).to.deep.equal([0]);
    expect(error).to.be.instanceOf(DecodeError);
    expect(fake.unread).to.equal(0);
  });

  it('rejects when replies were lost, and the socket goes on', async () => {
    const { ct, fake } = await play((_request, { nlmsg_seq }, kernel) => {
      kernel.queue(flowMessage(nlmsg_seq, flow(0)));
      if (kernel.sent.length === 1) kernel.queueError(new OverrunError('lost'));
      kernel.queue(flowMessage(nlmsg_seq, flow(1)), done(nlmsg_seq));
    });
    const [seen, error] = await untilError(ct.dump());
    expect(seen).to.deep.equal([0]);
    expect(error).to.be.instanceOf(OverrunError).and.include({ code: 'ENOBUFS', errno: ENOBUFS });
    expect(await numbers(ct.dump())).to.deep.equal([0, 1]);
    expect(fake.sent).to.have.length(2);
  });

  it('rejects with ClosedError when the socket is closed under it', async () => {
    const { ct, fake } = await play();
    const dump = untilError(ct.dump());
    await settled();
    fake.deliver(flowMessage(sequenceOf(fake), flow(0)));
    await settled();
    await ct.close();
    const [seen, error] = await dump;
    expect(seen).to.deep.equal([0]);
    expect(error).to.be.instanceOf(ClosedError);
    expect(await rejection(ct.dump().toArray())).to.be.instanceOf(ClosedError);
  });

  it('skips what is no flow', async () => {
    const { ct } = await play((_request, { nlmsg_seq }, kernel) => {
      kernel.queue(flowMessage(nlmsg_seq, flow(0)), message(nlmsg_seq, [1, 2], { type: 1 }));
      kernel.queue(done(nlmsg_seq));
    });
    expect(await numbers(ct.dump())).to.deep.equal([0]);
  });
});

describe('Conntrack: dump with a signal', () => {
  const reason = new Error('enough');

  it('that is aborted already sends nothing', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS));
    const { signal } = { signal: AbortSignal.abort(reason) };
    expect(await rejection(ct.dump({}, { signal }).toArray())).to.equal(reason);
    expect(await untilError(ct.dump({}, { signal }))).to.deep.equal([[], reason]);
    expect(fake.sent).to.have.length(0);
  });

  it('that is aborted in the loop ends it at once, though more was read', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS, 5));
    const controller = new AbortController();
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const each of ct.dump({}, { signal: controller.signal })) {
        seen.push(numberOf(each));
        if (seen.length === 3) controller.abort(reason);
      }
    };
    expect(await rejection(loop())).to.equal(reason);
    expect(seen).to.deep.equal([0, 1, 2]);
    await settled();
    expect(fake.unread).to.equal(0);
    expect(await numbers(ct.dump())).to.deep.equal(range(10));
  });

  it('that is aborted when all is read but not handed out rejects anyway', async () => {
    const { ct } = await play(kernelWith(FLOWS, 10));
    const controller = new AbortController();
    const iterator = ct.dump({}, { signal: controller.signal })[Symbol.asyncIterator]();
    await iterator.next();
    await settled();
    controller.abort(reason);
    expect(await rejection(iterator.next())).to.equal(reason);
    expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('that is aborted while it waits wakes it', async () => {
    const { ct, fake } = await play();
    const controller = new AbortController();
    const dumps = [
      rejection(ct.dump({}, { signal: controller.signal }).toArray()),
      rejection(ct.dump({}, { signal: controller.signal }).toArray()),
    ];
    await settled();
    controller.abort(reason);
    expect(await Promise.all(dumps)).to.deep.equal([reason, reason]);
    fake.deliver(done(sequenceOf(fake)));
    const last = ct.dump().toArray();
    await settled();
    fake.deliver(done(sequenceOf(fake)));
    expect(await last).to.deep.equal([]);
    expect(fake.sent, 'the second was never sent').to.have.length(2);
  });

  it('that is aborted after the end changes nothing', async () => {
    const { ct } = await play(kernelWith(FLOWS));
    const controller = new AbortController();
    const iterator = ct.dump({}, { signal: controller.signal })[Symbol.asyncIterator]();
    expect(await numbers(iterator as AsyncIterableIterator<Flow>)).to.deep.equal(range(10));
    controller.abort(reason);
    expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
    const another = ct.dump({}, { signal: new AbortController().signal }).batches();
    await another.next();
    await another.return!();
    expect(await another.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('rejects with a reason that is no error as it is', async () => {
    const { ct } = await play(kernelWith(FLOWS));
    expect(await rejection(ct.dump({}, { signal: AbortSignal.abort('text') }).toArray())).to.equal('text');
    const timeout = AbortSignal.timeout(1);
    const { ct: silent } = await play();
    expect(await rejection(silent.dump({}, { signal: timeout }).toArray())).to.equal(timeout.reason);
  });
});

describe('Conntrack: dump and backpressure', () => {
  it('reads one datagram ahead while its consumer waits, and no more', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS, 1));
    const iterator = ct.dump()[Symbol.asyncIterator]();
    for (const n of range(5, 1)) {
      await iterator.next();
      for (let times = 0; times < 5; times++) {
        fake.readable();
        await settled();
      }
      // Ten flows, one a datagram, and the DONE.
      expect(fake.unread, `after ${n}`).to.equal(11 - n - 1);
    }
    await iterator.return!();
    expect(fake.unread).to.equal(0);
  });

  it('reads one datagram a batch', async () => {
    const { ct, fake } = await play(kernelWith(FLOWS, 4));
    const iterator = ct.dump().batches();
    await iterator.next();
    await settled();
    expect(fake.unread).to.equal(3);
    await iterator.next();
    await settled();
    expect(fake.unread).to.equal(2);
    await iterator.return!();
  });

  it('reads over datagrams in which nothing matches, without filling memory', async () => {
    let sequence = 0;
    const { ct, fake } = await play((_request, header) => {
      sequence = header.nlmsg_seq;
    });
    let left = 20_000;
    fake.more = () => {
      if (left === 0) return undefined;
      left--;
      return left === 0 ? done(sequence) : flowMessage(sequence, flow(left === 7777 ? 1 : 2));
    };
    expect(await numbers(ct.dump({ mark: 1 }))).to.deep.equal([1]);
  });

  it('gives timers their turn in a dump that never waits', async () => {
    let sequence = 0;
    const { ct, fake } = await play((_request, header) => {
      sequence = header.nlmsg_seq;
    });
    let stop = false;
    fake.more = () => {
      passTime(1);
      return sequence === 0 ? undefined : stop ? done(sequence) : flowMessage(sequence, flow(1));
    };
    let ticks = 0;
    const timer = setInterval(() => {
      stop = ++ticks === 3;
    }, 5);
    for await (const _ of ct.dump());
    clearInterval(timer);
    expect(ticks).to.equal(3);
  });
});

describe('Conntrack: dump over a replay', () => {
  it('gives what was recorded, one by one, in batches and at once', async () => {
    const open = (): Promise<Conntrack> => Conntrack.open({ transport: replay(fixturePath('mixed')) });
    const one: unknown[] = [];
    for await (const each of (await open()).dump()) one.push(each.toJSON());
    const batched: unknown[] = [];
    for await (const batch of (await open()).dump().batches()) batched.push(...batch.map((each) => each.toJSON()));
    const all = (await (await open()).dump().toArray()).map((each) => each.toJSON());
    expect(one).to.have.length.above(30);
    expect(batched).to.deep.equal(one);
    expect(all).to.deep.equal(one);
  });

  it('breaks and goes on', async () => {
    await using ct = await Conntrack.open({ transport: replay(fixturePath('mixed'), { repeat: true }) });
    for await (const _ of ct.dump()) break;
    expect(await ct.dump().toArray()).to.have.length.above(30);
  });
});
