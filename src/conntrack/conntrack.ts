import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import type { FlowEvent } from '../ctnetlink/event.ts';
import { explainKernelError } from '../ctnetlink/explain.ts';
import { type CompiledFilter, type FilterInit, restrictingFilter } from '../ctnetlink/filter/filter.ts';
import { kernelSupport } from '../ctnetlink/filter/support.ts';
import { Flow } from '../ctnetlink/flow.ts';
import type { FlowPatch } from '../ctnetlink/patch.ts';
import { buildCreate, buildFlush, buildStats, type ChangeQuery } from '../ctnetlink/request/flow.ts';
import { LABELS } from '../ctnetlink/slots.ts';
import { type CpuStats, decodeCpuStats, decodeGlobalStats, type GlobalStats } from '../ctnetlink/stats.ts';
import { millisecondsOf } from '../format/time.ts';
import { checkOptions } from '../netlink/check.ts';
import { Lease } from '../netlink/lease.ts';
import type { NetnsInfo } from '../netlink/netns.ts';
import type { TrackerCounts } from '../netlink/sequence.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { checkOpenOptions, forOne, type OpenOptions, openTransport } from '../transport/open.ts';
import { ask, type CallOptions, checkCall, collect, isGone } from './call.ts';
import { changes } from './changes.ts';
import { checkLabels } from './created-labels.ts';
import { Dump } from './dump.ts';
import { DumpSockets } from './dump-sockets.ts';
import { EventSockets } from './event-sockets.ts';
import type { Events } from './events.ts';
import {
  type DeleteManyOptions,
  deletes,
  deletesExactly,
  EXACT_MANY_OPTIONS,
  type UpdateManyOptions,
  updatesExactly,
} from './exact-many.ts';
import { Expectations } from './expectations.ts';
import { type DumpOptions, flowDump, flowSource } from './flow-dump.ts';
import { checkFlowEvents, type EventOptions, flowEvents } from './flow-events.ts';
import { type Failure, type Flows, MANY_OPTIONS, type ManyOptions, type ManyResult } from './many.ts';
import { deleteFlow, getFlow, updateFlow } from './one-flow.ts';
import { type RestoreOptions, type RestoreResult, restore, type Snapshot } from './restore.ts';
import { sendMany } from './send-many.ts';
import type { DeleteWhereOptions, DeleteWhereResult, UpdateWhereOptions, UpdateWhereResult, Where } from './where.ts';
import { deleteWhere, updateWhere } from './where-walk.ts';

/** What Conntrack.open takes. */
export interface ConntrackOptions extends OpenOptions {}

/**
 * The one request that conntrack -z sends: for the command line, and no part of the API, because the kernel also zeroes
 * flows that do not match, and loses the counters of some that do.
 */
export let dumpResettingAsC: (ct: Conntrack, filter: FilterInit) => Dump<Flow>;

/**
 * Connection tracking of the network namespace that the process is in. One request socket; events have one each.
 * Everything needs CAP_NET_ADMIN in the user namespace that owns the network namespace (KernelError EPERM otherwise).
 *
 * Only pending calls keep the process alive: an idle Conntrack does not.
 */
export class Conntrack {
  static {
    dumpResettingAsC = (ct, filter) => new Dump(ct.#lease, ct.#sockets, flowSource(filter, 'dumpReset'), undefined);
  }

  readonly #lease: Lease;
  readonly #sockets: DumpSockets;
  #expectations: Expectations | undefined;
  #events: EventSockets | undefined;
  readonly #options: ConntrackOptions;

  private constructor(socket: NetlinkSocket, sockets: DumpSockets, options: ConntrackOptions) {
    if (!(socket instanceof NetlinkSocket)) throw new TypeError('Conntrack.open() opens one: it has no constructor');
    const lease = new Lease(socket, () => sockets.close());
    this.#lease = lease;
    this.#sockets = sockets;
    this.#options = options;
  }

  /**
   * Opens a Conntrack: it has the request socket, and is ready when this resolves.
   * @example
   * await using ct = await Conntrack.open();
   * for await (const flow of ct.dump({ mark: 4 })) console.log(flow.orig.src, flow.tcp?.state);
   * @throws UnsupportedError if no transport runs here, with the transports that were tried; TransportError
   */
  static async open(given: ConntrackOptions = {}): Promise<Conntrack> {
    const options = forOne(checkOpenOptions(given));
    // The request socket has the largest buffer there is: an answer that does not fit is lost.
    const forRequests = { ...options, receiveBuffer: undefined, events: false };
    const socket = new NetlinkSocket(await openTransport(forRequests), explainKernelError);
    return new Conntrack(socket, new DumpSockets(socket, forRequests), options);
  }

  /** The flows that helpers expect. */
  get expectations(): Expectations {
    this.#expectations ??= new Expectations(this.#lease, this.#sockets, this.#eventSockets);
    return this.#expectations;
  }

  /** What carries the messages, such as 'addon' or 'replay'. */
  get transport(): string {
    return this.#lease.transport.name;
  }

  /**
   * The netlink port id of the request socket. A capture shows it as nlmsg_pid of the requests, and events that they
   * cause have it as `portid`. The kernel assigns it; it is often, but not always, the process id. On replay it is that
   * of the transport, not of the capture.
   */
  get portid(): number {
    return this.#lease.transport.portid;
  }

  /** The network namespace that it was opened in, where `netns` named one: `{ inode, name }`. */
  get netns(): NetnsInfo | undefined {
    const { netns } = this.#lease.transport;
    return netns && { inode: netns.inode, name: netns.name };
  }

  /**
   * On replay, the time when the latest answer was captured, in milliseconds since 1970 (UTC), with fractions.
   * Undefined on a live kernel, and if the capture has no times. `event.time` is the time of an event.
   */
  get time(): number | undefined {
    return millisecondsOf(this.#lease.time);
  }

  /** Counts of the messages on the request socket that belonged to no request. */
  get counts(): Readonly<TrackerCounts> {
    return this.#lease.counts;
  }

  /**
   * The flows that match the filter; without a filter all flows, of both families. The dump starts when it is iterated.
   * With `reset` the counters of exactly these flows are set to zero: see DumpOptions.
   * @throws TypeError, RangeError naming the part of the filter or the option
   */
  dump(filter: FilterInit = {}, options: DumpOptions = {}): Dump<Flow> {
    return flowDump(this.#lease, this.#sockets, filter, options);
  }

  /**
   * Resolves to the flow with this original tuple (or, without one, this reply tuple) and exactly this zone; undefined
   * if there is none. It is also undefined if the flow has another reply tuple than you give beside the original one,
   * or if it is another flow in the place of a dumped one, as far as that can be seen: see `delete`.
   * @throws TypeError, RangeError naming the argument; KernelError
   */
  async get(flow: FlowInit | Flow, options: CallOptions = {}): Promise<Flow | undefined> {
    return await getFlow(this.#lease, Flow.from(flow), checkCall(options));
  }

  /**
   * Creates a flow. Missing parts of one direction are the inverse of the other: addresses and ports swapped, the same
   * protocol, and for ICMP the type of the answer. So `reply: { src, dst }` suffices, and you may give a flow by its
   * reply alone. NAT, helper and master can be given only here.
   *
   * A TCP flow in a state from ESTABLISHED to CLOSE without flags and window scales gets the flags BE_LIBERAL and
   * SACK_PERM in both directions (0x0a; from TIME_WAIT on CLOSE_INIT too, 0x0e), as conntrack(8) does. Only the kernel
   * knows the windows of a connection, and without these flags packets of a live connection would be INVALID. If you
   * give flags or window scales, they are sent instead. Flags with a mask of 0, as a dumped flow has them, are set as
   * they were.
   *
   * If no rule of the network namespace uses labels, the kernel creates a flow without its labels and reports success.
   * So a second request looks up a flow that has labels. If they are missing, the call rejects with a LabelsError; the
   * flow then exists without them.
   * @throws TypeError, RangeError naming the argument; KernelError EEXIST if such a flow exists; LabelsError
   */
  async create(flow: FlowInit | Flow, options?: CallOptions): Promise<void> {
    await this.#create(flow, 'create', options);
  }

  /**
   * Changes the flow with this tuple and zone: mark (under markMask), timeout, status (bits can only be set), labels,
   * TCP state. A flow with an id, such as a dumped flow, or with both tuples is looked up first, because the kernel
   * compares nothing else. It is not changed if another flow has its place, as far as that can be seen: see `delete`.
   * Status and TCP state, which you may be changing, are not compared. If you give both tuples, both must be whole. TCP
   * flags are never added: that would loosen a connection whose windows the kernel knows. A timeout of 0, with which
   * the kernel deletes a flow, is refused; of a flow with an id, which was dumped in its last second, it is left out.
   * @throws TypeError, RangeError naming the argument; KernelError ENOENT (also if another flow has its place), EBUSY,
   * EOPNOTSUPP, ...
   */
  async update(flow: FlowInit | Flow, options: CallOptions = {}): Promise<void> {
    await updateFlow(this.#lease, Flow.from(flow), checkCall(options));
  }

  /**
   * Creates the flow, or changes it if it exists. A timeout of 0 is refused, as of `update`; of a flow with an id it is
   * sent as 1.
   * @throws as `create`; LabelsError only if the flow was created
   */
  async createOrUpdate(flow: FlowInit | Flow, options?: CallOptions): Promise<void> {
    await this.#create(flow, 'createOrUpdate', options);
  }

  /**
   * Deletes the flow with this tuple and zone. A flow with an id, such as a dumped flow, or with both tuples is looked
   * up first. It is not deleted if its reply tuple, its id or `timestamp.start` differs. A flow that took the place of
   * a dumped one often has the same id, and starts are known only with nf_conntrack_timestamp=1, which is recommended.
   * Without starts, another flow is recognized by another master, a lost bit of the status (SEEN_REPLY, ASSURED,
   * EXPECTED, SRC_NAT, DST_NAT), lower counters, or a TCP state that went back. If it has none of these, it is taken
   * for the dumped flow and is deleted. So is a flow that takes its place between the two requests, a few microseconds.
   * Counters that were reset since the dump look like those of another flow: leave them out then.
   * @throws TypeError without a whole tuple, which the kernel would take for a flush; KernelError ENOENT if there is no
   * such flow, or another one
   */
  async delete(flow: FlowInit | Flow, options: CallOptions = {}): Promise<void> {
    await deleteFlow(this.#lease, Flow.from(flow), checkCall(options));
  }

  /**
   * Creates flows, several hundred in a datagram, which is several times as fast as one by one. It takes flows from the
   * iterable as it needs them, so it needs constant memory. While an async iterable waits, the flows that it has given
   * are sent. A failed flow does not stop the others. A flow that was created without its labels (see `create`) fails
   * with a LabelsError, although it exists. Flows without labels cost no more. For dumped flows see `restore`.
   * @throws ManyError if some failed and there is no options.onError; OverrunError, TransportError, ClosedError
   */
  async createMany(flows: Flows, options: ManyOptions = {}): Promise<ManyResult> {
    return await this.#many('create', flows, options);
  }

  /**
   * Creates flows, or changes those that exist; otherwise like createMany.
   * @throws as createMany
   */
  async createOrUpdateMany(flows: Flows, options: ManyOptions = {}): Promise<ManyResult> {
    return await this.#many('createOrUpdate', flows, options);
  }

  /**
   * Creates flows as they were dumped, and then the expectations of their helpers. NAT comes back in both directions
   * from the difference of the two tuples, and so do TCP flags and window scales, status, mark, labels, helper, zones,
   * sequence adjustment and timeout. Flows with a master wait until all others are there. Each flow is looked up
   * afterwards and compared, so it takes two to three times as long as createMany.
   *
   * Nothing is lost silently. What the kernel counts or assigns (id, counters, start) never comes back: the result
   * has how often. If anything else is missing or differs, onLoss reports the item with the properties and the reasons,
   * for example labels without a rule that uses them, a helper without its module, or OFFLOAD. An item that the kernel
   * refuses has failed, and does not stop the others.
   *
   * Hold the traffic meanwhile. A packet that comes first creates its flow without NAT, and this flow is then refused
   * (EEXIST).
   * @param snapshot flows, or `{ flows, expectations }`, as dumps or their JSON have them
   * @throws TypeError, RangeError naming the argument; RestoreError if some failed and there is no options.onError, or
   * if the call ended early: its `result` counts what had come back; ClosedError before anything was sent
   */
  async restore(snapshot: Flows | Snapshot, options: RestoreOptions = {}): Promise<RestoreResult> {
    return await restore(this.#lease, snapshot, options);
  }

  /**
   * Changes each flow as `update` does; otherwise like createMany. It looks flows up, as `update` does, only with
   * `{ exact: true }`, which takes twice the time. Otherwise tuple and zone alone decide.
   * @throws as createMany
   */
  async updateMany(flows: Flows, options: UpdateManyOptions = {}): Promise<ManyResult> {
    const { exact, ...rest } = checkOptions(options, EXACT_MANY_OPTIONS);
    if (exact === true) return await sendMany(this.#lease, updatesExactly(this.#lease), flows, rest);
    return await this.#many('update', flows, rest);
  }

  /**
   * Deletes flows by tuple, zone and id, for example `ct.deleteMany(ct.dump(filter))`; otherwise like createMany. It
   * looks flows up, as `delete` does, only with `{ exact: true }`, which takes twice the time. Otherwise a flow that
   * took the place of a dumped one, and has its id, is deleted.
   * @throws as createMany
   */
  async deleteMany(flows: Flows, options: DeleteManyOptions = {}): Promise<ManyResult> {
    const { exact, ...rest } = checkOptions(options, EXACT_MANY_OPTIONS);
    const work = exact === true ? deletesExactly(this.#lease) : deletes(this.#lease);
    return await sendMany(this.#lease, work, flows, rest);
  }

  /**
   * Deletes all flows that match, in one dump of the table, and reports what became of each: also for tens of thousands
   * of addresses. Deletes are sent while the dump goes on, several hundred in a datagram, each by zone, tuple and id.
   * It is never a flush.
   *
   * Deleting does not cut a TCP connection while nf_conntrack_tcp_loose is 1 (the default): the next packet creates the
   * flow again. Block the traffic first, then delete. `verify` counts what came back.
   * @example
   * const { deleted, reappeared } = await ct.deleteWhere({ orig: { src: '192.0.2.0/24' } }, { verify: 1000 });
   * @throws TypeError, RangeError naming the argument, RangeError for a filter that excludes nothing; WhereError with
   * the counts so far; KernelError, TransportError before anything was done
   */
  async deleteWhere(where: Where, options: DeleteWhereOptions = {}): Promise<DeleteWhereResult> {
    return await deleteWhere(this.#lease, this.#sockets, () => this.#eventSockets, where, options);
  }

  /**
   * Changes all flows that match, in one dump of the table: for example the mark (`{ mark: 4, markMask: 0xff }`) or the
   * timeout. Each flow is looked up first, unless `exact` is false, because the kernel finds it by its tuple and zone
   * alone.
   *
   * A patch that has something of a protocol, such as `tcp.state`, fails for flows of other protocols: they are counted
   * in `failed`, and nothing of them changes. What the kernel demands beside an SCTP or DCCP state comes from the flow.
   * @param patch what to change: timeout (not 0, with which the kernel deletes a flow: see deleteWhere), status (bits
   * can only be set), mark, labels, and the state of the protocol
   * @throws as deleteWhere
   */
  async updateWhere(where: Where, patch: FlowPatch, options: UpdateWhereOptions = {}): Promise<UpdateWhereResult> {
    return await updateWhere(this.#lease, this.#sockets, where, patch, options);
  }

  /**
   * Deletes every flow that matches the filter. If this kernel is known to apply exactly this filter, it is one
   * request. Otherwise the flows are dumped and deleted one by one, which costs more and can miss flows that begin in
   * the meantime, but never deletes more.
   * @returns the number of flows that were deleted one by one; undefined if the kernel did it in one request, because
   * it reports no count
   * @throws TypeError, RangeError naming the part of the filter; RangeError for an empty one: see flushAll; KernelError
   */
  async flush(filter: FilterInit, options: CallOptions = {}): Promise<number | undefined> {
    const compiled = restrictingFilter(filter, 'filter');
    const call = checkCall(options);
    const { transport } = this.#lease;
    const forKernel = compiled.forKernel('flush', kernelSupport(transport.release));
    if (!forKernel.exact) return await this.#deleteEach(compiled, call);
    await this.#lease.request(buildFlush(forKernel), call);
    return undefined;
  }

  /**
   * Empties the table: every flow of every family and zone of this network namespace. The kernel reports no count.
   * @throws TypeError naming the option; KernelError EPERM
   */
  async flushAll(options: CallOptions = {}): Promise<void> {
    await this.#lease.request(buildFlush(), checkCall(options));
  }

  /**
   * Listens to events from now on, on a socket of their own. `close` ends the stream, and so does closing this
   * Conntrack.
   * @throws TypeError, RangeError naming the option; UnsupportedError if the transport takes no events; KernelError
   * EPERM
   */
  async events(options: EventOptions = {}): Promise<Events<FlowEvent>> {
    const checked = checkFlowEvents(options);
    return await this.#eventSockets.open(flowEvents(checked), checked);
  }

  /**
   * Resolves to the number of flows in the table and its limit.
   * @throws TypeError naming the option; KernelError EPERM
   */
  async stats(options: CallOptions = {}): Promise<GlobalStats> {
    return (await ask(this.#lease, buildStats('stats'), options, decodeGlobalStats)) ?? { entries: 0 };
  }

  /**
   * Counters of every CPU since boot, of this network namespace.
   * @throws TypeError naming the option; KernelError EPERM
   */
  async cpuStats(options: CallOptions = {}): Promise<CpuStats[]> {
    return await collect(this.#lease, this.#sockets, buildStats('cpuStats'), options, decodeCpuStats);
  }

  /** Closes all sockets: what is pending rejects with ClosedError, events end. Idempotent. */
  async close(): Promise<void> {
    this.#events?.close();
    this.#lease.close();
  }

  /** `await using ct = await Conntrack.open()` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Most programs that make requests want no events. */
  get #eventSockets(): EventSockets {
    this.#events ??= new EventSockets(this.#lease, this.#options);
    return this.#events;
  }

  async #create(given: FlowInit | Flow, query: 'create' | 'createOrUpdate', options?: CallOptions): Promise<void> {
    const call = options === undefined ? undefined : checkCall(options);
    const flow = Flow.from(given);
    await this.#lease.request(buildCreate(flow, query), call);
    if (flow.slots[LABELS] !== undefined) await checkLabels(this.#lease, flow, query, call);
  }

  async #many(query: ChangeQuery, flows: Flows, options: ManyOptions): Promise<ManyResult> {
    return sendMany(this.#lease, changes(this.#lease, query), flows, checkOptions(options, MANY_OPTIONS));
  }

  async #deleteEach(filter: CompiledFilter, options: CallOptions): Promise<number> {
    const onError = ({ error }: Failure): void => {
      // It went by itself since it was dumped.
      if (!isGone(error)) throw error;
    };
    const { succeeded } = await this.deleteMany(this.dump(filter, options), { ...options, onError });
    return succeeded;
  }
}
