/** Programs of their own processes: what a runtime does at the end of one can be seen only from outside. */
import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from './case.ts';
import * as imported from './imports.ts';

/** Milliseconds after which a program hangs; it takes one second, most of it to start. */
const LIMIT = 300_000;

export interface ProgramOptions {
  /** Called whenever it has written something. */
  spoke?(program: Program): void;
  /** It gets something on its standard input. */
  talks?: boolean;
  /** Milliseconds until it is killed, which fails the case. */
  limit?: number;
}

/** As these files are, sources or compiled. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

const IMPORTS = new URL(`./imports${EXTENSION}`, import.meta.url).href;

const PROGRAMS = fileURLToPath(new URL('../build/programs/', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  #stderr = '';

  /**
   * Runs these lines, which find `options` to open the transport by, what imports.ts exports, and the
   * imports of node:worker_threads.
   */
  constructor(context: Context, lines: string, { spoke, limit = LIMIT, talks = false }: ProgramOptions = {}) {
    assert.ok(context.program !== undefined, 'context.program is needed');
    const { command, options, imports = IMPORTS } = context.program;
    const [executable, ...args] = command;
    // Below this package's root: there the runtimes find koffi.
    mkdirSync(PROGRAMS, { recursive: true });
    const folder = mkdtempSync(join(PROGRAMS, 'program-'));
    const file = join(folder, 'program.mjs');
    writeFileSync(
      file,
      `import { ${Object.keys(imported)} } from ${JSON.stringify(imports)};
      import { isMainThread, parentPort, Worker } from 'node:worker_threads';
      const options = ${JSON.stringify(options)};
      ${lines}`,
    );
    const child = spawn(executable, [...args, file], {
      env: { ...process.env, NO_COLOR: '1' },
      stdio: [talks ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdout!.on('data', (data) => {
      this.stdout += data;
      spoke?.(this);
    });
    child.stderr!.on('data', (data) => {
      this.#stderr += data;
    });
    this.ended = this.#end(folder, limit);
  }

  async #end(folder: string, limit: number): Promise<Ended> {
    const { child } = this;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limit);
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    rmSync(folder, { recursive: true });
    const ended: Ended = { code, signal, stdout: this.stdout, stderr: this.#stderr };
    assert.equal(late, false, `the program did not end within ${limit} ms: ${JSON.stringify(ended)}`);
    return ended;
  }
}

/** Runs a program to its own end. */
export async function program(context: Context, lines: string, options?: ProgramOptions): Promise<Ended> {
  return await new Program(context, lines, options).ended;
}

/** A program that ends well and says this. */
export async function says(context: Context, stdout: string, lines: string): Promise<void> {
  const ended = await program(context, lines);
  assert.deepEqual([ended.stdout, ended.code, ended.signal], [stdout, 0, null], ended.stderr);
}
