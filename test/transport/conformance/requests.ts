/** Requests and their answers. */
import { strict as assert } from 'node:assert';
import { release } from 'node:os';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { buildCreate, buildStats } from '../../../src/ctnetlink/request/flow.ts';
import { Conntrack, type FlowInit } from '../../../src/index.ts';
import { bytesOf } from '../../../src/netlink/request.ts';
import type { Case } from './case.ts';
import { flow } from './flows.ts';
import { portids, withBare, withConntrack } from './sockets.ts';
import { leavesNothing, witnessOf } from './witness.ts';

/** Many datagrams of requests. */
const MANY = 10_000;

export const REQUESTS: readonly Case[] = [
  {
    name: 'changes a dumped flow, by its clone and with another mark',
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        await ct.create(flow(1));
        const [dumped] = await ct.dump().toArray();
        const again = Flow.from(structuredClone(dumped));
        assert.deepEqual(again.toJSON(), dumped.toJSON());
        assert.equal(again.key(), '0/17/10.0.0.1/10.0.0.2/1001/53');
        await ct.update(again.with({ mark: 0xf0000004 }));
        assert.equal((await ct.get(structuredClone(dumped)))?.mark, 0xf0000004);
        await ct.update({ ...dumped, mark: 5 });
        assert.equal((await ct.get(flow(1)))?.mark, 5);
      });
    },
  },
  {
    name: 'has a portid that the kernel knows, and the release of the kernel',
    run: async ({ open }) => {
      const transports = await Promise.all([open(), open(), open({ receiveBuffer: 100_000 })]);
      try {
        const own = transports.map(({ portid }) => portid);
        assert.equal(new Set(own).size, 3);
        for (const portid of own) assert.ok(portids().includes(portid), `${portid} is not in /proc/net/netlink`);
        for (const transport of transports) {
          assert.equal(transport.release, release());
          assert.equal(transport.ended, false);
          assert.match(transport.name, /^[a-z0-9:-]+$/);
        }
      } finally {
        for (const transport of transports) transport.close();
      }
    },
  },
  {
    name: 'sends a copy, answers from the kernel, and is never readable inside of send',
    run: async (context) => {
      await withBare(context, async (bare) => {
        assert.equal(bare.transport.receive(), undefined);
        const bytes = bytesOf(buildCreate(Flow.from(flow(1)), 'create'), 1);
        bare.send(bytes);
        bytes.fill(0xff);
        assert.equal(await bare.errno(1), 0);
        bare.send(bytesOf(buildStats('stats'), 2));
        assert.equal(await bare.errno(2), 0);
        for (const header of bare.headers) assert.equal(header.nlmsg_pid, bare.transport.portid);
        assert.equal(witnessOf(context).count(), 1);
        assert.equal(bare.transport.receive(), undefined);
      });
    },
  },
  {
    name: 'closes twice, and is referenced and unreferenced after that',
    run: async ({ open }) => {
      const transport = await open();
      transport.start({ readable: () => {}, failed: () => {} });
      transport.unref();
      transport.unref();
      transport.ref();
      transport.close();
      transport.close();
      transport.ref();
      transport.unref();
    },
  },
  {
    name: 'create, get, update, dump, delete, flush',
    extent: 'least',
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        await ct.create(flow(1));
        await ct.create(flow(2));
        assert.equal((await ct.get(flow(1)))?.mark, 1);
        await ct.update({ orig: flow(1).orig, mark: 11, timeout: 1200 });
        const updated = (await ct.get(flow(1)))!;
        assert.equal(updated.mark, 11);
        assert.ok(updated.timeout! > 600);
        await ct.createOrUpdate({ ...flow(2), mark: 12 });
        await ct.createOrUpdate(flow(3));
        const marks = async (): Promise<unknown[]> => (await ct.dump().toArray()).map(({ mark }) => mark).sort();
        assert.deepEqual(await marks(), [11, 12, 3]);
        assert.deepEqual(
          (await ct.dump({ mark: 12 }).toArray()).map(({ orig }) => orig.sport),
          [1002],
        );
        await ct.delete(flow(1));
        assert.equal(await ct.get(flow(1)), undefined);
        await ct.flush({ mark: 12 });
        assert.deepEqual(await marks(), [3]);
        assert.equal((await ct.stats()).entries, 1);
        assert.ok((await ct.cpuStats()).length > 0);
        await ct.flushAll();
        assert.deepEqual(await marks(), []);
        assert.deepEqual({ ...ct.counts }, { strays: 0, foreign: 0, truncated: 0 });
      });
    },
  },
  {
    name: 'errors of the kernel, after which the socket goes on',
    extent: 'least',
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        await ct.create(flow(1));
        const fails = async (call: Promise<unknown>, code: string): Promise<void> =>
          await assert.rejects(
            call,
            (error: Error & { code: string }) => error.name === 'KernelError' && error.code === code,
          );
        await fails(ct.create(flow(1)), 'EEXIST');
        await fails(ct.delete(flow(2)), 'ENOENT');
        await fails(ct.update({ orig: flow(2).orig, mark: 1 }), 'ENOENT');
        await fails(ct.update({ orig: flow(1).orig, snat: { minAddress: '10.9.9.9' } }), 'EOPNOTSUPP');
        assert.equal((await ct.get(flow(1)))?.mark, 1);
      });
    },
  },
  {
    name: 'many requests at once by createMany and deleteMany, and closing in their midst',
    extent: 'whole',
    run: async (context) => {
      const flows = Array.from({ length: MANY }, (_, n) => flow(n));
      await withConntrack(context, async (ct) => {
        assert.deepEqual(await ct.createMany(flows), { succeeded: MANY, failed: 0 });
        assert.deepEqual(await ct.createMany(flows, { onError: () => {} }), { succeeded: 0, failed: MANY });
        assert.equal(witnessOf(context).count(), MANY);
        assert.deepEqual(await ct.deleteMany(ct.dump()), { succeeded: MANY, failed: 0 });
        assert.equal(witnessOf(context).count(), 0);
        assert.deepEqual({ ...ct.counts }, { strays: 0, foreign: 0, truncated: 0 });
      });
      await leavesNothing(context, async () => {
        await withConntrack(context, async (ct) => {
          function* closing(): Generator<FlowInit> {
            for (const [n, each] of flows.entries()) {
              if (n === MANY / 2) void ct.close();
              yield each;
            }
          }
          await assert.rejects(ct.createMany(closing()), { name: 'ClosedError' });
        });
      });
    },
  },
  {
    name: 'several sockets, each with its own answers',
    run: async (context) => {
      const sockets = await Promise.all(Array.from({ length: 8 }, () => Conntrack.open({ transport: context.open })));
      try {
        await Promise.all(sockets.map((ct, n) => ct.create(flow(n))));
        const seen = await Promise.all(
          sockets.map(async (ct, n) => [(await ct.get(flow(n)))?.mark, (await ct.dump().toArray()).length]),
        );
        assert.deepEqual(
          seen,
          Array.from(sockets, (_, n) => [n, sockets.length]),
        );
        for (const ct of sockets) assert.equal(ct.counts.strays, 0);
        await sockets[0].close();
        assert.equal((await sockets[1].get(flow(0)))?.mark, 0);
      } finally {
        for (const ct of sockets) await ct.close();
      }
    },
  },
  {
    name: '200 requests at once',
    extent: 'least',
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const numbers = Array.from({ length: 200 }, (_, n) => n);
        await Promise.all(numbers.map((n) => ct.create(flow(n))));
        // Every third is there already.
        const codes = await Promise.all(
          numbers.map((n) =>
            ct.create(flow(n * 3)).then(
              () => 'OK',
              (error: { code: string }) => error.code,
            ),
          ),
        );
        assert.deepEqual(
          codes,
          numbers.map((n) => (n * 3 < 200 ? 'EEXIST' : 'OK')),
        );
        const marks = await Promise.all(numbers.map(async (n) => (await ct.get(flow(n)))?.mark));
        assert.deepEqual(marks, numbers);
        assert.equal(ct.counts.strays, 0);
      });
    },
  },
];
