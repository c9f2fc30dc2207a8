/**
 * Many requests at once where answers do not fit the receive buffer, and many streams at once: everything settles, and
 * the last is woken.
 */
import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { decodeFlow } from '../../../src/ctnetlink/message.ts';
import { buildCreate, buildDump, buildGet } from '../../../src/ctnetlink/request/flow.ts';
import { Conntrack, type Events, Flow, type FlowEvent, type FlowEventOrOverrun } from '../../../src/index.ts';
import { KernelError, OverrunError } from '../../../src/netlink/errors.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import * as nfct from '../../../src/nfct/index.ts';
import { nfct_callback_register, nfct_catch, nfct_close, nfct_open_nfnl, nfct_query } from '../../../src/nfct/index.ts';
import { EEXIST } from '../../../src/uapi/errno.ts';
import type { Case, Context } from './case.ts';
import { fill, flow } from './flows.ts';
import { Program } from './program.ts';
import { withConntrack } from './sockets.ts';

/** Of each kind. */
const AT_ONCE = 50;
const STREAMS = 500;
/** How often they are made under a flood of events. */
const FLOOD_ROUNDS = Number(process.env.CTNETLINK_FLOOD_ROUNDS ?? 1);
/** Undefined: what is opened without the option. */
const BUFFERS = [1, 4_096, 16_384, 65_536, undefined] as const;

/** How a request ended, when it ended as it may. @throws what it must not end with */
function outcome(request: Promise<unknown>): Promise<'answered' | 'lost'> {
  return request.then(
    () => 'answered',
    (error: Error) => {
      if (error instanceof OverrunError) return 'lost';
      // A create that was repeated by hand, or whose flow was there.
      if (error instanceof KernelError && error.errno === EEXIST) return 'answered';
      throw error;
    },
  );
}

function count(outcomes: readonly string[]): string {
  const lost = outcomes.filter((each) => each === 'lost').length;
  return `${outcomes.length - lost} answered, ${lost} lost`;
}

/** Gets, creates and dumps at once, by messages of one socket. */
async function crowd(socket: NetlinkSocket): Promise<('answered' | 'lost')[]> {
  const requests: Promise<'answered' | 'lost'>[] = [];
  for (let n = 1; n <= AT_ONCE; n++) {
    let found: Flow | undefined;
    const sink = {
      message: (_header: unknown, view: DataView, offset: number, end: number) => {
        found = decodeFlow(view, offset, end);
      },
    };
    const get = socket.request(buildGet(Flow.from(flow(n))), {
      sink,
    });
    requests.push(outcome(get.then(() => assert.equal(found?.mark, n, 'the flow that was asked for'))));
    requests.push(outcome(socket.request(buildCreate(Flow.from(flow(n)), 'create'))));
    let flows = 0;
    const counting = { message: () => void flows++ };
    const dump = socket.request(buildDump('dump'), {
      sink: counting,
    });
    requests.push(outcome(dump.then(() => assert.ok(flows >= AT_ONCE, `${flows} flows in a dump`))));
  }
  return await Promise.all(requests);
}

/** A process that creates and deletes flows until it is stopped: events come as fast as the kernel makes them. */
function storm(context: Context): { stop(): Promise<void> } {
  const program = new Program(
    context,
    `const ct = await Conntrack.open(options);
    const transport = await openTransport(options);
    transport.start({ readable: () => {}, failed: () => {} });
    let stopped = false;
    process.stdin.on('data', () => { stopped = true; process.stdin.destroy(); });
    for (let first = 1_000; !stopped; first = first === 1_000 ? 3_000 : 1_000) {
      flood(transport, first, 2_000);
      const flows = [];
      for (let n = first; n < first + 2_000; n++) flows.push(flow(n));
      await ct.deleteMany(flows, { onError() {} });
      await new Promise((resolve) => setImmediate(resolve));
    }
    transport.close();
    await ct.close();`,
    { talks: true },
  );
  return {
    async stop() {
      program.child.stdin!.end('stop');
      const { code, stderr } = await program.ended;
      assert.equal(code, 0, stderr);
    },
  };
}

const sized = (receiveBuffer: number | undefined): string =>
  receiveBuffer === undefined ? 'the default buffer' : `a buffer of ${receiveBuffer}`;

function ofSocket(receiveBuffer: number | undefined): Case {
  return {
    name: `${AT_ONCE} gets, creates and dumps at once settle, with ${sized(receiveBuffer)}`,
    extent: 'whole',
    needs: ['losses'],
    run: async (context) => {
      await fill(context, 500);
      const socket = new NetlinkSocket(await context.open({ receiveBuffer }));
      try {
        const outcomes = await crowd(socket);
        context.note?.(count(outcomes));
        // Whatever was lost, what comes next is answered.
        assert.deepEqual(await outcome(socket.request(buildCreate(Flow.from(flow(900)), 'create'))), 'answered');
        assert.equal(socket.pending, 0);
      } finally {
        socket.close();
      }
    },
  };
}

function ofConntrack(receiveBuffer: number | undefined): Case {
  return {
    name: `${AT_ONCE} gets, creates and dumps of a Conntrack are all answered under a flood of events, with ${sized(receiveBuffer)}`,
    needs: ['losses', 'processes'],
    extent: 'long',
    run: async (context) => {
      await fill(context, 500);
      await withConntrack(context, async (first) => {
        const ct = await Conntrack.open({ transport: context.open, receiveBuffer });
        const events = await ct.events({ receiveBuffer });
        const reading = (async () => {
          let read = 0;
          for await (const _event of events) read++;
          return read;
        })();
        const flooding = storm(context);
        try {
          for (let round = 0; round < FLOOD_ROUNDS; round++) {
            const requests: Promise<unknown>[] = [];
            for (let n = 1; n <= AT_ONCE; n++) {
              requests.push(ct.get(flow(n)).then((found) => assert.equal(found?.mark, n)));
              requests.push(outcome(ct.create(flow(n))).then((how) => assert.equal(how, 'answered')));
              requests.push(ct.dump({ mark: n }).toArray());
            }
            await Promise.all(requests);
          }
        } finally {
          await flooding.stop();
          await ct.close();
        }
        assert.ok((await reading) > 0);
        assert.ok((await first.stats()).entries > 0);
      });
    },
  };
}

function ofHandle(receiveBuffer: number | undefined): Case {
  return {
    name: `${AT_ONCE} queries of a subscribed handle settle under a flood of events, with ${sized(receiveBuffer)}`,
    needs: ['events', 'losses', 'processes'],
    extent: 'long',
    run: async (context) => {
      await fill(context, 500);
      const handle = nfct_open_nfnl(
        await context.open({ events: true, receiveBuffer }),
        nfct.CONNTRACK,
        nfct.NFCT_ALL_CT_GROUPS,
      );
      nfct_callback_register(handle, nfct.NFCT_T_ALL, () => nfct.NFCT_CB_CONTINUE, undefined);
      // Stays pending, so that events are read all the time.
      const catching = (async () => {
        for (;;) {
          try {
            await nfct_catch(handle);
          } catch (error) {
            if (!(error instanceof OverrunError)) return (error as Error).name;
          }
        }
      })();
      const flooding = storm(context);
      const outcomes: string[] = [];
      try {
        for (let round = 0; round < FLOOD_ROUNDS; round++) {
          const requests: Promise<'answered' | 'lost'>[] = [];
          for (let n = 1; n <= AT_ONCE; n++) {
            const of = Flow.from(flow(n));
            requests.push(outcome(nfct_query(handle, nfct.NFCT_Q_GET, of)));
            requests.push(outcome(nfct_query(handle, nfct.NFCT_Q_CREATE, of)));
            requests.push(outcome(nfct_query(handle, nfct.NFCT_Q_DUMP, 0)));
          }
          outcomes.push(...(await Promise.all(requests)));
        }
      } finally {
        await flooding.stop();
      }
      context.note?.(count(outcomes));
      nfct_close(handle);
      assert.equal(await catching, 'ClosedError');
    },
  };
}

/** Descriptors that are left in turn: the first of those that a stream needs is refused, then the second, and so on. */
const LEFT = 12;

export const CROWDED: readonly Case[] = [
  ...BUFFERS.map(ofSocket),
  ...BUFFERS.map(ofConntrack),
  ...BUFFERS.map(ofHandle),
  {
    name: `of ${STREAMS} quiet event streams the last is woken, and files can be read meanwhile`,
    extent: 'least',
    needs: ['events', 'losses'],
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const streams: Events<FlowEvent>[] = [];
        for (let n = 1; n < STREAMS; n++) streams.push(await ct.events({ types: ['destroy'], receiveBuffer: 4_096 }));
        const last = await ct.events({ types: ['new'] });
        const quiet = streams.map((stream) => stream.next());
        const woken = last.next();
        for (let n = 0; n < 10; n++) assert.ok((await readFile('/proc/self/status', 'utf8')).length > 0);
        await ct.create(flow(1));
        const { value } = (await woken) as { value: FlowEventOrOverrun };
        assert.equal(value.type, 'new');
        assert.ok((await readFile('/proc/self/status', 'utf8')).length > 0);
        await ct.delete(flow(1));
        for (const each of await Promise.all(quiet)) assert.equal((each.value as FlowEventOrOverrun).type, 'destroy');
        for (const stream of [...streams, last]) stream.close();
      });
    },
  },
  {
    name: 'a stream that cannot be opened for lack of descriptors says so, leaves nothing, and can be opened later',
    needs: ['events', 'losses', 'processes'],
    run: async (context) => {
      const { stdout, code, stderr } = await new Program(
        context,
        `import { spawnSync } from 'node:child_process';
        import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
        const ct = await Conntrack.open(options);
        const first = await ct.events();
        const born = ct.create(flow(1));
        await first.next();
        await born;
        first.close();
        await ct.delete(flow(1));
        const { status, stderr } = spawnSync('prlimit', ['--pid', String(process.pid), '--nofile=512:512'], { encoding: 'utf8' });
        if (status !== 0) throw new Error(stderr);
        // Rings are kept for the next who needs one.
        const open = () => readdirSync('/proc/self/fd').filter((fd) => {
          try { return !readlinkSync('/proc/self/fd/' + fd).includes('io_uring'); } catch { return false; }
        }).length;
        let refused = 0;
        for (let n = 0; n < ${2 * LEFT}; n++) {
          const left = n >> 1;
          const held = [];
          try { for (;;) held.push(openSync('/dev/null')); } catch (error) { if (error.code !== 'EMFILE') throw error; }
          for (let free = 0; free < left; free++) closeSync(held.pop());
          let events;
          try {
            events = await ct.events();
          } catch (error) {
            if (error.code !== 'EMFILE') throw error;
            refused++;
          }
          for (const fd of held) closeSync(fd);
          if (events === undefined) continue;
          const next = events.next();
          // Every other is closed while nothing has come: whatever waits for it must end.
          if (n % 2 === 0) {
            events.close();
            await next;
            continue;
          }
          await ct.create(flow(left));
          if ((await next).value.type !== 'new') throw new Error('no event');
          events.close();
          await ct.delete(flow(left));
        }
        const before = open();
        for (let n = 0; n < 100; n++) {
          const events = await ct.events();
          events.close();
        }
        for (let n = 0; open() > before; n++) {
          if (n > 1000) throw new Error((open() - before) + ' descriptors are left');
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        await ct.close();
        console.log(refused > 0 ? 'good' : 'none was refused');`,
      ).ended;
      assert.deepEqual([stdout, code], ['good\n', 0], stderr);
    },
  },
];
