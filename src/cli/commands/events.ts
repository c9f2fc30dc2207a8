/** -E of flows. */

import { eventFormat, syncFormat } from '../formats/event-format.ts';
import type { Context } from './context.ts';
import { selected } from './list.ts';
import { buffering, listen } from './listen.ts';
import { Selection } from './selection.ts';

export async function flowEvents(context: Context): Promise<number> {
  const { settings } = context;
  const selection = new Selection(settings);
  const format = eventFormat(settings);
  const options = {
    types: settings.events.size > 0 ? [...settings.events] : undefined,
    filter: selection,
    ...buffering(settings),
  };
  return await listen(context, 'flow events', async ({ ct }) => {
    const formatListed = syncFormat(settings, ct);
    return {
      stream: await ct.events(options),
      text: format,
      async *table() {
        for await (const flows of selected(ct, selection)) yield flows.map(formatListed);
      },
    };
  });
}
