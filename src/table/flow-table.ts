import type { TupleInit } from '../ctnetlink/attributes/flow-properties.ts';
import { type CompiledFilter, compiledFilter, type Filter } from '../ctnetlink/filter/filter.ts';
import { type Flow, flowFrom } from '../ctnetlink/flow.ts';
import { ID, ORIG, REPLY, type TupleSlots } from '../ctnetlink/slots.ts';
import { checkTuple } from '../ctnetlink/tuple.ts';
import { unwatch, watch } from '../netlink/aborts.ts';
import { checkInteger, checkOptions, checkPlain, describe } from '../netlink/check.ts';
import { notDropped, stackOf, whenDropped } from '../netlink/lease.ts';
import { forOne } from '../transport/open.ts';
import type { TableChange, TableNews } from './change.ts';
import { Changes } from './changes.ts';
import { Keeper } from './keeper.ts';
import {
  CHANGES_OPTIONS,
  type ChangesOptions,
  DEFAULT_FLOWS,
  FLOW_TABLE_OPTIONS,
  type FlowTableOptions,
} from './options.ts';
import { readPlainTuple } from './plain-tuple.ts';
import type { TableProof } from './proof.ts';
import type { TableState } from './state.ts';
import { matching } from './store/search.ts';
import { ORIGINAL, REPLIED } from './store/tuple-places.ts';

const DEFAULT_QUEUE = 65_536;
const MOST_ZONE = 0xffff;

/** By which tuple a flow is looked up: one of both. */
export interface Lookup {
  /** The tuple of the original direction: the flow's first packet. */
  orig?: TupleInit | undefined;
  /** The tuple of the reply direction: after NAT, what the addressed host sees and answers. */
  reply?: TupleInit | undefined;
  /** The zone of that direction. Default: 0. */
  zone?: number | undefined;
}

/**
 * A copy of the kernel's table that stays true, and says when it may not be. It follows the events, dumps the table
 * again when some were lost, and asks for flows that should have ended. A flow takes about 170 bytes; `Flow` objects
 * are made when they are asked for.
 *
 * Close it. Only a pending call or `next()` keeps the process alive.
 */
export class FlowTable implements Iterable<Flow> {
  readonly #keeper: Keeper;

  private constructor(keeper: Keeper) {
    if (!(keeper instanceof Keeper)) throw new TypeError('FlowTable.open() opens one: it has no constructor');
    this.#keeper = keeper;
    whenDropped(this, 'A flow table', stackOf(), () => {
      const open = keeper.state !== 'closed';
      keeper.close();
      return open;
    });
  }

  /**
   * Opens a table. It resolves when the kernel's table has been dumped; what happens meanwhile is in it.
   * @example
   * await using table = await FlowTable.open({ filter: { orig: { proto: 'tcp' } } });
   * for await (const change of table.changes()) console.log(change.type, change.type !== 'gap' && change.flow.key());
   * @throws TypeError, RangeError naming the option; UnsupportedError if the transport takes no events; KernelError
   * EPERM; TransportError
   */
  static async open(options: FlowTableOptions = {}): Promise<FlowTable> {
    const checked = checkOptions(options, FLOW_TABLE_OPTIONS);
    const { filter = {}, follow = 'all', maxFlows = DEFAULT_FLOWS, verify = 'adaptive', signal, ...open } = checked;
    const compiled = compiledFilter(filter, 'options.filter');
    signal?.throwIfAborted();
    const keeper = new Keeper({
      open: forOne(open),
      filter: compiled,
      types: follow === 'all' ? ['new', 'update', 'destroy'] : ['new', 'destroy'],
      maxFlows,
      verify,
    });
    const abort = (): void => keeper.close(signal?.reason);
    if (signal !== undefined) watch(signal, abort);
    try {
      await keeper.open();
    } catch (error) {
      if (signal !== undefined) unwatch(signal, abort);
      throw error;
    }
    return new FlowTable(keeper);
  }

  /** Whether the table is true now, as far as it knows. */
  get state(): TableState {
    return this.#keeper.state;
  }

  /** Why the table was closed; undefined while it is open, and if the program closed it. */
  get error(): unknown {
    return this.#keeper.error;
  }

  /** How good the table is: a new object each time. */
  get proof(): TableProof {
    return this.#keeper.proof;
  }

  /** How many flows are in it. */
  get size(): number {
    return this.#keeper.contents.store.size;
  }

  /**
   * The flow with this original tuple in this zone of that direction; undefined if there is none.
   * @throws TypeError, RangeError naming what is missing or wrong
   */
  get(tuple: TupleInit, zone = 0): Flow | undefined {
    return this.#find(ORIG, tuple, 'tuple', checkInteger(zone, MOST_ZONE, 'zone'));
  }

  /**
   * The flow with this original or this reply tuple; undefined if there is none. The reply tuple finds a connection
   * from behind NAT: of a socket that a proxy accepted, its source is the local address and its destination the peer's.
   * @throws TypeError, RangeError naming what is missing or wrong
   */
  lookup(by: Lookup): Flow | undefined {
    checkPlain(by, 'by');
    const { orig, reply, zone = 0, ...others } = by;
    const [other] = Object.keys(others);
    if (other !== undefined) throw new TypeError(`by.${other} is not one of orig, reply, zone`);
    if ((orig === undefined) === (reply === undefined))
      throw new TypeError(`by must have orig or reply, not ${orig === undefined ? 'neither' : 'both'}`);
    checkInteger(zone, MOST_ZONE, 'by.zone');
    if (orig !== undefined) return this.#find(ORIG, orig, 'by.orig', zone);
    return this.#find(REPLY, reply!, 'by.reply', zone);
  }

  /**
   * The flows that match the filter. What changes while you iterate may be among them or not.
   * @throws TypeError, RangeError naming the part of the filter
   */
  find(filter: Filter | CompiledFilter): IterableIterator<Flow> {
    const compiled = compiledFilter(filter);
    const { contents } = this.#keeper;
    return (function* flows(): Generator<Flow> {
      for (const entry of matching(contents.store, compiled)) yield contents.life.flow(entry);
    })();
  }

  /** All flows. What changes while you iterate may be among them or not. */
  *[Symbol.iterator](): IterableIterator<Flow> {
    const { contents } = this.#keeper;
    const { store } = contents;
    for (let entry = 0; entry < store.entries.used; entry++) if (store.holds(entry)) yield contents.life.flow(entry);
  }

  /**
   * What changes from now on: to have all of it, begin here and then read the table. Each consumer has a queue of its
   * own, and one that reads too slowly, or never, gets a 'gap'. A change that no event reports (counters, timeouts) is
   * none. The iteration ends when the table is closed; it rejects once if the table could not go on.
   * @throws TypeError, RangeError naming the option
   */
  changes(options?: ChangesOptions & { states?: false | undefined }): Changes;
  /**
   * The same, and what `state` is: first now, then each time that it changes.
   * @throws TypeError, RangeError naming the option
   */
  changes(options: ChangesOptions): Changes<TableChange | TableNews>;
  changes(options: ChangesOptions = {}): Changes<TableChange | TableNews> {
    const { queue = DEFAULT_QUEUE, states = false } = checkOptions(options, CHANGES_OPTIONS);
    return new Changes(this.#keeper.changes(queue, states));
  }

  /** Resolves when nothing is known to be missing. Rejects when the table is closed. */
  async synced(): Promise<void> {
    await this.#keeper.synced();
  }

  /**
   * Dumps the table, and resolves when nothing was lost meanwhile: the table is then as the kernel had it. Rejects when
   * the table is closed.
   */
  async verify(): Promise<void> {
    await this.#keeper.verify();
  }

  /** Closes its sockets; the flows stay readable. Idempotent. */
  async close(): Promise<void> {
    notDropped(this);
    this.#keeper.close();
  }

  /** `await using table = await FlowTable.open()` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #find(side: TupleSlots, tuple: TupleInit, argument: string, zone: number): Flow | undefined {
    if (typeof tuple !== 'object' || tuple === null)
      throw new TypeError(`${argument} must be an object, not ${describe(tuple)}`);
    const { contents } = this.#keeper;
    const { store } = contents;
    const direction = side === ORIG ? ORIGINAL : REPLIED;
    if (!readPlainTuple(tuple, zone, store.key)) {
      const { slots } = flowFrom({ [side.group]: tuple, ...(zone === 0 ? {} : { zone }) }, argument);
      checkTuple(slots, side, argument, slots[ID] !== undefined);
      store.key.read(slots, direction);
    }
    const entry = store.findKey(store.key, direction);
    return entry >= 0 && store.holds(entry) ? contents.life.flow(entry) : undefined;
  }
}
