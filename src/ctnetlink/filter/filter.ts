/**
 * Which flows: one value for dumps, flushes, events and user space. It is sent to the kernel as far as that understands
 * it and is applied here in any case, so that the result does not depend on the kernel.
 */

import { Flow, type FlowInit, flowFrom } from '../flow.ts';
import { checkPossible } from './builder.ts';
import { AllOf } from './condition.ts';
import { filterForKernel, type KernelFilter } from './dump-filter.ts';
import { emptyPartOf } from './empty-part.ts';
import { compileEventFilter } from './events.ts';
import { excludesNothing } from './excludes.ts';
import type { Filter } from './language.ts';
import { readFilter } from './read.ts';
import { isMadeOf, snapshot, snapshotToJSON } from './snapshot.ts';
import type { KernelSupport } from './support.ts';
import { FilterTerms } from './terms.ts';

export type { KernelFilter } from './dump-filter.ts';
export type {
  AddressTerm,
  Compiled,
  Count,
  CounterFilter,
  CountRange,
  Filter,
  FilterPart,
  FilterTerm,
  Masked,
  NatTerm,
  StatusTerm,
  TupleFilter,
} from './language.ts';

/** What a part does that can match nothing, inside of a `not`. */
export const WIDENS =
  'has parts of both families and can match nothing, so that it excludes nothing: correct it, or leave it out';

/**
 * A filter for a call that deletes or changes what matches.
 * @throws TypeError, RangeError naming the part of the filter; RangeError where it excludes nothing, or has a part
 * without properties, or one inside of a `not` that can match nothing
 */
export function restrictingFilter(filter: FilterInit, argument: string): CompiledFilter {
  const compiled = compiledFilter(filter, argument);
  if (compiled.empty) throw new RangeError(`${argument} matches everything; flushAll() empties the table`);
  const part = compiled.emptyPart(argument);
  if (part !== undefined)
    throw new RangeError(
      `${part} has no properties, which would match everything: leave it out, or give a part of a flow as it is, without a spread`,
    );
  const { widening } = compiled;
  if (widening !== undefined) throw new RangeError(`${widening} ${WIDENS}`);
  return compiled;
}

/** What every call that takes a filter takes: a filter, an array of filters (any must match), or a compiled one. */
export type FilterInit = Filter | readonly (Filter | CompiledFilter)[] | CompiledFilter;

/**
 * A filter, checked once. Every call that takes a filter takes this too: compile a filter that you use often, or that
 * has many addresses.
 * @example
 * const blocked = new CompiledFilter({ host: new Set(addresses), not: { orig: { proto: 'icmp' } } });
 * for await (const flow of ct.dump(blocked)) console.log(flow.key());
 * const again = new CompiledFilter(JSON.parse(JSON.stringify(blocked)));
 */
export class CompiledFilter {
  /** A filter that is made of the spread of this one is refused, because the spread has nothing else of it. */
  readonly isCompiled = true;
  readonly #condition: AllOf;
  readonly #given: unknown;
  /** The condition is all of it: a derived class may have another `matches`, which takes less. */
  readonly #whole: boolean;
  #empty: boolean | undefined;
  readonly #widening: string | undefined;

  /**
   * The filter is copied: what becomes of it later changes nothing. An iterable of addresses is read here, once.
   * @throws TypeError, RangeError naming the part of the filter
   */
  constructor(filter: FilterInit);
  /** @internal */
  constructor(filter: FilterInit | FilterTerms | AllOf, argument?: string);
  constructor(filter: FilterInit | FilterTerms | AllOf, argument = 'filter') {
    if (filter instanceof AllOf) this.#condition = filter;
    else if (filter instanceof FilterTerms) this.#condition = new AllOf(filter);
    else {
      this.#given = snapshot(filter);
      const built = readFilter(this.#given, argument);
      checkPossible(built);
      this.#condition = built.all;
      this.#widening = built.widening;
    }
    this.#whole = new.target === CompiledFilter;
    if (this.#whole && this.#given !== undefined) isMadeOf(this, this.#given);
  }

  /**
   * True if no flow is excluded, in whatever form: `{}`, a mask of no bits, both families, `{ not: { not: {} } }`, an
   * array with a filter that takes everything, or a `not` of what no flow is, such as UDP with a TCP state. `flush`
   * refuses such a filter. A prefix of length 0 excludes the other family, and a range of all ports excludes flows
   * without ports.
   */
  get empty(): boolean {
    this.#empty ??= this.#condition.any || (!this.#condition.plain && excludesNothing(this.#condition));
    return this.#empty;
  }

  /**
   * Whether a flow of a dump or an event matches. A flow that lacks what a property asks about does not match the
   * property; only a mark, status or zone that the kernel leaves out is 0.
   * @param flow also its JSON, or `{ ...flow, mark: 4 }`
   * @throws TypeError, RangeError naming the property, for what is no flow
   */
  matches(flow: FlowInit | Flow): boolean {
    return this.#condition.holds((flow instanceof Flow ? flow : flowFrom(flow, 'flow')).slots);
  }

  /**
   * It looks at nothing of a flow, so that nothing has to be compared.
   * @internal
   */
  get takesAll(): boolean {
    return this.#whole && this.#condition.any;
  }

  /**
   * What must hold.
   * @internal
   */
  get condition(): AllOf {
    return this.#condition;
  }

  /**
   * The name of a part that has no properties.
   * @internal
   */
  emptyPart(argument: string): string | undefined {
    return emptyPartOf(this.#given, argument);
  }

  /**
   * The name of a part inside of a `not` that can match nothing, so that it excludes nothing.
   * @internal
   */
  get widening(): string | undefined {
    return this.#widening;
  }

  /** The filter as JSON has it, which makes the same filter again. Iterables of addresses are arrays. */
  toJSON(): Filter | Filter[] {
    if (this.#given === undefined) throw new TypeError('this filter was made of no object, and has no JSON');
    return snapshotToJSON(this.#given) as Filter | Filter[];
  }

  /**
   * The part that a dump or a flush sends to a kernel with this support.
   * @internal
   */
  forKernel(purpose: 'dump' | 'flush', support: KernelSupport): KernelFilter {
    const { terms, conditions } = this.#condition;
    const filter = filterForKernel(terms, purpose, support);
    return this.#whole && conditions.length === 0 ? filter : { ...filter, exact: false };
  }

  /**
   * The program of a socket filter (Transport.attachFilter) that lets through all events that match, and hardly others;
   * undefined when everything matches.
   * @internal
   */
  forEvents(): Uint8Array | undefined {
    return this.#condition.any ? undefined : compileEventFilter(this.#condition);
  }
}

/** What whatever takes a filter makes of it. @throws TypeError, RangeError naming the part of the filter */
export function compiledFilter(filter: FilterInit, argument = 'filter'): CompiledFilter {
  return filter instanceof CompiledFilter ? filter : new CompiledFilter(filter, argument);
}
