/** Terms that a kernel can be asked for: each compares one attribute with one value, and all must hold. */
import type { SlotValue } from '../attributes/kinds.ts';
import { MARK, ORIG, REPLY, STATUS, type TupleSlots, ZONE } from '../slots.ts';
import type { Masked } from './language.ts';
import { samePrefix } from './prefix.ts';
import { RangeSet } from './ranges.ts';

const IPV6_BITS = 128;

/** A part of a tuple that must be there and be equal. */
export interface Comparison {
  readonly tuple: TupleSlots<'orig' | 'reply'>;
  readonly slot: number;
  /** An integer as its slot has it, one of several, or the 16 bytes of an IPv6 address. */
  readonly value: number | RangeSet | Uint8Array;
  /** How many bits of an address are compared; undefined: all, as of everything else. */
  readonly prefix: number | undefined;
  /** Of an integer, the bits that are compared. */
  readonly mask: number;
}

/** One of several integers in this slot. */
export function oneOfSeveral(tuple: Comparison['tuple'], slot: number, value: number | RangeSet): Comparison {
  return { tuple, slot, value, prefix: undefined, mask: -1 };
}

/** What must hold of a flow, all of it. Undefined is what may be anything. */
export class FilterTerms {
  /** AF_* */
  readonly family: number | undefined;
  readonly mark: Masked | undefined;
  readonly status: Masked | undefined;
  readonly zone: number | undefined;
  readonly compared: readonly Comparison[];

  constructor({ family, mark, status, zone, compared = [] }: Partial<FilterTerms>) {
    this.family = family;
    this.mark = mark;
    this.status = status;
    this.zone = zone;
    this.compared = compared;
  }

  /** Whether they hold. A mark, status or zone that the kernel leaves out is 0. */
  holds(slots: readonly SlotValue[]): boolean {
    const { family, mark, status, zone, compared } = this;
    if (family !== undefined && slots[ORIG.family] !== family) return false;
    if (mark !== undefined && !bitsMatch(slots[MARK], mark)) return false;
    if (status !== undefined && !bitsMatch(slots[STATUS], status)) return false;
    // A zone of one direction only is the flow's zone too (nf_ct_zone_equal_any).
    if (zone !== undefined && (slots[ZONE] ?? slots[ORIG.zone] ?? slots[REPLY.zone] ?? 0) !== zone) return false;
    for (let i = 0; i < compared.length; i++) {
      const { tuple, slot, value: wanted, prefix, mask } = compared[i];
      const value = slot === tuple.zone ? (slots[slot] ?? slots[ZONE] ?? 0) : slots[slot];
      if (typeof wanted === 'number') {
        if (typeof value !== 'number' || ((value ^ wanted) & mask) !== 0) return false;
      } else if (wanted instanceof RangeSet) {
        if (typeof value !== 'number' || !wanted.has(value)) return false;
      } else if (!(value instanceof Uint8Array) || !samePrefix(value, wanted, prefix ?? IPV6_BITS)) {
        return false;
      }
    }
    return true;
  }

  /** They look at no bit of a flow: everything matches. */
  get any(): boolean {
    const { family, mark, status, zone, compared } = this;
    return family === undefined && isAny(mark) && isAny(status) && zone === undefined && compared.length === 0;
  }
}

/** With bits of the value outside of the mask, nothing matches. */
function isAny(bits: Masked | undefined): boolean {
  return bits === undefined || (bits.mask === 0 && bits.value === 0);
}

function bitsMatch(bits: SlotValue, { value, mask }: Masked): boolean {
  return (((bits as number | undefined) ?? 0) & mask) >>> 0 === value;
}

/** That all of a tuple that is set is equal; its zone, where it is set, is that of this direction. */
export function comparisonsOf(tuple: TupleSlots<'orig' | 'reply'>, slots: readonly SlotValue[]): Comparison[] {
  const compared: Comparison[] = [];
  for (const slot of tuple.all) {
    const value = slots[slot] as number | Uint8Array | undefined;
    if (value !== undefined) compared.push({ tuple, slot, value, prefix: undefined, mask: -1 });
  }
  return compared;
}

/** The one family of all parts. @throws RangeError where they have two, and nothing could match */
export function familyOf(parts: readonly (number | undefined)[], argument: string): number | undefined {
  const known = parts.filter((value) => value !== undefined);
  if (new Set(known).size > 1) throw new RangeError(`${argument} has parts of both families and can match nothing`);
  return known[0];
}
