/** The end of an iteration. */
export const DONE: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });

/** Something that one reader waits for and that may have happened before. */
export class Signal {
  #wake: (() => void) | undefined;

  /** Wakes who waits; who does not wait is expected to look before it does. */
  raise(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      const earlier = this.#wake;
      this.#wake =
        earlier === undefined
          ? resolve
          : () => {
              earlier();
              resolve();
            };
    });
  }
}
