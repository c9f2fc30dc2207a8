/** Closing, at whatever moment. */
import { strict as assert } from 'node:assert';
import { buildDump, buildStats } from '../../../src/ctnetlink/request/flow.ts';
import { Conntrack, type Events, type FlowEvent, type FlowInit } from '../../../src/index.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { until } from '../../support/kernel.ts';
import { turns } from '../../support/turns.ts';
import type { Case, Context } from './case.ts';
import { fill, flow } from './flows.ts';
import { Program, program } from './program.ts';
import { withConntrack, withSocket } from './sockets.ts';
import { leavesNothing, witnessOf } from './witness.ts';

/** Events, the first of which is there. */
async function eventsOf(ct: Conntrack, init: FlowInit): Promise<Events<FlowEvent>> {
  const events = await ct.events();
  await ct.create(init);
  return events;
}

/** @param times a multiple of four: one of each way to close */
async function closeAmongEvents(context: Context, times: number): Promise<void> {
  const load = new Program(
    context,
    `const ct = await Conntrack.open(options);
    await ct.create(flow(2));
    console.log('loading');
    for (;;) {
      await ct.create(flow(1));
      await ct.delete(flow(1));
    }`,
    { limit: 600_000 },
  );
  try {
    // Its socket is one of those that were there before.
    await until(() => load.stdout !== '', { what: 'the load' });
    // What a runtime opens for its first child process stays.
    await program(context, '');
    await leavesNothing(context, async () => {
      let read = 0;
      for (let n = 0; n < times; n++) {
        const ct = await Conntrack.open({ transport: context.open });
        const events = await ct.events();
        // Closed at once, with something to read, while it is read, and from inside of the loop.
        if (n % 4 === 1) await ct.stats();
        if (n % 4 === 2) void events.next();
        if (n % 4 === 3)
          for await (const _event of events) {
            read++;
            break;
          }
        await ct.close();
      }
      assert.equal(read, times / 4);
    });
  } finally {
    load.child.kill('SIGKILL');
    await load.ended;
  }
}

export const CLOSING: readonly Case[] = [
  {
    name: 'close inside of a sink',
    run: async (context) => {
      await fill(context);
      await withSocket(context, async (socket) => {
        let messages = 0;
        const sink = {
          message: () => {
            messages++;
            socket.close();
          },
        };
        await assert.rejects(socket.request(buildDump('dump'), { sink }), {
          name: 'ClosedError',
        });
        await turns(3);
        assert.equal(messages, 1);
      });
    },
  },
  {
    name: 'close with requests pending',
    extent: 'least',
    run: async (context) => {
      await fill(context);
      await withSocket(context, async (socket) => {
        // Paused after its first message, so that it is pending whenever this is looked at.
        const sink = {
          paused: false,
          message: () => {
            sink.paused = true;
          },
        };
        const dumps = [1, 2, 3].map(() =>
          socket.request(buildDump('dump'), { sink }).then(
            () => 'done',
            (error: Error) => error.name,
          ),
        );
        const stats = socket.request(buildStats('stats')).then(
          () => 'done',
          (error: Error) => error.name,
        );
        socket.close();
        assert.deepEqual(await Promise.all(dumps), ['ClosedError', 'ClosedError', 'ClosedError']);
        // Where the kernel's answer is there when send returns, this was over before.
        assert.match(await stats, /^(done|ClosedError)$/);
        await assert.rejects(socket.request(buildStats('stats')), { name: 'ClosedError' });
      });
    },
  },
  {
    name: '100 times open and close, used and unused, leave nothing behind',
    extent: 'least',
    run: async (context) => {
      const { sockets } = witnessOf(context);
      const before = sockets();
      for (let n = 0; n < 100; n++) {
        const ct = await Conntrack.open({ transport: context.open });
        if (n % 2 === 0) assert.equal((await ct.stats()).entries, 0);
        await ct.close();
      }
      await until(() => sockets() <= before, { what: 'the sockets are gone' });
    },
  },
  {
    name: 'close inside of an event sink, and inside of the loop over events',
    needs: ['events'],
    run: async (context) => {
      await leavesNothing(context, async () => {
        await withConntrack(context, async (ct) => {
          const transport = await context.open({ events: true });
          const socket = new NetlinkSocket(transport);
          transport.joinGroup(NFNLGRP_CONNTRACK_NEW);
          let messages = 0;
          let ends = 0;
          socket.setEventSink({
            message: () => {
              messages++;
              socket.close();
            },
            overrun: () => {},
            end: () => {
              ends++;
            },
          });
          const events = await ct.events({ types: ['new'] });
          await Promise.all([1, 2, 3].map((n) => ct.create(flow(n))));
          let looped = 0;
          for await (const event of events) {
            assert.equal(event.type, 'new');
            looped++;
            events.close();
          }
          assert.equal(looped, 1);
          await until(() => ends > 0, { what: 'the end of the sink' });
          assert.deepEqual([messages, ends], [1, 1]);
          // The whole, inside of a loop over its events.
          for await (const _event of await eventsOf(ct, flow(4))) await ct.close();
          await assert.rejects(ct.stats(), { name: 'ClosedError' });
        });
      });
    },
  },
  {
    name: '40 times open and close while events come leave nothing behind',
    extent: 'whole',
    needs: ['events', 'losses'],
    run: (context) => closeAmongEvents(context, 40),
  },
  {
    name: '300 times open and close while events come leave nothing behind',
    extent: 'long',
    needs: ['events', 'losses'],
    run: (context) => closeAmongEvents(context, 300),
  },
];
