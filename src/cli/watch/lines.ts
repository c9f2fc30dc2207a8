/** What `ctnetlink watch` prints, line by line. */
import type { Flow } from '../../ctnetlink/flow.ts';
import { timeval } from '../../format/time.ts';
import { escapeControlsInJSON } from '../../netlink/escape.ts';
import type { TableChange, TableNews } from '../../table/index.ts';
import { flowFormat, now } from '../formats/listing.ts';
import { namedText } from '../formats/netns.ts';
import { isJSON, type Settings } from '../options/settings.ts';
import type { Output } from '../output.ts';
import type { Display, Watched } from './watched.ts';

/** As wide as those of -E. */
const PREFIXES = {
  insert: ' [INSERT] ',
  update: ' [UPDATE] ',
  delete: ' [DELETE] ',
  gap: '    [GAP] ',
  state: '  [STATE] ',
} as const;

/** Of a kernel, not of a capture. */
const LIVE = { time: undefined };

/** A line for each change, and for each news of a state. */
export class LineDisplay implements Display {
  readonly #settings: Settings;
  readonly #output: Output;
  readonly #formatFlow: (flow: Flow) => string;

  constructor(settings: Settings, output: Output) {
    this.#settings = settings;
    this.#output = output;
    this.#formatFlow = flowFormat(settings, LIVE);
  }

  async change(of: Watched, change: TableChange): Promise<void> {
    this.#add(of, change.type, change, () => {
      if (change.type === 'gap') return `dropped=${change.dropped}`;
      const { flow, cause, generation, exact } = change;
      return `${this.#formatFlow(flow).trimEnd()} cause=${cause} generation=${generation} exact=${exact ? 'yes' : 'no'}`;
    });
    if (this.#output.full) await this.#output.flush();
    else this.#output.flushSoon();
  }

  state(of: Watched, news: TableNews): void {
    const { state, reason, flows, proof } = news;
    const { resyncs, lost, ambiguous } = proof;
    const why = reason === undefined ? '' : ` reason=${reason}`;
    this.#add(
      of,
      'state',
      news,
      () => `${state} flows=${flows} resyncs=${resyncs} lost=${lost} ambiguous=${ambiguous}${why}`,
    );
    this.#output.flushSoon();
  }

  #add({ netns }: Watched, type: keyof typeof PREFIXES, object: object, textOf: () => string): void {
    const text = isJSON(this.#settings) ? escapeControlsInJSON(JSON.stringify(object)) : this.#prefix(type) + textOf();
    this.#output.add(`${namedText(this.#settings, netns, text)}\n`);
  }

  #prefix(type: keyof typeof PREFIXES): string {
    const timed = this.#settings.output.has('timestamp');
    return timed ? `[${timeval(now(LIVE))}]\t${PREFIXES[type]}` : PREFIXES[type];
  }
}
