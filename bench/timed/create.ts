/** The counterpart of c/create.c: `create.js N`, N UDP flows by createMany. One line of JSON. */
import { Conntrack, type FlowInit } from '../../src/index.ts';
import { peakKib } from './peak.ts';

/** The same as the C program's. */
function* flows(count: number): Generator<FlowInit> {
  for (let i = 0; i < count; i++) {
    const src = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
    yield { orig: { src, dst: '192.168.0.1', proto: 'udp', sport: 40000, dport: 53 }, timeout: 3600 };
  }
}

const ct = await Conntrack.open();
const start = performance.now();
const { succeeded, failed } = await ct.createMany(flows(Number(process.argv[2])));
const seconds = (performance.now() - start) / 1000;
await ct.close();

const { transport } = ct;
console.log(JSON.stringify({ count: succeeded, failed, seconds, peak_kib: peakKib(), transport }));
