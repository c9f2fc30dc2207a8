/** Worker threads that end with sockets open: by themselves, by their own process.exit() and by terminate(). */
import { strict as assert } from 'node:assert';
import type { Case } from './case.ts';
import { program } from './program.ts';

/**
 * A worker that reads events under load until it is ended, three times over; then a socket of the main thread is still
 * good.
 */
function endedBy(end: string, inWorker: string): string {
  return `
    if (isMainThread) {
      const ct = await Conntrack.open(options);
      const transport = await openTransport(options);
      transport.start({ readable: () => {}, failed: () => {} });
      for (let round = 0; round < 3; round++) {
        const worker = new Worker(new URL(import.meta.url));
        let told = 0;
        const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
        const reading = new Promise((resolve) => worker.on('message', () => { if (++told === 2) resolve(); }));
        let loading = true;
        const load = (async () => {
          while (loading) {
            flood(transport, 1, 500);
            await ct.flushAll();
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        })();
        await reading;
        ${end}
        await ended;
        loading = false;
        await load;
      }
      console.log((await ct.stats()).entries);
      await ct.close();
      transport.close();
    } else {
      const ct = await Conntrack.open(options);
      const events = await ct.events();
      const idle = await ct.events();
      parentPort.postMessage('listening');
      let read = 0;
      for await (const event of events) {
        if (++read === 100) {
          parentPort.postMessage('reading');
          ${inWorker}
        }
      }
    }`;
}

const CASES: readonly Case[] = [
  ['a worker thread is terminated while it reads events', 'await worker.terminate();', ''],
  ['process.exit in a worker thread that reads events', '', 'process.exit(0);'],
  ['a worker thread closes its sockets and ends', '', 'await ct.close();'],
].map(([name, end, inWorker]) => ({
  name,
  needs: ['workers', 'processes', 'events'],
  run: async (context) => {
    const { stdout, code, signal, stderr } = await program(context, endedBy(end, inWorker));
    assert.deepEqual([stdout, code, signal], ['0\n', 0, null], stderr);
  },
}));

export const WORKERS = CASES;
