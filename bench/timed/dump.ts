/**
 * The counterpart of c/dump.c and c/receive.c: `dump.js flows|batches [SECONDS]`, Conntrack.dump() reading three
 * attributes of each flow. One dump; or dumps until SECONDS are over, at least three, and their median is printed. One
 * line of JSON.
 */
import { Conntrack } from '../../src/index.ts';
import { peakKib } from './peak.ts';
import { Reader } from './reader.ts';
import { WorstDelay } from './worst-delay.ts';

const [way, limit] = process.argv.slice(2);
const milliseconds = limit === undefined ? 0 : Number(limit) * 1000;
const least = limit === undefined ? 1 : 3;

const ct = await Conntrack.open();
const times: number[] = [];
let reader = new Reader();
const delay = new WorstDelay();
const begin = performance.now();
do {
  reader = new Reader();
  const start = performance.now();
  if (way === 'batches') for await (const batch of ct.dump().batches()) for (const flow of batch) reader.take(flow);
  else for await (const flow of ct.dump()) reader.take(flow);
  times.push(performance.now() - start);
} while (times.length < least || performance.now() - begin < milliseconds);
const worst_delay_ms = delay.stop();
await ct.close();

const { count, checksum } = reader;
const seconds = times.sort((a, b) => a - b)[times.length >> 1] / 1000;
const { transport } = ct;
console.log(
  JSON.stringify({ count, dumps: times.length, seconds, peak_kib: peakKib(), worst_delay_ms, transport, checksum }),
);
