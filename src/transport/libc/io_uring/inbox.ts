/**
 * Events are received by the kernel itself, into memory of ours, the moment that they come: also while JavaScript
 * compiles or collects.
 *
 * One receive stands for all that come (multishot), and ends once for each with one of the buffers that were provided:
 * what runs is interrupted for it, not waited for. Only when all of those are full does the next wait in the socket's
 * own buffer.
 */
import { TransportError } from '../../../netlink/errors.ts';
import type { Datagram } from '../../../netlink/transport.ts';
import { ENOBUFS } from '../../../uapi/errno.ts';
import type { Libc } from '../libc.ts';
import { InboxBuffers } from './inbox-buffers.ts';
import { Ring } from './ring.ts';

/**
 * Buffers at first, and how many more whenever less than half of them are free: only those provided take memory, a page
 * each.
 */
const STEP = 2048;
export const MOST = 4 * STEP;
/** How many that were read are given back at once, in so many pieces at the most. */
const GIVEN_BACK = 64;
const PIECES = 16;

export class Inbox {
  readonly #fd: number;
  readonly #ring: Ring;
  readonly #buffers: InboxBuffers;
  readonly #look: () => void;
  #provided = 0;
  /** Buffers handed on and not given back: so many, the last of them `run` in a row from `first` on. */
  #used = 0;
  #first = 0;
  #run = 0;
  #pieces = 0;
  #receiving = false;
  /** Receives that ended for lack of buffers and were started again before their end was reached. */
  #replaced = 0;
  /** The kernel did not take what it was given. */
  #refused = false;

  /**
   * @param look called before the kernel gets room to receive more: what it has dropped by then came after what `held`
   * counts
   * @throws TransportError where there is no io_uring that can do it, RangeError where there is no memory
   */
  constructor(libc: Libc, fd: number, look: () => void) {
    this.#fd = fd;
    this.#look = look;
    this.#buffers = new InboxBuffers(libc, MOST);
    try {
      this.#ring = Ring.take(libc, 0, 2 * MOST);
    } catch (error) {
      this.#buffers.free();
      throw error;
    }
    this.#provideMore();
    this.#start();
    if (!this.#refused) return;
    this.close(() => {});
    throw new TransportError('io_uring_enter', 0, 'the kernel does not take what was submitted');
  }

  /**
   * Nothing comes any more: what came was handed on, and the kernel refused to receive on. Whoever has this reads the
   * socket directly then.
   */
  get broken(): boolean {
    return this.#refused && !this.#receiving && this.#ring.ready === 0;
  }

  /** Readable when there is something to receive. */
  get pollable(): number {
    return this.#ring.fd;
  }

  /** Datagrams that came and were not handed on. */
  get held(): number {
    return Math.min(this.#ends, this.#provided - this.#used);
  }

  /** The same, and one more when the kernel found no buffer. */
  get #ends(): number {
    return this.#ring.ready - this.#replaced;
  }

  /** The next datagram, if one is there. */
  receive(): Datagram | undefined {
    const ring = this.#ring;
    if (this.#used >= GIVEN_BACK || this.#pieces >= PIECES) this.#goOn();
    for (;;) {
      if (ring.ready === 0) {
        if (this.#receiving || this.#refused) return undefined;
        this.#goOn();
        if (ring.ready === 0) return undefined;
      }
      if (ring.isSilent) {
        // Buffers that the kernel had no memory to note.
        this.#refused = true;
        ring.next();
        continue;
      }
      if (!ring.hasMore) {
        if (this.#replaced > 0) this.#replaced--;
        else this.#receiving = false;
      }
      const { buffer } = ring;
      const result = ring.next();
      if (result >= 0) {
        this.#use(buffer);
        return this.#buffers.datagram(buffer, result);
      }
      // It ended for another reason than lack of buffers. A direct read of the socket reports which.
      if (result !== -ENOBUFS) this.#refused = true;
    }
  }

  /** Ends the receive, gives the ring back when the kernel uses our memory no more, then calls `closed`. */
  close(closed: () => void): void {
    const ring = this.#ring;
    ring.retire((lost) => {
      if (!lost) {
        // Nothing is under way: the next receive of whoever takes the ring would go to what is left of these.
        ring.takeBack(MOST);
        if (ring.submit() === 0 || ring.ready === 0 || ring.next() < 0) ring.spoil();
        this.#buffers.free();
      }
      closed();
    });
  }

  #use(buffer: number): void {
    this.#used++;
    if (buffer === this.#first + this.#run) {
      this.#run++;
      return;
    }
    this.#giveRun();
    this.#first = buffer;
    this.#run = 1;
  }

  #giveRun(): void {
    if (this.#run === 0) return;
    this.#ring.provide(this.#buffers.address(this.#first), this.#buffers.size, this.#run, this.#first);
    this.#run = 0;
    this.#pieces++;
  }

  /** Gives back what was read, and starts the receive again if it has ended. */
  #goOn(): void {
    this.#look();
    const free = this.#provided - this.#used - this.#ends;
    this.#giveRun();
    this.#used = 0;
    this.#pieces = 0;
    if (free < this.#provided / 2 && this.#provided < MOST) this.#provideMore();
    // Its end, for lack of buffers, comes after all that is held.
    const ended = this.#receiving && free < 0;
    if (ended) this.#replaced++;
    if (ended || !this.#receiving) this.#start();
    else this.#submit();
  }

  #provideMore(): void {
    this.#ring.provide(this.#buffers.address(this.#provided), this.#buffers.size, STEP, this.#provided);
    this.#provided += STEP;
  }

  #start(): void {
    this.#ring.receiveAll(this.#fd, this.#buffers.headerAddress);
    this.#receiving = this.#submit();
  }

  /** False when the kernel did not take all of it. */
  #submit(): boolean {
    if (this.#ring.submitAll()) return true;
    this.#refused = true;
    return false;
  }
}
