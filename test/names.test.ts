/** The name of a test file says whether it needs the kernel, and helpers are in one folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Programs and tables of one suite. */
const SUITES = /^(cli\/(differential|requests)|journeys|sim|table\/(soak|torture)|transport\/(conformance|runtime))\//;

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.ts$/.test(file) && !/(^|\/)(build[^/]*|\.snippets-\d+|\.command-\d+)\//.test(file))
  .sort();

describe('names of test files', () => {
  it('end in .kernel.test.ts exactly where a suite needs the kernel', () => {
    const tests = files.filter((file) => file.endsWith('.test.ts'));
    const needing = tests.filter((file) =>
      /\bdescribe(Kernel|Matrix)\(/.test(readFileSync(join(FOLDER, file), 'utf8')),
    );
    // This file has the word in a pattern.
    expect(needing.filter((file) => file !== 'names.test.ts')).to.deep.equal(
      tests.filter((file) => file.endsWith('.kernel.test.ts')),
    );
  });

  it('are in support/ where they have no tests, but for what belongs to one suite', () => {
    const helpers = files.filter((file) => !file.endsWith('.test.ts') && !file.startsWith('support/'));
    expect(helpers.filter((file) => !SUITES.test(file))).to.deep.equal([]);
  });
});
