/**
 * Tortures a table in the runtime that executes this file: `main.ts SECONDS SEED NODE`, where NODE runs the traffic. In
 * a network namespace of the tests' own, and without mocha. Behind a receive buffer of 64 KiB: creates, updates,
 * deletes, flushes and expiries, real traffic at full rate, and a process that is stopped now and then ($CTNETLINK_STOP
 * milliseconds at least). Whenever nothing moves, the table must be what a fresh dump says, attribute by attribute, and
 * its changes must add up to it. The result is a line of JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Conntrack, type FlowInit, type OpenOptions, openTransport, type Transport } from '../../../src/index.ts';
import { FlowTable, type TableChange } from '../../../src/table/index.ts';
import { Random } from '../../support/random.ts';
import { differences } from '../../support/table.ts';

export interface TortureResult {
  readonly seed: number;
  /** Storms, and quiet points at which the table was compared; of those storms, how often the process was stopped. */
  readonly rounds: number;
  readonly stops: number;
  /** How often the transport reported lost events, and how many. */
  readonly overruns: number;
  readonly lost: number;
  readonly resyncs: number;
  readonly ambiguous: number;
  readonly changes: number;
  /** The largest table that was compared. */
  readonly flows: number;
  readonly differences: readonly string[];
}

const BUFFER = 65_536;
const TUPLES = 600;
/** Milliseconds until a table that is quiet must be right. */
const PATIENCE = 600_000;
/** Failures of single items are as they should be: others change the same flows. */
const ANYWAY = { onError: (): void => {} };

const [seconds, seed, node] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const stopFor = Number(process.env.CTNETLINK_STOP ?? 0);
const random = new Random(seed);
const found: string[] = [];
let overruns = 0;

async function open(options?: OpenOptions): Promise<Transport> {
  const { transport: _this, ...rest } = options ?? {};
  const transport = await openTransport(rest);
  const receive = transport.receive.bind(transport);
  transport.receive = () => {
    try {
      return receive();
    } catch (error) {
      if (options?.events === true && (error as { code?: string }).code === 'ENOBUFS') overruns++;
      throw error;
    }
  };
  return transport;
}

const traffic = spawn(node, [fileURLToPath(new URL('traffic.ts', import.meta.url))], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface(traffic.stdout)[Symbol.asyncIterator]();
async function tell(word: string): Promise<void> {
  traffic.stdin.write(`${word}\n`);
  await answers.next();
}
await answers.next();

const table = await FlowTable.open({ transport: open, receiveBuffer: BUFFER });
const marked = await FlowTable.open({
  transport: open,
  filter: { family: 'ipv4', mark: 2 },
  receiveBuffer: BUFFER,
});
const ct = await Conntrack.open();

/** What the changes make of what the table was. */
const replayed = new Map<string, TableChange>();
let changes = 0;
if (table.size > 0) throw new Error('the namespace has flows already');
const reading = (async (): Promise<void> => {
  for await (const change of table.changes({ queue: 1 << 24 })) {
    changes++;
    if (change.type === 'gap') throw new Error('a gap');
    if (change.type === 'delete') replayed.delete(change.flow.key());
    else replayed.set(change.flow.key(), change);
  }
})();

function flow(rest: FlowInit = {}): FlowInit {
  const sport = 1000 + random.below(TUPLES);
  const orig = random.oneIn(3)
    ? ({ src: 'fd00::1', dst: 'fd00::2', proto: 'tcp', sport, dport: 80 } as const)
    : ({ src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport, dport: 53 } as const);
  return { orig, timeout: random.oneIn(20) ? 1 : 600, ...rest };
}

function some(count: number, rest: () => FlowInit): FlowInit[] {
  return Array.from({ length: random.below(count) }, () => flow(rest()));
}

const marks = (): FlowInit => ({ mark: random.below(4) });

async function change(): Promise<void> {
  await ct.createMany(some(400, marks), ANYWAY);
  await ct.updateMany(some(200, marks), ANYWAY);
  await ct.deleteMany(
    some(300, () => ({})),
    ANYWAY,
  );
  if (random.oneIn(8)) await ct.flush({ mark: random.below(4) });
  if (random.oneIn(15)) await ct.flushAll();
}

/** Nothing moves but what expires. The table is the kernel's, soon: events are still on their way. */
async function isRight(what: string, look: () => Promise<string[]>): Promise<void> {
  const end = performance.now() + PATIENCE;
  let wrong: string[] = [];
  do {
    if (wrong.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    wrong = await look();
  } while (wrong.length > 0 && performance.now() < end);
  for (const each of wrong.slice(0, 5)) found.push(`${what}: ${each}`);
}

function stateOf(of: FlowTable): string[] {
  return of.state === 'synced' ? [] : [`the table is ${of.state}`];
}

function addedUp(): string[] {
  const wrong = replayed.size === table.size ? [] : [`${table.size} flows, and ${replayed.size} by the changes`];
  for (const each of table) {
    const last = replayed.get(each.key());
    if (last === undefined || last.type === 'gap' || last.flow.mark !== each.mark)
      wrong.push(`${each.key()} is not what the changes say`);
  }
  return wrong;
}

async function ofMarked(): Promise<string[]> {
  const keys = (flows: Iterable<{ key(): string }>): string =>
    [...flows]
      .map((each) => each.key())
      .sort()
      .join('\n');
  const real = await ct.dump({ family: 'ipv4', mark: 2 }).toArray();
  return keys(real) === keys(marked) ? [] : ['the filtered table differs'];
}

let rounds = 0;
let stops = 0;
let flows = 0;
const end = performance.now() + 1000 * seconds;
do {
  await tell('go');
  for (let i = random.between(1, 3); i > 0; i--) await change();
  if (rounds % 8 === 0) {
    stops++;
    await tell(`stop ${stopFor}`);
  }
  await tell('rest');
  await isRight('at a rest', async () => [...stateOf(table), ...(await differences(table, ct))]);
  flows = Math.max(flows, table.size);
  await table.verify();
  await isRight('proved', async () => await differences(table, ct, true));
  await isRight('by its changes', async () => addedUp());
  await marked.verify();
  await isRight('with a filter', async () => [...stateOf(marked), ...(await ofMarked())]);
  rounds++;
} while (performance.now() < end && found.length === 0);

const { lost, resyncs, ambiguous } = table.proof;
await table.close();
await marked.close();
await ct.close();
await reading;
traffic.stdin.end();
await once(traffic, 'close');
const result: TortureResult = {
  seed,
  rounds,
  stops,
  overruns,
  lost,
  resyncs,
  ambiguous,
  changes,
  flows,
  differences: found,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
