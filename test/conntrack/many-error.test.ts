/**
 * What the runtimes print of a ManyError that nobody catches, or that is logged: ten failures and a count, not a
 * hundred with their stacks.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { type Failure, ManyError } from '../../src/conntrack/many.ts';
import { describeUnless } from '../support/kernel.ts';
import { RUNTIMES, runtime, whyNoRuntime } from '../support/runtimes.ts';

const PROGRAM = `import { KernelError, ManyError } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
const failures = Array.from({ length: 100 }, (_, index) => ({
  index,
  item: { orig: { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: index, dport: 53 }, timeout: 60 },
  error: new KernelError(17, { operation: 'create', sequence: index, explanation: 'it exists already' }),
}));
const error = new ManyError('create', { succeeded: 250, failed: 150 }, failures);
if (error.failures.length !== 100 || error.failures[99].error.code !== 'EEXIST') throw new Error('no failures');
if (process.argv[2] === 'log') console.log(error);
else if (process.argv[2] === 'throw') throw error;
else await Promise.reject(error);
`;

/** Lines of a page; more scroll away. */
const PAGE = 40;

function expectTen(text: string): void {
  for (const index of [0, 9]) expect(text).to.contain(`  item ${index}: create: EEXIST: it exists already`);
  expect(text).not.to.contain('item 10:');
  expect(text).to.contain('create: 150 of 400 failed').and.to.contain('  and 140 more');
  expect(text.split('item 0:')).to.have.length(2);
  expect(text.split('\n').length).to.be.below(PAGE);
}

describe('ManyError', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    writeFileSync(join(folder, 'main.mjs'), PROGRAM);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('names all failures where there are ten or fewer, and keeps them off what is enumerated', () => {
    const failures: Failure[] = [3, 5].map((index) => ({ index, item: {}, error: new RangeError(`bad ${index}`) }));
    const error = new ManyError('update', { succeeded: 7, failed: 2 }, failures);
    expect(error.message).to.equal('update: 2 of 9 failed\n  item 3: bad 3\n  item 5: bad 5');
    expect(error.failures).to.equal(failures);
    expect(Object.keys(error)).not.to.include('failures');
    expect(inspect(error, { depth: 10 })).not.to.contain('RangeError');
  });

  for (const name of RUNTIMES) {
    describeUnless(whyNoRuntime(name), name, () => {
      for (const how of ['log', 'throw', 'reject'])
        it(`is ten failures and a count to ${how}`, () => {
          const args = name === 'deno' ? ['run', '-A', 'main.mjs', how] : ['main.mjs', how];
          const { stdout, stderr } = spawnSync(runtime(name)!, args, {
            cwd: folder,
            encoding: 'utf8',
            env: { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
          });
          expectTen(how === 'log' ? stdout : stderr);
        });
    });
  }
});
