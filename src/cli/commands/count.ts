/** -C of flows. */

import { isJSON, jsonOf } from '../formats/listing.ts';
import type { Context } from './context.ts';
import { countOfProc, orFromProc } from './proc.ts';

export async function countFlows(context: Context): Promise<number> {
  const { ct, output, settings } = context;
  const ask = async (): Promise<void> => {
    const stats = await ct.stats();
    output.add(isJSON(settings) ? jsonOf(settings, [stats]) : `${stats.entries}\n`);
  };
  await orFromProc(context, ask, countOfProc);
  return 0;
}
