/**
 * `burst.js N FILL`: N events come as fast as another process makes the flows. One line of JSON says how many are lost.
 */
import { spawn } from 'node:child_process';
import { Conntrack } from '../../src/index.ts';
import { Reader } from './reader.ts';

const [expected, fill] = process.argv.slice(2);
const reader = new Reader();
const ct = await Conntrack.open();
const events = await ct.events({ types: ['new'], receiveBuffer: 64 * 1024 * 1024 });
spawn(fill, [expected], { stdio: 'ignore' });
let lost = 0;
for await (const event of events) {
  if (event.type === 'overrun') lost += event.lost ?? 0;
  else reader.take(event.flow);
  if (reader.count + lost >= Number(expected)) break;
}
await ct.close();

const { transport } = ct;
console.log(JSON.stringify({ count: reader.count + lost, lost, transport, checksum: reader.checksum }));
