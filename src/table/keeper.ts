/** Keeps the contents of a table true: sockets, dumps, and when each is due. */
import type { EventType } from '../ctnetlink/event.ts';
import type { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { decodeFlowInto } from '../ctnetlink/message.ts';
import { ClosedError, DumpInterruptedError, OverrunError } from '../netlink/errors.ts';
import { type Handle, runtime } from '../netlink/runtime.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { attributesOf } from '../nfnetlink/nfgenmsg.ts';
import type { OpenOptions } from '../transport/open.ts';
import { NFGENMSG_LEN } from '../uapi/nfnetlink.ts';
import type { ChangeCause, FlowChange, TableNews } from './change.ts';
import { ChangeQueue } from './change-queue.ts';
import { type Asker, Confirmations } from './confirmations.ts';
import { Contents } from './contents.ts';
import type { Listener } from './event-feed.ts';
import { EventsSwitch } from './events-switch.ts';
import type { TableProof } from './proof.ts';
import { mayPass, Sockets } from './sockets.ts';
import type { MissingReason, TableState } from './state.ts';
import { A_FEW, Turn } from './turn.ts';
import { Waiters } from './waiters.ts';
import { type DumpResult, dumpAll } from './whole-dump.ts';

const SECOND = 1000;
/** Between two dumps that repair: so many times what the last one took, so that dumping takes a quarter of the time. */
const PAUSE = 3;
/** Flows that are asked for in a second; when more are past their timeout, one dump serves them all. */
const MOST_ASKED = 5000;
/** How often a socket is opened again, and a dump made again, that fails: longer and longer pauses lie between. */
const MOST_FAILURES = 8;
const FIRST_PAUSE = 50;
/** Milliseconds between dumps that only prove. */
const SOON = 30_000;
const LATER = 600_000;
const SOON_BY_DUMP = 50;
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
  dumpMs = 0;
  /** Dumps that were made because something was missing. */
  resyncs = 0;
  lostEvents = 0;
  /** Why it was closed, if not by the program. */
  error: unknown;
  readonly #options: KeeperOptions;
  readonly #queues = new Set<ChangeQueue>();
  readonly #synced = new Waiters();
  readonly #proved = new Waiters();
  readonly #switch = new EventsSwitch();
  #sockets: Sockets | undefined;
  #closed = false;
  /** Nothing is known to be missing. */
  #known = false;
  /** Why it is not, if so. */
  #reason: MissingReason | undefined;
  /** What the consumers know of the state. */
  #told: TableState = 'stale';
  /** A first dump has come to its end. */
  #opened = false;
  #dumping = false;
  #reopening = false;
  /** Attempts to open the sockets again since the table was proved last. */
  #reopenings = 0;
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
  /** Has the rare slots too: with nf_conntrack_timestamp=1, each event has one (timestamp.event). */
  readonly #flow: Flow = new Flow();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.filter = options.filter;
    this.contents = new Contents({
      filter: options.filter,
      maxFlows: options.maxFlows,
      wanted: () => this.#queues.size > 0,
      changed: (change) => this.#changed(change),
      full: () => this.#tell(),
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
    return this.contents.life.skipped > 0 ? 'full' : 'synced';
  }

  get proof(): TableProof {
    const { provedAt, dumpMs, resyncs, lostEvents, contents } = this;
    const { ambiguous, preListener, skipped, overdue } = contents.life;
    return { at: provedAt, dumpMs, resyncs, lost: lostEvents, ambiguous, preListener, skipped, overdue };
  }

  get socket(): NetlinkSocket | undefined {
    return this.#sockets?.requests;
  }

  get waiting(): boolean {
    if (this.#synced.waiting || this.#proved.waiting) return true;
    for (const queue of this.#queues) if (queue.waiting > 0) return true;
    return false;
  }

  /** Everything that happens from now on, with the state if that is wanted. */
  changes(most: number, states: boolean): ChangeQueue {
    const queue: ChangeQueue = new ChangeQueue({
      most,
      states,
      closed: () => void this.#queues.delete(queue),
      waits: () => this.#sockets?.feed.reference(),
    });
    const news = this.#news();
    if (news === undefined) {
      queue.end(this.error);
    } else {
      this.#queues.add(queue);
      if (states) queue.news(news);
    }
    return queue;
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
    this.#sockets?.close();
    this.#sockets = undefined;
    for (const queue of this.#queues) queue.end(reason);
    this.#queues.clear();
    for (const waiters of [this.#synced, this.#proved])
      waiters.reject(reason ?? new ClosedError('the table was closed'));
  }

  event(type: EventType, view: DataView, offset: number, end: number): void {
    const start = attributesOf(offset, end);
    if (this.contents.eventAsIs(type, view, start, end, view.getUint8(start - NFGENMSG_LEN))) return;
    this.contents.event(type, this.#decode(view, offset, end));
  }

  lost(count: number | undefined): void {
    this.lostEvents += count ?? 1;
    this.#miss('lost');
  }

  ended(error: Error | undefined): void {
    this.failed(error ?? new ClosedError('the events ended'));
  }

  snapshot(view: DataView, offset: number, end: number, since: number, cause: ChangeCause): void {
    const start = attributesOf(offset, end);
    const family = view.getUint8(start - NFGENMSG_LEN);
    if (this.contents.snapshotAsIs(view, start, end, family, since, cause)) return;
    this.contents.snapshot(this.#decode(view, offset, end), since, cause);
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
    if (this.#closed || this.#reopening || this.#sockets === undefined) return;
    this.#sockets.close();
    this.#sockets = undefined;
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
    const { state } = this;
    if (state === this.#told) return;
    this.#told = state;
    for (const queue of this.#queues) {
      const news = queue.states ? this.#news() : undefined;
      if (news !== undefined) queue.news(news);
    }
  }

  /** The flow in a message, until the next one. */
  #decode(view: DataView, offset: number, end: number): Flow {
    const flow = this.#flow;
    const { slots } = flow;
    // Quicker than fill.
    for (let slot = 0; slot < slots.length; slot++) slots[slot] = undefined;
    flow.unknown = undefined;
    decodeFlowInto(flow, view, offset, end);
    return flow;
  }

  #changed(change: FlowChange): void {
    for (const queue of this.#queues) queue.change(change);
  }

  #wait(waiters: Waiters, after: number): Promise<void> {
    if (this.#closed) return Promise.reject(this.error ?? new ClosedError('the table was closed'));
    const waits = waiters.wait(after);
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
    let passes = true;
    while (!this.#closed && this.#sockets === undefined) {
      if (this.#reopenings > MOST_FAILURES || !passes) {
        this.close(error);
        break;
      }
      await this.#sleep(FIRST_PAUSE * 2 ** this.#reopenings++);
      if (this.#closed) break;
      try {
        this.#sockets = await this.#openSockets();
      } catch (thrown) {
        error = thrown;
        passes = mayPass(thrown);
      }
    }
    this.#reopening = false;
    if (this.#closed) return;
    for (const queue of this.#queues) queue.reopened();
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
    if (this.#closed || this.#dumping || this.#reopening || !this.#opened) return;
    const repairs = (!this.#known && !this.#switch.off) || this.#needsDump;
    if (!repairs && !this.#proved.waiting) return;
    const wait = this.#notBefore - runtime.now();
    if (wait <= 0 || (this.#proved.waiting && this.#known && this.#failures === 0)) {
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
      if (!this.contents.life.moments.lostSince(result.since)) this.#prove(at, number, repairs);
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
    if (this.#sockets === undefined || this.contents.life.moments.lostSince(since)) return;
    if (error instanceof OverrunError || error instanceof DumpInterruptedError) this.#needsDump = true;
    else if (!mayPass(error) || this.#failures > MOST_FAILURES) this.close(error);
    else this.#needsDump = true;
  }

  #prove(at: number, number: number, repairs: boolean): void {
    if (repairs && this.#opened) this.resyncs++;
    this.#known = !this.#switch.off;
    this.#reopenings = 0;
    this.provedAt = at;
    this.#provedSince = runtime.now();
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
    await this.#expire();
    this.#ticking = false;
    if (this.#closed || !this.#opened) return;
    if (!this.#dumping && runtime.now() - this.#provedSince >= this.#interval) this.#needsDump = true;
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

  get #interval(): number {
    const { verify } = this.#options;
    if (verify === false) return Number.POSITIVE_INFINITY;
    if (verify !== 'adaptive') return verify;
    const { preListener, skipped } = this.contents.life;
    return preListener > 0 || skipped > 0 ? Math.max(SOON, SOON_BY_DUMP * this.dumpMs) : LATER;
  }

  /** What is past its timeout is confirmed, one by one or all by a dump. */
  async #expire(): Promise<void> {
    const { life, store } = this.contents;
    /** No more than are asked for. */
    const due: number[] = [];
    let count = 0;
    const take = (entry: number): void => {
      life.expire(entry);
      if (count++ < MOST_ASKED) due.push(entry);
    };
    const turn = new Turn();
    while (!store.deadlines.due(life.now, A_FEW, take)) if (turn.over) await turn.next();
    if (count === 0) return;
    if (count + this.confirmations.waiting > MOST_ASKED) this.#needsDump = true;
    else for (const entry of due) if (store.holds(entry)) this.confirmations.add(entry, 'expiry');
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void runtime.setTimeout(resolve, milliseconds, this.waiting || !this.#known));
  }
}
