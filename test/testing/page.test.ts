/** Every program of docs/testing.md runs where the package is installed, in the runner that it is for. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeUnless } from '../support/kernel.ts';
import { installPackage } from '../support/package.ts';
import { programsOf } from '../support/programs.ts';
import { RUNTIMES, runtime, whyNoRuntime } from '../support/runtimes.ts';

const MOCHA = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));

/** vitest is not here: this takes its place, so that the rest of its example runs. */
const VITEST = `import assert from 'node:assert/strict';
export { test } from 'node:test';
export const expect = (value) => ({ toEqual: (other) => assert.deepEqual(value, other) });
`;

describe('docs/testing.md', () => {
  const [program, web, ofNode, ofMocha, ofDeno, ofVitest, ...more] = programsOf('docs/testing.md', 'js');
  let app = '';
  before(() => {
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
    writeFileSync(join(app, 'web.js'), web);
    mkdirSync(join(app, 'node_modules/vitest'));
    writeFileSync(join(app, 'node_modules/vitest/package.json'), '{"type":"module","exports":"./index.js"}');
    writeFileSync(join(app, 'node_modules/vitest/index.js'), VITEST);
  });
  after(() => rmSync(app, { recursive: true, force: true }));

  /** Runs a file of the project; throws when its exit code is not 0. @returns what it printed */
  function run(executable: string, args: readonly string[], name: string, code: string): string {
    writeFileSync(join(app, name), code);
    return execFileSync(executable, [...args, name], {
      cwd: app,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 100_000,
    });
  }

  it('has a program for each runner', () => {
    expect(more).to.deep.equal([]);
    for (const [code, word] of [
      [ofNode, 'node:test'],
      [ofMocha, 'describe('],
      [ofDeno, 'Deno.test('],
      [ofVitest, "'vitest'"],
    ])
      expect(code).to.include(word);
  });

  for (const name of RUNTIMES.filter((each) => each !== 'deno'))
    describeUnless(whyNoRuntime(name), `in ${name}`, () => {
      it('has a first program that prints what it says', () => {
        expect(run(runtime(name)!, [], 'main.js', program)).to.equal('destroy 8\n0\n');
      });
    });

  it('has tests for node:test that pass, and end by themselves', () => {
    expect(run(process.execPath, ['--test', '--test-reporter=tap'], 'node.test.js', ofNode)).to.match(
      /# pass 1\n# fail 0/,
    );
  });

  it('has tests for mocha that pass, and end by themselves', () => {
    expect(run(process.execPath, [MOCHA, '--no-config'], 'mocha.test.js', ofMocha)).to.include('1 passing');
  });

  it('has an example of vitest whose calls of this package pass', () => {
    expect(run(process.execPath, ['--test', '--test-reporter=tap'], 'vitest.test.js', ofVitest)).to.match(
      /# pass 1\n# fail 0/,
    );
  });

  describeUnless(whyNoRuntime('deno'), 'in deno', () => {
    it('has tests for Deno.test that pass without a permission, and leave nothing open', () => {
      expect(run(runtime('deno')!, ['test', '--no-prompt'], 'deno.test.js', ofDeno)).to.include('1 passed');
    });
  });
});
