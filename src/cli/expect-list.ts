/** -L and -C of expectations. */
import type { Expectation } from '../ctnetlink/expectation.ts';
import { CompiledExpectationFilter, type ExpectationFilter } from '../ctnetlink/expectation-filter.ts';
import { ReplayError } from '../transport/replay.ts';
import type { Context } from './context.ts';
import { expectationFormat } from './expect-format.ts';
import { isJSON, jsonOf, Listing } from './formats.ts';
import { complain } from './output.ts';

export async function listExpectations(context: Context): Promise<number> {
  const { settings, output } = context;
  const listing = new Listing(settings, output, expectationFormat(settings));
  for await (const batch of listed(context)) {
    for (const expectation of batch) listing.add(expectation);
    await listing.flushIfFull();
  }
  await listing.end();
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
async function* listed({ ct, settings }: Context): AsyncGenerator<readonly Expectation[]> {
  const filter: ExpectationFilter = { family: settings.family ?? 'ipv4' };
  try {
    yield* ct.expectations.dump(filter).batches();
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    // A capture answers what was asked when it was recorded, such as for both families.
    const compiled = new CompiledExpectationFilter(filter);
    for await (const batch of ct.expectations.dump().batches())
      yield batch.filter((expectation) => compiled.matches(expectation));
  }
}
