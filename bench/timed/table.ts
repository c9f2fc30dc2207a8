/**
 * `table.js table|map FLOWS FILL FAMILY`: a FlowTable, or a Map of Flow objects by key as a program would keep it
 * itself, of a table of FLOWS flows of this FAMILY, 4 or 6: memory, opening, look-ups, and the events of 100,000 flows
 * of the other one that the program FILL makes. One line of JSON.
 */
import { execFileSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Conntrack, type Flow, type TupleInit } from '../../src/index.ts';
import { FlowTable } from '../../src/table/index.ts';
import { peakKib } from './peak.ts';
import { WorstDelay } from './worst-delay.ts';

const [kind, count, fill, family] = process.argv.slice(2);
const ipv6 = family === '6';
const flows = Number(count);
const EVENTS = 100_000;
const LOOKUPS = 200_000;
/** Nothing is to be lost: what is measured is the work for an event. */
const receiveBuffer = 1 << 28;

interface Kept {
  readonly size: number;
  readonly lost: number;
  get(tuple: TupleInit): Flow | undefined;
  find?(filter: object): Iterable<Flow>;
  verify?(): Promise<void>;
  close(): Promise<void>;
}

async function openTable(): Promise<Kept> {
  const table = await FlowTable.open({ receiveBuffer, verify: false });
  return {
    get size() {
      return table.size;
    },
    get lost() {
      return table.proof.lost;
    },
    get: (tuple) => table.get(tuple),
    find: (filter) => table.find(filter),
    verify: () => table.verify(),
    close: () => table.close(),
  };
}

async function openMap(): Promise<Kept> {
  const ct = await Conntrack.open();
  const kept = new Map<string, Flow>();
  let lost = 0;
  const events = await ct.events({ receiveBuffer });
  for await (const flow of ct.dump()) kept.set(flow.key(), flow);
  void (async () => {
    for await (const event of events)
      if (event.type === 'overrun') lost += event.lost ?? 1;
      else if (event.type === 'destroy') kept.delete(event.flow.key());
      else kept.set(event.flow.key(), event.flow);
  })();
  return {
    get size() {
      return kept.size;
    },
    get lost() {
      return lost;
    },
    get: ({ src, dst, proto, sport, dport }) =>
      kept.get(`0/${proto === 'tcp' ? 6 : 17}/${src}/${dst}/${sport}/${dport}`),
    close: () => ct.close(),
  };
}

/** A full collection, where the runtime has one; twice, because the first makes finalizers run. */
function collect(): void {
  const { Bun } = globalThis as { Bun?: { gc(full: boolean): void } };
  if (Bun !== undefined) {
    for (let times = 0; times < 2; times++) Bun.gc(true);
    return;
  }
  try {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    for (let times = 0; times < 2; times++) gc();
  } catch {
    // Deno has none: the figure has what was not collected.
  }
}

async function timed<T>(call: () => T | Promise<T>): Promise<[seconds: number, result: T]> {
  const start = performance.now();
  const result = await call();
  return [(performance.now() - start) / 1000, result];
}

/** The first flows of c/fill.c. */
function tupleOf(i: number): TupleInit {
  const proto = i % 2 === 1 ? 'udp' : 'tcp';
  return {
    src: ipv6 ? `fd00::a00:${(i & 0xffff).toString(16)}` : `10.0.${(i >> 8) & 255}.${i & 255}`,
    dst: ipv6 ? '2001:db8::ac10:1' : '172.16.0.1',
    proto,
    sport: 32768 + ((i >> 16) & 31),
    dport: proto === 'tcp' ? 443 : 53,
  };
}

function countOf(found: Iterable<unknown>): number {
  let number = 0;
  for (const _each of found) number++;
  return number;
}

const plain = await Conntrack.open();
const [dump_seconds] = await timed(async () => {
  let number = 0;
  for await (const _flow of plain.dump()) number++;
  return number;
});
const { transport } = plain;
await plain.close();
collect();
const before = process.memoryUsage().rss;
const opening = new WorstDelay();
const [seconds, kept] = await timed(kind === 'map' ? openMap : openTable);
const open_delay_ms = opening.stop();
collect();
const bytes = (process.memoryUsage().rss - before) / flows;
const { size } = kept;

const tuples = Array.from({ length: 1000 }, (_, n) => tupleOf((n * 7919) % Math.min(flows, 1 << 21)));
let hits = 0;
for (const tuple of tuples) if (kept.get(tuple) !== undefined) hits++;
const [get_seconds] = await timed(() => {
  for (let n = 0; n < LOOKUPS; n++) kept.get(tuples[n % tuples.length]);
});
/** One of each kind of number. Most match few flows: to make a flow takes longer than to find it. */
const NUMBERS = [
  { orig: { sport: 32769 } },
  { port: 1 },
  { orig: { proto: 'icmp' } },
  { zone: 3 },
  { mark: 1 },
  { status: ['DYING'] },
  { tcp: { state: 'CLOSE' } },
  { timeout: { from: 1, to: 60 } },
  { counters: { bytes: { from: 1, to: 1000 } } },
];
let number_seconds = 0;
for (const filter of NUMBERS) {
  const [elapsed] = await timed(() => countOf(kept.find?.(filter) ?? []));
  number_seconds = Math.max(number_seconds, elapsed);
}
const prefix = ipv6 ? 'fd00::a00:400/118' : '10.0.4.0/22';
const [address_seconds] = await timed(() => countOf(kept.find?.({ orig: { src: prefix } }) ?? []));
const verifying = new WorstDelay();
const [verify_seconds] = await timed(() => kept.verify?.());
const verify_delay_ms = verifying.stop();

// They wait in the kernel meanwhile: otherwise most of the work would be to wake up for one after the other.
execFileSync(fill, [String(EVENTS), ipv6 ? '4' : '6']);
const cpu = process.cpuUsage();
while (kept.size + kept.lost < size + EVENTS) await new Promise((resolve) => setTimeout(resolve, 5));
const used = process.cpuUsage(cpu);
const { lost } = kept;
await kept.close();

if (hits !== tuples.length) throw new Error(`${hits} of ${tuples.length} flows were found`);
console.log(
  JSON.stringify({
    count: size,
    seconds,
    dump_seconds,
    bytes,
    get_us: (get_seconds * 1e6) / LOOKUPS,
    number_seconds: kept.find && number_seconds,
    address_seconds: kept.find && address_seconds,
    verify_seconds: kept.verify && verify_seconds,
    event_us: used.user / EVENTS,
    lost,
    delay_ms: Math.max(open_delay_ms, verify_delay_ms),
    peak_kib: peakKib(),
    transport,
  }),
);
process.exit();
