import type { ExpectationInit } from '../ctnetlink/attributes/expectation-properties.ts';
import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import type { Expectation } from '../ctnetlink/expectation.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { type Checks, checkBoolean, checkInteger, checkOptions, describe } from '../netlink/check.ts';
import { checkRelease } from '../netlink/release.ts';

/** 2026-01-01: what the clock says where nothing else is asked for. */
export const TIME: number = Date.UTC(2026, 0, 1);

/** What fakeKernel takes. */
export interface FakeKernelOptions {
  /**
   * What is in the table, as `create` takes it, and also with counters, an id and the time of its start. Default:
   * nothing.
   */
  flows?: Iterable<FlowInit | Flow> | undefined;
  /** What is expected; their masters are among the flows. Default: nothing. */
  expectations?: Iterable<ExpectationInit | Expectation> | undefined;
  /**
   * The release that it is, as uname(2) has it. It decides which filters it reads: an old one ignores what it does not
   * know, and the package sends it less. Default: '6.18.0'.
   */
  release?: string | undefined;
  /** nf_conntrack_acct: new flows have counters. Default: whether one of `flows` has any. */
  counters?: boolean | undefined;
  /** nf_conntrack_timestamp: new flows and events have times. Default: whether one of `flows` has any. */
  timestamps?: boolean | undefined;
  /** A ruleset uses labels (`ct label`), so that flows can have them. Default: whether one of `flows` has any. */
  labels?: boolean | undefined;
  /**
   * nf_conntrack_events: 0 no flow causes events, 1 all do, 2 those that are created while somebody listens, which is
   * the default of Linux since 5.19. Default: 1.
   */
  events?: 0 | 1 | 2 | undefined;
  /** nf_conntrack_max, 1 to 2^31 - 1: beyond it `create` fails with ENOMEM. Default: 262,144. */
  maxEntries?: number | undefined;
  /** Processors, 1 to 1024, each with its statistics. Default: 2. */
  cpus?: number | undefined;
  /** What the clock says at the start, as a Date or in milliseconds since the epoch. Default: 2026-01-01, 0:00 UTC. */
  time?: Date | number | undefined;
}

function checkIterable(value: unknown, argument: string): void {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw new TypeError(`${argument} must be iterable, not ${describe(value)}`);
}

const CHECKS: Checks<FakeKernelOptions> = {
  flows: checkIterable,
  expectations: checkIterable,
  release: checkRelease,
  counters: checkBoolean,
  timestamps: checkBoolean,
  labels: checkBoolean,
  events: (value, argument) => checkInteger(value, 2, argument),
  maxEntries: (value, argument) => checkInteger(value, 0x7fffffff, argument, 1),
  cpus: (value, argument) => checkInteger(value, 1024, argument, 1),
  time(value, argument) {
    const time = Object.prototype.toString.call(value) === '[object Date]' ? Number(value) : value;
    checkInteger(time, 8.64e15, argument);
  },
};

/** @throws TypeError, RangeError naming the option */
export function checkFakeKernelOptions(options: FakeKernelOptions): FakeKernelOptions {
  return checkOptions(options, CHECKS);
}
