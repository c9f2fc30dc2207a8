/** The programs of docs/libnetfilter_conntrack.md compile, and run as a reader would paste them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/libnetfilter_conntrack.md'), 'utf8');
const DNS =
  'src=192.0.2.7 dst=192.0.2.8 sport=5000 dport=53 [UNREPLIED] src=192.0.2.8 dst=192.0.2.7 sport=53 dport=5000';
const NTP = DNS.replaceAll('=53', '=123');

/** What each prints, in the order of the page. */
const PRINTS: readonly RegExp[] = [
  new RegExp(`^udp +17 \\d+ ${escaped(DNS)} mark=2 use=\\d+\\n$`),
  new RegExp(`^udp +17 \\d+ ${escaped(NTP)} mark=1 use=\\d+\\nerrno 0\\n$`),
];

function escaped(text: string): string {
  return text.replaceAll(/[[\].]/g, '\\$&');
}

/** The package's entry points are those of package.json, in the sources. */
function local(code: string): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>;
  };
  return code.replace(/from 'ctnetlink(\/[a-z]+)?'/g, (_whole, part: string = '') => {
    const file = exports[`.${part}`].default.replace('./dist/', '').replace(/\.js$/, '.ts');
    return `from '${join(ROOT, 'src', file)}'`;
  });
}

describeKernel('docs/libnetfilter_conntrack.md', ['conntrack'], function () {
  this.timeout(60_000);
  const programs = [...PAGE.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-page-'));
    for (const [index, code] of programs.entries()) writeFileSync(join(folder, `${index}.mts`), local(code));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    resetNamespace();
    const flow = ['-s', '192.0.2.7', '-d', '192.0.2.8', '-p', 'udp', '--sport', '5000', '-t', '60'];
    sh('conntrack', '-I', ...flow, '--dport', '53', '-m', '2');
    sh('conntrack', '-I', ...flow, '--dport', '123', '-m', '1');
  });
  afterEach(resetNamespace);

  it('has programs that compile', () => {
    const options = {
      rootDir: '/',
      rewriteRelativeImportExtensions: false,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
    };
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: options, include: ['*.mts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder, '--noEmit'], { encoding: 'utf8' });
    expect(programs).to.have.length(PRINTS.length);
  });

  for (const [index, pattern] of PRINTS.entries()) {
    it(`has a program number ${index + 1} that runs`, () => {
      const args = ['--import', 'tsx', join(folder, `${index}.mts`)];
      const output = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 20_000 });
      expect(output).to.match(pattern);
    });
  }
});
