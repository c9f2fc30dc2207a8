/** Whether the kernel can have such a flow: what one attribute says about others. */
import type { SlotValue } from '../attributes/kinds.ts';
import { foreignTo } from '../foreign.ts';
import { ICMP_PROTOCOLS, isOfOtherFamily, WITH_PORTS } from '../protocols.ts';
import { ORIG, REPLY } from '../slots.ts';

/** All that have something that others have not, and one that has nothing. */
export const SAMPLE_PROTOCOLS: readonly number[] = [...(WITH_PORTS as ReadonlySet<number>), ...ICMP_PROTOCOLS, 0xff];

/**
 * Both directions have one protocol, which has only its own parts and states, and ICMP its address family.
 * @param flow as far as it is known: what is undefined is not there, or not known
 */
export function isPossible(flow: readonly SlotValue[]): boolean {
  const orig = flow[ORIG.proto];
  const reply = flow[REPLY.proto];
  if (orig !== undefined && reply !== undefined && orig !== reply) return false;
  const known = orig ?? reply;
  return known === undefined
    ? SAMPLE_PROTOCOLS.some((protocol) => isPossibleWith(flow, protocol))
    : isPossibleWith(flow, known as number);
}

function isPossibleWith(flow: readonly SlotValue[], protocol: number): boolean {
  if (isOfOtherFamily(protocol, flow[ORIG.family])) return false;
  const foreign = foreignTo(protocol);
  for (let i = 0; i < foreign.length; i++) if (flow[foreign[i]] !== undefined) return false;
  return true;
}
