/**
 * An io_uring whose queues are in memory of our own. Needs Linux 6.6 (6.10 where they take more than a page each), and
 * an administrator (or container) that allows io_uring.
 *
 * **While anything is under way, the kernel may write into the memory of the ring and of its entries, and use their
 * descriptors.** So whoever wrote entries frees that memory and closes those descriptors in the callback of `retire`,
 * which is called when the kernel has reported the last end, and nowhere else. A ring itself is never freed, nor is
 * memory that was lent to one that had to be closed.
 */
import { HOST_LITTLE_ENDIAN } from '../../../netlink/byteorder.ts';
import { errnoName, TransportError } from '../../../netlink/errors.ts';
import { runtime } from '../../../netlink/runtime.ts';
import { EACCES, EINTR, EINVAL, EMFILE, ENOSYS, EPERM } from '../../../uapi/errno.ts';
import * as uring from '../../../uapi/io_uring.ts';
import { MSG_DONTWAIT, POLLIN } from '../../../uapi/socket.ts';
import { failure } from '../call.ts';
import type { Chain } from '../chain.ts';
import type { Libc } from '../libc.ts';
import { allocateAll, type Memory } from '../memory.ts';
import type { Outgoing } from '../outgoing.ts';
import { own } from '../owned.ts';
import type { ReceiveBuffers } from '../receive-buffers.ts';

const PAGE = 4096;
/** All that are written between two `submit`. */
const ENTRIES = 32;
/** Ends that have room; the kernel keeps others until then, which costs it. */
const ENDS = 2 * ENTRIES;

const TIMESPEC = uring.IO_URING_GETEVENTS_ARG_SIZE;

/** Bytes of an entry. */
const SQE_PRIORITY = 2;
const SQE_FD = 4;
const SQE_OFFSET = 8;
const SQE_ADDRESS = 16;
const SQE_LENGTH = 24;
const SQE_OPERATION_FLAGS = 28;
const SQE_USER_DATA = 32;
/** Of an end, in words: user_data, of whose two words one is used. */
const USER_DATA = HOST_LITTLE_ENDIAN ? 0 : 1;

/** In user_data: the kernel does not report a good end, and nobody waits for a bad one. */
const SILENT = 1;

/** Milliseconds between looks whether the last operations of a retired ring are over. */
const RETIRING = 2;
/**
 * A ring that cannot be cancelled after so many of them is closed: a lack of memory is over by then, a profile of
 * seccomp is not.
 */
const MOST_REFUSALS = 25;
/** Milliseconds of one wait when the process ends, and how many such waits there are at the most. */
const LAST_WAIT = 100;
const LAST_WAITS = 50;

/** What io_uring_setup says before it has looked at the memory. */
const EARLY: ReadonlySet<number> = new Set([EPERM, ENOSYS, EINVAL]);

/** What io_uring_enter returns where it is not allowed, and will not be: seccomp, a security module, another kernel. */
const FORBIDDEN: ReadonlySet<number> = new Set([EPERM, EACCES, ENOSYS]);

/** With which of these it was refused once. Such a process makes no more rings. */
const forbidden = new WeakMap<Libc, number>();

/** All that were ever made. */
const all: Ring[] = [];

/** Each has a descriptor for as long as the process lives. More at once gain nothing: sockets do without one. */
const MOST = 64;

/** The rings of a binding. */
interface Rings {
  /** How many were ever made. */
  made: number;
  /** Those that nobody uses. */
  readonly idle: Ring[];
}

/**
 * Some time after a ring was closed, and without a notice, the
 * kernel writes into its memory once more, which would be somebody else's by then (seen on 6.18: the tail of the
 * completions, and a flag). So none is closed: there are as many as were in use at once, up to a limit.
 */
const rings = new WeakMap<Libc, Rings>();

function ringsOf(libc: Libc): Rings {
  let known = rings.get(libc);
  if (known === undefined) {
    known = { made: 0, idle: [] };
    rings.set(libc, known);
  }
  return known;
}

export class Ring implements Chain {
  readonly fillsHeaders = true;
  readonly #libc: Libc;
  readonly #ends: number;
  readonly #fd: number;
  readonly #memory: Memory;
  readonly #words: Int32Array;
  /** The offset of the entries in the memory. */
  readonly #entries: number;
  /** Where the rest does, in words. */
  readonly #sqTail: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqes: number;
  readonly #cqMask: number;
  /** How long to wait: struct io_uring_getevents_arg and, behind it, struct __kernel_timespec. */
  readonly #patience: Memory;
  /** Entries written and not submitted, and whether the kernel reports the good end of each. */
  #written = 0;
  readonly #told = new Uint8Array(ENTRIES);
  #under = 0;
  /** Something of it does not end by itself. */
  #endless = false;
  #spoiled = false;
  /** How often in a row the kernel refused to cancel. */
  #refusals = 0;

  /**
   * A ring with nothing under way.
   * @param milliseconds how long `wait` waits at the most
   * @param ends how many have room until they are taken, a power of 2
   * @throws TransportError where there is no io_uring that can do it, or this process may not use it
   */
  static take(libc: Libc, milliseconds = 0, ends = ENDS): Ring {
    const errno = forbidden.get(libc);
    if (errno !== undefined) throw new TransportError('io_uring_enter', errno, errnoName(errno));
    const { made, idle } = ringsOf(libc);
    const at = idle.findIndex((each) => each.#ends === ends);
    if (at < 0 && made >= MOST)
      throw new TransportError('io_uring_setup', EMFILE, `${errnoName(EMFILE)}: there are ${MOST} rings`);
    const ring = at < 0 ? new Ring(libc, ends) : idle.splice(at, 1)[0];
    ring.#endless = false;
    ring.#patience.u64(TIMESPEC + 8, BigInt(milliseconds * 1e6));
    return ring;
  }

  /** The kernel has refused io_uring_enter to this process: `take` throws from then on. */
  static isForbidden(libc: Libc): boolean {
    return forbidden.has(libc);
  }

  private constructor(libc: Libc, ends: number) {
    this.#libc = libc;
    this.#ends = ends;
    // The queue of ends follows a header and the index of entries.
    const size = Math.ceil((ends * uring.IO_URING_CQE_SIZE + 1024) / PAGE) * PAGE;
    const [memory, params, patience] = allocateAll(libc, size + 2 * PAGE, uring.IO_URING_PARAMS_SIZE, TIMESPEC + 16);
    const queues = Number(-memory.address() & BigInt(PAGE - 1));
    this.#memory = memory;
    this.#words = new Int32Array(memory.bytes.buffer);
    this.#entries = queues + size;
    const { IO_URING_PARAMS_SQ_OFF: sq, IO_URING_PARAMS_CQ_OFF: cq } = uring;
    params.u32(
      uring.IO_URING_PARAMS_FLAGS,
      uring.IORING_SETUP_NO_MMAP | uring.IORING_SETUP_NO_SQARRAY | uring.IORING_SETUP_CQSIZE,
    );
    params.u32(uring.IO_URING_PARAMS_CQ_ENTRIES, ends);
    params.u64(sq + uring.IO_URING_OFF_USER_ADDR, memory.address(this.#entries));
    params.u64(cq + uring.IO_URING_OFF_USER_ADDR, memory.address(queues));
    this.#fd = libc.syscall(uring.SYS_io_uring_setup, ENTRIES, params.address(), 0, 0, null, 0);
    if (this.#fd < 0) {
      const error = failure(libc, 'io_uring_setup');
      params.free();
      patience.free();
      // Where it failed late, for lack of a descriptor or of memory, there was a ring, which is closed: see `rings`.
      if (EARLY.has(error.errno)) memory.free();
      throw error;
    }
    const at = (offset: number): number => (queues + params.getU32(offset)) / 4;
    this.#sqTail = at(sq + uring.IO_URING_OFF_TAIL);
    this.#cqHead = at(cq + uring.IO_URING_OFF_HEAD);
    this.#cqTail = at(cq + uring.IO_URING_OFF_TAIL);
    this.#cqes = at(cq + uring.IO_URING_CQ_OFF_CQES);
    this.#cqMask = this.#words[at(cq + uring.IO_URING_OFF_MASK)];
    patience.u64(uring.IO_URING_GETEVENTS_ARG_TS, patience.address(TIMESPEC));
    this.#patience = patience;
    params.free();
    // With its memory and its descriptor, and what it still has to report.
    own(this);
    ringsOf(libc).made++;
    if (all.push(this) === 1) runtime.onExit(quietAll);
  }

  /** What comes next in the chain begins when this has ended, and is cancelled when this fails. */
  send(fd: number, outgoing: Outgoing): void {
    const flags = uring.IOSQE_ASYNC | uring.IOSQE_IO_LINK;
    this.#entry(uring.IORING_OP_SENDMSG, flags, fd, outgoing.headerAddress, 1, 0);
  }

  /** The same, except for the last. */
  receive(fd: number, buffers: ReceiveBuffers, buffer: number, last: boolean): void {
    const flags = uring.IOSQE_ASYNC | (last ? 0 : uring.IOSQE_IO_LINK);
    this.#entry(uring.IORING_OP_RECVMSG, flags, fd, buffers.headerAddress(buffer), 1, MSG_DONTWAIT);
  }

  /** Waits until `fd` is readable, then writes the byte at this address to `to`. */
  writeWhenReadable(fd: number, to: number, byte: bigint): void {
    this.#endless = true;
    this.#entry(uring.IORING_OP_POLL_ADD, uring.IOSQE_IO_LINK, fd, 0n, 0, POLLIN);
    this.#entry(uring.IORING_OP_WRITE, 0, to, byte, 1, 0);
  }

  /** Ends all that is under way; what is already over stays so. */
  cancelAll(): void {
    const flags = uring.IORING_ASYNC_CANCEL_ALL | uring.IORING_ASYNC_CANCEL_ANY;
    this.#entry(uring.IORING_OP_ASYNC_CANCEL, 0, -1, 0n, 0, flags);
  }

  /** Readable while an end is ready. */
  get fd(): number {
    return this.#fd;
  }

  /** Buffers for `receiveAll`: `count` of `size` bytes each from this address on, whose numbers begin with `first`. */
  provide(address: bigint, size: number, count: number, first: number): void {
    const sqe = this.#entry(uring.IORING_OP_PROVIDE_BUFFERS, uring.IOSQE_CQE_SKIP_SUCCESS, count, address, size, 0);
    this.#memory.u64(sqe + SQE_OFFSET, BigInt(first));
    this.#memory.size(sqe + SQE_USER_DATA, SILENT);
    this.#told[this.#written - 1] = 0;
  }

  /**
   * Receives every datagram of `fd` into a buffer of its own until there is none left; the msghdr says how much room
   * there is for an address.
   */
  receiveAll(fd: number, msghdr: bigint): void {
    this.#endless = true;
    const sqe = this.#entry(uring.IORING_OP_RECVMSG, uring.IOSQE_BUFFER_SELECT, fd, msghdr, 1, 0);
    this.#memory.u16(sqe + SQE_PRIORITY, uring.IORING_RECV_MULTISHOT);
  }

  /** Takes back up to so many of those buffers. */
  takeBack(buffers: number): void {
    this.#entry(uring.IORING_OP_REMOVE_BUFFERS, 0, buffers, 0n, 0, 0);
  }

  #entry(opcode: number, flags: number, fd: number, address: bigint, length: number, ofOpcode: number): number {
    const memory = this.#memory;
    // Not %, which is negative for a tail above 2^31: the words are signed.
    const sqe = this.#entries + (this.#tail & (ENTRIES - 1)) * uring.IO_URING_SQE_SIZE;
    memory.view.setUint8(sqe, opcode);
    memory.view.setUint8(sqe + 1, flags);
    memory.u16(sqe + SQE_PRIORITY, 0);
    memory.u32(sqe + SQE_FD, fd);
    memory.u64(sqe + SQE_OFFSET, 0n);
    memory.u64(sqe + SQE_ADDRESS, address);
    memory.u32(sqe + SQE_LENGTH, length);
    memory.u32(sqe + SQE_OPERATION_FLAGS, ofOpcode);
    memory.size(sqe + SQE_USER_DATA, 0);
    this.#told[this.#written++] = 1;
    return sqe;
  }

  /**
   * Starts what was written, in its order, as far as the kernel takes it at once. The rest is taken back: it would be
   * started together with what comes next, and what it was linked to ends with what was taken.
   * @returns how many entries were taken: fewer where the kernel lacks memory, or a profile of seccomp refuses
   * io_uring_enter
   */
  submit(): number {
    const count = this.#written;
    const tail = this.#tail;
    Atomics.store(this.#words, this.#sqTail, tail);
    this.#written = 0;
    let taken: number;
    do taken = this.#libc.syscall(uring.SYS_io_uring_enter, this.#fd, BigInt(count), 0, 0, null, 0);
    while (taken < 0 && this.#libc.errno() === EINTR);
    if (taken < 0) {
      const errno = this.#libc.errno();
      if (FORBIDDEN.has(errno)) forbidden.set(this.#libc, errno);
      taken = 0;
    }
    if (taken < count) Atomics.store(this.#words, this.#sqTail, (tail - (count - taken)) | 0);
    for (let at = 0; at < taken; at++) this.#under += this.#told[at];
    return taken;
  }

  /** The same; false when the kernel did not take all. */
  submitAll(): boolean {
    const count = this.#written;
    return this.submit() === count;
  }

  /**
   * How many `next` has still to give. While there are any, the kernel may write into the memory of the ring and of its
   * entries.
   */
  get under(): number {
    return this.#under;
  }

  /** How many are over that `next` has not given. */
  get ready(): number {
    return (Atomics.load(this.#words, this.#cqTail) - this.#words[this.#cqHead]) | 0;
  }

  /** How the next of them ended: a length, or a negative errno. */
  next(): number {
    const result = this.#words[this.#nextEnd + 2];
    if (!this.isSilent && !this.hasMore) this.#under--;
    Atomics.store(this.#words, this.#cqHead, this.#words[this.#cqHead] + 1);
    return result;
  }

  /** The next end belongs to an entry whose good end is not reported: buffers that the kernel did not take. */
  get isSilent(): boolean {
    return this.#words[this.#nextEnd + USER_DATA] === SILENT;
  }

  /** The entry of the next of them will end again. */
  get hasMore(): boolean {
    return (this.#words[this.#nextEnd + 3] & uring.IORING_CQE_F_MORE) !== 0;
  }

  /** The number of the buffer that the next of them has filled. */
  get buffer(): number {
    return this.#words[this.#nextEnd + 3] >>> uring.IORING_CQE_BUFFER_SHIFT;
  }

  /** The index of the next end, in words: user_data (its lower half is used), the result, flags. */
  get #nextEnd(): number {
    return this.#cqes + (this.#words[this.#cqHead] & this.#cqMask) * (uring.IO_URING_CQE_SIZE / 4);
  }

  /** Waits until so many are ready: one wake-up for several. */
  wait(count: number): void {
    const { IORING_ENTER_GETEVENTS, IORING_ENTER_EXT_ARG, IO_URING_GETEVENTS_ARG_SIZE } = uring;
    const flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    const { bytes } = this.#patience;
    this.#libc.syscall(uring.SYS_io_uring_enter, this.#fd, 0n, count, flags, bytes, IO_URING_GETEVENTS_ARG_SIZE);
  }

  /**
   * Takes the ends that are still to come, then calls `over` and gives the ring to whoever takes one next. What does
   * not end by itself is cancelled. Where the kernel refuses that again and again, the ring is closed, which ends all
   * of it at an unknown time: then `over` is called with `lost`. It must not free memory that was lent to the ring, and
   * may close descriptors that the kernel had begun to use, because the kernel holds what they refer to. To be called
   * last.
   */
  retire(over: (lost: boolean) => void): void {
    this.#takeEnds();
    if (this.#under > 0 && this.#endless) {
      if (!this.#cancelled()) {
        this.#libc.close(this.#fd);
        this.#under = 0;
        over(true);
        return;
      }
      // Mostly it is over with that: the next who takes a ring gets this one, and not another.
      this.#takeEnds();
    }
    if (this.#under === 0) {
      over(false);
      // For whoever takes a ring next.
      if (!this.#spoiled) ringsOf(this.#libc).idle.push(this);
      return;
    }
    // The process may end meanwhile: see quietAll.
    runtime.setTimeout(() => this.retire(over), RETIRING, false);
  }

  #takeEnds(): void {
    while (this.ready > 0) this.next();
  }

  /** Cancels all that is under way; false when the kernel has refused that too often. */
  #cancelled(): boolean {
    this.#written = 0;
    this.cancelAll();
    this.#refusals = this.submitAll() ? 0 : this.#refusals + 1;
    return this.#refusals < MOST_REFUSALS;
  }

  /** Nobody takes it again: it has buffers of somebody's, which the next receive of whoever takes it would write to. */
  spoil(): void {
    this.#spoiled = true;
  }

  /** Waits until nothing is under way. What is to be sent is sent: chains end by themselves. */
  quiet(): void {
    for (let waits = 0; this.#under > 0 && waits < LAST_WAITS; waits++) {
      this.#written = 0;
      if (this.#endless) {
        this.cancelAll();
        this.submit();
      }
      this.#patience.u64(TIMESPEC + 8, BigInt(LAST_WAIT * 1e6));
      this.wait(1);
      while (this.ready > 0) this.next();
    }
  }

  get #tail(): number {
    return (this.#words[this.#sqTail] + this.#written) | 0;
  }
}

/** The process ends: the runtime gives its memory back, while threads of the kernel's still work for it. */
function quietAll(): void {
  for (const ring of all) ring.quiet();
}
