/**
 * Sends and receives in a thread of the C library, for systems without io_uring: POSIX asynchronous I/O (aio.h), which glibc has in libc itself
 * since 2.34. Every runtime with foreign functions can use it: nothing calls back into JavaScript, and each result with its errno is in memory.
 *
 * glibc does what is queued for one descriptor in its order, in one thread (see "Asynchronous I/O" in its manual). That thread tries pread(2) and
 * pwrite(2) first, which a socket refuses with ESPIPE, and then calls read(2) and write(2). Measured on Linux 6.18 with Node.js 26: a dump of a
 * million flows takes 0.58 of the time of nfct_query this way, 0.84 without it and 0.63 by io_uring, for no more processor time than without it.
 *
 * **While anything is under way, the thread may write into the memory of the chain and of its operations, and use their descriptor.** So whoever
 * queued operations frees that memory and closes that descriptor in the callback of `retire`, and nowhere else.
 */
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import { errnoName, TransportError } from '../../netlink/errors.ts';
import { runtime } from '../../netlink/runtime.ts';
import { EAGAIN, ENOSYS } from '../../uapi/errno.ts';
import type { Calls, CType } from './libc.ts';
import { Memory } from './memory.ts';
import { disown, own } from './owned.ts';

/**
 * Parameters of each function; all give an i32. `connect` is for read(2), which does not say who sent a datagram: a socket that is connected to the
 * kernel (nl_pid 0) takes none from anybody else. Only glibc has the last one, which nobody calls: musl exports the others too, but starts a thread
 * for each operation and keeps no order between reads.
 */
export const AIO_FUNCTIONS = {
  lio_listio: ['i32', 'pointer', 'i32', 'pointer'],
  aio_error: ['pointer'],
  aio_suspend: ['pointer', 'i32', 'pointer'],
  connect: ['i32', 'pointer', 'u32'],
  gnu_get_libc_version: [],
} as const satisfies Readonly<Record<string, readonly CType[]>>;

export interface AioFunctions {
  lio_listio(mode: number, list: Uint8Array, count: number, event: null): number;
  aio_error(block: Uint8Array): number;
  aio_suspend(list: Uint8Array, count: number, timeout: Uint8Array): number;
  connect(fd: number, address: Uint8Array, length: number): number;
}

// struct aiocb of glibc on 64-bit machines: what is public, then the two internal members that aio_error and aio_return read.
const AIOCB_SIZE = 168;
const AIOCB_FILDES = 0;
const AIOCB_LIO_OPCODE = 4;
const AIOCB_BUF = 16;
const AIOCB_NBYTES = 24;
const AIOCB_SIGEV_NOTIFY = 44;
const AIOCB_ERROR_CODE = 112;
const AIOCB_RETURN_VALUE = 120;

const LIO_READ = 0;
const LIO_WRITE = 1;
const LIO_NOWAIT = 1;
const SIGEV_NONE = 1;
/** asm-generic/errno.h */
const EINPROGRESS = 115;

/** Operations that one chain takes. */
const ENTRIES = 32;
// What is behind the control blocks: pointers to all of them, a pointer to one, and a struct timespec.
const LIST = ENTRIES * AIOCB_SIZE;
const ONE = LIST + ENTRIES * 8;
const TIMESPEC = ONE + 8;

/** Milliseconds between looks whether the last operations of a retired chain have ended. */
const RETIRING = 2;
/** Milliseconds of one wait when the process ends, and how many such waits there are at most. */
const LAST_WAIT = 100;
const LAST_WAITS = 50;

/** Chains with operations that were not seen to end. */
const working = new Set<AioChain>();
let watchesExit = false;

/**
 * Operations that are submitted together and end in their order. All are on one descriptor, which must be non-blocking: glibc keeps no order
 * between descriptors.
 */
export class AioChain {
  readonly #aio: AioFunctions;
  readonly #memory: Memory;
  readonly #words: Int32Array;
  /** Each control block by itself, as aio_error takes it. */
  readonly #blocks: readonly Uint8Array[];
  readonly #list: Uint8Array;
  readonly #one: Uint8Array;
  readonly #timeout: Uint8Array;
  #queued = 0;
  #submitted = 0;
  /** Of those submitted, how many are known to have ended, and how many of these `next` has returned. */
  #ended = 0;
  #returned = 0;

  /**
   * @param aio undefined where the C library does not have the functions
   * @param milliseconds how long `wait` waits at most
   * @throws TransportError ENOSYS without the functions, RangeError where there is no memory
   */
  constructor(libc: Calls, aio: AioFunctions | undefined, milliseconds: number) {
    if (aio === undefined) throw new TransportError('lio_listio', ENOSYS, errnoName(ENOSYS));
    const memory = new Memory(libc, TIMESPEC + 16);
    const { buffer } = memory.bytes;
    this.#aio = aio;
    this.#memory = memory;
    this.#words = new Int32Array(buffer);
    this.#blocks = Array.from({ length: ENTRIES }, (_, at) => new Uint8Array(buffer, at * AIOCB_SIZE, AIOCB_SIZE));
    this.#list = new Uint8Array(buffer, LIST, ENTRIES * 8);
    this.#one = new Uint8Array(buffer, ONE, 8);
    this.#timeout = new Uint8Array(buffer, TIMESPEC, 16);
    for (let at = 0; at < ENTRIES; at++) {
      memory.u64(LIST + at * 8, memory.address(at * AIOCB_SIZE));
      memory.u32(at * AIOCB_SIZE + AIOCB_SIGEV_NOTIFY, SIGEV_NONE);
    }
    memory.u64(TIMESPEC + 8, BigInt(milliseconds * 1e6));
    if (watchesExit) return;
    watchesExit = true;
    runtime.onExit(quietAll);
  }

  /** How many chains the thread still works for. */
  static get working(): number {
    return working.size;
  }

  /** Queues the sending of a datagram: `length` bytes of this memory, from `at` on. */
  send(fd: number, memory: Memory, at: number, length: number): void {
    this.#queue(LIO_WRITE, fd, memory, at, length);
  }

  /** Queues the receiving of a datagram into `length` bytes of this memory, from `at` on. It ends with -EAGAIN when none is there by then. */
  receive(fd: number, memory: Memory, at: number, length: number): void {
    this.#queue(LIO_READ, fd, memory, at, length);
  }

  #queue(opcode: number, fd: number, memory: Memory, at: number, length: number): void {
    if (this.#queued === ENTRIES) throw new RangeError(`a chain takes ${ENTRIES} operations`);
    const own = this.#memory;
    const block = this.#queued++ * AIOCB_SIZE;
    own.u32(block + AIOCB_FILDES, fd);
    own.u32(block + AIOCB_LIO_OPCODE, opcode);
    own.u64(block + AIOCB_BUF, memory.address(at));
    own.size(block + AIOCB_NBYTES, length);
    // What these stay when glibc has no memory to queue the operation.
    own.u32(block + AIOCB_ERROR_CODE, EAGAIN);
    own.u64(block + AIOCB_RETURN_VALUE, 0n);
  }

  /**
   * Starts what was queued. All of the chain before it must have been returned by `next`.
   * @returns how many were started, from the first on: none where no thread or no memory could be had, and then the caller does all by itself. Where
   *   glibc started some behind one that it did not start, all count, and that one ends with -EAGAIN.
   */
  submit(): number {
    const count = this.#queued;
    this.#queued = this.#ended = this.#returned = 0;
    this.#submitted = count;
    if (this.#aio.lio_listio(LIO_NOWAIT, this.#list, count, null) < 0) {
      let last = count;
      while (last > 0 && !this.#wasStarted(last - 1)) last--;
      this.#submitted = last;
    }
    if (this.#submitted === 0) return 0;
    working.add(this);
    own(this);
    return this.#submitted;
  }

  /** How many operations have to be returned by `next`. While there are any, the thread may write to their memory. */
  get under(): number {
    return this.#submitted - this.#returned;
  }

  /** How many of them have ended. */
  get ready(): number {
    const before = this.#ended;
    while (this.#ended < this.#submitted && this.#errno(this.#ended) !== EINPROGRESS) this.#ended++;
    // It takes the mutex under which the thread has written this errno, which makes all visible that the thread wrote before.
    if (this.#ended > before) this.#aio.aio_error(this.#blocks[this.#ended - 1]);
    return this.#ended - this.#returned;
  }

  /** How the next of them ended: a length, or a negative errno. To be called only while one is ready. */
  next(): number {
    const at = this.#returned++;
    const errno = this.#errno(at);
    const result = errno === 0 ? this.#length(at) : -errno;
    if (this.under === 0) this.#forget();
    return result;
  }

  /** Waits until so many operations are ready that `next` has not returned. */
  wait(count: number): void {
    const last = Math.min(this.#returned + count, this.#submitted) - 1;
    if (last < 0) return;
    this.#memory.u64(ONE, this.#memory.address(last * AIOCB_SIZE));
    this.#aio.aio_suspend(this.#one, 1, this.#timeout);
  }

  /** Takes the ends that are still to come, then calls `over` and gives the memory back. To be called last. */
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

  #errno(at: number): number {
    return Atomics.load(this.#words, (at * AIOCB_SIZE + AIOCB_ERROR_CODE) / 4);
  }

  /** The lower half of a ssize_t: 0 until the end, then a length or -1. */
  #length(at: number): number {
    const low = (at * AIOCB_SIZE + AIOCB_RETURN_VALUE) / 4 + (HOST_LITTLE_ENDIAN ? 0 : 1);
    return Atomics.load(this.#words, low);
  }

  /** What was not started has an errno, but not the -1 that the thread leaves beside one. */
  #wasStarted(at: number): boolean {
    const errno = this.#errno(at);
    return errno === EINPROGRESS || errno === 0 || this.#length(at) !== 0;
  }
}

/** The process ends: the runtime gives its memory back, while the thread still works for it. */
function quietAll(): void {
  for (const chain of working) chain.quiet();
}
