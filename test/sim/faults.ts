/** What goes wrong in a simulation: each seed draws which kinds of fault happen, and how often. */
import type { Random } from '../support/random.ts';

/** Kinds of fault, with how often each happens at the most: once in so many occasions. */
const KINDS = {
  // A system call fails that an administrator, a limit or a lack of memory can make fail.
  socket: 4,
  bind: 6,
  connect: 2,
  setsockopt: 8,
  'rcvbufforce refused': 1,
  // net.core.rmem_max is so low that the receive buffer has no room for a dump and an answer.
  'low rmem_max': 1,
  // The process lacks memory.
  'no memory': 60,
  getsockopt: 200,
  sendmsg: 50,
  epoll: 4,
  eventfd: 4,
  watch: 2,
  // A signal interrupts a call.
  'interrupted sendmsg': 8,
  'interrupted recvmmsg': 8,
  'interrupted enter': 8,
  // The kernel lacks memory for a message.
  'lost ack': 30,
  'lost reply': 30,
  // A reply is lost, and the ACK behind it says that all is well.
  'ack without reply': 30,
  'lost dump datagram': 20,
  // io_uring is not there, is refused later, or takes only a part.
  'no io_uring': 1,
  'io_uring setup': 3,
  'io_uring refused from now on': 60,
  'enter fails': 6,
  'enter takes a part': 6,
  'no buffers': 20,
  'slow worker': 2,
  // A receive of a ring ends, because the kernel has no memory for it.
  'receive fails': 12,
  // Another process has the processor for some milliseconds.
  'held up': 20,
  // What other processes, and the network, do.
  'foreign datagram': 12,
  // Another process fills the receive buffer: the answer to a request has no room.
  'foreign flood': 25,
  'burst of events': 20,
  'repeated entries': 6,
} as const;

export type FaultKind = keyof typeof KINDS;

export const FAULT_KINDS = Object.keys(KINDS) as readonly FaultKind[];

/**
 * Faults come in crowds: what lacks memory or descriptors once, lacks them again soon. One fault in CROWD starts a
 * crowd of LONGEST occasions at the most, in which faults are WORSE times as frequent.
 */
const CROWD = 8;
const LONGEST = 60;
const WORSE = 16;

/** How many happened, by kind. */
export type FaultCounts = Partial<Record<FaultKind, number>>;

export class Faults {
  readonly counts: FaultCounts = {};
  /** The errno of every system call that was made to fail: what a call may reject with. */
  readonly errnos = new Set<number>();
  readonly #random: Random;
  readonly #rates = new Map<FaultKind, number>();
  #stopped = false;
  /** Occasions that are still part of a crowd. */
  #crowd = 0;

  /**
   * A quarter of the seeds has no faults, a quarter one kind, a quarter some, a quarter all; none has those of
   * `without`.
   */
  constructor(random: Random, without: ReadonlySet<string> = new Set()) {
    this.#random = random;
    const style = random.below(4);
    const one = random.pick(FAULT_KINDS);
    for (const kind of FAULT_KINDS) {
      const there = style === 3 || (style === 2 && random.oneIn(4)) || (style === 1 && kind === one);
      // Drawn for each kind, so that the same seed gives the same rates.
      const rate = KINDS[kind] * random.pick([1, 2, 4, 16]);
      if (there && !without.has(kind)) this.#rates.set(kind, rate);
    }
  }

  get kinds(): FaultKind[] {
    return [...this.#rates.keys()];
  }

  /** Whether a fault of this kind happens now. */
  happens(kind: FaultKind): boolean {
    const rate = this.#rates.get(kind);
    if (rate === undefined || this.#stopped) return false;
    const crowded = this.#crowd > 0;
    if (crowded) this.#crowd--;
    if (!this.#random.oneIn(crowded ? Math.min(rate, Math.max(2, rate / WORSE)) : rate)) return false;
    if (!crowded && this.#random.oneIn(CROWD)) this.#crowd = this.#random.between(1, LONGEST);
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    return true;
  }

  /** The errno of a fault of this kind, or 0. */
  errno(kind: FaultKind, errnos: readonly number[]): number {
    if (!this.happens(kind)) return 0;
    const errno = this.#random.pick(errnos);
    this.errnos.add(errno);
    return errno;
  }

  /** None happens any more, until `resume`. */
  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    this.#stopped = false;
  }
}
