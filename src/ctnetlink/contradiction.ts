/**
 * What shows that a flow of the kernel is not the one that is known, but another that took its place: something that a
 * flow keeps as long as it lives, or that never goes back. The id may be the same: it is a hash of an address.
 */
import { IPS_ASSURED, IPS_DST_NAT, IPS_EXPECTED, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../uapi/nf_conntrack_common.ts';
import { TCP_CONNTRACK_CLOSE, TCP_CONNTRACK_ESTABLISHED } from '../uapi/nf_conntrack_tcp.ts';
import { type SlotValue, sameValue } from './attributes/kinds.ts';
import {
  EXPECT_CLASS,
  EXPECT_HELPER,
  EXPECT_ID,
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECTED,
  MASTER,
  ORIG_BYTES,
  ORIG_PACKETS,
  REPLY,
  REPLY_BYTES,
  REPLY_PACKETS,
  STATUS,
  TCP_STATE,
  type TupleSlots,
} from './slots.ts';
import { hasTuple } from './tuple.ts';

const COUNTERS = [ORIG_PACKETS, ORIG_BYTES, REPLY_PACKETS, REPLY_BYTES];
const EXPECTATION_PARTS = [
  EXPECT_ID,
  EXPECT_HELPER,
  EXPECT_CLASS,
  EXPECT_MASK.src4,
  EXPECT_MASK.src6,
  EXPECT_MASK.sport,
];
/** Bits that the kernel, once they are set, never clears. */
const LASTING = IPS_EXPECTED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_SRC_NAT | IPS_DST_NAT;

/** What may differ although it is the same flow. */
export interface Allowed {
  /** The status and the state are what the flow is to have, not what it had. */
  readonly wished?: boolean;
  /**
   * The flow was dumped a moment ago: lower counters show that somebody has reset them, which is more likely than
   * another flow.
   */
  readonly reset?: boolean;
}

/** Only what both have is compared. Counters that somebody reset look like those of another flow. */
export function contradicts(
  known: readonly SlotValue[],
  found: readonly SlotValue[],
  { wished = false, reset = false }: Allowed = {},
): boolean {
  if (contradictsTuple(known, found, REPLY) || contradictsTuple(known, found, MASTER)) return true;
  for (let i = 0; i < COUNTERS.length && !reset; i++) {
    const before = known[COUNTERS[i]];
    const now = found[COUNTERS[i]];
    if (before !== undefined && now !== undefined && now < before) return true;
  }
  if (wished) return false;
  const before = known[STATUS];
  const now = found[STATUS];
  if (before !== undefined && now !== undefined && (lasting(before) & ~lasting(now)) !== 0) return true;
  return wentBack(known[TCP_STATE], found[TCP_STATE]);
}

/** A part of the tuple that is known is another. The zone of a direction is a matter of the lookup. */
export function contradictsTuple(known: readonly SlotValue[], found: readonly SlotValue[], tuple: TupleSlots): boolean {
  const { all, zone } = tuple;
  for (let i = 0; i < all.length; i++) {
    const slot = all[i];
    if (slot !== zone && known[slot] !== undefined && !sameValue(known[slot], found[slot])) return true;
  }
  return false;
}

function lasting(status: SlotValue): number {
  return (status as number) & LASTING;
}

/** A connection that was open does not open again, and one that closes is not established again. */
function wentBack(before: SlotValue, now: SlotValue): boolean {
  if (typeof before !== 'number' || typeof now !== 'number') return false;
  if (before < TCP_CONNTRACK_ESTABLISHED || before > TCP_CONNTRACK_CLOSE) return false;
  if (now < TCP_CONNTRACK_ESTABLISHED || now > TCP_CONNTRACK_CLOSE) return true;
  return now === TCP_CONNTRACK_ESTABLISHED && before > TCP_CONNTRACK_ESTABLISHED;
}

/**
 * The expectation is another: of another master or helper, or with another mask. Only what is known is compared, of a
 * mask the source, which the kernel reads. A tuple without a mask may be that of a flow which the expectation takes.
 */
export function contradictsExpectation(known: readonly SlotValue[], found: readonly SlotValue[]): boolean {
  if (EXPECTATION_PARTS.some((slot) => known[slot] !== undefined && !sameValue(known[slot], found[slot]))) return true;
  if (contradictsTuple(known, found, EXPECT_MASTER)) return true;
  return hasTuple(known, EXPECT_MASK) && contradictsTuple(known, found, EXPECTED);
}
