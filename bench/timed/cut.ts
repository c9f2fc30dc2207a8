/**
 * `cut.js N`: deleteWhere of the first N clients of c/fill.c. One line of JSON: how long a plain dump took before, and
 * the deletes.
 */
import { Conntrack } from '../../src/index.ts';
import { peakKib } from './peak.ts';
import { WorstDelay } from './worst-delay.ts';

const clients = Number(process.argv[2]);
const host = Array.from({ length: clients }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

const ct = await Conntrack.open();
const timed = async <T>(call: () => Promise<T>): Promise<[seconds: number, result: T]> => {
  const start = performance.now();
  const result = await call();
  return [(performance.now() - start) / 1000, result];
};
const [dump_seconds, dumped] = await timed(async () => {
  let count = 0;
  for await (const _flow of ct.dump()) count++;
  return count;
});
const delay = new WorstDelay();
const [seconds, result] = await timed(() => ct.deleteWhere({ host }));
const worst_delay_ms = delay.stop();
const { entries } = await ct.stats();
await ct.close();

const { matched, deleted, failed, alreadyGone } = result;
if (deleted !== matched || failed + alreadyGone > 0 || entries !== dumped - deleted)
  throw new Error(`${dumped} flows, ${JSON.stringify({ matched, deleted, failed, alreadyGone })}, ${entries} are left`);
const { transport } = ct;
console.log(JSON.stringify({ count: deleted, seconds, dump_seconds, peak_kib: peakKib(), worst_delay_ms, transport }));
