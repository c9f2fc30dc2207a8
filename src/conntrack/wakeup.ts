/** Wakes the calls that wait for something which may have happened before. */
export class Wakeup {
  #wake: (() => void) | undefined;

  /** Wakes the call that waits. A call that does not wait yet looks before it waits. */
  wake(): void {
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
