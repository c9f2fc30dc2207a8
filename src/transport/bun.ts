/** libc through bun:ffi. */
import { isMainThread } from 'node:worker_threads';
import { TransportError, UnsupportedError } from '../netlink/errors.ts';
import type { Transport, TransportOptions } from '../netlink/transport.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../uapi/socket.ts';
import { attempt, failure } from './libc/call.ts';
import { type CType, FUNCTIONS, LIBC_PATH, type Libc, type LibcFunctions, type Poll } from './libc/libc.ts';
import { Memory } from './libc/memory.ts';
import { pollByTimer } from './libc/readiness.ts';
import { Ring } from './libc/ring.ts';
import { openSocket } from './libc/socket.ts';

type Pointer = number;

/** Of the module's interface, what is used. */
interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: readonly string[]; returns: string }>,
  ): { symbols: Record<string, (...args: never[]) => unknown> };
  ptr(memory: Uint8Array): Pointer;
  read: { i32(pointer: Pointer, offset: number): number };
}

interface BunSockets {
  connect(options: { fd: number; socket: { data(): void } }): Promise<BunSocket>;
}

interface BunSocket {
  ref(): void;
  unref(): void;
  terminate(): void;
}

const TYPES: Readonly<Record<CType, string>> = { i32: 'i32', u32: 'u32', i64: 'i64', pointer: 'ptr' };

let loaded: Promise<Libc> | undefined;

async function load(): Promise<Libc> {
  if (!('Bun' in globalThis)) throw new UnsupportedError("the transport 'bun' runs on Bun only");
  const specifier = 'bun:ffi';
  const ffi = (await import(specifier)) as BunFfi;
  const definitions = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, parameters]) => [
      name,
      { args: parameters.map((type) => TYPES[type]), returns: 'i32' },
    ]),
  );
  const { symbols } = ffi.dlopen(LIBC_PATH, { ...definitions, __errno_location: { args: [], returns: 'ptr' } });
  const errno = (symbols.__errno_location as () => Pointer)();
  const libc: Libc = {
    ...(symbols as unknown as LibcFunctions),
    name: 'bun',
    errno: () => ffi.read.i32(errno, 0),
    addressOf: (memory) => BigInt(ffi.ptr(memory)),
    // The memory of a worker thread goes when the thread is terminated, and the kernel would still write into it.
    watch: (fd, fired) => (isMainThread ? watch(libc, fd, fired) : pollByTimer(fired)),
  };
  return libc;
}

/**
 * Bun tells of sockets that it may read itself, which would take events away and not say who sent them. So the kernel rings a bell for it:
 * io_uring writes a byte into a pair of sockets when ours is readable, and Bun reads that. Where there is no io_uring, the clock does.
 */
function watch(libc: Libc, fd: number, fired: () => void): Poll {
  try {
    return new Bell(libc, fd, fired);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return pollByTimer(fired);
  }
}

/** Milliseconds between looks whether the last wait is over. */
const CLOSING = 2;

class Bell implements Poll {
  readonly #libc: Libc;
  readonly #ring: Ring;
  readonly #fd: number;
  /** Our end, and a byte to write into it. */
  readonly #end: number;
  readonly #byte: Memory;
  readonly #socket: Promise<BunSocket>;
  #started = false;
  #waiting = false;
  #closed = false;

  /** @throws TransportError where there is no io_uring */
  constructor(libc: Libc, fd: number, fired: () => void) {
    this.#libc = libc;
    this.#fd = fd;
    this.#ring = Ring.take(libc);
    this.#byte = new Memory(libc, 8);
    const pair = new Memory(libc, 8);
    attempt(libc, 'socketpair', () =>
      libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.bytes),
    );
    this.#end = pair.getI32(0);
    const data = (): void => {
      this.#waiting = false;
      while (this.#ring.ready > 0) this.#ring.next();
      if (this.#started) this.#wait();
      if (this.#started) fired();
    };
    const { Bun } = globalThis as unknown as { Bun: BunSockets };
    this.#socket = Bun.connect({ fd: pair.getI32(4), socket: { data } });
  }

  start(): void {
    this.#started = true;
    this.#wait();
  }

  /** What is under way ends with one ring too many, that nobody hears. */
  stop(): void {
    this.#started = false;
  }

  ref(): void {
    void this.#socket.then((socket) => socket.ref());
  }

  unref(): void {
    void this.#socket.then((socket) => socket.unref());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#started = false;
    void this.#socket.then((socket) => socket.terminate());
    if (this.#waiting) {
      this.#ring.cancelWait();
      this.#ring.submit();
    }
    this.#free();
  }

  /** Until all is over, which it nearly always is at once, the kernel writes into memory and to a descriptor that must still be ours. */
  #free(): void {
    while (this.#ring.ready > 0) this.#ring.next();
    if (this.#ring.under > 0) {
      setTimeout(() => this.#free(), CLOSING);
      return;
    }
    this.#ring.release();
    this.#libc.close(this.#end);
  }

  #wait(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#ring.writeWhenReadable(this.#fd, this.#end, this.#byte.address());
    if (!this.#ring.submit()) throw failure(this.#libc, 'io_uring_enter');
  }
}

/** @throws UnsupportedError on other runtimes; TransportError */
export async function openBun(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(await loaded, options);
}
