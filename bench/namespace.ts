/** A network namespace for the whole run, and the one setting that is not of a namespace. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';

const LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max';
const INSIDE = '--inside';
/** Flows that some programs add to those that are there, and room. */
const MORE = 101_000;

/** This process was started by runInside(). */
export const inside = process.argv.includes(INSIDE);

/** Runs this command line again in a new namespace, in which there may be so many flows. Needs root. */
export async function runInside(flows: number): Promise<void> {
  const limit = readFileSync(LIMIT, 'utf8');
  // Only the initial namespace may; it is put back, because it is the machine's.
  const most = flows + MORE;
  const raised = most > Number(limit);
  if (raised) writeFileSync(LIMIT, String(most));
  try {
    const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1), INSIDE];
    const child = spawn('unshare', ['-n', ...command], { stdio: 'inherit' });
    // Whoever interrupts this process means the child, and this one has something to put back.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
    const [code] = await once(child, 'exit');
    process.exitCode = code ?? 1;
  } finally {
    if (raised) writeFileSync(LIMIT, limit);
  }
}
