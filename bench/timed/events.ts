/**
 * The counterpart of c/drain.c: `events.js N FILL`. N events wait in the receive buffer, then it is timed how long it
 * takes to read them. Twice: in a program that has just begun, and in one that has read events before. One line of
 * JSON.
 */
import { execFileSync } from 'node:child_process';
import { Conntrack } from '../../src/index.ts';
import { peakKib } from './peak.ts';
import { Reader } from './reader.ts';

const [expected, fill] = process.argv.slice(2);
const reader = new Reader();
const ct = await Conntrack.open();
const events = await ct.events({ types: ['new'], receiveBuffer: 256 * 1024 * 1024 });

/** Seconds. */
async function drain(): Promise<number> {
  // Synchronously, so that nothing is read meanwhile.
  execFileSync(fill, [expected]);
  reader.count = 0;
  const start = performance.now();
  // Not for await, which would close the stream at its end.
  while (reader.count < Number(expected)) {
    const { value: event, done } = await events.next();
    if (done === true || event.type === 'overrun') throw new Error(`lost events after ${reader.count}`);
    reader.take(event.flow);
  }
  return (performance.now() - start) / 1000;
}

const first_seconds = await drain();
await ct.flushAll();
const seconds = await drain();
await ct.close();

const { count, checksum } = reader;
const { transport } = ct;
console.log(JSON.stringify({ count, first_seconds, seconds, peak_kib: peakKib(), transport, checksum }));
