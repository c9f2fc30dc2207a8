/** Dumps that reset counters: what is zeroed is what is yielded, and a lost answer is never asked for again. */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { Filter } from '../../src/ctnetlink/filter/filter.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { OverrunError } from '../../src/netlink/errors.ts';
import { ENOENT, EPERM } from '../../src/uapi/errno.ts';
import { ack, done, error, type FakeTransport, headerOf, rejection, type Script } from '../support/fake-transport.ts';
import { flow, flowMessage, numberOf, play, range, said } from '../support/played.ts';

const RESET = 0x103;
const ACK = 4;

/**
 * Dumps these flows, and answers what zeroes the nth of them with the nth answer: the flow as it is then, an errno, or
 * nothing.
 * @param zeroed is called for each flow that is zeroed
 */
function resetting(answers: readonly (FlowInit | number | undefined)[], zeroed: number[] = []): Script {
  return (request, { nlmsg_seq, nlmsg_type, nlmsg_flags }, kernel) => {
    if (nlmsg_type !== RESET) {
      kernel.queue(...answers.map((_answer, n) => flowMessage(nlmsg_seq, flow(n))), done(nlmsg_seq));
      return;
    }
    const address = said(request).flow.reply as { src: string };
    const n = Number(address.src.split('.')[3]);
    zeroed.push(n);
    const answer = answers[n];
    if (typeof answer === 'number') {
      kernel.queue(error(nlmsg_seq, answer));
      return;
    }
    if (answer !== undefined) kernel.queue(flowMessage(nlmsg_seq, answer));
    if ((nlmsg_flags & ACK) !== 0) kernel.queue(ack(nlmsg_seq));
  };
}

/** All that an iteration gives, and how it ends. */
async function read(flows: AsyncIterable<Flow[]>): Promise<{ numbers: number[]; ended: unknown }> {
  const numbers: number[] = [];
  try {
    for await (const batch of flows) numbers.push(...batch.map(numberOf));
  } catch (reason) {
    return { numbers, ended: reason };
  }
  return { numbers, ended: undefined };
}

function resets(fake: FakeTransport): number {
  return fake.sent.filter((bytes) => headerOf(bytes).nlmsg_type === RESET).length;
}

describe('Conntrack: dumps that reset', () => {
  it('zero a flow when the loop asks for it', async () => {
    const zeroed: number[] = [];
    const { ct } = await play(resetting(range(5).map(flow), zeroed));
    for await (const each of ct.dump({}, { reset: true })) {
      expect(zeroed).to.deep.equal(range(numberOf(each) + 1));
      if (numberOf(each) === 2) break;
    }
    expect(zeroed).to.deep.equal([0, 1, 2]);
  });

  it('zero nothing that does not match, whatever the kernel dumps', async () => {
    const zeroed: number[] = [];
    const { ct } = await play(resetting(range(5).map(flow), zeroed));
    const flows = await ct.dump({ mark: 3 }, { reset: true }).toArray();
    expect(flows.map(numberOf)).to.deep.equal([3]);
    expect(zeroed).to.deep.equal([3]);
  });

  it('yield the counters of the answer, not of the dump', async () => {
    const counted = { ...flow(0), countersOrig: { packets: 7, bytes: 700 } };
    const { ct } = await play(resetting([counted]));
    const [only] = await ct.dump({}, { reset: true }).toArray();
    expect(only.countersOrig?.packets).to.equal(7n);
  });

  it('yield a flow that took the place of another as it is, if it matches', async () => {
    const other = { ...flow(1), id: 99 };
    const { ct } = await play(resetting([flow(0), other, { ...flow(2), status: ['CONFIRMED', 'ASSURED'] }]));
    const filter = { status: { value: ['CONFIRMED'], mask: ['CONFIRMED', 'ASSURED'] } } satisfies Filter;
    const flows = await ct.dump(filter, { reset: true }).toArray();
    expect(flows.map(({ id }) => id)).to.deep.equal([1000, 99]);
  });

  it('leave out a flow that is gone', async () => {
    const answers = [flow(0), ENOENT, flow(2), ENOENT];
    const { ct } = await play(resetting(answers));
    expect(await read(ct.dump({}, { reset: true }).batches())).to.deep.equal({ numbers: [0, 2], ended: undefined });
    const flows: number[] = [];
    for await (const each of ct.dump({}, { reset: true })) flows.push(numberOf(each));
    expect(flows).to.deep.equal([0, 2]);
  });

  it('yield what was answered, then reject when an answer was lost, and never ask again', async () => {
    const { ct, fake } = await play(resetting([flow(0), undefined, flow(2)]));
    const { numbers, ended } = await read(ct.dump({}, { reset: true }).batches());
    expect(numbers).to.deep.equal([0, 2]);
    expect(ended).to.be.instanceOf(OverrunError).and.include({ operation: 'reset', lost: 1 });
    expect(resets(fake)).to.equal(3);
    expect(await rejection(ct.dump({}, { reset: true }).toArray())).to.be.instanceOf(OverrunError);
    expect(resets(fake)).to.equal(6);
  });

  it('reject when the kernel refuses', async () => {
    const { ct } = await play(resetting([flow(0), EPERM, flow(2)]));
    const { numbers, ended } = await read(ct.dump({}, { reset: true }).batches());
    expect(numbers).to.deep.equal([0, 2]);
    expect(ended).to.include({ code: 'EPERM', operation: 'reset' });
  });

  it('reject with the reason of a signal, and zero nothing more', async () => {
    const zeroed: number[] = [];
    const { ct } = await play(resetting(range(5).map(flow), zeroed));
    const abort = new AbortController();
    const reason = new Error('enough');
    const flows = ct.dump({}, { reset: true, signal: abort.signal })[Symbol.asyncIterator]();
    await flows.next();
    abort.abort(reason);
    expect(await rejection(flows.next())).to.equal(reason);
    expect(zeroed).to.deep.equal([0]);
  });
});
