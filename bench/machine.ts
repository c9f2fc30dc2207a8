/** Where it was measured, and with what. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLAGS } from './c/build.ts';
import { ADDON, runC, sides } from './programs.ts';

/** Seconds a bucket: three times what it takes when no namespace has entries. */
const EMPTY_BUCKET = 100e-9;

function buckets(): number {
  return Number(read('/proc/sys/net/netfilter/nf_conntrack_buckets'));
}

/** Seconds that the kernel takes to walk its one hash table while this namespace has no entry in it. */
function walk(): number {
  return runC('receive', '0.2').seconds;
}

/** Other namespaces have so many flows that every dump takes longer for them. */
export function isCrowded(): boolean {
  return walk() > buckets() * EMPTY_BUCKET;
}

/** Names and what they are. */
export function describeMachine(): [string, string][] {
  const processors = cpus();
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['processor', `${processors.length} × ${processors[0]?.model ?? 'unknown'}`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(0)} GiB`],
    ['kernel', `Linux ${release()}`],
    ['load at the start', loadavg()[0].toFixed(2)],
    ['hash table', `${buckets()} buckets, walked in ${(walk() * 1000).toFixed(1)} ms when it is empty`],
    [
      'runtimes',
      [...sides, ADDON].map(({ runtime, executable }) => `${runtime.split(' ')[0]} ${version(executable!)}`).join(', '),
    ],
    ['koffi', packageVersion('koffi')],
    ['netlink (the addon)', packageVersion('netlink')],
    ['libnetfilter_conntrack', libraryVersion()],
    ['C programs', `${firstLine('gcc', '--version')}, ${FLAGS.join(' ')}`],
  ];
}

function read(path: string): string {
  return readFileSync(path, 'utf8').trim();
}

function packageVersion(name: string): string {
  const path = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  return (JSON.parse(read(path)) as { version: string }).version;
}

/** All of them print it somewhere in the first line. */
function version(executable: string): string {
  return /\d+\.\d+\.\d+/.exec(firstLine(executable, '--version'))?.[0] ?? 'unknown';
}

/** From its pkg-config file, which is installed beside the library that gcc links with. */
function libraryVersion(): string {
  const library = firstLine('gcc', '-print-file-name=libnetfilter_conntrack.so');
  const description = read(join(dirname(library), 'pkgconfig/libnetfilter_conntrack.pc'));
  return /^Version: (.*)/m.exec(description)?.[1] ?? 'unknown';
}

function firstLine(command: string, ...args: string[]): string {
  return spawnSync(command, args, { encoding: 'utf8' }).stdout.split('\n')[0].trim();
}
