/** libc through bun:ffi. */
import { TransportError, UnsupportedError } from '../../netlink/errors.ts';
import { isMainThread } from '../../netlink/platform.ts';
import type { Transport, TransportOptions } from '../../netlink/transport.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../../uapi/socket.ts';
import { attempt } from '../libc/call.ts';
import { Ring } from '../libc/io_uring/ring.ts';
import { bindAio, type CType, FUNCTIONS, LIBC_PATH, type Libc, type LibcFunctions, type Poll } from '../libc/libc.ts';
import { allocateAll, type Memory } from '../libc/memory.ts';
import { allocate, free } from '../libc/owned.ts';
import { Polls } from '../libc/polls.ts';
import { pollByTimer } from '../libc/readiness.ts';
import { openSocket } from '../libc/socket.ts';

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
  const define = (functions: Readonly<Record<string, readonly CType[]>>): Parameters<BunFfi['dlopen']>[1] =>
    Object.fromEntries(
      Object.entries(functions).map(([name, parameters]) => [
        name,
        { args: parameters.map((type) => TYPES[type]), returns: 'i32' },
      ]),
    );
  const { symbols } = ffi.dlopen(LIBC_PATH, { ...define(FUNCTIONS), __errno_location: { args: [], returns: 'ptr' } });
  const errno = (symbols.__errno_location as () => Pointer)();
  const libc: Libc = {
    ...(symbols as unknown as LibcFunctions),
    name: 'bun',
    aio: bindAio((more) => ffi.dlopen(LIBC_PATH, define(more)).symbols),
    allocate,
    free,
    errno: () => ffi.read.i32(errno, 0),
    addressOf: (memory) => BigInt(ffi.ptr(memory)),
    // The memory of a worker thread goes when the thread is terminated, and the kernel would still write into it.
    watch: (fd, fired) => (isMainThread ? polls.watch(fd, fired) : pollByTimer(fired)),
  };
  const polls = new Polls(libc, (fd, fired) => watchOne(libc, fd, fired));
  return libc;
}

/**
 * Bun reports readiness only for sockets that it reads itself. It would take events away without their sender. So the
 * kernel rings a bell for it: io_uring writes a byte into a pair of sockets when ours is readable, and Bun reads that
 * byte. Where there is no io_uring, the clock does.
 */
function watchOne(libc: Libc, fd: number, fired: () => void): Poll {
  try {
    return new Bell(libc, fd, fired);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return pollByTimer(fired);
  }
}

class Bell implements Poll {
  readonly #libc: Libc;
  readonly #ring: Ring;
  readonly #fd: number;
  readonly #fired: () => void;
  /** Our end, and a byte to write into it. */
  readonly #end: number;
  readonly #byte: Memory;
  readonly #socket: Promise<BunSocket | undefined>;
  /** Where the kernel does not ring, or Bun does not listen. */
  #clock: Poll | undefined;
  #started = false;
  #referenced = true;
  #waiting = false;
  #closed = false;

  /** @throws TransportError where there is no io_uring, or no pair of sockets */
  constructor(libc: Libc, fd: number, fired: () => void) {
    this.#libc = libc;
    this.#fd = fd;
    this.#fired = fired;
    const [pair, byte] = allocateAll(libc, 8, 8);
    this.#byte = byte;
    try {
      const type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
      attempt(libc, 'socketpair', () => libc.socketpair(AF_UNIX, type, 0, pair.bytes));
      this.#end = pair.getI32(0);
      try {
        this.#ring = Ring.take(libc);
      } catch (error) {
        libc.close(this.#end);
        libc.close(pair.getI32(4));
        throw error;
      }
      const { Bun } = globalThis as unknown as { Bun: BunSockets };
      this.#socket = Bun.connect({ fd: pair.getI32(4), socket: { data: () => this.#rang() } }).catch(() => {
        this.#useClock();
        return undefined;
      });
    } catch (error) {
      byte.free();
      throw error;
    } finally {
      pair.free();
    }
  }

  start(): void {
    if (this.#closed) return;
    this.#started = true;
    if (this.#clock !== undefined) this.#clock.start();
    else this.#wait();
  }

  /** What is under way ends with one ring too many, that nobody hears. */
  stop(): void {
    this.#started = false;
    this.#clock?.stop();
  }

  ref(): void {
    this.#reference(true);
  }

  unref(): void {
    this.#reference(false);
  }

  close(closed: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.stop();
    void this.#socket.then((socket) => socket?.terminate());
    this.#ring.retire((lost) => {
      // The write behind the poll has not begun: its descriptor must stay what it is.
      if (!lost) {
        this.#libc.close(this.#end);
        this.#byte.free();
      }
      closed();
    });
  }

  #rang(): void {
    this.#waiting = false;
    while (this.#ring.ready > 0) this.#ring.next();
    if (!this.#started) return;
    this.#started = false;
    this.#fired();
  }

  #wait(): void {
    if (this.#waiting) return;
    this.#ring.writeWhenReadable(this.#fd, this.#end, this.#byte.address());
    const taken = this.#ring.submit();
    this.#waiting = taken === 2;
    // A wait without the byte behind it rings for nobody.
    if (!this.#waiting) this.#useClock();
  }

  #useClock(): void {
    if (this.#clock !== undefined || this.#closed) return;
    this.#clock = pollByTimer(this.#fired);
    if (!this.#referenced) this.#clock.unref();
    if (this.#started) this.#clock.start();
  }

  #reference(wanted: boolean): void {
    this.#referenced = wanted;
    const of = (poll: Pick<Poll, 'ref' | 'unref'> | undefined): void => (wanted ? poll?.ref() : poll?.unref());
    of(this.#clock);
    void this.#socket.then(of);
  }
}

/** @throws UnsupportedError on other runtimes; TransportError */
export async function openBun(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(await loaded, options);
}
