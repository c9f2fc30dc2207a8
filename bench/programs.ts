/** The programs that take part: C beside JavaScript, each a process that prints its result in one line of JSON. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CONTAINER, refusing } from '../test/support/refuse.ts';
import { runtime } from '../test/support/runtimes.ts';
import { binary, type Program } from './c/build.ts';

/** What each of them prints. */
export interface Result {
  count: number;
  seconds: number;
  peak_kib: number;
  /** Of ours. */
  transport?: string;
}

/** This package in a runtime, over one of its sockets. */
export interface Side {
  name: string;
  runtime: string;
  executable: string | undefined;
  transport: string;
  /** What the kernel refuses to the process, as refuse.ts takes it. */
  refused: readonly string[];
}

const [major] = process.versions.node.split('.');
/** Where there is no FFI; it takes no events. */
export const ADDON: Side = side('addon', `Node ${major}`, process.execPath);
const ALL: readonly Side[] = [
  side('node:ffi', 'Node 26', runtime('node26')),
  side('koffi', 'Node 24', runtime('node24')),
  side('deno', 'Deno', runtime('deno')),
  side('bun', 'Bun', runtime('bun')),
];
/** Those over FFI, as far as their runtime is there. */
export const sides = ALL.filter(({ executable }) => executable !== undefined);
/** The same in most containers and pods, whose seccomp profile refuses io_uring. */
export const sidesInContainers: readonly Side[] = sides.map((each) => ({
  ...each,
  name: `${each.name}, no io_uring`,
  refused: CONTAINER,
}));
const missing = ALL.filter(({ executable }) => executable === undefined).map((each) => each.runtime);
/** A sentence about the others. */
export const leftOut =
  missing.length === 0
    ? undefined
    : `Left out because it is not installed (.ci/runtimes does that): ${missing.join(', ')}.`;

function side(transport: string, runtime: string, executable: string | undefined): Side {
  // Deno and Bun have a socket of the same name.
  const name = transport === runtime.toLowerCase() ? runtime : `${transport} (${runtime})`;
  return { name, runtime, executable, transport, refused: [] };
}

/** Runs one of the C programs. */
export function runC<T = Result>(program: Program, ...args: string[]): T {
  return run<T>(binary(program), args, process.env);
}

/** Runs one of the programs of timed/ on a side. */
export function runOurs<T extends Partial<Result> = Result>(side: Side, program: string, ...args: string[]): T {
  const script = fileURLToPath(new URL(`build/js/bench/timed/${program}.js`, import.meta.url));
  const flags = side.transport === 'deno' ? ['run', '--allow-all'] : [];
  const env = { ...process.env, CTNETLINK_TRANSPORT: side.transport };
  const [command, ...rest] = refusing(side.refused, [side.executable!, ...flags, script, ...args]);
  const result = run<T>(command, rest, env);
  if (result.transport !== undefined && result.transport !== side.transport)
    throw new Error(`${side.name} ran over ${result.transport}`);
  return result;
}

/** Nothing takes a tenth of it: a program that waits for what never comes. */
const TIMEOUT = 300_000;

function run<T>(command: string, args: string[], env: NodeJS.ProcessEnv): T {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env,
    timeout: TIMEOUT,
  });
  // What a runtime prints beside, such as warnings, is of interest only then.
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? signal ?? status}\n${stderr}`);
  return JSON.parse(stdout) as T;
}
