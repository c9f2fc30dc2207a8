import { describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import { builtin } from '../netlink/platform.ts';
import { memorySource, type Source } from './source.ts';

/** Captures are read mostly forwards, datagram by datagram: one system call gives many. */
const WINDOW = 1 << 18;

/** A file as a source. */
export interface FileSource extends Source {
  /**
   * Somebody reads it on. Call the result, once, when nobody does.
   * @internal
   */
  lend(): () => void;
  /** Closes the file. Idempotent. */
  close(): void;
}

interface FileName {
  dev: number;
  ino: number;
}

/** How many sources each file has: overwriting one would pull it from under a replay. */
const opened = new Map<string, number>();
/** How often each file is lent. */
const lent = new Map<string, number>();

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const before = counts.get(name) ?? 0;
  if (before + by === 0) counts.delete(name);
  else counts.set(name, before + by);
}

function nameOf({ dev, ino }: FileName): string {
  return `${dev} ${ino}`;
}

/** Whether somebody reads this file as a source: by what fs.stat reports. */
export function isSource(stat: FileName): boolean {
  return opened.has(nameOf(stat));
}

/** Whether it is lent to somebody who reads it on. */
export function isLent(stat: FileName): boolean {
  return lent.has(nameOf(stat));
}

/**
 * Opens a file for reading, to be read piece by piece. Works in Node.js, Deno and Bun.
 *
 * @param path of a regular file
 * @throws TypeError naming the argument
 * @throws UnsupportedError where there are no files, as in a browser, and for what is no regular file
 * @throws the errors of node:fs
 */
export function fileSource(path: string | URL): FileSource {
  // A number would be taken for a file descriptor of somebody else's.
  if (typeof path !== 'string' && !(path instanceof URL))
    throw new TypeError(`path must be a string or a URL, not ${describe(path)}`);
  const fs = builtin('node:fs');
  if (fs === undefined) throw new UnsupportedError('there are no files in this runtime; pass the bytes of the capture');
  const descriptor = fs.openSync(path, 'r');
  const stat = fs.fstatSync(descriptor);
  if (!stat.isFile()) {
    // A FIFO or a terminal gives its bytes once. A folder is EISDIR.
    try {
      return { ...memorySource(fs.readFileSync(descriptor)), lend: () => () => {}, close: () => {} };
    } finally {
      fs.closeSync(descriptor);
    }
  }
  const file = nameOf(stat);
  count(opened, file, 1);
  let window = new Uint8Array(0);
  let start = 0;
  let open = true;

  function fill(offset: number, length: number): void {
    const bytes = new Uint8Array(Math.max(0, Math.min(Math.max(length, WINDOW), stat.size - offset)));
    let got = 0;
    while (got < bytes.length) {
      const more = fs!.readSync(descriptor, bytes, got, bytes.length - got, offset + got);
      // Somebody made the file shorter.
      if (more === 0) break;
      got += more;
    }
    window = bytes.subarray(0, got);
    start = offset;
  }

  return {
    size: stat.size,
    read: (offset, length) => {
      if (offset < start || offset + length > start + window.length) fill(offset, length);
      return window.subarray(offset - start, offset - start + length);
    },
    lend: () => {
      count(lent, file, 1);
      return () => count(lent, file, -1);
    },
    close: () => {
      if (!open) return;
      open = false;
      fs.closeSync(descriptor);
      count(opened, file, -1);
    },
  };
}
