/**
 * Begins and ends flows at an even pace: `churn.ts EVENTS`, so many events a second, until its standard input ends. In
 * a network namespace of the tests' own. Of 200,000 tuples 20,000 are there at a time, each with another mark.
 */
import { Conntrack, type FlowInit } from '../../../src/index.ts';
import { ALIVE, tupleOf } from './tuples.ts';

/** Milliseconds between two batches. */
const PACE = 50;
const ANYWAY = { onError: (): void => {} };

const [rate] = process.argv.slice(2).map(Number);
const ct = await Conntrack.open();
const start = performance.now();
let begun = 0;
let over = false;
process.stdin.on('end', () => {
  over = true;
});
process.stdin.resume();

while (!over) {
  const due = Math.floor(((performance.now() - start) / 1000) * (rate / 2)) - Math.max(0, begun - ALIVE);
  const count = begun < ALIVE ? ALIVE : Math.min(due, 5000);
  const begin: FlowInit[] = [];
  const end: FlowInit[] = [];
  for (let i = 0; i < count; i++, begun++) {
    begin.push({ orig: tupleOf(begun), timeout: 3600, mark: begun });
    if (begun >= ALIVE) end.push({ orig: tupleOf(begun - ALIVE) });
  }
  await ct.createMany(begin, ANYWAY);
  await ct.deleteMany(end, ANYWAY);
  await new Promise((resolve) => setTimeout(resolve, PACE));
}
await ct.close();
