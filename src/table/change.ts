/** What happened to the table, as a program sees it. */
import type { Flow } from '../ctnetlink/flow.ts';
import type { TableProof } from './proof.ts';
import type { MissingReason, TableState } from './state.ts';

/** What happened: a flow came into the table, changed, or left it. */
export type ChangeType = 'insert' | 'update' | 'delete';

/**
 * How the table learned it. 'event': the kernel reported it. 'resync': a dump showed it, after events were lost or of a
 * flow that sends none. 'expiry': the flow was past its timeout, and the kernel has it no more.
 */
export type ChangeCause = 'event' | 'resync' | 'expiry';

/** A change of one flow. A flow that takes the place of another is a 'delete' and an 'insert'. */
export interface FlowChange {
  /** What happened. */
  type: ChangeType;
  /** The flow since; of a 'delete' the last that is known, after a DESTROY event with its final counters and times. */
  flow: Flow;
  /** Of an 'update': the flow before. */
  old?: Flow;
  /** How the table learned it. */
  cause: ChangeCause;
  /**
   * The number that this table gave to the flow: each flow has another one, also one with the tuple of a flow that has
   * ended.
   */
  generation: number;
  /**
   * False: events were lost, and nothing shows whether this is still the flow that had this generation before, or
   * another that took its place meanwhile. Always true with nf_conntrack_timestamp=1.
   */
  exact: boolean;
}

/**
 * Changes are missing here, and the table is right: read it again. After a gap, nothing is in the queue that happened
 * before it was read.
 */
export interface ChangeGap {
  /** Distinguishes it from all changes. */
  type: 'gap';
  /** Changes that did not fit the queue; 0: the table lost its socket, and opened another. */
  dropped: number;
}

/**
 * What the table knows of itself from here on: after all changes that it had reported by then. Only the last of several
 * that nobody has read is kept, if nothing changed between them. There is none of 'closed': the iteration ends.
 */
export interface TableNews {
  /** Distinguishes it from all changes. */
  type: 'state';
  /** `table.state` at that moment. */
  state: Exclude<TableState, 'closed'>;
  /** Why something is missing, if the state is 'stale' or 'resyncing'. */
  reason?: MissingReason;
  /** `table.size` at that moment. */
  flows: number;
  /** `table.proof` at that moment. */
  proof: TableProof;
}

/** What `table.changes()` yields. */
export type TableChange = FlowChange | ChangeGap;
