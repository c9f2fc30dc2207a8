/** Filters with `and` between them. Each more costs what it has itself, however many there are. */
import type { Filter } from '../language.ts';
import { PROPERTIES } from './properties.ts';

export type Filters = Filter | Filter[];
type Fields = Record<string, unknown>;

/** A filter that matches where all do: one object as far as they are about different properties. */
export class Conjunction {
  #fields: Fields;

  /** @param first is changed by `add`, and so are those that it is given */
  constructor(first: Filters) {
    this.#fields = (Array.isArray(first) ? { all: [first] } : first) as Fields;
  }

  get filter(): Filter {
    return this.#fields as Filter;
  }

  /** @returns what is to be read to see what this one made wrong: never all of the filter */
  add(other: Filters): readonly Filters[] {
    if (Array.isArray(other)) return this.#addWhole(other);
    const { not, all, ...fields } = other;
    const joined = joinedFields(this.#fields, fields);
    if (joined === undefined) return this.#addWhole(other);
    this.#fields = joined;
    if (not !== undefined) this.#append('not', [not].flat());
    if (all !== undefined) this.#append('all', all);
    if (Object.keys(fields).length === 0) return [other];
    const { not: _not, all: _all, ...together } = joined;
    return [other, together as Filter];
  }

  #addWhole(other: Filters): readonly Filters[] {
    this.#append('all', [other]);
    return [other];
  }

  #append(name: 'not' | 'all', filters: readonly unknown[]): void {
    const list = this.#fields[name];
    if (list === undefined) this.#fields[name] = name === 'not' && filters.length === 1 ? filters[0] : filters;
    else if (!Array.isArray(list)) this.#fields[name] = [list, ...filters];
    else for (const filter of filters) list.push(filter);
  }
}

/** Both, but for their lists `not` and `all`; undefined where they have a property in common. */
function joinedFields(a: Fields, b: Fields): Fields | undefined {
  const joined = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const other = joined[name];
    if (other === undefined) joined[name] = value;
    else if (!isGroup(name)) return undefined;
    else {
      const group = joinedFields(other as Fields, value as Fields);
      if (group === undefined) return undefined;
      joined[name] = group;
    }
  }
  return joined;
}

function isGroup(name: string): boolean {
  return PROPERTIES.some((property) => property.name.startsWith(`${name}.`) || property.name.includes(`.${name}.`));
}
