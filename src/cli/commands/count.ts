/** -C of flows. */

import type { Conntrack } from '../../conntrack/conntrack.ts';
import { countText } from '../formats/listing.ts';
import type { Context } from './context.ts';
import { selected } from './list.ts';
import { countOfProc, orFromProc } from './proc.ts';
import { Selection } from './selection.ts';

/** The kernel counts all flows; what --filter selects is dumped and counted. */
export async function countFlows(context: Context): Promise<number> {
  const { each, output, settings } = context;
  const selection = settings.filter === undefined ? undefined : new Selection(settings);
  const ask = async (): Promise<void> => {
    for (const { ct, netns } of each) {
      const count = selection === undefined ? await ct.stats() : { entries: await matching(ct, selection) };
      output.add(countText(settings, netns, count));
    }
  };
  if (selection === undefined) await orFromProc(context, ask, countOfProc);
  else {
    await ask();
    await output.flush();
  }
  return 0;
}

async function matching(ct: Conntrack, selection: Selection): Promise<number> {
  let count = 0;
  for await (const flows of selected(ct, selection)) count += flows.length;
  return count;
}
