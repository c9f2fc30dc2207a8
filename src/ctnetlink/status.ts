import { checkInteger, describe } from '../netlink/check.ts';
import * as common from '../uapi/nf_conntrack_common.ts';

/** Name (without IPS_) and bit of every status, lowest first: enum ip_conntrack_status. */
export const STATUS_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(common)
    .filter(([name]) => name.startsWith('IPS_') && !name.endsWith('_BIT') && !name.endsWith('_MASK'))
    .map(([name, bit]) => [name.slice('IPS_'.length), bit])
    .sort((a, b) => Number(a[1]) - Number(b[1])),
);

/** The names of the bits that are set, such as ['SEEN_REPLY', 'ASSURED', 'CONFIRMED']; an unnamed bit is its hexadecimal text. */
export function statusNames(status: number): string[] {
  const names: string[] = [];
  let rest = status >>> 0;
  for (const [name, bit] of Object.entries(STATUS_BITS)) {
    if ((rest & bit) === 0) continue;
    names.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  for (let bit = 0; rest !== 0; bit++, rest >>>= 1)
    if ((rest & 1) !== 0) names.push(`0x${((1 << bit) >>> 0).toString(16)}`);
  return names;
}

/**
 * The bits of these names, or the number itself.
 * @throws RangeError for an unknown name; TypeError for what is neither a number nor an array of names
 */
export function statusBits(status: unknown, argument = 'status'): number {
  if (!Array.isArray(status)) return checkInteger(status, 0xffffffff, argument);
  let bits = 0;
  for (const name of status) {
    const wrong = (): string =>
      `${argument} must have names of ${Object.keys(STATUS_BITS).join(', ')}, not ${describe(name)}`;
    if (typeof name !== 'string') throw new TypeError(wrong());
    const bit = Object.hasOwn(STATUS_BITS, name)
      ? STATUS_BITS[name]
      : /^0x[0-9a-f]{1,8}$/.test(name)
        ? Number(name)
        : undefined;
    if (bit === undefined) throw new RangeError(wrong());
    bits |= bit;
  }
  return bits >>> 0;
}
