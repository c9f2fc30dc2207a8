/**
 * A model of io_uring with its queues in memory of the process: submission, chains of linked operations, threads of
 * the kernel's that work at any time, multishot receives into provided buffers, cancellation, and completions that
 * find no room.
 */

import { HOST_LITTLE_ENDIAN } from '../../src/netlink/byteorder.ts';
import { EAGAIN, ECANCELED, EINVAL, ENOBUFS, ENOENT, ENOMEM } from '../../src/uapi/errno.ts';
import * as uring from '../../src/uapi/io_uring.ts';
import { AF_NETLINK, MSG_DONTWAIT, MSG_TRUNC, POLLIN } from '../../src/uapi/socket.ts';
import type { Random } from '../support/random.ts';
import { EBADF, EFAULT, ETIME } from './errno.ts';
import type { File, Kernel } from './kernel.ts';
import { BadAddress } from './memory.ts';
import { NetlinkSocketModel } from './netlink-socket.ts';

const IORING_CQE_F_BUFFER = 1;
const IORING_ASYNC_CANCEL_ALL = 1 << 0;
const IORING_ASYNC_CANCEL_ANY = 1 << 2;
const PAGE = 4096;

// Where the queues have what, in bytes from the start of struct io_rings.
const SQ_HEAD = 0;
const SQ_TAIL = 64;
const CQ_HEAD = 128;
const CQ_TAIL = 192;
const SQ_MASK = 256;
const CQ_MASK = 260;
const SQ_ENTRIES = 264;
const CQ_ENTRIES = 268;
const CQES = 320;

interface Operation {
  readonly opcode: number;
  readonly flags: number;
  readonly priority: number;
  readonly fd: number;
  /** What the descriptor was when the entry was taken. */
  readonly file: File | undefined;
  readonly offset: number;
  readonly address: number;
  readonly length: number;
  readonly ofOpcode: number;
  readonly userData: bigint;
}

interface Completion {
  readonly userData: bigint;
  readonly result: number;
  readonly flags: number;
}

/** Buffers that follow each other. */
interface ProvidedBuffers {
  /** Of the first that is left, and its number. */
  address: number;
  first: number;
  readonly size: number;
  left: number;
}

/** Operations that are done one after the other; the first that fails ends the others. */
type Chain = Operation[];

export class RingModel {
  readonly kind = 'uring';
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #queues: number;
  readonly #sqes: number;
  readonly #entries: number;
  readonly #ends: number;
  #sqHead: number;
  #cqTail: number;
  #overflow: Completion[] = [];
  /** For the threads of the kernel's. */
  #work: Chain[] = [];
  /** What waits until a descriptor is readable, each at the head of its chain. */
  #armed: Chain[] = [];
  readonly #buffers: ProvidedBuffers[] = [];
  closed = false;

  /** @param params address of a struct io_uring_params @throws BadAddress */
  constructor(kernel: Kernel, entries: number, params: number) {
    this.#kernel = kernel;
    this.#random = kernel.random;
    const { view, at } = kernel.space.writes(params, uring.IO_URING_PARAMS_SIZE, 'io_uring_setup');
    const u32 = (offset: number): number => view.getUint32(at + offset, HOST_LITTLE_ENDIAN);
    const put = (offset: number, value: number): void => view.setUint32(at + offset, value, HOST_LITTLE_ENDIAN);
    const address = (offset: number): number => Number(view.getBigUint64(at + offset, HOST_LITTLE_ENDIAN));
    const { IO_URING_PARAMS_SQ_OFF: sq, IO_URING_PARAMS_CQ_OFF: cq } = uring;
    this.#entries = entries;
    this.#ends = u32(uring.IO_URING_PARAMS_CQ_ENTRIES);
    this.#sqes = address(sq + uring.IO_URING_OFF_USER_ADDR);
    this.#queues = address(cq + uring.IO_URING_OFF_USER_ADDR);
    if (this.#sqes % PAGE !== 0 || this.#queues % PAGE !== 0) throw new BadAddress();
    kernel.space.writes(this.#queues, CQES + this.#ends * uring.IO_URING_CQE_SIZE, 'io_uring_setup');
    kernel.space.writes(this.#sqes, entries * uring.IO_URING_SQE_SIZE, 'io_uring_setup');
    put(sq + uring.IO_URING_OFF_HEAD, SQ_HEAD);
    put(sq + uring.IO_URING_OFF_TAIL, SQ_TAIL);
    put(sq + uring.IO_URING_OFF_MASK, SQ_MASK);
    put(cq + uring.IO_URING_OFF_HEAD, CQ_HEAD);
    put(cq + uring.IO_URING_OFF_TAIL, CQ_TAIL);
    put(cq + uring.IO_URING_OFF_MASK, CQ_MASK);
    put(cq + uring.IO_URING_CQ_OFF_CQES, CQES);
    // A ring that has been used for long: its counters are about to turn negative, or to begin again.
    const start = this.#random.pick([0, 0, 0x7fffffff - this.#random.below(40), 0xffffffff - this.#random.below(40)]);
    this.#sqHead = start;
    this.#cqTail = this.#random.oneIn(2) ? start : (start + this.#random.below(64)) >>> 0;
    this.#put(SQ_HEAD, start);
    this.#put(SQ_TAIL, start);
    this.#put(CQ_HEAD, this.#cqTail);
    this.#put(CQ_TAIL, this.#cqTail);
    this.#put(SQ_MASK, entries - 1);
    this.#put(CQ_MASK, this.#ends - 1);
    this.#put(SQ_ENTRIES, entries);
    this.#put(CQ_ENTRIES, this.#ends);
  }

  get readable(): boolean {
    return this.#ready > 0;
  }

  /** Operations that have not ended. */
  get under(): number {
    return [...this.#work, ...this.#armed].reduce((sum, chain) => sum + chain.length, 0);
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#work.length === 0 && this.#armed.length === 0;
  }

  /** io_uring_enter. @returns how many entries were taken, or a negative errno */
  enter(submit: number, least: number, flags: number, argument: Uint8Array | null): number {
    const { faults } = this.#kernel;
    let taken = 0;
    this.#flush();
    if (submit > 0) {
      const there = (this.#get(SQ_TAIL) - this.#sqHead) >>> 0;
      if (there > this.#entries) {
        this.#kernel.report(`the submission queue has ${there} entries of ${this.#entries}`);
        return -EINVAL;
      }
      let count = Math.min(submit, there);
      if (count > 1 && faults.happens('enter takes a part')) count = this.#random.between(1, count - 1);
      taken = this.#submit(count);
      if (taken < submit) return taken;
    }
    if ((flags & uring.IORING_ENTER_GETEVENTS) === 0) return taken;
    const waited = this.#wait(least, (flags & uring.IORING_ENTER_EXT_ARG) === 0 ? null : argument);
    return taken > 0 ? taken : waited;
  }

  /** A thread of the kernel's does one more thing, if there is any. */
  advance(): boolean {
    const ready = this.#armed.length === 0 ? this.#armed : this.#armed.filter((chain) => isReady(chain[0]));
    const count = this.#work.length + ready.length;
    if (this.closed) return this.#end();
    if (count === 0) return false;
    const at = this.#random.below(count);
    if (at < this.#work.length) this.#run(this.#work, this.#work[at], true);
    else this.#run(this.#armed, ready[at - this.#work.length], false);
    return true;
  }

  /** A multishot receive does not wait for a thread. */
  deliver(): void {
    for (const chain of this.#armed.length === 0 ? this.#armed : [...this.#armed])
      if (chain[0].opcode === uring.IORING_OP_RECVMSG && isReady(chain[0])) this.#run(this.#armed, chain, false);
  }

  /** What is under way is cancelled at some later time, and then the kernel writes to the memory once more. */
  close(): void {
    this.closed = true;
  }

  #end(): boolean {
    if (this.idle) return false;
    for (const chain of [...this.#work.splice(0), ...this.#armed.splice(0)])
      for (const operation of chain) this.#cancelLate(operation);
    return true;
  }

  #cancelLate({ opcode, address, userData }: Operation): void {
    try {
      // It may receive once more before it is cancelled.
      if (opcode === uring.IORING_OP_RECVMSG) this.#kernel.space.reads(address, 56, 'a receive of a closed ring');
      this.#post({ userData, result: -ECANCELED, flags: 0 });
    } catch (error) {
      if (!(error instanceof BadAddress)) throw error;
    }
  }

  get #ready(): number {
    return (this.#cqTail - this.#get(CQ_HEAD)) >>> 0;
  }

  #submit(count: number): number {
    let chain: Chain = [];
    const chains: Chain[] = [];
    for (let i = 0; i < count; i++) {
      const operation = this.#read(this.#sqHead & (this.#entries - 1));
      this.#sqHead = (this.#sqHead + 1) >>> 0;
      chain.push(operation);
      if ((operation.flags & uring.IOSQE_IO_LINK) !== 0 && i < count - 1) continue;
      chains.push(chain);
      chain = [];
    }
    this.#put(SQ_HEAD, this.#sqHead);
    for (const each of chains) this.#start(each);
    return count;
  }

  #read(index: number): Operation {
    const { view, at } = this.#kernel.space.reads(
      this.#sqes + index * uring.IO_URING_SQE_SIZE,
      uring.IO_URING_SQE_SIZE,
      'a submission',
    );
    const fd = view.getInt32(at + 4, HOST_LITTLE_ENDIAN);
    return {
      opcode: view.getUint8(at),
      flags: view.getUint8(at + 1),
      priority: view.getUint16(at + 2, HOST_LITTLE_ENDIAN),
      fd,
      file: this.#kernel.files.get(fd),
      offset: Number(view.getBigUint64(at + 8, HOST_LITTLE_ENDIAN)),
      address: Number(view.getBigUint64(at + 16, HOST_LITTLE_ENDIAN)),
      length: view.getUint32(at + 24, HOST_LITTLE_ENDIAN),
      ofOpcode: view.getUint32(at + 28, HOST_LITTLE_ENDIAN),
      userData: view.getBigUint64(at + 32, HOST_LITTLE_ENDIAN),
    };
  }

  #start(chain: Chain): void {
    if ((chain[0].flags & uring.IOSQE_ASYNC) !== 0) {
      this.#work.push(chain);
      return;
    }
    const list = [chain];
    this.#run(list, chain, false);
  }

  /**
   * Does the first of a chain, and takes it off; then, unless it is for a thread, what follows. A bad address is noted
   * by the memory, and is nobody's error.
   */
  #run(list: Chain[], chain: Chain, once: boolean): void {
    try {
      this.#runAll(list, chain, once);
    } catch (error) {
      if (!(error instanceof BadAddress)) throw error;
    }
  }

  #runAll(list: Chain[], chain: Chain, once: boolean): void {
    const remove = (): void => {
      const at = list.indexOf(chain);
      if (at >= 0) list.splice(at, 1);
    };
    while (chain.length > 0) {
      const [operation] = chain;
      const result = this.#perform(operation);
      if (result === undefined) {
        // It waits until its descriptor is readable.
        if (list === this.#armed) return;
        remove();
        this.#armed.push(chain);
        return;
      }
      chain.shift();
      const silent = (operation.flags & uring.IOSQE_CQE_SKIP_SUCCESS) !== 0 && result >= 0;
      if (!silent) this.#post({ userData: operation.userData, result, flags: 0 });
      if (result < 0) {
        remove();
        for (const rest of chain.splice(0)) this.#post({ userData: rest.userData, result: -ECANCELED, flags: 0 });
        return;
      }
      if (once) break;
      if (chain.length > 0 && (chain[0].flags & uring.IOSQE_ASYNC) !== 0) {
        remove();
        this.#work.push(chain);
        return;
      }
    }
    if (chain.length === 0) remove();
  }

  /** The result of an operation, or undefined when it has to wait. */
  #perform(operation: Operation): number | undefined {
    const { opcode } = operation;
    try {
      switch (opcode) {
        case uring.IORING_OP_SENDMSG: {
          const socket = this.#fileOf(operation);
          if (!(socket instanceof NetlinkSocketModel)) return -EBADF;
          return this.#kernel.sendmsg(socket, operation.address, 'ring');
        }
        case uring.IORING_OP_RECVMSG:
          return this.#receive(operation);
        case uring.IORING_OP_POLL_ADD: {
          const file = this.#fileOf(operation);
          if (file === undefined) return -EBADF;
          return file.readable ? POLLIN : undefined;
        }
        case uring.IORING_OP_WRITE: {
          const file = this.#fileOf(operation);
          if (file === undefined) return -EBADF;
          this.#kernel.space.reads(operation.address, operation.length, 'a write under way');
          return this.#kernel.write(file, operation.length);
        }
        case uring.IORING_OP_PROVIDE_BUFFERS:
          if (this.#kernel.faults.happens('no buffers')) return -ENOMEM;
          this.#provide(operation);
          return 0;
        case uring.IORING_OP_REMOVE_BUFFERS:
          return this.#removeBuffers(operation.fd) || -ENOENT;
        case uring.IORING_OP_ASYNC_CANCEL:
        case uring.IORING_OP_POLL_REMOVE:
          return this.#cancel(operation);
        default:
          return -EINVAL;
      }
    } catch (error) {
      if (!(error instanceof BadAddress)) throw error;
      return -EFAULT;
    }
  }

  #receive(operation: Operation): number | undefined {
    const socket = this.#fileOf(operation);
    if (!(socket instanceof NetlinkSocketModel)) return -EBADF;
    if (socket.readable && this.#kernel.faults.happens('receive fails')) return -ENOMEM;
    if ((operation.priority & uring.IORING_RECV_MULTISHOT) !== 0) return this.#receiveAll(operation, socket);
    const result = this.#kernel.recvmsg(socket, operation.address, 'ring');
    if (result === -EAGAIN && (operation.ofOpcode & MSG_DONTWAIT) === 0) return undefined;
    return result;
  }

  #receiveAll(operation: Operation, socket: NetlinkSocketModel): number | undefined {
    const { space } = this.#kernel;
    const header = space.reads(operation.address, 56, 'a receive under way');
    const nameSize = header.view.getUint32(header.at + 8, HOST_LITTLE_ENDIAN);
    while (socket.readable) {
      const buffer = this.#buffers[0];
      if (buffer === undefined) return -ENOBUFS;
      const before = uring.IO_URING_RECVMSG_OUT_SIZE + nameSize;
      const capacity = buffer.size - before;
      const received = socket.receive(capacity, 'ring');
      if (typeof received === 'number') {
        if (received === -EAGAIN) return undefined;
        return received;
      }
      const { address, first } = buffer;
      this.#removeBuffers(1);
      const { bytes, sender } = received;
      const length = Math.min(bytes.length, capacity);
      const { view, at } = space.writes(address, before + length, 'a receive under way');
      const u32 = (offset: number, value: number): void => view.setUint32(at + offset, value, HOST_LITTLE_ENDIAN);
      u32(0, 12);
      u32(4, 0);
      u32(8, length);
      u32(12, bytes.length > capacity ? MSG_TRUNC : 0);
      view.setUint16(at + 16, AF_NETLINK, HOST_LITTLE_ENDIAN);
      u32(20, sender);
      u32(24, 0);
      new Uint8Array(view.buffer, at + before, length).set(bytes.subarray(0, length));
      this.#post({
        userData: operation.userData,
        result: before + length,
        flags: ((first & 0xffff) << uring.IORING_CQE_BUFFER_SHIFT) | uring.IORING_CQE_F_MORE | IORING_CQE_F_BUFFER,
      });
    }
    return undefined;
  }

  #provide({ address, length: size, offset: first, fd: left }: Operation): void {
    if (left > 0) this.#buffers.push({ address, first, size, left });
  }

  /** @returns how many there were */
  #removeBuffers(most: number): number {
    let removed = 0;
    while (removed < most && this.#buffers.length > 0) {
      const [next] = this.#buffers;
      const count = Math.min(most - removed, next.left);
      next.address += count * next.size;
      next.first += count;
      next.left -= count;
      removed += count;
      if (next.left === 0) this.#buffers.shift();
    }
    return removed;
  }

  #cancel(operation: Operation): number {
    const all = (operation.ofOpcode & IORING_ASYNC_CANCEL_ALL) !== 0;
    const any = (operation.ofOpcode & IORING_ASYNC_CANCEL_ANY) !== 0;
    const wanted = BigInt(operation.address);
    let count = 0;
    for (const list of [this.#armed, this.#work]) {
      for (const chain of [...list]) {
        if (!any && chain[0].userData !== wanted) continue;
        if (operation.opcode === uring.IORING_OP_POLL_REMOVE && chain[0].opcode !== uring.IORING_OP_POLL_ADD) continue;
        list.splice(list.indexOf(chain), 1);
        for (const each of chain) this.#post({ userData: each.userData, result: -ECANCELED, flags: 0 });
        count++;
        if (!all) return 0;
      }
    }
    if (count === 0) return -ENOENT;
    return all ? count : 0;
  }

  /** What the descriptor of an operation is when it begins. */
  #fileOf({ fd, file }: Operation): File | undefined {
    if (this.#armed.some(([each]) => each.fd === fd && each.file === file)) return file;
    const now = this.#kernel.files.get(fd);
    if (now !== undefined && now !== file) {
      this.#kernel.report(`an operation of io_uring uses descriptor ${fd}, which was closed and is something else now`);
      return undefined;
    }
    return now;
  }

  #post(completion: Completion): void {
    if (this.#ready >= this.#ends) this.#overflow.push(completion);
    else this.#write(completion);
  }

  #flush(): void {
    while (this.#overflow.length > 0 && this.#ready < this.#ends) this.#write(this.#overflow.shift()!);
  }

  #write({ userData, result, flags }: Completion): void {
    const index = this.#cqTail & (this.#ends - 1);
    const { view, at } = this.#kernel.space.writes(
      this.#queues + CQES + index * uring.IO_URING_CQE_SIZE,
      uring.IO_URING_CQE_SIZE,
      'a completion',
    );
    view.setBigUint64(at, userData, HOST_LITTLE_ENDIAN);
    view.setInt32(at + 8, result, HOST_LITTLE_ENDIAN);
    view.setUint32(at + 12, flags >>> 0, HOST_LITTLE_ENDIAN);
    this.#cqTail = (this.#cqTail + 1) >>> 0;
    this.#put(CQ_TAIL, this.#cqTail);
  }

  /** Waits for so many completions, or until the time is over. */
  #wait(least: number, argument: Uint8Array | null): number {
    const kernel = this.#kernel;
    let patience = Number.POSITIVE_INFINITY;
    if (argument !== null) {
      const view = new DataView(argument.buffer, argument.byteOffset);
      const at = Number(view.getBigUint64(uring.IO_URING_GETEVENTS_ARG_TS, HOST_LITTLE_ENDIAN));
      if (at !== 0) {
        const time = kernel.space.reads(at, 16, 'io_uring_enter');
        const seconds = Number(time.view.getBigInt64(time.at, HOST_LITTLE_ENDIAN));
        patience = seconds * 1e3 + Number(time.view.getBigInt64(time.at + 8, HOST_LITTLE_ENDIAN)) / 1e6;
      }
    }
    const end = kernel.loop.time + patience;
    while (this.#ready < least) {
      this.#flush();
      const slow = kernel.faults.happens('slow worker');
      if (slow || !this.advance()) {
        if (patience === Number.POSITIVE_INFINITY) {
          kernel.report('io_uring_enter waits for ever');
          return -EINVAL;
        }
        if (slow && this.#random.oneIn(2)) {
          kernel.loop.time += 1;
          if (kernel.loop.time < end) continue;
        }
        kernel.loop.time = Math.max(kernel.loop.time, end);
        return this.#ready > 0 ? 0 : -ETIME;
      }
      kernel.loop.time += 1 / 64;
      if (kernel.loop.time >= end) return this.#ready > 0 ? 0 : -ETIME;
    }
    return 0;
  }

  #get(offset: number): number {
    const { view, at } = this.#kernel.space.reads(this.#queues + offset, 4, 'a ring');
    return view.getUint32(at, HOST_LITTLE_ENDIAN);
  }

  #put(offset: number, value: number): void {
    const { view, at } = this.#kernel.space.writes(this.#queues + offset, 4, 'a ring');
    view.setUint32(at, value >>> 0, HOST_LITTLE_ENDIAN);
  }
}

function isReady({ file }: Operation): boolean {
  return file?.readable === true;
}
