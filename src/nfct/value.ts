/** How C has the value of an attribute in memory, and how it lies in its slot. */

import { ATTRIBUTES, type AttributeRow } from '../ctnetlink/attributes/flow.ts';
import { KINDS, type SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { wholeWords } from '../ctnetlink/labels.ts';
import { slotOfId } from '../ctnetlink/slots.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import * as attr from '../uapi/libnetfilter_conntrack.ts';
import { NFCT_HELPER_NAME_MAX } from '../uapi/libnetfilter_conntrack.ts';
import { bitmaskOf, bytesOfBitmask, nfct_bitmask } from './bitmask.ts';
import { htonl, htons, ntohl, ntohs } from './inet.ts';

/** What nfct_set_attr takes and nfct_get_attr gives. */
export type AttrValue = number | bigint | string | Uint8Array | nfct_bitmask;

/** How C has a value in memory. */
export type Form = 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'string' | 'bytes' | 'labels';

const SIZES: Readonly<Record<number, Form>> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64', 16: 'u128' };

function formIn({ kind }: AttributeRow): Form {
  if (kind === 'pair') return 'u8';
  if (kind === 'string' || kind === 'bytes' || kind === 'labels') return kind;
  return SIZES[KINDS[kind].size!];
}

const FORMS: readonly Form[] = ATTRIBUTES.map(formIn);
/** The largest value of each form. */
export const MAX = { u8: 0xff, u16: 0xffff, u32: 0xffffffff } as const;

const NAMES: readonly string[] = (() => {
  const names: string[] = [];
  for (const [name, id] of Object.entries(attr)) if (/^ATTR_(?!EXP_|GRP_)/.test(name)) names[id] = name;
  return names;
})();

/** The ATTR_ name of a number, for messages. */
export function attrName(type: number): string {
  return NAMES[type] ?? `attribute ${type}`;
}

/** @throws RangeError for a number that is no ATTR_ */
export function formOf(type: number): Form {
  return FORMS[slotOfId(type)];
}

/**
 * What the slot of an attribute gets for the value of a C program.
 * @throws RangeError for a number that is no ATTR_, or a value out of its range
 * @throws TypeError for a value of another type
 */
export function toSlot(type: number, value: unknown): SlotValue {
  const slot = slotOfId(type);
  const form = FORMS[slot];
  const argument = `value of ${attrName(type)}`;
  const { networkOrder } = ATTRIBUTES[slot];
  switch (form) {
    case 'u8':
      return checkInteger(value, MAX.u8, argument);
    case 'u16': {
      const number = checkInteger(value, MAX.u16, argument);
      return networkOrder ? ntohs(number) : number;
    }
    case 'u32': {
      const number = checkInteger(value, MAX.u32, argument);
      return (networkOrder ? ntohl(number) : number) | 0;
    }
    case 'u64':
      if (typeof value !== 'bigint' && typeof value !== 'number')
        throw new TypeError(`${argument} must be a bigint or a number, not ${describe(value)}`);
      return KINDS.be64.set(value, argument);
    case 'string': {
      const text = KINDS.string.set(value, argument);
      // C cuts it, and what is left is the name of another helper, or of none.
      if (type === attr.ATTR_HELPER_NAME && new TextEncoder().encode(text).length >= NFCT_HELPER_NAME_MAX)
        throw new RangeError(`${argument} must be at most ${NFCT_HELPER_NAME_MAX - 1} bytes, not '${text}'`);
      return text;
    }
    case 'labels':
      if (value instanceof nfct_bitmask) return bytesOfBitmask(value);
      if (!(value instanceof Uint8Array))
        throw new TypeError(`${argument} must be an nfct_bitmask or a Uint8Array, not ${describe(value)}`);
      // Also more than the kernel has bits for, as in C: it refuses them (ERANGE).
      return wholeWords(value, argument);
    case 'u128':
    case 'bytes':
      if (!(value instanceof Uint8Array))
        throw new TypeError(`${argument} must be a Uint8Array, not ${describe(value)}`);
      if (form === 'u128' && value.length !== 16)
        throw new RangeError(`${argument} must be 16 bytes, not ${value.length}`);
      return KINDS.bytes.set(value, argument);
  }
}

/** The inverse; undefined when the attribute is not set. @throws RangeError for a number that is no ATTR_ */
export function fromSlots(slots: readonly SlotValue[], type: number): AttrValue | undefined {
  const slot = slotOfId(type);
  const value = slots[slot];
  if (value === undefined) return undefined;
  const { networkOrder } = ATTRIBUTES[slot];
  switch (FORMS[slot]) {
    case 'u16':
      return networkOrder ? htons(value as number) : (value as number);
    case 'u32': {
      const number = (value as number) >>> 0;
      return networkOrder ? htonl(number) : number;
    }
    case 'u64':
      return BigInt(value as number | bigint);
    case 'labels':
      return bitmaskOf(value as Uint8Array);
    case 'u128':
    case 'bytes':
      return (value as Uint8Array).slice();
    default:
      return value as number | string;
  }
}
