/** A file that has its old contents until the new ones are whole. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';

interface Replacement {
  readonly descriptor: number;
  /** All has been written: the file has it now. */
  keep(): void;
  /** Without `keep` before, the file is as it was. */
  close(): void;
}

/**
 * Opens a file beside this one, which takes its place. What is no regular file, such as a FIFO, is written itself.
 * @param mode of a new file
 */
export function replacement(path: string, mode: number): Replacement {
  const old = lstatSync(path, { throwIfNoEntry: false });
  // Of a link, what it leads to is replaced.
  const target = old?.isSymbolicLink() === true ? linked(path) : path;
  const there = target === undefined ? undefined : lstatSync(target, { throwIfNoEntry: false });
  if (target === undefined || there?.isFile() === false) return itself(path, mode);
  // Whoever may not write the file may not replace it either.
  if (there !== undefined) closeSync(openSync(target, 'r+'));
  const beside = `${target}.${process.pid}.part`;
  let descriptor: number;
  try {
    descriptor = openSync(beside, 'wx', mode);
  } catch (error) {
    // There is no folder, or nothing may be created in it: the file itself says so, or can be written.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code!)) return itself(path, mode);
    throw error;
  }
  let kept = false;
  if (there !== undefined) asBefore(descriptor, there);
  return {
    descriptor,
    keep: () => {
      renameSync(beside, target);
      kept = true;
    },
    close: () => {
      closeSync(descriptor);
      if (!kept) rmSync(beside, { force: true });
    },
  };
}

function itself(path: string, mode: number): Replacement {
  const descriptor = openSync(path, 'w', mode);
  return { descriptor, keep: () => {}, close: () => closeSync(descriptor) };
}

/** The owner and the permissions that the file has. */
function asBefore(descriptor: number, { uid, gid, mode }: Stats): void {
  try {
    fchownSync(descriptor, uid, gid);
  } catch {
    // Only root may give a file away.
  }
  fchmodSync(descriptor, mode & 0o7777);
}

/** Undefined for a link to nothing. */
function linked(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
