/** How strictly the kernel tracks the windows of a TCP flow that it did not see begin. */
import {
  IP_CT_TCP_FLAG_BE_LIBERAL,
  IP_CT_TCP_FLAG_CLOSE_INIT,
  IP_CT_TCP_FLAG_SACK_PERM,
  IP_CT_TCP_FLAG_WINDOW_SCALE,
} from '../uapi/nf_conntrack_tcp.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { TCP_STATES } from './names.ts';
import { slotOfProperty, TCP_STATE } from './slots.ts';

const WSCALES = ['tcp.wscaleOrig', 'tcp.wscaleReply'].map((name) => slotOfProperty(name));
const DIRECTIONS = [
  ['tcp.flagsOrig', 'tcp.maskOrig'],
  ['tcp.flagsReply', 'tcp.maskReply'],
].map((names) => names.map((name) => slotOfProperty(name)));
const FLAGS = DIRECTIONS.flat();
/** What a direction is; the other flags are about a packet that was seen. */
const LASTING =
  IP_CT_TCP_FLAG_WINDOW_SCALE | IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_CLOSE_INIT | IP_CT_TCP_FLAG_BE_LIBERAL;

/**
 * Makes the kernel liberal about the windows of both directions, as conntrack(8) does with every TCP flow that it
 * writes: nobody outside of the kernel knows them, and what is beyond a window that was never seen is INVALID. From
 * TIME_WAIT on a direction has also begun to close.
 */
export function beLiberal(slots: SlotValue[]): void {
  const state = (slots[TCP_STATE] ?? 0) as number;
  const closing = state >= TCP_STATES.TIME_WAIT ? IP_CT_TCP_FLAG_CLOSE_INIT : 0;
  const flags = IP_CT_TCP_FLAG_BE_LIBERAL | IP_CT_TCP_FLAG_SACK_PERM | closing;
  for (const slot of FLAGS) slots[slot] = flags;
}

/**
 * The flags of a flow in this TCP state that is created. Where it is beyond its handshake and has neither flags nor
 * window scales: liberal. In SYN_SENT2, the handshake of two that open at once, the kernel learns the windows itself.
 * Flags with a mask of 0, which is how the kernel dumps them, would be ignored, and the window scales with them: they
 * are set as they were. Not for a flow that is changed: the kernel may know its windows.
 */
export function setTcpFlags(slots: SlotValue[], state: number): void {
  if (isAnyGiven(slots, FLAGS)) {
    for (const [flags, mask] of DIRECTIONS) if (slots[flags] !== undefined && slots[mask] === 0) slots[mask] = LASTING;
  } else if (state > TCP_STATES.SYN_RECV && state < TCP_STATES.SYN_SENT2) {
    if (!isAnyGiven(slots, WSCALES)) beLiberal(slots);
  }
}

function isAnyGiven(slots: readonly SlotValue[], some: readonly number[]): boolean {
  for (let i = 0; i < some.length; i++) if (slots[some[i]] !== undefined) return true;
  return false;
}
