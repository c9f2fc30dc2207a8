/**
 * Which entries are due when: a wheel of 4,096 seconds, and one of so many rounds of it. Their lists run through the
 * entries, and every look takes the first one out, so that a look can stop anywhere and go on later.
 */
import { DEADLINE, EARLIER, type Entries, LATER } from './entries.ts';

const BITS = 12;
const SECONDS = 1 << BITS;
const MASK = SECONDS - 1;
/** Without a timeout, as flows that are offloaded to a device have it. */
export const NEVER = 0x7fffffff;
/** The kernel's longest timeout is 2^33 milliseconds; both wheels together reach further. */
const FURTHEST = SECONDS * (SECONDS - 1);

export class Deadlines {
  readonly #entries: Entries;
  /** By second, then by round: the first entry, plus 1. */
  readonly #heads = new Int32Array(2 * SECONDS);
  /** All seconds before it have been looked at. */
  #next = 0;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** Sets when an entry is due that is in no list yet. */
  add(entry: number, second: number): void {
    this.#entries.set(entry, DEADLINE, second);
    if (second !== NEVER) this.#link(entry, second);
  }

  /** Sets when it is due. One that is due later than before is moved only when its earlier time has come. */
  move(entry: number, second: number): void {
    const before = this.#entries.get(entry, DEADLINE);
    if (second === before && this.#entries.get(entry, EARLIER) !== 0) return;
    if (before !== NEVER && second > before && second !== NEVER && this.#entries.get(entry, EARLIER) !== 0) {
      this.#entries.set(entry, DEADLINE, second);
      return;
    }
    this.remove(entry);
    this.add(entry, second);
  }

  remove(entry: number): void {
    const entries = this.#entries;
    const earlier = entries.get(entry, EARLIER);
    const later = entries.get(entry, LATER);
    // The first of a list has the number of its list in front of it: -1 minus that. 0: it is in none.
    if (earlier === 0) return;
    if (earlier < 0) this.#heads[-earlier - 1] = later;
    else entries.set(earlier - 1, LATER, later);
    if (later > 0) entries.set(later - 1, EARLIER, earlier);
    entries.set(entry, EARLIER, 0);
    entries.set(entry, LATER, 0);
  }

  /**
   * Gives each entry that has become due by now, and takes it out of the wheel.
   * @param most looks at so many entries at the most
   * @returns false when there is more to look at
   */
  due(now: number, most: number, take: (entry: number) => void): boolean {
    const entries = this.#entries;
    let left = most;
    for (; this.#next <= now; this.#next++) {
      const round = (this.#next & MASK) === 0 ? SECONDS + ((this.#next >>> BITS) & MASK) : -1;
      for (const list of round < 0 ? [this.#next & MASK] : [round, this.#next & MASK]) {
        while (this.#heads[list] > 0) {
          if (left-- <= 0) return false;
          const entry = this.#heads[list] - 1;
          const second = entries.get(entry, DEADLINE);
          this.remove(entry);
          if (second <= now) take(entry);
          else this.#link(entry, second);
        }
      }
    }
    return true;
  }

  #link(entry: number, second: number): void {
    const next = this.#next;
    // What is due already is due in the next second that is looked at.
    const at = Math.min(Math.max(second, next), next + FURTHEST);
    const list = at - next < SECONDS ? at & MASK : SECONDS + ((at >>> BITS) & MASK);
    const first = this.#heads[list];
    this.#entries.set(entry, LATER, first);
    this.#entries.set(entry, EARLIER, -list - 1);
    if (first > 0) this.#entries.set(first - 1, EARLIER, entry + 1);
    this.#heads[list] = entry + 1;
  }
}
