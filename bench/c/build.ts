// Compiles the C counterparts to bench/build/, where gcc and Debian's libnetfilter-conntrack-dev and libmnl-dev are.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const BUILD = fileURLToPath(new URL('../build/', import.meta.url));
const MEASURE = join(SOURCES, 'measure.h');
/** Optimized as the distribution optimizes the library. */
export const FLAGS = ['-O2', '-Wall'];
const HEADERS = ['libnetfilter_conntrack/libnetfilter_conntrack.h', 'libmnl/libmnl.h'];

export type Program = 'create' | 'drain' | 'dump' | 'fill' | 'memory' | 'receive' | 'run' | 'storm';

/** What each is linked with. */
const PROGRAMS: Record<Program, string[]> = {
  create: ['-lnetfilter_conntrack'],
  drain: ['-lnetfilter_conntrack', '-lnfnetlink'],
  dump: ['-lnetfilter_conntrack'],
  fill: ['-lmnl'],
  memory: ['-lnetfilter_conntrack', '-lmnl'],
  receive: [],
  run: [],
  storm: [],
};

/** Builds what is older than its source. Undefined when every binary is there, else why that is impossible. */
export function buildAll(): string | undefined {
  for (const header of HEADERS) {
    if (!existsSync(`/usr/include/${header}`)) return `/usr/include/${header} is not there`;
  }
  mkdirSync(BUILD, { recursive: true });
  for (const [name, libraries] of Object.entries(PROGRAMS)) {
    const source = join(SOURCES, `${name}.c`);
    const target = join(BUILD, name);
    if (existsSync(target) && modified(target) > Math.max(modified(source), modified(MEASURE))) continue;
    const gcc = spawnSync('gcc', [...FLAGS, '-o', target, source, ...libraries], { encoding: 'utf8' });
    if (gcc.error !== undefined) return `gcc: ${gcc.error.message}`;
    if (gcc.status !== 0) return `gcc could not build ${name}.c: ${gcc.stderr.split('\n')[0]}`;
  }
  return undefined;
}

function modified(path: string): number {
  return statSync(path).mtimeMs;
}

/** The path of a binary that buildAll() made. */
export function binary(name: Program): string {
  return join(BUILD, name);
}
