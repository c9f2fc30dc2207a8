/** What keeps a program alive, and how it ends. */
import { strict as assert } from 'node:assert';
import { NFNLGRP_CONNTRACK_NEW } from '../../../src/uapi/nfnetlink.ts';
import { sh } from '../../support/kernel.ts';
import type { Case, Context } from './case.ts';
import { fill, flow } from './flows.ts';
import { program, says } from './program.ts';

/** Beyond what a socket receives directly. */
const LARGE = 20_000;

/**
 * Runs a program that reads one stream of events, and has another that it does not read, to its end. How fast it ends
 * is measured in bench/measure/limits.ts.
 */
async function ends(context: Context, end: 'close' | 'exit' | 'SIGINT'): Promise<void> {
  let signalled = false;
  const { code, signal, stderr } = await program(
    context,
    `const ct = await Conntrack.open(options);
    const events = await ct.events();
    const idle = await ct.events({ types: ['destroy'] });
    let begun;
    const begins = new Promise((resolve) => { begun = resolve; });
    const reading = (async () => { for await (const event of events) begun(); })();
    await ct.createOrUpdate(flow(1));
    await begins;
    console.log('reading');
    if ('${end}' === 'close') await ct.close();
    if ('${end}' === 'exit') process.exit();
    await reading;`,
    {
      spoke: ({ child }) => {
        if (end !== 'SIGINT' || signalled) return;
        signalled = true;
        child.kill('SIGINT');
      },
    },
  );
  assert.deepEqual([code, signal], end === 'SIGINT' ? [null, 'SIGINT'] : [0, null], `${end}: ${stderr}`);
}

/** Opens a stream of events, as a program writes it. */
const STREAMS = [
  { name: 'events', stream: 'ct.events()', ofFlows: true },
  { name: 'events received ahead', stream: 'ct.events({ receiveAhead: true })', ofFlows: true },
  { name: 'events of expectations', stream: 'ct.expectations.events()', ofFlows: false },
] as const;

/** Runs a program that waits for events of this stream, longer than anything else would keep it alive. */
async function stays(context: Context, stream: string): Promise<void> {
  let created = false;
  const ended = await program(
    context,
    `const { setTimeout } = await import('node:timers');
    const ct = await Conntrack.open(options);
    const events = await ${stream};
    // These timers keep no program alive: the last of them fires only where something else does.
    const stay = (turns) => {
      if (turns === 0) console.log('alive');
      else setTimeout(stay, 1, turns - 1).unref();
    };
    stay(50);
    for await (const event of events) {
      console.log(event.type);
      if (event.type === 'destroy') break;
    }`,
    {
      spoke: ({ stdout }) => {
        if (created || !stdout.includes('alive')) return;
        created = true;
        const tuple = ['-p', 'udp', '-s', '10.0.0.1', '-d', '10.0.0.2', '--sport', '1', '--dport', '2'];
        sh('conntrack', '-I', ...tuple, '-t', '600');
        sh('conntrack', '-D', ...tuple);
      },
    },
  );
  assert.deepEqual([ended.stdout, ended.code], ['alive\nnew\ndestroy\n', 0], ended.stderr);
}

export const PROCESSES: readonly Case[] = [
  {
    name: 'a program with an idle socket ends by itself',
    extent: 'least',
    needs: ['processes'],
    run: async (context) => {
      await says(
        context,
        '0\n',
        `const ct = await Conntrack.open(options);
        console.log((await ct.stats()).entries);`,
      );
    },
  },
  {
    name: 'a program with a socket that was never used ends by itself',
    needs: ['processes'],
    run: async (context) => {
      await says(context, 'open\n', "await Conntrack.open(options); console.log('open');");
    },
  },
  {
    name: 'a program with closed sockets ends by itself, also when it read events',
    needs: ['processes', 'events'],
    run: async (context) => {
      await says(
        context,
        'new\n',
        `const ct = await Conntrack.open(options);
        const events = await ct.events();
        await ct.create(${JSON.stringify(flow(1))});
        for await (const event of events) {
          console.log(event.type);
          break;
        }
        await ct.events();
        await ct.close();`,
      );
    },
  },
  {
    name: 'a program that breaks out of a dump ends by itself',
    needs: ['processes'],
    run: async (context) => {
      await fill(context);
      await says(
        context,
        'ipv4\n',
        `const ct = await Conntrack.open(options);
        for await (const flow of ct.dump()) {
          console.log(flow.family);
          break;
        }`,
      );
    },
  },
  {
    name: 'a program that leaves a dump half read ends by itself',
    needs: ['processes'],
    run: async (context) => {
      await fill(context);
      await says(
        context,
        'ipv4\n',
        `const ct = await Conntrack.open(options);
        const flows = ct.dump()[Symbol.asyncIterator]();
        console.log((await flows.next()).value.family);`,
      );
    },
  },
  ...STREAMS.map(
    ({ name, stream }): Case => ({
      name: `a program that does not read ${name} ends by itself`,
      needs: ['processes', 'events'],
      run: async (context) => {
        await says(
          context,
          'created\n',
          `const ct = await Conntrack.open(options);
          const events = await ${stream};
          await ct.create(${JSON.stringify(flow(1))});
          console.log('created');`,
        );
      },
    }),
  ),
  ...STREAMS.filter(({ ofFlows }) => ofFlows).map(
    ({ name, stream }): Case => ({
      name: `a program that stops reading ${name} ends by itself`,
      needs: ['processes', 'events'],
      run: async (context) => {
        await says(
          context,
          '1\n2\n',
          `const ct = await Conntrack.open(options);
          const events = await ${stream};
          for (let n = 1; n <= 5; n++) await ct.create(flow(n));
          for (let n = 1; n <= 2; n++) console.log((await events.next()).value.flow.mark);
          await ct.create(flow(6));`,
        );
      },
    }),
  ),
  ...STREAMS.filter(({ ofFlows }) => ofFlows).map(
    ({ name, stream }): Case => ({
      name: `a program that waits for ${name} stays alive`,
      extent: 'least',
      needs: ['processes', 'events'],
      run: (context) => stays(context, stream),
    }),
  ),
  {
    name: 'a program that drains events and does not read them ends by itself',
    needs: ['processes', 'events'],
    run: async (context) => {
      await says(
        context,
        'drained\n',
        `const ct = await Conntrack.open(options);
        const events = await ct.events();
        await ct.create(${JSON.stringify(flow(1))});
        events.drain();
        console.log('drained');`,
      );
    },
  },
  {
    name: 'an event that comes while the process ends',
    needs: ['processes', 'events'],
    run: async (context) => {
      await says(
        context,
        'ends\n',
        `const { execFileSync } = await import('node:child_process');
        const create = () => execFileSync('conntrack', '-I -s 192.0.2.1 -d 192.0.2.2 -p 17 --sport 1 --dport 2 -t 60'.split(' '), { stdio: 'ignore' });
        process.on('exit', () => {
          console.log('ends');
          create();
        });
        const ct = await Conntrack.open(options);
        await ct.events();`,
      );
    },
  },
  {
    name: 'process.exit inside of a sink',
    needs: ['processes'],
    run: async (context) => {
      await fill(context);
      const ended = await program(
        context,
        `const socket = new NetlinkSocket(await openTransport(options));
        const sink = { message: () => { console.log('message'); process.exit(7); } };
        await socket.request(buildDump('dump'), { sink });`,
      );
      assert.deepEqual([ended.stdout, ended.code, ended.signal], ['message\n', 7, null], ended.stderr);
    },
  },
  {
    name: 'process.exit in the midst of a large dump, and of a batch',
    extent: 'whole',
    needs: ['processes'],
    run: async (context) => {
      await fill(context, LARGE);
      for (const flows of [2_000, 10_000, 19_000]) {
        const ended = await program(
          context,
          `const ct = await Conntrack.open(options);
          let flows = 0;
          for await (const flow of ct.dump()) if (++flows === ${flows}) process.exit(7);`,
        );
        assert.deepEqual([ended.code, ended.signal], [7, null], ended.stderr);
      }
      for (const flows of [1_000, 5_000]) {
        const ended = await program(
          context,
          `const ct = await Conntrack.open(options);
          function* fresh() {
            for (let n = 30_000; ; n++) {
              if (n === 30_000 + ${flows}) process.exit(7);
              yield flow(n);
            }
          }
          await ct.createMany(fresh());`,
        );
        assert.deepEqual([ended.code, ended.signal], [7, null], ended.stderr);
      }
    },
  },
  {
    name: 'process.exit inside of an event sink',
    needs: ['processes', 'events'],
    run: async (context) => {
      const ended = await program(
        context,
        `const ct = await Conntrack.open(options);
        const transport = await openTransport({ ...options, events: true });
        const socket = new NetlinkSocket(transport);
        transport.joinGroup(${NFNLGRP_CONNTRACK_NEW});
        socket.setEventSink({ message: () => process.exit(7), overrun: () => {}, end: () => {} });
        await ct.create(${JSON.stringify(flow(1))});
        // The event may come after the answer; the sink keeps the process alive for it.`,
      );
      assert.deepEqual([ended.code, ended.signal], [7, null], ended.stderr);
    },
  },
  {
    name: 'an exception of the loop over a dump is reported as any other',
    needs: ['processes'],
    run: async (context) => {
      await fill(context);
      const ended = await program(
        context,
        `const ct = await Conntrack.open(options);
        async function mistaken() {
          for await (const flow of ct.dump()) throw new Error('mistake in ' + flow.family);
        }
        await mistaken();`,
      );
      assert.deepEqual([ended.code, ended.signal], [1, null], ended.stderr);
      assert.match(ended.stderr, /mistake in ipv4/);
      assert.match(ended.stderr, /at (async )?mistaken/);
    },
  },
  {
    name: 'an exception of the loop over events is reported as any other',
    needs: ['processes', 'events'],
    run: async (context) => {
      const ended = await program(
        context,
        `const ct = await Conntrack.open(options);
        const events = await ct.events();
        async function mistaken() {
          for await (const event of events) throw new Error('mistake in ' + event.type);
        }
        const done = mistaken();
        await ct.create(${JSON.stringify(flow(1))});
        await done;`,
      );
      assert.deepEqual([ended.code, ended.signal], [1, null], ended.stderr);
      assert.match(ended.stderr, /mistake in new/);
      assert.match(ended.stderr, /at (async )?mistaken/);
    },
  },
  {
    name: 'an exception of a timer while a dump runs is reported as any other',
    needs: ['processes'],
    run: async (context) => {
      await fill(context);
      const ended = await program(
        context,
        `const ct = await Conntrack.open(options);
        let thrown = false;
        setTimeout(() => {
          thrown = true;
          throw new Error('mistake in a timer');
        }, 1);
        // Not for ever: Bun reports the exception at once, but ends only when there is nothing left to do.
        while (!thrown) await ct.dump().toArray();`,
      );
      assert.deepEqual([ended.code, ended.signal], [1, null], ended.stderr);
      assert.match(ended.stderr, /mistake in a timer/);
    },
  },
  {
    name: 'a program with events open ends after close, after process.exit and by SIGINT',
    extent: 'least',
    needs: ['processes', 'events', 'losses'],
    run: async (context) => {
      for (const end of ['close', 'exit', 'SIGINT'] as const) await ends(context, end);
    },
  },
];
