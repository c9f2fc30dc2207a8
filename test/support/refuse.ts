/** Runs commands for which the kernel refuses some system calls, as in a container: refuse.c says how. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from './gcc.ts';

const FOLDER = fileURLToPath(new URL('./', import.meta.url));
const SOURCE = join(FOLDER, 'refuse.c');
const BINARY = join(FOLDER, 'build/refuse');

/**
 * What Docker's default profile (since version 25) and containerd's refuse: io_uring_setup, io_uring_enter and
 * io_uring_register.
 */
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
  return process.platform === 'linux' ? compile(BINARY, [SOURCE]) : `seccomp is for Linux, this is ${process.platform}`;
}
