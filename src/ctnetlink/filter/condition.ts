/** What must hold of a flow, as a tree: terms that a kernel can be asked for, other conditions, and what joins them. */
import type { SlotValue } from '../attributes/kinds.ts';
import { RangeSet } from './ranges.ts';
import type { FilterTerms } from './terms.ts';

/** Something that holds of a flow or not. */
export interface Condition {
  /** @param slots of a flow. Allocates nothing. */
  holds(slots: readonly SlotValue[]): boolean;
}

/** All of it must hold. */
export class AllOf implements Condition {
  readonly terms: FilterTerms;
  /** What no kernel can be asked for. */
  readonly conditions: readonly Condition[];

  constructor(terms: FilterTerms, conditions: readonly Condition[] = []) {
    this.terms = terms;
    this.conditions = conditions;
  }

  holds(slots: readonly SlotValue[]): boolean {
    const { terms, conditions } = this;
    if (!terms.holds(slots)) return false;
    for (let i = 0; i < conditions.length; i++) if (!conditions[i].holds(slots)) return false;
    return true;
  }

  /** It looks at nothing: everything matches. */
  get any(): boolean {
    return this.conditions.length === 0 && this.terms.any;
  }

  /** Each of its terms has one value, so that it excludes something unless it looks at nothing. */
  get plain(): boolean {
    return this.conditions.length === 0 && this.terms.compared.every(({ value }) => !(value instanceof RangeSet));
  }
}

/** One of these must hold. */
export class AnyOf implements Condition {
  readonly conditions: readonly Condition[];

  constructor(conditions: readonly Condition[]) {
    this.conditions = conditions;
  }

  holds(slots: readonly SlotValue[]): boolean {
    const { conditions } = this;
    for (let i = 0; i < conditions.length; i++) if (conditions[i].holds(slots)) return true;
    return false;
  }
}

/** This must not hold. */
export class Not implements Condition {
  readonly condition: Condition;

  constructor(condition: Condition) {
    this.condition = condition;
  }

  holds(slots: readonly SlotValue[]): boolean {
    return !this.condition.holds(slots);
  }
}
