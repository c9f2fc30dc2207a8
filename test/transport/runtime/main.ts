/**
 * Runs the conformance suite over one transport in the runtime that executes this file:
 * `main.js TRANSPORT main|worker [PART OF A NAME]`. CTNETLINK_EXTENT is how much of it (default: long), and
 * CTNETLINK_WITHOUT=io_uring leaves out those that need it. CTNETLINK_IMPORTS is the URL of a bundle of
 * conformance/imports.ts. One line of JSON a case, as it ends. In a network namespace of the tests' own only, whose
 * name it finds in the environment.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openTransport } from '../../../src/transport/open.ts';
import type { Capability, Context } from '../conformance/index.ts';
import { casesFor, type Examined, openOptions } from './capabilities.ts';

/** How a case ended. */
export interface Outcome {
  name: string;
  ok: boolean;
  milliseconds: number;
  error?: string;
  /** What it measured. */
  notes?: string[];
}

/** Milliseconds after which a case hangs; the longest takes five seconds, and as long as a storm is set to be. */
const LIMIT = 600_000 + 1_000 * Number(process.env.CTNETLINK_STORM_ROUNDS ?? 20);

/** The runtime that this is, as it runs a file. */
function command(): readonly string[] {
  return 'Deno' in globalThis
    ? [process.execPath, 'run', '-A', '--quiet', '--v8-flags=--expose-gc']
    : [process.execPath];
}

async function run(examined: Examined, part: string, tell: (outcome: Outcome) => void): Promise<void> {
  const options = openOptions(examined);
  const context: Context = {
    open: async (more) => await openTransport({ ...more, ...options }),
    program: { command: command(), options, imports: process.env.CTNETLINK_IMPORTS },
    note: (text) => notes.push(text),
  };
  let notes: string[] = [];
  for (const { name, run } of casesFor(examined)) {
    if (!name.includes(part)) continue;
    const start = performance.now();
    let error: string | undefined;
    notes = [];
    // What hangs may hold anything: nothing after it would be worth knowing.
    const hanging = setTimeout(() => {
      tell({ name, ok: false, milliseconds: LIMIT, error: `not over within ${LIMIT} ms`, notes });
      process.exit(1);
    }, LIMIT);
    try {
      await run(context);
    } catch (caught) {
      error = (caught as Error)?.stack ?? String(caught);
    }
    clearTimeout(hanging);
    tell({ name, ok: error === undefined, milliseconds: Math.round(performance.now() - start), error, notes });
  }
}

function print(outcome: Outcome): void {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

interface Task {
  examined: Examined;
  part: string;
}

if (!isMainThread) {
  const { examined, part } = workerData as Task;
  await run(examined, part, (outcome) => parentPort!.postMessage(outcome));
} else {
  const [transport, thread, part = ''] = process.argv.slice(2);
  const { CTNETLINK_EXTENT = 'long', CTNETLINK_WITHOUT = '' } = process.env;
  const without = CTNETLINK_WITHOUT.split(',') as Capability[];
  const examined = { transport, thread, extent: CTNETLINK_EXTENT, without } as Examined;
  if (thread === 'main') {
    await run(examined, part, print);
  } else {
    const worker = new Worker(new URL(import.meta.url), { workerData: { examined, part } satisfies Task });
    worker.on('message', print);
  }
}
