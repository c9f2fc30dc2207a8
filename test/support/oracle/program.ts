// A C program over libnetfilter_conntrack: built where Debian's headers are, and asked many questions in one process.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../gcc.ts';

const FOLDER = fileURLToPath(new URL('./', import.meta.url));
const BUILD = join(FOLDER, 'build');
const COMMON = join(FOLDER, 'common.h');
const HEADER = '/usr/include/libnetfilter_conntrack/libnetfilter_conntrack.h';
const LIBRARIES = ['-lnetfilter_conntrack', '-lnfnetlink', '-lmnl'];

/** What failed: errno of the library's call; EIO (5) where it sets none, EBADMSG (74) where it would have exited. */
export type Failure = { errno: number };

export class OracleProgram {
  readonly #name: string;
  #state: { reason: string | undefined } | undefined;

  /** @param name of the source in this folder, without its .c */
  constructor(name: string) {
    this.#name = name;
  }

  /** Undefined when it can be asked, else why it cannot. Builds it on the first call. */
  available(): string | undefined {
    this.#state ??= { reason: this.#compile() };
    return this.#state.reason;
  }

  /**
   * The answer to each line, one line each; without lines all that it says. `env` is added to the environment.
   * @throws Error with the line where it ended
   */
  ask(args: readonly (string | number)[], lines?: readonly string[], env: Record<string, string> = {}): string[] {
    const reason = this.available();
    if (reason !== undefined) throw new Error(`the oracle is not available: ${reason}`);
    const input = (lines ?? []).map((line) => `${line}\n`).join('');
    // UTC, so that [start=...] and <when> do not depend on the machine.
    const run: SpawnSyncReturns<string> = spawnSync(join(BUILD, this.#name), args.map(String), {
      input,
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      env: { ...process.env, TZ: 'UTC', ...env },
    });
    if (run.error !== undefined) throw run.error;
    const answers = run.stdout.split('\n').slice(0, -1);
    if (run.status !== 0 || (lines !== undefined && answers.length !== lines.length)) {
      const at = lines?.[answers.length] ?? '';
      const how = `status ${run.status ?? run.signal}, ${answers.length} answers`;
      throw new Error(`${this.#name} ${args.join(' ')}: ${how}: ${run.stderr.trim()} at: ${at.slice(0, 200)}`);
    }
    return answers;
  }

  #compile(): string | undefined {
    if (process.platform !== 'linux') return 'libnetfilter_conntrack is for Linux';
    if (!existsSync(HEADER)) return `${HEADER} is not there (Debian: libnetfilter-conntrack-dev, libmnl-dev)`;
    return compile(join(BUILD, this.#name), [join(FOLDER, `${this.#name}.c`), COMMON], LIBRARIES);
  }
}

/**
 * The environment in which a program of ours prints at this time (milliseconds since 1970, default the clock), in this
 * zone.
 */
export function printingAt(now: number | undefined, timeZone: string | undefined): Record<string, string> {
  return {
    ...(now === undefined ? {} : { ORACLE_NOW: `${Math.floor(now / 1000)}` }),
    ...(timeZone === undefined ? {} : { TZ: timeZone }),
  };
}

export function hex(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
}

/** A plain Uint8Array, so that it compares deeply equal to one. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** What a line `error ERRNO` says. */
export function failure(line: string): Failure | undefined {
  return line.startsWith('error ') ? { errno: Number(line.slice(6)) } : undefined;
}
