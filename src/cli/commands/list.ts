/** -L of flows. */
import { type Conntrack, dumpResettingAsC } from '../../conntrack/conntrack.ts';
import type { DumpOptions } from '../../conntrack/flow-dump.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import { flowFormat, listPlaces } from '../formats/listing.ts';
import { complain } from '../output.ts';
import type { Context } from './context.ts';
import { Selection } from './selection.ts';

/** Prints what matches of a table and says how many flows there were. */
export async function list({ each, settings, output }: Context): Promise<number> {
  const { table, zero } = settings;
  const selection = new Selection(settings);
  const options = { reset: zero && table === 'conntrack', table: table === 'expect' ? undefined : table };
  const listing = await listPlaces(settings, output, each, (ct) => ({
    batches: selected(ct, selection, options),
    format: flowFormat(settings, ct),
  }));
  complain(`${listing.count} flow entries have been shown.`);
  return 0;
}

/**
 * The flows that match, as the dump brings them. The kernel leaves out what it can. -z sends what conntrack(8) sends:
 * all flows that the kernel walks past are zeroed.
 */
export function selected(ct: Conntrack, selection: Selection, options: DumpOptions = {}): AsyncIterable<Flow[]> {
  return (options.reset === true ? dumpResettingAsC(ct, selection) : ct.dump(selection, options)).batches();
}
