/** Every program in the README is compiled and run, in the namespace of the tests, as a reader would paste it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel, resetNamespace, sh } from './support/kernel.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'test/.snippets');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** What each prints, in the order of the README: enough to see that it did its work. */
const PRINTS: readonly RegExp[] = [
  /^192\.0\.2\.7 -> 192\.0\.2\.8:53, expires in \d+ s, mark 0\n\{ entries: 1, maxEntries: \d+ \}\n$/,
  /mark: 23[\s\S]*create: EEXIST: a flow with one of these tuples exists already/,
  /^\{ succeeded: 50000, failed: 0 \}\n\{ succeeded: 25000, failed: 0 \}\n$/,
  /^new \{[\s\S]*src: '10\.0\.0\.1'[\s\S]*\} by \d+\n$/,
  /^ftp expects 192\.0\.2\.1 5000\n$/,
  /^$/,
  /^192\.0\.2\.7\n$/,
];

/** The packages' entry points are those of package.json, in the sources. */
function local(code: string): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>;
  };
  return code.replace(/from 'ctnetlink(\/[a-z]+)?'/g, (_whole, part: string = '') => {
    const file = exports[`.${part}`].default.replace('./dist/', '').replace(/\.js$/, '.ts');
    return `from '../../src/${file}'`;
  });
}

describeKernel('README', ['conntrack'], () => {
  const programs = [...README.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
  const file = (index: number): string => join(FOLDER, `${index}.mts`);

  beforeEach(() => {
    resetNamespace();
    const flow = ['-s', '192.0.2.7', '-d', '192.0.2.8', '-p', 'udp', '--sport', '5000', '--dport', '53', '-t', '60'];
    sh('conntrack', '-I', ...flow);
  });
  before(() => {
    mkdirSync(FOLDER, { recursive: true });
    for (const [index, code] of programs.entries()) writeFileSync(file(index), local(code));
  });
  after(() => rmSync(FOLDER, { recursive: true, force: true }));

  it('has a program for each thing that it promises', () => {
    expect(programs).to.have.length(PRINTS.length);
  });

  it('has programs that compile', () => {
    const config = {
      extends: '../../tsconfig.json',
      compilerOptions: { rootDir: '../..', types: ['node'] },
      include: ['*.mts'],
    };
    writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(config));
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', FOLDER], { encoding: 'utf8' });
  });

  for (const [index, pattern] of PRINTS.entries()) {
    it(`has a program number ${index + 1} that runs`, () => {
      const args = ['--import', 'tsx', file(index)];
      const output = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 20_000 });
      expect(output).to.match(pattern);
    });
  }
});
