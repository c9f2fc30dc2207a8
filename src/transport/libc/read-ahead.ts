/**
 * Receives a long dump ahead of who decodes it: io_uring lets a thread of the kernel's do the reads, on another processor, while JavaScript
 * decodes what they gave. Two thirds of a dump's time is spent in recvmsg, so that decoding comes to cost next to nothing.
 *
 * One chain of linked reads is under way at a time, so that they end in their order. After the last datagram of a dump the next read ends
 * with EAGAIN, which cancels the rest of the chain: nothing is left waiting. Needs Linux 6.6 and a machine whose administrator (or
 * container) allows io_uring; elsewhere the socket reads by itself.
 */
import type { Datagram } from '../../netlink/transport.ts';
import { ENOBUFS } from '../../uapi/errno.ts';
import * as uring from '../../uapi/io_uring.ts';
import { MSG_DONTWAIT, POLLIN } from '../../uapi/socket.ts';
import { failure } from './call.ts';
import type { Libc } from './libc.ts';
import { Memory, POLLFD_EVENTS, POLLFD_SIZE } from './memory.ts';
import { Slots } from './slots.ts';

/** Reads in a chain: some 5 ms of the kernel's work, half a megabyte. A power of two. */
const CHAIN = 16;
const PAGE = 4096;
/** Milliseconds that the event loop is kept for a datagram that has not come yet: only while a dump's filter lets nothing through. */
const PATIENCE = 4;
/** Milliseconds between looks whether the last reads of a closed socket are over. */
const CLOSING = 2;

/** The ring itself: one page for the queues, one for the entries, in memory of our own. */
class Ring {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #memory: Memory;
  /** Where they stand in it. */
  readonly #queues: number;
  readonly #entries: number;
  readonly #words: Int32Array;
  /** In words. */
  readonly #offsets: Readonly<Record<'sqTail' | 'cqHead' | 'cqTail' | 'cqes' | 'cqMask', number>>;

  /** @throws TransportError where there is no io_uring that can do it */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.#memory = new Memory(libc, 3 * PAGE);
    this.#queues = Number(-this.#memory.address() & BigInt(PAGE - 1));
    this.#entries = this.#queues + PAGE;
    const params = new Memory(libc, uring.IO_URING_PARAMS_SIZE);
    const { IO_URING_PARAMS_SQ_OFF: sq, IO_URING_PARAMS_CQ_OFF: cq } = uring;
    params.u32(uring.IO_URING_PARAMS_FLAGS, uring.IORING_SETUP_NO_MMAP | uring.IORING_SETUP_NO_SQARRAY);
    params.u64(sq + uring.IO_URING_OFF_USER_ADDR, this.#memory.address(this.#entries));
    params.u64(cq + uring.IO_URING_OFF_USER_ADDR, this.#memory.address(this.#queues));
    this.fd = libc.syscall(uring.SYS_io_uring_setup, CHAIN, params.address(), 0, 0, null, 0);
    if (this.fd < 0) throw failure(libc, 'io_uring_setup');
    const at = (offset: number): number => (this.#queues + params.getU32(offset)) / 4;
    this.#words = new Int32Array(this.#memory.bytes.buffer);
    this.#offsets = {
      sqTail: at(sq + uring.IO_URING_OFF_TAIL),
      cqHead: at(cq + uring.IO_URING_OFF_HEAD),
      cqTail: at(cq + uring.IO_URING_OFF_TAIL),
      cqes: at(cq + uring.IO_URING_CQ_OFF_CQES),
      cqMask: this.#words[at(cq + uring.IO_URING_OFF_MASK)],
    };
  }

  /** Reads from `fd` into these slots, one after the other. None may be under way. False: the kernel did not take them. */
  receive(fd: number, slots: Slots, first: number): boolean {
    const memory = this.#memory;
    for (let i = 0; i < CHAIN; i++) {
      // All entries are free whenever a chain starts, and it takes all of them: the tail comes to stand where it stood.
      const sqe = this.#entries + i * uring.IO_URING_SQE_SIZE;
      memory.view.setUint8(sqe, uring.IORING_OP_RECVMSG);
      memory.view.setUint8(sqe + 1, uring.IOSQE_ASYNC | (i < CHAIN - 1 ? uring.IOSQE_IO_LINK : 0));
      memory.u32(sqe + 4, fd);
      memory.u64(sqe + 16, slots.headerAddress(first + i));
      memory.u32(sqe + 24, 1);
      memory.u32(sqe + 28, MSG_DONTWAIT);
      memory.u64(sqe + 32, BigInt(first + i));
    }
    const { sqTail } = this.#offsets;
    Atomics.store(this.#words, sqTail, Atomics.load(this.#words, sqTail) + CHAIN);
    return this.#libc.syscall(uring.SYS_io_uring_enter, this.fd, BigInt(CHAIN), 0, 0, null, 0) === CHAIN;
  }

  /** How many reads are over that `next` has not given. */
  get ready(): number {
    const { cqHead, cqTail } = this.#offsets;
    return (Atomics.load(this.#words, cqTail) - this.#words[cqHead]) | 0;
  }

  /** What the next of them gave: a length, or a negative errno. */
  next(): number {
    const { cqHead, cqes, cqMask } = this.#offsets;
    const head = this.#words[cqHead];
    const result = this.#words[cqes + (head & cqMask) * (uring.IO_URING_CQE_SIZE / 4) + 2];
    Atomics.store(this.#words, cqHead, head + 1);
    return result;
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

export class ReadAhead {
  /** The receive buffer overran: told when all that came before it has been given. */
  overran = false;
  readonly #libc: Libc;
  readonly #ring: Ring;
  readonly #slots: Slots;
  readonly #poll: Memory;
  readonly #fd: number;
  /** The half of the slots that the chain reads into. */
  #half = 1;
  /** Reads of the chain whose end has not been seen. */
  #under = 0;
  /** Lengths by slot; from the slot `first` on, `count` of them came and were not handed on. */
  readonly #lengths = new Int32Array(2 * CHAIN);
  #first = 0;
  #count = 0;
  /** No further chain is to be started. */
  #ending = false;

  /** Begins to read. @throws TransportError where there is no io_uring */
  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#ring = new Ring(libc);
    this.#slots = new Slots(libc, 2 * CHAIN);
    this.#poll = new Memory(libc, POLLFD_SIZE);
    this.#poll.u32(0, this.#ring.fd);
    this.#poll.u16(POLLFD_EVENTS, POLLIN);
    this.#start();
  }

  /** The socket was read empty, and everything has been handed on. */
  get drained(): boolean {
    return this.#ending && this.#under === 0 && this.#count === 0;
  }

  /** The next datagram; undefined when none came for some milliseconds, or when `drained`. */
  receive(): Datagram | undefined {
    this.#collect();
    if (this.#count === 0) {
      if (this.#under === 0) return undefined;
      this.#libc.poll(this.#poll.bytes, 1, PATIENCE);
      this.#collect();
      if (this.#count === 0) return undefined;
    }
    const slot = this.#first;
    this.#first = (slot + 1) % (2 * CHAIN);
    this.#count--;
    return this.#slots.datagram(slot, this.#lengths[slot]);
  }

  /** Closes the ring when the kernel writes into our memory no more, then calls `closed`. */
  close(closed: () => void): void {
    this.#ending = true;
    this.#collect();
    if (this.#under > 0) {
      setTimeout(() => this.close(closed), CLOSING);
      return;
    }
    this.#ring.close();
    closed();
  }

  /** Takes the ends that are there, and starts the next chain before anybody decodes what they gave. */
  #collect(): void {
    for (let ready = this.#ring.ready; ready > 0; ready--) {
      const result = this.#ring.next();
      const slot = this.#half * CHAIN + CHAIN - this.#under;
      this.#under--;
      if (result >= 0) {
        this.#lengths[slot] = result;
        this.#count++;
      } else {
        // EAGAIN: that was all. The reads after it were cancelled. What else there may be, who reads directly is told again.
        this.#ending = true;
        if (result === -ENOBUFS) this.overran = true;
      }
    }
    // The other half is free when no more is left than what came into this one.
    if (this.#under === 0 && !this.#ending && this.#count <= CHAIN) this.#start();
  }

  #start(): void {
    this.#half ^= 1;
    if (this.#ring.receive(this.#fd, this.#slots, this.#half * CHAIN)) this.#under = CHAIN;
    else this.#ending = true;
  }
}
