/** What `ctnetlink watch` prints, line by line. */
import type { Flow } from '../../ctnetlink/flow.ts';
import { timeval } from '../../format/time.ts';
import { escapeControlsInJSON } from '../../netlink/escape.ts';
import type { TableChange } from '../../table/index.ts';
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
  readonly every = 100;
  readonly #settings: Settings;
  readonly #output: Output;
  readonly #watched: readonly Watched[];
  readonly #formatFlow: (flow: Flow) => string;
  /** What was said last of the state of each. */
  readonly #said = new Map<Watched, string>();

  constructor(settings: Settings, output: Output, watched: readonly Watched[]) {
    this.#settings = settings;
    this.#output = output;
    this.#watched = watched;
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

  /** A state belongs behind the changes that came before it. */
  look(): void {
    for (const each of this.#watched) if (each.idle) this.#state(each);
  }

  #state(of: Watched): void {
    const { state, size: flows, proof } = of.table;
    const { resyncs, lost, ambiguous } = proof;
    const news = `${state} ${resyncs} ${lost}`;
    if (news === this.#said.get(of)) return;
    this.#said.set(of, news);
    const text = `${state} flows=${flows} resyncs=${resyncs} lost=${lost} ambiguous=${ambiguous}`;
    this.#add(of, 'state', { type: 'state', state, flows, proof }, () => text);
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
