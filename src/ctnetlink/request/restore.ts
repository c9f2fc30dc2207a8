/** The request that makes a dumped flow again, as it was. */

import type { Request } from '../../netlink/request.ts';
import { IPS_CONFIRMED, IPS_DYING, IPS_UNCHANGEABLE_MASK } from '../../uapi/nf_conntrack_common.ts';
import type { SlotValue } from '../attributes/kinds.ts';
import { Flow, flowCodec } from '../flow.ts';
import { requestSameNat } from '../nat.ts';
import { assumeEstablished, isOffloaded } from '../offloaded.ts';
import { HELPER, HELPER_INFO, MASTER, ORIG, REPLY, STATUS, TCP_STATE, TIMEOUT, ZONE } from '../slots.ts';
import { setWindowScale, stayLiberal, unscaledDirection } from '../tcp-flags.ts';
import { buildCreate, buildUpdate } from './flow.ts';

/** What a request leaves out, because the kernel refused the flow with it or nobody wants it: bits. */
export const WITHOUT_HELPER = 1;
export const WITHOUT_MASTER = 2;
/** TCP flags as they were: the kernel is strict about windows that it learns from the first packets. */
export const STRICT_WINDOWS = 4;

/** A status with one of these is refused (EBUSY), or they are ignored: what a request gives instead sets them. */
const ONLY_THE_KERNELS = IPS_UNCHANGEABLE_MASK & ~IPS_CONFIRMED;

/**
 * NAT is asked for as the difference of the two directions. Less than a second is left of a timeout of 0, with which
 * the kernel would end the flow at once: it becomes 1.
 * @param without bits: what to leave out
 * @throws RangeError for a flow that has ended; what buildCreate throws
 */
export function buildRestore(flow: Flow, without = 0): Request {
  const { slots: given } = flow;
  const status = given[STATUS] as number | undefined;
  if (status !== undefined && (status & IPS_DYING) !== 0)
    throw new RangeError('flow.status has DYING: the flow has ended, and cannot be restored');
  // The slots of NAT are rare.
  const { rareSlots } = flowCodec.tables;
  const short = given.length < flowCodec.emptySlots.length;
  const slots: SlotValue[] = short ? given.concat(rareSlots) : given.slice();
  requestSameNat(slots);
  if (isOffloaded(given)) assumeEstablished(slots);
  if (status !== undefined) slots[STATUS] = status & ~ONLY_THE_KERNELS;
  if (slots[TIMEOUT] === 0) slots[TIMEOUT] = 1;
  if ((without & WITHOUT_HELPER) !== 0) slots[HELPER] = slots[HELPER_INFO] = undefined;
  if ((without & WITHOUT_MASTER) !== 0) {
    slots[MASTER.family] = undefined;
    for (let i = 0; i < MASTER.all.length; i++) slots[MASTER.all[i]] = undefined;
  }
  if (slots[TCP_STATE] !== undefined && (without & STRICT_WINDOWS) === 0) stayLiberal(slots);
  const unscaled = slots[TCP_STATE] === undefined ? -1 : unscaledDirection(slots);
  if (unscaled >= 0) setWindowScale(slots, unscaled, true);
  const again = new Flow(slots);
  again.unknown = flow.unknown;
  return buildCreate(again, 'restore', 'flow', true);
}

/**
 * The request that takes from a flow the window scale that buildRestore gave one direction for the sake of the other;
 * undefined if it gave none.
 */
export function buildUnscale(flow: Flow): Request | undefined {
  if (flow.slots[TCP_STATE] === undefined) return undefined;
  const unscaled = unscaledDirection(flow.slots);
  if (unscaled < 0) return undefined;
  const change = new Flow();
  const names = [ORIG.family, ...ORIG.all, REPLY.family, ...REPLY.all, ZONE];
  for (const slot of names) change.slots[slot] = flow.slots[slot];
  setWindowScale(change.slots, unscaled, false);
  return buildUpdate(change, 'flow', true, 'exact');
}
