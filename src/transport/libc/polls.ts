/**
 * Readiness of many sockets by one epoll(7): whatever waits in this runtime (a thread, a ring, a timer) waits once, for
 * the epoll, however many sockets there are. A thread of Deno's pool that waited for each socket would leave none for
 * the program's own calls.
 */

import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLONESHOT } from '../../uapi/epoll.ts';
import { POLLIN } from '../../uapi/socket.ts';
import { attempt, failure } from './call.ts';
import type { Calls, Poll } from './libc.ts';
import { allocateAll, EPOLL_EVENT_DATA, EPOLL_EVENT_SIZE, type Memory } from './memory.ts';

/** Events taken by one call; more follow in the next. */
const MOST = 64;

export class Polls {
  readonly #libc: Calls;
  readonly #watchOne: (fd: number, fired: () => void) => Poll;
  readonly #watches = new Map<number, Watch>();
  #open: OpenEpoll | undefined;

  /** @param watchOne waits for one descriptor as this runtime can; `fired` may be called when there is nothing */
  constructor(libc: Calls, watchOne: (fd: number, fired: () => void) => Poll) {
    this.#libc = libc;
    this.#watchOne = watchOne;
  }

  /** @throws TransportError if no epoll is available, or nothing to wait with */
  watch(fd: number, fired: () => void): Poll {
    const open = this.#open ?? new OpenEpoll(this.#libc, this.#watchOne, this.#watches);
    try {
      // Without ONESHOT, epoll(7) would report an error of the socket forever: it cannot leave errors out.
      open.control(EPOLL_CTL_ADD, fd, EPOLLONESHOT);
    } catch (error) {
      if (this.#watches.size === 0) open.close();
      throw error;
    }
    this.#open = open;
    const watch = new Watch(open, fd, fired, () => {
      this.#watches.delete(fd);
      if (this.#watches.size > 0) return;
      this.#open = undefined;
      open.close();
    });
    this.#watches.set(fd, watch);
    return watch;
  }
}

/** There while anything is watched. */
class OpenEpoll {
  readonly #libc: Calls;
  readonly #fd: number;
  readonly #watches: ReadonlyMap<number, Watch>;
  readonly #events: Memory;
  readonly #event: Memory;
  readonly #poll: Poll;
  #started = false;
  #referenced = true;

  constructor(libc: Calls, watchOne: (fd: number, fired: () => void) => Poll, watches: ReadonlyMap<number, Watch>) {
    this.#libc = libc;
    this.#watches = watches;
    [this.#events, this.#event] = allocateAll(libc, MOST * EPOLL_EVENT_SIZE, EPOLL_EVENT_SIZE);
    let fd: number | undefined;
    try {
      fd = attempt(libc, 'epoll_create1', () => libc.epoll_create1(EPOLL_CLOEXEC));
      this.#poll = watchOne(fd, () => this.#fired());
    } catch (error) {
      if (fd !== undefined) libc.close(fd);
      this.#events.free();
      this.#event.free();
      throw error;
    }
    this.#fd = fd;
  }

  /** @throws TransportError */
  control(operation: number, fd: number, events: number): void {
    this.#event.u32(0, events);
    this.#event.u32(EPOLL_EVENT_DATA, fd);
    if (this.#libc.epoll_ctl(this.#fd, operation, fd, this.#event.bytes) < 0) throw failure(this.#libc, 'epoll_ctl');
  }

  /** Call it when a watch begins or stops to wait: only those that wait keep the process alive. */
  update(): void {
    let started = false;
    let referenced = false;
    for (const watch of this.#watches.values()) {
      if (!watch.started) continue;
      started = true;
      if (!watch.referenced) continue;
      referenced = true;
      break;
    }
    if (referenced !== this.#referenced) {
      this.#referenced = referenced;
      if (referenced) this.#poll.ref();
      else this.#poll.unref();
    }
    if (started !== this.#started) {
      this.#started = started;
      if (started) this.#poll.start();
      else this.#poll.stop();
    }
  }

  close(): void {
    this.#started = false;
    // The kernel wakes nobody who waits for a descriptor that is closed: the poll ends first, and closes when it may.
    this.#poll.close(() => this.#libc.close(this.#fd));
    this.#events.free();
    this.#event.free();
  }

  #fired(): void {
    const count = this.#libc.epoll_wait(this.#fd, this.#events.bytes, MOST, 0);
    const ready: Watch[] = [];
    for (let at = 0; at < count; at++) {
      const watch = this.#watches.get(this.#events.getI32(at * EPOLL_EVENT_SIZE + EPOLL_EVENT_DATA));
      if (watch !== undefined) ready.push(watch);
    }
    // What these do may close this epoll, and free its memory.
    for (const watch of ready) watch.ready();
    if (this.#started) this.#poll.start();
  }
}

class Watch implements Poll {
  readonly #epoll: OpenEpoll;
  readonly #fd: number;
  readonly #fired: () => void;
  readonly #gone: () => void;
  /** The kernel removes it after one report: EPOLLONESHOT. */
  #armed = false;
  #closed = false;
  started = false;
  referenced = true;

  constructor(epoll: OpenEpoll, fd: number, fired: () => void, gone: () => void) {
    this.#epoll = epoll;
    this.#fd = fd;
    this.#fired = fired;
    this.#gone = gone;
  }

  start(): void {
    if (this.#closed) return;
    if (!this.#armed) this.#epoll.control(EPOLL_CTL_MOD, this.#fd, POLLIN | EPOLLONESHOT);
    this.#armed = true;
    if (this.started) return;
    this.started = true;
    this.#epoll.update();
  }

  stop(): void {
    if (!this.started) return;
    this.started = false;
    this.#epoll.update();
  }

  ref(): void {
    if (this.referenced) return;
    this.referenced = true;
    this.#epoll.update();
  }

  unref(): void {
    if (!this.referenced) return;
    this.referenced = false;
    this.#epoll.update();
  }

  close(closed?: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.started = false;
    try {
      this.#epoll.control(EPOLL_CTL_DEL, this.#fd, 0);
    } catch {
      // Somebody else has closed the descriptor: then nobody watches it any more.
    }
    this.#gone();
    this.#epoll.update();
    closed?.();
  }

  /** The descriptor was readable. */
  ready(): void {
    this.#armed = false;
    if (this.started) this.#fired();
  }
}
