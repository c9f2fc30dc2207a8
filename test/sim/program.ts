/**
 * A program that a seed writes: random calls of the public API, whose outcome is judged by what the simulated kernel
 * did meanwhile.
 */
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Events } from '../../src/conntrack/events.ts';
import { ManyError } from '../../src/conntrack/many.ts';
import { WhereError } from '../../src/conntrack/where.ts';
import type { FlowEvent } from '../../src/ctnetlink/event.ts';
import { Flow, type FlowInit } from '../../src/ctnetlink/flow.ts';
import { buildChange, buildCreate, buildGet, buildMessage } from '../../src/ctnetlink/request/flow.ts';
import { ORIG, REPLY } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { Batch } from '../../src/netlink/batch.ts';
import {
  ClosedError,
  DumpInterruptedError,
  KernelError,
  OverrunError,
  TransportError,
} from '../../src/netlink/errors.ts';
import { bytesOf } from '../../src/netlink/request.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import type { TransportFactory } from '../../src/netlink/transport.ts';
import { nfct_callback_register } from '../../src/nfct/callback.ts';
import type { NfctHandle } from '../../src/nfct/nfct-handle.ts';
import { nfct_catch, nfct_close, nfct_open, nfct_query } from '../../src/nfct/query.ts';
import { keyOf } from '../../src/testing/tuple-table.ts';
import { EAGAIN, EEXIST, ENOENT, ENOMEM } from '../../src/uapi/errno.ts';
import {
  CONNTRACK,
  NFCT_ALL_CT_GROUPS,
  NFCT_CB_CONTINUE,
  NFCT_CB_STOP,
  NFCT_Q_CREATE,
  NFCT_Q_DUMP,
  NFCT_Q_GET,
  NFCT_T_ALL,
} from '../../src/uapi/libnetfilter_conntrack.ts';
import { AF_INET, AF_UNSPEC } from '../../src/uapi/socket.ts';
import type { Random } from '../support/random.ts';
import type { Faults } from './faults.ts';
import type { Change } from './history.ts';
import { type Kernel, MAX_ENTRIES } from './kernel.ts';
import { NO_MEMORY } from './libc.ts';
import type { Loop } from './loop.ts';
import type { NetlinkSocketModel } from './netlink-socket.ts';
import { Order } from './order.ts';
import { expires, packet, packetCreates } from './traffic.ts';

/** Marks that packets give; those of requests are above. */
const PACKET_MARKS = 1000;
/** Virtual milliseconds after which the last events have been read. */
const PATIENCE = 3000;

/**
 * Events after which a query on a small receive buffer has settled: 9216 until it is sent, as many until it is lost,
 * and again.
 */
const MOST_FLOODED = 40_000;

/** What a call came to. */
type Outcome<T> = { value: T } | { error: unknown };

export interface ProgramOptions {
  readonly kernel: Kernel;
  readonly loop: Loop;
  readonly random: Random;
  /** Opens a socket of the package on the simulated kernel. */
  readonly open: TransportFactory;
  /** Public calls at the least. */
  readonly calls: number;
  /** Flows that there may be. */
  readonly flows: number;
  /** Kinds of calls that are left out: to see behind a fault that is known. */
  readonly without: ReadonlySet<string>;
}

export class Program {
  /** Public calls that were made. */
  calls = 0;
  /** Names of those that have not settled. */
  readonly pending = new Set<{ name: string; since: number }>();
  readonly #options: ProgramOptions;
  readonly #kernel: Kernel;
  readonly #loop: Loop;
  readonly #random: Random;
  readonly #inits: FlowInit[] = [];
  readonly #keys: string[] = [];
  readonly #listeners = new Set<Listener>();
  #mark = PACKET_MARKS;
  readonly #socketOptions: { receiveBuffer?: number; receiveAhead?: boolean };
  /** Sockets are opened one after the other, to know which is whose. */
  #opening: Promise<unknown> = Promise.resolve();
  #lastSocket: NetlinkSocketModel | undefined;
  #depth = 0;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#kernel = options.kernel;
    this.#loop = options.loop;
    this.#random = options.random;
    const { random } = options;
    const size = options.flows;
    for (let i = 0; i < size; i++) {
      const orig = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1000 + i, dport: 53 } as const;
      const init: FlowInit = random.oneIn(8) ? { orig, zone: 1 + (i % 3), timeout: 100 } : { orig, timeout: 100 };
      this.#inits.push(init);
      this.#keys.push(keyOf(Flow.from(init).slots));
    }
    for (const init of this.#inits) if (random.oneIn(2)) this.#packet(init);
    this.#socketOptions = { receiveAhead: random.oneIn(2) };
    if (random.oneIn(2)) this.#socketOptions.receiveBuffer = random.pick([1, 2000, 8000, 20_000, 70_000]);
  }

  /** Runs to its end. */
  async run(): Promise<void> {
    const { random } = this;
    const actors: Promise<void>[] = [];
    for (let i = random.between(1, 4); i > 0; i--) actors.push(this.#actor());
    await Promise.all(actors);
    // Nothing new goes wrong, and nothing new happens, so that what was announced can be read.
    this.#kernel.faults.stop();
    this.quiet = true;
    await this.#drainListeners();
  }

  /** Nothing happens in the network any more. */
  quiet = false;

  private get random(): Random {
    return this.#random;
  }

  /** Something happens in the network. */
  traffic(): void {
    if (this.quiet) return;
    const { table, faults, netlink } = this.#kernel;
    const { random } = this;
    let times = 1;
    if (faults.happens('burst of events'))
      times = random.between(10, this.#socketOptions.receiveAhead === true && random.oneIn(4) ? 4000 : 200);
    for (let i = 0; i < times; i++) {
      const at = random.below(this.#keys.length);
      const choice = random.below(4);
      if (choice === 0) this.#packet(this.#inits[at]);
      else if (choice === 1) expires(table, this.#keys[at]);
      else packet(table, this.#keys[at]);
    }
    if (faults.happens('foreign datagram') && netlink.sockets.size > 0) netlink.foreign();
  }

  #packet(init: FlowInit): void {
    const flow = Flow.from({ ...init, mark: this.random.below(4) }).clone();
    completeFrom(flow.slots, ORIG, REPLY);
    packetCreates(this.#kernel.table, flow);
  }

  async #actor(): Promise<void> {
    while (this.calls < this.#options.calls) await this.#session();
  }

  /** One Conntrack, from its opening to its closing. */
  async #session(): Promise<void> {
    const { random } = this;
    const options = { ...this.#socketOptions, transport: this.#options.open };
    const opened = this.#opening.then(async () => {
      const ct = await this.#call('open', () => Conntrack.open(options), anyTransportError);
      const lease = this.#loop.lastWatched('Lease');
      if (ct !== undefined && lease !== undefined) this.#loop.owns(ct, lease);
      return ct;
    });
    this.#opening = opened;
    const ct = await opened;
    if (ct === undefined) return;
    const session: Session = { ct, closed: false, inner: new Set() };
    const calls = random.pick([10, 50, 200]);
    const under: Promise<void>[] = [];
    const width = random.pick([1, 1, 2, 8]);
    for (let i = 0; i < calls && this.calls < this.#options.calls; i++) {
      under.push(this.#something(session));
      if (random.oneIn(6)) await this.#loop.sleep(random.below(5));
      if (under.length >= width) await Promise.all(under.splice(0));
      if (random.oneIn(300)) break;
    }
    // Some close while calls are under way.
    if (!random.oneIn(4)) await Promise.all(under.splice(0));
    if (under.length === 0 && session.inner.size === 0 && random.oneIn(4)) {
      // Forgotten: its socket is closed when that is noticed. Its event streams are sockets of their own.
      session.closed = true;
      this.#loop.timer(() => this.#loop.collect(ct), random.below(40), false, false);
      return;
    }
    // More datagrams than a chain sends at once: closing sends them all.
    if (random.oneIn(10)) {
      for (let batches = random.between(1, 7); batches > 0; batches--) under.push(this.createMany(session, 80));
      if (random.oneIn(2)) await this.#loop.sleep(0);
    }
    session.closed = true;
    this.calls++;
    await ct.close();
    await Promise.all([...under, ...session.inner]);
  }

  async #something(session: Session): Promise<void> {
    const { random } = this;
    const { without } = this.#options;
    const name = random.pick(ACTIONS);
    if (!without.has(name)) await this[name](session);
  }

  /** What a program does from inside of a callback of the package's. */
  #inside(session: Session, controller?: AbortController): void {
    if (!this.random.oneIn(8) || this.#options.without.has('inside')) return;
    if (controller !== undefined && this.random.oneIn(2)) {
      controller.abort(new Error('aborted inside of a callback'));
    } else if (!session.closed && this.#depth < 3) {
      this.#depth++;
      const call = this.#something(session).finally(() => {
        this.#depth--;
        session.inner.delete(call);
      });
      session.inner.add(call);
    }
  }

  // The calls.

  async get(session: Session): Promise<void> {
    const at = this.#anyFlow();
    const key = this.#keys[at];
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      'get',
      () => session.ct.get(this.#inits[at], { signal }),
      (outcome, from, to) => {
        if ('error' in outcome) return this.#judgeError(outcome.error, session, controller, [ENOMEM]);
        const states = this.#states(key, from, to);
        const mark = outcome.value === undefined ? undefined : (outcome.value.mark ?? 0);
        if (!states.includes(mark)) return `get returned ${mark} for a flow that was ${states}`;
        return undefined;
      },
    );
  }

  async create(session: Session): Promise<void> {
    await this.#change(session, 'create', (init, signal) => session.ct.create(init, { signal }), EEXIST);
  }

  async createOrUpdate(session: Session): Promise<void> {
    const call = (init: FlowInit, signal: AbortSignal | undefined): Promise<void> =>
      session.ct.createOrUpdate(init, { signal });
    await this.#change(session, 'createOrUpdate', call, 0);
  }

  async update(session: Session): Promise<void> {
    await this.#change(session, 'update', (init, signal) => session.ct.update(init, { signal }), ENOENT);
  }

  async delete(session: Session): Promise<void> {
    const at = this.#anyFlow();
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      'delete',
      () => session.ct.delete(this.#inits[at], { signal }),
      (outcome, from, to) => {
        const states = this.#states(this.#keys[at], from, to);
        if (!('error' in outcome)) {
          if (states.slice(1).includes(undefined)) return undefined;
          return 'delete succeeded, and nothing was deleted';
        }
        if (isKernelError(outcome.error, ENOENT))
          return states.includes(undefined) ? undefined : 'delete says ENOENT of a flow that was there';
        return this.#judgeError(outcome.error, session, controller);
      },
    );
  }

  async flush(session: Session): Promise<void> {
    const mark = this.random.below(4);
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      'flush',
      () => session.ct.flush({ mark }, { signal }),
      (outcome) => ('error' in outcome ? this.#judgeError(outcome.error, session, controller) : undefined),
    );
  }

  async stats(session: Session): Promise<void> {
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      'stats',
      () => session.ct.stats({ signal }),
      (outcome) => {
        if ('error' in outcome) return this.#judgeError(outcome.error, session, controller, [ENOMEM]);
        // 0 stands for an answer that never came.
        return outcome.value.maxEntries === MAX_ENTRIES ? undefined : 'stats resolved without an answer';
      },
    );
  }

  async cpuStats(session: Session): Promise<void> {
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      'cpuStats',
      () => session.ct.cpuStats({ signal }),
      (outcome) => {
        if ('error' in outcome) return this.#judgeError(outcome.error, session, controller);
        return outcome.value.map(({ cpu }) => cpu).join() === '0,1' ? undefined : 'cpuStats lacks a CPU';
      },
    );
  }

  async expectations(session: Session): Promise<void> {
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      'expectations.dump',
      () => session.ct.expectations.dump({}, { signal }).toArray(),
      (outcome) => {
        if ('error' in outcome) return this.#judgeError(outcome.error, session, controller);
        return outcome.value.length === 0 ? undefined : 'there are no expectations';
      },
    );
  }

  async dumpAll(session: Session): Promise<void> {
    const filter = this.#anyFilter();
    const { controller, signal } = this.#mayAbort(session);
    const reset = this.random.oneIn(8);
    await this.#call(
      'dump.toArray',
      () => session.ct.dump(filter, { signal, reset }).toArray(),
      (outcome, from, to) => {
        if ('error' in outcome) return this.#judgeError(outcome.error, session, controller, reset ? [ENOMEM] : []);
        return this.#judgeDump(outcome.value, true, filter.mark, from, to);
      },
    );
  }

  /** A loop over a dump that may be slow, break, do other calls inside, or be forgotten. */
  async dumpEach(session: Session): Promise<void> {
    const { random } = this;
    const filter = this.#anyFilter();
    const { controller, signal } = this.#mayAbort(session);
    const style = random.pick(['plain', 'slow', 'break', 'nested', 'forget', 'overlap'] as const);
    if (this.#options.without.has(style)) return;
    if (style === 'nested' && this.#depth > 2) return;
    const flows: Flow[] = [];
    let complete = false;
    const iterate = async (): Promise<void> => {
      const iterator = session.ct.dump(filter, { signal })[Symbol.asyncIterator]();
      if (style === 'overlap') {
        const results = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
        for (const result of results) if (result.done !== true) flows.push(result.value);
        await iterator.return?.();
        return;
      }
      const stop = random.below(6);
      for (;;) {
        const result = await this.#loop.asOwner(iterator, () => iterator.next());
        if (result.done === true) break;
        flows.push(result.value);
        if (style === 'slow' && random.oneIn(8)) await this.#loop.sleep(random.below(30));
        if (style === 'nested' && random.oneIn(4)) {
          this.#depth++;
          await this.#something(session).finally(() => this.#depth--);
        }
        if (flows.length <= stop) continue;
        if (style === 'break') {
          await iterator.return?.();
          return;
        }
        if (style === 'forget') {
          // Nobody reaches it any more; some time later it is collected.
          this.#loop.timer(() => this.#loop.collect(iterator), random.below(40), false, true);
          return;
        }
      }
      complete = true;
    };
    await this.#call(`dump (${style})`, iterate, (outcome, from, to) => {
      const wrong = this.#judgeDump(flows, complete && !('error' in outcome), filter.mark, from, to);
      if (wrong !== undefined || !('error' in outcome)) return wrong;
      return this.#judgeError(outcome.error, session, controller);
    });
  }

  async createMany(session: Session, size?: number): Promise<void> {
    const { random } = this;
    const { ct } = session;
    const { controller, signal } = this.#mayAbort(session);
    // Eighty fill a datagram that is sent ahead; three hundred fill several.
    const count = size ?? (random.oneIn(30) ? 300 : random.pick([1, 2, 5, 5, 10, 80]));
    const items: { init: FlowInit; mark: number }[] = [];
    for (let i = 0; i < count; i++) {
      const mark = ++this.#mark;
      items.push({ init: { ...this.#inits[this.#anyFlow()], mark }, mark });
    }
    const failed = new Set<number>();
    const onError = ({ index, error }: { index: number; error: Error }): void => {
      failed.add(index);
      this.#inside(session, controller);
      if (!isKernelError(error, EEXIST) && !isKernelError(error, ENOENT))
        this.#kernel.report(`an item of a batch failed with ${describe(error)}`);
    };
    const [name, call] = random.pick([
      ['createMany', ct.createMany],
      ['createOrUpdateMany', ct.createOrUpdateMany],
      ['updateMany', ct.updateMany],
    ] as const);
    await this.#call(
      name,
      () =>
        call.call(
          ct,
          items.map(({ init }) => init),
          { onError, signal },
        ),
      (outcome) => {
        for (const [index, { mark }] of items.entries()) {
          const executed = this.#kernel.history.executed.get(mark) ?? 0;
          if (executed > 1) return `${name}: an item was executed ${executed} times`;
          if ('error' in outcome) continue;
          if (failed.has(index) && executed > 0) return `${name}: an item failed and was executed`;
          if (!failed.has(index) && executed === 0) return `${name}: an item neither failed nor was executed`;
        }
        if (!('error' in outcome)) {
          const { succeeded } = outcome.value;
          return succeeded === count - failed.size ? undefined : `${name}: ${succeeded} of ${count} succeeded`;
        }
        return this.#judgeError(outcome.error, session, controller);
      },
    );
  }

  async deleteMany(session: Session): Promise<void> {
    const { controller, signal } = this.#mayAbort(session);
    const { ct } = session;
    const mark = this.random.below(4);
    await this.#call(
      'deleteMany',
      () => ct.deleteMany(ct.dump({ mark }, { signal }), { signal, onError: () => {} }),
      (outcome) => ('error' in outcome ? this.#judgeError(outcome.error, session, controller) : undefined),
    );
  }

  async deleteWhere(session: Session): Promise<void> {
    const { controller, signal } = this.#mayAbort(session);
    const { ct } = session;
    const { random } = this;
    const mark = random.below(4);
    const where = random.oneIn(2) ? { mark } : (flow: Flow) => flow.mark === mark;
    const verify = random.oneIn(2) ? random.below(20) : undefined;
    const limit = random.oneIn(4) ? 1_000 : undefined;
    const call = (): Promise<unknown> =>
      this.#call(
        'deleteWhere',
        () => ct.deleteWhere(where, { signal, verify, limit, exact: random.oneIn(2) }),
        (outcome, from, to) => {
          if ('error' in outcome) {
            const { error } = outcome;
            return this.#judgeError(error instanceof WhereError ? error.cause : error, session, controller, ANY);
          }
          const { matched, deleted, alreadyGone, failed, failures } = outcome.value;
          if (matched !== deleted + alreadyGone + failed)
            return `deleteWhere: ${matched} are not ${deleted} + ${alreadyGone} + ${failed}`;
          for (const { error } of failures) {
            const wrong = this.#judgeError(error, session, controller, [ENOMEM]);
            if (wrong !== undefined) return `deleteWhere: ${wrong}`;
          }
          for (const key of failed > 0 ? [] : this.#kernel.history.changes.keys())
            if (this.#states(key, from, to).every((state) => state === mark)) return `deleteWhere left ${key}`;
          return undefined;
        },
      );
    if (verify === undefined) {
      await call();
    } else {
      // It opens a socket for events.
      this.#opening = this.#opening.then(call);
      await this.#opening;
    }
  }

  async query(session: Session): Promise<void> {
    const { random } = this;
    const at = this.#anyFlow();
    const h = await this.#call(
      'nfct_open',
      () => nfct_open(CONNTRACK, 0, { ...this.#socketOptions, transport: this.#options.open }),
      anyTransportError,
    );
    if (h === undefined) return;
    const owner: Session = { ct: session.ct, closed: false, inner: session.inner };
    const found: Flow[] = [];
    const stops = random.oneIn(3);
    nfct_callback_register(h, NFCT_T_ALL, (_type, flow) => {
      found.push(flow);
      this.#inside(session);
      return stops ? NFCT_CB_STOP : NFCT_CB_CONTINUE;
    });
    for (let times = random.below(4); times >= 0; times--) {
      found.length = 0;
      const choice = random.below(3);
      if (choice === 0) {
        const judge: Judge<number> = (outcome, from, to) => {
          const wrong = this.#judgeDump(found, !stops && !('error' in outcome), undefined, from, to);
          if (wrong !== undefined || !('error' in outcome)) return wrong;
          return this.#judgeError(outcome.error, owner, undefined);
        };
        const family = random.pick([AF_INET, AF_UNSPEC]);
        await this.#call('nfct_query dump', () => nfct_query(h, NFCT_Q_DUMP, family), judge);
        continue;
      }
      const { orig, zone, timeout } = this.#inits[at];
      if (choice === 1) {
        const flow = Flow.from({ orig, zone });
        await this.#call(
          'nfct_query get',
          () => nfct_query(h, NFCT_Q_GET, flow),
          (outcome, from, to) => this.#judgeQuery(outcome, found[0], at, from, to, owner),
        );
        continue;
      }
      const mark = ++this.#mark;
      const flow = Flow.from({ orig, zone, timeout, mark }).clone();
      completeFrom(flow.slots, ORIG, REPLY);
      await this.#call(
        'nfct_query create',
        () => nfct_query(h, NFCT_Q_CREATE, flow),
        (outcome, from, to) => this.#judgeChange(outcome, mark, at, EEXIST, from, to, owner, undefined),
      );
    }
    this.calls++;
    nfct_close(h);
  }

  /** Requests through a NetlinkSocket: several at once, and from inside of its callbacks. */
  async requests(session: Session): Promise<void> {
    const { random } = this;
    const transport = await this.#call('transport', () => this.#options.open({}), anyTransportError);
    if (transport === undefined) return;
    const report = (violation: string): void => this.#kernel.report(`requests: ${violation}`);
    const order = new Order(transport, report);
    const check = (): void => order.check();
    this.#kernel.checks.add(check);
    const owner: Session = { ct: session.ct, closed: false, inner: new Set() };
    const socket = new NetlinkSocket(transport);
    const requester: Requester = { socket, order, owner, left: random.pick([5, 10, 20]) };
    for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
      this.#requestSeveral(requester);
      if (random.oneIn(4)) await this.#loop.sleep(random.below(4));
      if (random.oneIn(2)) await Promise.all([...owner.inner]);
    }
    // Some close while requests are under way.
    while (owner.inner.size > 0 && !random.oneIn(4)) await Promise.all([...owner.inner]);
    owner.closed = true;
    this.calls++;
    socket.close();
    await Promise.all([...owner.inner]);
    this.#kernel.checks.delete(check);
  }

  #requestSeveral(requester: Requester): void {
    const { owner } = requester;
    for (let times = this.random.between(1, 5); times > 0 && !owner.closed && requester.left > 0; times--) {
      requester.left--;
      const call = this.#requestOne(requester).finally(() => owner.inner.delete(call));
      owner.inner.add(call);
    }
  }

  async #requestOne(requester: Requester): Promise<void> {
    const { random } = this;
    const { socket, order, owner } = requester;
    const { controller, signal } = this.#mayAbort();
    const inside = (): void => {
      if (requester.left > 0 && random.oneIn(4)) this.#requestSeveral(requester);
    };
    const judge: Judge<void> = (outcome) =>
      'error' in outcome ? this.#judgeError(outcome.error, owner, controller, [ENOENT, ENOMEM]) : undefined;
    const at = this.#anyFlow();
    const choice = random.below(8);
    if (choice < 2) {
      const flow = Flow.from(this.#inits[at]);
      const request = choice === 0 ? buildGet(flow) : buildMessage('dump', random.pick([AF_INET, AF_UNSPEC]));
      const options = { sink: { message: inside }, signal, settled: inside };
      await this.#call(`request ${request.kind.name}`, () => socket.request(request, options), judge);
      return;
    }
    if (choice === 2) {
      const batch = new Batch();
      const marks: number[] = [];
      for (let left = Math.min(random.pick([2, 5, 80, 80]), socket.largestBatch); left > 0; left--) {
        marks.push(++this.#mark);
        batch.add(buildCreate(Flow.from({ ...this.#inits[this.#anyFlow()], mark: this.#mark }), 'createOrUpdate'));
      }
      const announced = order.announce(batch.bytes, marks.length, false);
      await this.#call(
        'sendBatch',
        () =>
          socket.sendBatch(batch, inside).finally(() => {
            announced.settled = true;
          }),
        (outcome, from, to, kernel) => {
          const executed = marks.map((mark) => kernel.history.executed.get(mark) ?? 0);
          if (executed.some((times) => times > 1)) return 'an item was executed again';
          if (!('error' in outcome) && executed.includes(0)) return 'it resolved and was not executed';
          return judge(outcome, from, to, kernel);
        },
      );
      return;
    }
    const mark = ++this.#mark;
    const [query, errno] = random.pick([
      ['create', EEXIST],
      ['createOrUpdate', 0],
      ['update', ENOENT],
    ] as const);
    const request = buildChange(query, Flow.from({ ...this.#inits[at], mark }), true);
    const announced = order.announce(bytesOf(request), 1, true);
    const settled = (): void => {
      announced.settled = true;
      inside();
    };
    await this.#call(
      `request ${query}`,
      () => socket.request(request, { signal, settled }),
      (outcome, from, to) => this.#judgeChange(outcome, mark, at, errno, from, to, owner, controller),
    );
  }

  /** A handle with events and queries on one socket. */
  async listen(session: Session): Promise<void> {
    const { random } = this;
    // Rare, because it takes thousands of events.
    const floods = random.oneIn(500);
    const opened = this.#opening.then(async () => {
      const { receiveBuffer } = this.#socketOptions;
      const options = {
        ...this.#socketOptions,
        receiveBuffer: floods ? 8000 : receiveBuffer,
        receiveAhead: floods ? false : this.#socketOptions.receiveAhead,
        transport: this.#options.open,
      };
      const h = await this.#call(
        'nfct_open',
        () => nfct_open(CONNTRACK, NFCT_ALL_CT_GROUPS, options),
        anyTransportError,
      );
      return h === undefined ? undefined : { h, socket: this.#lastSocket! };
    });
    this.#opening = opened;
    const handle = await opened;
    if (handle === undefined) return;
    const { h, socket } = handle;
    const owner: Session = { ct: session.ct, closed: false, inner: session.inner };
    let count = 0;
    let found: Flow | undefined;
    let stopAfter = 0;
    nfct_callback_register(h, NFCT_T_ALL, (_type, flow) => {
      const serial = flow.timestamp?.event;
      if (serial === undefined) {
        found = flow;
        return NFCT_CB_CONTINUE;
      }
      const expected = socket.accepted[count++];
      this.#inside(session);
      if (Number(serial) !== expected)
        this.#kernel.report(`nfct: the event ${serial} came where ${expected} was due, the ${count}th`);
      return count >= stopAfter ? NFCT_CB_STOP : NFCT_CB_CONTINUE;
    });
    const close = (): void => {
      owner.closed = true;
      nfct_close(h);
    };
    if (floods) {
      await this.#flooded(h, socket, owner);
      close();
      return;
    }
    this.#loop.timer(close, random.between(1, 60), false, true);
    while (!owner.closed) {
      if (random.oneIn(2)) {
        stopAfter = count + random.below(20);
        const judge: Judge<number> = (outcome) =>
          'error' in outcome ? this.#judgeError(outcome.error, owner, undefined) : undefined;
        await this.#call('nfct_catch', () => nfct_catch(h), judge);
      } else {
        const at = this.#anyFlow();
        const { orig, zone } = this.#inits[at];
        found = undefined;
        // An event that says STOP ends no query.
        await this.#call(
          'nfct_query get (events)',
          () => nfct_query(h, NFCT_Q_GET, Flow.from({ orig, zone })),
          (outcome, from, to) => this.#judgeQuery(outcome, found, at, from, to, owner),
        );
      }
      if (random.oneIn(3)) await this.#loop.sleep(random.below(8));
    }
  }

  /** Queries whose answers are lost, on a queue that is never read empty: events come as fast as they are read. */
  async #flooded(h: NfctHandle, socket: NetlinkSocketModel, owner: Session): Promise<void> {
    const [init] = this.#inits;
    const [key] = this.#keys;
    let events = 0;
    socket.flood = () => {
      if (socket.waiting > 0 || owner.closed) return;
      events++;
      this.#packet(init);
      if (socket.waiting === 0) expires(this.#kernel.table, key);
      if (events === MOST_FLOODED) this.#kernel.report(`a query does not settle while ${events} events come`);
    };
    for (let times = 0; times < 2; times++) {
      events = 0;
      const { orig, zone, timeout } = this.#inits[this.#anyFlow()];
      const mark = ++this.#mark;
      const flow = Flow.from({ orig, zone, timeout, mark }).clone();
      completeFrom(flow.slots, ORIG, REPLY);
      socket.losesAck = times === 0;
      const judge: Judge<number> = (outcome) => {
        if (!('error' in outcome) || isKernelError(outcome.error, EEXIST)) return undefined;
        return this.#judgeError(outcome.error, owner, undefined);
      };
      await this.#call('nfct_query create (flooded)', () => nfct_query(h, NFCT_Q_CREATE, flow), judge);
      // What was read when nobody waited is kept for these, overruns first: the next query would give later events.
      for (let caught: number | undefined; caught === undefined && events < MOST_FLOODED; )
        caught = await this.#call('nfct_catch (flooded)', () => nfct_catch(h), judge);
    }
    socket.flood = undefined;
  }

  #judgeQuery(
    outcome: Outcome<number>,
    found: Flow | undefined,
    at: number,
    from: number,
    to: number,
    owner: Session,
  ): string | undefined {
    const states = this.#states(this.#keys[at], from, to);
    if (!('error' in outcome)) {
      if (found !== undefined && states.includes(found.mark ?? 0)) return undefined;
      return `it found ${found?.mark} of a flow that was ${states}`;
    }
    if (isKernelError(outcome.error, ENOENT))
      return states.includes(undefined) ? undefined : 'ENOENT of a flow that was there';
    return this.#judgeError(outcome.error, owner, undefined, [ENOMEM]);
  }

  async events(session: Session): Promise<void> {
    const { random } = this;
    if (this.#listeners.size > 3) return;
    const reliable = random.oneIn(6);
    const opened = this.#opening.then(async () => {
      this.#lastSocket = undefined;
      const events = await this.#call(
        'events',
        () => session.ct.events({ reliable, filter: random.oneIn(4) ? { mark: random.below(4) } : undefined }),
        (outcome) => ('error' in outcome ? this.#judgeError(outcome.error, session, undefined, ANY) : undefined),
      );
      return events === undefined ? undefined : { events, socket: this.#lastSocket };
    });
    this.#opening = opened;
    const stream = await opened;
    if (stream?.socket === undefined) return;
    const listener = new Listener(this.#kernel, stream.events, stream.socket, reliable);
    this.#listeners.add(listener);
    const style = random.pick(['read', 'read', 'slow', 'break', 'forget'] as const);
    const reading = this.#read(session, listener, style).finally(() => this.#listeners.delete(listener));
    // It goes on beside the calls that follow.
    listener.reading = reading;
  }

  /** To be called when a socket was opened. */
  opened(socket: NetlinkSocketModel, events: boolean): void {
    if (events) this.#lastSocket = socket;
  }

  async #read(session: Session, listener: Listener, style: 'read' | 'slow' | 'break' | 'forget'): Promise<void> {
    const { random } = this;
    const { events } = listener;
    const most = style === 'break' || style === 'forget' ? random.below(50) : Number.POSITIVE_INFINITY;
    const entry = { name: `events.next (${style})`, since: this.#loop.time };
    try {
      for (let count = 0; count < most; count++) {
        entry.since = this.#loop.time;
        if (!listener.idle) this.pending.add(entry);
        const next = await events.next();
        this.pending.delete(entry);
        this.calls += count % 20 === 0 ? 1 : 0;
        if (next.done === true) return;
        listener.take(next.value);
        if (!this.quiet) this.#inside(session);
        if (style === 'slow' && random.oneIn(20)) await this.#loop.sleep(random.below(40));
      }
      if (style === 'forget') this.#loop.timer(() => this.#loop.collect(events), random.below(40), false, true);
      else await events.return();
      listener.abandoned = true;
    } catch (error) {
      listener.failed = true;
      const known = error instanceof TransportError || error instanceof ClosedError;
      if (!known && !isLackOfMemory(error, this.#kernel.faults))
        this.#kernel.report(`events ended with ${describe(error)}`);
    } finally {
      this.pending.delete(entry);
      listener.check();
    }
  }

  /** What was announced is read; then the streams are closed. */
  async #drainListeners(): Promise<void> {
    for (const listener of [...this.#listeners]) {
      // A slow worker may send requests of a closed socket while another stream is being closed.
      await this.#readAnnounced();
      if (!listener.complete) this.#kernel.report(`events are missing: ${listener.state}`);
      listener.events.close();
      await listener.reading;
    }
  }

  async #readAnnounced(): Promise<void> {
    // As long as any is read, or announced again, the others wait.
    const left = (): number =>
      [...this.#listeners].reduce((sum, listener) => sum + listener.left, this.#kernel.netlink.kept.length);
    let end = this.#loop.time + PATIENCE;
    while (this.#loop.time < end && [...this.#listeners].some((listener) => !listener.complete)) {
      const before = left();
      await this.#loop.sleep(20);
      if (left() !== before) end = this.#loop.time + PATIENCE;
    }
  }

  // What is judged.

  async #change(
    session: Session,
    name: string,
    call: (init: FlowInit, signal: AbortSignal | undefined) => Promise<void>,
    errno: number,
  ): Promise<void> {
    const at = this.#anyFlow();
    const mark = ++this.#mark;
    const { controller, signal } = this.#mayAbort(session);
    await this.#call(
      name,
      () => call({ ...this.#inits[at], mark }, signal),
      (outcome, from, to) => this.#judgeChange(outcome, mark, at, errno, from, to, session, controller),
    );
  }

  #judgeChange(
    outcome: Outcome<unknown>,
    mark: number,
    at: number,
    errno: number,
    from: number,
    to: number,
    session: Session,
    controller: AbortController | undefined,
  ): string | undefined {
    const executed = this.#kernel.history.executed.get(mark) ?? 0;
    if (executed > 1) return `it was executed ${executed} times`;
    if (!('error' in outcome)) return executed === 1 ? undefined : 'it resolved and was not executed';
    if (!(outcome.error instanceof KernelError)) return this.#judgeError(outcome.error, session, controller);
    if (executed > 0) return `it was executed, and failed with ${describe(outcome.error)}`;
    const states = this.#states(this.#keys[at], from, to);
    const there = states.some((state) => state !== undefined);
    if (isKernelError(outcome.error, errno) && (errno === ENOENT ? states.includes(undefined) : there))
      return undefined;
    return `${describe(outcome.error)} of a flow that was ${states}`;
  }

  /** What may be rejected with. */
  #judgeError(
    error: unknown,
    session: Session,
    controller: AbortController | undefined,
    errnos: readonly number[] = [],
  ): string | undefined {
    const { faults, netlink } = this.#kernel;
    if (controller?.signal.aborted === true && error === controller.signal.reason) return undefined;
    if (error instanceof OverrunError)
      return netlink.losses > 0 || faults.errnos.size > 0 ? undefined : 'OverrunError, and nothing was lost';
    if (error instanceof ClosedError)
      return session.closed || faults.errnos.size > 0 || faults.counts['no memory'] !== undefined
        ? undefined
        : `ClosedError of an open socket: ${error.message}`;
    if (error instanceof TransportError) return anyTransportErrorOf(error, faults.errnos, this.#kernel.ringsRefused);
    if (isLackOfMemory(error, faults)) return undefined;
    if (error instanceof ManyError) return undefined;
    if (
      error instanceof KernelError &&
      (errnos === ANY ? faults.errnos.has(error.errno) : errnos.includes(error.errno))
    )
      return undefined;
    if (error instanceof DumpInterruptedError) return 'no dump was interrupted';
    return `an error that cannot be: ${describe(error)}`;
  }

  #judgeDump(
    flows: readonly Flow[],
    complete: boolean,
    mark: number | undefined,
    from: number,
    to: number,
  ): string | undefined {
    const seen = new Map<string, number>();
    for (const flow of flows) {
      const key = keyOf(flow.slots);
      const states = this.#states(key, from, to);
      if (!states.includes(flow.mark ?? 0)) return `the dump has ${key} with mark ${flow.mark}, which was ${states}`;
      if (mark !== undefined && flow.mark !== mark) return `the dump has mark ${flow.mark}, not ${mark}`;
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      const again = states.filter((state) => state === undefined).length + 1;
      if (times > again && this.#kernel.faults.counts['repeated entries'] === undefined)
        return `the dump has ${key} ${times} times`;
    }
    if (!complete) return undefined;
    for (const [key, changes] of this.#kernel.history.changes) {
      if (seen.has(key)) continue;
      const states = statesOf(changes, from, to);
      const there = mark === undefined ? !states.includes(undefined) : states.every((state) => state === mark);
      if (there) return `the dump of ${flows.length} lacks ${key}, which was ${states}`;
    }
    return undefined;
  }

  /** What the flow was at `from` and each time that it changed until `to`: its marks. */
  #states(key: string, from: number, to: number): (number | undefined)[] {
    return statesOf(this.#kernel.history.changes.get(key), from, to);
  }

  async #call<T>(name: string, start: () => Promise<T>, judge: Judge<T>): Promise<T | undefined> {
    this.calls++;
    const { history } = this.#kernel;
    const entry = { name, since: this.#loop.time };
    this.pending.add(entry);
    const from = history.clock;
    let outcome: Outcome<T>;
    try {
      outcome = { value: await start() };
    } catch (error) {
      outcome = { error };
    }
    this.pending.delete(entry);
    const wrong = judge(outcome, from, history.clock, this.#kernel);
    if (wrong !== undefined) this.#kernel.report(`${name}: ${wrong}`);
    return 'error' in outcome ? undefined : outcome.value;
  }

  #anyFlow(): number {
    return this.random.below(this.#inits.length);
  }

  #anyFilter(): { mark?: number } {
    return this.random.oneIn(3) ? { mark: this.random.below(4) } : {};
  }

  #mayAbort(session?: Session): { controller?: AbortController; signal?: AbortSignal } {
    if (!this.random.oneIn(16)) return {};
    const controller = new AbortController();
    if (session !== undefined) controller.signal.addEventListener('abort', () => this.#inside(session));
    const abort = (): void => controller.abort(new Error('aborted by the program'));
    if (this.random.oneIn(2)) this.#loop.timer(abort, this.random.below(10), false, false);
    else this.#loop.immediate(abort);
    return { controller, signal: controller.signal };
  }
}

/** A session of calls through one Conntrack. */
interface Session {
  readonly ct: Conntrack;
  closed: boolean;
  /** Calls made from inside of callbacks, until they have settled. */
  readonly inner: Set<Promise<void>>;
}

/** Makes requests to a socket. */
interface Requester {
  readonly socket: NetlinkSocket;
  readonly order: Order;
  /** Its `inner` are the requests that have not settled. */
  readonly owner: Session;
  /** Requests that it may still make. */
  left: number;
}

/** Says what is wrong with an outcome. */
type Judge<T> = (outcome: Outcome<T>, from: number, to: number, kernel: Kernel) => string | undefined;

/** Any errno that was injected. */
const ANY: readonly number[] = [];

/** Calls, and how often each is made, compared with the others. */
const WEIGHTS = {
  get: 6,
  create: 5,
  createOrUpdate: 2,
  update: 3,
  delete: 3,
  flush: 1,
  stats: 2,
  cpuStats: 1,
  expectations: 1,
  dumpAll: 3,
  dumpEach: 4,
  createMany: 2,
  deleteMany: 1,
  deleteWhere: 1,
  query: 1,
  events: 1,
  listen: 1,
  requests: 2,
} as const;

type Action = keyof typeof WEIGHTS;

/** As often as their weight. */
const ACTIONS: readonly Action[] = (Object.keys(WEIGHTS) as Action[]).flatMap((name) =>
  new Array<Action>(WEIGHTS[name]).fill(name),
);

/** The events of a stream, against what the kernel queued for its socket. */
class Listener {
  readonly events: Events<FlowEvent>;
  reading: Promise<void> = Promise.resolve();
  /** It ended by an error, or its reader left it. */
  failed = false;
  abandoned = false;
  readonly #kernel: Kernel;
  readonly #socket: NetlinkSocketModel;
  readonly #reliable: boolean;
  #received = 0;
  #lost = 0;
  #overruns = 0;

  constructor(kernel: Kernel, events: Events<FlowEvent>, socket: NetlinkSocketModel, reliable: boolean) {
    this.#reliable = reliable;
    this.#kernel = kernel;
    this.events = events;
    this.#socket = socket;
  }

  /** Events that were not read. */
  get left(): number {
    return this.#socket.accepted.length - this.#received;
  }

  /** Nothing is to be read. */
  get idle(): boolean {
    return this.left <= 0;
  }

  get complete(): boolean {
    return this.failed || this.abandoned || this.events.ended || (this.idle && this.#knowsWhatIsLost);
  }

  /** Of a reliable stream only whether anything was lost. */
  get #knowsWhatIsLost(): boolean {
    const { drops } = this.#socket;
    if (!this.#reliable) return this.#lost === drops;
    return this.#kernel.netlink.kept.length === 0 && (drops === 0 || this.#overruns > 0);
  }

  get state(): string {
    const { accepted, drops, waiting } = this.#socket;
    return `${this.#received} of ${accepted.length} received, ${this.#lost} of ${drops} lost, ${waiting} wait`;
  }

  take(event: FlowEvent | { type: 'overrun'; lost: number | undefined }): void {
    if (event.type === 'overrun') {
      this.#overruns++;
      this.#lost += event.lost ?? 0;
      if (this.#socket.drops === 0) this.#kernel.report('events: an overrun, and nothing was dropped');
      if (this.#lost > this.#socket.drops) this.#kernel.report(`events: more is lost than was dropped: ${this.state}`);
      return;
    }
    const serial = Number(event.flow.timestamp?.event);
    const expected = this.#socket.accepted[this.#received++];
    if (serial !== expected)
      this.#kernel.report(`events: ${serial} came where ${expected} was due, the ${this.#received}th`);
  }

  check(): void {
    if (this.#received > this.#socket.accepted.length) this.#kernel.report(`events: ${this.state}`);
  }
}

/** What a flow was at `from` and each time that it changed until `to`: its marks; undefined: it was not there. */
function statesOf(changes: readonly Change[] | undefined, from: number, to: number): (number | undefined)[] {
  if (changes === undefined) return [undefined];
  let at = changes.length;
  while (at > 0 && changes[at - 1].at > from) at--;
  const states: (number | undefined)[] = [at > 0 ? changes[at - 1].mark : undefined];
  for (; at < changes.length && changes[at].at <= to; at++) states.push(changes[at].mark);
  return states;
}

function isKernelError(error: unknown, errno: number): boolean {
  return error instanceof KernelError && error.errno === errno;
}

function anyTransportErrorOf(
  { errno, message }: TransportError,
  errnos: ReadonlySet<number>,
  refused: boolean,
): string | undefined {
  if (errnos.has(errno) || (errno === 0 && (refused || errnos.size > 0)) || errno === EAGAIN) return undefined;
  return `a system call failed that was not made to: ${message}`;
}

const anyTransportError: Judge<unknown> = (outcome, _from, _to, { faults, ringsRefused }) => {
  if (!('error' in outcome)) return undefined;
  if (outcome.error instanceof TransportError) return anyTransportErrorOf(outcome.error, faults.errnos, ringsRefused);
  if (isLackOfMemory(outcome.error, faults)) return undefined;
  return `an error that cannot be: ${describe(outcome.error)}`;
};

function isLackOfMemory(error: unknown, { counts }: Faults): boolean {
  return error instanceof RangeError && error.message === NO_MEMORY && counts['no memory'] !== undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = error instanceof TransportError || error instanceof KernelError;
  return known ? `${error.name} ${error.message}` : (error.stack ?? error.message);
}
