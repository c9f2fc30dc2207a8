/** -S: the counters of each CPU. */

import type { Conntrack } from '../../conntrack/conntrack.ts';
import type { CpuStats, ExpectationCpuStats } from '../../ctnetlink/stats.ts';
import { namedText, type Place } from '../formats/netns.ts';
import { isJSON, type Settings } from '../options/settings.ts';
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

function formatExpectationStats(stats: ExpectationCpuStats): string {
  const counters = `expect_new=${stats.new} expect_create=${stats.create} expect_delete=${stats.delete} `;
  return `cpu=${`${stats.cpu}`.padEnd(4)}\t${counters}`;
}

/** One line for each CPU of each place, or one array. */
async function statsText<S extends object>(
  settings: Settings,
  each: readonly Place[],
  ask: (ct: Conntrack) => Promise<readonly S[]>,
  format: (stats: S) => string,
): Promise<string> {
  const json = isJSON(settings);
  const lines: string[] = [];
  for (const { ct, netns } of each)
    for (const stats of await ask(ct))
      lines.push(namedText(settings, netns, json ? JSON.stringify(stats) : format(stats)));
  if (json && !settings.output.has('ndjson')) return `[\n${lines.join(',\n')}\n]\n`;
  return lines.map((line) => `${line}\n`).join('');
}

export async function flowStats(context: Context): Promise<number> {
  const { each, output, settings } = context;
  const ask = async (): Promise<void> => {
    output.add(await statsText(settings, each, (ct) => ct.cpuStats(), formatCpuStats));
  };
  await orFromProc(context, ask, statsOfProc);
  return 0;
}

export async function expectationStats({ each, output, settings }: Context): Promise<number> {
  output.add(await statsText(settings, each, (ct) => ct.expectations.stats(), formatExpectationStats));
  await output.flush();
  return 0;
}
