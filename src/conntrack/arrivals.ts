/** What has come and was not handed out yet, in order, and the calls that wait for more. */
import { Wakeup } from './wakeup.ts';

export class Arrivals<T> {
  readonly #ready = new Wakeup();
  #items: T[] = [];
  #head = 0;
  #ended = false;
  #error: unknown;
  /** Calls that wait for an item. */
  waiting = 0;

  /** What waits to be handed out. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Nothing more will come than what waits. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The one that came last, if it still waits. */
  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items.at(-1);
  }

  push(item: T): void {
    this.#items.push(item);
    this.#ready.wake();
  }

  /** In the place of the one that came last, which still waits. */
  replaceLast(item: T): void {
    this.#items[this.#items.length - 1] = item;
  }

  /** What is there to be handed out. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head++];
    if (this.length === 0) this.clear();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** Nothing more comes. @param error what the next call that waits throws, once */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#ready.wake();
  }

  /** As clear, and nobody learns why it ended. */
  close(): void {
    this.clear();
    this.end();
    this.#error = undefined;
  }

  /**
   * The next item; undefined at the end.
   * @param look is called before each look: it may bring some
   * @throws what ended it, once
   */
  async next(look: () => void): Promise<T | undefined> {
    this.waiting++;
    try {
      for (;;) {
        look();
        const item = this.shift();
        if (item !== undefined) return item;
        if (this.#ended) {
          const error = this.#error;
          this.#error = undefined;
          if (error !== undefined) throw error;
          return undefined;
        }
        await this.#ready.wait();
      }
    } finally {
      this.waiting--;
    }
  }
}
