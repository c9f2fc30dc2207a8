/**
 * Sends and receives in a thread of the C library, for systems without io_uring: POSIX asynchronous I/O (aio.h), which
 * glibc has in libc itself since 2.34. Every runtime with foreign functions can use it, because nothing calls back into
 * JavaScript. Only what POSIX documents is used: the public members of struct aiocb, and aio_read(3), aio_write(3),
 * aio_error(3), aio_return(3) and aio_suspend(3).
 *
 * glibc does what is queued for one descriptor in its order, in one thread (see "Asynchronous I/O" in its manual). That
 * thread tries pread(2) and pwrite(2) first, which a socket refuses with ESPIPE, and then calls read(2) and write(2).
 * A failed operation does not cancel those behind it.
 *
 * **While anything is under way, the thread may write into the memory of the chain and of its operations, and use their
 * descriptor.** An operation is under way until aio_error no longer returns EINPROGRESS. So whoever queued operations
 * frees that memory and closes that descriptor in the callback of `retire`, and nowhere else.
 */
import { runtime } from '../../netlink/runtime.ts';
import { EINPROGRESS } from '../../uapi/errno.ts';
import type { Chain } from './chain.ts';
import type { AioFunctions, Calls } from './libc.ts';
import { AIOCB_BUF, AIOCB_FILDES, AIOCB_NBYTES, AIOCB_SIGEV_NOTIFY, AIOCB_SIZE, Memory, SIGEV_NONE } from './memory.ts';
import type { Outgoing } from './outgoing.ts';
import { disown, own } from './owned.ts';
import { DATAGRAM_SIZE, type ReceiveBuffers } from './receive-buffers.ts';

/** Operations that one chain takes. */
const ENTRIES = 32;
/** Bytes from one control block to the next: a C library with a larger struct aiocb still writes to its own block. */
const STRIDE = 256;
// What is behind the control blocks: a pointer to one of them, and a struct timespec.
const ONE = ENTRIES * STRIDE;
const TIMESPEC = ONE + 8;

/** Milliseconds between looks whether the last operations of a retired chain have ended. */
const RETIRING = 2;
/** Milliseconds of one wait when the process ends, and how many such waits there are at most. */
const LAST_WAIT = 100;
const LAST_WAITS = 50;

/** Chains with operations that were not seen to end. */
const working = new Set<AioChain>();
let watchesExit = false;

/** All operations are on one descriptor, which must be non-blocking: glibc keeps no order between descriptors. */
export class AioChain implements Chain {
  /** read(2) reports neither: the sender must be known, and a datagram that fills its buffer may have been cut. */
  readonly fillsHeaders = false;
  readonly #aio: AioFunctions;
  readonly #memory: Memory;
  /** Each control block by itself, as the functions take it. */
  readonly #blocks: readonly Uint8Array[];
  readonly #one: Uint8Array;
  readonly #timeout: Uint8Array;
  /** Whether each queued operation sends. */
  readonly #sends = new Uint8Array(ENTRIES);
  #queued = 0;
  #submitted = 0;
  /** Of those submitted, how many are known to have ended, and how many of these `next` has returned. */
  #ended = 0;
  #returned = 0;
  /** What aio_error returned for each that has ended. */
  readonly #errors = new Int32Array(ENTRIES);

  /**
   * @param milliseconds how long `wait` waits at most
   * @throws RangeError where there is no memory
   */
  constructor(libc: Calls, aio: AioFunctions, milliseconds: number) {
    const memory = new Memory(libc, TIMESPEC + 16);
    const { buffer } = memory.bytes;
    this.#aio = aio;
    this.#memory = memory;
    // aio_reqprio and aio_offset stay 0.
    this.#blocks = Array.from({ length: ENTRIES }, (_, at) => new Uint8Array(buffer, at * STRIDE, AIOCB_SIZE));
    this.#one = new Uint8Array(buffer, ONE, 8);
    this.#timeout = new Uint8Array(buffer, TIMESPEC, 16);
    for (let at = 0; at < ENTRIES; at++) memory.u32(at * STRIDE + AIOCB_SIGEV_NOTIFY, SIGEV_NONE);
    memory.u64(TIMESPEC + 8, BigInt(milliseconds * 1e6));
    if (watchesExit) return;
    watchesExit = true;
    runtime.onExit(quietAll);
  }

  /** How many chains the thread still works for. */
  static get working(): number {
    return working.size;
  }

  send(fd: number, outgoing: Outgoing): void {
    this.#queue(true, fd, outgoing.dataAddress, outgoing.length);
  }

  receive(fd: number, buffers: ReceiveBuffers, buffer: number): void {
    this.#queue(false, fd, buffers.dataAddress(buffer), DATAGRAM_SIZE);
  }

  #queue(sends: boolean, fd: number, address: bigint, length: number): void {
    if (this.#queued === ENTRIES) throw new RangeError(`a chain takes ${ENTRIES} operations`);
    const memory = this.#memory;
    const at = this.#queued++;
    const block = at * STRIDE;
    this.#sends[at] = sends ? 1 : 0;
    memory.u32(block + AIOCB_FILDES, fd);
    memory.u64(block + AIOCB_BUF, address);
    memory.size(block + AIOCB_NBYTES, length);
  }

  /**
   * Starts what was queued. All of the chain before it must have been returned by `next`.
   * @returns how many were started, from the first on: until the C library had no thread or no memory for one
   */
  submit(): number {
    const { aio_read, aio_write } = this.#aio;
    const count = this.#queued;
    this.#queued = this.#submitted = this.#ended = this.#returned = 0;
    // Before the first is started: the registry keeps all that the thread writes to.
    working.add(this);
    own(this);
    while (this.#submitted < count) {
      const queue = this.#sends[this.#submitted] === 1 ? aio_write : aio_read;
      if (queue(this.#blocks[this.#submitted]) < 0) break;
      this.#submitted++;
    }
    if (this.#submitted === 0) this.#forget();
    return this.#submitted;
  }

  /** How many operations `next` has still to return. While there are any, the thread may write to their memory. */
  get under(): number {
    return this.#submitted - this.#returned;
  }

  get ready(): number {
    const { aio_error } = this.#aio;
    while (this.#ended < this.#submitted) {
      const error = aio_error(this.#blocks[this.#ended]);
      if (error === EINPROGRESS) break;
      this.#errors[this.#ended++] = error;
    }
    return this.#ended - this.#returned;
  }

  /** To be called only while one is ready. */
  next(): number {
    const at = this.#returned++;
    // The lower half of a ssize_t: -1, or the length of a datagram. POSIX asks for this call after failures too.
    const result = this.#aio.aio_return(this.#blocks[at]);
    const error = this.#errors[at];
    if (this.under === 0) this.#forget();
    return error === 0 ? result : -error;
  }

  wait(count: number): void {
    const last = Math.min(this.#returned + count, this.#submitted) - 1;
    if (last < 0) return;
    this.#memory.u64(ONE, this.#memory.address(last * STRIDE));
    this.#aio.aio_suspend(this.#one, 1, this.#timeout);
  }

  retire(over: () => void): void {
    while (this.ready > 0) this.next();
    if (this.under > 0) {
      // The process may end meanwhile: see quietAll.
      runtime.setTimeout(() => this.retire(over), RETIRING, false);
      return;
    }
    over();
    this.#memory.free();
  }

  /** Waits until nothing is under way. */
  quiet(): void {
    this.#memory.u64(TIMESPEC + 8, BigInt(LAST_WAIT * 1e6));
    for (let waits = 0; this.under > 0 && waits < LAST_WAITS; waits++) {
      this.wait(this.under);
      while (this.ready > 0) this.next();
    }
  }

  #forget(): void {
    working.delete(this);
    disown(this);
  }
}

/** The process ends: the runtime gives its memory back, while the thread still works for it. */
function quietAll(): void {
  for (const chain of working) chain.quiet();
}
