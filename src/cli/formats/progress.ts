/** A line on standard error about long work, for a person who watches: rewritten in place, and removed at the end. */

/** Nothing is shown of what is done sooner, in milliseconds; then the line changes this often. */
const PATIENCE = 1000;
const EVERY = 200;
/** Looking at the clock for every entry would cost more than the entry. */
const STRIDE = 256;

export interface Watched {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #verb: string;
  readonly #total: number | undefined;
  readonly #stream: Watched;
  readonly #clock: () => number;
  #count = 0;
  #next: number;
  #shown = false;

  /** @param total how many there will be, where that is known */
  constructor(
    verb: string,
    total?: number,
    stream: Watched = process.stderr,
    clock: () => number = () => performance.now(),
  ) {
    this.#verb = verb;
    this.#total = total;
    this.#stream = stream;
    this.#clock = clock;
    this.#next = clock() + PATIENCE;
  }

  /** So many more are done. */
  step(count = 1): void {
    const before = this.#count;
    this.#count += count;
    if (this.#stream.isTTY !== true || Math.floor(before / STRIDE) === Math.floor(this.#count / STRIDE)) return;
    const now = this.#clock();
    if (now < this.#next) return;
    this.#next = now + EVERY;
    this.#shown = true;
    const of = this.#total === undefined ? '' : ` of ${this.#total}`;
    this.#stream.write(`\r${this.#count}${of} ${this.#verb}\x1b[K`);
  }

  end(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K');
  }
}
