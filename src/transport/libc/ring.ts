/**
 * An io_uring whose queues stand in memory of our own. Needs Linux 6.6 (6.10 where they take more than a page each), and an administrator (or
 * container) that allows io_uring.
 */
import { EINTR } from '../../uapi/errno.ts';
import * as uring from '../../uapi/io_uring.ts';
import { MSG_DONTWAIT, POLLIN } from '../../uapi/socket.ts';
import { failure } from './call.ts';
import type { Libc } from './libc.ts';
import { Memory } from './memory.ts';

const PAGE = 4096;
/** All that are written between two `submit`. */
const ENTRIES = 32;
/** Ends that have room; the kernel keeps others until then, which costs it. */
const ENDS = 2 * ENTRIES;

const TIMESPEC = uring.IO_URING_GETEVENTS_ARG_SIZE;

/**
 * Rings that nobody uses. Some time after a ring was closed, and it tells nobody when, the kernel writes into its memory once more, which would
 * be somebody else's by then (seen on 6.18: the tail of the completions, and a flag). So none is closed: there are as many as were in use at once.
 */
const idle: Ring[] = [];

export class Ring {
  readonly #libc: Libc;
  readonly #ends: number;
  readonly #fd: number;
  readonly #memory: Memory;
  readonly #words: Int32Array;
  /** Where the entries stand in the memory. */
  readonly #entries: number;
  /** Where the rest does, in words. */
  readonly #sqTail: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqes: number;
  readonly #cqMask: number;
  /** How long to wait: struct io_uring_getevents_arg and, behind it, struct __kernel_timespec. */
  readonly #patience: Memory;
  /** Entries written and not submitted. */
  #written = 0;
  /** Those of them whose good end is not told. */
  #silent = 0;
  #under = 0;

  /**
   * A ring with nothing under way.
   * @param milliseconds how long `wait` waits at the most
   * @param ends how many have room until they are taken, a power of 2
   * @throws TransportError where there is no io_uring that can do it
   */
  static take(libc: Libc, milliseconds = 0, ends = ENDS): Ring {
    const at = idle.findIndex((each) => each.#libc === libc && each.#ends === ends);
    const ring = at < 0 ? new Ring(libc, ends) : idle.splice(at, 1)[0];
    ring.#patience.u64(TIMESPEC + 8, BigInt(milliseconds * 1e6));
    return ring;
  }

  private constructor(libc: Libc, ends: number) {
    this.#libc = libc;
    this.#ends = ends;
    // The queue of ends stands behind a header and the index of entries.
    const size = Math.ceil((ends * uring.IO_URING_CQE_SIZE + 1024) / PAGE) * PAGE;
    const memory = new Memory(libc, size + 2 * PAGE);
    const queues = Number(-memory.address() & BigInt(PAGE - 1));
    this.#memory = memory;
    this.#words = new Int32Array(memory.bytes.buffer);
    this.#entries = queues + size;
    const params = new Memory(libc, uring.IO_URING_PARAMS_SIZE);
    const { IO_URING_PARAMS_SQ_OFF: sq, IO_URING_PARAMS_CQ_OFF: cq } = uring;
    params.u32(
      uring.IO_URING_PARAMS_FLAGS,
      uring.IORING_SETUP_NO_MMAP | uring.IORING_SETUP_NO_SQARRAY | uring.IORING_SETUP_CQSIZE,
    );
    params.u32(uring.IO_URING_PARAMS_CQ_ENTRIES, ends);
    params.u64(sq + uring.IO_URING_OFF_USER_ADDR, memory.address(this.#entries));
    params.u64(cq + uring.IO_URING_OFF_USER_ADDR, memory.address(queues));
    this.#fd = libc.syscall(uring.SYS_io_uring_setup, ENTRIES, params.address(), 0, 0, null, 0);
    if (this.#fd < 0) throw failure(libc, 'io_uring_setup');
    const at = (offset: number): number => (queues + params.getU32(offset)) / 4;
    this.#sqTail = at(sq + uring.IO_URING_OFF_TAIL);
    this.#cqHead = at(cq + uring.IO_URING_OFF_HEAD);
    this.#cqTail = at(cq + uring.IO_URING_OFF_TAIL);
    this.#cqes = at(cq + uring.IO_URING_CQ_OFF_CQES);
    this.#cqMask = this.#words[at(cq + uring.IO_URING_OFF_MASK)];
    this.#patience = new Memory(libc, TIMESPEC + 16);
    this.#patience.u64(uring.IO_URING_GETEVENTS_ARG_TS, this.#patience.address(TIMESPEC));
  }

  /** One more message to send or receive on `fd`, by the msghdr at this address, in a thread of the kernel's, after the one before it. */
  message(operation: 'send' | 'receive', fd: number, msghdr: bigint, last: boolean): void {
    const flags = uring.IOSQE_ASYNC | (last ? 0 : uring.IOSQE_IO_LINK);
    if (operation === 'send') this.#entry(uring.IORING_OP_SENDMSG, flags, fd, msghdr, 1, 0);
    else this.#entry(uring.IORING_OP_RECVMSG, flags, fd, msghdr, 1, MSG_DONTWAIT);
  }

  /** Waits until `fd` is readable, then writes the byte at this address to `to`. */
  writeWhenReadable(fd: number, to: number, byte: bigint): void {
    this.#entry(uring.IORING_OP_POLL_ADD, uring.IOSQE_IO_LINK, fd, 0n, 0, POLLIN);
    this.#entry(uring.IORING_OP_WRITE, 0, to, byte, 1, 0);
  }

  /** Ends such a wait; what is already over stays so. */
  cancelWait(): void {
    // Named by its user_data, which is 0 in every entry.
    this.#entry(uring.IORING_OP_POLL_REMOVE, 0, -1, 0n, 0, 0);
  }

  /** Readable while an end is ready. */
  get fd(): number {
    return this.#fd;
  }

  /** Buffers for `receiveAll`: `count` of `size` bytes each from this address on, whose numbers begin with `first`. */
  provide(address: bigint, size: number, count: number, first: number): void {
    const sqe = this.#entry(uring.IORING_OP_PROVIDE_BUFFERS, uring.IOSQE_CQE_SKIP_SUCCESS, count, address, size, 0);
    this.#memory.u64(sqe + 8, BigInt(first));
    this.#silent++;
  }

  /** Receives every datagram of `fd` into a buffer of its own until there is none left; the msghdr says how much room there is for an address. */
  receiveAll(fd: number, msghdr: bigint): void {
    const sqe = this.#entry(uring.IORING_OP_RECVMSG, uring.IOSQE_BUFFER_SELECT, fd, msghdr, 1, 0);
    this.#memory.u16(sqe + 2, uring.IORING_RECV_MULTISHOT);
  }

  /** Ends that, and takes back up to so many buffers. */
  stopReceiving(buffers: number): void {
    // Named by its user_data, as in cancelWait.
    this.#entry(uring.IORING_OP_ASYNC_CANCEL, 0, -1, 0n, 0, 0);
    this.#entry(uring.IORING_OP_REMOVE_BUFFERS, 0, buffers, 0n, 0, 0);
  }

  #entry(opcode: number, flags: number, fd: number, address: bigint, length: number, ofOpcode: number): number {
    const memory = this.#memory;
    const sqe = this.#entries + (this.#tail % ENTRIES) * uring.IO_URING_SQE_SIZE;
    memory.view.setUint8(sqe, opcode);
    memory.view.setUint8(sqe + 1, flags);
    memory.u32(sqe + 4, fd);
    memory.u64(sqe + 16, address);
    memory.u32(sqe + 24, length);
    memory.u16(sqe + 2, 0);
    memory.u64(sqe + 8, 0n);
    memory.u32(sqe + 28, ofOpcode);
    this.#written++;
    return sqe;
  }

  /** Starts what was written; false when the kernel did not take it. @throws TransportError when it took a part of it */
  submit(): boolean {
    const count = this.#written;
    Atomics.store(this.#words, this.#sqTail, this.#tail);
    this.#written = 0;
    const silent = this.#silent;
    this.#silent = 0;
    for (let left = count; left > 0; ) {
      const taken = this.#libc.syscall(uring.SYS_io_uring_enter, this.#fd, BigInt(left), 0, 0, null, 0);
      if (taken > 0) {
        left -= taken;
      } else if (taken === 0 || this.#libc.errno() !== EINTR) {
        if (left < count) throw failure(this.#libc, 'io_uring_enter');
        // Taken back, or it would be started together with what comes next.
        Atomics.store(this.#words, this.#sqTail, this.#words[this.#sqTail] - count);
        return false;
      }
    }
    this.#under += count - silent;
    return true;
  }

  /** How many `next` has still to give. While there are any, the kernel may write into the memory of the ring and of its entries. */
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
    if (!this.hasMore) this.#under--;
    Atomics.store(this.#words, this.#cqHead, this.#words[this.#cqHead] + 1);
    return result;
  }

  /** The entry of the next of them will end again. */
  get hasMore(): boolean {
    return (this.#words[this.#nextEnd + 3] & uring.IORING_CQE_F_MORE) !== 0;
  }

  /** The number of the buffer that the next of them has filled. */
  get buffer(): number {
    return this.#words[this.#nextEnd + 3] >>> uring.IORING_CQE_BUFFER_SHIFT;
  }

  /** Where the next end stands, in words. */
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

  /** Back to who takes one next. To be called when nothing is under way, and last. */
  release(): void {
    idle.push(this);
  }

  get #tail(): number {
    return (this.#words[this.#sqTail] + this.#written) | 0;
  }
}
