/** -L: the flows of a table. */
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { DumpOptions } from '../conntrack/dump.ts';
import type { Filter } from '../ctnetlink/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { formatFlowJSON } from '../format/json.ts';
import { formatFlow, type PlainOptions } from '../format/plain.ts';
import { plainOptions } from './formats.ts';
import type { Settings } from './options.ts';
import { complain, type Output } from './output.ts';

/** Prints a table and says how many flows there were. */
export async function list(ct: Conntrack, settings: Settings, output: Output): Promise<void> {
  const { family, table } = settings;
  const shown = settings.output.has('json')
    ? await printJSON(flows(ct, { family }, { table }), output)
    : settings.output.has('ndjson')
      ? await print(flows(ct, { family }, { table }), output, formatFlowJSON)
      : await printPlain(flows(ct, { family }, { table }), output, plainOptions(settings));
  complain(`${shown} flow entries have been shown.`);
}

type Batches = AsyncIterable<readonly Flow[]>;

function flows(ct: Conntrack, filter: Filter, options: DumpOptions): Batches {
  return ct.dump(filter, options).batches();
}

/** Prints flows as lines of text and returns how many. */
export function printPlain(batches: Batches, output: Output, options: PlainOptions): Promise<number> {
  return print(batches, output, (flow) => formatFlow(flow, options));
}

async function print(batches: Batches, output: Output, format: (flow: Flow) => string): Promise<number> {
  let shown = 0;
  for await (const batch of batches) {
    for (const flow of batch) {
      output.add(format(flow));
      output.add('\n');
    }
    shown += batch.length;
    if (output.full) await output.flush();
  }
  await output.flush();
  return shown;
}

/** One array, printed as it comes: an element a line. */
async function printJSON(batches: Batches, output: Output): Promise<number> {
  let shown = 0;
  output.add('[');
  for await (const batch of batches) {
    for (const flow of batch) output.add(`${shown++ === 0 ? '\n' : ',\n'}${formatFlowJSON(flow)}`);
    if (output.full) await output.flush();
  }
  output.add(shown === 0 ? ']\n' : '\n]\n');
  await output.flush();
  return shown;
}
