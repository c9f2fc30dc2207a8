/** A case of the conformance suite, and its environment. */
import type { TransportFactory } from '../../../src/netlink/transport.ts';
import type { OpenOptions } from '../../../src/transport/open.ts';
import type { Witness } from './witness.ts';

/**
 * What not every transport can do:
 *
 * - events: joins multicast groups
 * - backpressure: what nobody receives stays in the kernel
 * - losses: survives an overrun, and reports exactly how many events were lost
 * - ahead: takes the option to receive events ahead
 * - io_uring: the kernel receives by itself, also while JavaScript works
 * - options: extended ACK and socket filters
 * - connected: takes datagrams from the kernel alone, except where it receives events
 * - netns: opens in another network namespace
 * - workers: runs in worker threads
 * - processes: programs can be started that open such transports, and an idle one lets them end (`unref` works)
 */
export type Capability =
  | 'events'
  | 'backpressure'
  | 'losses'
  | 'ahead'
  | 'io_uring'
  | 'options'
  | 'connected'
  | 'netns'
  | 'workers'
  | 'processes';

export interface Context {
  /** Opens the transport that is examined. With `events` where it has them. */
  open: TransportFactory;
  /**
   * For 'processes': the command that runs a JavaScript file (its path is appended), and the options of openTransport
   * there. `imports` is the URL of a bundle of imports.ts: most of the time of a short program is that of loading the
   * modules, one by one. Default: imports.ts itself.
   */
  program?: { command: readonly string[]; options: OpenOptions; imports?: string };
  /** What looks at the kernel beside it. Default: the running kernel's. */
  witness?: Witness;
  /** Takes what a case measured, for readers of the report. */
  note?(text: string): void;
}

/**
 * How much of the suite a run has: `least` is one or two cases of each kind, `brief` all that take no more than a tenth
 * of a second or so, `whole` also has the cases that repeat something often, and `long` those that take seconds.
 */
export type Extent = (typeof EXTENTS)[number];

export const EXTENTS = ['least', 'brief', 'whole', 'long'] as const;

export interface Case {
  name: string;
  needs?: readonly Capability[];
  /** The least extent of a run that has it. Default: brief. */
  extent?: Extent;
  run(context: Context): Promise<void>;
}
