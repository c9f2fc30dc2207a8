/** The system calls of a simulated kernel, behind the interface that the bindings of the runtimes implement. */
import { HOST_LITTLE_ENDIAN } from '../../src/netlink/byteorder.ts';
import { TransportError } from '../../src/netlink/errors.ts';
import type { Libc, Poll } from '../../src/transport/libc/libc.ts';
import {
  EPOLL_EVENT_DATA,
  EPOLL_EVENT_SIZE,
  MMSGHDR_LEN,
  MMSGHDR_SIZE,
  UTSNAME_RELEASE,
} from '../../src/transport/libc/memory.ts';
import { Polls } from '../../src/transport/libc/polls.ts';
import { pollByTimer } from '../../src/transport/libc/readiness.ts';
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLONESHOT } from '../../src/uapi/epoll.ts';
import {
  EAGAIN,
  EEXIST,
  EINTR,
  EINVAL,
  ENOBUFS,
  ENOENT,
  ENOMEM,
  ENOPROTOOPT,
  EPERM,
  EPROTONOSUPPORT,
} from '../../src/uapi/errno.ts';
import * as uring from '../../src/uapi/io_uring.ts';
import {
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_NO_ENOBUFS,
} from '../../src/uapi/netlink.ts';
import {
  AF_NETLINK,
  SK_MEMINFO_DROPS,
  SK_MEMINFO_RCVBUF,
  SK_MEMINFO_RMEM_ALLOC,
  SO_ATTACH_FILTER,
  SO_COOKIE,
  SO_DETACH_FILTER,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from '../../src/uapi/socket.ts';
import { EBADF, EFAULT, EMFILE, ENFILE } from './errno.ts';
import { Counter, EpollModel, type File, type Kernel } from './kernel.ts';
import type { Source } from './loop.ts';
import { BadAddress } from './memory.ts';
import { LOW_RMEM_MAX, NetlinkSocketModel, RMEM_MAX } from './netlink-socket.ts';
import { RingModel } from './uring.ts';

/** How `watch` behaves; bindings differ, and their interface allows all of it. */
export interface WatchStyle {
  /** Waits for each descriptor, or for one epoll of all of them, or looks by the clock. */
  readonly by: 'descriptor' | 'epoll' | 'timer';
  /** Calls back once after each `start`, not as long as the descriptor is readable. */
  readonly once: boolean;
  /** `close` calls back later. */
  readonly closesLater: boolean;
  /** Calls back now and then when there is nothing. */
  readonly spurious: boolean;
}

/** What is sent depends on it. */
const RELEASE = '6.18.0';

/** What allocate throws. */
export const NO_MEMORY = 'the simulation has no memory';

export class SimulatedLibc implements Libc {
  readonly name = 'simulated';
  /** System calls made. */
  calls = 0;
  readonly #polls: Polls;
  #kernel: Kernel;
  readonly #style: WatchStyle;
  #errno = 0;
  #ended = false;

  constructor(kernel: Kernel, style: WatchStyle) {
    this.#kernel = kernel;
    this.#style = style;
    this.#polls = new Polls(this, (fd, fired) => this.#watchOne(fd, fired));
  }

  /** The simulation is over: rings, which stay for the life of a process, keep nothing of it. */
  end(): void {
    this.#ended = true;
    this.#kernel = undefined as never;
  }

  errno(): number {
    return this.#errno;
  }

  allocate(size: number): Uint8Array<ArrayBuffer> {
    if (this.#kernel.faults.happens('no memory')) throw new RangeError(NO_MEMORY);
    return this.#kernel.space.allocate(size);
  }

  free(memory: Uint8Array): void {
    this.#kernel.space.free(memory);
  }

  addressOf(memory: Uint8Array): bigint {
    return this.#kernel.space.addressOf(memory);
  }

  socket(domain: number, _type: number, _protocol: number): number {
    return this.#call(() => {
      const errno = this.#kernel.faults.errno('socket', [EMFILE, EPROTONOSUPPORT, ENOBUFS]);
      if (errno !== 0) return -errno;
      if (domain !== AF_NETLINK) return -EPROTONOSUPPORT;
      const socket = this.#kernel.netlink.open();
      this.#kernel.sockets.push(socket);
      return this.#kernel.install(socket);
    });
  }

  socketpair(_domain: number, _type: number, _protocol: number, fds: Uint8Array | null): number {
    return this.#call(() => {
      const errno = this.#kernel.faults.errno('eventfd', [EMFILE, ENFILE]);
      if (errno !== 0) return -errno;
      const ends = [new Counter(), new Counter()];
      ends[0].peer = ends[1];
      ends[1].peer = ends[0];
      const view = this.#passed(fds);
      for (const [index, end] of ends.entries())
        view.setInt32(4 * index, this.#kernel.install(end), HOST_LITTLE_ENDIAN);
      return 0;
    });
  }

  bind(fd: number, _address: Uint8Array | null, _length: number): number {
    return this.#withSocket(fd, () => -this.#kernel.faults.errno('bind', [ENOMEM, EPERM]));
  }

  /** Request sockets work unconnected, too: that it failed is not to be reported. */
  connect(fd: number, _address: Uint8Array | null, _length: number): number {
    return this.#withSocket(fd, (socket) => {
      if (this.#kernel.faults.happens('connect')) return -EPERM;
      socket.connected = true;
      return 0;
    });
  }

  getsockname(fd: number, address: Uint8Array | null, _length: Uint8Array | null): number {
    return this.#withSocket(fd, (socket) => {
      this.#passed(address).setUint32(4, socket.portid, HOST_LITTLE_ENDIAN);
      return 0;
    });
  }

  setsockopt(fd: number, level: number, option: number, value: Uint8Array | null, _length: number): number {
    return this.#withSocket(fd, (socket) => {
      const { faults, space } = this.#kernel;
      const view = this.#passed(value);
      if (level === SOL_SOCKET) {
        if (option === SO_RCVBUFFORCE && faults.happens('rcvbufforce refused')) return -EPERM;
        if (option === SO_RCVBUF || option === SO_RCVBUFFORCE) {
          socket.setReceiveBuffer(
            view.getInt32(0, HOST_LITTLE_ENDIAN),
            option === SO_RCVBUFFORCE ? undefined : faults.happens('low rmem_max') ? LOW_RMEM_MAX : RMEM_MAX,
          );
          return 0;
        }
        if (option === SO_DETACH_FILTER) {
          if (!socket.filtered) return -ENOENT;
          socket.attachFilter(undefined);
          return 0;
        }
        if (option !== SO_ATTACH_FILTER) return -ENOPROTOOPT;
        const count = view.getUint16(0, HOST_LITTLE_ENDIAN);
        const program = space.reads(Number(view.getBigUint64(8, HOST_LITTLE_ENDIAN)), 8 * count, 'setsockopt');
        socket.attachFilter(new Uint8Array(program.view.buffer, program.at, 8 * count).slice());
        return 0;
      }
      if (level !== SOL_NETLINK) return -ENOPROTOOPT;
      const number = view.getInt32(0, HOST_LITTLE_ENDIAN);
      // EXT_ACK and CAP_ACK are unknown to old kernels.
      const errno = faults.errno('setsockopt', [ENOMEM, EPERM, EINVAL, ENOPROTOOPT]);
      if (errno !== 0) return -errno;
      if (option === NETLINK_ADD_MEMBERSHIP) socket.groups.add(number);
      else if (option === NETLINK_DROP_MEMBERSHIP) socket.groups.delete(number);
      else if (option === NETLINK_NO_ENOBUFS) socket.noEnobufs = number !== 0;
      else if (option === NETLINK_CAP_ACK) socket.capAck = number !== 0;
      else if (option === NETLINK_EXT_ACK) socket.extAck = number !== 0;
      else if (option === NETLINK_BROADCAST_ERROR) socket.reliable = number !== 0;
      else return -ENOPROTOOPT;
      return 0;
    });
  }

  getsockopt(fd: number, level: number, option: number, value: Uint8Array | null, _length: Uint8Array | null): number {
    return this.#withSocket(fd, (socket) => {
      const errno = this.#kernel.faults.errno('getsockopt', [EINTR]);
      if (errno !== 0) return -errno;
      const view = this.#passed(value);
      const word = (index: number, number: number): void => view.setUint32(4 * index, number, HOST_LITTLE_ENDIAN);
      if (level !== SOL_SOCKET) return -ENOPROTOOPT;
      if (option === SO_RCVBUF) {
        word(0, socket.receiveBuffer);
      } else if (option === SO_MEMINFO) {
        word(SK_MEMINFO_RMEM_ALLOC, socket.charge);
        word(SK_MEMINFO_RCVBUF, socket.receiveBuffer);
        word(SK_MEMINFO_DROPS, socket.drops);
      } else if (option === SO_COOKIE) {
        word(0, socket.portid);
        word(1, 1);
      } else {
        return -ENOPROTOOPT;
      }
      return 0;
    });
  }

  sendmsg(fd: number, header: Uint8Array | null, _flags: number): number {
    return this.#withSocket(fd, (socket) => {
      if (this.#kernel.faults.happens('interrupted sendmsg')) return -EINTR;
      this.#passed(header);
      const kernel = this.#kernel;
      return kernel.sendmsg(socket, Number(this.addressOf(header!)), 'call', () => kernel.advance());
    });
  }

  recvmmsg(fd: number, headers: Uint8Array | null, count: number, _flags: number, _timeout: Uint8Array | null): number {
    return this.#withSocket(fd, (socket) => {
      if (this.#kernel.faults.happens('interrupted recvmmsg')) return -EINTR;
      const view = this.#passed(headers);
      const address = Number(this.addressOf(headers!));
      for (let received = 0; received < count; received++) {
        const result = this.#kernel.recvmsg(socket, address + received * MMSGHDR_SIZE, 'call');
        if (result >= 0) {
          view.setUint32(received * MMSGHDR_SIZE + MMSGHDR_LEN, result, HOST_LITTLE_ENDIAN);
          continue;
        }
        if (received === 0) return result;
        if (result !== -EAGAIN) socket.keepError(-result);
        return received;
      }
      return count;
    });
  }

  epoll_create1(_flags: number): number {
    return this.#call(() => {
      const errno = this.#kernel.faults.errno('epoll', [EMFILE, ENOMEM]);
      return errno !== 0 ? -errno : this.#kernel.install(new EpollModel());
    });
  }

  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array | null): number {
    return this.#call(() => {
      const model = this.#kernel.files.get(epoll);
      const file = this.#kernel.files.get(fd);
      if (!(model instanceof EpollModel) || file === undefined) {
        this.#kernel.report(`epoll_ctl of descriptor ${fd}, which is closed`);
        return -EBADF;
      }
      const known = model.watched.has(fd);
      if (operation === EPOLL_CTL_DEL) return model.watched.delete(fd) ? 0 : -ENOENT;
      if (operation === EPOLL_CTL_ADD && known) return -EEXIST;
      if (operation !== EPOLL_CTL_ADD && !known) return -ENOENT;
      const errno = operation === EPOLL_CTL_ADD ? this.#kernel.faults.errno('epoll', [ENOMEM]) : 0;
      if (errno !== 0) return -errno;
      const events = this.#passed(event).getUint32(0, HOST_LITTLE_ENDIAN);
      model.watched.set(fd, { file, events, armed: true });
      return 0;
    });
  }

  epoll_wait(epoll: number, events: Uint8Array | null, most: number, _timeout: number): number {
    return this.#call(() => {
      const model = this.#kernel.files.get(epoll);
      if (!(model instanceof EpollModel)) return -EBADF;
      const view = this.#passed(events);
      const ready = model.ready.slice(0, most);
      for (const [index, fd] of ready.entries()) {
        const at = index * EPOLL_EVENT_SIZE;
        view.setUint32(at, 1, HOST_LITTLE_ENDIAN);
        view.setUint32(at + EPOLL_EVENT_DATA, fd, HOST_LITTLE_ENDIAN);
        const watched = model.watched.get(fd)!;
        if ((watched.events & EPOLLONESHOT) !== 0) watched.armed = false;
      }
      return ready.length;
    });
  }

  eventfd(count: number, _flags: number): number {
    return this.#call(() => {
      const errno = this.#kernel.faults.errno('eventfd', [EMFILE, ENOMEM]);
      if (errno !== 0) return -errno;
      const counter = new Counter();
      counter.count = count;
      return this.#kernel.install(counter);
    });
  }

  read(fd: number, memory: Uint8Array | null, length: number): number {
    return this.#call(() => {
      const file = this.#file(fd);
      this.#passed(memory);
      if (!(file instanceof Counter)) return -EBADF;
      if (file.count === 0) return -EAGAIN;
      file.count = 0;
      return length;
    });
  }

  write(fd: number, memory: Uint8Array | null, length: number): number {
    return this.#call(() => {
      const file = this.#file(fd);
      this.#passed(memory);
      return file === undefined ? -EBADF : this.#kernel.write(file, length);
    });
  }

  /** There is one network namespace here, and no files. */
  open(_path: Uint8Array | null, _flags: number): number {
    return this.#call(() => -ENOENT);
  }

  setns(_fd: number, _type: number): number {
    return this.#call(() => -EINVAL);
  }

  uname(names: Uint8Array | null): number {
    return this.#call(() => {
      const view = this.#passed(names);
      for (let at = 0; at < RELEASE.length; at++) view.setUint8(UTSNAME_RELEASE + at, RELEASE.charCodeAt(at));
      return 0;
    });
  }

  close(fd: number): number {
    return this.#call(() => this.#kernel.closeFile(fd));
  }

  syscall(number: number, a: number, b: bigint, c: number, d: number, e: Uint8Array | null, _f: number): number {
    return this.#call(() => {
      const kernel = this.#kernel;
      const { faults } = kernel;
      if (number === uring.SYS_io_uring_setup) {
        if (kernel.ringsRefused) return -EPERM;
        const errno = faults.errno('io_uring setup', [ENOMEM, EMFILE, EPERM, EINVAL]);
        if (errno !== 0) return -errno;
        const ring = new RingModel(kernel, a, Number(b));
        kernel.rings.add(ring);
        return kernel.install(ring);
      }
      if (number !== uring.SYS_io_uring_enter) return -EINVAL;
      const ring = this.#file(a);
      if (!(ring instanceof RingModel)) return -EBADF;
      if (kernel.ringsRefused || faults.happens('io_uring refused from now on')) {
        kernel.ringsRefused = true;
        faults.errnos.add(EPERM);
        return -EPERM;
      }
      if (faults.happens('interrupted enter')) return -EINTR;
      const errno = b > 0n ? faults.errno('enter fails', [EAGAIN, ENOMEM]) : 0;
      if (errno !== 0) return -errno;
      if (e !== null) this.#passed(e);
      return ring.enter(Number(b), c, d, e);
    });
  }

  watch(fd: number, fired: () => void): Poll {
    const { by } = this.#style;
    if (by === 'timer') return pollByTimer(fired);
    return by === 'epoll' ? this.#polls.watch(fd, fired) : this.#watchOne(fd, fired);
  }

  #watchOne(fd: number, fired: () => void): Poll {
    const kernel = this.#kernel;
    const errno = kernel.faults.errno('watch', [EMFILE]);
    if (errno !== 0) throw new TransportError('watch', errno, 'the simulation refused it');
    return new SimulatedPoll(kernel, this.#style, fd, fired);
  }

  #call(body: () => number): number {
    if (this.#ended) {
      this.#errno = EBADF;
      return -1;
    }
    const kernel = this.#kernel;
    this.calls++;
    kernel.loop.time += kernel.random.below(4) / 256;
    kernel.advance();
    let result: number;
    try {
      result = body();
    } catch (error) {
      if (!(error instanceof BadAddress)) throw error;
      result = -EFAULT;
    }
    if (result >= 0) return result;
    this.#errno = -result;
    return -1;
  }

  #file(fd: number): File | undefined {
    const file = this.#kernel.files.get(fd);
    if (file === undefined) this.#kernel.report(`a system call uses descriptor ${fd}, which is closed`);
    return file;
  }

  #withSocket(fd: number, body: (socket: NetlinkSocketModel) => number): number {
    return this.#call(() => {
      const socket = this.#file(fd);
      return socket instanceof NetlinkSocketModel ? body(socket) : -EBADF;
    });
  }

  /** Memory of an argument. */
  #passed(memory: Uint8Array | null): DataView {
    if (memory === null) throw new BadAddress();
    return this.#kernel.space.passed(memory, 'a system call');
  }
}

class SimulatedPoll implements Poll, Source {
  readonly #kernel: Kernel;
  readonly #style: WatchStyle;
  readonly #fd: number;
  readonly #file: File | undefined;
  readonly #fired: () => void;
  #started = false;
  #referenced = true;
  #closed = false;

  constructor(kernel: Kernel, style: WatchStyle, fd: number, fired: () => void) {
    this.#kernel = kernel;
    this.#style = style;
    this.#fd = fd;
    this.#file = kernel.files.get(fd);
    this.#fired = fired;
    kernel.loop.sources.add(this);
    if (this.#file !== undefined) kernel.watched.add(this.#file);
  }

  get keepsAlive(): boolean {
    return this.#started && this.#referenced;
  }

  ready(): boolean {
    if (!this.#started) return false;
    if (this.#kernel.files.get(this.#fd) !== this.#file) {
      this.#kernel.report(`descriptor ${this.#fd} is watched and was closed`);
      this.#started = false;
      return false;
    }
    return this.#file?.readable === true || (this.#style.spurious && this.#kernel.random.oneIn(50));
  }

  fire(): void {
    if (this.#style.once) this.#started = false;
    this.#fired();
  }

  start(): void {
    if (this.#closed) this.#kernel.report('a watch is started after it was closed');
    this.#started = true;
  }

  stop(): void {
    this.#started = false;
  }

  ref(): void {
    this.#referenced = true;
  }

  unref(): void {
    this.#referenced = false;
  }

  close(closed?: () => void): void {
    this.#closed = true;
    const end = (): void => {
      this.#started = false;
      this.#kernel.loop.sources.delete(this);
      if (this.#file !== undefined) this.#kernel.watched.delete(this.#file);
      closed?.();
    };
    this.#started = false;
    if (this.#style.closesLater && closed !== undefined) this.#kernel.loop.timer(end, 1, false, true);
    else end();
  }
}
