/**
 * struct nf_expect and its attributes by number. The object is an Expectation: each API takes the expectations of the
 * other.
 */

import { KINDS, type SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { Expectation } from '../ctnetlink/expectation.ts';
import { Flow } from '../ctnetlink/flow.ts';
import {
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_NAT,
  EXPECTED,
  expectationSlot,
  ORIG,
  type TupleSlots,
} from '../ctnetlink/slots.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import * as attr from '../uapi/libnetfilter_conntrack.ts';
import { NFCT_HELPER_NAME_MAX } from '../uapi/libnetfilter_conntrack.ts';
import { checkConntrack } from './conntrack.ts';
import { MAX } from './value.ts';

/** What nfexp_set_attr takes and nfexp_get_attr gives: the tuples are conntrack objects. */
export type ExpectAttrValue = number | string | Flow;

type Form = 'u8' | 'u16' | 'u32' | 'string';

/** An attribute is a tuple or a single value. */
type Place = { name: string } & ({ tuple: TupleSlots } | { slot: number; form: Form });

const PLACES: readonly Place[] = (() => {
  const places: Place[] = [];
  const tuple = (id: number, name: string, slots: TupleSlots): void => {
    places[id] = { name, tuple: slots };
  };
  const scalar = (id: number, name: string, form: Form, property: Parameters<typeof expectationSlot>[0]): void => {
    places[id] = { name, slot: expectationSlot(property), form };
  };
  tuple(attr.ATTR_EXP_MASTER, 'ATTR_EXP_MASTER', EXPECT_MASTER);
  tuple(attr.ATTR_EXP_EXPECTED, 'ATTR_EXP_EXPECTED', EXPECTED);
  tuple(attr.ATTR_EXP_MASK, 'ATTR_EXP_MASK', EXPECT_MASK);
  scalar(attr.ATTR_EXP_TIMEOUT, 'ATTR_EXP_TIMEOUT', 'u32', 'timeout');
  scalar(attr.ATTR_EXP_ZONE, 'ATTR_EXP_ZONE', 'u16', 'zone');
  scalar(attr.ATTR_EXP_FLAGS, 'ATTR_EXP_FLAGS', 'u32', 'flags');
  scalar(attr.ATTR_EXP_HELPER_NAME, 'ATTR_EXP_HELPER_NAME', 'string', 'helper');
  scalar(attr.ATTR_EXP_CLASS, 'ATTR_EXP_CLASS', 'u32', 'class');
  tuple(attr.ATTR_EXP_NAT_TUPLE, 'ATTR_EXP_NAT_TUPLE', EXPECT_NAT);
  scalar(attr.ATTR_EXP_NAT_DIR, 'ATTR_EXP_NAT_DIR', 'u8', 'nat.direction');
  scalar(attr.ATTR_EXP_FN, 'ATTR_EXP_FN', 'string', 'fn');
  return places;
})();

function placeOf(type: number): Place {
  const place = PLACES[type];
  if (place === undefined) throw new RangeError(`attribute ${describe(type)} is not an ATTR_EXP_ number`);
  return place;
}

/** nf_expect objects come from outside: a program that moves from C may pass anything. */
export function checkExpect(exp: unknown, argument = 'exp'): asserts exp is Expectation {
  if (!(exp instanceof Expectation)) {
    throw new TypeError(`${argument} must be an nf_expect object (nfexp_new() makes one), not ${describe(exp)}`);
  }
}

/** An expectation with nothing set. */
export function nfexp_new(): Expectation {
  return new Expectation();
}

/** Does nothing: kept for programs that move from C line by line. */
export function nfexp_destroy(_exp: Expectation): void {}

/** A copy that shares nothing with the original. */
export function nfexp_clone(exp: Expectation): Expectation {
  checkExpect(exp);
  return exp.clone();
}

/**
 * Sets an attribute: of ATTR_EXP_MASTER, ATTR_EXP_EXPECTED, ATTR_EXP_MASK and ATTR_EXP_NAT_TUPLE a conntrack object,
 * whose original tuple is copied; of the others a number in host byte order, or text (a helper's name has at most 15
 * bytes).
 *
 * @throws RangeError for a number that is no ATTR_EXP_, or a value out of its range
 * @throws TypeError for a value of another type
 */
export function nfexp_set_attr(exp: Expectation, type: number, value: ExpectAttrValue): void {
  checkExpect(exp);
  const place = placeOf(type);
  const argument = `value of ${place.name}`;
  if ('slot' in place) {
    exp.slots[place.slot] = toSlot(place.form, type, value, argument);
    return;
  }
  checkConntrack(value, argument);
  copySlots(exp.slots, place.tuple, value.slots, ORIG);
}

/** Sets an attribute of 8 bits. @throws TypeError when the attribute is not of 8 bits; else as nfexp_set_attr */
export function nfexp_set_attr_u8(exp: Expectation, type: number, value: number): void {
  checkForm(type, 'u8', 'set');
  nfexp_set_attr(exp, type, value);
}

/** Sets an attribute of 16 bits. @throws TypeError when the attribute is not of 16 bits; else as nfexp_set_attr */
export function nfexp_set_attr_u16(exp: Expectation, type: number, value: number): void {
  checkForm(type, 'u16', 'set');
  nfexp_set_attr(exp, type, value);
}

/** Sets an attribute of 32 bits. @throws TypeError when the attribute is not of 32 bits; else as nfexp_set_attr */
export function nfexp_set_attr_u32(exp: Expectation, type: number, value: number): void {
  checkForm(type, 'u32', 'set');
  nfexp_set_attr(exp, type, value);
}

/**
 * The value of an attribute as nfexp_set_attr takes it, tuples as a new object (C: a pointer into the expectation);
 * undefined when it is not set (C: NULL and ENODATA).
 * @throws RangeError for a number that is no ATTR_EXP_
 */
export function nfexp_get_attr(exp: Expectation, type: number): ExpectAttrValue | undefined {
  checkExpect(exp);
  const place = placeOf(type);
  if ('slot' in place) {
    const value = exp.slots[place.slot];
    return typeof value === 'number' ? value >>> 0 : (value as string | undefined);
  }
  if (!isSet(exp, place)) return undefined;
  const ct = new Flow();
  copySlots(ct.slots, ORIG, exp.slots, place.tuple);
  return ct;
}

/**
 * 0 if it is not set, as in C; nfexp_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 8
 * bits
 */
export function nfexp_get_attr_u8(exp: Expectation, type: number): number {
  checkForm(type, 'u8', 'get');
  return (nfexp_get_attr(exp, type) as number | undefined) ?? 0;
}

/**
 * 0 if it is not set, as in C; nfexp_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 16
 * bits
 */
export function nfexp_get_attr_u16(exp: Expectation, type: number): number {
  checkForm(type, 'u16', 'get');
  return (nfexp_get_attr(exp, type) as number | undefined) ?? 0;
}

/**
 * 0 if it is not set, as in C; nfexp_attr_is_set shows whether it is. @throws TypeError if the attribute is not of 32
 * bits
 */
export function nfexp_get_attr_u32(exp: Expectation, type: number): number {
  checkForm(type, 'u32', 'get');
  return (nfexp_get_attr(exp, type) as number | undefined) ?? 0;
}

/**
 * Whether an attribute is set: 1 or 0. A tuple is set if any part of it is. @throws RangeError for a number that is no
 * ATTR_EXP_
 */
export function nfexp_attr_is_set(exp: Expectation, type: number): number {
  checkExpect(exp);
  return isSet(exp, placeOf(type)) ? 1 : 0;
}

/** Unsets an attribute. Returns 0. @throws RangeError for a number that is no ATTR_EXP_ */
export function nfexp_attr_unset(exp: Expectation, type: number): number {
  checkExpect(exp);
  const place = placeOf(type);
  for (const slot of 'slot' in place ? [place.slot] : [place.tuple.family, ...place.tuple.all])
    exp.slots[slot] = undefined;
  return 0;
}

function isSet({ slots }: Expectation, place: Place): boolean {
  return ('slot' in place ? [place.slot] : [place.tuple.family, ...place.tuple.all]).some(
    (slot) => slots[slot] !== undefined,
  );
}

/** The parts of a tuple have the same order in every nest. */
function copySlots(to: SlotValue[], target: TupleSlots, from: readonly SlotValue[], source: TupleSlots): void {
  to[target.family] = from[source.family];
  for (const [index, slot] of target.all.entries()) {
    const value = from[source.all[index]];
    to[slot] = value instanceof Uint8Array ? value.slice() : value;
  }
}

function toSlot(form: Form, type: number, value: unknown, argument: string): SlotValue {
  if (form !== 'string') return checkInteger(value, MAX[form], argument) | 0;
  const text = KINDS.string.set(value, argument) as string;
  // C cuts it, and what is left is the name of another helper.
  if (type === attr.ATTR_EXP_HELPER_NAME && new TextEncoder().encode(text).length >= NFCT_HELPER_NAME_MAX)
    throw new RangeError(`${argument} must be at most ${NFCT_HELPER_NAME_MAX - 1} bytes, not '${text}'`);
  return text;
}

function checkForm(type: number, form: Form, verb: 'get' | 'set'): void {
  const place = placeOf(type);
  const real = 'slot' in place ? place.form : undefined;
  if (real === form) return;
  const function_ = real === undefined || real === 'string' ? `nfexp_${verb}_attr` : `nfexp_${verb}_attr_${real}`;
  throw new TypeError(`${place.name} is not of ${form.slice(1)} bits: use ${function_}`);
}
