/**
 * The conformance suite over combinations of runtime, transport and thread: one process a combination, one test a case.
 * CTNETLINK_CASES is a part of the names of the cases to run, CTNETLINK_STORM_ROUNDS makes the storm longer than 20
 * rounds of 10,000 flows.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { build as bundle } from 'esbuild';
import { describeKernel, describeUnless } from '../../support/kernel.ts';
import { refusing, whyNoRefusal } from '../../support/refuse.ts';
import { runtime, whyNoRuntime } from '../../support/runtimes.ts';
import { casesFor } from './capabilities.ts';
import type { Outcome } from './main.ts';
import { type Combination, nameOf } from './matrix.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PART = process.env.CTNETLINK_CASES ?? '';
/** Milliseconds after which a combination hangs; it takes half a minute at most. */
const LIMIT = 3_000_000 + 1_000 * Number(process.env.CTNETLINK_STORM_ROUNDS ?? 20);

/** Deno runs the sources; the others what tsc made of them: Node 20 reads no TypeScript. */
function command({ runtime: name, refused }: Combination, build: string): readonly string[] {
  const executable = runtime(name)!;
  return refusing(
    refused,
    name === 'deno'
      ? [executable, 'run', '-A', '--quiet', join(ROOT, 'test/transport/runtime/main.ts')]
      : [executable, join(ROOT, 'test/transport', build, 'test/transport/runtime/main.js')],
  );
}

/** What the programs of conformance/program.ts import, in one file. */
function importsOf(build: string): string {
  return join(ROOT, 'test/transport', build, 'imports.mjs');
}

/** Why this cannot run here; undefined when it can. */
function whyNot({ runtime: name, refused }: Combination): string | undefined {
  return whyNoRuntime(name) ?? (refused.length > 0 ? whyNoRefusal() : undefined);
}

interface Run {
  outcomes: Map<string, Outcome>;
  /** How the process ended and what it said. */
  end: string;
}

async function run(combination: Combination, build: string): Promise<Run> {
  const [executable, ...args] = command(combination, build);
  const child = spawn(executable, [...args, combination.transport, combination.thread, PART], {
    cwd: ROOT,
    env: {
      ...process.env,
      CTNETLINK_EXTENT: combination.extent,
      CTNETLINK_IMPORTS: pathToFileURL(importsOf(build)).href,
      CTNETLINK_WITHOUT: combination.without.join(),
      DENO_NO_UPDATE_CHECK: '1',
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT);
  const outcomes = new Map<string, Outcome>();
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  createInterface(child.stdout).on('line', (line) => {
    const outcome = JSON.parse(line) as Outcome;
    outcomes.set(outcome.name, outcome);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { outcomes, end: `the process ended with ${signal ?? code}\n${stderr}` };
}

/**
 * A suite of these combinations.
 *
 * @param build the folder of the compiled suite in test/transport, its own: two may be compiled at once
 */
export function describeMatrix(title: string, build: string, combinations: readonly Combination[]): void {
  describeKernel(title, ['conntrack', 'nft'], function () {
    this.timeout(LIMIT + 10_000);

    before(async () => {
      const { status, stdout } = spawnSync(
        join(ROOT, 'node_modules/.bin/tsc'),
        ['-p', 'test/transport/runtime', '--outDir', join('test/transport', build)],
        {
          cwd: ROOT,
          encoding: 'utf8',
        },
      );
      expect(status, stdout).to.equal(0);
      await bundle({
        entryPoints: [join(ROOT, 'test/transport/conformance/imports.ts')],
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20.19',
        external: ['koffi', 'netlink'],
        outfile: importsOf(build),
        logLevel: 'warning',
      });
    });

    for (const combination of combinations) {
      describeUnless(whyNot(combination), nameOf(combination), () => {
        let ran: Run;
        before(async () => {
          ran = await run(combination, build);
        });

        for (const each of casesFor(combination)) {
          if (!each.name.includes(PART)) continue;
          it(each.name, function () {
            const outcome = ran.outcomes.get(each.name);
            if (outcome === undefined) throw new Error(`was not run: ${ran.end}`);
            const { ok, error, milliseconds, notes = [] } = outcome;
            this.test!.title += ` (${[`${milliseconds} ms`, ...notes].join('; ')})`;
            if (!ok) throw new Error(error);
          });
        }

        it('then the process ends well', () => {
          expect(ran.end).to.match(/^the process ended with 0\n/);
        });
      });
    }
  });
}
