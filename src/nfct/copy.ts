import { ATTRIBUTES, type AttributeRow } from '../ctnetlink/attributes/flow.ts';
import { type Flow, flowCodec } from '../ctnetlink/flow.ts';
import { slotOfId } from '../ctnetlink/slots.ts';
import { checkInteger } from '../netlink/check.ts';
import {
  NFCT_CP_ALL,
  NFCT_CP_META,
  NFCT_CP_ORIG,
  NFCT_CP_OVERRIDE,
  NFCT_CP_REPL,
} from '../uapi/libnetfilter_conntrack.ts';
import { checkConntrack, writeAttribute } from './conntrack.ts';

const EVERY_PART = NFCT_CP_ORIG | NFCT_CP_REPL | NFCT_CP_META;

/** The zones of tuples are not of these to C, and there is one ICMP for both directions. */
function partOf({ property }: AttributeRow): number {
  if (property.endsWith('.zone')) return NFCT_CP_META;
  if (property.startsWith('orig.') || property.startsWith('reply.icmp')) return NFCT_CP_ORIG;
  return property.startsWith('reply.') ? NFCT_CP_REPL : NFCT_CP_META;
}

/** The NFCT_CP_ that copies each slot. */
const PARTS: readonly number[] = ATTRIBUTES.map(partOf);

/** Slots without an ATTR_ come after the slots that they belong to, and so prevail. */
const ORDER: readonly number[] = [...ATTRIBUTES.keys()].sort(
  (one, two) => Number(ATTRIBUTES[one].id === undefined) - Number(ATTRIBUTES[two].id === undefined),
);

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
  if ((flags & NFCT_CP_OVERRIDE) !== 0) {
    const { slots, unknown } = ct2.clone();
    ct1.slots = slots;
    ct1.unknown = unknown;
    return;
  }
  const parts = flags === NFCT_CP_ALL ? EVERY_PART : flags;
  for (const slot of ORDER) if ((parts & PARTS[slot]) !== 0) copySlot(ct1, ct2, slot);
  if ((parts & NFCT_CP_META) !== 0 && ct2.unknown !== undefined) ct1.unknown = ct2.clone().unknown;
}

/**
 * Sets an attribute in `ct1` as it is set in `ct2`; when it is not set there, `ct1` stays as it is.
 * @throws RangeError for a number that is no ATTR_
 */
export function nfct_copy_attr(ct1: Flow, ct2: Flow, type: number): void {
  checkConntrack(ct1, 'ct1');
  checkConntrack(ct2, 'ct2');
  copySlot(ct1, ct2, slotOfId(type));
}

function copySlot(to: Flow, from: Flow, slot: number): void {
  const value = from.slots[slot];
  if (value === undefined) return;
  const own = value instanceof Uint8Array ? value.slice() : value;
  const { id } = ATTRIBUTES[slot];
  if (id !== undefined) {
    writeAttribute(to, id, own);
  } else {
    flowCodec.makeRoom(to);
    to.slots[slot] = own;
  }
}
