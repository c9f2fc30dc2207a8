/**
 * Whether a dumped flow is the one that is known, or one that took its place. CTA_ID does not show it: it is a hash of
 * an address, and a flow that is created again soon has the id of the one before it in about half of the cases.
 */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { contradicts } from '../ctnetlink/contradiction.ts';
import { ID, START } from '../ctnetlink/slots.ts';
import { sameTuple } from './store/tuple-key.ts';
import { REPLIED } from './store/tuple-places.ts';

/** 'unknown': nothing shows that it is another, and nothing that it is not. */
export type Verdict = 'same' | 'other' | 'unknown';

/** What a packet takes to pass the rules: in nanoseconds, usually and when its processor does something else. */
const PASSING = 100_000n;
const SLOWLY = 10_000_000n;

/**
 * @param bornBy the start of the known flow is not known, and its slot has the time of an event
 * @param lost events were lost since the flow was seen last: without a loss, a NEW event would have come
 */
export function compareGenerations(
  known: readonly SlotValue[],
  dumped: readonly SlotValue[],
  bornBy: boolean,
  lost: boolean,
): Verdict {
  const before = known[START];
  const now = dumped[START];
  const starts = before !== undefined && now !== undefined;
  if (starts && !bornBy) return BigInt(before as bigint) === BigInt(now as bigint) ? 'same' : 'other';
  if (known[ID] !== dumped[ID]) return 'other';
  if (starts) return lost ? comparedToEvent(BigInt(now as bigint) - BigInt(before as bigint)) : 'same';
  if (!sameTuple(known, dumped, REPLIED)) return 'other';
  if (!lost) return 'same';
  return contradicts(known, dumped) ? 'other' : 'unknown';
}

/**
 * The kernel notes the time of an event when the packet begins to be tracked, and the start of a flow when the packet
 * has passed the rules: mostly microseconds later. @param nanoseconds from the event to the start
 */
function comparedToEvent(nanoseconds: bigint): Verdict {
  if (nanoseconds <= PASSING) return 'same';
  return nanoseconds <= SLOWLY ? 'unknown' : 'other';
}
