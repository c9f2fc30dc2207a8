/** Runs commands for which the kernel refuses some system calls, as in a container: refuse.c says how. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./', import.meta.url));
const SOURCE = join(FOLDER, 'refuse.c');
const BUILD = join(FOLDER, 'build');
const BINARY = join(BUILD, 'refuse');

/** What Docker's default profile (since version 25) and containerd's refuse: io_uring_setup, io_uring_enter and io_uring_register. */
export const CONTAINER: readonly string[] = ['io_uring=EPERM'];

let built: { reason: string | undefined } | undefined;

/** Why nothing can be refused on this machine; undefined when it can. Compiles the launcher on the first call. */
export function whyNoRefusal(): string | undefined {
  built ??= { reason: build() };
  return built.reason;
}

/**
 * A command that runs `command` without these system calls. whyNoRefusal() must have returned undefined.
 * @param refused such as 'io_uring=EPERM'; with none, the command itself
 */
export function refusing(refused: readonly string[], command: readonly string[]): readonly string[] {
  return refused.length === 0 ? command : [BINARY, ...refused, '--', ...command];
}

function build(): string | undefined {
  if (process.platform !== 'linux') return `seccomp is for Linux, this is ${process.platform}`;
  if (existsSync(BINARY) && statSync(BINARY).mtimeMs > statSync(SOURCE).mtimeMs) return undefined;
  mkdirSync(BUILD, { recursive: true });
  // Under another name first: test files that run at the same time must never start half a binary.
  const fresh = `${BINARY}.${process.pid}`;
  const gcc = spawnSync('gcc', ['-O1', '-Wall', '-o', fresh, SOURCE], { encoding: 'utf8' });
  if (gcc.error !== undefined) return `gcc: ${gcc.error.message}`;
  if (gcc.status !== 0) return `gcc could not build refuse.c: ${gcc.stderr.split('\n')[0]}`;
  renameSync(fresh, BINARY);
  return undefined;
}
