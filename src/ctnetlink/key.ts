/** A text for the tuple and zone that the kernel knows a flow by. */

import { formatIpv4, formatIpv6 } from './address.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { partsOf } from './protocols.ts';
import { ID, ORIG } from './slots.ts';
import { checkTuple, origZone } from './tuple.ts';

/**
 * Zone, protocol, source, destination, and what the protocol has, with slashes between them. Numbers, because a
 * protocol that has no name today may get one. What the kernel does not look at is left out, and what it did not report
 * (of a protocol that it does not track) is 0, as in its own tuple.
 * @throws TypeError naming what is missing
 */
export function keyOf(slots: readonly SlotValue[], argument: string): string {
  checkTuple(slots, ORIG, argument, slots[ID] !== undefined);
  const { src4, src6, dst4, dst6 } = ORIG;
  const proto = slots[ORIG.proto] as number;
  let key = `${origZone(slots)}/${proto}/${address(slots[src4], slots[src6])}/${address(slots[dst4], slots[dst6])}`;
  const parts = partsOf(proto);
  for (let i = 0; i < parts.length; i++) key += `/${slots[ORIG[parts[i]]] ?? 0}`;
  return key;
}

function address(ipv4: SlotValue, ipv6: SlotValue): string {
  return ipv4 === undefined ? formatIpv6(ipv6 as Uint8Array) : formatIpv4(ipv4 as number);
}
