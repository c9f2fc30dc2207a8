import { type Checks, checkBoolean, describe, oneOf } from '../netlink/check.ts';
import { checkRelease } from '../netlink/release.ts';

/** What replay takes. */
export interface ReplayOptions {
  /**
   * Which recorded request a request of the program is. 'exact': the one with the same bytes, apart from sequence
   * number and portid. 'meaning': also one that asks the same in other words (both tuples instead of one, no ACK), and
   * a dump with a wider filter, whose answer is filtered here. Default: 'exact' for captures of record(), which note
   * the kernel's release; 'meaning' for others.
   */
  match?: 'exact' | 'meaning' | undefined;
  /**
   * The release of the kernel, such as '6.1.0', which decides what filters the program sends. Default: what record()
   * noted, else the oldest that understands the requests of the capture.
   */
  release?: string | undefined;
  /**
   * When events come. 'free' (default): as soon as their group is joined. 'recorded': not before the request that they
   * are due to has been made, so that a program sees the event of what it did after it did it. In captures of record()
   * those are all the requests that precede them; a request that is not made while the program makes a later one, and
   * then does nothing but wait for events, is left out. If an event waits for a second, a warning
   * (CTNETLINK_REPLAY_WAITS) has the request. In others, those with which the kernel reports them; a request that
   * is not made while the program does nothing but wait for events is another program's. 'timed': at the pace of the
   * capture, from the first event on.
   */
  events?: 'free' | 'recorded' | 'timed' | undefined;
  /** With `events: 'timed'`: how many times as fast. Above 0; default: 1. */
  speed?: number | undefined;
  /**
   * Answers a request that the capture has n times also for the n+1st time, with the last answer again. Default: that
   * fails.
   */
  repeat?: boolean | undefined;
  /**
   * Each Conntrack (and nfct handle) that is opened finds the whole capture unused, so that several tests share it.
   * Default: false, what one has used is used for all.
   */
  perSocket?: boolean | undefined;
}

export const REPLAY_OPTIONS: Checks<ReplayOptions> = {
  match: oneOf('exact', 'meaning'),
  release: checkRelease,
  events: oneOf('free', 'recorded', 'timed'),
  speed: checkSpeed,
  repeat: checkBoolean,
  perSocket: checkBoolean,
};

function checkSpeed(value: unknown, argument: string): void {
  if (typeof value !== 'number') throw new TypeError(`${argument} must be a number, not ${describe(value)}`);
  if (!(value > 0)) throw new RangeError(`${argument} must be above 0, not ${value}`);
}
