import type { Source } from './source.ts';

const PIECE = 1 << 16;

/** A line of text without its end. */
export interface Line {
  text: string;
  offset: number;
  /** The file ends here, and not with the end of a line. */
  open: boolean;
}

/** The lines of a text, each byte a character: what is read in them is ASCII. */
export function* lines(source: Source): Iterable<Line> {
  const decoder = new TextDecoder('latin1');
  let text = '';
  let offset = 0;
  for (let at = 0; at < source.size; at += PIECE) {
    // A long line is gathered from many pieces, and is searched for its end once.
    let from = text.length;
    text += decoder.decode(source.read(at, Math.min(PIECE, source.size - at)));
    let start = 0;
    for (;;) {
      const end = text.indexOf('\n', from);
      if (end < 0) break;
      yield { text: text.slice(start, end).replace(/\r$/, ''), offset: offset + start, open: false };
      start = end + 1;
      from = start;
    }
    text = text.slice(start);
    offset += start;
  }
  if (text !== '') yield { text, offset, open: true };
}
