/** -L and -C of expectations. */
import type { Expectation } from '../../ctnetlink/expectation.ts';
import type { Context } from '../commands/context.ts';
import { isJSON, jsonOf, Listing } from '../formats/listing.ts';
import { complain } from '../output.ts';
import { expectationFormat } from './format.ts';

export async function listExpectations(context: Context): Promise<number> {
  const { settings, output } = context;
  const listing = new Listing(settings, output, expectationFormat(settings, context.ct));
  await listing.addAll(listed(context));
  complain(`${listing.count} expectations have been shown.`);
  return 0;
}

/** The kernel has no counter of expectations: they are dumped. */
export async function countExpectations(context: Context): Promise<number> {
  let entries = 0;
  for await (const batch of listed(context)) entries += batch.length;
  const { settings, output } = context;
  output.add(isJSON(settings) ? jsonOf(settings, [{ entries }]) : `${entries}\n`);
  await output.flush();
  return 0;
}

/** As conntrack(8) has it, those of IPv4 unless -f says otherwise. */
function listed({ ct, settings }: Context): AsyncIterable<readonly Expectation[]> {
  return ct.expectations.dump({ family: settings.family ?? 'ipv4' }).batches();
}
