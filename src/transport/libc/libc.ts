/**
 * What a runtime must give for a socket of ours: some functions of libc, errno, the address of a buffer, and notice
 * that a file descriptor is readable. All the rest is written once, in this folder.
 */
import { UnsupportedError } from '../../netlink/errors.ts';

/** libc.so.6 is what dlopen of musl understands too. */
export const LIBC_PATH = 'libc.so.6';

export type CType = 'i32' | 'u32' | 'i64' | 'pointer';

/**
 * Parameters of each function; all give an i32. Lengths that are size_t in C are in structures (msghdr), so that no
 * BigInt is made a call; only `syscall`, which is rare, takes one: its third argument is an address for one and a
 * number for the other call.
 */
export const FUNCTIONS = {
  socket: ['i32', 'i32', 'i32'],
  socketpair: ['i32', 'i32', 'i32', 'pointer'],
  bind: ['i32', 'pointer', 'u32'],
  connect: ['i32', 'pointer', 'u32'],
  getsockname: ['i32', 'pointer', 'pointer'],
  setsockopt: ['i32', 'i32', 'i32', 'pointer', 'u32'],
  getsockopt: ['i32', 'i32', 'i32', 'pointer', 'pointer'],
  sendmsg: ['i32', 'pointer', 'i32'],
  recvmmsg: ['i32', 'pointer', 'u32', 'i32', 'pointer'],
  epoll_create1: ['i32'],
  epoll_ctl: ['i32', 'i32', 'i32', 'pointer'],
  epoll_wait: ['i32', 'pointer', 'i32', 'i32'],
  eventfd: ['u32', 'i32'],
  read: ['i32', 'pointer', 'u32'],
  write: ['i32', 'pointer', 'u32'],
  close: ['i32'],
  open: ['pointer', 'i32'],
  setns: ['i32', 'i32'],
  uname: ['pointer'],
  syscall: ['i32', 'i32', 'i64', 'i32', 'i32', 'pointer', 'i32'],
} as const satisfies Readonly<Record<string, readonly CType[]>>;

export type FunctionName = keyof typeof FUNCTIONS;

interface Arguments {
  i32: number;
  u32: number;
  i64: bigint;
  /** A buffer, passed by its address; or NULL. */
  pointer: Uint8Array | null;
}

type Parameters<Types extends readonly CType[]> = { -readonly [Index in keyof Types]: Arguments[Types[Index]] };

/**
 * The functions of libc as JavaScript calls them: a negative number is a failure, whose reason errno() has until the
 * next call.
 */
export type LibcFunctions = {
  [Name in FunctionName]: (...args: Parameters<(typeof FUNCTIONS)[Name]>) => number;
};

/**
 * The functions of aio.h for aio.ts; all return an i32. Only glibc has the last one, which nobody calls: musl exports
 * the others too, but starts a thread for each operation and keeps no order between reads.
 */
export const AIO_FUNCTIONS = {
  aio_read: ['pointer'],
  aio_write: ['pointer'],
  aio_error: ['pointer'],
  aio_return: ['pointer'],
  aio_suspend: ['pointer', 'i32', 'pointer'],
  gnu_get_libc_version: [],
} as const satisfies Readonly<Record<string, readonly CType[]>>;

export type AioFunctions = {
  [Name in Exclude<keyof typeof AIO_FUNCTIONS, 'gnu_get_libc_version'>]: (
    ...args: Parameters<(typeof AIO_FUNCTIONS)[Name]>
  ) => number;
};

/** The functions of aio.h; undefined where `bind` throws because the C library lacks one of them. */
export function bindAio(
  bind: (functions: Readonly<Record<string, readonly CType[]>>) => unknown,
): AioFunctions | undefined {
  try {
    return bind(AIO_FUNCTIONS) as AioFunctions;
  } catch {
    return undefined;
  }
}

/**
 * Waits until a file descriptor is readable: `fired` is called once at least after each `start`, and may be called more
 * often until `stop`.
 */
export interface Poll {
  /** @throws TransportError when the kernel refuses to wait; without effect while it waits */
  start(): void;
  stop(): void;
  /** Keeps the process alive while it is started (the state at first), or not. */
  ref(): void;
  unref(): void;
  /**
   * For good. `closed` is called, at once or later, when nothing uses the descriptor any more: only then may it be
   * closed.
   */
  close(closed: () => void): void;
}

/** System calls, and memory for them. */
export interface Calls extends LibcFunctions {
  errno(): number;
  /**
   * Zeroed memory at an address that stays, for as long as the process runs or until `free`, whoever forgets it: see
   * owned.ts. The array is the whole of its ArrayBuffer.
   */
  allocate(size: number): Uint8Array<ArrayBuffer>;
  /** Gives it back. To be called when neither the kernel nor another thread will read or write it any more. */
  free(memory: Uint8Array): void;
  /** Of the first byte of what `allocate` gave. */
  addressOf(memory: Uint8Array): bigint;
}

export interface Libc extends Calls {
  /** Of the transport: 'koffi'. */
  readonly name: string;
  /** Undefined where the C library has no aio.h in libc, or keeps no order there: glibc before 2.34, and musl. */
  readonly aio?: AioFunctions | undefined;
  /**
   * Calls `fired` from the event loop when there is something to read; may call it when there is nothing.
   * @throws TransportError
   */
  watch(fd: number, fired: () => void): Poll;
}

/** 64-bit machines with the numbers of asm-generic; Deno and Bun name theirs as Node does. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64', 's390x'];

/** @throws UnsupportedError on a machine that the layouts in this folder do not fit */
export function checkPlatform(name: string): void {
  const { platform, arch } = process;
  if (platform !== 'linux') throw new UnsupportedError(`the transport '${name}' needs Linux, this is ${platform}`);
  if (!ARCHITECTURES.includes(arch)) {
    throw new UnsupportedError(`the transport '${name}' knows the layouts of ${ARCHITECTURES.join(', ')}, not ${arch}`);
  }
}
