/** -L: the flows of a table. */
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { DumpOptions } from '../conntrack/flow-dump.ts';
import { CompiledFilter, type Filter } from '../ctnetlink/filter.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { formatFlowJSON } from '../format/json.ts';
import { formatFlow, type PlainOptions } from '../format/plain.ts';
import { ReplayError } from '../transport/replay.ts';
import { plainOptions } from './formats.ts';
import type { Settings } from './options.ts';
import { complain, type Output } from './output.ts';

type Batches = AsyncIterable<readonly Flow[]>;

/** Prints a table and says how many flows there were. */
export async function list(ct: Conntrack, settings: Settings, output: Output): Promise<void> {
  const { family, table } = settings;
  const flows =
    settings.replay === undefined ? ct.dump({ family }, { table }).batches() : captured(ct, { family }, { table });
  const shown = settings.output.has('json')
    ? await printJSON(flows, output)
    : settings.output.has('ndjson')
      ? await print(flows, output, formatFlowJSON)
      : await printPlain(flows, output, plainOptions(settings));
  complain(`${shown} flow entries have been shown.`);
}

/** A capture answers what was asked when it was recorded. Where that was the whole table, what matches is picked from it here. */
async function* captured(ct: Conntrack, filter: Filter, options: DumpOptions): AsyncGenerator<readonly Flow[]> {
  try {
    yield* ct.dump(filter, options).batches();
  } catch (error) {
    const compiled = new CompiledFilter(filter);
    if (!(error instanceof ReplayError) || compiled.empty) throw error;
    for await (const batch of ct.dump({}, options).batches()) yield batch.filter((flow) => compiled.matches(flow));
  }
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
