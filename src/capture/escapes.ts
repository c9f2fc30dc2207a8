/** The escapes that C, Python and strace write for bytes in a string. */

const NAMED: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, e: 27 };

/** A string in double quotes; and behind it what strace writes where it has cut one. */
export const QUOTED = /"([^"\\]*(?:\\.[^"\\]*)*)"(\.\.\.)?/;

/** The bytes of what is between the quotes. */
export function unescapeBytes(text: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      bytes.push(text.charCodeAt(at) & 255);
      continue;
    }
    const rest = text.slice(at + 1, at + 4);
    const octal = /^[0-7]{1,3}/.exec(rest);
    const hex = /^x([0-9a-fA-F]{1,2})/.exec(rest);
    if (octal !== null) bytes.push(Number.parseInt(octal[0], 8) & 255);
    else if (hex !== null) bytes.push(Number.parseInt(hex[1], 16));
    else bytes.push(NAMED[rest[0]] ?? text.charCodeAt(at + 1) & 255);
    at += octal?.[0].length ?? hex?.[0].length ?? 1;
  }
  return bytes;
}
