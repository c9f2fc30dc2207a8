/** -E of expectations, of both families. */
import type { Context } from '../commands/context.ts';
import { listen } from '../commands/listen.ts';
import { expectationEventFormat, expectationSyncFormat } from './format.ts';

export async function expectationEvents(context: Context): Promise<number> {
  const { ct, settings } = context;
  const formatListed = expectationSyncFormat(settings, context.ct);
  return await listen(context, {
    noun: 'expectation events',
    stream: await ct.expectations.events(),
    text: expectationEventFormat(settings),
    async *table() {
      for await (const expectations of ct.expectations.dump().batches()) yield expectations.map(formatListed);
    },
  });
}
