/**
 * Makes the four journeys of docs/journeys.md on the kernel, and prints the functions that each enters, in the order of
 * the first entry. Runs as JavaScript that build.ts made: V8 then has the names of the sources.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Debugger, type Profiler, Session } from 'node:inspector/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from '../../src/cli/options/parse.ts';
import { Output } from '../../src/cli/output.ts';
import { run } from '../../src/cli/run.ts';
import { Conntrack, type FlowInit } from '../../src/index.ts';
import { runtime } from '../../src/netlink/runtime.ts';
import type { TransportFactory } from '../../src/netlink/transport.ts';
import { openTransport } from '../../src/transport/open.ts';

/** A function by its file below src, and its name there. */
export type Step = readonly [file: string, name: string];

export type JourneyName = 'create' | 'dump' | 'event' | 'delete';

interface Journey {
  /** What must be there before; is not traced. */
  prepare?(): Promise<void>;
  make(): Promise<unknown>;
}

const SOURCE = new URL('../../src/', import.meta.url).href;

let port = 0;

/** Another flow each time. */
function nextFlow(src = '192.0.2.1'): FlowInit {
  return { orig: { src, dst: '198.51.100.2', proto: 'udp', sport: ++port, dport: 53 }, timeout: 60, mark: 5 };
}

/** Sends from this thread alone: what another thread does at the same time would come in any order. */
const transport: TransportFactory = async (options) => {
  const opened = await openTransport({ ...options, transport: 'koffi' });
  const { send } = opened;
  opened.send = (bytes) => send.call(opened, bytes);
  return opened;
};

// No turn of the event loop takes too long, however slow the machine is.
const { now } = runtime;
runtime.now = () => {
  now();
  return 1;
};

if (process.argv[2] === 'cause') {
  await using ct = await Conntrack.open({ transport });
  await ct.create(nextFlow(process.argv[3]));
  process.exit();
}

const session = new Session();
session.connect();
/** Their numbers, by URL. */
const scripts = new Map<string, string>();
session.on('Debugger.scriptParsed', ({ params: { url, scriptId } }) => void scripts.set(url, scriptId));
await session.post('Debugger.enable');
await session.post('Profiler.enable');

/** The functions that are entered, of each file, in no order that matters. */
async function covered({ prepare, make }: Journey): Promise<Map<string, Profiler.FunctionCoverage[]>> {
  await prepare?.();
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await make();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  const ours = result.filter(({ url }) => url.startsWith(SOURCE));
  return new Map(ours.map(({ url, functions }) => [url, functions.filter((each) => isEntered(each, functions))]));
}

/** It is a function of the sources, and not one of what the compiler makes of `using`, or inside of that. */
function isEntered(each: Profiler.FunctionCoverage, all: readonly Profiler.FunctionCoverage[]): boolean {
  const { functionName, ranges } = each;
  const [{ count, startOffset, endOffset }] = ranges;
  if (count === 0 || !/^[#\w$]/.test(functionName)) return false;
  return !all.some(
    ({ functionName, ranges: [outer] }) =>
      functionName.startsWith('__') && outer.startOffset <= startOffset && outer.endOffset >= endOffset,
  );
}

/** Breakpoints at the start of each of these, which never stop: their condition notes the entry, and does not hold. */
async function noteEntries(url: string, functions: readonly Profiler.FunctionCoverage[]): Promise<string[]> {
  const source = readFileSync(fileURLToPath(url), 'utf8');
  const scriptId = scripts.get(url)!;
  const locationOf = (offset: number): Debugger.Location => {
    const before = source.slice(0, offset).split('\n');
    return { scriptId, lineNumber: before.length - 1, columnNumber: before.at(-1)!.length };
  };
  const set: string[] = [];
  for (const { functionName, ranges } of functions) {
    const [{ startOffset, endOffset }] = ranges;
    const range = { start: locationOf(startOffset), end: locationOf(endOffset), restrictToFunction: true };
    const { locations } = await session.post('Debugger.getPossibleBreakpoints', range);
    const file = url.slice(SOURCE.length).replace(/\.js$/, '.ts');
    const step = JSON.stringify([file, functionName.replace(/^[gs]et (?=.)/, '')]);
    const condition = `globalThis.noteEntry(${step})`;
    // The first place in the text is not always the first that runs: that of a loop over nothing never does.
    for (const location of locations.slice(0, 4)) {
      const { breakpointId } = await session.post('Debugger.setBreakpoint', { location, condition });
      set.push(breakpointId);
    }
  }
  return set;
}

async function trace(journey: Journey): Promise<Step[]> {
  const entered = await covered(journey);
  const steps = new Map<string, Step>();
  let noting = false;
  const noteEntry = (step: Step): false => {
    if (noting) steps.set(step.join(), step);
    return false;
  };
  Object.assign(globalThis, { noteEntry });
  const breakpoints: string[] = [];
  for (const [url, functions] of entered) breakpoints.push(...(await noteEntries(url, functions)));
  await journey.prepare?.();
  noting = true;
  await journey.make();
  noting = false;
  for (const breakpointId of breakpoints) await session.post('Debugger.removeBreakpoint', { breakpointId });
  return [...steps.values()];
}

/** Another process creates a flow. */
async function cause(src: string): Promise<void> {
  const [, program] = process.argv;
  await once(spawn(process.execPath, [program, 'cause', src], { stdio: 'inherit' }), 'exit');
}

const ct = await Conntrack.open({ transport });
const events = await ct.events({ types: ['new'] });
const stream = events[Symbol.asyncIterator]();
// So often that the shape of these requests has a template.
for (let n = 0; n < 3; n++) {
  await ct.create(nextFlow());
  await stream.next();
}

const printed = new Output({ on: () => {}, once: () => {}, write: () => true });
let causes = 0;

const JOURNEYS: Readonly<Record<JourneyName, Journey>> = {
  create: { make: () => ct.create(nextFlow()) },
  dump: {
    async make() {
      for await (const flow of ct.dump({ mark: 5 })) flow.toJSON();
    },
  },
  event: {
    async make() {
      const event = stream.next();
      await cause(`192.0.2.${100 + causes++}`);
      await event;
      // The stream looks in the next turn whether it is still waited for.
      await nextTurn();
      await nextTurn();
    },
  },
  delete: {
    async prepare() {
      await events.close();
      for (let n = 0; n < 3; n++) await ct.create(nextFlow('192.0.2.9'));
    },
    make: () => run(parse(['-D', '-s', '192.0.2.9']), { transport, output: printed }),
  },
};

const traced: Partial<Record<JourneyName, Step[]>> = {};
for (const [name, journey] of Object.entries(JOURNEYS)) {
  // The journey of the event begins when nothing waits: the create made two flows.
  if (name === 'event') for (let n = 0; n < 2; n++) await stream.next();
  traced[name as JourneyName] = await trace(journey);
}
process.stdout.write(JSON.stringify(traced));
process.exit();
