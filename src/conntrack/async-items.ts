import { describe } from '../netlink/check.ts';

/**
 * Items of an async iterable, taken one by one, until something else ends the call. A `for await` loop could not be
 * left while the iterable waits.
 */
export class AsyncItems<Item> {
  readonly #items: AsyncIterable<Item>;
  readonly #argument: string;
  readonly #take: (item: Item) => Promise<void> | undefined;
  #iterator: AsyncIterator<Item> | undefined;
  #ended = false;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  /**
   * @param argument names the items in errors
   * @param take takes an item; the next is asked for when what it returns resolves
   */
  constructor(items: AsyncIterable<Item>, argument: string, take: (item: Item) => Promise<void> | undefined) {
    this.#items = items;
    this.#argument = argument;
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
        const iterator = this.#items[Symbol.asyncIterator]();
        this.#check(iterator, '[Symbol.asyncIterator]() must return');
        this.#iterator = iterator;
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
      this.#check(result, 'next() must resolve to');
    } catch (error) {
      this.#broken(error);
      return;
    }
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

  /** As `for await` does. @throws TypeError */
  #check(given: unknown, must: string): void {
    if ((typeof given !== 'object' && typeof given !== 'function') || given === null)
      throw new TypeError(`${this.#argument}: ${must} an object, not ${describe(given)}`);
  }

  /** An iterator that failed is not closed. */
  readonly #broken = (error: unknown): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#reject(error);
  };
}
