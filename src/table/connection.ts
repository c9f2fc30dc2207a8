/** The sockets of a table, which are opened again when they fail. */
import type { EventType } from '../ctnetlink/event.ts';
import { ClosedError } from '../netlink/errors.ts';
import { runtime } from '../netlink/runtime.ts';
import type { OpenOptions } from '../transport/open.ts';
import type { Listener } from './event-feed.ts';
import { FIRST_PAUSE, MOST_FAILURES } from './schedule.ts';
import { mayPass, Sockets } from './sockets.ts';

export class Connection {
  readonly #options: OpenOptions;
  readonly #types: readonly EventType[];
  readonly #listener: Listener;
  #sockets: Sockets | undefined;
  #closed = false;
  #reason: unknown;
  /** They are being opened again. */
  reopening = false;
  /** Attempts since the table was proved last. */
  #attempts = 0;

  constructor(options: OpenOptions, types: readonly EventType[], listener: Listener) {
    this.#options = options;
    this.#types = types;
    this.#listener = listener;
  }

  /** Undefined while there are none. */
  get sockets(): Sockets | undefined {
    return this.#sockets;
  }

  async open(): Promise<void> {
    const sockets = await Sockets.open(this.#options, this.#types, this.#listener);
    if (!this.#closed) {
      this.#sockets = sockets;
      return;
    }
    sockets.close();
    throw this.#reason ?? new ClosedError('the table was closed');
  }

  /** One of them has failed: both are given up. @returns false where that is known already */
  drop(): boolean {
    if (this.#closed || this.reopening || this.#sockets === undefined) return false;
    this.#sockets.close();
    this.#sockets = undefined;
    return true;
  }

  /**
   * Opens them again, after pauses that grow. @param cause why they were given up
   * @throws why there is no use in it
   */
  async reopen(cause: unknown): Promise<void> {
    this.reopening = true;
    let error = cause;
    let passes = true;
    try {
      while (!this.#closed && this.#sockets === undefined) {
        if (this.#attempts > MOST_FAILURES || !passes) throw error;
        const pause = FIRST_PAUSE * 2 ** this.#attempts++;
        await new Promise<void>((resolve) => void runtime.setTimeout(resolve, pause));
        if (this.#closed) break;
        try {
          await this.open();
        } catch (thrown) {
          error = thrown;
          passes = mayPass(thrown);
        }
      }
    } finally {
      this.reopening = false;
    }
  }

  /** The table was proved: the next failure is the first one. */
  proved(): void {
    this.#attempts = 0;
  }

  close(reason: unknown): void {
    this.#closed = true;
    this.#reason = reason;
    this.#sockets?.close();
    this.#sockets = undefined;
  }
}
