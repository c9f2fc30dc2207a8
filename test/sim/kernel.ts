/** A simulated kernel: descriptors, sockets and rings of one process, its memory, and the clock. */
import { HOST_LITTLE_ENDIAN } from '../../src/netlink/byteorder.ts';
import { copyOf } from '../../src/testing/messages.ts';
import { CtnetlinkModel } from '../../src/testing/model.ts';
import type { ModelOptions, Table } from '../../src/testing/table.ts';
import { ENOBUFS } from '../../src/uapi/errno.ts';
import { AF_NETLINK, MSG_TRUNC, POLLIN } from '../../src/uapi/socket.ts';
import type { Random } from '../support/random.ts';
import { EBADF } from './errno.ts';
import { Faults } from './faults.ts';
import { History } from './history.ts';
import type { Loop } from './loop.ts';
import { AddressSpace } from './memory.ts';
import { NetlinkKernel, NetlinkSocketModel, type Reader } from './netlink-socket.ts';
import type { RingModel } from './uring.ts';

/** nf_conntrack_max. */
export const MAX_ENTRIES = 65_536;

/** An eventfd, or one end of a socket pair. */
export class Counter {
  readonly kind = 'counter';
  count = 0;
  /** The reader of what is written here. */
  peer: Counter | undefined;

  get readable(): boolean {
    return this.count > 0;
  }

  close(): void {}
}

/** epoll(7), with EPOLLONESHOT and level-triggered EPOLLIN only. */
export class EpollModel {
  readonly kind = 'epoll';
  readonly watched = new Map<number, { file: File; events: number; armed: boolean }>();

  get readable(): boolean {
    return this.ready.length > 0;
  }

  get ready(): number[] {
    const isReady = (file: File, events: number): boolean =>
      // Errors are reported whether they are asked for or not.
      (events & POLLIN) !== 0 ? file.readable : file instanceof NetlinkSocketModel && file.failed;
    return [...this.watched].filter(([, { file, events, armed }]) => armed && isReady(file, events)).map(([fd]) => fd);
  }

  close(): void {
    this.watched.clear();
  }
}

export type File = NetlinkSocketModel | RingModel | Counter | EpollModel;

export interface KernelOptions extends ModelOptions {
  /** Kinds of faults that do not happen. */
  readonly without?: ReadonlySet<string>;
}

export class Kernel {
  readonly random: Random;
  readonly faults: Faults;
  readonly space: AddressSpace;
  readonly table: Table;
  readonly history: History;
  readonly netlink: NetlinkKernel;
  readonly loop: Loop;
  /** By descriptor. */
  readonly files = new Map<number, File>();
  readonly rings = new Set<RingModel>();
  /** What a watch waits for, or has not yet said that it does not. */
  readonly watched = new Set<File>();
  readonly violations: string[] = [];
  /** What must be true between two steps of the event loop. */
  readonly checks = new Set<() => void>();
  /** io_uring is refused: by an administrator from the start, or by a profile of seccomp from some call on. */
  ringsRefused = false;
  /** All that were ever opened. */
  readonly sockets: NetlinkSocketModel[] = [];

  constructor(random: Random, loop: Loop, options: KernelOptions = {}) {
    this.random = random;
    this.loop = loop;
    this.faults = new Faults(random, options.without);
    this.space = new AddressSpace((violation) => this.report(violation), 16 * random.below(256));
    let ids = 0;
    const model = new CtnetlinkModel({
      ...options,
      counters: true,
      maxEntries: MAX_ENTRIES,
      // Two flows may have the same id, and a new one that of one that is gone: it is a hash of an address.
      newId: () => ++ids % 1000,
      eventTime: (serial) => serial,
    });
    this.table = model.table;
    this.history = new History(model);
    this.netlink = new NetlinkKernel(model, random, this.faults, (violation) => this.report(violation));
    this.ringsRefused = this.faults.happens('no io_uring');
  }

  report(violation: string): void {
    if (this.violations.length < 20) this.violations.push(violation);
  }

  /** The lowest number that is free, as POSIX wants it. */
  install(file: File): number {
    let fd = 3;
    while (this.files.has(fd)) fd++;
    this.files.set(fd, file);
    return fd;
  }

  closeFile(fd: number): number {
    const file = this.files.get(fd);
    if (file === undefined) {
      this.report(`descriptor ${fd} is closed twice`);
      return -EBADF;
    }
    if (this.watched.has(file)) this.report(`descriptor ${fd} is closed while it is watched`);
    this.files.delete(fd);
    for (const other of this.files.values()) if (other instanceof EpollModel) other.watched.delete(fd);
    file.close();
    return 0;
  }

  /** Threads of the kernel's, and what interrupts the process, go on as far as they like. */
  advance(): void {
    let slow: boolean | undefined;
    for (const ring of this.rings) {
      if (ring.idle) continue;
      ring.deliver();
      slow ??= this.faults.happens('slow worker');
      while (!slow && this.random.oneIn(2) && ring.advance());
    }
  }

  /** All of it, when nothing else is left to happen; false when there was nothing. */
  finish(): boolean {
    let did = false;
    for (const ring of this.rings) if (!ring.idle && ring.advance()) did = true;
    return did;
  }

  /**
   * Sends the datagram of a msghdr.
   * @param meanwhile what other threads do between two messages of it
   * @returns its length, or a negative errno @throws BadAddress
   */
  sendmsg(socket: NetlinkSocketModel, msghdr: number, by: Reader, meanwhile?: () => void): number {
    const what = by === 'call' ? 'sendmsg' : 'a send under way';
    const errno = this.faults.errno('sendmsg', [ENOBUFS]);
    if (errno !== 0) {
      socket.refused++;
      return -errno;
    }
    const { view, at } = this.space.reads(msghdr, 56, what);
    const iovec = sizeAt(view, at + 16);
    const vector = this.space.reads(iovec, 16, what);
    const base = sizeAt(vector.view, vector.at);
    const length = sizeAt(vector.view, vector.at + 8);
    const data = this.space.reads(base, length, what);
    // A copy, in memory that the process does not have.
    socket.send(copyOf(new Uint8Array(data.view.buffer, data.at, length)), by, meanwhile);
    return length;
  }

  /** Receives into a msghdr. @returns the length, or a negative errno @throws BadAddress */
  recvmsg(socket: NetlinkSocketModel, msghdr: number, by: Reader): number {
    const what = by === 'call' ? 'recvmmsg' : 'a receive under way';
    const header = this.space.writes(msghdr, 56, what);
    const iovec = sizeAt(header.view, header.at + 16);
    const vector = this.space.reads(iovec, 16, what);
    const base = sizeAt(vector.view, vector.at);
    const capacity = sizeAt(vector.view, vector.at + 8);
    const received = socket.receive(capacity, by);
    if (typeof received === 'number') return received;
    const { bytes, sender } = received;
    const length = Math.min(bytes.length, capacity);
    const data = this.space.writes(base, length, what);
    const into = new Uint8Array(data.view.buffer, data.at, length);
    into.set(length === bytes.length ? bytes : bytes.subarray(0, length));
    const name = sizeAt(header.view, header.at);
    if (name !== 0) {
      const address = this.space.writes(name, 12, what);
      address.view.setUint16(address.at, AF_NETLINK, HOST_LITTLE_ENDIAN);
      address.view.setUint32(address.at + 4, sender, HOST_LITTLE_ENDIAN);
      address.view.setUint32(address.at + 8, 0, HOST_LITTLE_ENDIAN);
      header.view.setUint32(header.at + 8, 12, HOST_LITTLE_ENDIAN);
    }
    header.view.setUint32(header.at + 48, bytes.length > capacity ? MSG_TRUNC : 0, HOST_LITTLE_ENDIAN);
    return length;
  }

  /** Writes to an eventfd or a socket. */
  write(file: File, length: number): number {
    if (!(file instanceof Counter)) return -EBADF;
    (file.peer ?? file).count++;
    return length;
  }
}

/** A size_t, or an address. */
function sizeAt(view: DataView, at: number): number {
  const [low, high] = HOST_LITTLE_ENDIAN ? [at, at + 4] : [at + 4, at];
  return view.getUint32(high, HOST_LITTLE_ENDIAN) * 2 ** 32 + view.getUint32(low, HOST_LITTLE_ENDIAN);
}
