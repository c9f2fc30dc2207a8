/** The words of a line of a file, as conntrack(8) finds them. */
import { UsageError } from '../options/settings.ts';

/** What conntrack(8) has room for, without the name of the program; and in a word. */
const MOST_WORDS = 253;
const MOST_CHARACTERS = 1023;

/**
 * A word ends with white space, or after text in double quotes, where a backslash takes the next character literally.
 */
const WORD = /([^ \t"]*)(?:"((?:[^"\\]|\\.)*)(?:"|\\?$))?/gs;

/**
 * Between spaces and tabs. A line that begins with # has none.
 * @throws UsageError for more than conntrack(8) takes, and for NUL: conntrack(8) ignores what is behind it, such as the
 * address of a -D
 */
export function wordsOf(line: string): string[] {
  if (line.includes('\0')) throw new UsageError('the line has a NUL character: the file is not text, or is damaged');
  const words = line.includes('"') ? quotedWords(line) : spacedWords(line);
  if (words[0] === '' && !line.startsWith('"')) words.shift();
  if (words.at(-1) === '' && !line.endsWith('"')) words.pop();
  if (words[0]?.startsWith('#') && !/^[ \t]*"/.test(line)) return [];
  if (words.length > MOST_WORDS) throw new UsageError('too many arguments');
  if (line.length > MOST_CHARACTERS && words.some((word) => word.length > MOST_CHARACTERS))
    throw new UsageError('Parameter too long!');
  return words;
}

/** A regular expression costs as much as all else that is done with a line. */
function spacedWords(text: string): string[] {
  return text.includes('\t') || text.includes('  ') ? text.split(/[ \t]+/) : text.split(' ');
}

function quotedWords(text: string): string[] {
  const words: string[] = [];
  for (const [whole, plain, quoted = ''] of text.matchAll(WORD))
    if (whole !== '') words.push(plain + quoted.replace(/\\(.)/gs, '$1'));
  return words;
}
