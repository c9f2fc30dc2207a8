/** Long work of a table, in turns of the event loop: the timers of the program stay on time. */
import { runtime, turnOfLoop } from '../netlink/runtime.ts';

/** Milliseconds, of what is not reading. */
const A_TURN = 2;

/**
 * Milliseconds that each socket of a table reads in a turn of the event loop (netlink/socket.ts). Both may read in the
 * same turn, and other work of the table beside them: together they take no longer than ten.
 */
export const A_TURN_OF_READING = 4;

/** So many entries are looked at between two looks at the clock: a fraction of a millisecond. */
export const A_FEW = 256;

export class Turn {
  #began = runtime.now();

  /** It has taken long enough: `next` is to be awaited. */
  get over(): boolean {
    return runtime.now() - this.#began >= A_TURN;
  }

  async next(): Promise<void> {
    await turnOfLoop();
    this.#began = runtime.now();
  }
}
