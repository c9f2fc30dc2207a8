/** Writes a filter as text, which parseFilter reads. */
import { CompiledFilter, type FilterInit } from '../filter.ts';
import { EVERYTHING, PROPERTIES, propertyOf } from './properties.ts';
import { writeValue } from './values.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The text of a filter, such as `host 10.0.0.0/8 and not port 53`: `parseFilter` makes a filter of it that matches the
 * same flows.
 * @throws TypeError, RangeError naming the part of the filter
 * @example
 * formatFilter({ host: '10.0.0.0/8', not: { port: 53 } }); // 'host 10.0.0.0/8 and not port 53'
 */
export function formatFilter(filter: FilterInit): string {
  const compiled = filter instanceof CompiledFilter ? filter : new CompiledFilter(filter);
  return anyOf(compiled.toJSON());
}

function anyOf(filter: unknown): string {
  return Array.isArray(filter) ? filter.map(anyOf).join(' or ') : termsOf(filter as Fields).join(' and ') || EVERYTHING;
}

function termsOf(fields: Fields, group = ''): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const path = `${group}${name}`;
    if (path === 'not') return [`not ${inside(value)}`];
    if (path === 'all') {
      return (value as unknown[]).flatMap((each) =>
        isMany(each) ? [`(${anyOf(each)})`] : termsOf([each].flat()[0] as Fields),
      );
    }
    if (propertyOf(path) === undefined || !PROPERTIES.some((property) => property.name === path))
      return termsOf(value as Fields, `${path}.`);
    return [termOf(path, value)];
  });
}

function termOf(name: string, value: unknown): string {
  const isNot = typeof value === 'object' && value !== null && 'not' in value;
  const given = isNot ? value.not : value;
  // An array of names of status bits is one value.
  const isOne = !Array.isArray(given) || (name === 'status' && typeof given[0] === 'string');
  const values = isOne ? [given] : (given as unknown[]);
  return `${name} ${isNot ? '!= ' : ''}${values.map(writeValue).join(',')}`;
}

function isMany(filter: unknown): boolean {
  return Array.isArray(filter) && filter.length > 1;
}

/** What `not` is about: in parentheses unless it is one term. */
function inside(filter: unknown): string {
  const text = anyOf(filter);
  const one = !isMany(filter) && termsOf([filter].flat()[0] as Fields).length <= 1;
  return one ? text : `(${text})`;
}
