/** struct nf_conntrack and its attributes by number. The object is a Flow: each API takes the flows of the other. */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { Flow, flowCodec } from '../ctnetlink/flow.ts';
import { ORIG, REPLY, slotOfId } from '../ctnetlink/slots.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import * as attr from '../uapi/libnetfilter_conntrack.ts';
import { icmpAnswer } from './tuple.ts';
import { type AttrValue, attrName, type Form, formOf, fromSlots, toSlot } from './value.ts';

/** nf_conntrack objects come from outside: a program that moves from C may pass anything. */
export function checkConntrack(ct: unknown, argument = 'ct'): asserts ct is Flow {
  if (!(ct instanceof Flow)) {
    throw new TypeError(`${argument} must be an nf_conntrack object (nfct_new() makes one), not ${describe(ct)}`);
  }
}

/** A conntrack object with nothing set. */
export function nfct_new(): Flow {
  return new Flow();
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfct_destroy(_ct: Flow): void {}

/** A copy that shares nothing with the original. */
export function nfct_clone(ct: Flow): Flow {
  checkConntrack(ct);
  return ct.clone();
}

/**
 * Sets an attribute. Integers as the number a C program has: addresses and ports (ATTR_*_IPV4_*, ATTR_*_PORT*,
 * ATTR_ICMP_ID) in network byte order, all others in host order; those of 64 bits as bigint or number; IPv6 addresses
 * 16 bytes; labels as nfct_bitmask, which is copied (C keeps it), or as whole 32-bit words in host order (the kernel
 * refuses more than 128 bits with ERANGE); helper name and
 * security context as text.
 *
 * An address does not imply the layer 3 protocol: set ATTR_L3PROTO, as in C. Counters, use, times and security context
 * are kept too (C keeps zeros), and are never sent.
 *
 * @throws RangeError for a number that is no ATTR_, or a value out of its range
 * @throws TypeError for a value of another type
 */
export function nfct_set_attr(ct: Flow, type: number, value: AttrValue): void {
  checkConntrack(ct);
  writeAttribute(ct, type, toSlot(type, value));
}

/**
 * Sets an attribute with a length in bytes, for what has no length of its own (ATTR_HELPER_INFO): the first `len` are
 * taken.
 * @throws RangeError also when `value` has fewer bytes
 */
export function nfct_set_attr_l(ct: Flow, type: number, value: AttrValue, len: number): void {
  checkConntrack(ct);
  if (formOf(type) === 'bytes' && value instanceof Uint8Array) {
    nfct_set_attr(ct, type, value.subarray(0, checkInteger(len, value.length, 'len')));
  } else {
    nfct_set_attr(ct, type, value);
  }
}

/** Sets an attribute of 8 bits. @throws TypeError when the attribute is not of 8 bits; else as nfct_set_attr */
export function nfct_set_attr_u8(ct: Flow, type: number, value: number): void {
  checkForm(type, 'u8', 'set');
  nfct_set_attr(ct, type, value);
}

/** Sets an attribute of 16 bits. @throws TypeError when the attribute is not of 16 bits; else as nfct_set_attr */
export function nfct_set_attr_u16(ct: Flow, type: number, value: number): void {
  checkForm(type, 'u16', 'set');
  nfct_set_attr(ct, type, value);
}

/** Sets an attribute of 32 bits. @throws TypeError when the attribute is not of 32 bits; else as nfct_set_attr */
export function nfct_set_attr_u32(ct: Flow, type: number, value: number): void {
  checkForm(type, 'u32', 'set');
  nfct_set_attr(ct, type, value);
}

/** Sets an attribute of 64 bits. @throws TypeError when the attribute is not of 64 bits; else as nfct_set_attr */
export function nfct_set_attr_u64(ct: Flow, type: number, value: bigint | number): void {
  checkForm(type, 'u64', 'set');
  nfct_set_attr(ct, type, value);
}

/**
 * The value of an attribute as nfct_set_attr takes it (64 bits always as bigint, labels as nfct_bitmask); undefined
 * when it is not set (C: NULL and ENODATA). Bytes and bitmasks are copies, so that changing them does not change the
 * object; in C they are the object's own.
 * @throws RangeError for a number that is no ATTR_
 */
export function nfct_get_attr(ct: Flow, type: number): AttrValue | undefined {
  checkConntrack(ct);
  return fromSlots(ct.slots, type);
}

/**
 * 0 if it is not set, as in C; nfct_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 8
 * bits
 */
export function nfct_get_attr_u8(ct: Flow, type: number): number {
  checkForm(type, 'u8', 'get');
  return (nfct_get_attr(ct, type) as number | undefined) ?? 0;
}

/**
 * 0 if it is not set, as in C; nfct_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 16
 * bits
 */
export function nfct_get_attr_u16(ct: Flow, type: number): number {
  checkForm(type, 'u16', 'get');
  return (nfct_get_attr(ct, type) as number | undefined) ?? 0;
}

/**
 * 0 if it is not set, as in C; nfct_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 32
 * bits
 */
export function nfct_get_attr_u32(ct: Flow, type: number): number {
  checkForm(type, 'u32', 'get');
  return (nfct_get_attr(ct, type) as number | undefined) ?? 0;
}

/**
 * 0n if it is not set, as in C; nfct_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 64
 * bits
 */
export function nfct_get_attr_u64(ct: Flow, type: number): bigint {
  checkForm(type, 'u64', 'get');
  return (nfct_get_attr(ct, type) as bigint | undefined) ?? 0n;
}

/** Whether an attribute is set: 1 or 0. @throws RangeError for a number that is no ATTR_ */
export function nfct_attr_is_set(ct: Flow, type: number): number {
  checkConntrack(ct);
  return ct.slots[slotOfId(type)] === undefined ? 0 : 1;
}

/**
 * Whether all of these attributes are set: 1, also if there are none, or 0. @throws RangeError for a number that is no
 * ATTR_
 */
export function nfct_attr_is_set_array(ct: Flow, types: readonly number[]): number {
  checkConntrack(ct);
  if (!Array.isArray(types)) throw new TypeError(`types must be an array of ATTR_ numbers, not ${describe(types)}`);
  const slots = types.map(slotOfId);
  return slots.every((slot) => ct.slots[slot] !== undefined) ? 1 : 0;
}

/** Unsets an attribute. Returns 0. @throws RangeError for a number that is no ATTR_ */
export function nfct_attr_unset(ct: Flow, type: number): number {
  checkConntrack(ct);
  writeAttribute(ct, type, undefined);
  return 0;
}

function checkForm(type: number, form: Form, verb: 'get' | 'set'): void {
  const real = formOf(type);
  if (real === form) return;
  const function_ = /^u(8|16|32|64)$/.test(real) ? `nfct_${verb}_attr_${real}` : `nfct_${verb}_attr`;
  throw new TypeError(`${attrName(type)} is not of ${form.slice(1)} bits: use ${function_}`);
}

type Follow = (slots: SlotValue[], slot: number, value: SlotValue) => void;

/** C sends the port as both ends of the range; the upper end is the next row. */
const bothEnds: Follow = (slots, slot, value) => {
  slots[slot + 1] = value;
};

/** Of addresses C sends the lower end alone. */
const lowerEnd: Follow = (slots, slot) => {
  slots[slot + 1] = undefined;
};

/**
 * The reply tuple has no ICMP attributes: it follows the original one, whichever of the two comes first (C: 255, which
 * the kernel refuses, when it is the type).
 */
const answer: Follow = (slots, slot) => {
  const family = slots[ORIG.family];
  const icmpType = slots[ORIG.icmpType];
  if (icmpType !== undefined && family !== undefined) slots[REPLY.icmpType] = icmpAnswer(family, icmpType as number);
  else if (slot === ORIG.icmpType) slots[REPLY.icmpType] = undefined;
};

/** What else an attribute decides: slots that have no number of their own. */
const FOLLOWS: readonly (Follow | undefined)[] = (() => {
  const follows = new Array<Follow | undefined>(attr.ATTR_MAX).fill(undefined);
  for (const type of [attr.ATTR_SNAT_PORT, attr.ATTR_DNAT_PORT]) follows[type] = bothEnds;
  for (const type of [attr.ATTR_SNAT_IPV4, attr.ATTR_DNAT_IPV4, attr.ATTR_SNAT_IPV6, attr.ATTR_DNAT_IPV6])
    follows[type] = lowerEnd;
  for (const type of [attr.ATTR_ORIG_L3PROTO, attr.ATTR_ICMP_TYPE]) follows[type] = answer;
  follows[attr.ATTR_ICMP_CODE] = (slots, _slot, value) => {
    slots[REPLY.icmpCode] = value;
  };
  follows[attr.ATTR_ICMP_ID] = (slots, _slot, value) => {
    slots[REPLY.icmpId] = value;
  };
  return follows;
})();

/**
 * Sets or unsets the slot of an attribute, and those that follow it.
 * @throws RangeError for a number that is no ATTR_
 */
export function writeAttribute(ct: Flow, type: number, value: SlotValue): void {
  const slot = slotOfId(type);
  flowCodec.makeRoom(ct);
  ct.slots[slot] = value;
  FOLLOWS[type]?.(ct.slots, slot, value);
}
