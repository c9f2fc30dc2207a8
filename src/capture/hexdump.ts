/** Lines of hexdump -C, xxd, strace and Go's hex.Dump: an offset, up to 16 bytes, and the same as characters. */

export interface HexdumpLine {
  offset: number;
  bytes: number[];
}

/**
 * 16 bytes in columns: each of two digits and a space, or two of four digits and a space; a wider gap in the middle may
 * be.
 */
const COLUMNS = /^(?:0x)?([0-9a-f]{4,16})(?::\s{1,2}|\s{1,3})((?:[0-9a-f]{2}(?:[0-9a-f]{2})?(?: {1,2}|$))+)/i;
/** Where the characters start: behind 16 bytes and the gap in the middle, or behind eight pairs. */
const WIDEST = 49;

/** Undefined for another line. */
export function hexdumpLine(text: string): HexdumpLine | undefined {
  const match = COLUMNS.exec(text);
  if (match === null) return undefined;
  const [all, offset, columns] = match;
  const from = all.length - columns.length;
  // Characters that look like digits may follow.
  let row = text.slice(from, from + WIDEST);
  const gap = row.search(/ {3}| \||\t/);
  if (gap >= 0) row = row.slice(0, gap);
  const paired = /^[0-9a-f]{4}/i.test(row);
  if (paired) row = row.slice(0, 39).replace(/ {2}.*$/, '');
  const digits = row.replace(/[^0-9a-f]/gi, '').slice(0, 32);
  const bytes: number[] = [];
  for (let at = 0; at + 1 < digits.length; at += 2) bytes.push(Number.parseInt(digits.slice(at, at + 2), 16));
  return { offset: Number.parseInt(offset, 16), bytes };
}
