/** Every program of the README and the tour runs as a reader would paste it, where the package is installed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { describeKernel, describeUnless, resetNamespace, sh } from './support/kernel.ts';
import { installPackage } from './support/package.ts';
import { programsOf } from './support/programs.ts';
import { PRINTS } from './support/readme.ts';
import { RUNTIMES, runtime, whyNoRuntime } from './support/runtimes.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PRINTS_TRANSPORT = `const ct = await Conntrack.open();
console.log(ct.transport);
await ct.close();`;

/** Facts that a reader could not find, or found with two values. */
describe('README and docs', () => {
  const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

  it('have one number for how many events wait in 8 MiB', () => {
    // Linux charges an event 1,280 bytes of twice the buffer: test/kernel/charges.kernel.test.ts.
    const number = Math.floor((2 * 8 * 1024 * 1024) / 1280).toLocaleString('en');
    for (const page of ['docs/tour.md', 'docs/guide.md']) {
      const numbers = [...read(page).matchAll(/holds ([\d,]+) events by default/g)].map(([, each]) => each);
      expect(numbers, page).to.deep.equal([number]);
    }
  });

  it('have a word on each thing that is needed', () => {
    const words = ['CommonJS', 'Electron', 'bundle', 'reset', 'table', 'cpuStats', 'CompiledFilter', 'updateMany'];
    const pages = ['README.md', 'docs/tour.md', 'docs/support.md'].map(read).join('');
    for (const word of words) expect(pages, word).to.include(word);
    expect(read('README.md')).to.match(/npm test +#.* minutes/);
  });
});

describeKernel('README and tour', ['conntrack'], () => {
  let app = '';
  before(() => {
    app = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    installPackage(app);
  });
  after(() => rmSync(app, { recursive: true, force: true }));
  beforeEach(() => {
    resetNamespace();
    const flow = ['-s', '192.0.2.7', '-d', '192.0.2.8', '-p', 'udp', '--sport', '5000', '--dport', '53', '-t', '60'];
    sh('conntrack', '-I', ...flow);
  });

  function runs(executable: string, name: string, program: string): string {
    writeFileSync(join(app, name), program);
    return execFileSync(executable, [name], {
      cwd: app,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 100_000,
    });
  }

  for (const [page, prints] of Object.entries(PRINTS)) {
    const programs = programsOf(page, 'js');
    it(`has a pattern for each program of ${page}, and all are plain JavaScript`, () => {
      expect(programs).to.have.length(prints.length);
      expect(programsOf(page, 'ts')).to.deep.equal([]);
    });

    for (const [index, pattern] of prints.entries())
      it(`runs program number ${index + 1} of ${page}`, () => {
        expect(runs(runtime('node20') ?? process.execPath, 'main.mjs', programs[index])).to.match(pattern);
      });
  }

  for (const name of RUNTIMES.filter((each) => each.startsWith('node')))
    describeUnless(whyNoRuntime(name), name, () => {
      it('can require the package, and import it from CommonJS', () => {
        const asynchronous = (line: string): string => `${line}(async () => {${PRINTS_TRANSPORT}})();`;
        const required = asynchronous("const { Conntrack } = require('ctnetlink');");
        const imported = `import('ctnetlink').then(async ({ Conntrack }) => {${PRINTS_TRANSPORT}});`;
        for (const program of [required, imported])
          expect(runs(runtime(name)!, 'main.cjs', program)).to.match(/^(koffi|node:ffi)\n$/);
      });

      it('runs a bundle of it', () => {
        writeFileSync(join(app, 'main.mjs'), `import { Conntrack } from 'ctnetlink';\n${PRINTS_TRANSPORT}`);
        const [, options] = /`esbuild main\.mjs ([^`]+)`/.exec(readFileSync(join(ROOT, 'docs/support.md'), 'utf8'))!;
        const esbuild = join(ROOT, 'node_modules/.bin/esbuild');
        const args = ['main.mjs', ...options.split(' '), '--outfile=bundle.mjs', '--log-level=warning'];
        execFileSync(esbuild, args, { cwd: app });
        const output = execFileSync(runtime(name)!, ['bundle.mjs'], { cwd: app, encoding: 'utf8', stdio: 'pipe' });
        expect(output).to.match(/^(koffi|node:ffi)\n$/);
      });
    });
});
