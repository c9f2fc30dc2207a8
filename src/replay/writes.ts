/**
 * What a program has created, changed and deleted: an answer that was recorded before that may say what is no longer
 * so.
 */
import type { Exchange } from './conversations.ts';

export class Writes {
  /** The last write of each flow and expectation, by its names: a place among the requests of the capture. */
  readonly #named = new Map<string, number>();
  /** The last of many flows at once, and the last of all. */
  #many = -1;
  #last = -1;

  add({ meaning, index }: Exchange): void {
    if (!meaning.writes) return;
    this.#last = Math.max(this.#last, index);
    for (const name of meaning.names) this.#named.set(name, Math.max(this.#named.get(name) ?? -1, index));
    if (meaning.names.length === 0) this.#many = Math.max(this.#many, index);
  }

  /** Whether this was answered before a write to what it asks for. */
  outdate({ meaning, index }: Exchange): boolean {
    if (index > this.#last || meaning.writes) return false;
    if (meaning.names.length === 0 || index < this.#many) return true;
    return meaning.names.some((name) => index < (this.#named.get(name) ?? -1));
  }
}
