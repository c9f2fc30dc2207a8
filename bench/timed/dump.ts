/** The counterpart of c/dump.c: Conntrack.dump(), reading three attributes of each flow. `dump.js flows|batches`. One line of JSON. */
import { Conntrack } from '../../src/index.ts';

const ct = await Conntrack.open();
let count = 0;
let sum = 0;
const start = performance.now();
if (process.argv[2] === 'batches') {
  for await (const batch of ct.dump().batches()) {
    for (const flow of batch) {
      sum += (flow.orig.src?.length ?? 0) + (flow.orig.dport ?? 0) + (flow.mark ?? 0);
      count++;
    }
  }
} else {
  for await (const flow of ct.dump()) {
    sum += (flow.orig.src?.length ?? 0) + (flow.orig.dport ?? 0) + (flow.mark ?? 0);
    count++;
  }
}
const seconds = (performance.now() - start) / 1000;
await ct.close();
process.stdout.write(
  `${JSON.stringify({ count, seconds, maxrss_kib: process.resourceUsage().maxRSS, transport: ct.transport, checksum: sum })}\n`,
);
