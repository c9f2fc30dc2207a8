/** What a table takes. */
import type { CompiledFilter, Filter } from '../ctnetlink/filter/filter.ts';
import { type Check, type Checks, checkBoolean, checkInteger, checkSignal, describe, oneOf } from '../netlink/check.ts';
import { OPEN_OPTIONS, type OpenOptions } from '../transport/open.ts';

/** What FlowTable.open takes: also what Conntrack.open takes, of both sockets. */
export interface FlowTableOptions extends Omit<OpenOptions, 'events' | 'allNamespaces'> {
  /**
   * Only flows that match. A flow whose mark or status changes comes into the table and leaves it accordingly. Default:
   * all.
   */
  filter?: Filter | CompiledFilter | undefined;
  /**
   * 'all': NEW, UPDATE and DESTROY events. 'lifecycle': NEW and DESTROY only, a hundredth of the events of TCP; what
   * changes in between is as the last dump had it. Default: 'all'.
   */
  follow?: 'all' | 'lifecycle' | undefined;
  /**
   * Flows that the table holds at the most; others are counted (`proof.skipped`). 1 to 16777216. Default: 2,000,000.
   */
  maxFlows?: number | undefined;
  /**
   * How often a dump proves the table: 'adaptive', so many milliseconds (at least 1000), or never. 'adaptive': every 10
   * minutes; while there are flows that may end silently, every 30 seconds, or 50 times what a dump takes if that is
   * longer. Default: 'adaptive'.
   */
  verify?: 'adaptive' | number | false | undefined;
  /** Closes the table with its reason. */
  signal?: AbortSignal | undefined;
}

/** Entries have 32-bit links. */
const MOST_FLOWS = 1 << 24;
export const DEFAULT_FLOWS = 2_000_000;

const checkVerify: Check = (value, argument) => {
  if (value === 'adaptive' || value === false) return;
  if (typeof value !== 'number')
    throw new (typeof value === 'string' ? RangeError : TypeError)(
      `${argument} must be 'adaptive', a number of milliseconds or false, not ${describe(value)}`,
    );
  checkInteger(value, 0x7fffffff, argument, 1000);
};

const { events: _events, allNamespaces: _allNamespaces, ...SOCKETS } = OPEN_OPTIONS;

export const FLOW_TABLE_OPTIONS: Checks<FlowTableOptions> = {
  ...SOCKETS,
  // Checked when it is compiled.
  filter: () => {},
  follow: oneOf('all', 'lifecycle'),
  maxFlows: (value, argument) => checkInteger(value, MOST_FLOWS, argument, 1),
  verify: checkVerify,
  signal: checkSignal,
};

/** What table.changes takes. */
export interface ChangesOptions {
  /**
   * Changes that wait to be read at the most; when more come, a 'gap' takes their place. 1 to 2^30. Default: 65,536.
   */
  queue?: number | undefined;
  /**
   * The changes include what `table.state` is: first the state now, then one item each time that it changes. Default:
   * false.
   */
  states?: boolean | undefined;
}

export const CHANGES_OPTIONS: Checks<ChangesOptions> = {
  queue: (value, argument) => checkInteger(value, 1 << 30, argument, 1),
  states: checkBoolean,
};
