/** -L of flows. */
import { type Conntrack, dumpResettingAsC } from '../conntrack/conntrack.ts';
import type { Dump } from '../conntrack/dump.ts';
import type { DumpOptions } from '../conntrack/flow-dump.ts';
import type { CompiledFilter, Filter } from '../ctnetlink/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { ReplayError } from '../transport/replay.ts';
import type { Context } from './context.ts';
import { flowFormat, Listing } from './formats.ts';
import { complain } from './output.ts';
import { Selection } from './selection.ts';

/** Prints what matches of a table and says how many flows there were. */
export async function list({ ct, settings, output }: Context): Promise<number> {
  const { table, zero } = settings;
  const selection = new Selection(settings);
  const options = { reset: zero && table === 'conntrack', table: table === 'expect' ? undefined : table };
  const listing = new Listing(settings, output, flowFormat(settings));
  for await (const batch of selected(ct, selection, options, settings.replay !== undefined)) {
    for (const flow of batch) listing.add(flow);
    await listing.flushIfFull();
  }
  await listing.end();
  complain(`${listing.count} flow entries have been shown.`);
  return 0;
}

/** The flows that match, as the dump brings them. The kernel leaves out what it can. */
export function selected(
  ct: Conntrack,
  selection: Selection,
  options: DumpOptions,
  replayed: boolean,
): AsyncIterable<Flow[]> {
  return replayed ? captured(ct, selection, options) : dump(ct, selection, options).batches();
}

/** -z sends what conntrack(8) sends: all flows that the kernel walks past are zeroed. */
function dump(ct: Conntrack, filter: Filter | CompiledFilter, options: DumpOptions): Dump<Flow> {
  return options.reset === true ? dumpResettingAsC(ct, filter) : ct.dump(filter, options);
}

/** A capture answers what was asked when it was recorded. Where that was the whole table, what matches is picked from it here. */
async function* captured(ct: Conntrack, selection: Selection, options: DumpOptions): AsyncGenerator<Flow[]> {
  try {
    yield* dump(ct, selection, options).batches();
  } catch (error) {
    if (!(error instanceof ReplayError) || selection.empty) throw error;
    for await (const batch of dump(ct, {}, options).batches()) yield batch.filter((flow) => selection.matches(flow));
  }
}
