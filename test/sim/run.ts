/**
 * Runs seeds one after the other: node --import tsx test/sim/run.ts FROM [COUNT]. Prints a line of JSON for each seed
 * that fails, and one with the sums. $CTNETLINK_WITHOUT names kinds of calls and faults to leave out, $CTNETLINK_CALLS
 * how many public calls a seed makes.
 */
import type { FaultCounts, FaultKind } from './faults.ts';
import { CALLS, simulate } from './simulation.ts';

/** What many seeds came to. */
export interface Sums {
  seeds: number;
  failed: number;
  calls: number;
  steps: number;
  systemCalls: number;
  milliseconds: number;
  faults: FaultCounts;
}

const [from = '1', count = '1'] = process.argv.slice(2);
const { CTNETLINK_WITHOUT: without = '', CTNETLINK_CALLS: calls = CALLS } = process.env;
const options = { without: without.split(','), calls: Number(calls) };
// The stack of each error would cost more than the rest.
if (Number(count) > 1) Error.stackTraceLimit = 0;

const start = performance.now();
const sums: Sums = { seeds: 0, failed: 0, calls: 0, steps: 0, systemCalls: 0, milliseconds: 0, faults: {} };
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const result = await simulate(seed, options);
  sums.seeds++;
  sums.calls += result.calls;
  sums.steps += result.steps;
  sums.systemCalls += result.systemCalls;
  for (const [kind, times] of Object.entries(result.faults) as [FaultKind, number][])
    sums.faults[kind] = (sums.faults[kind] ?? 0) + times;
  if (result.violations.length === 0) continue;
  sums.failed++;
  console.log(JSON.stringify({ seed, violations: result.violations, faults: Object.keys(result.faults) }));
}
sums.milliseconds = Math.round(performance.now() - start);
console.log(JSON.stringify(sums));
