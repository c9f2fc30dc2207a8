/** An entry in the format of -o, and the text around a listing. */

import type { Conntrack } from '../../conntrack/conntrack.ts';
import type { Flow } from '../../ctnetlink/flow.ts';
import { XML_BEGIN, XML_END } from '../../format/elements.ts';
import { formatFlowJSON } from '../../format/json.ts';
import { type FormatFlowOptions, formatFlow } from '../../format/plain.ts';
import { formatFlowSave } from '../../format/save.ts';
import { formatFlowXML } from '../../format/xml.ts';
import { labelMap } from '../options/labels.ts';
import { isJSON, type Settings } from '../options/settings.ts';
import type { Output } from '../output.ts';
import { namedText, type Place, withNetns } from './netns.ts';

/** The options of formatFlow. */
export function plainOptions({ command, output, labels, labelsAdd, labelsDelete }: Settings): FormatFlowOptions {
  const named = labels ?? labelsAdd ?? labelsDelete;
  return {
    layer3: output.has('extended'),
    id: output.has('id'),
    timestamp: output.has('ktimestamp'),
    // The options that name some show them too, but not of what is deleted.
    labels: output.has('labels') || (named !== undefined && command !== 'delete') ? labelMap() : undefined,
  };
}

/** When what was read last was captured: a Conntrack on a replay, or an event of one. */
export interface Clock {
  /** Milliseconds since 1970, fractions included; undefined of a kernel. */
  readonly time: number | undefined;
}

/** The same, or what the clock says now. */
export function now({ time = performance.timeOrigin + performance.now() }: Clock): number {
  return time;
}

/** The text of a flow, without a newline. */
export function flowFormat(settings: Settings, clock: Clock): (flow: Flow) => string {
  const { output, command } = settings;
  if (isJSON(settings)) return formatFlowJSON;
  // What would do it again.
  if (output.has('save')) return command === 'delete' ? (flow) => formatFlowSave(flow, '-D') : formatFlowSave;
  const options = plainOptions(settings);
  const format = output.has('xml') ? formatFlowXML : formatFlow;
  if (settings.replay === undefined) return (flow) => format(flow, options);
  return (flow) => {
    options.now = now(clock);
    return format(flow, options);
  };
}

/** What -C prints of one table. */
export function countText(settings: Settings, netns: string | undefined, count: { entries: number }): string {
  const text = isJSON(settings) ? JSON.stringify(count) : `${count.entries}`;
  return `${namedText(settings, netns, text)}\n`;
}

/** Lists the entries of each place in one listing, and gives it. */
export async function listPlaces<T>(
  settings: Settings,
  output: Output,
  each: readonly Place[],
  dump: (ct: Conntrack) => { batches: AsyncIterable<readonly T[]>; format: (entry: T) => string },
): Promise<Listing<never>> {
  let format: (entry: T) => string;
  const listing = new Listing<T>(settings, output, (entry) => format(entry));
  async function* all(): AsyncGenerator<readonly T[]> {
    for (const { ct, netns } of each) {
      const { batches, format: ofPlace } = dump(ct);
      format = withNetns(settings, netns, ofPlace);
      yield* batches;
    }
  }
  await listing.addAll(all());
  return listing;
}

/** Entries printed one after the other, in an array of JSON or a document of XML where -o says so, and counted. */
export class Listing<T> {
  count = 0;
  readonly #output: Output;
  readonly #format: (entry: T) => string;
  readonly #begin: string;
  readonly #between: string;
  readonly #end: string;

  /** @param document what conntrack(8) prints of one: of -G only the beginning, of -D and -U nothing */
  constructor(
    settings: Settings,
    output: Output,
    format: (entry: T) => string,
    document: 'whole' | 'begun' | 'none' = 'whole',
  ) {
    const table = settings.table === 'expect' ? 'expect' : 'conntrack';
    const xml = settings.output.has('xml') && document !== 'none';
    const json = settings.output.has('json');
    this.#output = output;
    this.#format = format;
    this.#begin = json ? '[\n' : xml ? XML_BEGIN[table] : '';
    this.#between = json ? ',\n' : '\n';
    this.#end = json ? '\n]\n' : `\n${xml && document === 'whole' ? XML_END[table] : ''}`;
    this.#json = json;
  }

  readonly #json: boolean;

  add(entry: T): void {
    this.#output.add(this.count++ === 0 ? this.#begin : this.#between);
    this.#output.add(this.#format(entry));
  }

  /** Adds what a dump brings, and ends. What came before a dump failed is printed too. */
  async addAll(batches: AsyncIterable<readonly T[]>): Promise<void> {
    try {
      for await (const batch of batches) {
        for (const entry of batch) this.add(entry);
        await this.flushIfFull();
      }
    } catch (error) {
      if (this.count > 0) await this.end();
      throw error;
    }
    await this.end();
  }

  /** What has been gathered is enough to be written. */
  async flushIfFull(): Promise<void> {
    if (this.#output.full) await this.#output.flush();
  }

  async end(): Promise<void> {
    if (this.count > 0) this.#output.add(this.#end);
    else if (this.#json) this.#output.add('[]\n');
    await this.#output.flush();
  }
}
