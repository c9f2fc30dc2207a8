/**
 * Which flows: one value for dumps, flushes, events and user space. It is sent to the kernel as far as that understands
 * it and is applied here in any case, so that the result does not depend on the kernel.
 */

import type { SlotValue } from '../attributes/kinds.ts';
import type { Flow } from '../flow.ts';
import { MARK, ORIG, REPLY, STATUS, ZONE } from '../slots.ts';
import { filterForKernel, type KernelFilter } from './dump-filter.ts';
import { compileEventFilter } from './events.ts';
import { samePrefix } from './prefix.ts';
import { RangeSet } from './ranges.ts';
import type { KernelSupport } from './support.ts';
import { type Filter, FilterTerms, type Masked, readTerms } from './terms.ts';

export type { KernelFilter } from './dump-filter.ts';
export type { Filter, Masked, TupleFilter } from './terms.ts';

const IPV6_BITS = 128;

/** A filter, checked once. Whatever takes a filter takes this too. */
export class CompiledFilter {
  readonly #terms: FilterTerms;
  /** The terms are all of it: a derived class may have another `matches`, which takes less. */
  readonly #whole: boolean;

  /** @throws TypeError, RangeError naming the part of the filter */
  constructor(filter: Filter);
  /** @internal */
  constructor(filter: Filter | FilterTerms, argument?: string);
  constructor(filter: Filter | FilterTerms, argument = 'filter') {
    this.#terms = filter instanceof FilterTerms ? filter : readTerms(filter, argument);
    this.#whole = new.target === CompiledFilter;
  }

  /** True when everything matches: it has nothing, or looks at no bit of what it has. */
  get empty(): boolean {
    return areAny(this.#terms);
  }

  /** Whether a flow of a dump or an event matches. A mark, status or zone that the kernel leaves out is 0. */
  matches(flow: Flow): boolean {
    const { slots } = flow;
    const { family, mark, status, zone, compared } = this.#terms;
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

  /**
   * The part that a dump or a flush sends to a kernel with this support.
   * @internal
   */
  forKernel(purpose: 'dump' | 'flush', support: KernelSupport): KernelFilter {
    const filter = filterForKernel(this.#terms, purpose, support);
    return this.#whole ? filter : { ...filter, exact: false };
  }

  /**
   * The program of a socket filter (Transport.attachFilter) that lets through all events that match, and hardly others;
   * undefined when everything matches.
   * @internal
   */
  forEvents(): Uint8Array | undefined {
    return areAny(this.#terms) ? undefined : compileEventFilter(this.#terms);
  }
}

/** What whatever takes a filter makes of it. @throws TypeError, RangeError naming the part of the filter */
export function compiledFilter(filter: Filter | CompiledFilter, argument = 'filter'): CompiledFilter {
  return filter instanceof CompiledFilter ? filter : new CompiledFilter(filter, argument);
}

function areAny({ family, mark, status, zone, compared }: FilterTerms): boolean {
  return family === undefined && isAny(mark) && isAny(status) && zone === undefined && compared.length === 0;
}

/** With bits of the value outside of the mask, nothing matches. */
function isAny(bits: Masked | undefined): boolean {
  return bits === undefined || (bits.mask === 0 && bits.value === 0);
}

function bitsMatch(bits: SlotValue, { value, mask }: Masked): boolean {
  return (((bits as number | undefined) ?? 0) & mask) >>> 0 === value;
}
