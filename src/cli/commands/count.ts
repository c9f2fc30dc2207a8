/** -C of flows. */

import { countText } from '../formats/listing.ts';
import type { Context } from './context.ts';
import { countOfProc, orFromProc } from './proc.ts';

export async function countFlows(context: Context): Promise<number> {
  const { each, output, settings } = context;
  const ask = async (): Promise<void> => {
    for (const { ct, netns } of each) output.add(countText(settings, netns, await ct.stats()));
  };
  await orFromProc(context, ask, countOfProc);
  return 0;
}
