/** Dumps of a table that takes many datagrams. */
import { strict as assert } from 'node:assert';
import type { Flow } from '../../../src/ctnetlink/flow.ts';
import { turns } from '../../support/turns.ts';
import type { Case } from './case.ts';
import { distinct, fill, flow } from './flows.ts';
import { withConntrack } from './sockets.ts';
import { leavesNothing, witnessOf } from './witness.ts';

/** Beyond what a socket receives directly: see LONG_DUMP in transport/libc/socket.ts. */
const LARGE = 40_000;
/** How many flows of a large dump are read between two other requests, at least. */
const STRIDE = 5_000;
/** How often a timer must fire inside of dumps, and in how many dumps at most. */
const TICKS = 20;
const MOST_DUMPS = 500;

export const DUMPS: readonly Case[] = [
  {
    name: 'a dump of some thousand flows is complete',
    extent: 'least',
    run: async (context) => {
      const count = await fill(context);
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
      const count = await fill(context);
      await withConntrack(context, async (ct) => {
        const flows: Flow[] = [];
        let batches = 0;
        for await (const batch of ct.dump().batches()) {
          flows.push(...batch);
          if (batches++ % 5 === 0) await turns(3);
          if (batches === 2) assert.equal((await ct.stats()).entries, count);
        }
        assert.equal(flows.length, count);
        assert.equal(distinct(flows), count);
      });
    },
  },
  {
    name: 'a dump whose reader pauses waits in the kernel',
    extent: 'least',
    needs: ['backpressure'],
    run: async (context) => {
      // More than what may be read ahead: some 34 datagrams.
      const count = await fill(context, 20_000);
      await withConntrack(context, async (ct) => {
        const batches = ct.dump().batches();
        const { value: first } = (await batches.next()) as { value: Flow[] };
        // More turns of the event loop than reading the rest takes.
        await turns(150);
        witnessOf(context).flush();
        let rest = 0;
        for await (const batch of batches) rest += batch.length;
        assert.ok(first.length + rest < count / 2, `${first.length} and then ${rest} of ${count} flows`);
      });
    },
  },
  {
    name: 'two dumps at once on one socket',
    extent: 'least',
    run: async (context) => {
      const count = await fill(context);
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
      const count = await fill(context);
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
    extent: 'whole',
    run: async (context) => {
      const count = await fill(context, LARGE);
      await withConntrack(context, async (ct) => {
        for (let round = 0; round < 3; round++) {
          const marks = new Set<number | undefined>();
          let flows = 0;
          let next = 0;
          for await (const batch of ct.dump().batches()) {
            for (const { mark } of batch) marks.add(mark);
            flows += batch.length;
            // The size of a batch depends on the load: the addon reads ahead while nobody asks.
            if (flows < next) continue;
            assert.equal((await ct.get(flow(1)))?.mark, 1);
            next = flows + STRIDE;
          }
          assert.deepEqual([flows, marks.size], [count, count]);
        }
        assert.deepEqual({ ...ct.counts }, { strays: 0, foreign: 0, truncated: 0 });
      });
    },
  },
  {
    name: 'breaking out of a large dump, and closing in its midst, leave nothing behind',
    extent: 'whole',
    run: async (context) => {
      const count = await fill(context, LARGE);
      await leavesNothing(context, async () => {
        for (const end of ['break', 'close', 'close later'] as const) {
          await withConntrack(context, async (ct) => {
            let flows = 0;
            const read = async (): Promise<void> => {
              for await (const batch of ct.dump().batches()) {
                flows += batch.length;
                if (flows < count / 2) continue;
                if (end === 'break') break;
                if (end === 'close later') await turns(3);
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
    // How late they are depends on the machine: see bench/measure/dump.ts.
    name: 'timers have their turn while a large table is dumped',
    extent: 'long',
    run: async (context) => {
      const count = await fill(context, LARGE);
      await withConntrack(context, async (ct) => {
        let inside = false;
        let ticks = 0;
        const timer = setInterval(() => {
          if (inside) ticks++;
        }, 1);
        let dumps = 0;
        // The faster the machine, the more dumps it takes.
        for (; ticks < TICKS && dumps < MOST_DUMPS; dumps++) {
          let flows = 0;
          for await (const { orig } of ct.dump()) {
            inside = true;
            if (orig.dport === 53) flows++;
          }
          inside = false;
          assert.equal(flows, count);
        }
        clearInterval(timer);
        context.note?.(`a timer fired ${ticks} times in ${dumps} dumps`);
        assert.ok(ticks >= TICKS, `a timer fired only ${ticks} times in ${dumps} dumps`);
      });
    },
  },
];
