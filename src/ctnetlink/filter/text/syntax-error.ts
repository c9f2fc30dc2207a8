/** An error that points at a character of a text. */
import { escapeControls } from '../../../netlink/escape.ts';

/** Columns that are shown of a line. */
const SHOWN = 100;

/**
 * The text of a filter is wrong. The message says what is wrong at which character: three lines, the second is the text
 * and the third has a caret below the character.
 */
export class FilterSyntaxError extends RangeError {
  /** 'FilterSyntaxError', of every copy of this package. */
  override name = 'FilterSyntaxError';
  /** The whole text. */
  readonly text: string;
  /** Where the mistake begins, in UTF-16 units from 0; the length of the text if it ends too early. */
  readonly offset: number;

  /** @param length of what is wrong, 1 at the least */
  constructor(reason: string, text: string, offset: number, length = 1) {
    super(`${escapeControls(reason)}\n${pointing(text, offset, length)}`);
    this.text = text;
    this.offset = offset;
  }
}

/** The line of the text, and below it carets; of a long one the part around them. */
function pointing(text: string, offset: number, length: number): string {
  const begin = text.lastIndexOf('\n', offset - 1) + 1;
  const newline = text.indexOf('\n', offset);
  const end = newline < 0 ? text.length : newline;
  const from = offset - begin > SHOWN / 2 ? offset - SHOWN / 2 : begin;
  const to = Math.min(end, from + SHOWN);
  const before = `${from > begin ? '... ' : ''}${escapeControls(text.slice(from, offset))}`;
  const line = `${before}${escapeControls(text.slice(offset, to))}${to < end ? ' ...' : ''}`;
  const carets = '^'.repeat(Math.max(1, Math.min(length, to - offset)));
  return `  ${line}\n  ${' '.repeat(before.length)}${carets}`;
}
