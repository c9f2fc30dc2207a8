/** Keeps the contents of a table true: sockets, dumps, and when each is due. */
import type { EventType } from '../ctnetlink/event.ts';
import type { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import { ClosedError, DumpInterruptedError, OverrunError } from '../netlink/errors.ts';
import { type Handle, runtime } from '../netlink/runtime.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { OpenOptions } from '../transport/open.ts';
import type { ChangeCause, TableNews } from './change.ts';
import type { ChangeQueue } from './change-queue.ts';
import { type Asker, Confirmations } from './confirmations.ts';
import { Connection } from './connection.ts';
import { Consumers } from './consumers.ts';
import { Contents } from './contents.ts';
import type { Listener } from './event-feed.ts';
import { EventsSwitch } from './events-switch.ts';
import { Intake } from './intake.ts';
import type { TableProof } from './proof.ts';
import { MOST_FAILURES, Schedule } from './schedule.ts';
import { mayPass, type Sockets } from './sockets.ts';
import type { MissingReason, TableState } from './state.ts';
import { Waiters } from './waiters.ts';
import { type DumpResult, dumpAll } from './whole-dump.ts';

const SECOND = 1000;

export interface KeeperOptions {
  readonly open: OpenOptions;
  readonly filter: CompiledFilter;
  readonly types: readonly EventType[];
  readonly maxFlows: number;
  readonly verify: 'adaptive' | number | false;
}

export class Keeper implements Listener, Asker {
  readonly contents: Contents;
  readonly filter: CompiledFilter;
  readonly confirmations: Confirmations = new Confirmations(this);
  /** When the table was proved last: milliseconds since 1970. */
  provedAt = 0;
  /** Dumps that were made because something was missing. */
  resyncs = 0;
  lostEvents = 0;
  /** Why it was closed, if not by the program. */
  error: unknown;
  readonly #connection: Connection;
  readonly #schedule: Schedule;
  readonly #intake: Intake;
  readonly #consumers = new Consumers(() => this.#sockets?.feed.reference());
  readonly #synced = new Waiters();
  readonly #proved = new Waiters();
  readonly #switch = new EventsSwitch();
  #closed = false;
  /** Nothing is known to be missing. */
  #known = false;
  /** Why it is not, if so. */
  #reason: MissingReason | undefined;
  /** A first dump has come to its end. */
  #opened = false;
  #dumping = false;
  #dumps = 0;
  #timer: Handle;
  #ticks: Handle;
  #ticking = false;
  readonly #started = runtime.now();

  constructor(options: KeeperOptions) {
    this.#connection = new Connection(options.open, options.types, this);
    this.#schedule = new Schedule(options.verify);
    this.filter = options.filter;
    this.contents = new Contents({
      filter: options.filter,
      maxFlows: options.maxFlows,
      wanted: () => this.#consumers.some,
      changed: (change) => this.#consumers.changed(change),
      full: () => this.#tell(),
      doubt: (entry) => this.confirmations.add(entry, 'resync'),
    });
    this.#intake = new Intake(this.contents);
  }

  /** Resolves when the table has been dumped once. */
  async open(): Promise<void> {
    try {
      await this.#connection.open();
      this.#ticks = runtime.setInterval(() => void this.#tick(), SECOND, false);
      while (!this.#opened) {
        await this.#dump();
        if (this.#closed) throw this.error ?? new ClosedError('the table was closed');
        if (!this.#opened) await this.#sleep(Math.max(1, this.#schedule.wait));
      }
    } catch (error) {
      this.close(error);
      throw error;
    }
  }

  get state(): TableState {
    if (this.#closed) return 'closed';
    if (!this.#known) return this.#dumping ? 'resyncing' : 'stale';
    return this.contents.life.skipped > 0 ? 'full' : 'synced';
  }

  get proof(): TableProof {
    const { provedAt, resyncs, lostEvents, contents } = this;
    const { dumpMs } = this.#schedule;
    const { ambiguous, preListener, skipped, overdue } = contents.life;
    return { at: provedAt, dumpMs, resyncs, lost: lostEvents, ambiguous, preListener, skipped, overdue };
  }

  get #sockets(): Sockets | undefined {
    return this.#connection.sockets;
  }

  get socket(): NetlinkSocket | undefined {
    return this.#sockets?.requests;
  }

  get waiting(): boolean {
    return this.#synced.waiting || this.#proved.waiting || this.#consumers.waiting;
  }

  /** Everything that happens from now on, with the state if that is wanted. */
  changes(most: number, states: boolean): ChangeQueue {
    return this.#consumers.add(most, states, this.#news(), this.error);
  }

  /** Resolves when nothing is known to be missing. */
  synced(): Promise<void> {
    return this.state === 'synced' ? Promise.resolve() : this.#wait(this.#synced, 0);
  }

  /** Resolves when a dump that begins now or later has proved the table. */
  verify(): Promise<void> {
    const proved = this.#wait(this.#proved, this.#dumps);
    this.#plan();
    return proved;
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.error = reason;
    runtime.clearInterval(this.#ticks);
    runtime.clearTimeout(this.#timer);
    this.#connection.close(reason);
    this.#consumers.end(reason);
    for (const waiters of [this.#synced, this.#proved])
      waiters.reject(reason ?? new ClosedError('the table was closed'));
  }

  event(type: EventType, view: DataView, offset: number, end: number): void {
    this.#intake.event(type, view, offset, end);
  }

  lost(count: number | undefined): void {
    this.lostEvents += count ?? 1;
    this.#miss('lost');
  }

  ended(error: Error | undefined): void {
    this.failed(error ?? new ClosedError('the events ended'));
  }

  snapshot(view: DataView, offset: number, end: number, since: number, cause: ChangeCause): void {
    this.#intake.snapshot(view, offset, end, since, cause);
  }

  readEvents(): void {
    this.#sockets?.feed.read();
  }

  async eventsRead(): Promise<void> {
    await this.#sockets?.feed.drained();
  }

  /** A setting of net.netfilter in the namespace of the sockets; undefined where the transport cannot read it. */
  setting(name: string): number | undefined {
    return this.#sockets?.requests.transport.setting?.(`netfilter/${name}`);
  }

  /** The socket of events or that of requests is gone: both are opened again. */
  failed(error: unknown): void {
    if (!this.#connection.drop()) return;
    this.#miss('reopened');
    void this.#reopen(error);
  }

  /** Events were lost, or nobody knows. */
  #miss(reason: MissingReason): void {
    this.contents.life.moments.lose();
    this.#known = false;
    this.#reason = reason;
    this.#plan();
  }

  /** What a consumer is to know of the state; nothing of a table that is closed. */
  #news(): TableNews | undefined {
    const { state, proof } = this;
    if (state === 'closed') return undefined;
    const news: TableNews = { type: 'state', state, flows: this.contents.store.size, proof };
    const reason = this.#switch.off ? 'off' : this.#reason;
    if (!this.#known && reason !== undefined) news.reason = reason;
    return news;
  }

  /** To be called where the state may have changed. */
  #tell(): void {
    this.#consumers.tell(this.state, () => this.#news());
  }

  #wait(waiters: Waiters, after: number): Promise<void> {
    if (this.#closed) return Promise.reject(this.error ?? new ClosedError('the table was closed'));
    const waits = waiters.wait(after);
    this.#sockets?.feed.reference();
    return waits;
  }

  async #reopen(cause: unknown): Promise<void> {
    try {
      await this.#connection.reopen(cause);
    } catch (error) {
      this.close(error);
    }
    if (this.#closed) return;
    this.#consumers.reopened();
    this.#sockets?.feed.reference();
    void this.confirmations.run();
    this.#miss('reopened');
  }

  /** Begins a dump when one is due, or sets a timer for it. */
  #plan(): void {
    this.#planDump();
    this.#tell();
  }

  #planDump(): void {
    if (this.#closed || this.#dumping || this.#connection.reopening || !this.#opened) return;
    const repairs = (!this.#known && !this.#switch.off) || this.#schedule.needed;
    if (!repairs && !this.#proved.waiting) return;
    const { wait } = this.#schedule;
    if (wait <= 0 || (this.#proved.waiting && this.#known && this.#schedule.failures === 0)) {
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
    this.#schedule.needed = false;
    const at = Date.now();
    const result = await dumpAll(this, sockets, repairs && this.#opened);
    this.#dumping = false;
    if (this.#closed) return;
    this.#ended(result);
    if (result.error === undefined && sockets === this.#sockets) {
      if (!this.contents.life.moments.lostSince(result.since)) this.#prove(at, number, repairs);
      this.#opened = true;
    }
    this.#plan();
  }

  #ended({ error, milliseconds, since }: DumpResult): void {
    const schedule = this.#schedule;
    schedule.ended(error !== undefined, milliseconds);
    if (error === undefined) return;
    // What was missing before may be missing now; that the dump has not shown it all makes nothing else wrong.
    if (this.#sockets?.requests.closed === true) this.failed(error);
    if (this.#sockets === undefined || this.contents.life.moments.lostSince(since)) return;
    const expected = error instanceof OverrunError || error instanceof DumpInterruptedError;
    if (!expected && (!mayPass(error) || schedule.failures > MOST_FAILURES)) this.close(error);
    else schedule.needed = true;
  }

  #prove(at: number, number: number, repairs: boolean): void {
    if (repairs && this.#opened) this.resyncs++;
    this.#known = !this.#switch.off;
    this.#connection.proved();
    this.provedAt = at;
    this.#schedule.proved();
    this.#proved.resolve(number);
    if (this.state === 'synced') this.#synced.resolve(number);
    this.#sockets?.feed.reference();
  }

  /** Once a second. */
  async #tick(): Promise<void> {
    this.contents.life.now = Math.floor((runtime.now() - this.#started) / SECOND);
    if (this.#switch.look(this.setting('nf_conntrack_events'))) this.#miss('off');
    this.#check();
    this.readEvents();
    if (this.#ticking || this.#closed) return;
    this.#ticking = true;
    if (!(await this.confirmations.expire())) this.#schedule.needed = true;
    this.#ticking = false;
    if (this.#closed || !this.#opened) return;
    const { preListener, skipped } = this.contents.life;
    if (!this.#dumping && this.#schedule.provesAgain(preListener > 0 || skipped > 0)) this.#schedule.needed = true;
    this.#plan();
  }

  /** There is no notice when others close a descriptor. Its number may be that of another file by now. */
  #check(): void {
    try {
      this.#sockets?.check();
    } catch (error) {
      this.failed(error);
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void runtime.setTimeout(resolve, milliseconds, this.waiting || !this.#known));
  }
}
