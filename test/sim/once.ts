/** One seed, or several from there on: node --import tsx test/sim/once.ts SEED [COUNT]. */
import { simulate } from './simulation.ts';

const [from = '1', count = '1'] = process.argv.slice(2);
const without = (process.env.CTNETLINK_WITHOUT ?? '').split(',');
let failed = 0;
const start = performance.now();
let calls = 0;
let steps = 0;
let systemCalls = 0;
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const result = await simulate(seed, { without });
  calls += result.calls;
  steps += result.steps;
  systemCalls += result.systemCalls;
  if (Number(count) === 1) console.log(result);
  if (result.violations.length === 0) continue;
  failed++;
  console.log(`${seed}: ${result.violations[0].slice(0, 600)}`);
}
const each = (performance.now() - start) / Number(count);
console.log({ failed, calls, steps, systemCalls, millisecondsASeed: each });
