import { fstatSync, statSync } from 'node:fs';
import { UsageError } from './settings.ts';

/** Standard input, or output. */
export const STANDARD = '-';

/** Opening what is written would empty what is read. @throws UsageError */
export function refuseSame(from: string, to: string): void {
  const source = from === STANDARD ? fstatSync(0) : statSync(from, { throwIfNoEntry: false });
  const target = to === STANDARD ? fstatSync(1) : statSync(to, { throwIfNoEntry: false });
  if (source === undefined || target?.isFile() !== true) return;
  if (target.dev === source.dev && target.ino === source.ino)
    throw new UsageError(`${to} is the file that is read; name another one`);
}
