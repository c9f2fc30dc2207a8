/** One direction of a flow from the other: what an answer to its first packet looks like. */
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../uapi/in.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { ICMP_ANSWERS, ICMPV6_ANSWERS } from './icmp.ts';
import type { TupleSlots } from './tuple.ts';

/**
 * Sets what is not set of the tuple `to` to what it is as the inverse of `from`: the addresses and ports swapped, the same protocol, and of ICMP
 * the same code and identifier and the type that answers. A zone is a direction's own, and addresses
 * are those of one family.
 */
export function completeFrom(slots: SlotValue[], from: TupleSlots, to: TupleSlots): void {
  slots[to.family] ??= slots[from.family];
  if (slots[to.family] === slots[from.family]) {
    slots[to.src4] ??= slots[from.dst4];
    slots[to.dst4] ??= slots[from.src4];
    slots[to.src6] ??= slots[from.dst6];
    slots[to.dst6] ??= slots[from.src6];
  }
  slots[to.proto] ??= slots[from.proto];
  slots[to.sport] ??= slots[from.dport];
  slots[to.dport] ??= slots[from.sport];
  slots[to.icmpId] ??= slots[from.icmpId];
  slots[to.icmpCode] ??= slots[from.icmpCode];
  slots[to.icmpType] ??= answerTo(slots[from.proto], slots[from.icmpType]);
}

function answerTo(proto: SlotValue, type: SlotValue): SlotValue {
  if (typeof type !== 'number') return undefined;
  const answers = proto === IPPROTO_ICMPV6 ? ICMPV6_ANSWERS : proto === IPPROTO_ICMP ? ICMP_ANSWERS : {};
  return answers[type] ?? type;
}
