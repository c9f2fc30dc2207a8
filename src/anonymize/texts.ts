/** Names and sentences in messages. */

const X = 0x78;
/** Four numbers with dots, or hexadecimal digits with two colons or more. */
const ADDRESS = /\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:]*/i;

/** Whether a text is ASCII that can be printed, up to its NUL, and has nothing in it that looks like an address. */
export function isHarmless(bytes: Uint8Array, at: number, end: number): boolean {
  const stop = endOfText(bytes, at, end);
  for (let i = at; i < stop; i++) if (bytes[i] < 0x20 || bytes[i] > 0x7e) return false;
  for (let i = stop; i < end; i++) if (bytes[i] !== 0) return false;
  return !ADDRESS.test(String.fromCharCode(...bytes.subarray(at, stop)));
}

/** x for each byte of a text, and NUL behind it. */
export function hide(bytes: Uint8Array, at: number, end: number): void {
  const stop = endOfText(bytes, at, end);
  bytes.fill(X, at, stop);
  bytes.fill(0, stop, end);
}

function endOfText(bytes: Uint8Array, at: number, end: number): number {
  let stop = at;
  while (stop < end && bytes[stop] !== 0) stop++;
  return stop;
}
