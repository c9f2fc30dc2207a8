/**
 * Sends and receives of one descriptor that are started together, and that end in their order while JavaScript runs. A
 * thread of the kernel does them (ring.ts), or a thread of the C library (aio.ts).
 */
import type { Outgoing } from './outgoing.ts';
import type { ReceiveBuffers } from './receive-buffers.ts';

export interface Chain {
  /**
   * Whether a receive fills in the header of its buffer: the sender of the datagram, and whether its end is missing.
   */
  readonly fillsHeaders: boolean;
  /** Queues the sending of a datagram. */
  send(fd: number, outgoing: Outgoing): void;
  /**
   * Queues the receiving of a datagram, which ends with -EAGAIN when none is there by then.
   * @param last nothing of this chain comes behind it
   */
  receive(fd: number, buffers: ReceiveBuffers, buffer: number, last: boolean): void;
  /** Starts what was queued. Returns how many were started, from the first on; the others are forgotten. */
  submit(): number;
  /** How many have ended that `next` has not returned. */
  readonly ready: number;
  /** How the next of them ended: a length, or a negative errno. */
  next(): number;
  /** Waits until so many are ready, some milliseconds at most. */
  wait(count: number): void;
  /**
   * Takes the ends that are still to come, then calls `over`: only then may the memory of the operations be freed and
   * the descriptor be closed. To be called last.
   */
  retire(over: () => void): void;
}
