/**
 * What is sent, beside what conntrack(8) sends with the same command line on the same table, byte by byte: sequence
 * number, portid and lengths are left out, other differences have a rule in requests/rules.ts. That sees what no
 * listing shows, such as the flags of TCP.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { OPTIONS } from '../../src/cli/options/options.ts';
import { parse } from '../../src/cli/options/parse.ts';
import { PROTOCOL_OPTIONS } from '../../src/cli/options/protocols.ts';
import { ROOT } from '../support/command.ts';
import { compile } from '../support/gcc.ts';
import { describeKernel } from '../support/kernel.ts';
import { Sandbox } from './differential/sandbox.ts';
import type { Answer, Case } from './requests/case.ts';
import { allCases, NOT_THEIRS } from './requests/cases.ts';
import { compare } from './requests/compare.ts';
import { RULES, type Rule } from './requests/rules.ts';

const RUNNER = fileURLToPath(new URL('requests/runner.ts', import.meta.url));
const SOURCE = fileURLToPath(new URL('requests/sent.c', import.meta.url));
const LIBRARY = fileURLToPath(new URL('../support/build/sent.so', import.meta.url));

/** In the folder that has the packages, which nsenter(1) leaves. */
const RUN = 'cd "$0" && exec "$@"';

/** A process in a namespace of its own that runs cases. */
class Runner {
  readonly #sandbox: Sandbox;
  readonly #child: ReturnType<Sandbox['start']>;
  readonly #closed: Promise<unknown>;
  readonly #answers: AsyncIterator<string>;

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#child = sandbox.start(['sh', '-c', RUN, ROOT, process.execPath, '--import', 'tsx', RUNNER, LIBRARY]);
    this.#child.stderr.pipe(process.stderr);
    this.#closed = once(this.#child, 'close');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async open(folder: string): Promise<Runner> {
    return new Runner(await Sandbox.open(folder));
  }

  async run(asked: Case): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(asked)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('the runner has ended');
    const answer = JSON.parse(value) as Answer & { error?: string };
    if (answer.error !== undefined) throw new Error(`${asked.argv.join(' ')}: ${answer.error}`);
    return answer;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#closed;
    await this.#sandbox.close();
  }
}

/** Whether it is read without a complaint. Names of labels are known in the sandboxes only. */
function isLine(argv: readonly string[]): boolean {
  if (argv.some((word) => word === '-l' || word.startsWith('--label'))) return true;
  try {
    parse(argv.map((word) => (word === '{ID}' ? '1' : word)));
    return true;
  } catch {
    return false;
  }
}

describeKernel(
  'Requests beside those of conntrack(8)',
  ['root', 'conntrack', 'nft', 'nsenter', 'ip', 'gcc'],
  function () {
    this.timeout(600_000);
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-requests-'));
    const needed = new Set<Rule>();
    let runners: Runner[] = [];

    before(async () => {
      expect(compile(LIBRARY, [SOURCE], ['-shared', '-fPIC', '-ldl'])).to.equal(undefined);
      runners = await Promise.all([Runner.open(folder), Runner.open(folder)]);
    });

    after(async () => {
      await Promise.all(runners.map((runner) => runner.close()));
      rmSync(folder, { recursive: true });
    });

    const all = allCases();
    for (const command of new Set(all.map(({ argv }) => argv[0]))) {
      const cases = all.filter(({ argv }) => argv[0] === command);
      it(`${command} sends what it sends (${cases.length} command lines)`, async () => {
        const found: string[] = [];
        const queue = cases.values();
        await Promise.all(
          runners.map(async (runner) => {
            for (const each of queue) {
              const finding = compare(each, await runner.run(each));
              for (const rule of finding.needed) needed.add(rule);
              if (finding.difference !== undefined) found.push(finding.difference);
            }
          }),
        );
        expect(found.slice(0, 10).join('\n'), `${found.length} command lines differ`).to.equal('');
      });
    }

    it('has a line that is one for every option of every command', () => {
      const reached = new Set<string>();
      for (const { argv } of all) {
        if (!isLine(argv)) continue;
        for (const word of argv.filter((each) => each.startsWith('-'))) reached.add(`${argv[0]} ${word}`);
      }
      const rows = [...OPTIONS, ...Object.values(PROTOCOL_OPTIONS).flatMap(({ options }) => options)];
      const missing = rows
        .filter((row) => row.ours !== true)
        .flatMap(({ short, long, with: { conntrack = '' } }) => {
          const name = short === undefined ? `--${long[0]}` : `-${short}`;
          return [...conntrack].filter((letter) => !'hR'.includes(letter)).map((letter) => `-${letter} ${name}`);
        })
        .filter((each) => !reached.has(each) && !NOT_THEIRS.some((end) => each.endsWith(end)));
      expect([...new Set(missing)]).to.deep.equal([]);
    });

    it('every rule for a difference is needed', () => {
      expect(RULES.filter((rule) => !needed.has(rule)).map(({ reason }) => reason)).to.deep.equal([]);
    });
  },
);
