/** libc through Deno.dlopen, which needs --allow-ffi. */
import { isMainThread } from 'node:worker_threads';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import type { Transport, TransportOptions } from '../netlink/transport.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLIN } from '../uapi/socket.ts';
import { type CType, FUNCTIONS, LIBC_PATH, type Libc, type LibcFunctions, type Poll } from './libc/libc.ts';
import { POLLFD_EVENTS, POLLFD_SIZE } from './libc/memory.ts';
import { pollByTimer } from './libc/readiness.ts';
import { openSocket } from './libc/socket.ts';

type PointerValue = object | null;

/** Of Deno's interface, what is used. */
interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<string, { name?: string; parameters: readonly string[]; result: string; nonblocking?: boolean }>,
  ): { symbols: Record<string, (...args: never[]) => unknown> };
  UnsafePointer: { of(memory: Uint8Array): PointerValue; value(pointer: PointerValue): bigint };
  UnsafePointerView: new (pointer: PointerValue) => { getInt32(offset?: number): number };
}

const TYPES: Readonly<Record<CType, string>> = { i32: 'i32', u32: 'u32', i64: 'i64', pointer: 'buffer' };

type PollCall = (descriptors: Uint8Array, count: number, milliseconds: number) => Promise<number>;

let loaded: Libc | undefined;

function load(): Libc {
  const deno = (globalThis as { Deno?: DenoFfi }).Deno;
  if (deno === undefined) throw new UnsupportedError("the transport 'deno' runs on Deno only");
  const definitions = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, parameters]) => [
      name,
      { parameters: parameters.map((type) => TYPES[type]), result: 'i32' },
    ]),
  );
  const { symbols } = open(deno, {
    ...definitions,
    __errno_location: { parameters: [], result: 'pointer' },
    pollInThread: { name: 'poll', parameters: ['buffer', 'u32', 'i32'], result: 'i32', nonblocking: true },
  });
  const libc = symbols as unknown as LibcFunctions;
  // Of this thread: calls in another lose their errno, so that only poll is made there.
  const errno = new deno.UnsafePointerView((symbols.__errno_location as () => PointerValue)());
  return {
    ...libc,
    name: 'deno',
    errno: () => errno.getInt32(),
    addressOf: (memory) => deno.UnsafePointer.value(deno.UnsafePointer.of(memory)),
    // The memory of a worker thread goes when the thread is terminated, and a poll under way would still write into it.
    watch: (fd, fired) =>
      isMainThread ? new ThreadPoll(libc, symbols.pollInThread as unknown as PollCall, fd, fired) : pollByTimer(fired),
  };
}

function open(deno: DenoFfi, symbols: Parameters<DenoFfi['dlopen']>[1]): ReturnType<DenoFfi['dlopen']> {
  try {
    return deno.dlopen(LIBC_PATH, symbols);
  } catch (error) {
    throw new UnsupportedError(
      `Deno does not open ${LIBC_PATH}: ${(error as Error).message}. Foreign functions need the permission: deno run --allow-ffi --allow-sys`,
      { cause: error },
    );
  }
}

/**
 * poll(2) in a thread of Deno's, on the socket and on an eventfd that ends it. Such a call keeps the process alive, so that it is made only
 * while somebody wants it to.
 */
class ThreadPoll implements Poll {
  readonly #libc: LibcFunctions;
  readonly #call: PollCall;
  readonly #fired: () => void;
  readonly #wake: number;
  readonly #descriptors = new Uint8Array(new ArrayBuffer(2 * POLLFD_SIZE));
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer);
  /** What a read takes from the eventfd, so that it is not readable any more. */
  readonly #count = new Uint8Array(new ArrayBuffer(8));
  #started = false;
  #referenced = true;
  #polling = false;
  #closed = false;

  constructor(libc: LibcFunctions, call: PollCall, fd: number, fired: () => void) {
    this.#libc = libc;
    this.#call = call;
    this.#fired = fired;
    this.#wake = libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const view = viewOf(this.#descriptors);
    for (const [index, descriptor] of [fd, this.#wake].entries()) {
      view.setInt32(index * POLLFD_SIZE, descriptor, HOST_LITTLE_ENDIAN);
      view.setUint16(index * POLLFD_SIZE + POLLFD_EVENTS, POLLIN, HOST_LITTLE_ENDIAN);
    }
  }

  start(): void {
    this.#started = true;
    void this.#run();
  }

  stop(): void {
    this.#started = false;
    this.#interrupt();
  }

  ref(): void {
    this.#referenced = true;
    void this.#run();
  }

  unref(): void {
    this.#referenced = false;
    this.#interrupt();
  }

  close(): void {
    this.#closed = true;
    if (this.#polling) this.#interrupt();
    else this.#libc.close(this.#wake);
  }

  get #wanted(): boolean {
    return this.#started && this.#referenced && !this.#closed;
  }

  async #run(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    while (this.#wanted) {
      await this.#call(this.#descriptors, 2, -1);
      this.#libc.read(this.#wake, this.#count, 8);
      if (this.#wanted) this.#fired();
    }
    this.#polling = false;
    if (this.#closed) this.#libc.close(this.#wake);
  }

  #interrupt(): void {
    if (this.#polling) this.#libc.write(this.#wake, this.#one, 8);
  }
}

/** @throws UnsupportedError on other runtimes and without the permission; TransportError */
export async function openDeno(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(loaded, options);
}
