/** Properties that only flows of one protocol have: the kernel ignores them silently for flows of others. */
import { AF_INET } from '../../uapi/socket.ts';
import { ATTRIBUTES } from '../attributes/flow.ts';
import type { SlotValue } from '../attributes/kinds.ts';
import { foreignTo } from '../foreign.ts';
import { PROTOCOL_NAMES } from '../names.ts';
import { isOfOtherFamily } from '../protocols.ts';
import { ORIG, REPLY } from '../slots.ts';

/** A flow of an address family that its protocol does not have. */
export class ProtocolFamilyError extends RangeError {}

/** @throws RangeError naming a property of another protocol than that of the flow */
export function checkProtocol(slots: readonly SlotValue[], argument: string): void {
  const protocol = slots[ORIG.proto] ?? slots[REPLY.proto];
  if (typeof protocol !== 'number') return;
  const others = foreignTo(protocol);
  for (let i = 0; i < others.length; i++) {
    const slot = others[i];
    // The rare ones are beyond the slots of most flows.
    if (slot < slots.length && slots[slot] !== undefined)
      throw ofAnother(`${argument}.${ATTRIBUTES[slot].property}`, protocol);
  }
}

function ofAnother(name: string, protocol: number): RangeError {
  return new RangeError(`${name} is not a property of flows with proto '${PROTOCOL_NAMES[protocol] ?? protocol}'`);
}

/**
 * The kernel creates ICMP with IPv6 addresses, and ICMPv6 with IPv4 ones, which no packet ever meets.
 * @throws ProtocolFamilyError
 */
export function checkProtocolFamily(slots: readonly SlotValue[], argument: string): void {
  const { [ORIG.proto]: protocol, [ORIG.family]: family } = slots;
  if (!isOfOtherFamily(protocol, family)) return;
  const needed = family === AF_INET ? 'IPv6' : 'IPv4';
  throw new ProtocolFamilyError(
    `${argument}.orig.proto '${PROTOCOL_NAMES[protocol as number]}' needs ${needed} addresses`,
  );
}
