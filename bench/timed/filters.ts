/**
 * `filters.js KIND`: dumps without a filter and with one, in turn, reading three attributes of each flow. One line of
 * JSON with the medians.
 */
import { CompiledFilter, Conntrack, type FilterInit } from '../../src/index.ts';
import { peakKib } from './peak.ts';
import { Reader } from './reader.ts';

const TURNS = 5;
const HOSTS = 50_000;

/** Of the network of c/fill.c, whose clients are the first 65,536 addresses, or of another one. */
function hosts(network: number, prefix = ''): string[] {
  return Array.from({ length: HOSTS }, (_, n) => `${network}.${n >> 16}.${(n >> 8) & 255}.${n & 255}${prefix}`);
}

const FILTERS: Readonly<Record<string, () => FilterInit>> = {
  mark: () => ({ mark: 1 }),
  // All flows but few, so that as many are read as without a filter.
  compared: () => ({ family: 'ipv4', orig: { src: '10.0.0.0/8' } }),
  hosts: () => ({ host: hosts(10) }),
  'other hosts': () => ({ host: hosts(11) }),
  prefixes: () => ({ host: [...hosts(11), ...Array.from({ length: 12 }, (_, n) => `12.0.0.0/${n + 16}`)] }),
};

const [kind] = process.argv.slice(2);
const filter = new CompiledFilter(FILTERS[kind]() as never);
const ct = await Conntrack.open();
const times: Record<'plain' | 'filtered', number[]> = { plain: [], filtered: [] };
let count = 0;
for (let turn = 0; turn < TURNS; turn++) {
  for (const way of ['plain', 'filtered'] as const) {
    const reader = new Reader();
    const start = performance.now();
    for await (const flow of ct.dump(way === 'plain' ? {} : filter)) reader.take(flow);
    times[way].push(performance.now() - start);
    if (way === 'filtered') count = reader.count;
  }
}
await ct.close();

const median = (of: number[]): number => of.sort((a, b) => a - b)[of.length >> 1] / 1000;
const [seconds, plain_seconds] = [median(times.filtered), median(times.plain)];
console.log(JSON.stringify({ count, seconds, plain_seconds, peak_kib: peakKib(), transport: ct.transport }));
