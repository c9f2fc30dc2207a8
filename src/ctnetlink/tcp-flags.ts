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

export const WSCALES = ['tcp.wscaleOrig', 'tcp.wscaleReply'].map((name) => slotOfProperty(name));
const DIRECTIONS = [
  ['tcp.flagsOrig', 'tcp.maskOrig'],
  ['tcp.flagsReply', 'tcp.maskReply'],
].map((names) => names.map((name) => slotOfProperty(name)));
const FLAGS = DIRECTIONS.flat();
const [[FLAGS_ORIG], [FLAGS_REPLY]] = DIRECTIONS;
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

/**
 * Makes the kernel liberal about the windows of a flow that comes back, beside the flags that it had. The kernel does
 * not report the windows, and learns others from the first packet that it sees: data that was on its way, beyond them
 * and before an answer, would be INVALID.
 */
export function stayLiberal(slots: SlotValue[]): void {
  if (!isAnyGiven(slots, FLAGS) && !isAnyGiven(slots, WSCALES)) {
    beLiberal(slots);
    return;
  }
  for (const [flags, mask] of DIRECTIONS) {
    slots[flags] = ((slots[flags] ?? 0) as number) | IP_CT_TCP_FLAG_BE_LIBERAL;
    slots[mask] = ((slots[mask] || LASTING) as number) | IP_CT_TCP_FLAG_BE_LIBERAL;
  }
}

/**
 * The direction that has no window scale while the other has one, as before the first answer: 0 original, 1 reply; -1
 * if there is none. The kernel takes the scale of one direction only beside that of the other.
 */
export function unscaledDirection(slots: readonly SlotValue[]): number {
  const orig = ((slots[FLAGS_ORIG] ?? 0) as number) & IP_CT_TCP_FLAG_WINDOW_SCALE;
  const reply = ((slots[FLAGS_REPLY] ?? 0) as number) & IP_CT_TCP_FLAG_WINDOW_SCALE;
  if (orig === reply) return -1;
  const unscaled = orig === 0 ? 0 : 1;
  return slots[WSCALES[1 - unscaled]] ? unscaled : -1;
}

/** Gives the other direction a scale too, or takes it away again: `flags` are those of a request. */
export function setWindowScale(slots: SlotValue[], direction: number, scaled: boolean): void {
  const [flags, mask] = DIRECTIONS[direction];
  if (scaled) {
    slots[flags] = (slots[flags] as number) | IP_CT_TCP_FLAG_WINDOW_SCALE;
  } else {
    slots[flags] = 0;
    slots[mask] = IP_CT_TCP_FLAG_WINDOW_SCALE;
  }
}

/** Flags differ that a packet sets, or that `stayLiberal` added. */
export function areFlagsAlike(was: number, now: number): boolean {
  return ((was ^ now) & LASTING & ~(now & IP_CT_TCP_FLAG_BE_LIBERAL)) === 0;
}
