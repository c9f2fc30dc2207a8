/**
 * What a test against the real kernel needs: a suite that runs only where the kernel can be had, the tools to arrange
 * the namespace, and the refusal to touch anything but the namespace that namespace.ts made for this run.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The network namespace of this process, as the inode that identifies it; undefined where there are none. */
export function namespaceInode(): string | undefined {
  try {
    return String(statSync('/proc/self/ns/net').ino);
  } catch {
    return undefined;
  }
}

/** True in the network namespace that namespace.ts made: the environment names it, and the kernel agrees. */
export function inNamespace(): boolean {
  const inode = namespaceInode();
  return inode !== undefined && process.env.CTNETLINK_NETNS === inode;
}

function requireNamespace(action: string): void {
  if (!inNamespace()) throw new Error(`${action}: refused outside of a network namespace of the tests' own`);
}

// These tools change (or read) whatever namespace they run in, so outside of ours they would change the machine.
const GUARDED = new Set(['conntrack', 'conntrackd', 'nft', 'iptables', 'ip6tables', 'ip', 'tc', 'sysctl']);

/**
 * Runs a command to its end and returns its standard output. Throws with what it wrote on standard error in the
 * message. Not through a shell. Network tools are refused outside of the tests' own namespace.
 */
export function sh(command: string, ...args: string[]): string {
  if (GUARDED.has(command)) requireNamespace(command);
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
      // mocha's own timeout cannot interrupt a synchronous call.
      timeout: 60_000,
    });
  } catch (error) {
    // Without the original as its cause: that repeats the command and the output several times over.
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${stderr?.trim() || message}`);
  }
}

// name -> the value it had before this process first wrote it.
const overwritten = new Map<string, string>();

/**
 * Reads a sysctl, or writes it and returns the new value. `name` is dotted or slashed as for sysctl(8); a bare name is
 * looked up under net.netfilter, so `sysctl('nf_conntrack_acct', 1)`. Reading one that this kernel lacks gives
 * undefined, writing it throws. What is written here is put back by resetNamespace().
 */
export function sysctl(name: string, value?: string | number): string | undefined {
  const path = /[./]/.test(name) ? name.replaceAll('.', '/') : `net/netfilter/${name}`;
  const file = `/proc/sys/${path}`;
  const read = (): string | undefined => {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      return undefined;
    }
  };
  if (value === undefined) return read();
  requireNamespace(`sysctl ${name}=${value}`);
  const before = read();
  if (before === String(value)) return before;
  if (before !== undefined && !overwritten.has(path)) overwritten.set(path, before);
  writeFileSync(file, String(value));
  return read();
}

/** Calls `undo` at the next resetNamespace: for what a test changes beside rules, entries and sysctls. */
export function untilReset(undo: () => void): void {
  undoing.push(undo);
}

const undoing: (() => void)[] = [];

/**
 * Puts the namespace back into a known state: no ruleset, no entries, no expectations, what was left to untilReset
 * undone, every sysctl written through sysctl() as it was, accounting and timestamps off whatever the machine's
 * default is (some distributions turn them on with a module parameter), no helper assigned by itself (kernels before
 * 6.1).
 */
export function resetNamespace(): void {
  requireNamespace('resetNamespace');
  if (onPath('nft')) sh('nft', 'flush', 'ruleset');
  if (onPath('conntrack')) {
    sh('conntrack', '-F', 'expect');
    sh('conntrack', '-F');
  }
  for (const undo of undoing.splice(0)) undo();
  for (const [path, value] of overwritten) sysctl(path, value);
  overwritten.clear();
  for (const name of ['nf_conntrack_acct', 'nf_conntrack_timestamp', 'nf_conntrack_helper']) {
    if (sysctl(name) !== undefined) sysctl(name, 0);
  }
}

/**
 * Asks every 5 ms until `condition` answers with something truthy, and returns that. The clock decides nothing but
 * when to give up: after `limit` milliseconds (60 s, less than mocha gives a test) this throws an error that names
 * `what`.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { limit = 60_000, what = 'the condition' }: { limit?: number; what?: string } = {},
): Promise<Exclude<T, false | 0 | '' | null | undefined>> {
  const end = performance.now() + limit;
  for (;;) {
    const answer = await condition();
    if (answer) return answer as Exclude<T, false | 0 | '' | null | undefined>;
    if (performance.now() >= end) throw new Error(`${what}: not within ${limit} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** True when a tool of this name can be executed. */
export function onPath(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      const file = join(folder, tool);
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/** uid 0 of the initial user namespace: `unshare -r` also gives a uid 0, but one that cannot mount in /run/netns. */
export function isRoot(): boolean {
  try {
    return process.getuid?.() === 0 && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  } catch {
    return false;
  }
}

let kernelReason: string | undefined | null = null;

/** Why there is no ctnetlink to talk to; undefined when there is. */
function whyNoKernel(): string | undefined {
  if (process.env.CTNETLINK_NO_KERNEL) return process.env.CTNETLINK_NO_KERNEL;
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  if (!inNamespace()) return 'not in a network namespace of its own: test/support/namespace.ts was not imported first';
  // Where conntrack is a module the sysctl is absent until something asks for it, so only the tool's answer counts.
  if (sysctl('nf_conntrack_count') === undefined && onPath('conntrack')) {
    try {
      sh('conntrack', '-C');
    } catch (error) {
      return `no ctnetlink in this kernel: ${(error as Error).message}`;
    }
  }
  return undefined;
}

function whyNot(needs: readonly string[]): string | undefined {
  if (kernelReason === null) kernelReason = whyNoKernel();
  if (kernelReason !== undefined) return kernelReason;
  for (const need of needs) {
    if (need === 'root') {
      if (!isRoot()) return 'needs root of the initial user namespace';
    } else if (!onPath(need)) {
      return `needs ${need} on PATH`;
    }
  }
  return undefined;
}

/** Reason -> the suites that were skipped for it. */
const skipped = new Map<string, string[]>();

function recordSkip(title: string, reason: string): void {
  if (skipped.size === 0) {
    // After the reporter's own last line, and on stderr so that a machine-readable report on stdout stays readable.
    process.once('exit', () => process.stderr.write(`${skippedLine(skipped)}\n`));
  }
  skipped.set(reason, [...(skipped.get(reason) ?? []), title]);
}

/**
 * All skips in one line, by reason: 'skipped 3 suites: needs gcc on PATH (libc: layouts, oracle); needs root ...
 * (namespace)'.
 */
export function skippedLine(byReason: ReadonlyMap<string, readonly string[]>): string {
  const count = [...byReason.values()].flat().length;
  const reasons = [...byReason].map(([reason, titles]) => {
    const more = titles.length > NAMED ? `, and ${titles.length - NAMED} more` : '';
    return `${reason} (${titles.slice(0, NAMED).join(', ')}${more})`;
  });
  return `skipped ${count} ${count === 1 ? 'suite' : 'suites'}: ${reasons.join('; ')}`;
}

/** Suites that are named of a reason. */
const NAMED = 3;

/**
 * A `describe` that runs only where the real kernel can be had. Elsewhere the suite is pending, and the end of the run
 * says which suites were and why. With CI set it is a failing test instead: a skip nobody reads is a hole in the net.
 *
 * `needs` are names of tools that must be on PATH, or 'root' for root of the initial user namespace. The body also runs
 * where the suite is skipped (it lists the tests), so it must leave everything that touches the kernel to hooks and
 * tests.
 */
export function describeKernel(title: string, body: (this: Mocha.Suite) => void): void;
export function describeKernel(title: string, needs: readonly string[], body: (this: Mocha.Suite) => void): void;
export function describeKernel(
  title: string,
  needsOrBody: readonly string[] | ((this: Mocha.Suite) => void),
  maybeBody?: (this: Mocha.Suite) => void,
): void {
  const needs = typeof needsOrBody === 'function' ? [] : needsOrBody;
  const body = typeof needsOrBody === 'function' ? needsOrBody : maybeBody!;
  describeUnless(whyNot(needs), title, body);
}

/**
 * A `describe` that runs when there is no reason against it, with the same consequences as describeKernel when there
 * is.
 */
export function describeUnless(reason: string | undefined, title: string, body: (this: Mocha.Suite) => void): void {
  if (reason === undefined) {
    describe(title, body);
  } else if (process.env.CI && process.env.CI !== 'false' && process.env.CI !== '0') {
    describe(title, () => {
      it('has what it needs', () => {
        throw new Error(`must not be skipped in CI: ${reason}`);
      });
    });
  } else {
    describe.skip(title, body);
    recordSkip(title, reason);
  }
}
