/** When a dump may begin: after one that took its time, after one that failed, and to prove the table now and then. */
import { runtime } from '../netlink/runtime.ts';

/** Between two dumps that repair: so many times what the last one took, so that dumping takes a quarter of the time. */
const PAUSE = 3;
/** How often a dump is made again that fails: longer and longer pauses lie between. */
export const MOST_FAILURES = 8;
export const FIRST_PAUSE = 50;
/** Milliseconds between dumps that only prove. */
const SOON = 30_000;
const LATER = 600_000;
const SOON_BY_DUMP = 50;

export class Schedule {
  readonly #verify: 'adaptive' | number | false;
  /** Milliseconds that the last whole dump took. */
  dumpMs = 0;
  /** A dump is to be made, even if nothing is known to be missing. */
  needed = false;
  /** Dumps that failed, one after the other. */
  failures = 0;
  /** No dump that repairs begins before this moment. */
  #notBefore = 0;
  #provedAt = 0;

  constructor(verify: 'adaptive' | number | false) {
    this.#verify = verify;
  }

  /** Milliseconds until a dump that repairs may begin. */
  get wait(): number {
    return this.#notBefore - runtime.now();
  }

  /** A dump has come to its end. */
  ended(failed: boolean, milliseconds: number): void {
    const now = runtime.now();
    const pause = PAUSE * milliseconds;
    if (!failed) {
      this.failures = 0;
      this.dumpMs = milliseconds;
      this.#notBefore = now + pause;
      return;
    }
    this.failures++;
    this.#notBefore = now + Math.max(pause, FIRST_PAUSE * 2 ** Math.min(this.failures, MOST_FAILURES));
  }

  /** A dump has proved the table. */
  proved(): void {
    this.#provedAt = runtime.now();
  }

  /** It is time to prove the table. @param unsure flows may end silently, or are left out */
  provesAgain(unsure: boolean): boolean {
    return runtime.now() - this.#provedAt >= this.#interval(unsure);
  }

  #interval(unsure: boolean): number {
    if (this.#verify === false) return Number.POSITIVE_INFINITY;
    if (this.#verify !== 'adaptive') return this.#verify;
    return unsure ? Math.max(SOON, SOON_BY_DUMP * this.dumpMs) : LATER;
  }
}
