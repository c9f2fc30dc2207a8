/** Runs the command as a user does, and conntrack(8) beside it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { until } from './kernel.ts';
import { listeningSockets } from './listeners.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The command, as the sources are now: bundled as `npm run build` does, because hundreds of processes would each
 * take a second to compile the sources. As far below the project as dist/cli/main.js, which reads package.json.
 */
export const MAIN = join(bundled(), 'main.js');

function bundled(): string {
  const folder = `test/.command-${process.pid}`;
  process.once('exit', () => rmSync(join(ROOT, folder), { recursive: true, force: true }));
  execFileSync(process.execPath, ['scripts/bundle.mjs', folder], { cwd: ROOT });
  return join(ROOT, folder);
}

/** What conntrack(8) calls itself in front of messages, and we. */
export const THEIR_NAME = /conntrack v[\d.]+ \(conntrack-tools\)/g;
export const OUR_NAME = /ctnetlink v[\d.]+/g;

export interface Result {
  stdout: string;
  stderr: string;
  status: number | null;
}

export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Result {
  const { error, stdout, stderr, status } = spawnSync(command, args, {
    encoding: 'utf8',
    cwd: ROOT,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  return { stdout, stderr, status };
}

export function ctnetlink(...args: string[]): Result {
  return run(process.execPath, [MAIN, ...args]);
}

/** The same through a program that changes how it runs, or a shell. */
export function ctnetlinkUnder(wrapper: readonly string[], ...args: string[]): Result {
  const [command, ...rest] = wrapper;
  return run(command, [...rest, process.execPath, MAIN, ...args]);
}

export function conntrack(...args: string[]): Result {
  return run('conntrack', args);
}

/** A line without what ticks, timeout and delta-time, and those by themselves. */
function untick(line: string): { text: string; ticks: number[] } {
  const ticks: number[] = [];
  const text = line
    .replace(/^((?:ipv\d {5}\d+ )?\S+ +\d+) (\d+)/, (_all, protocol, timeout) => {
      ticks.push(Number(timeout));
      return `${protocol} #`;
    })
    .replace(/ delta-time=(\d+)/, (_all, seconds) => {
      ticks.push(Number(seconds));
      return ' delta-time=#';
    });
  return { text, ticks };
}

/**
 * Runs conntrack(8), us, and conntrack(8) again: our output is theirs to the letter, and where the clock ticked between
 * their two, ours lies between. Again when the table changed meanwhile.
 */
export function sameAsConntrack(...args: string[]): Result {
  for (let attempt = 1; ; attempt++) {
    const before = conntrack(...args);
    const ours = ctnetlink(...args);
    const after = conntrack(...args);
    const [first, middle, last] = [before, ours, after].map(({ stdout }) => stdout.split('\n').map(untick));
    const still = first.map(({ text }) => text).join('\n') === last.map(({ text }) => text).join('\n');
    if (!still && attempt < 20) continue;
    expect(middle.map(({ text }) => text)).to.deep.equal(first.map(({ text }) => text));
    middle.forEach(({ ticks, text }, line) => {
      ticks.forEach((tick, at) => {
        const ends = [first[line].ticks[at], last[line].ticks[at]];
        expect(tick, text).to.be.within(Math.min(...ends), Math.max(...ends));
      });
    });
    expect(ours.status).to.equal(before.status);
    return ours;
  }
}

/** A command that runs until it is stopped: -E. */
export class Running {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#exit = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', resolve);
    });
  }

  static ctnetlink(...args: string[]): Running {
    return new Running(process.execPath, [MAIN, ...args]);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Its exit status, when it has ended by itself. */
  get ended(): Promise<number | null> {
    return this.#exit;
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  /** Ends it with a signal and returns its exit status. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.#child.kill(signal);
    return await this.#exit;
  }
}

/** Waits until so many sockets of netfilter listen to groups in this namespace. */
export async function listeners(count: number): Promise<void> {
  await until(() => listeningSockets().length === count, { what: `${count} listeners` });
}

/** What a process does, in one letter: see proc_pid_stat(5). */
function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may have anything in it.
  return stat[stat.lastIndexOf(')') + 2];
}

/** Waits until these processes have read every event, and sleep because nothing is left to be printed. */
export async function quiet(running: readonly Running[]): Promise<void> {
  const isQuiet = (): boolean =>
    listeningSockets().every((waiting) => waiting === 0) && running.every(({ pid }) => stateOf(pid) === 'S');
  await until(isQuiet, { what: 'the end of the events' });
}

/** Stops a process while `body` runs. It reads nothing meanwhile. */
export async function whileStopped({ pid }: Running, body: () => Promise<void>): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  try {
    await until(() => stateOf(pid) === 'T', { what: 'the process stops' });
    await body();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
