/** What a message does to the attributes of a flow that is known: see `kept` and `absent` of the attribute table. */
import { ATTRIBUTES } from '../ctnetlink/attributes/flow.ts';
import { type SlotValue, sameValue } from '../ctnetlink/attributes/kinds.ts';
import { ID, ORIG, REPLY, ZONE } from '../ctnetlink/slots.ts';

const NAMES = new Set([ORIG.family, ...ORIG.all, REPLY.family, ...REPLY.all, ZONE, ID]);

/** What an event may change of a flow, in ascending order: not what names it. */
export const CHANGING: readonly number[] = [...ATTRIBUTES.keys()].filter(
  (slot) => !NAMES.has(slot) && ATTRIBUTES[slot].kept !== 'message',
);
export const OF_MESSAGE: readonly number[] = [...ATTRIBUTES.keys()].filter(
  (slot) => ATTRIBUTES[slot].kept === 'message',
);
export const ZERO_IF_ABSENT: readonly number[] = [...ATTRIBUTES.keys()].filter(
  (slot) => ATTRIBUTES[slot].absent === 'zero',
);
export const NONE_IF_ABSENT: readonly number[] = [...ATTRIBUTES.keys()].filter(
  (slot) => ATTRIBUTES[slot].absent === 'none',
);
/** What events keep true. */
export const BY_EVENTS: readonly number[] = [...ATTRIBUTES.keys()].filter(
  (slot) => ATTRIBUTES[slot].kept === undefined || ATTRIBUTES[slot].kept === 'events',
);

/** What an event says by leaving it out. */
export function completeEvent(slots: SlotValue[]): void {
  for (let i = 0; i < ZERO_IF_ABSENT.length; i++) slots[ZERO_IF_ABSENT[i]] ??= 0;
}

/** Takes away what is about the message. */
export function stripMessage(slots: SlotValue[]): void {
  for (let i = 0; i < OF_MESSAGE.length; i++) if (OF_MESSAGE[i] < slots.length) slots[OF_MESSAGE[i]] = undefined;
}

/** Puts what an UPDATE (completeEvent) carries over the flow. */
export function applyUpdate(flow: SlotValue[], update: readonly SlotValue[]): void {
  for (let i = 0; i < CHANGING.length && CHANGING[i] < update.length; i++) {
    const value = update[CHANGING[i]];
    if (value !== undefined) flow[CHANGING[i]] = value;
  }
  for (let i = 0; i < NONE_IF_ABSENT.length; i++)
    if (update[NONE_IF_ABSENT[i]] === undefined) flow[NONE_IF_ABSENT[i]] = undefined;
}

/** Puts the last words of a DESTROY over the flow, those about the message included. */
export function applyDestroy(flow: SlotValue[], destroy: readonly SlotValue[]): void {
  for (let slot = 0; slot < destroy.length; slot++) if (destroy[slot] !== undefined) flow[slot] = destroy[slot];
}

/** Puts what events have reported about a flow over what a dump has. */
export function keepEvents(dumped: SlotValue[], known: readonly SlotValue[]): void {
  for (const slot of BY_EVENTS) if (known[slot] !== undefined) dumped[slot] = known[slot];
}

/** Whether two flows are the same in all that events keep true. */
export function sameByEvents(a: readonly SlotValue[], b: readonly SlotValue[]): boolean {
  for (let i = 0; i < BY_EVENTS.length; i++) {
    const slot = BY_EVENTS[i];
    // Beyond its end an array is slow to read.
    const one = slot < a.length ? a[slot] : undefined;
    const other = slot < b.length ? b[slot] : undefined;
    if (one !== other && !sameValue(one, other)) return false;
  }
  return true;
}
