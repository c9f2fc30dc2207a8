/** The prose of a file: the comments and strings of a program, the paragraphs of a page. */

/** A piece of text in a file. */
export interface Prose {
  /** The line on which it begins, from 1. */
  readonly line: number;
  readonly text: string;
  readonly comment: boolean;
}

/** The comments and strings of a program, or the text of a page. The file's name decides on the language. */
export function proseOf(file: string, source: string): Prose[] {
  if (file.endsWith('.md')) return [{ line: 1, text: withoutCode(source), comment: false }];
  const pattern = /\.(?:ts|mjs|js|c|h|css)$/.test(file) ? TOKENS : SHELL_TOKENS;
  const pieces: Prose[] = [];
  let line = 1;
  let at = 0;
  for (const match of source.matchAll(pattern)) {
    const [text] = match;
    line += newlines(source.slice(at, match.index));
    at = match.index;
    const comment = match.groups?.comment !== undefined;
    // A regular expression is neither.
    if (comment || match.groups?.string !== undefined)
      pieces.push({ line, text: comment ? text : text.replace(/\$\{[^{}]*\}/g, blank), comment });
  }
  return joined(pieces);
}

/** Comments, strings, and regular expressions, which may hold quotes. */
const TOKENS = new RegExp(
  [
    String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)`,
    String.raw`(?<string>'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"|${'`'}(?:[^${'`'}\\]|\\[\s\S])*${'`'})`,
    String.raw`(?<=(?:[(,=:[!&|?{};>]|\breturn|^)\s*)\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*`,
  ].join('|'),
  'gm',
);
const SHELL_TOKENS = /(?<comment>(?<=^|\s)#[^\n]*)|(?<string>'[^']*'|"(?:[^"\\]|\\[\s\S])*")/g;

/** Comments on lines that follow each other are one text: a sentence goes on from one to the next. */
function joined(pieces: readonly Prose[]): Prose[] {
  const result: Prose[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    const follows = last?.comment && piece.comment && last.line + newlines(last.text) + 1 === piece.line;
    if (follows) result[result.length - 1] = { ...last, text: `${last.text}\n${piece.text}` };
    else result.push(piece);
  }
  return result;
}

/** The text with single spaces, without the markers of comment lines, and the line of the file for each character. */
export function flat({ line, text }: Prose): { text: string; lines: number[] } {
  let result = '';
  const lines: number[] = [];
  for (const [index, each] of text.split('\n').entries()) {
    const words = each.replace(/^\s*(?:\/\*+|\*\/|\*|\/\/|#|['"`])?\s*/, '').replace(/\s+/g, ' ');
    result += index === 0 ? words : ` ${words}`;
    while (lines.length < result.length) lines.push(line + index);
  }
  return { text: result, lines };
}

function withoutCode(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, blank).replace(/`[^`]*`/g, blank);
}

function blank(code: string): string {
  return code.replace(/[^\n]/g, ' ');
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}
