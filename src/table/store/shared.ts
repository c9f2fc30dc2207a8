/** Values without a fixed size (labels, the name of a helper): each is kept once, however many flows have it. */
import type { SlotValue } from '../../ctnetlink/attributes/kinds.ts';

interface Held {
  readonly key: string;
  readonly value: SlotValue;
  count: number;
}

export class Shared {
  readonly #numbers = new Map<string, number>();
  readonly #held: (Held | undefined)[] = [];
  readonly #free: number[] = [];

  /** One more flow has this value. @returns its number */
  add(value: SlotValue): number {
    const key = typeof value === 'string' ? `"${value}` : String.fromCharCode(...(value as Uint8Array));
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      this.#held[known]!.count++;
      return known;
    }
    const number = this.#free.pop() ?? this.#held.length;
    this.#held[number] = { key, value, count: 1 };
    this.#numbers.set(key, number);
    return number;
  }

  get(number: number): SlotValue {
    const { value } = this.#held[number]!;
    // Nobody can change what others have, too.
    return value instanceof Uint8Array ? value.slice() : value;
  }

  /** One flow less has it. */
  drop(number: number): void {
    const held = this.#held[number]!;
    if (--held.count > 0) return;
    this.#numbers.delete(held.key);
    this.#held[number] = undefined;
    this.#free.push(number);
  }
}
