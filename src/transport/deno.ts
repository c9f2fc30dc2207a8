/** libc through Deno.dlopen, which needs --allow-ffi. */
import { isMainThread } from 'node:worker_threads';
import { UnsupportedError } from '../netlink/errors.ts';
import type { Transport, TransportOptions } from '../netlink/transport.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLIN } from '../uapi/socket.ts';
import { attempt } from './libc/call.ts';
import {
  bindAio,
  type Calls,
  type CType,
  FUNCTIONS,
  LIBC_PATH,
  type Libc,
  type LibcFunctions,
  type Poll,
} from './libc/libc.ts';
import { allocateAll, type Memory, POLLFD_EVENTS, POLLFD_SIZE } from './libc/memory.ts';
import { allocate, disown, free, own } from './libc/owned.ts';
import { Polls } from './libc/polls.ts';
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
  const define = (functions: Readonly<Record<string, readonly CType[]>>): Parameters<DenoFfi['dlopen']>[1] =>
    Object.fromEntries(
      Object.entries(functions).map(([name, parameters]) => [
        name,
        { parameters: parameters.map((type) => TYPES[type]), result: 'i32' },
      ]),
    );
  const { symbols } = open(deno, {
    ...define(FUNCTIONS),
    __errno_location: { parameters: [], result: 'pointer' },
    pollInThread: { name: 'poll', parameters: ['buffer', 'u32', 'i32'], result: 'i32', nonblocking: true },
  });
  // Of this thread: calls in another lose their errno, so that only poll is made there.
  const errno = new deno.UnsafePointerView((symbols.__errno_location as () => PointerValue)());
  const libc: Calls = {
    ...(symbols as unknown as LibcFunctions),
    errno: () => errno.getInt32(),
    allocate,
    free,
    addressOf: (memory) => deno.UnsafePointer.value(deno.UnsafePointer.of(memory)),
  };
  const polls = new Polls(
    libc,
    (fd, fired) => new ThreadPoll(libc, symbols.pollInThread as unknown as PollCall, fd, fired),
  );
  return {
    ...libc,
    name: 'deno',
    aio: bindAio((more) => deno.dlopen(LIBC_PATH, define(more)).symbols),
    // The memory of a worker thread goes when the thread is terminated, and a poll under way would still write into it.
    watch: (fd, fired) => (isMainThread ? polls.watch(fd, fired) : pollByTimer(fired)),
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
 * poll(2) in a thread of Deno's, on a descriptor and on an eventfd that ends it. Such a call keeps the process alive, so that it is made only
 * while somebody wants it to. Deno has some 32 such threads for all: only Polls makes one of these, which waits for all sockets.
 */
class ThreadPoll implements Poll {
  readonly #libc: Calls;
  readonly #call: PollCall;
  readonly #fired: () => void;
  readonly #wake: number;
  readonly #descriptors: Memory;
  /** What is written to the eventfd, and what a read takes from it, so that it is not readable any more. */
  readonly #one: Memory;
  readonly #count: Memory;
  #started = false;
  #referenced = true;
  #polling = false;
  #closed: (() => void) | undefined;

  /** @throws TransportError where there is no eventfd to be had: poll(2) would ignore it, and never end */
  constructor(libc: Calls, call: PollCall, fd: number, fired: () => void) {
    this.#libc = libc;
    this.#call = call;
    this.#fired = fired;
    [this.#descriptors, this.#one, this.#count] = allocateAll(libc, 2 * POLLFD_SIZE, 8, 8);
    try {
      this.#wake = attempt(libc, 'eventfd', () => libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    } catch (error) {
      this.#free();
      throw error;
    }
    this.#one.u64(0, 1n);
    for (const [index, descriptor] of [fd, this.#wake].entries()) {
      this.#descriptors.u32(index * POLLFD_SIZE, descriptor);
      this.#descriptors.u16(index * POLLFD_SIZE + POLLFD_EVENTS, POLLIN);
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

  close(closed: () => void): void {
    this.#closed = closed;
    if (this.#polling) this.#interrupt();
    else this.#end(closed);
  }

  get #wanted(): boolean {
    return this.#started && this.#referenced && this.#closed === undefined;
  }

  async #run(): Promise<void> {
    if (this.#polling || this.#closed !== undefined) return;
    this.#polling = true;
    // The thread writes into memory of this object, whoever else forgets it.
    own(this);
    while (this.#wanted) {
      await this.#call(this.#descriptors.bytes, 2, -1);
      this.#libc.read(this.#wake, this.#count.bytes, 8);
      if (!this.#wanted) continue;
      this.#started = false;
      this.#fired();
    }
    this.#polling = false;
    disown(this);
    if (this.#closed !== undefined) this.#end(this.#closed);
  }

  #interrupt(): void {
    if (this.#polling) this.#libc.write(this.#wake, this.#one.bytes, 8);
  }

  #end(closed: () => void): void {
    this.#libc.close(this.#wake);
    this.#free();
    closed();
  }

  #free(): void {
    for (const memory of [this.#descriptors, this.#one, this.#count]) memory.free();
  }
}

/** @throws UnsupportedError on other runtimes and without the permission; TransportError */
export async function openDeno(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(loaded, options);
}
