/**
 * `npm run bench [-- --flows N --rounds N]`: this package beside the C programs, in one run, in one network namespace, as ratios. Needs
 * root; without gcc and libnetfilter_conntrack's headers only our own side runs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readPcap } from '../src/replay.ts';
import { binary, buildAll } from './c/build.ts';

const { values } = parseArgs({
  options: {
    flows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '7' },
    inside: { type: 'boolean', default: false },
  },
});
const flows = Number(values.flows);
const rounds = Number(values.rounds);
const LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max';
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Result {
  seconds: number;
  count: number;
  maxrss_kib: number;
}

if (values.inside) inside();
else outside();

/** Raises the limit, which only the initial network namespace can, and runs the rest in a namespace of its own. */
function outside(): void {
  const limit = readFileSync(LIMIT, 'utf8');
  // Restored in any case: it is the machine's.
  if (flows >= Number(limit)) writeFileSync(LIMIT, String(flows + 1000));
  try {
    const args = ['-n', process.execPath, ...process.execArgv, ...process.argv.slice(1), '--inside'];
    const { status } = spawnSync('unshare', args, { stdio: 'inherit' });
    process.exitCode = status ?? 1;
  } finally {
    writeFileSync(LIMIT, limit);
  }
}

function inside(): void {
  const missing = buildAll();
  print(`machine: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`);
  if (missing !== undefined) print(`no C programs beside it: ${missing}`);
  memory(missing === undefined);
  if (missing === undefined) dumps();
}

/** Decode and encode, over the flows of the bundled capture. */
function memory(withC: boolean): void {
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  try {
    const file = join(folder, 'messages');
    writeFileSync(file, messagesOf(here('../fixtures/mixed/capture.pcap')));
    const ours = run<{ messages: number; bytes: number; decode_ns: number; encode_ns: number }>(process.execPath, [
      here('build/js/bench/timed/memory.js'),
      file,
    ]);
    print(`\nfrom memory, ${ours.messages} mixed flows of ${Math.round(ours.bytes / ours.messages)} bytes on average`);
    const c = withC ? run<{ parse_ns: number; build_ns: number }>(binary('memory'), [file]) : undefined;
    row(
      'decode',
      `${ours.decode_ns.toFixed(0)} ns`,
      c && ours.decode_ns / c.parse_ns,
      `nfct_nlmsg_parse ${c?.parse_ns.toFixed(0)} ns`,
    );
    row(
      'encode',
      `${ours.encode_ns.toFixed(0)} ns`,
      c && ours.encode_ns / c.build_ns,
      `nfct_nlmsg_build ${c?.build_ns.toFixed(0)} ns`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The flows of the dump in a capture, one after the other. */
function messagesOf(capture: string): Uint8Array {
  const parts = readPcap(readFileSync(capture)).filter(({ fromKernel, bytes }) => fromKernel && bytes.length > 100);
  return Buffer.concat(parts.map(({ bytes }) => bytes));
}

/** Programs take turns; the median of each, and of its ratio to nfct_query in the same round. */
function dumps(): void {
  execFileSync(binary('fill'), [String(flows)]);
  const timed = here('build/js/bench/timed/dump.js');
  const programs: Record<string, () => Result> = {
    'C receive loop': () => run(binary('receive'), []),
    nfct_query: () => run(binary('dump'), []),
    'Conntrack.dump()': () => run(process.execPath, [timed, 'flows']),
    'Conntrack.dump().batches()': () => run(process.execPath, [timed, 'batches']),
  };
  const results = Object.fromEntries(Object.keys(programs).map((name) => [name, [] as Result[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, program] of Object.entries(programs)) results[name].push(program());
  }
  print(`\ndump of ${results.nfct_query[0].count} flows, three attributes read of each; ${rounds} rounds`);
  for (const [name, each] of Object.entries(results)) {
    const seconds = median(each.map((result) => result.seconds));
    // Round by round: what disturbs the machine for a while disturbs both.
    const ratio = median(each.map((result, round) => result.seconds / results.nfct_query[round].seconds));
    const rss = Math.max(...each.map((result) => result.maxrss_kib)) / 1024;
    row(name, `${seconds.toFixed(2)} s`, ratio, `of nfct_query's time, peak ${rss.toFixed(0)} MiB`);
  }
}

function run<T>(command: string, args: string[]): T {
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' })) as T;
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}

function row(name: string, value: string, ratio: number | undefined, note: string): void {
  const against = ratio === undefined ? '' : `${ratio.toFixed(2).padStart(6)} ${note}`;
  print(`  ${name.padEnd(28)}${value.padStart(10)}${against}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
