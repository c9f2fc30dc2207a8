/**
 * The fake kernel passes the conformance suite that transports onto the real one pass, without root and on any system.
 * What is left out is here, with the reason: there is no other list of differences to a transport.
 */
import { strict as assert } from 'node:assert';
import { expect } from 'chai';
import { fakeKernel, tcpHandshake } from '../../src/testing/index.ts';
import { until } from '../support/kernel.ts';
import { TIER } from '../support/tier.ts';
import type { Context } from '../transport/conformance/case.ts';
import { type Capability, CONFORMANCE, EXTENTS, type Extent } from '../transport/conformance/index.ts';

/** Cases that need one of these are about more than a table. */
const NOT_OF_A_TABLE: Readonly<Partial<Record<Capability, string>>> = {
  processes: 'the kernel is in the memory of one process; other processes do not see it',
  workers: 'the kernel is in the memory of one thread',
  netns: 'a fake kernel is one network namespace; a test makes several kernels',
  connected: 'no other process can send to its sockets',
  io_uring: 'nothing receives while JavaScript works',
  ahead: 'receiveAhead changes nothing: the cases are those without it again',
};

/** Other cases that are left out. */
const BY_NAME: Readonly<Record<string, string>> = {
  'has a portid that the kernel knows, and the release of the kernel': 'looks for descriptors in /proc',
  'a burst against a small buffer: received and lost are all': 'another process makes the flows',
  'a burst against a small buffer, received ahead: received and lost are all': 'another process makes the flows',
  'a burst of 200,000 flows with 8 MiB: received and lost are all': 'another process makes the flows',
  'a burst of 200,000 flows with room for all: none is lost': 'another process makes the flows',
  'a storm against a small buffer: all is counted, and other sockets are answered meanwhile':
    'another process makes the flows',
  '40 times open and close while events come leave nothing behind': 'another process makes the flows',
  '300 times open and close while events come leave nothing behind': 'another process makes the flows',
};

const EXTENT: Extent = ({ quick: 'least', landing: 'whole', soak: 'long' } as const)[TIER];

function reasonAgainst({ name, needs = [] }: (typeof CONFORMANCE)[number]): string | undefined {
  return BY_NAME[name] ?? needs.map((need) => NOT_OF_A_TABLE[need]).find((reason) => reason !== undefined);
}

/** A kernel of its own for each case. */
function contextOf(): Context {
  const kernel = fakeKernel();
  const open = kernel.transport;
  const flush = (): void => {
    for (const flow of kernel.flows) kernel.expire(flow);
  };
  return {
    open,
    witness: {
      open,
      count: () => kernel.flows.length,
      flush,
      sockets: () => kernel.sockets,
      async connect(port) {
        kernel.traffic(tcpHandshake({ src: '127.0.0.1', dst: '127.0.0.1', proto: 'tcp', sport: 40_000, dport: port }));
        return 40_000;
      },
      async leavesNothing(body) {
        const before = kernel.sockets;
        await body();
        await until(() => kernel.sockets <= before, { what: 'the sockets are closed' });
      },
      reset: () => assert.equal(kernel.sockets, 0, 'sockets are open'),
    },
  };
}

describe('the fake kernel, by the conformance suite', function () {
  this.timeout(120_000);

  it('leaves out no case that there is not', () => {
    const names = CONFORMANCE.map(({ name }) => name);
    expect(names).to.include.members(Object.keys(BY_NAME));
  });

  it('runs every case that needs no other process, thread or namespace', () => {
    const run = CONFORMANCE.filter((each) => reasonAgainst(each) === undefined);
    expect(run.length).to.equal(61);
  });

  for (const each of CONFORMANCE) {
    const { name, extent = 'brief', run } = each;
    if (reasonAgainst(each) !== undefined || EXTENTS.indexOf(extent) > EXTENTS.indexOf(EXTENT)) continue;
    it(name, async () => await run(contextOf()));
  }
});
