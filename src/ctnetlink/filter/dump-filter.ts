/** The part of a filter that goes to the kernel in a dump or a flush. */

import { AF_UNSPEC } from '../../uapi/socket.ts';
import { type SlotValue, sameValue } from '../attributes/kinds.ts';
import { Flow } from '../flow.ts';
import {
  FILTER_ORIG,
  FILTER_REPLY,
  MARK,
  MARK_MASK,
  ORIG,
  REPLY,
  STATUS,
  STATUS_MASK,
  type TupleSlots,
  ZONE,
} from '../slots.ts';
import { RangeSet } from './ranges.ts';
import type { KernelSupport } from './support.ts';
import type { FilterTerms } from './terms.ts';
import { flagOf } from './tuple-flags.ts';

/** What goes to the kernel of a filter. */
export interface KernelFilter {
  /** nfgen_family. */
  family: number;
  /** The attributes of the request. */
  attributes: Flow;
  /** True if the kernel applies exactly the filter: only then may a flush have it. */
  exact: boolean;
}

export function filterForKernel(terms: FilterTerms, purpose: 'dump' | 'flush', support: KernelSupport): KernelFilter {
  const attributes = new Flow();
  const { slots } = attributes;
  let exact = true;
  let family = AF_UNSPEC as number;

  if (terms.family !== undefined) {
    if (purpose === 'dump' ? support.dumpFamily : support.flushFamily) family = terms.family;
    else exact = false;
  }
  if (terms.mark !== undefined) {
    // Bits of the value outside the mask never match; the kernel does not clear them.
    slots[MARK] = terms.mark.value | 0;
    slots[MARK_MASK] = terms.mark.mask | 0;
  }
  if (terms.status !== undefined) {
    // A zero mask is refused with EINVAL; it asks for nothing, or for what cannot be, and is applied here.
    if (support.status && terms.status.mask !== 0) {
      slots[STATUS] = terms.status.value | 0;
      slots[STATUS_MASK] = terms.status.mask | 0;
    } else exact = false;
  }
  if (terms.zone !== undefined) {
    if (support.zone) slots[ZONE] = terms.zone;
    else exact = false;
  }
  if (terms.compared.length > 0) {
    // CTA_FILTER is refused without a family (EOPNOTSUPP).
    const can = family !== AF_UNSPEC && (purpose === 'dump' ? support.dumpTuple : support.flushTuple);
    if (!can || !addTuples(terms, slots)) exact = false;
  }
  return { family, attributes, exact };
}

/** Adds the parts of the tuples that the kernel compares correctly, and the flags. False if that is not all. */
function addTuples({ compared }: FilterTerms, slots: SlotValue[]): boolean {
  const flags = new Map<TupleSlots, number>([
    [ORIG, 0],
    [REPLY, 0],
  ]);
  let all = true;
  for (const comparison of compared) {
    const { slot, value } = comparison;
    const flag = flagOf(comparison, compared);
    // The kernel compares with one value.
    if (flag === undefined || value instanceof RangeSet || !isFree(slots[slot], value)) {
      all = false;
      continue;
    }
    slots[slot] = value;
    flags.set(comparison.tuple, flags.get(comparison.tuple)! | flag);
  }
  const [orig, reply] = [flags.get(ORIG)!, flags.get(REPLY)!];
  if (orig !== 0 || reply !== 0) {
    slots[FILTER_ORIG] = orig;
    slots[FILTER_REPLY] = reply;
  }
  return all;
}

/** A request has room for one value: of two that contradict each other the second stays here. */
function isFree(taken: SlotValue, value: SlotValue): boolean {
  return taken === undefined || sameValue(taken, value);
}
