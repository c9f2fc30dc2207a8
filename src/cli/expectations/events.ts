/** -E of expectations, of both families. */
import type { Context } from '../commands/context.ts';
import { listen } from '../commands/listen.ts';
import { expectationEventFormat, expectationSyncFormat } from './format.ts';

export async function expectationEvents(context: Context): Promise<number> {
  const { settings } = context;
  const format = expectationEventFormat(settings);
  return await listen(context, 'expectation events', async ({ ct }) => {
    const formatListed = expectationSyncFormat(settings, ct);
    return {
      stream: await ct.expectations.events(),
      text: format,
      async *table() {
        for await (const expectations of ct.expectations.dump().batches()) yield expectations.map(formatListed);
      },
    };
  });
}
