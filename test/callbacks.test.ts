/** Functions that a program gives must not be async: nothing waits for their promises. */
import { expect } from 'chai';
import { Conntrack, parseFilter } from '../src/index.ts';
import { checkVerdict } from '../src/nfct/verdict.ts';
import { anonymize, writeCapture } from '../src/replay.ts';
import { fakeKernel } from '../src/testing/index.ts';
import { message, rejection } from './support/fake-transport.ts';
import { turns } from './support/turns.ts';

const FLOW = { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 }, timeout: 60 } as const;
const LABELLED = { ...FLOW, orig: { ...FLOW.orig, sport: 2 }, labels: [1] } as const;

// biome-ignore lint/suspicious/noExplicitAny: a program in JavaScript may give any function
const rejecting: any = async () => {
  throw new Error('nobody handles this');
};

describe('async functions', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  before(() => void process.on('unhandledRejection', note));
  after(() => void process.off('unhandledRejection', note));
  afterEach(async () => {
    await turns(2);
    expect(unhandled.splice(0)).to.deep.equal([]);
  });

  const REFUSED: [name: string, (ct: Conntrack) => Promise<unknown>][] = [
    ['options.onError', (ct) => ct.createMany([FLOW], { onError: rejecting })],
    ['options.onError', (ct) => ct.createMany([{}], { onError: rejecting })],
    ['options.onError', (ct) => ct.deleteMany([LABELLED], { onError: rejecting })],
    ['where', (ct) => ct.deleteWhere(rejecting)],
    ['where', (ct) => ct.updateWhere(rejecting, { mark: 1 })],
    ['options.onProgress', (ct) => ct.updateWhere({ port: 53 }, { mark: 1 }, { dryRun: true, onProgress: rejecting })],
    ['options.labelBit', async () => parseFilter('label web', { labelBit: rejecting })],
    ['the callback', async () => checkVerdict(rejecting())],
    ['options.onDropped', async () => anonymize(foreign(), { onDropped: rejecting })],
  ];
  for (const [index, [name, call]] of REFUSED.entries())
    it(`of ${name} are a TypeError, and the promise is handled: ${index}`, async () => {
      const kernel = fakeKernel({ flows: [FLOW] });
      await using ct = await Conntrack.open({ transport: kernel.transport });
      const error = await rejection(call(ct));
      expect(error).to.be.instanceOf(TypeError);
      expect((error as Error).message).to.equal(
        `${name} must not be async: nothing waits for the promise that it returned`,
      );
      expect(kernel.flows).to.have.lengthOf(1);
    });

  it('of restore end it with a RestoreError that has the TypeError as its cause', async () => {
    for (const [name, flow] of [
      ['onError', FLOW],
      ['onLoss', LABELLED],
    ] as const) {
      const kernel = fakeKernel({ flows: [FLOW], labels: false });
      await using ct = await Conntrack.open({ transport: kernel.transport });
      const error = (await rejection(ct.restore([flow], { [name]: rejecting }))) as Error;
      expect(error).to.include({ name: 'RestoreError', code: 'ERR_INCOMPLETE' });
      expect(error.cause).to.be.instanceOf(TypeError);
      expect((error.cause as Error).message).to.match(new RegExp(`^options.${name} must not be async`));
    }
  });

  /** A capture with a message of another subsystem. */
  function foreign(): Uint8Array {
    const bytes = message(1, [2, 0, 0, 0], { type: 0x900 });
    return writeCapture([{ fromKernel: true, time: 0n, bytes }], { format: 'pcap' });
  }
});
