/** -L and -C of expectations. */
import type { Conntrack } from '../../conntrack/conntrack.ts';
import type { Expectation } from '../../ctnetlink/expectation.ts';
import type { Context } from '../commands/context.ts';
import { countText, listPlaces } from '../formats/listing.ts';
import type { Settings } from '../options/settings.ts';
import { complain } from '../output.ts';
import { expectationFormat } from './format.ts';

export async function listExpectations(context: Context): Promise<number> {
  const { each, settings, output } = context;
  const listing = await listPlaces(settings, output, each, (ct) => ({
    batches: listed(ct, settings),
    format: expectationFormat(settings, ct),
  }));
  complain(`${listing.count} expectations have been shown.`);
  return 0;
}

/** The kernel has no counter of expectations: they are dumped. */
export async function countExpectations({ each, settings, output }: Context): Promise<number> {
  for (const { ct, netns } of each) {
    let entries = 0;
    for await (const batch of listed(ct, settings)) entries += batch.length;
    output.add(countText(settings, netns, { entries }));
  }
  await output.flush();
  return 0;
}

/** As conntrack(8) has it, those of IPv4 unless -f says otherwise. */
function listed(ct: Conntrack, settings: Settings): AsyncIterable<readonly Expectation[]> {
  return ct.expectations.dump({ family: settings.family ?? 'ipv4' }).batches();
}
