import type { ExpectationInit } from '../ctnetlink/attributes/expectation-properties.ts';
import { KINDS } from '../ctnetlink/attributes/kinds.ts';
import { contradictsExpectation } from '../ctnetlink/contradiction.ts';
import type { ExpectationEvent } from '../ctnetlink/event.ts';
import { Expectation } from '../ctnetlink/expectation.ts';
import type { ExpectationFilter } from '../ctnetlink/filter/expectation.ts';
import { CompiledExpectationFilter } from '../ctnetlink/filter/expectation.ts';
import { decodeExpectation } from '../ctnetlink/message.ts';
import {
  buildExpectationCreate,
  buildExpectationDelete,
  buildExpectationDump,
  buildExpectationFlush,
  buildExpectationGet,
  buildExpectationStats,
} from '../ctnetlink/request/expectation.ts';
import { EXPECT_CLASS, EXPECT_HELPER, EXPECT_MASK, EXPECT_MASTER } from '../ctnetlink/slots.ts';
import { decodeExpectationCpuStats, type ExpectationCpuStats } from '../ctnetlink/stats.ts';
import { checkOptions, checkString } from '../netlink/check.ts';
import type { Lease } from '../netlink/lease.ts';
import { EEXIST, ENOENT } from '../uapi/errno.ts';
import { type CallOptions, checkCall, collect, findOne, refusal } from './call.ts';
import { Dump } from './dump.ts';
import type { DumpSockets } from './dump-sockets.ts';
import type { EventSockets } from './event-sockets.ts';
import type { Events } from './events.ts';
import { checkExpectationEvents, type ExpectationEventOptions, expectationEvents } from './expectation-events.ts';

/** Something is given that the kernel does not compare. */
function isParticular({ slots }: Expectation): boolean {
  const others = [...EXPECT_MASTER.all, ...EXPECT_MASK.all, EXPECT_HELPER, EXPECT_CLASS];
  return others.some((slot) => slots[slot] !== undefined);
}

/**
 * The flows that helpers expect, such as data connections of FTP. `Conntrack.expectations` is it: it asks through that
 * one's socket.
 */
export class Expectations {
  readonly #lease: Lease;
  readonly #sockets: DumpSockets;
  readonly #events: EventSockets;

  /** @internal */
  constructor(lease: Lease, sockets: DumpSockets, events: EventSockets) {
    this.#lease = lease;
    this.#sockets = sockets;
    this.#events = events;
  }

  /**
   * The expectations that match; with no filter all of them, of both families. Starts when it is iterated. The kernel
   * filters by family only; the rest is compared here.
   * @throws TypeError, RangeError naming the part of the filter
   */
  dump(filter: ExpectationFilter = {}, options: CallOptions = {}): Dump<Expectation> {
    const { signal } = checkCall(options);
    const compiled = new CompiledExpectationFilter(filter);
    const source = {
      request: () => buildExpectationDump(compiled.family),
      take(view: DataView, offset: number, end: number): Expectation | undefined {
        const expectation = decodeExpectation(view, offset, end);
        return compiled.matches(expectation) ? expectation : undefined;
      },
    };
    return new Dump(this.#lease, this.#sockets, source, signal);
  }

  /**
   * The expectation that a flow with this tuple would meet; undefined when there is none, or when it has another id
   * than the one that is given. A zone must be that of the master.
   * @throws TypeError, RangeError naming the argument; KernelError
   */
  async get(expectation: ExpectationInit | Expectation, options: CallOptions = {}): Promise<Expectation | undefined> {
    const wanted = Expectation.from(expectation);
    const request = buildExpectationGet(wanted);
    const found = await findOne(this.#lease, request, options, decodeExpectation);
    return wanted.id === undefined || wanted.id === found?.id ? found : undefined;
  }

  /**
   * Creates an expectation: `tuple` (without a source, any source matches), `master` (a flow in the table that has a
   * helper) and `timeout`, which the kernel demands and then replaces by that of the helper (300 s for ftp). Without a
   * mask, all given parts of the source must be equal. If the helper already expects as many flows of this master as it
   * may, the oldest expectation ends.
   * @throws TypeError, RangeError naming the argument; KernelError EEXIST, ENOENT (no such master), EOPNOTSUPP (the
   * master has no helper)
   */
  async create(expectation: ExpectationInit | Expectation, options: CallOptions = {}): Promise<void> {
    const request = buildExpectationCreate(Expectation.from(expectation), 'expectations.create');
    await this.#lease.request(request, checkCall(options));
  }

  /**
   * Creates the expectation, or gives the existing one a new timeout, which no event reports. The kernel would also
   * take one of another master, which has the same tuple: so the expectation is looked up first.
   * @throws as create, but EEXIST only if another expectation takes this tuple
   */
  async createOrUpdate(expectation: ExpectationInit | Expectation, options: CallOptions = {}): Promise<void> {
    const meant = Expectation.from(expectation);
    const request = buildExpectationCreate(meant, 'expectations.createOrUpdate');
    const call = checkCall(options);
    if ((await this.#lookUp(meant, call)) === 'another') throw refusal(EEXIST, request.kind.name, request.subject());
    await this.#lease.request(request, call);
  }

  /**
   * Deletes the expectation that a flow with this tuple would meet; with an id (a dumped one has it) none that has
   * another. The kernel compares nothing else. So if you also give a master, mask, helper or class, as a dumped one has
   * them, the expectation is looked up first, and is not deleted if one of them differs. With a mask the tuple, too,
   * must be that of the expectation. One that took the place of another may have all of these, and its id.
   * @throws TypeError without a tuple: the kernel would take it for a flush; KernelError ENOENT, also if another
   * expectation has its place
   */
  async delete(expectation: ExpectationInit | Expectation, options: CallOptions = {}): Promise<void> {
    const meant = Expectation.from(expectation);
    const request = buildExpectationDelete(meant);
    const call = checkCall(options);
    if (isParticular(meant) && (await this.#lookUp(meant, call)) !== 'this')
      throw refusal(ENOENT, request.kind.name, request.subject());
    await this.#lease.request(request, call);
  }

  /** What the kernel would find by this tuple. */
  async #lookUp(meant: Expectation, options: CallOptions): Promise<'this' | 'another' | 'none'> {
    const found = await findOne(this.#lease, buildExpectationGet(meant), options, decodeExpectation);
    if (found === undefined) return 'none';
    return contradictsExpectation(meant.slots, found.slots) ? 'another' : 'this';
  }

  /**
   * Deletes the expectations of a helper, of every family and zone. The kernel reports no count. @throws TypeError,
   * RangeError naming the argument; KernelError
   */
  async flush(filter: { helper: string }, options: CallOptions = {}): Promise<void> {
    const { helper } = checkOptions(filter, { helper: checkString }, 'filter');
    if (helper === undefined) throw new TypeError('helper is required; flushAll() deletes every expectation');
    const request = buildExpectationFlush(KINDS.string.set(helper, 'helper') as string);
    await this.#lease.request(request, checkCall(options));
  }

  /**
   * Deletes every expectation of this network namespace. The kernel reports no count.
   * @throws TypeError naming the option; KernelError EPERM
   */
  async flushAll(options: CallOptions = {}): Promise<void> {
    await this.#lease.request(buildExpectationFlush(), checkCall(options));
  }

  /**
   * Events from now on, on a socket of their own; `close` ends them, and so does closing the Conntrack. There are no
   * events for a master that was created before anybody listened (nf_conntrack_events=2, the default since Linux 5.19).
   * @throws TypeError, RangeError naming the option; UnsupportedError where the transport takes no events; KernelError
   * EPERM
   */
  async events(options: ExpectationEventOptions = {}): Promise<Events<ExpectationEvent>> {
    const checked = checkExpectationEvents(options);
    return await this.#events.open(expectationEvents(checked), checked);
  }

  /**
   * Counters of every CPU since boot, of this network namespace.
   * @throws TypeError naming the option; KernelError EPERM
   */
  async stats(options: CallOptions = {}): Promise<ExpectationCpuStats[]> {
    const request = buildExpectationStats();
    return await collect(this.#lease, this.#sockets, request, options, decodeExpectationCpuStats);
  }
}
