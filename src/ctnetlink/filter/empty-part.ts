/** A part of a filter without properties, which matches everything: what the spread of a part of a flow gives. */

const GROUPS = ['orig', 'reply', 'tcp', 'sctp', 'counters'] as const;
const FILTERS = ['not', 'all'] as const;

/** The name of the first such part; undefined where there is none. */
export function emptyPartOf(given: unknown, argument: string): string | undefined {
  if (Array.isArray(given)) {
    for (const [index, each] of given.entries()) {
      const found = emptyPartOf(each, `${argument}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (typeof given !== 'object' || given === null) return undefined;
  const filter = given as Record<string, unknown>;
  for (const name of GROUPS) {
    const part = filter[name];
    if (typeof part !== 'object' || part === null || ![Object.prototype, null].includes(Object.getPrototypeOf(part)))
      continue;
    if (Object.keys(part).length === 0) return `${argument}.${name}`;
    const found = emptyPartOf(part, `${argument}.${name}`);
    if (found !== undefined) return found;
  }
  for (const name of FILTERS) {
    const found = emptyPartOf(filter[name], `${argument}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
