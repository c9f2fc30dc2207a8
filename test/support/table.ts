/** A table beside a fresh dump of the same kernel. */
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import { type SlotValue, sameValue } from '../../src/ctnetlink/attributes/kinds.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import type { Conntrack } from '../../src/index.ts';
import type { FlowTable } from '../../src/table/index.ts';

/** What passes by itself while one looks. */
const PASSING = ['timeout', 'use'];

/**
 * What differs between a table and the kernel's; empty: nothing.
 * @param proved a dump has just proved the table: then also what only dumps keep is compared
 */
export async function differences(table: FlowTable, ct: Conntrack, proved = false): Promise<string[]> {
  const found: string[] = [];
  const real = new Map<string, Flow>();
  for (const flow of await ct.dump().toArray()) real.set(flow.key(), flow);
  const compared = [...ATTRIBUTES.keys()].filter((slot) => {
    const { kept = 'events', property } = ATTRIBUTES[slot];
    return kept === 'events' || (proved && kept === 'dumps' && !PASSING.includes(property));
  });
  let count = 0;
  for (const flow of table) {
    count++;
    const key = flow.key();
    const other = real.get(key);
    if (other === undefined) {
      found.push(`${key} is in the table only`);
      continue;
    }
    for (const slot of compared)
      if (!sameValue(flow.slots[slot], other.slots[slot]))
        found.push(
          `${key}: ${ATTRIBUTES[slot].property} is ${shown(flow.slots[slot])}, and in the kernel ${shown(other.slots[slot])}`,
        );
    real.delete(key);
  }
  if (count !== table.size) found.push(`${count} flows, and a size of ${table.size}`);
  return [...found, ...[...real.keys()].map((key) => `${key} is in the kernel only`)];
}

function shown(value: SlotValue): string {
  return String(value);
}
