/** Several tables at once: in one thread, in several, and each with another part of the events. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { build } from 'esbuild';
import { Conntrack, type FlowInit } from '../../src/index.ts';
import { FlowTable, type TableChange } from '../../src/table/index.ts';
import { koffi } from '../support/event-sockets.ts';
import { describeKernel, resetNamespace, sysctl, until } from '../support/kernel.ts';
import { tracking } from '../support/traffic.ts';

const FLOWS = Array.from(
  { length: 40 },
  (_, n): FlowInit => ({
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: n % 2 === 0 ? 'udp' : 'tcp', sport: 1000 + n, dport: 53 },
    timeout: 600,
    mark: n % 4,
  }),
);
/** In the project, where the package koffi is found. */
const FOLDER = fileURLToPath(new URL(`../.snippets-${process.pid}`, import.meta.url));
const TABLE = join(FOLDER, 'table.mjs');

/** Opens a table, and answers each message with the size and the state of it; 'close' ends it. */
const WORKER = `
const { parentPort } = require('node:worker_threads');
import(${JSON.stringify(TABLE)}).then(async ({ FlowTable }) => {
  const table = await FlowTable.open({ transport: 'koffi' });
  parentPort.on('message', async (word) => {
    if (word === 'close') {
      await table.close();
      parentPort.close();
    } else parentPort.postMessage([table.size, table.state]);
  });
  parentPort.postMessage('open');
});`;

describeKernel('several tables', ['nft', 'conntrack'], () => {
  let ct: Conntrack;

  before(async () => {
    // Not every Node.js reads TypeScript in a worker thread.
    const entry = fileURLToPath(new URL('../../src/table/index.ts', import.meta.url));
    const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external' } as const;
    await build({ entryPoints: [entry], outfile: TABLE, ...options });
  });
  after(() => rmSync(FOLDER, { recursive: true, force: true }));
  beforeEach(async () => {
    resetNamespace();
    tracking();
    sysctl('nf_conntrack_events', 1);
    ct = await Conntrack.open();
  });
  afterEach(async () => {
    await ct.close();
    resetNamespace();
  });

  it('in one thread have each what its filter lets through, and closing one closes no other', async () => {
    const tables = await Promise.all(
      [{}, { mark: 1 }, { orig: { proto: 'tcp' } } as const].map((filter) =>
        FlowTable.open({ transport: koffi, filter }),
      ),
    );
    await ct.createMany(FLOWS);
    const sizes = (): number[] => tables.map(({ size }) => size);
    await until(() => sizes().join() === '40,10,20');
    await tables[0].close();
    await ct.deleteMany(FLOWS.slice(0, 20));
    await until(() => sizes().join() === '40,5,10');
    expect(tables.map(({ state }) => state)).to.deep.equal(['closed', 'synced', 'synced']);
    await Promise.all(tables.map((table) => table.close()));
  });

  it('in worker threads follow the same kernel', async () => {
    const workers = [0, 1].map(() => new Worker(WORKER, { eval: true, execArgv: [] }));
    const ask = async (worker: Worker): Promise<unknown> => {
      const answer = once(worker, 'message');
      worker.postMessage('?');
      return (await answer)[0];
    };
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await ct.createMany(FLOWS);
    for (const worker of workers) await until(async () => String(await ask(worker)) === '40,synced');
    await ct.deleteMany(FLOWS.slice(0, 30));
    for (const worker of workers) await until(async () => String(await ask(worker)) === '10,synced');
    for (const worker of workers) {
      const over = once(worker, 'exit');
      worker.postMessage('close');
      expect(await over).to.deep.equal([0]);
    }
  });

  it("that follow 'lifecycle' see begins and ends, and the rest when they are verified", async () => {
    const table = await FlowTable.open({ transport: koffi, follow: 'lifecycle' });
    const seen: string[] = [];
    const changes = table.changes();
    const reading = (async (): Promise<void> => {
      for await (const change of changes) seen.push(lineOf(change));
    })();
    const [flow] = FLOWS;
    await ct.create(flow);
    await ct.update({ ...flow, mark: 7 });
    const [, other] = FLOWS;
    await ct.create(other);
    await until(() => table.size === 2);
    // The NEW of the second came after the UPDATE of the first.
    expect(table.get(flow.orig!)?.mark ?? 0).to.equal(0);
    await table.verify();
    expect(table.get(flow.orig!)?.mark).to.equal(7);
    await ct.delete(flow);
    await until(() => table.size === 1);
    await table.close();
    await reading;
    expect(seen).to.deep.equal(['insert 0 event', 'insert 1 event', 'update 7 resync', 'delete 7 event']);
  });
});

function lineOf(change: TableChange): string {
  return change.type === 'gap' ? 'gap' : `${change.type} ${change.flow.mark ?? 0} ${change.cause}`;
}
