import { checkInteger, describe } from '../netlink/check.ts';
import * as common from '../uapi/nf_conntrack_common.ts';

/** Name (without IPS_) and bit of every status, lowest first: enum ip_conntrack_status. */
export const STATUS_BITS = {
  EXPECTED: common.IPS_EXPECTED,
  SEEN_REPLY: common.IPS_SEEN_REPLY,
  ASSURED: common.IPS_ASSURED,
  CONFIRMED: common.IPS_CONFIRMED,
  SRC_NAT: common.IPS_SRC_NAT,
  DST_NAT: common.IPS_DST_NAT,
  SEQ_ADJUST: common.IPS_SEQ_ADJUST,
  SRC_NAT_DONE: common.IPS_SRC_NAT_DONE,
  DST_NAT_DONE: common.IPS_DST_NAT_DONE,
  DYING: common.IPS_DYING,
  FIXED_TIMEOUT: common.IPS_FIXED_TIMEOUT,
  TEMPLATE: common.IPS_TEMPLATE,
  UNTRACKED: common.IPS_UNTRACKED,
  HELPER: common.IPS_HELPER,
  OFFLOAD: common.IPS_OFFLOAD,
  HW_OFFLOAD: common.IPS_HW_OFFLOAD,
} as const;

/** The name of a status bit (IPS_* of linux/netfilter/nf_conntrack_common.h, without IPS_), such as 'SEEN_REPLY'. */
export type StatusName = keyof typeof STATUS_BITS;

/** A status bit as text: its name, or where it has none its hexadecimal value, such as '0x10000'. */
export type StatusText = StatusName | `0x${string}`;

const BY_NAME: ReadonlyMap<string, number> = new Map(Object.entries(STATUS_BITS));

/**
 * The names of the bits that are set, such as ['SEEN_REPLY', 'ASSURED', 'CONFIRMED']; an unnamed bit is its hexadecimal
 * text.
 */
export function statusNames(status: number): StatusText[] {
  const names: StatusText[] = [];
  let rest = status >>> 0;
  for (const [name, bit] of BY_NAME) {
    if ((rest & bit) === 0) continue;
    names.push(name as StatusName);
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
export function statusBits(status: number | readonly StatusText[], argument = 'status'): number {
  return checkStatus(status, argument);
}

/** The same of what may be anything. */
export function checkStatus(status: unknown, argument: string): number {
  if (typeof status === 'number') return checkInteger(status, 0xffffffff, argument);
  if (!Array.isArray(status))
    throw new TypeError(`${argument} must be a number or an array of names, not ${describe(status)}`);
  let bits = 0;
  for (const name of status) {
    const wrong = (): string =>
      `${argument} must have names of ${[...BY_NAME.keys()].join(', ')}, not ${describe(name)}`;
    if (typeof name !== 'string') throw new TypeError(wrong());
    const bit = BY_NAME.get(name) ?? (/^0x[0-9a-f]{1,8}$/.test(name) ? Number(name) : undefined);
    if (bit === undefined) throw new RangeError(wrong());
    bits |= bit;
  }
  return bits >>> 0;
}
