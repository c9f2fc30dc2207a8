/** A table (src/table) on the simulated kernel: the seed gives the network, the faults and the order of everything. */
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { ORIG_PACKETS } from '../../src/ctnetlink/slots.ts';
import { TransportError } from '../../src/netlink/errors.ts';
import type { Transport, TransportOptions } from '../../src/netlink/transport.ts';
import type { FlowChange } from '../../src/table/change.ts';
import type { ChangeQueue } from '../../src/table/change-queue.ts';
import { Keeper } from '../../src/table/keeper.ts';
import { HEARD, PARTIAL } from '../../src/table/store/entries.ts';
import { keyOf } from '../../src/testing/tuple-table.ts';
import { openSocket } from '../../src/transport/libc/socket.ts';
import { Random } from '../support/random.ts';
import { Kernel } from './kernel.ts';
import { SimulatedLibc } from './libc.ts';
import { Loop } from './loop.ts';
import { Network, shown } from './table-network.ts';

/** Virtual milliseconds that a quiet network needs at the most until the table is right: reopening has pauses. */
const PATIENCE = 120_000;

export interface TableResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly steps: number;
  /** How the table ended. */
  readonly state: string;
  readonly resyncs: number;
  readonly lost: number;
  readonly ambiguous: number;
  readonly gaps: number;
  readonly changes: number;
  /** How often the table was compared with the kernel's. */
  readonly compared: number;
}

export async function simulateTable(seed: number): Promise<TableResult> {
  const random = new Random(seed);
  const loop = new Loop(random);
  const flows = random.pick([2, 4, 8, 16, 64]);
  // A dump of many datagrams, between which much may happen.
  const padding = random.oneIn(3) ? Math.min(30_000, Math.floor(random.pick([20_000, 100_000, 300_000]) / flows)) : 0;
  const timestamps = random.oneIn(2);
  const kernel = new Kernel(random, loop, { padding, timestamps, without: new Set(['foreign flood']) });
  const libc = new SimulatedLibc(kernel, {
    by: random.pick(['descriptor', 'epoll', 'timer'] as const),
    once: random.oneIn(2),
    closesLater: random.oneIn(2),
    spurious: random.oneIn(4),
  });
  loop.thrown = (error) => kernel.report(`a callback threw ${(error as Error)?.stack ?? error}`);
  loop.install();
  let run: Run | undefined;
  try {
    run = new Run(kernel, loop, libc, random, flows, timestamps);
    await run.all();
    return run.result(seed);
  } finally {
    loop.uninstall();
    kernel.space.dispose(kernel.violations.length === 0);
    libc.end();
  }
}

class Run {
  readonly #kernel: Kernel;
  readonly #loop: Loop;
  readonly #random: Random;
  readonly #network: Network;
  readonly #timestamps: boolean;
  readonly #filter: CompiledFilter;
  readonly #keeper: Keeper;
  /** Transports that will fail. */
  readonly #broken = new Set<Transport>();
  /** A receive has failed, perhaps while the first sockets were opened. */
  #wasBroken = false;
  readonly #transports: Transport[] = [];
  /** What the changes have made of an empty table: by the model's key. */
  readonly #replayed = new Map<string, FlowChange>();
  #lastGeneration = 0;
  /** How often the table has looked at nf_conntrack_events, and how often it was 0 since it was not. */
  #looks = 0;
  #zeros = 0;
  /** Which time it was off when the table saw it at two looks, and so knows that flows without events came. */
  #seenOff = 0;
  /** Whether the filter lets a flow through never changes. */
  readonly #constant: boolean;
  readonly #inserts = new Map<string, number>();
  readonly #deletes = new Map<string, number>();
  /** What the changes said last of the state. */
  #said = '';
  #gaps = 0;
  #changes = 0;
  #compared = 0;

  constructor(kernel: Kernel, loop: Loop, libc: SimulatedLibc, random: Random, flows: number, timestamps: boolean) {
    this.#kernel = kernel;
    this.#loop = loop;
    this.#random = random;
    this.#timestamps = timestamps;
    this.#network = new Network({ kernel, random, flows, timestamps: this.#timestamps });
    const filter = random.pick<Filter>([
      {},
      {},
      {},
      { mark: 1 },
      { orig: { proto: 'tcp' } },
      { family: 'ipv4', mark: 2 },
    ]);
    this.#filter = new CompiledFilter(filter);
    this.#constant = filter.mark === undefined;
    const open = async (options?: TransportOptions): Promise<Transport> => {
      const transport = openSocket(libc, options);
      const { receive } = transport;
      transport.receive = () => {
        if (this.#broken.delete(transport)) {
          this.#wasBroken = true;
          throw new TransportError('recvmsg', 9, 'EBADF: it was closed underneath');
        }
        return receive.call(transport);
      };
      transport.setting = (name) => {
        if (name !== 'netfilter/nf_conntrack_events') return this.#network.buckets;
        this.#looks++;
        this.#zeros = this.#network.eventsSwitch === 0 ? this.#zeros + 1 : 0;
        if (this.#zeros === 2) this.#seenOff = this.#network.timesOff;
        return this.#network.eventsSwitch;
      };
      this.#transports.push(transport);
      if (random.oneIn(4)) await loop.sleep(random.below(4));
      return transport;
    };
    this.#network.known = (key) => this.#knows(key);
    const receiveBuffer = random.pick([1, 2000, 8000, 70_000, 1 << 20, 1 << 22]);
    this.#keeper = new Keeper({
      open: { transport: open, receiveBuffer, reliable: random.oneIn(6), receiveAhead: random.oneIn(4) },
      filter: this.#filter,
      types: ['new', 'update', 'destroy'],
      maxFlows: 1000,
      verify: random.pick(['adaptive', 'adaptive', 1000, false] as const),
    });
    const busy = random.pick([2, 5, 20]);
    loop.passing = () => {
      kernel.advance();
      if (kernel.faults.happens('held up')) loop.time += random.below(20);
      // Less than is read meanwhile, or nothing would ever be read to its end.
      if (random.oneIn(3)) this.#network.traffic(1);
    };
    loop.between = () => {
      for (const check of kernel.checks) check();
      kernel.advance();
      if (random.oneIn(busy)) this.#network.traffic();
      // The process is stopped, and goes on later.
      if (!this.#network.quiet && random.oneIn(3000)) {
        for (let i = random.between(10, 300); i > 0; i--) this.#network.traffic();
        loop.time += random.below(5000);
      }
      if (!this.#network.quiet && random.oneIn(2000) && this.#transports.length > 0)
        this.#broken.add(random.pick(this.#transports));
      kernel.netlink.announceKept(loop.time);
    };
  }

  async all(): Promise<void> {
    let ended = false;
    const running = this.#program().then(
      () => {
        ended = true;
      },
      (error: unknown) => {
        ended = true;
        this.#kernel.report(`the program failed: ${(error as Error).stack}`);
      },
    );
    const over = (): boolean => ended || this.#kernel.violations.length > 0 || this.#loop.steps > 400_000;
    while (!(await this.#loop.run(over))) {
      if (this.#kernel.finish()) continue;
      this.#kernel.report(`nothing is left to happen; the table is ${this.#keeper.state}`);
      return;
    }
    if (!ended && this.#kernel.violations.length === 0)
      this.#kernel.report(`no end; the table is ${this.#keeper.state}`);
    if (ended) await running;
  }

  result(seed: number): TableResult {
    const { resyncs, lostEvents, contents, state } = this.#keeper;
    return {
      seed,
      violations: this.#kernel.violations,
      steps: this.#loop.steps,
      state,
      resyncs,
      lost: lostEvents,
      ambiguous: contents.life.ambiguous,
      gaps: this.#gaps,
      changes: this.#changes,
      compared: this.#compared,
    };
  }

  async #program(): Promise<void> {
    const keeper = this.#keeper;
    const random = this.#random;
    this.#network.before();
    void this.#replay(keeper.changes(1 << 30, true));
    const slow = keeper.changes(random.pick([1, 5, 20]), false);
    void this.#readSlowly(slow);
    try {
      await keeper.open();
    } catch (error) {
      if (Object.keys(this.#kernel.faults.counts).length === 0 && this.#broken.size === 0 && !this.#wasBroken)
        throw error;
      if (keeper.state !== 'closed') this.#kernel.report(`open rejected, and the table is ${keeper.state}`);
      return;
    }
    for (let round = random.between(1, 4); round > 0 && keeper.state !== 'closed'; round--) {
      await this.#loop.sleep(random.pick([10, 200, 3000]));
      await this.#quiet();
    }
    keeper.close();
  }

  #knows(key: string): boolean {
    const flow = this.#network.real(key);
    return flow !== undefined && this.#keeper.contents.store.find(flow.slots) >= 0;
  }

  /** Nothing happens any more, and then the table must be right. */
  async #quiet(): Promise<void> {
    const keeper = this.#keeper;
    const network = this.#network;
    network.quiet = true;
    network.eventsSwitch = 1;
    this.#broken.clear();
    this.#kernel.faults.stop();
    const end = this.#loop.time + PATIENCE;
    const looks = this.#looks;
    // The switch is read once a second, and what is still to be read is read in turns.
    await this.#loop.sleep(3000);
    if (this.#looks === looks && keeper.socket !== undefined)
      this.#kernel.report('nobody looks at nf_conntrack_events');
    const isRight = (): boolean =>
      keeper.state === 'closed' || (keeper.state === 'synced' && this.#kernel.netlink.kept.length === 0);
    while (!isRight() && this.#loop.time < end) await this.#loop.sleep(50);
    if (keeper.state === 'closed') return;
    if (keeper.state !== 'synced') this.#kernel.report(`the table is ${keeper.state} after a long rest`);
    await this.#loop.sleep(100);
    this.#compare(false);
    this.#compared++;
    await keeper.verify();
    await keeper.confirmations.run();
    this.#network.endedSilently.clear();
    this.#compare(true);
    this.#compareReplayed();
    if (this.#said !== keeper.state) this.#kernel.report(`the changes said ${this.#said}, and it is ${keeper.state}`);
    if (this.#timestamps && keeper.contents.life.ambiguous > 0)
      this.#kernel.report('ambiguous, though flows have their start');
    network.quiet = false;
    this.#kernel.faults.resume();
  }

  /** @param proved a dump has just proved it: then also flows without events are right, and counters */
  #compare(proved: boolean): void {
    const { contents } = this.#keeper;
    const { store } = contents;
    const report = (text: string): void => this.#kernel.report(`${proved ? 'proved' : 'synced'}: ${text}`);
    // A shorter time of 0 is noticed by the next dump only, and so is a silent flow whose mark matches now.
    const knowsSilent = this.#constant && this.#seenOff === this.#network.timesOff;
    const found = new Set<string>();
    let count = 0;
    let preListener = 0;
    for (let entry = 0; entry < store.entries.used; entry++) {
      if (!store.holds(entry)) continue;
      count++;
      const heard = store.entries.has(entry, HEARD);
      if (!heard) preListener++;
      const flow = contents.life.flow(entry);
      const key = keyOf(flow.slots);
      if (store.entries.has(entry, PARTIAL)) report(`${key} is known in part`);
      if (found.has(key)) report(`${key} is there twice`);
      found.add(key);
      const real = this.#network.real(key);
      if (real === undefined) {
        if (proved || heard || !this.#network.endedSilently.has(key)) report(`${key} is not in the kernel`);
        continue;
      }
      if (!proved && this.#network.isSilent(key)) continue;
      if (shown(flow.slots) !== shown(real.slots))
        report(`${key} is ${shown(flow.slots)}, and in the kernel ${shown(real.slots)}`);
      if (proved && flow.slots[ORIG_PACKETS] !== real.slots[ORIG_PACKETS])
        report(`${key} has ${flow.slots[ORIG_PACKETS]} packets, and in the kernel ${real.slots[ORIG_PACKETS]}`);
      if (store.find(flow.slots) !== entry) report(`${key} is not found by its tuple`);
      const answered = store.findByReply(flow.slots);
      if (answered < 0) report(`${key} is not found by its reply`);
    }
    if (count !== store.size) report(`${count} flows, and a size of ${store.size}`);
    if (preListener !== contents.life.preListener)
      report(`${preListener} unheard flows, and counted ${contents.life.preListener}`);
    if (contents.life.overdue < 0) report('overdue is below 0');
    for (const [key, { flow }] of this.#kernel.table.entries) {
      if (found.has(key) || !this.#filter.matches(flow)) continue;
      if (proved || knowsSilent || !this.#network.isSilent(key)) report(`${key} (${shown(flow.slots)}) is missing`);
    }
  }

  async #replay(queue: ChangeQueue): Promise<void> {
    const report = (change: FlowChange, text: string): void =>
      this.#kernel.report(`${change.type} of ${keyOf(change.flow.slots)} (${change.cause}): ${text}`);
    try {
      for (let change = await queue.next(); change !== undefined; change = await queue.next()) {
        this.#changes++;
        if (change.type === 'gap') {
          if (change.dropped > 0) this.#kernel.report('a queue without end has dropped something');
          continue;
        }
        if (change.type === 'state') {
          this.#said = change.state;
          continue;
        }
        const key = keyOf(change.flow.slots);
        const before = this.#replayed.get(key);
        this.#count(change, key, (text) => report(change, text));
        if (change.type === 'insert') {
          if (before !== undefined) report(change, 'it is there');
          if (change.generation <= this.#lastGeneration) report(change, 'not a new generation');
          this.#lastGeneration = change.generation;
        } else if (before === undefined) {
          report(change, 'it is not there');
        } else if (before.generation !== change.generation) {
          report(change, 'another generation is there');
        } else if (change.type === 'update' && shown(change.old!.slots) !== shown(before.flow.slots)) {
          report(change, `old is ${shown(change.old!.slots)}, and was ${shown(before.flow.slots)}`);
        }
        if (!this.#filter.matches(change.flow) && change.type !== 'delete') report(change, 'it does not match');
        if (this.#timestamps && !change.exact) report(change, 'not exact, though flows have their start');
        if (change.type === 'delete') this.#replayed.delete(key);
        else this.#replayed.set(key, change);
      }
    } catch (error) {
      if (error !== this.#keeper.error) throw error;
    }
  }

  /** No flow begins in the table, or ends, that did not in the kernel. */
  #count({ type }: FlowChange, key: string, report: (text: string) => void): void {
    if (type === 'update' || !this.#constant) return;
    const [counts, real] =
      type === 'insert' ? [this.#inserts, this.#network.begun] : [this.#deletes, this.#network.ended];
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count > (real.get(key) ?? 0)) report(`${count} times, and ${real.get(key) ?? 0} times in the kernel`);
  }

  #compareReplayed(): void {
    const { contents } = this.#keeper;
    const { store } = contents;
    if (this.#replayed.size !== store.size)
      this.#kernel.report(`${store.size} flows, and ${this.#replayed.size} after a replay of the changes`);
    for (const { flow } of this.#replayed.values()) {
      const entry = store.find(flow.slots);
      const now = entry < 0 || !store.holds(entry) ? undefined : contents.life.flow(entry);
      if (now === undefined || shown(now.slots) !== shown(flow.slots))
        this.#kernel.report(`a replay has ${shown(flow.slots)}, and the table ${now && shown(now.slots)}`);
    }
  }

  /** A consumer that loses most of it, reads the table again after each gap, and is right in the end. */
  async #readSlowly(queue: ChangeQueue): Promise<void> {
    const mine = new Map<string, string>();
    const { contents } = this.#keeper;
    try {
      for (let change = await queue.next(); change !== undefined; change = await queue.next()) {
        if (change.type === 'gap') {
          this.#gaps++;
          mine.clear();
          for (let entry = 0; entry < contents.store.entries.used; entry++)
            if (contents.store.holds(entry)) {
              const flow = contents.life.flow(entry);
              mine.set(keyOf(flow.slots), shown(flow.slots));
            }
        } else if (change.type === 'state') {
          this.#kernel.report('nobody asked for the state');
        } else if (change.type === 'delete') mine.delete(keyOf(change.flow.slots));
        else mine.set(keyOf(change.flow.slots), shown(change.flow.slots));
        if (this.#random.oneIn(3)) await this.#loop.sleep(this.#random.below(20));
        if (!this.#network.quiet || this.#keeper.state !== 'synced') continue;
        if (queue.waiting === 0 && queue.length === 0 && mine.size !== contents.store.size)
          this.#kernel.report(`a slow consumer has ${mine.size} flows, and the table ${contents.store.size}`);
      }
    } catch (error) {
      if (error !== this.#keeper.error) throw error;
    }
  }
}
