/** The programs of a document compile, and run as a reader would paste them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Test files may run at the same time. */
const FOLDER = join(ROOT, `test/.snippets-${process.pid}`);

/** The package's entry points are those of package.json, in the sources. */
export function local(code: string): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>;
  };
  return code.replace(/from 'ctnetlink(\/[a-z]+)?'/g, (_whole, part: string = '') => {
    const file = exports[`.${part}`].default.replace('./dist/', '').replace(/\.js$/, '.ts');
    return `from '../../src/${file}'`;
  });
}

/** The programs of a document below the project's folder: what is fenced as this language. */
export function programsOf(document: string, language: 'js' | 'ts'): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  return [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code);
}

/**
 * Inside of a describe: tests for every program of a document below the project's folder, and what each prints, in
 * order.
 */
export function testPrograms(document: string, prints: readonly RegExp[]): void {
  const programs = programsOf(document, 'ts');
  const file = (index: number): string => join(FOLDER, `${index}.mts`);

  before(() => {
    mkdirSync(FOLDER, { recursive: true });
    for (const [index, code] of programs.entries()) writeFileSync(file(index), local(code));
  });
  after(() => rmSync(FOLDER, { recursive: true, force: true }));

  it('has a program for each thing that it promises', () => {
    expect(programs).to.have.length(prints.length);
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

  for (const [index, pattern] of prints.entries()) {
    it(`has a program number ${index + 1} that runs`, () => {
      const args = ['--import', 'tsx', file(index)];
      const output = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 100_000 });
      expect(output).to.match(pattern);
    });
  }
}
