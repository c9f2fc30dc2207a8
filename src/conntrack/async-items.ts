/**
 * Items of an async iterable, taken one by one, until something else ends the call. A `for await` loop could not be
 * left while the iterable waits.
 */
export class AsyncItems<Item> {
  readonly #items: AsyncIterable<Item>;
  readonly #take: (item: Item) => Promise<void> | undefined;
  #iterator: AsyncIterator<Item> | undefined;
  #ended = false;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  /** @param take takes an item; the next is asked for when what it returns resolves */
  constructor(items: AsyncIterable<Item>, take: (item: Item) => Promise<void> | undefined) {
    this.#items = items;
    this.#take = take;
  }

  /**
   * Resolves at the end of the items; called once. Rejects with what the iterable or `take` throws, and with the error
   * of `interrupt`.
   */
  read(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      try {
        this.#iterator = this.#items[Symbol.asyncIterator]();
      } catch (error) {
        this.#broken(error);
        return;
      }
      this.#next();
    });
  }

  /** Ends it now. What the iterable gives later is not taken. */
  readonly interrupt = (error: unknown): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#reject(error);
    // Nobody waits for it: a generator ends when what it waits for has come, which may be never.
    const closing = async (): Promise<unknown> => this.#iterator?.return?.();
    closing().catch(() => {});
  };

  // One function for all items, none for each.
  readonly #next = (): void => {
    if (this.#ended) return;
    try {
      Promise.resolve(this.#iterator!.next()).then(this.#given, this.#broken);
    } catch (error) {
      this.#broken(error);
    }
  };

  readonly #given = (result: IteratorResult<Item>): void => {
    if (this.#ended) return;
    try {
      if (result.done === true) {
        this.#ended = true;
        this.#resolve();
        return;
      }
      const taken = this.#take(result.value);
      if (taken === undefined) this.#next();
      else taken.then(this.#next, this.interrupt);
    } catch (error) {
      this.interrupt(error);
    }
  };

  /** An iterator that failed is not closed. */
  readonly #broken = (error: unknown): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#reject(error);
  };
}
