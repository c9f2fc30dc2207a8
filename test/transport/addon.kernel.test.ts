/** The npm package `netlink`: what is the addon's own. What all transports do is in runtimes.kernel.test.ts. */
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { TransportFactory } from '../../src/netlink/transport.ts';
import { openTransport } from '../../src/transport/open.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../src/uapi/nfnetlink.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel } from '../support/kernel.ts';

const open: TransportFactory = async (options) =>
  await openTransport({ ...options, transport: 'addon', eventsMayAbortProcess: true });

describeKernel('transport addon', ['conntrack'], () => {
  it('is called addon', async () => {
    const transport = await open();
    expect(transport.name).to.equal('addon');
    transport.close();
  });

  it('keeps its portid positive however many sockets there were', async () => {
    // The package counts sockets in the upper ten bits.
    for (let n = 0; n < 1100; n++) {
      const transport = await open();
      expect(transport.portid, `socket ${n}`).to.be.above(0);
      transport.close();
    }
  });

  it('joins no group without the opt-in', async () => {
    const refused = await rejection(openTransport({ transport: 'addon', events: true }));
    expect(refused).to.include({ name: 'UnsupportedError' });
    expect((refused as Error).message).to.contain('eventsMayAbortProcess: true');
    const transport = await openTransport({ transport: 'addon' });
    try {
      expect(() => transport.joinGroup(NFNLGRP_CONNTRACK_NEW))
        .to.throw(/eventsMayAbortProcess: true/)
        .with.property('name', 'UnsupportedError');
    } finally {
      transport.close();
    }
  });

  for (const runtime of ['Deno', 'Bun']) {
    it(`does not run on ${runtime}`, async () => {
      Object.defineProperty(globalThis, runtime, { value: {}, configurable: true });
      try {
        expect(await rejection(open())).to.include({ name: 'UnsupportedError' });
      } finally {
        Reflect.deleteProperty(globalThis, runtime);
      }
    });
  }

  it('refuses a worker thread, where it would crash', async () => {
    // What `npm test` has built: a worker of Node 20 does not take tsx over.
    const url = JSON.stringify(new URL('../../dist/transport/open.js', import.meta.url).href);
    const code = `const { parentPort } = require('node:worker_threads');
      import(${url}).then(async ({ openTransport }) => {
        await openTransport({ transport: 'addon' }).catch(({ name, message }) => parentPort.postMessage([name, message]));
      });`;
    const messages: [string, string][] = [];
    const worker = new Worker(code, { eval: true });
    worker.on('message', (message) => messages.push(message));
    const exit = await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
    expect(exit).to.equal(0);
    expect(messages.map(([name]) => name)).to.deep.equal(['UnsupportedError']);
    expect(messages[0][1]).to.contain('main thread');
  });
});
