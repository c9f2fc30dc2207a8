/** How late a timer of one millisecond comes at the worst. */
export class WorstDelay {
  #worst = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => this.#tick(), 1);

  /** Milliseconds. */
  stop(): number {
    clearInterval(this.#timer);
    // Also the one that is due now.
    this.#tick();
    return this.#worst;
  }

  #tick(): void {
    const now = performance.now();
    this.#worst = Math.max(this.#worst, now - this.#last - 1);
    this.#last = now;
  }
}
