/**
 * libc through Deno.dlopen, which needs --allow-ffi, or --allow-ffi=PATH with the path of the C library. Nothing of
 * Deno.UnsafePointer is used, which the latter does not allow: memcpy(3) reads errno and returns addresses.
 */
import { UnsupportedError } from '../../netlink/errors.ts';
import { isMainThread } from '../../netlink/platform.ts';
import type { Transport, TransportOptions } from '../../netlink/transport.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLIN } from '../../uapi/socket.ts';
import { attempt } from '../libc/call.ts';
import {
  bindAio,
  type Calls,
  type CType,
  FUNCTIONS,
  LIBC_PATH,
  type Libc,
  type LibcFunctions,
  type Poll,
} from '../libc/libc.ts';
import { allocateAll, type Memory, POLLFD_EVENTS, POLLFD_SIZE } from '../libc/memory.ts';
import { allocate, disown, free, own } from '../libc/owned.ts';
import { Polls } from '../libc/polls.ts';
import { pollByTimer } from '../libc/readiness.ts';
import { openSocket } from '../libc/socket.ts';
import { denoAllows } from '../permissions.ts';

type PointerValue = object | null;

/** Of Deno's interface, what is used. */
interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<string, { name?: string; parameters: readonly string[]; result: string; nonblocking?: boolean }>,
  ): { symbols: Record<string, (...args: never[]) => unknown> };
}

const TYPES: Readonly<Record<CType, string>> = { i32: 'i32', u32: 'u32', i64: 'i64', pointer: 'buffer' };

/** memcpy(3), whose second argument is a buffer or an address. */
interface Copies {
  copyFrom(to: Uint8Array, from: PointerValue, length: number): void;
  addressOf(to: Uint8Array, from: Uint8Array, length: number): bigint | number;
}

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
  const [path, symbols] = open(deno, {
    ...define(FUNCTIONS),
    __errno_location: { parameters: [], result: 'pointer' },
    copyFrom: { name: 'memcpy', parameters: ['buffer', 'pointer', 'usize'], result: 'void' },
    addressOf: { name: 'memcpy', parameters: ['buffer', 'buffer', 'usize'], result: 'u64' },
    pollInThread: { name: 'poll', parameters: ['buffer', 'u32', 'i32'], result: 'i32', nonblocking: true },
  });
  // Of this thread: calls in another lose their errno, so that only poll is made there.
  const errnoLocation = (symbols.__errno_location as () => PointerValue)();
  const errno = new Int32Array(1);
  const errnoBytes = new Uint8Array(errno.buffer);
  const { copyFrom, addressOf } = symbols as unknown as Copies;
  const libc: Calls = {
    ...(symbols as unknown as LibcFunctions),
    errno: () => {
      copyFrom(errnoBytes, errnoLocation, 4);
      return errno[0];
    },
    allocate,
    free,
    addressOf: (memory) => BigInt(addressOf(memory, memory, 0)),
  };
  const polls = new Polls(
    libc,
    (fd, fired) => new ThreadPoll(libc, symbols.pollInThread as unknown as PollCall, fd, fired),
  );
  return {
    ...libc,
    name: 'deno',
    aio: bindAio((more) => deno.dlopen(path, define(more)).symbols),
    // The memory of a worker thread goes when the thread is terminated, and a poll under way would still write into it.
    watch: (fd, fired) => (isMainThread ? polls.watch(fd, fired) : pollByTimer(fired)),
  };
}

/**
 * Where the C library is, for --allow-ffi=PATH: Deno opens nothing but what has this path then, and takes a bare name
 * for a file of the current folder.
 */
const PATHS: readonly string[] = (() => {
  const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return [`/lib/${triple}`, `/usr/lib/${triple}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib'].map(
    (folder) => `${folder}/${LIBC_PATH}`,
  );
})();

/** Opens the C library by the first of its names that Deno allows and that is there. */
function open(
  deno: DenoFfi,
  symbols: Parameters<DenoFfi['dlopen']>[1],
): [path: string, symbols: ReturnType<DenoFfi['dlopen']>['symbols']] {
  const allowed = [LIBC_PATH, ...PATHS].filter((path) => denoAllows({ name: 'ffi', path }));
  let cause: unknown;
  for (const path of allowed) {
    try {
      return [path, deno.dlopen(path, symbols).symbols];
    } catch (error) {
      cause = error;
    }
  }
  const reason = allowed.length === 0 ? '' : ` (${(cause as Error).message})`;
  throw new UnsupportedError(
    `Deno does not open the C library${reason}. It needs --allow-ffi, or --allow-ffi=PATH with the whole path of ${LIBC_PATH}, such as ${PATHS[0]}`,
    { cause },
  );
}

/**
 * poll(2) in a thread of Deno's, on a descriptor and on an eventfd that ends it. Such a call keeps the process alive,
 * so that it is made only while somebody wants it to. Deno has some 32 such threads for all: only Polls makes one of
 * these, which waits for all sockets.
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

  /** @throws TransportError if no eventfd is available: poll(2) would ignore it, and never end */
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
