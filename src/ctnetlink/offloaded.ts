/**
 * The kernel reports neither the timeout nor the state of a flow that a flowtable has taken over. Such a flow is
 * established. If it is created again, packets that it still has renew its timeout.
 */
import { IPPROTO_TCP } from '../uapi/in.ts';
import { IPS_HW_OFFLOAD, IPS_OFFLOAD } from '../uapi/nf_conntrack_common.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { TCP_STATES } from './names.ts';
import { ORIG, STATUS, TCP_STATE, TIMEOUT } from './slots.ts';

/** Seconds that such a flow is given when it is created again. */
export const ASSUMED_TIMEOUTS = { tcp: 3600, other: 120 } as const;

/** The flow was dumped while a flowtable had it. */
export function isOffloaded(slots: readonly SlotValue[]): boolean {
  return slots[TIMEOUT] === undefined && (((slots[STATUS] ?? 0) as number) & (IPS_OFFLOAD | IPS_HW_OFFLOAD)) !== 0;
}

/** Gives it what the kernel does not report. */
export function assumeEstablished(slots: SlotValue[]): void {
  const isTcp = slots[ORIG.proto] === IPPROTO_TCP;
  slots[TIMEOUT] = isTcp ? ASSUMED_TIMEOUTS.tcp : ASSUMED_TIMEOUTS.other;
  if (isTcp) slots[TCP_STATE] ??= TCP_STATES.ESTABLISHED;
}
