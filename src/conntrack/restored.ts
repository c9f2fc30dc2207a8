/** The counts of one call of restore. */
import type { Loss, LossFinder } from '../ctnetlink/losses.ts';
import type { Place } from './many.ts';

/** What became of the flows, or of the expectations. */
export interface RestoreCounts {
  /** Items that came back whole, but for what the kernel counts or assigns: id, counters, start. */
  whole: number;
  /** Items that came back without something, or with another value. */
  partial: number;
  /** Items that did not come back. */
  failed: number;
  /**
   * Items that were sent before the call ended, and not answered or not looked up: nobody knows whether they came back.
   * 0 unless the call rejects with `ERR_INCOMPLETE`.
   */
  unknown: number;
  /**
   * How many items came back without each property, such as `{ id: 7, 'countersOrig.packets': 7, labels: 1 }`. Also
   * what the kernel counts or assigns, which no item that came back has as it was.
   */
  lost: Record<string, number>;
}

export class Restored<T> {
  /** By slot, how many lost what the kernel counts or assigns. */
  readonly recounted: number[] = [];
  #whole = 0;
  #partial = 0;
  #failed = 0;
  /** Sent, and neither compared nor refused yet. When the call has ended, nobody knows what became of them. */
  #open = 0;
  readonly #lost = new Map<string, number>();
  readonly #report: (place: Place<T>, losses: readonly Loss[]) => void;

  /** @param report takes what an item came back without */
  constructor(report: (place: Place<T>, losses: readonly Loss[]) => void) {
    this.#report = report;
  }

  /** Something was sent, or failed before it could be. */
  get begun(): boolean {
    return this.#whole + this.#partial + this.#failed + this.#open > 0;
  }

  /** So many are sent. Each is settled once: by `settled`, `whole` or `partial`. */
  sent(count: number): void {
    this.#open += count;
  }

  /** One that was sent failed, or waits to be sent again. */
  settled(): void {
    this.#open--;
  }

  /** It was looked up, and is as it was. */
  whole(): void {
    this.#open--;
    this.#whole++;
  }

  /** It was looked up, and lacks something. @returns what reports it */
  partial(place: Place<T>, losses: readonly Loss[]): () => void {
    this.#open--;
    this.#partial++;
    for (const { property } of losses) this.#lost.set(property, (this.#lost.get(property) ?? 0) + 1);
    return () => this.#report(place, losses);
  }

  /** It will not come back. */
  failed(): void {
    this.#failed++;
  }

  counts(finder: LossFinder): RestoreCounts {
    const lost = Object.fromEntries(this.#lost);
    this.recounted.forEach((count, slot) => {
      const property = finder.propertyOf(slot);
      lost[property] = (lost[property] ?? 0) + count;
    });
    return { whole: this.#whole, partial: this.#partial, failed: this.#failed, unknown: this.#open, lost };
  }
}
