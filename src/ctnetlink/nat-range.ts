/** Where a request says to what an end of a flow is translated: from one address and port to another. */

import { AF_INET6 } from '../uapi/socket.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { ORIG, slotOfProperty } from './slots.ts';

/** The slots of both ends of a range. */
type Ends = readonly [min: number, max: number];

interface Range {
  readonly group: 'snat' | 'dnat';
  readonly ipv4: Ends;
  readonly ipv6: Ends;
  readonly ports: Ends;
}

function rangeOf(group: 'snat' | 'dnat'): Range {
  const ends = (name: string, kind?: string): Ends => [
    slotOfProperty(`${group}.min${name}`, kind),
    slotOfProperty(`${group}.max${name}`, kind),
  ];
  return { group, ipv4: ends('Address', 'ipv4'), ipv6: ends('Address', 'ipv6'), ports: ends('Port') };
}

export const NAT_RANGES: Readonly<Record<'src' | 'dst', Range>> = { src: rangeOf('snat'), dst: rangeOf('dnat') };

const BOTH = Object.values(NAT_RANGES);
const ALL: readonly number[] = BOTH.flatMap(({ ipv4, ipv6, ports }) => [...ipv4, ...ipv6, ...ports]);
const FIRST = Math.min(...ALL);

/** The flow asks to be translated. */
export function asksForNat(slots: readonly SlotValue[]): boolean {
  // They are rare: a flow without rare attributes has no slots for them.
  if (slots.length <= FIRST) return false;
  for (let i = 0; i < ALL.length; i++) if (slots[ALL[i]] !== undefined) return true;
  return false;
}

/**
 * The kernel takes any range. It translates to an arbitrary address where the first is above the last, and to none
 * where the first is missing or of another family. Then it marks the flow as one that has been through NAT.
 * @throws TypeError, RangeError naming the property
 */
export function checkNatRanges(slots: readonly SlotValue[], argument: string): void {
  const six = slots[ORIG.family] === AF_INET6;
  for (const { group, ipv4, ipv6, ports } of BOTH) {
    const name = `${argument}.${group}`;
    const other = six ? ipv4 : ipv6;
    for (const [at, end] of (['minAddress', 'maxAddress'] as const).entries())
      if (slots[other[at]] !== undefined)
        throw new RangeError(
          `${name}.${end} must be an ${six ? 'IPv6' : 'IPv4'} address, as those of ${argument}.orig`,
        );
    checkEnds(slots, six ? ipv6 : ipv4, name, 'Address');
    checkEnds(slots, ports, name, 'Port');
  }
}

function checkEnds(slots: readonly SlotValue[], [min, max]: Ends, name: string, what: 'Address' | 'Port'): void {
  const [first, last] = [slots[min], slots[max]];
  if (last === undefined) return;
  if (first === undefined) throw new TypeError(`${name}.min${what} is required with max${what}`);
  if (isAbove(first, last)) throw new RangeError(`${name}.min${what} must not be above ${name}.max${what}`);
}

function isAbove(first: SlotValue, last: SlotValue): boolean {
  if (!(first instanceof Uint8Array && last instanceof Uint8Array))
    return (first as number) >>> 0 > (last as number) >>> 0;
  const at = first.findIndex((byte, index) => byte !== last[index]);
  return at >= 0 && first[at] > last[at];
}
