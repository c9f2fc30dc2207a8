/** createMany and the other ...Many calls, over a kernel that the test plays. */
import { expect } from 'chai';
import { type Failure, type Flows, ManyError } from '../../src/conntrack/many.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { KernelError } from '../../src/netlink/errors.ts';
import { EEXIST } from '../../src/uapi/errno.ts';
import { NLM_F_ACK } from '../../src/uapi/netlink.ts';
import { ack, error, headerOf, rejection, type Script, settled } from '../support/fake-transport.ts';
import { flow, numberOf, play, range, said } from '../support/played.ts';
import { turns } from '../support/turns.ts';

/** Refuses the flows with these numbers. */
function refusing(...refused: number[]): Script {
  return (request, { nlmsg_flags, nlmsg_seq }, kernel) => {
    const { mark } = said(request).flow as { mark?: number };
    if (refused.includes(mark ?? -1)) kernel.queue(error(nlmsg_seq, EEXIST));
    else if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
  };
}

const flows = (count: number): ReturnType<typeof flow>[] => range(count).map((n) => flow(n));

describe('Conntrack: many', () => {
  it('send what each sends alone, but for the ACK', async () => {
    for (const [many, one] of [
      ['createMany', 'create'],
      ['createOrUpdateMany', 'createOrUpdate'],
      ['updateMany', 'update'],
      ['deleteMany', 'delete'],
    ] as const) {
      const { ct, fake } = await play(refusing());
      // With an id or a reply `update` and `delete` look the flow up first.
      const looksUp = one === 'update' || one === 'delete';
      const given = flows(3).map((each) => (looksUp ? { ...each, id: undefined, reply: undefined } : each));
      expect(await ct[many](given), many).to.deep.equal({ succeeded: 3, failed: 0 });
      const together = fake.sent.splice(0).map(said);
      for (const each of given) await ct[one](each);
      const alone = fake.sent.map(said);
      expect(together.map(({ flags }) => flags & NLM_F_ACK)).to.deep.equal([0, 0, NLM_F_ACK]);
      expect(together.map((each) => ({ ...each, flags: each.flags | NLM_F_ACK }))).to.deep.equal(alone);
    }
  });

  it('name a refused flow as it was sent, also where a program fills one object again and again', async () => {
    for (const call of ['createMany', 'createOrUpdateMany', 'updateMany'] as const) {
      const { ct } = await play(refusing(3, 60));
      // Of what has the same properties each time, all but the first are written without a Flow.
      const item = { orig: { ...flow(0).orig }, timeout: 30, mark: 0 };
      function* same(): Generator<FlowInit> {
        for (let n = 0; n < 100; n++) {
          item.orig.src = flow(n).orig!.src;
          item.mark = n;
          yield item;
        }
      }
      const failures: Failure[] = [];
      await ct[call](same(), { onError: (failure) => failures.push(failure) && undefined });
      expect(failures.map(({ index }) => index)).to.deep.equal([3, 60]);
      expect(failures.map((failure) => (failure.error as KernelError).subject)).to.deep.equal([
        'udp 10.0.0.3:1000 -> 192.0.2.1:53, zone 0',
        'udp 10.0.0.60:1000 -> 192.0.2.1:53, zone 0',
      ]);
    }
  });

  it('take arrays, sets, generators and async generators, and nothing at all', async () => {
    const kinds: (() => Flows)[] = [
      () => flows(3),
      () => new Set(flows(3)),
      function* () {
        yield* flows(3);
      },
      async function* () {
        yield* flows(3);
      },
    ];
    for (const kind of kinds) {
      const { ct, fake } = await play(refusing());
      expect(await ct.createMany(kind())).to.deep.equal({ succeeded: 3, failed: 0 });
      expect(fake.sent).to.have.length(3);
    }
    const { ct, fake } = await play(refusing());
    expect(await ct.createMany([])).to.deep.equal({ succeeded: 0, failed: 0 });
    expect(fake.sent).to.have.length(0);
  });

  it('take no more from an iterable than some batches ahead of the kernel', async () => {
    // Answers nothing, so that it would take all if nothing stopped it.
    const { ct, fake } = await play();
    let taken = 0;
    function* endless(): Generator<ReturnType<typeof flow>> {
      for (;;) yield flow(taken++);
    }
    const call = ct.createMany(endless());
    // All that goes on by itself: no answer comes.
    await turns(20);
    expect(taken).to.be.within(256, 1100);
    expect(fake.sent.length).to.be.within(256, 1100);
    await ct.close();
    expect(await rejection(call)).to.include({ code: 'ERR_CLOSED' });
    expect(taken).to.be.below(1400);
  });

  it('send what an async iterable gave while it has nothing more', async () => {
    const { ct, fake } = await play(refusing());
    async function* slow(): AsyncGenerator<ReturnType<typeof flow>> {
      yield flow(1);
      yield flow(2);
      while (fake.sent.length < 2) await settled();
      yield flow(3);
    }
    expect(await ct.createMany(slow())).to.deep.equal({ succeeded: 3, failed: 0 });
    expect(fake.sent.map((message) => headerOf(message).nlmsg_flags & NLM_F_ACK)).to.deep.equal([0, 4, 4]);
  });

  it('report each failed item, with its index, and continue', async () => {
    const { ct, fake } = await play(refusing(1, 700, 999));
    const failures: Failure[] = [];
    const items = [...flows(1000), { orig: { src: 'nonsense' } }, { orig: flow(5).orig }, flow(1001)];
    const result = await ct.createMany(items, { onError: (failure) => failures.push(failure) });
    expect(result).to.deep.equal({ succeeded: 998, failed: 5 });
    const told = failures.map(({ index, error }) => [index, error.name]).sort(([a], [b]) => Number(a) - Number(b));
    expect(told).to.deep.equal([
      [1, 'KernelError'],
      [700, 'KernelError'],
      [999, 'KernelError'],
      [1000, 'RangeError'],
      [1001, 'TypeError'],
    ]);
    for (const { index, item } of failures) expect(item).to.equal(items[index]);
    expect(fake.sent).to.have.length(1001);
  });

  it('reject at the end without onError, with what is known', async () => {
    const { ct, fake } = await play(refusing(...range(150)));
    const failed = await rejection(ct.createMany(flows(400)));
    expect(failed).to.be.instanceOf(ManyError).and.include({ code: 'ERR_MANY', succeeded: 250, failed: 150 });
    const { failures, message } = failed as ManyError;
    expect(failures.map(({ index }) => index)).to.deep.equal(range(100));
    const lines = message.split('\n');
    expect(lines).to.have.length(12);
    expect(lines[0]).to.equal('create: 150 of 400 failed');
    for (const at of range(10)) expect(lines[at + 1]).to.match(new RegExp(`^  item ${at}: create: EEXIST: `));
    expect(lines[11]).to.equal('  and 140 more');
    expect(fake.sent).to.have.length(400);
  });

  it('end with what onError throws', async () => {
    const { ct, fake } = await play(refusing(3));
    const onError = ({ item }: Failure): void => {
      throw new Error(`enough of ${numberOf(item as never)}`);
    };
    expect(await rejection(ct.createMany(flows(5000), { onError }))).to.have.property('message', 'enough of 3');
    expect(fake.sent.length).to.be.below(1000);
  });

  it('end with what the iterable throws, when what it gave is sent', async () => {
    const kinds: (() => Flows)[] = [
      function* () {
        yield* flows(3);
        throw new Error('no more');
      },
      async function* () {
        yield* flows(3);
        throw new Error('no more');
      },
    ];
    for (const kind of kinds) {
      const { ct, fake } = await play(refusing());
      expect(await rejection(ct.createMany(kind()))).to.have.property('message', 'no more');
      expect(fake.sent).to.have.length(3);
    }
  });

  it('end with the reason of the signal, close the iterable, and send nothing more', async () => {
    const { ct, fake } = await play(refusing());
    const controller = new AbortController();
    let closed = false;
    function* aborting(): Generator<ReturnType<typeof flow>> {
      try {
        for (let n = 0; ; n++) {
          if (n === 600) controller.abort(new Error('changed my mind'));
          yield flow(n);
        }
      } finally {
        closed = true;
      }
    }
    const call = ct.createMany(aborting(), { signal: controller.signal });
    expect(await rejection(call)).to.have.property('message', 'changed my mind');
    expect([closed, fake.sent.length]).to.deep.equal([true, 512]);
    expect(await rejection(ct.createMany(flows(1), { signal: controller.signal }))).to.have.property(
      'message',
      'changed my mind',
    );
    expect(fake.sent).to.have.length(512);
  });

  /** Gives three flows, and then waits for ever. */
  class Waiting implements AsyncIterableIterator<ReturnType<typeof flow>> {
    given = 0;
    returned = 0;
    waits = false;
    fail!: (error: Error) => void;
    [Symbol.asyncIterator](): this {
      return this;
    }
    async next(): Promise<IteratorResult<ReturnType<typeof flow>>> {
      if (this.given < 3) return { value: flow(this.given++), done: false };
      this.waits = true;
      return await new Promise((_resolve, reject) => {
        this.fail = reject;
      });
    }
    async return(): Promise<IteratorResult<never>> {
      this.returned++;
      return await new Promise(() => {});
    }
  }

  async function waitsFor(condition: () => boolean): Promise<void> {
    while (!condition()) await settled();
  }

  it('end by the signal, close and onError while an async iterable waits, and close that', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    for (const many of ['createMany', 'createOrUpdateMany', 'updateMany', 'deleteMany'] as const) {
      for (const [how, wanted] of [
        ['signal', { message: 'changed my mind' }],
        ['close', { name: 'ClosedError', code: 'ERR_CLOSED' }],
        ['onError', { message: 'enough' }],
      ] as const) {
        const { ct, fake } = await play((request, { nlmsg_flags, nlmsg_seq }, kernel) => {
          // Of a delete the mark says nothing.
          if (how === 'onError' && JSON.stringify(said(request).flow).includes('10.0.0.2'))
            kernel.queue(error(nlmsg_seq, EEXIST));
          else if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
        });
        const controller = new AbortController();
        const items = new Waiting();
        const onError = (): void => {
          throw new Error('enough');
        };
        const call = rejection(ct[many](items, { signal: controller.signal, onError }));
        if (how !== 'onError') await waitsFor(() => items.waits && fake.sent.length === 3);
        if (how === 'signal') controller.abort(new Error('changed my mind'));
        if (how === 'close') await ct.close();
        expect(await call, `${many} ${how}`).to.include(wanted);
        expect([items.returned, fake.sent.length], `${many} ${how}`).to.deep.equal([1, 3]);
        items.fail(new Error('too late'));
        await turns(2);
      }
    }
    process.off('unhandledRejection', note);
    expect(unhandled).to.deep.equal([]);
  });

  it('send nothing that an async iterable gives when the call has ended', async () => {
    const { ct, fake } = await play(refusing());
    const controller = new AbortController();
    let go = (): void => {};
    let left = false;
    async function* late(): AsyncGenerator<ReturnType<typeof flow>> {
      try {
        yield flow(1);
        await new Promise<void>((resolve) => {
          go = resolve;
        });
        yield flow(2);
        yield flow(3);
      } finally {
        left = true;
      }
    }
    const call = rejection(ct.createMany(late(), { signal: controller.signal }));
    await waitsFor(() => fake.sent.length === 1);
    controller.abort(new Error('changed my mind'));
    expect(await call).to.have.property('message', 'changed my mind');
    expect(left).to.equal(false);
    go();
    await turns(2);
    expect([left, fake.sent.length]).to.deep.equal([true, 1]);
    await ct.close();
    expect(await rejection(ct.createMany(new Waiting()))).to.include({ code: 'ERR_CLOSED' });
  });

  const CALLS = ['createMany', 'createOrUpdateMany', 'updateMany', 'deleteMany', 'restore'] as const;

  /** Items that no call can send. The first call that never ends fails by what this throws. */
  function* nonsense(taken: { count: number }): Generator<object> {
    for (; taken.count < 20_000; taken.count++) yield {};
    throw new Error('the call did not end');
  }

  async function* later(taken: { count: number }): AsyncGenerator<object> {
    yield* nonsense(taken);
  }

  it('end at the item whose onError aborts, closes or throws, also where no item can be sent', async () => {
    for (const call of CALLS) {
      for (const kind of [nonsense, later]) {
        for (const [how, wanted] of [
          ['abort', 'changed my mind'],
          ['close', 'the socket is closed'],
          ['throw', 'enough'],
        ] as const) {
          const { ct, fake } = await play(refusing());
          const controller = new AbortController();
          const taken = { count: 0 };
          let failures = 0;
          const onError = (): void => {
            if (++failures < 1000) return;
            if (how === 'abort') controller.abort(new Error('changed my mind'));
            if (how === 'close') void ct.close();
            if (how === 'throw') throw new Error('enough');
          };
          const failed = (await rejection(
            ct[call](kind(taken) as never, { signal: controller.signal, onError }),
          )) as Error;
          const title = `${call} ${kind.name} ${how}`;
          expect(call === 'restore' ? (failed.cause as Error).message : failed.message, title).to.equal(wanted);
          expect([taken.count, failures, fake.sent.length], title).to.deep.equal([999, 1000, 0]);
        }
      }
    }
  });

  it('let the event loop turn while no item can be sent, or all wait for others', async () => {
    const waiting = { ...flow(1), master: flow(2).orig };
    function* expected(taken: { count: number }): Generator<object> {
      for (const _ of nonsense(taken)) yield waiting;
    }
    for (const call of CALLS) {
      for (const kind of call === 'restore' ? [nonsense, later, expected] : [nonsense, later]) {
        const { ct } = await play(refusing());
        const controller = new AbortController();
        const taken = { count: 0 };
        setImmediate(() => controller.abort(new Error('changed my mind')));
        const failed = (await rejection(ct[call](kind(taken) as never, { signal: controller.signal }))) as Error;
        const { message } = call === 'restore' ? (failed.cause as Error) : failed;
        expect(message, `${call} ${kind.name}`).to.equal('changed my mind');
      }
    }
  });

  it('let the event loop turn while restore puts flows with a zone of one direction in order', async () => {
    const { ct, fake } = await play(refusing());
    const controller = new AbortController();
    let read = 0;
    const items = range(20_000).map((n) => ({
      get orig(): object {
        read++;
        return { ...flow(n).orig, zone: 3 };
      },
    }));
    setImmediate(() => controller.abort(new Error('changed my mind')));
    expect(await rejection(ct.restore(items as never, { signal: controller.signal }))).to.include({
      code: 'ERR_ABORTED',
    });
    expect(read).to.be.below(20_000);
    expect(fake.sent).to.deep.equal([]);
  });

  it('refuse an iterator that gives no object, as for await does, by the name of the argument', async () => {
    for (const [given, message] of [
      [{ next: () => 5 }, 'flows: next() must resolve to an object, not 5'],
      [{ next: async () => undefined }, 'flows: next() must resolve to an object, not undefined'],
      [5, 'flows: [Symbol.asyncIterator]() must return an object, not 5'],
    ] as const) {
      const { ct } = await play(refusing());
      const items = { [Symbol.asyncIterator]: () => given };
      const failed = await rejection(ct.createMany(items as never));
      expect(failed).to.be.instanceOf(TypeError).and.to.have.property('message', message);
    }
  });

  it('of a closed Conntrack reject with ClosedError, and take nothing', async () => {
    for (const call of CALLS) {
      for (const kind of [nonsense, later]) {
        const { ct } = await play(refusing());
        await ct.close();
        const taken = { count: 0 };
        expect(await rejection(ct[call](kind(taken) as never)), call).to.include({ code: 'ERR_CLOSED' });
        expect(taken.count).to.equal(0);
      }
      const { ct } = await play(refusing());
      await ct.close();
      expect(await rejection(ct[call]([flow(1)])), call).to.include({ name: 'ClosedError', code: 'ERR_CLOSED' });
    }
  });

  it('refuse what is none of it, by name', async () => {
    const { ct } = await play(refusing());
    const refuse = async (call: Promise<unknown>, message: RegExp): Promise<void> => {
      const reason = await rejection(call);
      expect(reason).to.be.instanceOf(TypeError);
      expect((reason as Error).message).to.match(message);
    };
    await refuse(ct.createMany(5 as never), /^flows must be an iterable or an async iterable, not 5$/);
    await refuse(ct.createMany(flow(1) as never), /^flows must be an iterable/);
    await refuse(ct.createMany('flows' as never), /^flows must be an iterable/);
    await refuse(ct.deleteMany([], { onError: 5 as never }), /^options.onError must be a function, not 5$/);
    await refuse(ct.deleteMany([], { signal: 5 as never }), /^options.signal must be an AbortSignal/);
  });
});
