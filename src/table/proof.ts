/** How good the table is, and how old that knowledge. */
export interface TableProof {
  /** When the last dump began that proved the table, in milliseconds since 1970. */
  at: number;
  /** Milliseconds that the last dump took. */
  dumpMs: number;
  /** Dumps that repaired the table after events were lost. */
  resyncs: number;
  /** Events that were lost; where their number is unknown, each loss counts as one. */
  lost: number;
  /** How often, after lost events, nothing showed whether a flow was still the same or another one in its place. */
  ambiguous: number;
  /**
   * Flows that may end without an event, at the most: no event of them has been seen. Flows that are older than the
   * first listener of the machine send none (nf_conntrack_events=2).
   */
  preListener: number;
  /** Flows that were left out since the last dump began, because the table was full. */
  skipped: number;
  /** Flows that are past their timeout as far as the table knows it, and that the kernel has not confirmed yet. */
  overdue: number;
}
