/** ct.restore, over a kernel that the test plays: arguments, signals and lost answers. The rest is in test/kernel. */
import { expect } from 'chai';
import {
  type Conntrack,
  type FlowInit,
  type Flows,
  RestoreError,
  type RestoreFailure,
  type RestoreOptions,
  type Snapshot,
} from '../../src/index.ts';
import { ENOENT } from '../../src/uapi/errno.ts';
import { NLM_F_ACK } from '../../src/uapi/netlink.ts';
import { ack, error, type Script } from '../support/fake-transport.ts';
import { flow, flowMessage, play, range, said } from '../support/played.ts';
import { turns } from '../support/turns.ts';

// biome-ignore lint/suspicious/noExplicitAny: a program in JavaScript may pass anything
const any = (value: unknown): any => value;

/** The number of the flow that a request asks for. */
function asked(request: Uint8Array): number {
  const { orig, reply } = said(request).flow as Record<'orig' | 'reply', { src: string } | undefined>;
  // To look up exactly one in zone 0, the tuple is written as a reply.
  const [, , b, c] = (orig ?? reply)!.src.split('.').map(Number);
  return b * 256 + c;
}

/** Creates everything, and has it as it was given; `change` is what it reports instead. */
function having(change: (n: number) => object | undefined = () => ({})): Script {
  return (request, { nlmsg_flags, nlmsg_seq, nlmsg_type }, kernel) => {
    if (nlmsg_type === 0x101) {
      const n = asked(request);
      const changed = change(n);
      if (changed === undefined) kernel.queue(error(nlmsg_seq, ENOENT));
      else kernel.queue(flowMessage(nlmsg_seq, { ...flow(n), ...changed }));
    }
    if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
  };
}

async function refusal(ct: Conntrack, snapshot: unknown, options?: object): Promise<Error> {
  return await ct.restore(any(snapshot), options).then(
    () => new Error('nothing was refused'),
    (error: Error) => error,
  );
}

describe('ct.restore', () => {
  it('refuses what is no snapshot, by name, before anything is sent', async () => {
    const { ct, fake } = await play(having());
    for (const [snapshot, message] of [
      [5, 'snapshot must be an iterable of flows, or an object with flows and expectations, not 5'],
      [null, 'snapshot must be an iterable of flows, or an object with flows and expectations, not null'],
      [{ flow: [] }, 'snapshot.flow is no option; did you mean flows?'],
      [{ flows: 7 }, 'snapshot.flows must be an iterable or an async iterable, not 7'],
      [
        { flows: [flow(1)], expectations: {} },
        'snapshot.expectations must be an iterable or an async iterable, not an object',
      ],
    ] as const) {
      const refused = await refusal(ct, snapshot);
      expect(refused).to.be.instanceOf(TypeError).and.to.have.property('message', message);
    }
    const { message } = await refusal(ct, [], { onLoss: 1 });
    expect(message).to.equal('options.onLoss must be a function, not 1');
    expect(fake.sent).to.deep.equal([]);
  });

  it('sends nothing for nothing, and once it is aborted', async () => {
    const { ct, fake } = await play(having());
    const none = { whole: 0, partial: 0, failed: 0, unknown: 0, lost: {} };
    expect(await ct.restore([])).to.deep.equal({ flows: none, expectations: none, losses: [] });
    expect(await ct.restore({})).to.deep.equal({ flows: none, expectations: none, losses: [] });
    const reason = new Error('changed my mind');
    const aborted = await refusal(ct, [flow(1)], { signal: AbortSignal.abort(reason) });
    expect(aborted).to.be.instanceOf(RestoreError).and.to.include({ code: 'ERR_ABORTED', cause: reason });
    expect((aborted as RestoreError).result).to.deep.equal({ flows: none, expectations: none, losses: [] });
    expect(fake.sent).to.deep.equal([]);
  });

  it('asks twice for each flow, many in a datagram, and counts what the kernel assigns apart', async () => {
    const { ct, fake } = await play(having(() => ({ id: 9 })));
    const { flows, losses } = await ct.restore(range(200).map(flow));
    expect(flows).to.deep.equal({ whole: 200, partial: 0, failed: 0, unknown: 0, lost: { id: 200 } });
    expect(losses).to.deep.equal([]);
    expect(fake.sent.length).to.equal(400);
  });

  it('reports a flow that differs, and keeps the first hundred without onLoss', async () => {
    const { ct } = await play(having((n) => (n % 2 === 0 ? {} : { mark: 1000 + n, timeout: 20 })));
    const { flows, losses } = await ct.restore(range(250).map(flow));
    expect(flows).to.deep.equal({ whole: 125, partial: 125, failed: 0, unknown: 0, lost: { mark: 125 } });
    expect(losses).to.have.length(100);
    expect(losses[1]).to.deep.include({ kind: 'flow', index: 3 });
    expect(losses[1].losses).to.deep.equal([{ property: 'mark', reason: 'the kernel has 1003 instead of 3' }]);
  });

  it('reports a flow that was created and is gone as failed', async () => {
    const { ct } = await play(having((n) => (n === 1 ? undefined : {})));
    const failures: RestoreFailure[] = [];
    const snapshot: Snapshot = { flows: range(3).map(flow) };
    const { flows } = await ct.restore(snapshot, { onError: (failure) => failures.push(failure) });
    expect(flows).to.include({ whole: 2, partial: 0, failed: 1 });
    expect(failures.map(({ kind, index, error: { message } }) => [kind, index, message])).to.deep.equal([
      ['flow', 1, 'get: ENOENT: no such flow (udp 10.0.0.1:1000 -> 192.0.2.1:53, zone 0)'],
    ]);
  });

  /** Of a call that ended early: its code and its reason, and what it counts of the flows. */
  async function ended(
    ct: Conntrack,
    flows: Flows | Snapshot,
    options?: RestoreOptions,
  ): Promise<[string, unknown, object]> {
    const error = await refusal(ct, flows, options);
    expect(error, error.message).to.be.instanceOf(RestoreError);
    const { code, cause, result } = error as RestoreError;
    return [code, cause, result.flows];
  }

  it('counts what had come back when its signal ends it, and sends no more', async () => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const { ct, fake } = await play(having((n) => (n % 4 === 0 ? undefined : n % 4 === 1 ? { mark: 9999 } : {})));
    function* some(): Generator<FlowInit> {
      for (const n of range(40)) yield flow(n);
      controller.abort(reason);
      for (const n of range(1000, 40)) yield flow(n);
    }
    const [code, cause, flows] = await ended(ct, some(), { signal: controller.signal });
    expect([code, cause]).to.deep.equal(['ERR_ABORTED', reason]);
    // A datagram has 256. What was not sent is not counted.
    expect(flows).to.deep.equal({ whole: 0, partial: 0, failed: 0, unknown: 0, lost: {} });
    expect(fake.sent).to.deep.equal([]);

    const later = new AbortController();
    function* many(): Generator<FlowInit> {
      for (const n of range(1000)) {
        if (n === 600) later.abort(reason);
        yield flow(n);
      }
    }
    const [, , counts] = await ended(ct, many(), { signal: later.signal, onError: () => {} });
    expect(counts).to.deep.equal({ whole: 256, partial: 128, failed: 128, unknown: 0, lost: { mark: 128 } });
  });

  it('counts what had come back when the iterable or a callback ends it, with that error as cause', async () => {
    const reason = new Error('no more');
    const { ct } = await play(having((n) => (n === 7 ? undefined : {})));
    function* some(count: number): Generator<FlowInit> {
      for (const n of range(count)) yield flow(n);
      throw reason;
    }
    const counts = { whole: 20, partial: 0, failed: 0, unknown: 0, lost: {} };
    // The flow that is gone comes back without an answer, and is a failure.
    const of = await ended(ct, some(21));
    expect(of).to.deep.equal(['ERR_INCOMPLETE', reason, { ...counts, failed: 1 }]);
    const onError = (): void => {
      throw reason;
    };
    expect(await ended(ct, range(21).map(flow), { onError })).to.deep.equal([
      'ERR_INCOMPLETE',
      reason,
      { ...counts, failed: 1 },
    ]);
    const { message } = await refusal(ct, some(21));
    expect(message).to.equal(
      'restore: the call ended early: no more; 20 flows and 0 expectations had come back, 1 failed',
    );
    // Nothing was sent, so there are no counts.
    expect(await refusal(ct, some(0))).to.equal(reason);
  });

  it('ends by its signal and by close while an async iterable waits, with the counts', async () => {
    const reason = new Error('changed my mind');
    for (const part of ['flows', 'expectations'] as const) {
      for (const how of ['ERR_ABORTED', 'ERR_INCOMPLETE'] as const) {
        const { ct } = await play(having());
        const controller = new AbortController();
        let ends = (): void => {};
        async function* waiting(count: number): AsyncGenerator<FlowInit> {
          for (const n of range(count)) yield flow(n);
          // The batch goes when the iterable waits, and is answered in the next turns.
          void turns(4).then(() => ends());
          await new Promise(() => {});
        }
        ends = () => (how === 'ERR_ABORTED' ? controller.abort(reason) : void ct.close());
        const snapshot =
          part === 'flows'
            ? waiting(3)
            : { flows: range(3).map(flow), expectations: waiting(0) as AsyncIterable<never> };
        const [code, cause, counts] = await ended(ct, snapshot, { signal: controller.signal });
        expect([code, (cause as Error).name], `${part} ${how}`).to.deep.equal([
          how,
          how === 'ERR_ABORTED' ? 'Error' : 'ClosedError',
        ]);
        expect(counts, `${part} ${how}`).to.deep.equal({ whole: 3, partial: 0, failed: 0, unknown: 0, lost: {} });
      }
    }
  });

  it('counts what was sent and not answered as unknown', async () => {
    let closing: Promise<void> | undefined;
    const { ct } = await play((request, header, kernel) => {
      // The tenth is never answered, and the socket is closed under it.
      if (header.nlmsg_type === 0x101 && asked(request) === 9) closing = ct.close();
      if (closing === undefined) having()(request, header, kernel);
    });
    const [code, cause, flows] = await ended(ct, range(12).map(flow));
    await closing;
    expect([code, (cause as Error).name]).to.deep.equal(['ERR_INCOMPLETE', 'ClosedError']);
    expect(flows).to.deep.equal({ whole: 0, partial: 0, failed: 0, unknown: 12, lost: {} });
  });
});
