import type { EventType } from '../ctnetlink/event.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { type Check, type Checks, checkBoolean, checkOptions, describe, oneOf } from '../netlink/check.ts';
import type { LabelMap } from './labelmap.ts';

/** What every text of a flow takes. */
export interface FormatOptions {
  /** When the flow started and stopped: conntrack -o ktimestamp, NFCT_OF_TIMESTAMP. Needs nf_conntrack_timestamp=1. */
  timestamp?: boolean | undefined;
  /** Names of labels, which are shown only with them: conntrack -o labels. */
  labels?: LabelMap | undefined;
  /** The text is that of an event, and says which. */
  type?: EventType | undefined;
  /**
   * The time of printing, in milliseconds since 1970, until which a flow lasts that has not stopped. Default: the
   * clock.
   */
  now?: number | undefined;
}

/**
 * What formatOptions() gives serves lines and XML, flows and expectations: each takes the options that only another
 * shows.
 */
export interface AnyFormatOptions extends FormatOptions {
  layer3?: boolean | undefined;
  id?: boolean | undefined;
  time?: boolean | undefined;
}

export const checkTime: Check = (value, argument) => {
  if (typeof value !== 'number') throw new TypeError(`${argument} must be a number, not ${describe(value)}`);
  if (!Number.isFinite(value)) throw new RangeError(`${argument} must be milliseconds since 1970, not ${value}`);
};

export const FORMAT_OPTIONS: Checks<AnyFormatOptions> = {
  timestamp: checkBoolean,
  // Not by its class: a loader may have loaded it twice.
  labels(value, argument) {
    if (typeof (value as Partial<LabelMap> | null)?.name !== 'function')
      throw new TypeError(`${argument} must be a LabelMap, not ${describe(value)}`);
  },
  type: oneOf('new', 'update', 'destroy'),
  now: checkTime,
  layer3: checkBoolean,
  id: checkBoolean,
  time: checkBoolean,
};

/**
 * The check of one function's options. What it checked last it does not check again: one object is for a whole listing.
 */
export function checkOf<O extends object>(checks: Checks<O>): (options: O) => void {
  let last: O | undefined;
  return (options) => {
    if (options === last) return;
    checkOptions(options, checks);
    last = options;
  };
}

export function checkFlow(flow: unknown): asserts flow is Flow {
  if (!(flow instanceof Flow)) throw new TypeError('flow must be a Flow; Flow.from() makes one of plain properties');
}
