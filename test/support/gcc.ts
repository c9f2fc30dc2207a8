/** C programs of the tests, built when they are first needed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Builds `binary` unless it is newer than the sources, the first of which is compiled. Returns why it cannot; undefined
 * when it is there.
 */
export function compile(binary: string, sources: readonly string[], flags: readonly string[] = []): string | undefined {
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (existsSync(binary) && statSync(binary).mtimeMs > newest) return undefined;
  mkdirSync(dirname(binary), { recursive: true });
  // Under another name first: test files that run at the same time must never start half a binary.
  const fresh = `${binary}.${process.pid}`;
  const gcc = spawnSync('gcc', ['-O1', '-Wall', '-o', fresh, sources[0], ...flags], { encoding: 'utf8' });
  if (gcc.error !== undefined) return `gcc: ${gcc.error.message}`;
  if (gcc.status !== 0) return `gcc could not build ${sources[0]}: ${gcc.stderr.split('\n')[0]}`;
  renameSync(fresh, binary);
  return undefined;
}
