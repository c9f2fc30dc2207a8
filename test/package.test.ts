/** What npm would publish, and that it works where it is installed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript-least';
import { installPackage } from './support/package.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  homepage: string;
  bugs: string;
  repository: { url: string };
  sideEffects: boolean;
  bin: Record<string, string>;
  man: string;
  exports: Record<string, string | { types: string; default: string }>;
}

/** The anchors of the headings, as GitHub and npm make them. */
function anchorsOf(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** The statements of a module that take effect on something that another module can see without importing this one. */
function effectsOf(source: string): string[] {
  const file = ts.createSourceFile('module.ts', source, ts.ScriptTarget.Latest, true);
  const foreign = new Set<string>(['globalThis', 'process']);
  for (const each of file.statements) {
    if (!ts.isImportDeclaration(each)) continue;
    const bindings = each.importClause?.namedBindings;
    if (bindings === undefined) continue;
    if (ts.isNamespaceImport(bindings)) foreign.add(bindings.name.text);
    else for (const { name } of bindings.elements) foreign.add(name.text);
  }
  return file.statements.filter((each) => hasEffect(each, foreign)).map((each) => each.getText());
}

function hasEffect(statement: ts.Statement, foreign: ReadonlySet<string>): boolean {
  if (ts.isImportDeclaration(statement)) return statement.importClause === undefined;
  if (ts.isForOfStatement(statement) || ts.isForStatement(statement)) return hasEffect(statement.statement, foreign);
  if (ts.isBlock(statement)) return statement.statements.some((each) => hasEffect(each, foreign));
  if (ts.isExpressionStatement(statement)) return foreign.has(rootOf(statement.expression));
  const declares = [ts.isVariableStatement, ts.isFunctionDeclaration, ts.isClassDeclaration, ts.isExportDeclaration];
  const types = [ts.isInterfaceDeclaration, ts.isTypeAliasDeclaration];
  return ![...declares, ...types].some((is) => is(statement));
}

/** The name that an assignment or a call begins with: `a` of `a.b[c] = d` and of `a.b(c)`. */
function rootOf(expression: ts.Expression): string {
  let at = expression;
  for (;;) {
    if (ts.isBinaryExpression(at)) at = at.left;
    else if (ts.isCallExpression(at) || ts.isPropertyAccessExpression(at) || ts.isElementAccessExpression(at))
      at = at.expression;
    else return at.getText();
  }
}

describe('package', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  let files: string[] = [];
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
    files = installPackage(join(folder, 'app'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has what a user needs, and nothing else', () => {
    const allowed =
      /^(dist|docs|examples|src)\/|^(package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|LICENSE)$|^man\/ctnetlink\.8$/;
    expect(files.filter((file) => !allowed.test(file))).to.deep.equal(['fixtures/mixed/capture.pcap']);
    expect(files).to.include.members(['LICENSE', 'README.md', 'package.json']);
    for (const target of Object.values(manifest.exports)) {
      const paths = typeof target === 'string' ? [target] : Object.values(target);
      for (const path of paths) expect(files).to.include(path.replace('./', ''));
    }
    for (const path of [...Object.values(manifest.bin), manifest.man]) expect(files).to.include(path);
  });

  for (const page of [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'docs/tour.md',
    'docs/guide.md',
    'docs/cut.md',
    'docs/table.md',
    'docs/restore.md',
    'docs/support.md',
    'docs/libnetfilter_conntrack.md',
    'docs/performance.md',
    'docs/architecture.md',
    'docs/journeys.md',
    'examples/README.md',
  ])
    it(`has what ${page} links to`, () => {
      expect(files).to.include(page);
      const installed = join(folder, 'app/node_modules/ctnetlink');
      const text = readFileSync(join(installed, page), 'utf8');
      const broken: string[] = [];
      for (const [, target] of text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path, anchor] = target.split('#');
        const file = posix.join(path === '' ? page : posix.join(posix.dirname(page), path));
        const there = files.includes(file) || files.some((each) => each.startsWith(`${file}/`));
        if (!there || (anchor !== undefined && !anchorsOf(join(installed, file)).includes(anchor))) broken.push(target);
      }
      expect(broken).to.deep.equal([]);
    });

  it('says where its sources are, and where bugs are reported', () => {
    const { homepage, bugs, repository } = manifest;
    const [, address] = /^git\+(https:.*)\.git$/.exec(repository.url)!;
    expect(bugs).to.equal(`${address}/issues`);
    expect(homepage).to.equal(`${address}#readme`);
  });

  it('has modules that change nothing but what they declare, as sideEffects: false promises to bundlers', () => {
    expect(manifest.sideEffects).to.equal(false);
    const modules = files.filter((file) => /^src\/(?!cli\/).*\.ts$/.test(file));
    expect(modules.length).to.be.greaterThan(200);
    const effects = modules.flatMap((file) =>
      effectsOf(readFileSync(join(ROOT, file), 'utf8')).map((effect) => `${file}: ${effect}`),
    );
    expect(effects).to.deep.equal([]);
    expect(
      effectsOf("import './register.ts';\nimport { all } from './all.ts';\nconst own = [];\nown.push(1);\n"),
    ).to.deep.equal(["import './register.ts';"]);
    expect(effectsOf("import { all } from './all.ts';\nfor (const each of [1, 2]) all.push(each);\n")).to.deep.equal([
      'for (const each of [1, 2]) all.push(each);',
    ]);
  });

  it('has a source map with its sources for every script', () => {
    for (const script of files.filter((file) => file.startsWith('dist/') && file.endsWith('.js'))) {
      const map = `${script}.map`;
      expect(files).to.include(map);
      const { sources } = JSON.parse(readFileSync(join(folder, 'app/node_modules/ctnetlink', map), 'utf8'));
      for (const source of sources) expect(files).to.include(posix.join(posix.dirname(map), source));
    }
  });

  it('can be imported where it is installed, by every entry point, and its types hold', () => {
    const app = join(folder, 'app');
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
    const imports = entries.map((entry, index) => `import * as e${index} from 'ctnetlink${entry.slice(1)}';`);
    const program = `${imports.join('\n')}
import { Conntrack, Flow, type FlowInit } from 'ctnetlink';
import { replay } from 'ctnetlink/replay';
const init: FlowInit = { orig: { src: '192.0.2.1', dst: '192.0.2.2', proto: 'udp', sport: 1, dport: 2 }, timeout: 1 };
const source: string | undefined = Flow.from(init).orig.src;
const ct = await Conntrack.open({ transport: replay(process.argv[2]) });
const flows = await ct.dump().toArray();
await ct.close();
console.log([${entries.map((_, index) => `Object.keys(e${index}).length > 0`).join(', ')}].every(Boolean), source, flows.length);
`;
    writeFileSync(join(app, 'main.ts'), program);
    const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node', '--ignoreConfig'];
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [...options, 'main.ts'], { cwd: app, encoding: 'utf8' });
    const args = ['main.js', join(ROOT, 'fixtures/mixed/capture.pcap')];
    expect(execFileSync(process.execPath, args, { cwd: app, encoding: 'utf8' })).to.match(
      /^true 192\.0\.2\.1 \d\d+\n$/,
    );
  });

  it('has a command that runs where it is installed', () => {
    const command = join(folder, 'app/node_modules/ctnetlink', manifest.bin.ctnetlink);
    const args = ['-L', '--replay', join(ROOT, 'fixtures/mixed/capture.pcap')];
    const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(output.split('\n').length).to.be.greaterThan(30);
  });
});
