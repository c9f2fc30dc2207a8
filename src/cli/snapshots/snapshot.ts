/** `ctnetlink snapshot`: the flows that match, and what their helpers expect. */

import { release } from 'node:os';
import type { Context } from '../commands/context.ts';
import { selected } from '../commands/list.ts';
import { Selection } from '../commands/selection.ts';
import { now } from '../formats/listing.ts';
import { complain } from '../output.ts';
import { endLine, expectationLine, flowLine, headerLine } from './file.ts';
import { Masters } from './masters.ts';

export async function snapshot({ ct, settings, output }: Context): Promise<number> {
  const selection = new Selection(settings);
  const counts = { flows: 0, expectations: 0 };
  const masters = new Masters();
  const kernel = settings.replay === undefined ? release() : settings.replayRelease;
  const add = (line: string): void => output.add(`${line}\n`);
  // Before the header: on a replay this is the time of the first answer.
  let begun = false;
  const begin = (): void => {
    if (!begun) add(headerLine(kernel, now(ct)));
    begun = true;
  };
  for await (const batch of selected(ct, selection)) {
    begin();
    for (const flow of batch) {
      counts.flows++;
      masters.add(flow);
      add(flowLine(flow));
    }
    if (output.full) await output.flush();
  }
  begin();
  if (masters.any) {
    for await (const dumped of ct.expectations.dump()) {
      // A capture has no answer to more than was asked then.
      const expectation = settings.replay === undefined ? await masters.zoned(ct, dumped) : masters.asDumped(dumped);
      if (expectation === undefined) continue;
      counts.expectations++;
      add(expectationLine(expectation));
      if (output.full) await output.flush();
    }
  }
  add(endLine(counts));
  await output.flush();
  complain(`${counts.flows} flow entries and ${counts.expectations} expectations have been written.`);
  return 0;
}
