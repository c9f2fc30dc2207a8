/** -S: the counters of each CPU. */
import type { CpuStats } from '../../ctnetlink/stats.ts';
import { isJSON, jsonOf } from '../formats/listing.ts';
import type { Context } from './context.ts';
import { orFromProc, statsOfProc } from './proc.ts';

/** In the order of CTA_STATS_*, with conntrack(8)'s names; which of them there are depends on the kernel. */
const COUNTERS: readonly (readonly [Exclude<keyof CpuStats, 'cpu'>, string])[] = [
  ['searched', 'searched'],
  ['found', 'found'],
  ['new', 'new'],
  ['invalid', 'invalid'],
  ['ignore', 'ignore'],
  ['delete', 'delete'],
  ['deleteList', 'delete_list'],
  ['insert', 'insert'],
  ['insertFailed', 'insert_failed'],
  ['drop', 'drop'],
  ['earlyDrop', 'early_drop'],
  ['error', 'error'],
  ['searchRestart', 'search_restart'],
  ['clashResolve', 'clash_resolve'],
  ['chainTooLong', 'chaintoolong'],
];

/** `%-4u` of the CPU, a tab, and every counter with a space behind it. */
export function formatCpuStats(stats: CpuStats): string {
  let text = `cpu=${`${stats.cpu}`.padEnd(4)}\t`;
  for (const [property, name] of COUNTERS) {
    const value = stats[property];
    if (value !== undefined) text += `${name}=${value} `;
  }
  return text;
}

export async function flowStats(context: Context): Promise<number> {
  const { ct, output, settings } = context;
  const ask = async (): Promise<void> => {
    if (isJSON(settings)) output.add(jsonOf(settings, await ct.cpuStats()));
    else for (const cpu of await ct.cpuStats()) output.add(`${formatCpuStats(cpu)}\n`);
  };
  await orFromProc(context, ask, statsOfProc);
  return 0;
}

export async function expectationStats({ ct, output, settings }: Context): Promise<number> {
  const all = await ct.expectations.stats();
  if (isJSON(settings)) output.add(jsonOf(settings, all));
  else
    for (const stats of all) {
      const counters = `expect_new=${stats.new} expect_create=${stats.create} expect_delete=${stats.delete} `;
      output.add(`cpu=${`${stats.cpu}`.padEnd(4)}\t${counters}\n`);
    }
  await output.flush();
  return 0;
}
