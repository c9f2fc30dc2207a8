/**
 * What every transport onto the real kernel must do. Free of any test framework, so that it runs in each runtime: who wants to know
 * whether an adapter is right calls `run` of every case whose `needs` the adapter has, in a network namespace of the tests' own
 * (support/namespace.ts), as root of it and with nft and conntrack on PATH. A case that resolves is passed.
 */
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { buildCreate, buildDump, buildStats } from '../../src/ctnetlink/request.ts';
import { Conntrack, type ConntrackEvent, type FlowInit } from '../../src/index.ts';
import type { nlmsghdr } from '../../src/netlink/nlmsg.ts';
import { walkDatagram } from '../../src/netlink/nlmsg.ts';
import { readErrno } from '../../src/netlink/nlmsgerr.ts';
import { type BuildRequest, NetlinkSocket } from '../../src/netlink/socket.ts';
import type { Transport, TransportFactory } from '../../src/netlink/transport.ts';
import { Writer } from '../../src/netlink/writer.ts';
import type { OpenOptions } from '../../src/transport/open.ts';
import { NETLINK_NETFILTER, NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import { NFNLGRP_CONNTRACK_NEW } from '../../src/uapi/nfnetlink.ts';
import { resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { storm, tcpConnection, tracking } from '../support/traffic.ts';

/**
 * What not every transport can do:
 *
 * - events: joins multicast groups
 * - backpressure: what nobody receives stays in the kernel
 * - processes: programs can be started that open such transports, and an idle one lets them end (`unref` works)
 */
export type Capability = 'events' | 'backpressure' | 'processes';

export interface Context {
  /** Opens the transport that is examined. With `events` where it has them. */
  open: TransportFactory;
  /** For 'processes': the command that runs a TypeScript file (its path is appended), and what openTransport is told there. */
  program?: { command: readonly string[]; options: OpenOptions };
}

export interface Case {
  name: string;
  needs?: readonly Capability[];
  run(context: Context): Promise<void>;
}

/** More than one read of the kernel takes, many times over: 1.1 MB in some 35 datagrams. */
const MANY = 5_000;
/** Milliseconds for a program to end by itself; it takes one second, most of it to start. */
const LIMIT = 20_000;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** 10.0.0.1:1000+n -> 10.0.0.2:53 with mark n. */
function flow(n: number): FlowInit & { orig: object } {
  return {
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1000 + n, dport: 53 },
    timeout: 600,
    mark: n,
  };
}

async function withConntrack(context: Context, body: (ct: Conntrack) => Promise<void>): Promise<void> {
  const ct = await Conntrack.open({ transport: context.open });
  try {
    await body(ct);
  } finally {
    await ct.close();
  }
}

async function withSocket(context: Context, body: (socket: NetlinkSocket) => Promise<void>): Promise<void> {
  const socket = new NetlinkSocket(await context.open());
  try {
    await body(socket);
  } finally {
    socket.close();
  }
}

/** So many flows in the table, and as conntrack(8) counts them. */
async function fill(): Promise<number> {
  tracking();
  // Long enough for a debugger.
  sysctl('nf_conntrack_udp_timeout', 86_400);
  await storm(MANY);
  const count = Number(sh('conntrack', '-C'));
  assert.equal(count, MANY);
  return count;
}

/** Flows told apart by their original tuples. */
function distinct(flows: readonly Flow[]): number {
  return new Set(flows.map(({ orig }) => `${orig.src}:${orig.sport} ${orig.dst}:${orig.dport} ${orig.proto}`)).size;
}

/** Portids of the netfilter sockets of this namespace. */
function portids(): number[] {
  const lines = readFileSync('/proc/net/netlink', 'utf8').trim().split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, protocol, portid]) =>
      Number(protocol) === NETLINK_NETFILTER && portid !== '0' ? [Number(portid)] : [],
    );
}

function bytesOf(build: BuildRequest, sequence: number): Uint8Array {
  const writer = new Writer();
  build(writer, sequence);
  return writer.finish();
}

/** A transport without anything above it: headers and errnos of what came, and whether it kept to the rules of the listener. */
class Bare {
  readonly transport: Transport;
  readonly headers: nlmsghdr[] = [];
  readonly errnos = new Map<number, number>();
  /** Calls of ours that the transport is in. */
  #inside = 0;
  #reentered = 0;

  constructor(transport: Transport) {
    this.transport = transport;
    transport.start({
      readable: () => {
        if (this.#inside > 0) this.#reentered++;
        else this.read();
      },
      failed: (error) => {
        throw error;
      },
    });
  }

  send(bytes: Uint8Array): void {
    this.#inside++;
    this.transport.send(bytes);
    this.#inside--;
  }

  read(): void {
    for (;;) {
      this.#inside++;
      const datagram = this.transport.receive();
      this.#inside--;
      if (datagram === undefined) return;
      assert.equal(datagram.sender, 0);
      assert.equal(datagram.truncated, false);
      walkDatagram(datagram.view, (header, view, offset, end) => {
        this.headers.push({ ...header });
        if (header.nlmsg_type === NLMSG_ERROR) this.errnos.set(header.nlmsg_seq, readErrno(view, offset, end, false));
      });
    }
  }

  /** The errno with which the request ended; 0 for an ACK. */
  async errno(sequence: number): Promise<number> {
    await until(
      () => {
        this.read();
        return this.errnos.has(sequence);
      },
      { what: `the answer to request ${sequence}` },
    );
    assert.equal(this.#reentered, 0, 'readable was called from inside of send or receive');
    return this.errnos.get(sequence)!;
  }
}

async function withBare(context: Context, body: (bare: Bare) => Promise<void>, events = false): Promise<void> {
  const bare = new Bare(await context.open({ events }));
  try {
    await body(bare);
  } finally {
    bare.transport.close();
  }
}

async function eventsUntil(events: AsyncIterable<ConntrackEvent>, type: string): Promise<ConntrackEvent[]> {
  const seen: ConntrackEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.type === type) break;
  }
  return seen;
}

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs a program of these lines, with `options` to open the transport by, to its own end. */
async function program(context: Context, lines: string, spoke?: (stdout: string) => void): Promise<Ended> {
  assert.ok(context.program !== undefined, "the capability 'processes' needs context.program");
  const { command, options } = context.program;
  const [executable, ...args] = command;
  const from = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  const file = join(folder, 'program.mts');
  writeFileSync(
    file,
    `import { Conntrack, openTransport } from ${from('index.ts')};
    import { NetlinkSocket } from ${from('netlink/socket.ts')};
    import { buildDump } from ${from('ctnetlink/request.ts')};
    const options = ${JSON.stringify(options)};
    ${lines}`,
  );
  try {
    const child = spawn(executable, [...args, file], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended: Ended = { code: null, signal: null, stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      ended.stdout += data;
      spoke?.(ended.stdout);
    });
    child.stderr.on('data', (data) => {
      ended.stderr += data;
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, LIMIT);
    [ended.code, ended.signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    assert.equal(late, false, `the program did not end within ${LIMIT} ms: ${JSON.stringify(ended)}`);
    return ended;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A program that ends well and says this. */
async function says(context: Context, stdout: string, lines: string): Promise<void> {
  const ended = await program(context, lines);
  assert.deepEqual([ended.stdout, ended.code, ended.signal], [stdout, 0, null], ended.stderr);
}

const cases: Case[] = [
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
        assert.equal(Number(sh('conntrack', '-C')), 1);
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
      const count = await fill();
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
          [count, count, 0],
        );
        assert.deepEqual(dumps.map(distinct), [count, count, 0]);
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
    name: 'close inside of a sink',
    run: async (context) => {
      await fill();
      await withSocket(context, async (socket) => {
        let messages = 0;
        const sink = {
          message: () => {
            messages++;
            socket.close();
          },
        };
        await assert.rejects(socket.request(buildDump('dump'), { operation: 'dump', dump: true, sink }), {
          name: 'ClosedError',
        });
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert.equal(messages, 1);
      });
    },
  },
  {
    name: 'close with requests pending',
    run: async (context) => {
      await fill();
      await withSocket(context, async (socket) => {
        // Paused after its first message, so that it is pending whenever this is looked at.
        const sink = {
          paused: false,
          message: () => {
            sink.paused = true;
          },
        };
        const dumps = [1, 2, 3].map(() =>
          socket.request(buildDump('dump'), { operation: 'dump', dump: true, sink }).then(
            () => 'done',
            (error: Error) => error.name,
          ),
        );
        const create = socket.request(buildCreate(Flow.from(flow(1)), 'create'), { operation: 'create' }).then(
          () => 'done',
          (error: Error) => error.name,
        );
        socket.close();
        assert.deepEqual(await Promise.all(dumps), ['ClosedError', 'ClosedError', 'ClosedError']);
        // Where the kernel's answer is there when send returns, this was over before.
        assert.match(await create, /^(done|ClosedError)$/);
        await assert.rejects(socket.request(buildStats('stats'), { operation: 'stats' }), { name: 'ClosedError' });
      });
    },
  },
  {
    name: '100 times open and close, used and unused, leave nothing behind',
    run: async (context) => {
      const before = portids().length;
      for (let n = 0; n < 100; n++) {
        const ct = await Conntrack.open({ transport: context.open });
        if (n % 2 === 0) assert.equal((await ct.stats()).entries, 0);
        await ct.close();
      }
      await until(() => portids().length <= before, { what: 'the sockets are gone' });
    },
  },

  {
    name: 'events of a real TCP connection',
    needs: ['events'],
    run: async (context) => {
      tracking();
      await withConntrack(context, async (ct) => {
        const [first, second] = [await ct.events(), await ct.events({ types: ['destroy'] })];
        const { localPort } = await tcpConnection(8080);
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
    name: 'events one by one: none is missing, in their order, with the portid of who caused them',
    needs: ['events'],
    run: async (context) => {
      await withConntrack(context, async (ct) => {
        const events = await ct.events();
        for (let n = 1; n <= 100; n++) {
          await ct.create(flow(n));
          const { value } = (await events.next()) as { value: ConntrackEvent };
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

  {
    name: 'a program with an idle socket ends by itself',
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
      await fill();
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
    name: 'a program that waits for events stays alive',
    needs: ['processes', 'events'],
    run: async (context) => {
      let created = false;
      const ended = await program(
        context,
        `const ct = await Conntrack.open(options);
        const events = await ct.events();
        console.log('listening');
        for await (const event of events) {
          console.log(event.type);
          if (event.type === 'destroy') break;
        }`,
        (stdout) => {
          if (created || !stdout.includes('listening')) return;
          created = true;
          // Later than an event loop with nothing in it would take to end.
          setTimeout(() => {
            const tuple = ['-p', 'udp', '-s', '10.0.0.1', '-d', '10.0.0.2', '--sport', '1', '--dport', '2'];
            sh('conntrack', '-I', ...tuple, '-t', '600');
            sh('conntrack', '-D', ...tuple);
          }, 300);
        },
      );
      assert.deepEqual([ended.stdout, ended.code], ['listening\nnew\ndestroy\n', 0], ended.stderr);
    },
  },
  {
    name: 'process.exit inside of a sink',
    needs: ['processes'],
    run: async (context) => {
      await fill();
      const ended = await program(
        context,
        `const socket = new NetlinkSocket(await openTransport(options));
        const sink = { message: () => { console.log('message'); process.exit(7); } };
        await socket.request(buildDump('dump'), { operation: 'dump', dump: true, sink });`,
      );
      assert.deepEqual([ended.stdout, ended.code, ended.signal], ['message\n', 7, null], ended.stderr);
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
      await fill();
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
      await fill();
      const ended = await program(
        context,
        `const ct = await Conntrack.open(options);
        setTimeout(() => { throw new Error('mistake in a timer'); }, 50);
        for (;;) await ct.dump().toArray();`,
      );
      assert.deepEqual([ended.code, ended.signal], [1, null], ended.stderr);
      assert.match(ended.stderr, /mistake in a timer/);
    },
  },
];

/** Every case, each in a namespace as resetNamespace leaves it. */
export const CONFORMANCE: readonly Case[] = cases.map((each) => ({
  ...each,
  run: async (context) => {
    resetNamespace();
    try {
      await each.run(context);
    } finally {
      resetNamespace();
    }
  },
}));
