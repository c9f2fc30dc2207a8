/** What a command line says, read and checked: what the commands work from. */

import type { EventType } from '../../ctnetlink/event.ts';
import type { CompiledFilter, Masked } from '../../ctnetlink/filter/filter.ts';
import type { RangeSet } from '../../ctnetlink/filter/ranges.ts';
import { Flow, flowCodec } from '../../ctnetlink/flow.ts';
import type { Family } from '../../ctnetlink/names.ts';

export type Command =
  | 'list'
  | 'get'
  | 'delete'
  | 'create'
  | 'add'
  | 'update'
  | 'event'
  | 'flush'
  | 'count'
  | 'stats'
  | 'load'
  | 'snapshot'
  | 'restore'
  | 'watch'
  | 'help'
  | 'version'
  | 'completion';

export type Shell = 'bash' | 'zsh' | 'fish';

export type TableName = 'conntrack' | 'expect' | 'dying' | 'unconfirmed';

export type OutputType =
  | 'extended'
  | 'xml'
  | 'save'
  | 'timestamp'
  | 'id'
  | 'ktimestamp'
  | 'labels'
  | 'userspace'
  | 'json'
  | 'ndjson';

/** The user's mistake. The message goes behind the name of the program. */
export class UsageError extends Error {
  override name = 'UsageError';
  /** 2; conntrack(8) has 1 for some. */
  readonly status: number;
  /** What would have been right: a line before the message, which is conntrack(8)'s. */
  readonly hint: string | undefined;
  /** Lines behind the message, without the name of the program: what it is about, and where. */
  readonly pointer: readonly string[];

  constructor(message: string, status = 2, hint?: string, pointer: readonly string[] = []) {
    super(message);
    this.status = status;
    this.hint = hint;
    this.pointer = pointer;
  }
}

/** An address as its slot has it: a 32-bit integer of IPv4, 16 bytes of IPv6. */
export type Address = number | Uint8Array;

/** -n, -g and -j: to select by, or to set up. Nothing set: any. */
export interface NatWanted {
  address?: Address;
  port?: number;
}

export class Settings {
  command: Command | undefined;
  table: TableName = 'conntrack';
  /** -f, or what the addresses imply. */
  family: Family | undefined;
  /**
   * Tuples, protocol state, -t, -u, -c, -w and zones of directions, as slots of a flow: to select by (what is set must
   * be equal), to create, or to change to. For the table expect it is the master.
   */
  readonly flow = new Flow(flowCodec.emptyCommonSlots.slice());
  /** -m. `mask` is 0xffffffff when none was given. */
  mark: Masked | undefined;
  id: number | undefined;
  /** --filter; of several, all must match. */
  filter: CompiledFilter | undefined;
  /**
   * --mask-src and --mask-dst, or from a CIDR: which bits of the original addresses count when selecting, or of what is
   * expected.
   */
  readonly masks: { src?: Address; dst?: Address } = {};
  readonly nat: { src?: NatWanted; dst?: NatWanted; any?: NatWanted } = {};
  /** Bits that must all be set. */
  labels: number[] | undefined;
  labelsAdd: number[] | undefined;
  /** Empty: all. */
  labelsDelete: number[] | undefined;
  zero = false;
  /** SO_RCVBUF in bytes. */
  bufferSize: number | undefined;
  /** -R and restore: a path, or '-'. */
  file: string | undefined;
  /** Names or paths; empty: the network namespace of this process. */
  netns: readonly string[] = [];
  replay: string | undefined;
  /** Of the kernel that was captured. */
  replayRelease: string | undefined;
  record: string | undefined;
  resync = false;
  eventsMayAbort = false;
  strictWindows = false;
  /** Of watch: which events it follows, and whether a line says it all. */
  follow: 'all' | 'lifecycle' = 'all';
  summary = false;
  /** --completion's shell. */
  shell: Shell | undefined;
  /** An option that was given a range or list of ports: no flow can be described by it. */
  severalPorts: string | undefined;
  /** A line of -R without a timeout, which was given one. */
  assumed = false;
  /** What is said on standard error before the command runs. */
  readonly warnings: string[] = [];

  // A file has as many settings as it has lines: what few of them need is made when it is asked for.
  #output: Set<OutputType> | undefined;
  #events: Set<EventType> | undefined;
  #expected: Flow | undefined;
  #mask: Flow | undefined;
  #ports: Map<number, RangeSet> | undefined;

  get output(): Set<OutputType> {
    this.#output ??= new Set();
    return this.#output;
  }

  /** Empty: all. */
  get events(): Set<EventType> {
    this.#events ??= new Set();
    return this.#events;
  }

  /** Sets of ports to select by, by slot; a single port is in `flow`. */
  get ports(): readonly (readonly [slot: number, set: RangeSet])[] {
    return this.#ports === undefined ? [] : [...this.#ports];
  }

  /** Of an option that is given twice the last counts. */
  setPorts(slot: number, ports: number | RangeSet): void {
    if (typeof ports === 'number') {
      this.flow.slots[slot] = ports;
      this.#ports?.delete(slot);
    } else {
      this.flow.slots[slot] = undefined;
      this.#ports ??= new Map();
      this.#ports.set(slot, ports);
    }
  }

  /** What is expected, in the original direction; for the table expect. */
  get expected(): Flow {
    this.#expected ??= new Flow();
    return this.#expected;
  }

  /** The mask of what is expected, in the original direction. */
  get mask(): Flow {
    this.#mask ??= new Flow();
    return this.#mask;
  }
}

/** Whether entries are printed as JSON. */
export function isJSON({ output }: Settings): boolean {
  return output.has('json') || output.has('ndjson');
}
