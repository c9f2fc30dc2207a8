/**
 * Runs the tests: node --import tsx scripts/test.ts TIER [OPTION OF MOCHA ...]. The tiers are those of
 * test/support/tier.ts. Each processor runs a mocha at a time, in a network namespace of its own
 * (test/support/namespace.ts) and with a part of the files. The parts are the same on every machine; only which runs
 * beside which is not. $CTNETLINK_LANES is how many run at once.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The longest first, each alone, so that no processor waits for one of them at the end. */
const LONGEST = [
  'test/transport/runtimes.kernel.test.ts',
  'test/transport/runtimes-refused.kernel.test.ts',
  'test/cli/differential.kernel.test.ts',
  'test/sim/simulation.test.ts',
  'test/destructive/real.kernel.test.ts',
  'test/transport/permissions.kernel.test.ts',
  'test/cli/requests.kernel.test.ts',
  'test/examples.kernel.test.ts',
  'test/package-types.test.ts',
];

/**
 * These need the machine for themselves: the kernel has one flag for all network namespaces that says whether somebody
 * listens to events.
 */
const ALONE = ['test/kernel/semantics-events.kernel.test.ts'];

/** These `npm test` leaves to names of their own: test:matrix and test:differential (package.json). */
const NOT_QUICK = [...LONGEST.filter((file) => /runtimes|permissions|differential|requests/.test(file))];

/** Files of one mocha, whose start takes as long as a small file; fewer at the end, for processors to end together. */
const TOGETHER = 20;
const AT_THE_END = 10;
/** How many files the end is. */
const END = 60;

/** How many of the slowest files are named. */
const SLOWEST = 20;

/** What a soak repeats more often than other runs; the environment has the last word. */
const SOAK = { CTNETLINK_STORM_ROUNDS: '200', CTNETLINK_FLOOD_ROUNDS: '3', CTNETLINK_PROGRAMS: '20' };

const [tier, ...options] = process.argv.slice(2);
const lanes = Number(process.env.CTNETLINK_LANES ?? availableParallelism());
const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-test-'));

function partsOf(files: readonly string[]): string[][] {
  const parts = LONGEST.filter((file) => files.includes(file)).map((file) => [file]);
  const rest = files.filter((file) => !LONGEST.includes(file) && !ALONE.includes(file));
  while (rest.length > 0) parts.push(rest.splice(0, rest.length > END ? TOGETHER : AT_THE_END));
  return parts;
}

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** @param number of the part, for a file of its own with the times */
function run(part: readonly string[], number: number): Promise<Run> {
  const colour = process.stdout.isTTY || process.env.CI ? ['--color'] : [];
  const args = ['node_modules/mocha/bin/mocha.js', '--reporter', 'test/support/file-times.ts', ...colour, ...options];
  const child = spawn(process.execPath, [...args, ...part], {
    cwd: ROOT,
    env: {
      ...(tier === 'soak' ? SOAK : {}),
      ...process.env,
      CTNETLINK_TIER: tier,
      CTNETLINK_TIMES: join(folder, `${number}.json`),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const ran = { code: 1, stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      ran[stream] += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => {
      running.delete(child);
      resolve({ ...ran, code: code ?? 1 });
    });
  });
}

/** The part of a report behind the tests: how many passed, and what failed. */
function endOf(stdout: string): string {
  const at = stdout.search(/^.*\d+ passing/m);
  return at < 0 ? stdout.slice(-2_000) : stdout.slice(at);
}

function slowest(): string {
  const times = readdirSync(folder).flatMap(
    (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as [file: string, milliseconds: number][],
  );
  const lines = times
    .sort(([, a], [, b]) => b - a)
    .slice(0, SLOWEST)
    .map(([file, time]) => `  ${(time / 1000).toFixed(1).padStart(6)} s  ${file}\n`);
  return `Slowest files:\n${lines.join('')}`;
}

const running = new Set<ReturnType<typeof spawn>>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });

const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => join('test', file))
  .filter((file) => tier !== 'quick' || !NOT_QUICK.includes(file))
  .sort();

const failures: string[] = [];
const skips: string[] = [];
const parts = partsOf(files);
const queue = parts.entries();
let passing = 0;

async function lane(queue: Iterable<[number: number, part: readonly string[]]>): Promise<void> {
  for (const [number, part] of queue) {
    const { code, stdout, stderr } = await run(part, number);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    passing += Number(/(\d+) passing/.exec(endOf(stdout))?.[1] ?? 0);
    if (code !== 0) failures.push(`${part.join(' ')} ended with ${code}:\n${endOf(stdout)}${stderr}`);
    skips.push(...(stderr.match(/^skipped \d+ suites?: .*$/gm) ?? []));
  }
}

await Promise.all(Array.from({ length: lanes }, () => lane(queue)));
for (const [index, file] of ALONE.entries()) await lane([[parts.length + index, [file]]]);
process.stdout.write(`${slowest()}\n${passing} passing in ${files.length} files\n`);
for (const failure of failures) process.stdout.write(`\n${failure}`);
for (const skip of skips) process.stderr.write(`${skip}\n`);
rmSync(folder, { recursive: true });
process.exitCode = failures.length > 0 ? 1 : 0;
