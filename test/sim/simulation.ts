/** One run of a random program on a simulated kernel: the seed gives all of it. */

import type { TransportOptions } from '../../src/netlink/transport.ts';
import { openSocket } from '../../src/transport/libc/socket.ts';
import { Random } from '../support/random.ts';
import type { FaultCounts } from './faults.ts';
import { Kernel } from './kernel.ts';
import { SimulatedLibc } from './libc.ts';
import { Loop } from './loop.ts';
import type { NetlinkSocketModel } from './netlink-socket.ts';
import { Program } from './program.ts';

/** Virtual milliseconds after which a pending call never settles. Calls take long where the loop is often held up. */
const HANGS = 600_000;

/** Public calls of a seed at the least, where none are asked for. */
export const CALLS = 200;

export interface SimulationOptions {
  /** Public calls at the least. Default: CALLS. */
  readonly calls?: number;
  /** Kinds of calls, and of faults, that are left out: to see behind a defect that is known. */
  readonly without?: readonly string[];
  /** Steps after which the run ends: the event loop never comes to rest. Default: 100,000. */
  readonly steps?: number;
}

export interface SimulationResult {
  readonly seed: number;
  /** What must not be; none when all is well. */
  readonly violations: readonly string[];
  readonly calls: number;
  /** Callbacks of the event loop. */
  readonly steps: number;
  readonly systemCalls: number;
  readonly faults: FaultCounts;
  /** The virtual milliseconds and the random numbers at the end: the same for each run of the seed. */
  readonly fingerprint: string;
}

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const { calls = CALLS, steps = 100_000 } = options;
  const without = new Set(options.without);
  const random = new Random(seed);
  const loop = new Loop(random);
  // What is large costs time: one seed in twenty has a table whose dump fills many datagrams.
  const large = random.oneIn(20);
  const flows = large ? random.pick([100, 250, 800]) : random.pick([4, 4, 8, 16, 32]);
  const padding = large ? random.pick([0, 200]) : random.oneIn(3) ? Math.floor(random.pick([4000, 20_000]) / flows) : 0;
  const kernel = new Kernel(random, loop, { without, padding });
  const libc = new SimulatedLibc(kernel, {
    by: random.pick(['descriptor', 'epoll', 'epoll', 'timer'] as const),
    once: random.oneIn(2),
    closesLater: random.oneIn(2),
    spurious: random.oneIn(4),
  });
  loop.thrown = (error) => kernel.report(`a callback threw ${(error as Error)?.stack ?? error}`);
  const startedAt = loop.time;
  let clean = false;
  /** Datagrams that sockets of the package were given, and took. */
  const accepted = new Map<NetlinkSocketModel, number>();
  loop.install();
  try {
    const open = async (transportOptions?: TransportOptions) => {
      const transport = openSocket(libc, transportOptions);
      const socket = kernel.sockets.at(-1)!;
      const { send } = transport;
      transport.send = (bytes, takesLong) => {
        const result = send.call(transport, bytes, takesLong);
        accepted.set(socket, (accepted.get(socket) ?? 0) + 1);
        return result;
      };
      program.opened(socket, transportOptions?.events === true);
      // Others may close what this is opened for meanwhile.
      if (random.oneIn(4)) await loop.sleep(random.below(4));
      return transport;
    };
    const program: Program = new Program({ kernel, loop, random, open, calls, flows, without });
    // Some processes end in the middle of it.
    const exitsAt = random.oneIn(10) ? random.between(10, 500) : Number.POSITIVE_INFINITY;
    const busy = random.pick([2, 5, 20, 100]);
    let ended = false;
    let stuck: string | undefined;
    loop.passing = () => {
      kernel.advance();
      if (kernel.faults.happens('held up')) loop.time += random.below(20);
    };
    loop.between = () => {
      for (const check of kernel.checks) check();
      kernel.advance();
      if (random.oneIn(busy)) program.traffic();
      kernel.netlink.announceKept(loop.time);
    };
    const running = program.run().then(
      () => {
        ended = true;
      },
      (error) => {
        ended = true;
        kernel.report(`the program failed: ${(error as Error).stack}`);
      },
    );
    const over = (): boolean => {
      if (ended || kernel.violations.length > 0 || loop.steps >= exitsAt) return true;
      if (loop.steps > steps) {
        stuck = `${loop.steps} steps, and no end`;
        return true;
      }
      if (loop.steps % 64 === 0)
        for (const { name, since } of program.pending)
          if (loop.time - since > HANGS) stuck = `${name} has not settled for ${HANGS / 1000} virtual seconds`;
      return stuck !== undefined;
    };
    while (!(await loop.run(over))) {
      if (kernel.finish()) continue;
      const names = [...program.pending].map(({ name }) => name);
      stuck = `nothing is left to happen, and pending are: ${names.join(', ') || 'none'}`;
      break;
    }
    if (stuck !== undefined) kernel.report(stuck);
    if (!ended && loop.steps >= exitsAt && kernel.violations.length === 0) exit(kernel, loop);
    if (ended) {
      await running;
      await rest(kernel, loop, accepted);
      clean = kernel.violations.length === 0;
    }
    const { time } = loop;
    const result = {
      seed,
      violations: kernel.violations,
      calls: program.calls,
      steps: loop.steps,
      systemCalls: libc.calls,
      faults: kernel.faults.counts,
      fingerprint: `${(time - startedAt).toFixed(6)} ${random.uint32()}`,
    };
    return result;
  } finally {
    loop.uninstall();
    // Of a process that ended, rings may have something to take yet, when another simulation ends its process.
    kernel.space.dispose(clean);
    libc.end();
  }
}

/** The process ends: then the runtime gives its memory back, and no operation may be under way. */
function exit(kernel: Kernel, loop: Loop): void {
  loop.exit();
  if (kernel.faults.counts['io_uring refused from now on'] !== undefined) return;
  for (const ring of kernel.rings)
    if (ring.under > 0) kernel.report(`the process ends while ${ring.under} operations of a ring are under way`);
}

/** All is closed: what is under way ends, and nothing is left. */
async function rest(kernel: Kernel, loop: Loop, accepted: ReadonlyMap<NetlinkSocketModel, number>): Promise<void> {
  const end = loop.steps + 5000;
  const until = loop.time + 1000;
  await loop.run(() => loop.steps > end || loop.time > until || kernel.violations.length > 0);
  while (kernel.finish());
  kernel.space.check();
  if (kernel.violations.length > 0) return;
  // Closing discards nothing that was to be sent.
  for (const [{ portid, sent, refused }, count] of accepted)
    if (sent + refused < count) kernel.report(`socket ${portid} took ${count} datagrams and sent ${sent}`);
  // Rings are kept for whoever needs one next.
  for (const [fd, file] of kernel.files)
    if (file.kind !== 'uring') kernel.report(`descriptor ${fd} (${file.kind}) was never closed`);
  for (const ring of kernel.rings) if (ring.under > 0) kernel.report(`${ring.under} operations of a ring never end`);
  // A ring has its queues, and what it waits by; one that failed late leaves its queues behind, and one that had to be
  // closed what was lent to it.
  const { regions } = kernel.space.live;
  const lost = [...kernel.rings].filter(({ closed }) => closed).length;
  if (regions > 2 * kernel.rings.size + lost + (kernel.faults.counts['io_uring setup'] ?? 0))
    kernel.report(`${regions} pieces of memory are not freed, with ${kernel.rings.size} rings`);
}
