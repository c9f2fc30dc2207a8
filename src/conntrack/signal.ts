/** The end of an iteration. */
export const DONE: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });

/** Something that one reader waits for and that may have happened before. */
export class Signal {
  #wake: (() => void) | undefined;

  /** Wakes the call that waits. A call that does not wait yet looks before it waits. */
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
