/** `ctnetlink watch --summary`: what is known of each table, in a line. */
import type { TableChange } from '../../table/index.ts';
import { namedText } from '../formats/netns.ts';
import { isJSON, type Settings } from '../options/settings.ts';
import type { Output } from '../output.ts';
import type { Display, Watched } from './watched.ts';

const SECOND = 1000;

type Counts = Record<TableChange['type'], number>;

/** A line for each table: rewritten on a terminal, and elsewhere printed if more than its age has changed. */
export class SummaryDisplay implements Display {
  readonly #settings: Settings;
  readonly #output: Output;
  readonly #watched: readonly Watched[];
  readonly #terminal: boolean;
  readonly #counts = new Map<Watched, Counts>();
  readonly #said = new Map<Watched, string>();
  /** Lines on the terminal that are written over. */
  #lines = 0;

  constructor(settings: Settings, output: Output, watched: readonly Watched[]) {
    this.#settings = settings;
    this.#output = output;
    this.#watched = watched;
    this.#terminal = process.stdout.isTTY && !isJSON(settings);
  }

  async change(of: Watched, { type }: TableChange): Promise<void> {
    this.#countsOf(of)[type]++;
  }

  /** It is in the line of the next second. */
  state(): void {}

  look(): void {
    if (this.#terminal) this.#rewrite();
    else for (const each of this.#watched) if (this.#hasNews(each)) this.#output.add(`${this.#line(each)}\n`);
    this.#output.flushSoon();
  }

  #rewrite(): void {
    const { columns } = process.stdout;
    if (this.#lines > 0) this.#output.add(`\x1b[${this.#lines}A`);
    // A line that wrapped would be two.
    for (const each of this.#watched) this.#output.add(`\r${this.#line(each).slice(0, columns - 1)}\x1b[K\n`);
    this.#lines = this.#watched.length;
  }

  #hasNews(of: Watched): boolean {
    const { state, size, proof } = of.table;
    const { resyncs, lost, ambiguous } = proof;
    const news = [state, size, resyncs, lost, ambiguous, ...Object.values(this.#countsOf(of))].join(' ');
    if (news === this.#said.get(of)) return false;
    this.#said.set(of, news);
    return true;
  }

  #line(of: Watched): string {
    const { state, size: flows, proof } = of.table;
    const { at, resyncs, lost, ambiguous } = proof;
    const changes = this.#countsOf(of);
    const age = `${Math.max(0, Math.floor((Date.now() - at) / SECOND))}s`;
    const values = { flows, ...changes, state, proof: age, resyncs, lost, ambiguous };
    const text = isJSON(this.#settings)
      ? JSON.stringify({ type: 'summary', flows, changes, state, proof })
      : Object.entries(values)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ');
    return namedText(this.#settings, of.netns, text);
  }

  #countsOf(of: Watched): Counts {
    let counts = this.#counts.get(of);
    if (counts === undefined) {
      counts = { insert: 0, update: 0, delete: 0, gap: 0 };
      this.#counts.set(of, counts);
    }
    return counts;
  }
}
