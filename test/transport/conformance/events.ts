/** Events. */
import { strict as assert } from 'node:assert';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { buildCreate } from '../../../src/ctnetlink/request/flow.ts';
import type { FlowEventOrOverrun } from '../../../src/index.ts';
import { bytesOf } from '../../../src/netlink/request.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { until } from '../../support/kernel.ts';
import type { Case } from './case.ts';
import { flow } from './flows.ts';
import { withBare, withConntrack } from './sockets.ts';
import { witnessOf } from './witness.ts';

async function eventsUntil(events: AsyncIterable<FlowEventOrOverrun>, type: string): Promise<FlowEventOrOverrun[]> {
  const seen: FlowEventOrOverrun[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.type === type) break;
  }
  return seen;
}

export const EVENTS: readonly Case[] = [
  {
    name: 'events of a real TCP connection',
    extent: 'least',
    needs: ['events'],
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const [first, second] = [await ct.events(), await ct.events({ types: ['destroy'] })];
        const localPort = await witnessOf(context).connect(8080);
        await ct.flush({ orig: { proto: 'tcp', dport: 8080 }, family: 'ipv4' });
        const seen = await eventsUntil(first, 'destroy');
        assert.deepEqual([seen[0].type, seen[1].type, seen.at(-1)!.type], ['new', 'update', 'destroy']);
        for (const event of seen) {
          assert.ok(event.type !== 'overrun');
          assert.deepEqual([event.flow.orig.sport, event.flow.orig.dport], [localPort, 8080]);
        }
        const states = seen.map((event) => (event.type === 'overrun' ? undefined : event.flow.tcp?.state));
        assert.deepEqual(states.slice(0, 3), ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED']);
        assert.deepEqual(
          (await eventsUntil(second, 'destroy')).map(({ type }) => type),
          ['destroy'],
        );
      });
    },
  },
  {
    name: 'events one by one: none is missing, in their order, with the portid of the program that caused them',
    needs: ['events'],
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const events = await ct.events();
        for (let n = 1; n <= 100; n++) {
          await ct.create(flow(n));
          const { value } = (await events.next()) as { value: FlowEventOrOverrun };
          assert.ok(value.type === 'new');
          assert.equal(value.flow.mark, n);
          assert.notEqual(value.portid, 0);
        }
        const next = events.next();
        events.close();
        assert.equal((await next).done, true);
      });
    },
  },
  {
    name: 'no events any more after leaving the group, and none that were not asked for',
    extent: 'least',
    needs: ['events'],
    run: async (context) => {
      await withBare(
        context,
        async (bare) => {
          const create = async (n: number): Promise<void> => {
            bare.send(bytesOf(buildCreate(Flow.from(flow(n)), 'create'), n));
            assert.equal(await bare.errno(n), 0);
          };
          const events = (): number => bare.headers.filter(({ nlmsg_seq }) => nlmsg_seq === 0).length;
          await create(1);
          assert.equal(events(), 0);
          bare.transport.joinGroup(NFNLGRP_CONNTRACK_NEW);
          await create(2);
          const one = (): boolean => {
            bare.read();
            return events() === 1;
          };
          await until(one, { what: 'the event' });
          bare.transport.leaveGroup(NFNLGRP_CONNTRACK_NEW);
          await create(3);
          assert.equal(events(), 1);
          assert.throws(() => bare.transport.joinGroup(9999), { name: 'TransportError', code: 'EINVAL' });
          await create(4);
        },
        true,
      );
    },
  },
];
