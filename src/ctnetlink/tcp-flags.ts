/** How strictly the kernel tracks the windows of a TCP flow that it did not see begin. */
import {
  IP_CT_TCP_FLAG_BE_LIBERAL,
  IP_CT_TCP_FLAG_CLOSE_INIT,
  IP_CT_TCP_FLAG_SACK_PERM,
} from '../uapi/nf_conntrack_tcp.ts';
import type { SlotValue } from './kinds.ts';
import { TCP_STATES } from './names.ts';
import { slotOfProperty } from './tuple.ts';

const STATE = slotOfProperty('tcp.state');
const FLAGS = ['tcp.flagsOrig', 'tcp.maskOrig', 'tcp.flagsReply', 'tcp.maskReply'].map((name) => slotOfProperty(name));

/**
 * Makes the kernel liberal about the windows of both directions, as conntrack(8) does with every TCP flow that it writes: nobody outside of the
 * kernel knows them, and what is beyond a window that was never seen is INVALID. From TIME_WAIT on a direction has also begun to close.
 */
export function beLiberal(slots: SlotValue[]): void {
  const state = (slots[STATE] ?? 0) as number;
  const closing = state >= TCP_STATES.TIME_WAIT ? IP_CT_TCP_FLAG_CLOSE_INIT : 0;
  const flags = IP_CT_TCP_FLAG_BE_LIBERAL | IP_CT_TCP_FLAG_SACK_PERM | closing;
  for (const slot of FLAGS) slots[slot] = flags;
}
