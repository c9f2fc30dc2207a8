/** The kernel of a test. */
import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import { Expectation, expectationFrom } from '../ctnetlink/expectation.ts';
import { Flow, flowFrom } from '../ctnetlink/flow.ts';
import { buildExpectationCreate } from '../ctnetlink/request/expectation.ts';
import { buildCreate } from '../ctnetlink/request/flow.ts';
import { ID, LABELS, ORIG, ORIG_PACKETS, REPLY, REPLY_PACKETS, START } from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import { type Checks, checkInteger, checkOptions, checkString, describe } from '../netlink/check.ts';
import { errnoName, TransportError, UnsupportedError } from '../netlink/errors.ts';
import { bytesOf, type Request } from '../netlink/request.ts';
import type { TransportFactory, TransportOptions } from '../netlink/transport.ts';
import { BYTES, type Entry, PACKETS } from './entry.ts';
import { CtnetlinkModel } from './model.ts';
import { checkFakeKernelOptions, type FakeKernelOptions, TIME } from './options.ts';
import { track } from './packets.ts';
import { type FakeOperation, Scripts } from './scripts.ts';
import { FakeSocket, type SocketKernel } from './socket.ts';
import { KERNEL, type Table } from './table.ts';
import { type Packet, packetsOf } from './traffic.ts';

/** The portid of the program that made what is there at the start; sockets have those behind it. */
const FIRST_PORTID = 1000;
const MOST = 0x7fffffff;
const MOST_MILLISECONDS = 8.64e15;

/** How often a script of `fail` fails, and what it says. */
export interface FailOptions {
  /** How many requests fail, 1 to 2^31 - 1, or Infinity. Default: 1. */
  times?: number | undefined;
  /** The text of the extended ACK. Default: none. */
  message?: string | undefined;
}

const FAIL_OPTIONS: Checks<FailOptions> = {
  times: (value, argument) => value === Number.POSITIVE_INFINITY || checkInteger(value, MOST, argument, 1),
  message: checkString,
};

/**
 * A kernel in memory for tests: a table of flows and one of expectations that answer every request of this package as
 * Linux does, with events, errors and extended ACKs, without root and on any system. Its clock moves only in
 * `advance`. Make it with `fakeKernel`.
 */
export class FakeKernel {
  /**
   * Opens sockets of this kernel: `Conntrack.open({ transport: kernel.transport })`, and the same for nfct_open. All of
   * them see the same tables.
   */
  readonly transport: TransportFactory;
  readonly #model: CtnetlinkModel;
  readonly #scripts = new Scripts();
  readonly #sockets = new Set<FakeSocket>();
  #portid = FIRST_PORTID;
  #delay = 0;
  /** Datagrams that have not reached the kernel, in their order. */
  #deferred: { readonly due: number; readonly send: () => void }[] = [];

  /** @internal */
  constructor(options: FakeKernelOptions) {
    const checked = checkFakeKernelOptions(options);
    const { flows = [], expectations = [], release = '6.18.0', time = TIME, ...rest } = checked;
    const given = [...flows].map((flow, index) => flowFrom(flow, `options.flows[${index}]`));
    const some = (...slots: readonly number[]): boolean =>
      given.some((flow) => slots.some((slot) => flow.slots[slot] !== undefined));
    this.#model = new CtnetlinkModel({
      counters: some(ORIG_PACKETS, REPLY_PACKETS),
      timestamps: some(START),
      labels: some(LABELS),
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      release,
      now: Number(time),
    });
    const kernel: SocketKernel = {
      release,
      events: rest.events ?? 1,
      scripts: this.#scripts,
      request: (message, portid) => this.#model.request(message, portid),
      defer: (send) => this.#defer(send),
      closed: (socket) => void this.#sockets.delete(socket),
    };
    this.transport = async (transportOptions: TransportOptions = {}) => {
      if (transportOptions.netns !== undefined)
        throw new UnsupportedError('a fake kernel has no network namespaces: leave netns out');
      const errno = this.#scripts.failureOf('open');
      if (errno !== undefined) throw new TransportError('socket', errno, errnoName(errno));
      const socket = new FakeSocket(kernel, ++this.#portid, transportOptions);
      this.#sockets.add(socket);
      return socket;
    };
    const table = this.#table;
    table.event = (event) => {
      for (const socket of this.#sockets) socket.hear(event);
    };
    table.wanted = (group) => [...this.#sockets].some(({ groups }) => groups.has(group));
    for (const [index, flow] of given.entries()) this.#createFlow(flow, `options.flows[${index}]`);
    for (const [index, each] of [...expectations].entries()) {
      const argument = `options.expectations[${index}]`;
      const expectation = expectationFrom(each, argument);
      this.#carryOut(buildExpectationCreate(expectation, 'expectations.create', argument), argument);
    }
  }

  /** The flows, as a dump gives them now, the oldest first. */
  get flows(): Flow[] {
    const { entries, now } = this.#table;
    return [...entries.values()].map((entry) => new Flow(entry.dumped(now, 1)).clone());
  }

  /** The expectations, as a dump gives them now, the oldest first. */
  get expectations(): Expectation[] {
    const { expected, now } = this.#table;
    return [...expected].map((each) => {
      const expectation = new Expectation();
      expectation.slots = each.dumped(now);
      return expectation.clone();
    });
  }

  /** What its clock says, in milliseconds since the epoch. */
  get now(): number {
    return this.#table.now;
  }

  /** How many sockets are open: 0 when a program has closed all of its own. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /**
   * Moves the clock: timeouts run down, what expires ends with a DESTROY event, and requests that `delay` holds up
   * arrive, each at its time.
   * @param milliseconds 0 or more
   * @throws TypeError, RangeError
   */
  advance(milliseconds: number): void {
    checkInteger(milliseconds, MOST_MILLISECONDS, 'milliseconds');
    const table = this.#table;
    const end = table.now + milliseconds;
    for (let first = this.#deferred[0]; first !== undefined && first.due <= end; first = this.#deferred[0]) {
      this.#deferred.shift();
      table.advanceTo(first.due);
      first.send();
    }
    table.advanceTo(end);
  }

  /**
   * Ends a flow as if its time were over: the DESTROY event has no timeout.
   * @param flow with the tuple of either direction
   * @throws TypeError, RangeError naming what is wrong; RangeError if there is no such flow
   */
  expire(flow: FlowInit | Flow): void {
    const entry = this.#find(flowFrom(flow, 'flow'));
    if (entry === undefined) throw new RangeError('flow is not in the table');
    entry.expires = this.now;
    this.#table.remove(entry, KERNEL);
  }

  /**
   * Packets arrive, one after the other: they create flows, change their states and timeouts as Linux does, are counted
   * where there are counters, and cause events. `tcpHandshake`, `tcpClose` and `exchange` make some.
   * @throws TypeError, RangeError naming the property
   */
  traffic(packets: Packet | Iterable<Packet>): void {
    if (typeof packets !== 'object' || packets === null)
      throw new TypeError(`packets must be a packet or an iterable of packets, not ${describe(packets)}`);
    const all = Symbol.iterator in packets ? [...packets] : [packets];
    const checked = all.map((packet, index) =>
      packetsOf(packet, Symbol.iterator in packets ? `packets[${index}]` : 'packets'),
    );
    for (const each of checked) track(this.#table, each);
  }

  /**
   * The next requests of this operation fail, and change nothing. Each call adds a script of its own.
   * @param operation the `operation` of the KernelError, such as 'create', 'dump' or 'expectations.get', or
   * 'join', the joining of a group of events; 'open' is the opening of a socket, whose error is a TransportError
   * @param code the name of an errno, such as 'EPERM'
   * @throws TypeError, RangeError naming the argument
   */
  fail(operation: FakeOperation, code: string, options: FailOptions = {}): void {
    const { times = 1, message } = checkOptions(options, FAIL_OPTIONS);
    this.#scripts.fail(operation, code, times, message);
  }

  /**
   * Each socket that listens now loses its next events, as if they did not fit its receive buffer: the stream yields an
   * `overrun` event in their place. Losses that nobody has read are reported as one.
   * @param events 1 to 2^31 - 1
   * @throws TypeError, RangeError
   */
  overrun(events: number): void {
    checkInteger(events, MOST, 'events', 1);
    for (const { groups, portid } of this.#sockets) if (groups.size > 0) this.#scripts.lose(portid, events);
  }

  /** The next dump is marked with NLM_F_DUMP_INTR: it ends with a DumpInterruptedError. */
  interrupt(): void {
    this.#scripts.interruptNext();
  }

  /** The next reply, or datagram of a dump, is cut (MSG_TRUNC), as by a buffer that is too short. */
  truncate(): void {
    this.#scripts.truncateNext();
  }

  /**
   * Requests take so long to reach the kernel from now on, by its own clock: they wait for `advance`. 0 ends it: those
   * that wait arrive now, in their order.
   * @param milliseconds 0 or more
   * @throws TypeError, RangeError
   */
  delay(milliseconds: number): void {
    checkInteger(milliseconds, MOST, 'milliseconds');
    this.#delay = milliseconds;
    if (milliseconds === 0) for (const { send } of this.#deferred.splice(0)) send();
  }

  /**
   * The next flow or expectation gets the id of the flow that ended last, as Linux often does it: an id is made of an
   * address, and says nothing about generations.
   * @throws RangeError if no flow has ended
   */
  reuseId(): void {
    const { lastId } = this.#table;
    if (lastId === undefined) throw new RangeError('no flow has ended whose id could be used again');
    this.#table.nextId = lastId;
  }

  /**
   * The next dump leaves out the first flows, as one that a resize of the hash table overtakes. Nothing marks it.
   * @param flows 1 to 2^31 - 1
   * @throws TypeError, RangeError
   */
  skipInDump(flows: number): void {
    this.#model.flows.skipped += checkInteger(flows, MOST, 'flows', 1);
  }

  get #table(): Table {
    return this.#model.table;
  }

  #defer(send: () => void): boolean {
    // What is sent later must not overtake.
    const last = this.#deferred.at(-1)?.due ?? 0;
    if (this.#delay === 0 && this.#deferred.length === 0) return false;
    this.#deferred.push({ due: Math.max(last, this.now + this.#delay), send });
    return true;
  }

  #createFlow(flow: Flow, argument: string): void {
    this.#carryOut(buildCreate(flow, 'create', argument), argument);
    const entry = this.#find(flow)!;
    // What a request cannot say.
    const { counters, timestamps } = entry.extensions;
    for (const slot of [...(counters ? [...PACKETS, ...BYTES] : []), ...(timestamps ? [START] : []), ID])
      if (flow.slots[slot] !== undefined) entry.slots[slot] = flow.slots[slot];
    this.#table.touch(entry);
  }

  #carryOut(request: Request, argument: string): void {
    const { errno } = this.#model.request(bytesOf(request, 1), FIRST_PORTID);
    if (errno === 0) return;
    throw new RangeError(`${argument} is refused as a request of it would be: ${describe(errnoName(errno))}`);
  }

  #find({ slots }: Flow): Entry | undefined {
    return this.#table.byTuple.find(slots, hasTuple(slots, ORIG) ? ORIG : REPLY);
  }
}

/**
 * Makes a kernel in memory, with these flows and expectations in its tables.
 * @throws TypeError, RangeError naming the option, also for a flow that the kernel would refuse
 */
export function fakeKernel(options: FakeKernelOptions = {}): FakeKernel {
  return new FakeKernel(options);
}
