/**
 * An io_uring whose queues stand in memory of our own, in one page each. Needs Linux 6.6, and an administrator (or container) that allows
 * io_uring.
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

const TIMESPEC = uring.IO_URING_GETEVENTS_ARG_SIZE;

/**
 * Rings that nobody uses. Some time after a ring was closed, and it tells nobody when, the kernel writes into its memory once more, which would
 * be somebody else's by then (seen on 6.18: the tail of the completions, and a flag). So none is closed: there are as many as were in use at once.
 */
const idle: Ring[] = [];

export class Ring {
  readonly #libc: Libc;
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
  #under = 0;

  /**
   * A ring with nothing under way.
   * @param milliseconds how long `wait` waits at the most
   * @throws TransportError where there is no io_uring that can do it
   */
  static take(libc: Libc, milliseconds = 0): Ring {
    const at = idle.findIndex((each) => each.#libc === libc);
    const ring = at < 0 ? new Ring(libc) : idle.splice(at, 1)[0];
    ring.#patience.u64(TIMESPEC + 8, BigInt(milliseconds * 1e6));
    return ring;
  }

  private constructor(libc: Libc) {
    this.#libc = libc;
    const memory = new Memory(libc, 3 * PAGE);
    const queues = Number(-memory.address() & BigInt(PAGE - 1));
    this.#memory = memory;
    this.#words = new Int32Array(memory.bytes.buffer);
    this.#entries = queues + PAGE;
    const params = new Memory(libc, uring.IO_URING_PARAMS_SIZE);
    const { IO_URING_PARAMS_SQ_OFF: sq, IO_URING_PARAMS_CQ_OFF: cq } = uring;
    params.u32(uring.IO_URING_PARAMS_FLAGS, uring.IORING_SETUP_NO_MMAP | uring.IORING_SETUP_NO_SQARRAY);
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

  #entry(opcode: number, flags: number, fd: number, address: bigint, length: number, ofOpcode: number): void {
    const memory = this.#memory;
    const sqe = this.#entries + (this.#tail % ENTRIES) * uring.IO_URING_SQE_SIZE;
    memory.view.setUint8(sqe, opcode);
    memory.view.setUint8(sqe + 1, flags);
    memory.u32(sqe + 4, fd);
    memory.u64(sqe + 16, address);
    memory.u32(sqe + 24, length);
    memory.u32(sqe + 28, ofOpcode);
    this.#written++;
  }

  /** Starts what was written; false when the kernel did not take it. @throws TransportError when it took a part of it */
  submit(): boolean {
    const count = this.#written;
    Atomics.store(this.#words, this.#sqTail, this.#tail);
    this.#written = 0;
    for (let left = count; left > 0; ) {
      const taken = this.#libc.syscall(uring.SYS_io_uring_enter, this.#fd, BigInt(left), 0, 0, null, 0);
      if (taken > 0) {
        left -= taken;
        this.#under += taken;
      } else if (taken === 0 || this.#libc.errno() !== EINTR) {
        if (left < count) throw failure(this.#libc, 'io_uring_enter');
        // Taken back, or it would be started together with what comes next.
        Atomics.store(this.#words, this.#sqTail, this.#words[this.#sqTail] - count);
        return false;
      }
    }
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
    const head = this.#words[this.#cqHead];
    const result = this.#words[this.#cqes + (head & this.#cqMask) * (uring.IO_URING_CQE_SIZE / 4) + 2];
    Atomics.store(this.#words, this.#cqHead, head + 1);
    this.#under--;
    return result;
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
