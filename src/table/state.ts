/**
 * What a table knows of itself. 'synced': nothing is known to be missing. 'resyncing': something is, and a dump is on
 * its way. 'stale': something is, and the next dump waits for its time, or the kernel reports no events. 'full': there
 * are more flows than `maxFlows`. 'closed': by the program, or because the table could not go on: see `error`.
 */
export type TableState = 'synced' | 'resyncing' | 'stale' | 'full' | 'closed';

/**
 * Why something is missing. 'lost': events were lost. 'off': nf_conntrack_events is 0, or was. 'reopened': the table
 * lost its socket, and opens another.
 */
export type MissingReason = 'lost' | 'off' | 'reopened';
