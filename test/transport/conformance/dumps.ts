/** Dumps of a table that takes many datagrams. */
import { strict as assert } from 'node:assert';
import type { Flow } from '../../../src/ctnetlink/flow.ts';
import { sh } from '../../support/kernel.ts';
import type { Case } from './case.ts';
import { distinct, fill, flow } from './flows.ts';
import { leavesNothing, withConntrack } from './sockets.ts';

/** Beyond what a socket receives directly: see LONG_DUMP in transport/libc/socket.ts. */
const LARGE = 40_000;
/** Milliseconds. */
const LATE = 25;

export const DUMPS: readonly Case[] = [
  {
    name: 'a dump of some thousand flows is complete',
    run: async (context) => {
      const count = await fill();
      await withConntrack(context, async (ct) => {
        for (let round = 0; round < 3; round++) {
          const flows = await ct.dump().toArray();
          assert.equal(flows.length, count);
          assert.equal(distinct(flows), count);
        }
        assert.equal((await ct.stats()).entries, count);
        assert.deepEqual({ ...ct.counts }, { strays: 0, foreign: 0, truncated: 0 });
      });
    },
  },
  {
    name: 'a dump whose reader pauses is complete, and other requests do not wait for it',
    run: async (context) => {
      const count = await fill();
      await withConntrack(context, async (ct) => {
        const flows: Flow[] = [];
        let batches = 0;
        for await (const batch of ct.dump().batches()) {
          flows.push(...batch);
          if (batches++ % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
          if (batches === 2) assert.equal((await ct.stats()).entries, count);
        }
        assert.equal(flows.length, count);
        assert.equal(distinct(flows), count);
      });
    },
  },
  {
    name: 'a dump whose reader pauses waits in the kernel',
    needs: ['backpressure'],
    run: async (context) => {
      // More than what may be read ahead: some 34 datagrams.
      const count = await fill(20_000);
      await withConntrack(context, async (ct) => {
        const batches = ct.dump().batches();
        const { value: first } = (await batches.next()) as { value: Flow[] };
        // More turns of the event loop than reading the rest takes.
        await new Promise((resolve) => setTimeout(resolve, 200));
        sh('conntrack', '-F');
        let rest = 0;
        for await (const batch of batches) rest += batch.length;
        assert.ok(first.length + rest < count / 2, `${first.length} and then ${rest} of ${count} flows`);
      });
    },
  },
  {
    name: 'two dumps at once on one socket',
    run: async (context) => {
      const count = await fill();
      await withConntrack(context, async (ct) => {
        const dumps = await Promise.all([ct.dump().toArray(), ct.dump().toArray(), ct.dump({ mark: 1 }).toArray()]);
        assert.deepEqual(
          dumps.map(({ length }) => length),
          [count, count, 1],
        );
        assert.deepEqual(dumps.map(distinct), [count, count, 1]);
      });
    },
  },
  {
    name: 'breaking out of a dump, and dumping again',
    run: async (context) => {
      const count = await fill();
      await withConntrack(context, async (ct) => {
        for (let round = 0; round < 3; round++) {
          let read = 0;
          for await (const _flow of ct.dump()) if (++read === 10) break;
        }
        assert.equal(distinct(await ct.dump().toArray()), count);
        assert.equal(ct.counts.strays, 0);
      });
    },
  },
  {
    name: 'a large dump is complete, again and again, and other requests are answered in its midst',
    run: async (context) => {
      const count = await fill(LARGE);
      await withConntrack(context, async (ct) => {
        for (let round = 0; round < 3; round++) {
          const marks = new Set<number | undefined>();
          let flows = 0;
          let answered = 0;
          for await (const batch of ct.dump().batches()) {
            for (const { mark } of batch) marks.add(mark);
            const before = flows;
            flows += batch.length;
            if (Math.trunc(before / 5_000) === Math.trunc(flows / 5_000)) continue;
            assert.equal((await ct.get(flow(1)))?.mark, 1);
            answered++;
          }
          assert.deepEqual([flows, marks.size], [count, count]);
          assert.equal(answered, LARGE / 5_000);
        }
        assert.deepEqual({ ...ct.counts }, { strays: 0, foreign: 0, truncated: 0 });
      });
    },
  },
  {
    name: 'breaking out of a large dump, and closing in its midst, leave nothing behind',
    run: async (context) => {
      const count = await fill(LARGE);
      await leavesNothing(async () => {
        for (const end of ['break', 'close', 'close later'] as const) {
          await withConntrack(context, async (ct) => {
            let flows = 0;
            const read = async (): Promise<void> => {
              for await (const batch of ct.dump().batches()) {
                flows += batch.length;
                if (flows < count / 2) continue;
                if (end === 'break') break;
                if (end === 'close later') await new Promise((resolve) => setTimeout(resolve, 20));
                await ct.close();
              }
            };
            if (end !== 'break') {
              await assert.rejects(read(), { name: 'ClosedError' });
              return;
            }
            await read();
            assert.equal((await ct.get(flow(1)))?.mark, 1);
            assert.equal((await ct.dump().toArray()).length, count);
          });
        }
      });
    },
  },
  {
    name: 'timers are in time while a large table is dumped',
    long: true,
    run: async (context) => {
      const count = await fill(200_000);
      await withConntrack(context, async (ct) => {
        const delays: number[] = [];
        // The machine may be busy with something else once or twice.
        for (let round = 0; round < 3 && !delays.some((delay) => delay <= LATE); round++) {
          let last = performance.now();
          let worst = 0;
          let ticks = 0;
          const timer = setInterval(() => {
            const now = performance.now();
            worst = Math.max(worst, now - last - 1);
            last = now;
            ticks++;
          }, 1);
          let flows = 0;
          for await (const { orig } of ct.dump()) if (orig.dport === 53) flows++;
          clearInterval(timer);
          assert.equal(flows, count);
          assert.ok(ticks > 1);
          delays.push(worst);
        }
        context.note?.(`worst delay of a timer in each dump, ms: ${delays.map((delay) => delay.toFixed(1))}`);
        assert.ok(Math.min(...delays) <= LATE, `timers came late by ${delays} ms`);
      });
    },
  },
];
