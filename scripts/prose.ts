/**
 * Part of `npm run check`: finds words of the glossary in comments, strings (help, errors, test titles) and pages, and
 * comments that are wider than the code may be. Prints each with its file and line.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXCEPTIONS, RULES } from './glossary.ts';
import { flat, type Prose, proseOf } from './prose-text.ts';

/** The line width of biome.json: the formatter keeps code within it, but not comments. */
const COLUMNS = 120;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILES = ['*.md', '*.ts', '*.mjs', '*.js', '*.c', '*.h', '*.css', '.ci'];
/** The glossary itself, and its test. */
const ABOUT_THE_RULES = ['scripts/glossary.ts', 'test/prose.test.ts'];

const COMPILED = RULES.map((rule) => ({ ...rule, regex: new RegExp(rule.pattern, 'gi') }));

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** All findings in the text of a file. */
export function check(file: string, source: string): Finding[] {
  const findings: Finding[] = [];
  for (const prose of proseOf(file, source)) findings.push(...ofGlossary(file, prose), ...tooWide(file, source, prose));
  return findings.sort((a, b) => a.line - b.line);
}

function* ofGlossary(file: string, prose: Prose): Iterable<Finding> {
  const { text, lines } = flat(prose);
  for (const { name, regex, instead } of COMPILED)
    for (const { index } of text.matchAll(regex)) {
      const around = text.slice(Math.max(0, index - 60), index + 60);
      if (EXCEPTIONS.some((each) => each.file === file && around.includes(each.text))) continue;
      yield { file, line: lines[index], message: `"${name}": write ${instead}` };
    }
}

function* tooWide(file: string, source: string, { line, text, comment }: Prose): Iterable<Finding> {
  if (!comment) return;
  const all = source.split('\n');
  for (let at = line; at < line + text.split('\n').length; at++)
    if (all[at - 1].length > COLUMNS) yield { file, line: at, message: `a comment of ${all[at - 1].length} columns` };
}

/** The files with prose that git knows or would add; a file that is moved is still known under its old name. */
function filesWithProse(): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...FILES];
  const listed = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  const there = (file: string): boolean => !ABOUT_THE_RULES.includes(file) && existsSync(`${ROOT}${file}`);
  return [...new Set(listed)].filter(there);
}

function checkFiles(files: readonly string[]): Finding[] {
  return files.flatMap((file) => check(file, readFileSync(`${ROOT}${file}`, 'utf8')));
}

/** @param paths files and folders to check; none: all */
function main(paths: readonly string[]): void {
  const wanted = (file: string): boolean => paths.some((path) => file === path || file.startsWith(`${path}/`));
  const findings = checkFiles(filesWithProse().filter(paths.length > 0 ? wanted : () => true));
  for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`);
  if (findings.length === 0) return;
  console.error(`${findings.length} findings: CONTRIBUTING.md says how to write`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main(process.argv.slice(2).map((path) => path.replace(/\/$/, '')));
