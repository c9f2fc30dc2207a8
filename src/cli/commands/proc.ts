/**
 * What the kernel reports to everybody: conntrack(8) prints it if netlink is refused (-C and -S without privilege), and
 * fails anyway.
 */

import { KernelError } from '../../netlink/errors.ts';
import { files } from '../../netlink/platform.ts';
import { isJSON } from '../options/settings.ts';
import type { Context } from './context.ts';

const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count';
const STATS = '/proc/net/stat/nf_conntrack';

/** Runs `ask`; when this machine's kernel refuses it, what `otherwise` finds is printed before the error goes on. */
export async function orFromProc(
  { settings, output }: Context,
  ask: () => Promise<void>,
  otherwise: () => string,
): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (
      error instanceof KernelError &&
      settings.replay === undefined &&
      settings.netns.length === 0 &&
      !isJSON(settings)
    )
      output.add(readable(otherwise));
    throw error;
  } finally {
    await output.flush();
  }
}

/** Nothing where there is no such file. */
function readable(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

export function countOfProc(): string {
  return files().readFileSync(COUNT, 'latin1');
}

/** A line for each CPU, with the names of the head of the table, whose numbers are hexadecimal. */
export function statsOfProc(): string {
  const [head, ...rows] = files()
    .readFileSync(STATS, 'latin1')
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows
    .map((row, cpu) => {
      const counters = row.map((value, column) => `${head[column]}=${Number.parseInt(value, 16)} `).join('');
      return `cpu=${`${cpu}`.padEnd(4)}\t${counters}\n`;
    })
    .join('');
}
