/**
 * Whether datagrams come so fast that it is better to look again at once than to sleep: a thread that sleeps, however
 * nice it is not, may have to wait for the next tick (4 ms) of whoever was given its processor meanwhile.
 */

/** Milliseconds that are looked at as one. */
const WINDOW = 4;
/** Datagrams in a window that are many: 8,000 a second. */
const MANY = 32;

export class Pace {
  #start = 0;
  #count = 0;
  #fast = false;

  came(): void {
    this.#count++;
  }

  /** @param now milliseconds */
  isFast(now: number): boolean {
    if (now - this.#start >= WINDOW) {
      this.#fast = this.#count >= MANY;
      this.#start = now;
      this.#count = 0;
    }
    return this.#fast;
  }
}
