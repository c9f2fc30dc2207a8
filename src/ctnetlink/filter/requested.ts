/** The filter that a dump or a flush asks the kernel for, read back from the request. */

import { NFNETLINK_V0 } from '../../uapi/nfnetlink.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import { type SlotHolder, sameValue } from '../attributes/kinds.ts';
import { FILTER_ORIG, FILTER_REPLY, MARK, MARK_MASK, ORIG, REPLY, STATUS, STATUS_MASK, ZONE } from '../slots.ts';
import type { Masked } from './language.ts';
import { RangeSet } from './ranges.ts';
import { type Comparison, comparisonsOf, FilterTerms } from './terms.ts';
import { slotsOfFlags } from './tuple-flags.ts';

/**
 * @param family nfgen_family
 * @param version of the nfgenmsg: in version 0, a flush ignores the family
 * @returns undefined where it is not known what the kernel makes of it
 */
export function requestedTerms(
  purpose: 'dump' | 'flush',
  { slots, unknown }: SlotHolder,
  family: number,
  version: number,
): FilterTerms | undefined {
  if (unknown !== undefined) return undefined;
  const compared: Comparison[] = [];
  for (const [tuple, slot] of [
    [ORIG, FILTER_ORIG],
    [REPLY, FILTER_REPLY],
  ] as const) {
    const parts = slotsOfFlags(tuple, (slots[slot] ?? 0) as number);
    if (parts === undefined) return undefined;
    for (const each of comparisonsOf(tuple, slots)) if (parts.has(each.slot)) compared.push(each);
  }
  const ignored = purpose === 'flush' && version === NFNETLINK_V0 && compared.length === 0;
  return new FilterTerms({
    family: family === AF_UNSPEC || ignored ? undefined : family,
    mark: masked(slots[MARK], slots[MARK_MASK] ?? -1),
    status: masked(slots[STATUS], slots[STATUS_MASK] ?? slots[STATUS]),
    zone: slots[ZONE] as number | undefined,
    compared,
  });
}

function masked(value: unknown, mask: unknown): Masked | undefined {
  if (value === undefined) return undefined;
  return { value: (value as number) >>> 0, mask: (mask as number) >>> 0 };
}

/** Whatever is one of `narrow` is one of `wide`. */
export function isWider(wide: FilterTerms, narrow: FilterTerms): boolean {
  return (
    (wide.family === undefined || wide.family === narrow.family) &&
    (wide.zone === undefined || wide.zone === narrow.zone) &&
    bitsAreWider(wide.mark, narrow.mark) &&
    bitsAreWider(wide.status, narrow.status) &&
    wide.compared.every((each) =>
      narrow.compared.some((other) => other.slot === each.slot && sameRequested(other.value, each.value)),
    )
  );
}

/** A request has no ranges. */
function sameRequested(a: Comparison['value'], b: Comparison['value']): boolean {
  return !(a instanceof RangeSet) && !(b instanceof RangeSet) && sameValue(a, b);
}

function bitsAreWider(wide: Masked | undefined, narrow: Masked | undefined): boolean {
  if (wide === undefined) return true;
  return (
    narrow !== undefined &&
    (wide.mask & ~narrow.mask) === 0 &&
    ((wide.value ^ narrow.value) & wide.mask) === 0 &&
    (wide.value & ~wide.mask) === 0
  );
}
