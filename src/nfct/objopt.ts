import type { Flow } from '../ctnetlink/flow.ts';
import { ORIG, REPLY, type TupleSlots, turnRound } from '../ctnetlink/tuple.ts';
import { checkInteger } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import { checkConntrack } from './conntrack.ts';
import { NFCT_SOPT_MAX, NFCT_SOPT_SETUP_ORIGINAL, NFCT_SOPT_SETUP_REPLY } from './constants.ts';
import { icmpAnswer, PORT_PROTOCOLS } from './tuple.ts';

/**
 * NFCT_SOPT_SETUP_REPLY makes the reply tuple the original one turned round, NFCT_SOPT_SETUP_ORIGINAL the reverse.
 * Returns 0.
 *
 * @throws RangeError for a number that is no NFCT_SOPT_
 * @throws UnsupportedError for the NFCT_SOPT_UNDO_*
 */
export function nfct_setobjopt(ct: Flow, option: number): number {
  checkConntrack(ct);
  checkInteger(option, NFCT_SOPT_MAX, 'option');
  if (option === NFCT_SOPT_SETUP_REPLY) turn(ct, ORIG, REPLY);
  else if (option === NFCT_SOPT_SETUP_ORIGINAL) turn(ct, REPLY, ORIG);
  else throw new UnsupportedError(`nfct_setobjopt: option ${option} (NFCT_SOPT_UNDO_*) is not supported`);
  return 0;
}

function turn({ slots }: Flow, from: TupleSlots, to: TupleSlots): void {
  turnRound(slots, from, to);
  if (PORT_PROTOCOLS.has(slots[from.proto])) {
    slots[to.sport] = slots[from.dport];
    slots[to.dport] = slots[from.sport];
  }
  // Already there where nfct_set_attr set the other direction's.
  const icmpType = slots[from.icmpType];
  if (icmpType !== undefined) slots[to.icmpType] ??= icmpAnswer(slots[from.family], icmpType as number);
  slots[to.icmpCode] ??= slots[from.icmpCode];
  slots[to.icmpId] ??= slots[from.icmpId];
}
