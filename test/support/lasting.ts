/** What must be the same of a flow that comes back: all but what the kernel counts or assigns itself. */
import type { Flow } from '../../src/index.ts';

/** Flags of TCP that say something about the connection, not about a packet: WINDOW_SCALE, SACK_PERM, CLOSE_INIT. */
const LASTING = 0x07;

/**
 * Properties in one order. Left out are id, use, counters, start, the timeout, which runs, and a synproxy of zeros,
 * which every flow has that was created by a request.
 */
export function lasting(flow: Flow): Record<string, unknown> {
  const { id, use, timeout, countersOrig, countersReply, timestamp, synproxy, tcp, ...rest } = flow.toJSON();
  const kept: Record<string, unknown> = { ...rest };
  if (synproxy !== undefined && Object.values(synproxy).some((value) => value !== 0)) kept.synproxy = synproxy;
  if (tcp !== undefined) {
    const { flagsOrig = 0, flagsReply = 0 } = tcp;
    kept.tcp = { ...tcp, flagsOrig: flagsOrig & LASTING, flagsReply: flagsReply & LASTING };
  }
  return Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A table, by the keys of its flows. */
export function lastingByKey(flows: readonly Flow[]): Record<string, unknown> {
  return Object.fromEntries(flows.map((flow) => [flow.key(), lasting(flow)]).sort());
}
