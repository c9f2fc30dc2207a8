/** Runs seeds of the table one after the other: node --import tsx test/sim/table-run.ts FROM [COUNT]. */
import { simulateTable } from './table-simulation.ts';

const [from = '1', count = '1'] = process.argv.slice(2);
if (Number(count) > 1) Error.stackTraceLimit = 0;
const sums: Record<string, number> = { seeds: 0, failed: 0 };
const add = (name: string, number: number): void => {
  sums[name] = (sums[name] ?? 0) + number;
};
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const { violations, state, ...numbers } = await simulateTable(seed);
  sums.seeds++;
  add(state, 1);
  for (const name of ['steps', 'resyncs', 'lost', 'ambiguous', 'gaps', 'changes', 'compared'] as const)
    add(name, numbers[name]);
  if (violations.length === 0) continue;
  sums.failed++;
  console.log(JSON.stringify({ seed, violations }));
}
console.log(JSON.stringify(sums));
