import { fstatSync, type Stats, statSync } from 'node:fs';
import { UsageError } from '../options/settings.ts';

/** Standard input, or output. */
export const STANDARD = '-';

/** Opening what is written would empty what is read. @throws UsageError */
export function refuseSame(from: string, to: string): void {
  const source = look(from, 0);
  const target = look(to, 1);
  if (source === undefined || target?.isFile() !== true) return;
  if (target.dev === source.dev && target.ino === source.ino)
    throw new UsageError(`${to} is the file that is read; name another one`);
}

/** Undefined if there is no file, or if this program may not look at it: opening it reports why. */
function look(path: string, standard: number): Stats | undefined {
  try {
    return path === STANDARD ? fstatSync(standard) : statSync(path);
  } catch {
    return undefined;
  }
}
