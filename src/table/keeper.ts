/** Keeps the contents of a table true: sockets, dumps, and when each is due. */
import type { EventType } from '../ctnetlink/event.ts';
import type { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import { Flow, flowCodec } from '../ctnetlink/flow.ts';
import { decodeFlowInto } from '../ctnetlink/message.ts';
import { ClosedError, DumpInterruptedError, OverrunError } from '../netlink/errors.ts';
import { type Handle, runtime } from '../netlink/runtime.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { OpenOptions } from '../transport/open.ts';
import type { ChangeCause, FlowChange } from './change.ts';
import { ChangeQueue } from './change-queue.ts';
import { type Asker, Confirmations } from './confirmations.ts';
import { Contents } from './contents.ts';
import { type Listener, turnOfLoop } from './event-feed.ts';
import { mayPass, Sockets } from './sockets.ts';
import type { Sysctls } from './sysctls.ts';
import { type DumpResult, dumpAll } from './whole-dump.ts';

const SECOND = 1000;
/** Between two dumps that repair: so many times what the last one took, so that dumping takes a quarter of the time. */
const PAUSE = 3;
/** Flows that are asked for in a second; when more are past their timeout, one dump serves them all. */
const MOST_ASKED = 5000;
const LOOKED_AT = 16_384;
/** How often a socket is opened again, and a dump made again, that fails: longer and longer pauses lie between. */
const MOST_FAILURES = 8;
const FIRST_PAUSE = 50;
/** Milliseconds between dumps that only prove. */
const SOON = 30_000;
const LATER = 600_000;
const SOON_BY_DUMP = 50;
/** nf_conntrack_events is 0 for so many seconds: events are off. */
const OFF_AFTER = 2;

/**
 * What a table knows of itself. 'synced': nothing is known to be missing. 'resyncing': something is, and a dump is on
 * its way. 'stale': something is, and the next dump waits for its time, or the kernel reports no events. 'full': there
 * are more flows than `maxFlows`. 'closed': by the program, or because the table could not go on: see `error`.
 */
export type TableState = 'synced' | 'resyncing' | 'stale' | 'full' | 'closed';

export interface KeeperOptions {
  readonly open: OpenOptions;
  readonly filter: CompiledFilter;
  readonly types: readonly EventType[];
  readonly maxFlows: number;
  readonly verify: 'adaptive' | number | false;
  readonly sysctls: Sysctls;
}

interface Waiter {
  /** Resolves with a dump that begins after so many others. */
  readonly after: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class Keeper implements Listener, Asker {
  readonly contents: Contents;
  readonly filter: CompiledFilter;
  readonly sysctls: Sysctls;
  readonly confirmations: Confirmations = new Confirmations(this);
  /** When the table was proved last: milliseconds since 1970. */
  provedAt = 0;
  dumpMs = 0;
  /** Dumps that were made because something was missing. */
  resyncs = 0;
  lostEvents = 0;
  /** Why it was closed, if not by the program. */
  error: unknown;
  readonly #options: KeeperOptions;
  readonly #queues = new Set<ChangeQueue>();
  #synced: Waiter[] = [];
  #proved: Waiter[] = [];
  #sockets: Sockets | undefined;
  #closed = false;
  /** Nothing is known to be missing. */
  #known = false;
  /** A first dump has come to its end. */
  #opened = false;
  #dumping = false;
  #reopening = false;
  #dumps = 0;
  #failures = 0;
  /** No dump that repairs begins before this moment. */
  #notBefore = 0;
  #provedSince = 0;
  #needsDump = false;
  #timer: Handle;
  #ticks: Handle;
  #ticking = false;
  readonly #started = runtime.now();
  #off = 0;
  readonly #flow: Flow = new Flow(flowCodec.emptyCommonSlots.slice());

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.filter = options.filter;
    this.sysctls = options.sysctls;
    this.contents = new Contents({
      filter: options.filter,
      maxFlows: options.maxFlows,
      wanted: () => this.#queues.size > 0,
      changed: (change) => this.#changed(change),
      doubt: (entry) => this.confirmations.add(entry, 'resync'),
    });
  }

  /** Resolves when the table has been dumped once. */
  async open(): Promise<void> {
    try {
      this.#sockets = await this.#openSockets();
      this.#ticks = runtime.setInterval(() => void this.#tick(), SECOND, false);
      while (!this.#opened) {
        await this.#dump();
        if (this.#closed) throw this.error ?? new ClosedError('the table was closed');
        if (!this.#opened) await this.#sleep(Math.max(1, this.#notBefore - runtime.now()));
      }
    } catch (error) {
      this.close(error);
      throw error;
    }
  }

  get state(): TableState {
    if (this.#closed) return 'closed';
    if (!this.#known) return this.#dumping ? 'resyncing' : 'stale';
    return this.contents.skipped > 0 ? 'full' : 'synced';
  }

  get socket(): NetlinkSocket | undefined {
    return this.#sockets?.requests;
  }

  get waiting(): boolean {
    if (this.#synced.length > 0 || this.#proved.length > 0) return true;
    for (const queue of this.#queues) if (queue.waiting > 0) return true;
    return false;
  }

  /** Everything that happens from now on. */
  changes(most: number): ChangeQueue {
    const queue: ChangeQueue = new ChangeQueue(
      most,
      () => void this.#queues.delete(queue),
      () => this.#sockets?.feed.reference(),
    );
    if (this.#closed) queue.end(this.error);
    else this.#queues.add(queue);
    return queue;
  }

  /** Resolves when nothing is known to be missing. */
  synced(): Promise<void> {
    return this.state === 'synced' ? Promise.resolve() : this.#wait(this.#synced);
  }

  /** Resolves when a dump that begins now or later has proved the table. */
  verify(): Promise<void> {
    const proved = this.#wait(this.#proved);
    this.#plan();
    return proved;
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.error = reason;
    runtime.clearInterval(this.#ticks);
    runtime.clearTimeout(this.#timer);
    this.#sockets?.close();
    this.#sockets = undefined;
    for (const queue of this.#queues) queue.end(reason);
    this.#queues.clear();
    for (const { reject } of [...this.#synced, ...this.#proved])
      reject(reason ?? new ClosedError('the table was closed'));
    this.#synced = [];
    this.#proved = [];
  }

  event(type: EventType, view: DataView, offset: number, end: number): void {
    this.contents.event(type, this.#decode(view, offset, end));
  }

  lost(count: number | undefined): void {
    this.lostEvents += count ?? 1;
    this.#miss();
  }

  ended(error: Error | undefined): void {
    this.failed(error ?? new ClosedError('the events ended'));
  }

  snapshot(view: DataView, offset: number, end: number, since: number, cause: ChangeCause): void {
    this.contents.snapshot(this.#decode(view, offset, end), since, cause);
  }

  readEvents(): void {
    this.#sockets?.feed.read();
  }

  /** The socket of events or that of requests is gone: both are opened again. */
  failed(error: unknown): void {
    if (this.#closed || this.#reopening || this.#sockets === undefined) return;
    this.#sockets.close();
    this.#sockets = undefined;
    this.#miss();
    void this.#reopen(error);
  }

  /** Events were lost, or nobody knows. */
  #miss(): void {
    this.contents.lose();
    this.#known = false;
    this.#plan();
  }

  /** The flow in a message, until the next one. */
  #decode(view: DataView, offset: number, end: number): Flow {
    const flow = this.#flow;
    if (flow.slots.length > flowCodec.commonSlots) flow.slots = flowCodec.emptyCommonSlots.slice();
    else flow.slots.fill(undefined);
    flow.unknown = undefined;
    decodeFlowInto(flow, view, offset, end);
    return flow;
  }

  #changed(change: FlowChange): void {
    for (const queue of this.#queues) queue.push(change);
  }

  #wait(waiters: Waiter[]): Promise<void> {
    if (this.#closed) return Promise.reject(this.error ?? new ClosedError('the table was closed'));
    const waits = new Promise<void>((resolve, reject) => {
      waiters.push({ after: this.#dumps, resolve, reject });
    });
    this.#sockets?.feed.reference();
    return waits;
  }

  async #openSockets(): Promise<Sockets> {
    const sockets = await Sockets.open(this.#options.open, this.#options.types, this);
    if (!this.#closed) return sockets;
    sockets.close();
    throw this.error ?? new ClosedError('the table was closed');
  }

  async #reopen(cause: unknown): Promise<void> {
    this.#reopening = true;
    let error = cause;
    for (let failures = 0; !this.#closed; failures++) {
      if (failures > MOST_FAILURES || (failures > 0 && !mayPass(error))) {
        this.close(error);
        break;
      }
      await this.#sleep(FIRST_PAUSE * 2 ** failures);
      if (this.#closed) break;
      try {
        this.#sockets = await this.#openSockets();
        break;
      } catch (thrown) {
        error = thrown;
      }
    }
    this.#reopening = false;
    if (this.#closed) return;
    for (const queue of this.#queues) queue.reopened();
    this.#sockets?.feed.reference();
    void this.confirmations.run();
    this.#miss();
  }

  /** Begins a dump when one is due, or sets a timer for it. */
  #plan(): void {
    if (this.#closed || this.#dumping || this.#reopening || !this.#opened) return;
    const repairs = (!this.#known && this.#off < OFF_AFTER) || this.#needsDump;
    if (!repairs && this.#proved.length === 0) return;
    const wait = this.#notBefore - runtime.now();
    if (wait <= 0 || (this.#proved.length > 0 && this.#known && this.#failures === 0)) {
      void this.#dump();
    } else if (this.#timer === undefined) {
      const again = (): void => {
        this.#timer = undefined;
        this.#plan();
      };
      this.#timer = runtime.setTimeout(again, wait, this.waiting);
    }
  }

  async #dump(): Promise<void> {
    const sockets = this.#sockets;
    if (sockets === undefined) return;
    this.#dumping = true;
    const number = ++this.#dumps;
    const repairs = !this.#known;
    this.#needsDump = false;
    const at = Date.now();
    const result = await dumpAll(this, sockets, repairs && this.#opened);
    this.#dumping = false;
    if (this.#closed) return;
    this.#ended(result);
    if (result.error === undefined && sockets === this.#sockets) {
      if (!this.contents.lostSince(result.since)) this.#prove(at, number, repairs);
      this.#opened = true;
    }
    this.#plan();
  }

  #ended({ error, milliseconds, since }: DumpResult): void {
    const now = runtime.now();
    if (error === undefined) {
      this.#failures = 0;
      this.dumpMs = milliseconds;
      this.#notBefore = now + PAUSE * milliseconds;
      return;
    }
    this.#failures++;
    this.#notBefore = now + Math.max(PAUSE * milliseconds, FIRST_PAUSE * 2 ** Math.min(this.#failures, MOST_FAILURES));
    // What was missing before may be missing now; that the dump has not shown it all makes nothing else wrong.
    if (this.#sockets?.requests.closed === true) this.failed(error);
    if (this.#sockets === undefined || this.contents.lostSince(since)) return;
    if (error instanceof OverrunError || error instanceof DumpInterruptedError) this.#needsDump = true;
    else if (!mayPass(error) || this.#failures > MOST_FAILURES) this.close(error);
    else this.#needsDump = true;
  }

  #prove(at: number, number: number, repairs: boolean): void {
    if (repairs && this.#opened) this.resyncs++;
    this.#known = this.#off < OFF_AFTER;
    this.provedAt = at;
    this.#provedSince = runtime.now();
    const proved = this.#proved.filter(({ after }) => after < number);
    this.#proved = this.#proved.filter(({ after }) => after >= number);
    for (const { resolve } of proved) resolve();
    if (this.state === 'synced') {
      for (const { resolve } of this.#synced.splice(0)) resolve();
    }
    this.#sockets?.feed.reference();
  }

  /** Once a second. */
  async #tick(): Promise<void> {
    this.contents.now = Math.floor((runtime.now() - this.#started) / SECOND);
    this.#lookAtSwitch();
    // There is no notice when others close a descriptor; only a receive shows it.
    this.readEvents();
    if (this.#ticking || this.#closed) return;
    this.#ticking = true;
    await this.#expire();
    this.#ticking = false;
    if (this.#closed || !this.#opened) return;
    if (!this.#dumping && runtime.now() - this.#provedSince >= this.#interval) this.#needsDump = true;
    this.#plan();
  }

  get #interval(): number {
    const { verify } = this.#options;
    if (verify === false) return Number.POSITIVE_INFINITY;
    if (verify !== 'adaptive') return verify;
    const { preListener, skipped } = this.contents;
    return preListener > 0 || skipped > 0 ? Math.max(SOON, SOON_BY_DUMP * this.dumpMs) : LATER;
  }

  /** What is past its timeout is confirmed, one by one or all by a dump. */
  async #expire(): Promise<void> {
    const { contents } = this;
    const due: number[] = [];
    const take = (entry: number): void => {
      contents.expire(entry);
      due.push(entry);
    };
    while (!contents.store.deadlines.due(contents.now, LOOKED_AT, take)) await turnOfLoop();
    if (due.length === 0) return;
    if (due.length + this.confirmations.waiting > MOST_ASKED) this.#needsDump = true;
    else for (const entry of due) if (contents.store.holds(entry)) this.confirmations.add(entry, 'expiry');
  }

  #lookAtSwitch(): void {
    const value = this.sysctls.events();
    if (value === 0) {
      if (++this.#off === OFF_AFTER) this.#miss();
    } else if (this.#off > 0) {
      this.#off = 0;
      this.#miss();
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void runtime.setTimeout(resolve, milliseconds, this.waiting || !this.#known));
  }
}
