/**
 * First in, first out, in constant time. `Array.prototype.shift` moves every element behind the first: 100,000 of them
 * cost 21 s in V8 where this costs a few milliseconds.
 */
export class Queue<T extends object> {
  #items: (T | undefined)[] = [];
  /** Where the first item is; what is before it has been taken. */
  #head = 0;
  /** How many wait. A field, because every request looks. */
  length = 0;

  /** The item that waits longest. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
    this.length++;
  }

  /** In front of all others. */
  unshift(item: T): void {
    if (this.#head === 0) this.#items.unshift(item);
    else this.#items[--this.#head] = item;
    this.length++;
  }

  /** Takes the item that waits longest. */
  shift(): T | undefined {
    const { first } = this;
    if (this.length > 0) this.#remove(this.#head);
    return first;
  }

  /**
   * Takes an item out of turn, in constant time while items are taken in their order. Without effect when it is not
   * there.
   */
  delete(item: T): void {
    const at = this.#items.indexOf(item, this.#head);
    if (at >= 0) this.#remove(at);
  }

  /** Takes all. */
  clear(): T[] {
    const items = this.#items.slice(this.#head).filter((item) => item !== undefined);
    this.#items = [];
    this.#head = 0;
    this.length = 0;
    return items;
  }

  #remove(at: number): void {
    this.#items[at] = undefined;
    this.length--;
    while (this.#head < this.#items.length && this.#items[this.#head] === undefined) this.#head++;
    // At least as many were taken as have to be moved.
    if (this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
