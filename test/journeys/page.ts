/** The lists of docs/journeys.md: a line for each file, with what it does and the functions that are entered in it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JourneyName, Step } from './trace.ts';

export const PAGE = fileURLToPath(new URL('../../docs/journeys.md', import.meta.url));

/** Which chapter has which list. */
const CHAPTERS: Readonly<Record<string, JourneyName>> = {
  'A create': 'create',
  'A dump': 'dump',
  'An event': 'event',
  'A command: -D': 'delete',
};

const CHAPTER = /^## (.*)$/;
/** `1. `netlink/writer.ts` writes the message: `reset`, `reserve`` */
const ITEM = /^1\. `([^`]+)` (.*): ((?:`[^`]+`(?:, )?)+)$/;

/** The lists of the page. */
export function readJourneys(page: string = readFileSync(PAGE, 'utf8')): Record<JourneyName, Step[]> {
  const lists: Record<JourneyName, Step[]> = { create: [], dump: [], event: [], delete: [] };
  let list: Step[] = [];
  for (const line of page.split('\n')) {
    const [, chapter] = CHAPTER.exec(line) ?? [];
    if (chapter !== undefined) list = lists[CHAPTERS[chapter]] ?? [];
    const [, file, , names] = ITEM.exec(line) ?? [];
    if (file === undefined) continue;
    for (const name of names.slice(1, -1).split('`, `')) list.push([file, name]);
  }
  return lists;
}

/** The page with these lists. What it says about a file stays; of a file that is new to it, it says '?'. */
export function withJourneys(page: string, traced: Readonly<Record<JourneyName, readonly Step[]>>): string {
  const said = new Map<string, string>();
  const lines: string[] = [];
  let chapter = '';
  let written = false;
  for (const line of page.split('\n')) {
    const [, file, text] = ITEM.exec(line) ?? [];
    if (file !== undefined) said.set(`${chapter} ${file}`, text).set(file, text);
    chapter = CHAPTER.exec(line)?.[1] ?? chapter;
  }
  for (const line of page.split('\n')) {
    const [, next] = CHAPTER.exec(line) ?? [];
    if (next !== undefined) {
      chapter = next;
      written = false;
    }
    if (!line.startsWith('1. `')) {
      lines.push(line);
      continue;
    }
    if (written) continue;
    written = true;
    for (const [file, names] of byFile(traced[CHAPTERS[chapter]])) {
      const text = said.get(`${chapter} ${file}`) ?? said.get(file) ?? '?';
      lines.push(`1. \`${file}\` ${text}: ${names.map((name) => `\`${name}\``).join(', ')}`);
    }
  }
  return lines.join('\n');
}

/** The functions of each file, in the order of the first entry. */
export function byFile(steps: readonly Step[]): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const [file, name] of steps) files.set(file, [...(files.get(file) ?? []), name]);
  return files;
}
