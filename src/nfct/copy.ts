import { ATTRIBUTES, type AttributeRow } from '../ctnetlink/attributes.ts';
import { type Flow, flowCodec, slotOfId } from '../ctnetlink/flow.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import { checkInteger } from '../netlink/check.ts';
import { checkConntrack, writeAttribute } from './conntrack.ts';
import { NFCT_CP_ALL, NFCT_CP_META, NFCT_CP_ORIG, NFCT_CP_OVERRIDE, NFCT_CP_REPL } from './constants.ts';

const EVERY_PART = NFCT_CP_ORIG | NFCT_CP_REPL | NFCT_CP_META;

/** The zones of tuples are not of these to C, and there is one ICMP for both directions. */
function partOf({ property }: AttributeRow): number {
  if (property.endsWith('.zone')) return NFCT_CP_META;
  if (property.startsWith('orig.') || property.startsWith('reply.icmp')) return NFCT_CP_ORIG;
  return property.startsWith('reply.') ? NFCT_CP_REPL : NFCT_CP_META;
}

/** Slots with the NFCT_CP_ that copies each. Those without an ATTR_ stand behind what they belong to, and so prevail. */
const PARTS: readonly (readonly [slot: number, part: number])[] = [...ATTRIBUTES.entries()]
  .sort(([, one], [, two]) => Number(one.id === undefined) - Number(two.id === undefined))
  .map(([slot, row]) => [slot, partOf(row)]);

/**
 * Sets in `ct1` what is set in `ct2`; the rest of `ct1` stays. NFCT_CP_ORIG, NFCT_CP_REPL and NFCT_CP_META, and any of
 * them together, copy only tuple fields of these directions, or what is of none (which includes the zones of tuples).
 * With NFCT_CP_OVERRIDE, alone or beside others, `ct1` becomes a clone of `ct2`, and keeps nothing.
 *
 * @throws RangeError for flags that are no NFCT_CP_
 */
export function nfct_copy(ct1: Flow, ct2: Flow, flags: number): void {
  checkConntrack(ct1, 'ct1');
  checkConntrack(ct2, 'ct2');
  checkInteger(flags, EVERY_PART | NFCT_CP_OVERRIDE, 'flags');
  const { slots, unknown } = ct2.clone();
  if ((flags & NFCT_CP_OVERRIDE) !== 0) {
    ct1.slots = slots;
    ct1.unknown = unknown;
    return;
  }
  const parts = flags === NFCT_CP_ALL ? EVERY_PART : flags;
  flowCodec.makeRoom(ct1);
  for (const [slot, part] of PARTS) if ((parts & part) !== 0) set(ct1, slot, slots[slot]);
  if ((parts & NFCT_CP_META) !== 0) ct1.unknown = unknown ?? ct1.unknown;
}

/**
 * Sets an attribute in `ct1` as it is set in `ct2`; when it is not set there, `ct1` stays as it is.
 * @throws RangeError for a number that is no ATTR_
 */
export function nfct_copy_attr(ct1: Flow, ct2: Flow, type: number): void {
  checkConntrack(ct1, 'ct1');
  checkConntrack(ct2, 'ct2');
  const slot = slotOfId(type);
  const value = ct2.slots[slot];
  set(ct1, slot, value instanceof Uint8Array ? value.slice() : value);
}

function set(ct: Flow, slot: number, value: SlotValue): void {
  if (value === undefined) return;
  const { id } = ATTRIBUTES[slot];
  if (id === undefined) ct.slots[slot] = value;
  else writeAttribute(ct, id, value);
}
