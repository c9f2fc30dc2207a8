/** Sockets in other network namespaces: each sees its own table, and the thread stays where it is. */
import { strict as assert } from 'node:assert';
import { readlinkSync, statSync } from 'node:fs';
import { Conntrack, type Events, type FlowEvent, type OverrunEvent } from '../../../src/index.ts';
import { onPath, sh } from '../../support/kernel.ts';
import type { Case, Context } from './case.ts';
import { flow } from './flows.ts';
import { leavesNothing } from './witness.ts';

const SOME = 20;
const MANY = 200;

const here = (): string => readlinkSync('/proc/thread-self/ns/net');

/** New namespaces, as ip-netns(8) makes them, for the length of `body`. */
async function withNamespaces(count: number, body: (names: readonly string[]) => Promise<void>): Promise<void> {
  const names = Array.from({ length: count }, (_, n) => `ctnetlink-${process.pid}-${n}`);
  const each = (command: string): string =>
    `for name in ${names.join(' ')}; do ip netns ${command} $name || exit 1; done`;
  sh('sh', '-c', each('add'));
  try {
    await body(names);
  } finally {
    sh('sh', '-c', each('del'));
  }
}

function withIp(run: Case['run']): Case['run'] {
  return async (context) => {
    if (onPath('ip')) await run(context);
    else context.note?.('not examined: needs ip on PATH');
  };
}

const marksOf = async (ct: Conntrack): Promise<number[]> => (await ct.dump().toArray()).map(({ mark }) => mark!);

/** One flow in each of `count` namespaces, and somebody who watches each. */
async function watched(context: Context, count: number): Promise<void> {
  await withNamespaces(count, async (names) => {
    const home = here();
    const opened: { ct: Conntrack; events: Events<FlowEvent | OverrunEvent> }[] = [];
    try {
      for (const netns of names) {
        const ct = await Conntrack.open({ transport: context.open, netns });
        assert.equal(here(), home);
        opened.push({ ct, events: await ct.events() });
        assert.equal(ct.netns?.inode, statSync(`/run/netns/${netns}`).ino);
        assert.equal(ct.netns?.name, netns);
      }
      await Promise.all(opened.map(({ ct }, n) => ct.create(flow(n + 1))));
      for (const [n, { ct }] of opened.entries()) assert.deepEqual(await marksOf(ct), [n + 1]);
      // A dump inside of a dump has a socket of its own.
      const [first] = opened;
      for await (const { mark } of first.ct.dump()) assert.deepEqual(await marksOf(first.ct), [mark]);
      await using none = await Conntrack.open({ transport: context.open });
      assert.deepEqual(await marksOf(none), []);
      assert.equal(none.netns, undefined);
      await Promise.all(opened.map(({ ct }) => ct.flushAll()));
      for (const [n, { events }] of opened.entries()) {
        const seen: unknown[] = [];
        events.drain();
        for await (const event of events)
          seen.push(event.type === 'overrun' ? 'overrun' : [event.type, event.flow.orig.sport]);
        assert.deepEqual(seen, [
          ['new', 1001 + n],
          ['destroy', 1001 + n],
        ]);
      }
    } finally {
      for (const { ct } of opened) await ct.close();
    }
    assert.equal(here(), home);
  });
}

/** One that no namespace has: those of an earlier run may not be quite gone. */
let nsid = (process.pid % 100_000) * 10_000;

/** One socket that listens to `count` namespaces, to one without an id, and to its own. */
async function allNamespaces(context: Context, count: number): Promise<void> {
  await withNamespaces(count + 1, async ([silent, ...names]) => {
    const ids = names.map(() => nsid++);
    sh('sh', '-c', names.map((name, n) => `ip netns set ${name} ${ids[n]}`).join(' && '));
    await using ct = await Conntrack.open({ transport: context.open });
    // Changes nothing.
    const all = await ct.events({ allNamespaces: true, receiveAhead: true, filter: { mark: 1 } });
    const own = await ct.events({ allNamespaces: false });
    for (const netns of [silent, ...names]) {
      await using there = await Conntrack.open({ transport: context.open, netns });
      await there.create({ ...flow(1), mark: 1 });
      await there.create({ ...flow(2), mark: 2 });
    }
    await ct.create({ ...flow(1), mark: 1 });
    const seen: unknown[] = [];
    all.drain();
    for await (const event of all) seen.push(event.type === 'overrun' ? event : [event.type, event.nsid]);
    assert.deepEqual(seen, [...ids.map((id) => ['new', id]), ['new', undefined]]);
    own.drain();
    const keys: string[][] = [];
    for await (const event of own) keys.push(Object.keys(event));
    assert.deepEqual(keys, [['type', 'flow', 'portid', 'time']]);
  });
}

async function openOften(context: Context, count: number): Promise<void> {
  await withNamespaces(1, async ([netns]) => {
    const home = here();
    const open = async (): Promise<void> => {
      await using ct = await Conntrack.open({ transport: context.open, netns });
      assert.equal(ct.netns?.name, netns);
    };
    // What the first one loads stays.
    await open();
    await leavesNothing(context, async () => {
      for (let n = 0; n < count; n++) await open();
    });
    assert.equal(here(), home);
  });
}

export const NETNS: readonly Case[] = [
  {
    name: 'flows and events of several network namespaces do not mix',
    extent: 'least',
    needs: ['netns', 'events'],
    run: withIp((context) => watched(context, SOME)),
  },
  {
    name: `flows and events of ${MANY} network namespaces do not mix`,
    needs: ['netns', 'events'],
    extent: 'long',
    run: withIp((context) => watched(context, MANY)),
  },
  {
    name: '500 opens in another network namespace leave the thread where it is and nothing open',
    needs: ['netns'],
    run: withIp((context) => openOften(context, 500)),
  },
  {
    name: '10,000 opens in another network namespace leave the thread where it is and nothing open',
    needs: ['netns'],
    extent: 'whole',
    run: withIp((context) => openOften(context, 10_000)),
  },
  {
    name: 'events of all network namespaces have the id of their namespace',
    needs: ['netns', 'events'],
    run: withIp((context) => allNamespaces(context, 3)),
  },
  {
    name: `events of ${MANY} network namespaces arrive at one socket, each with its namespace`,
    needs: ['netns', 'events'],
    extent: 'long',
    run: withIp((context) => allNamespaces(context, MANY)),
  },
  {
    name: 'a namespace stays that of a Conntrack when its name is given to another',
    needs: ['netns', 'events'],
    run: withIp(async (context) => {
      await withNamespaces(1, async ([netns]) => {
        await using ct = await Conntrack.open({ transport: context.open, netns });
        await ct.create(flow(1));
        sh('ip', 'netns', 'del', netns);
        sh('ip', 'netns', 'add', netns);
        await using other = await Conntrack.open({ transport: context.open, netns });
        assert.notEqual(other.netns?.inode, ct.netns?.inode);
        for await (const { mark } of ct.dump()) assert.deepEqual(await marksOf(ct), [mark]);
        assert.deepEqual([await marksOf(ct), await marksOf(other)], [[1], []]);
        const events = await ct.events();
        // A flow that is older than the first listener of all namespaces causes no events.
        await ct.create(flow(2));
        const { value } = await events.next();
        assert.equal(value?.type, 'new');
      });
    }),
  },
];
