/** libc through `node:ffi`, which is a part of Node.js since 26.1. */
import { TransportError, UnsupportedError } from '../../netlink/errors.ts';
import { isMainThread } from '../../netlink/platform.ts';
import type { Transport, TransportOptions } from '../../netlink/transport.ts';
import { bindAio, type CType, FUNCTIONS, LIBC_PATH, type Libc, type LibcFunctions, type Poll } from '../libc/libc.ts';
import { allocate, free, own } from '../libc/owned.ts';
import { pollByTimer } from '../libc/readiness.ts';
import { openSocket } from '../libc/socket.ts';
import { isAccessDenied } from '../permissions.ts';

type Pointer = bigint;

/** Of the module's interface, what is used. */
interface NodeFfi {
  dlopen(
    path: string | null,
    definitions: Readonly<Record<string, { arguments: readonly string[]; return: string }>>,
  ): { lib: Library; functions: Record<string, (...args: never[]) => unknown> };
  getRawPointer(memory: Uint8Array): Pointer;
  getInt32(pointer: Pointer, offset: number): number;
  getCurrentEventLoop(): Pointer;
}

interface Library {
  registerCallback(
    signature: { arguments: readonly string[]; return: string },
    callback: (...args: never[]) => void,
  ): Pointer;
}

/** uv.h */
const UV_POLL = 8;
const UV_READABLE = 1;

interface Libuv {
  uv_handle_size(type: number): bigint;
  uv_poll_init(loop: Pointer, handle: Uint8Array, fd: number): number;
  uv_poll_start(handle: Uint8Array, events: number, callback: Pointer): number;
  uv_poll_stop(handle: Uint8Array): number;
  uv_ref(handle: Uint8Array): void;
  uv_unref(handle: Uint8Array): void;
  uv_close(handle: Uint8Array, callback: Pointer): void;
}

const LIBUV = {
  uv_handle_size: { arguments: ['i32'], return: 'u64' },
  uv_poll_init: { arguments: ['pointer', 'pointer', 'i32'], return: 'i32' },
  uv_poll_start: { arguments: ['pointer', 'i32', 'pointer'], return: 'i32' },
  uv_poll_stop: { arguments: ['pointer'], return: 'i32' },
  uv_ref: { arguments: ['pointer'], return: 'void' },
  uv_unref: { arguments: ['pointer'], return: 'void' },
  uv_close: { arguments: ['pointer', 'pointer'], return: 'void' },
} as const satisfies Record<keyof Libuv, { arguments: readonly string[]; return: string }>;

let loaded: Promise<Libc> | undefined;

async function load(): Promise<Libc> {
  const ffi = await importFfi();
  const define = (functions: Readonly<Record<string, readonly CType[]>>): Parameters<NodeFfi['dlopen']>[1] =>
    Object.fromEntries(
      Object.entries(functions).map(([name, parameters]) => [name, { arguments: parameters, return: 'i32' }]),
    );
  const { functions } = open(ffi, {
    ...define(FUNCTIONS),
    __errno_location: { arguments: [], return: 'pointer' },
  });
  const location = functions.__errno_location as () => Pointer;
  // Of this thread, which is the only one that calls.
  const errno = location();
  let polls: Polls | undefined;
  return {
    ...(functions as unknown as LibcFunctions),
    name: 'node:ffi',
    aio: bindAio((more) => ffi.dlopen(LIBC_PATH, define(more)).functions),
    errno: () => ffi.getInt32(errno, 0),
    allocate,
    free,
    addressOf: (memory) => ffi.getRawPointer(memory),
    watch: (fd, fired) => {
      if (!isMainThread) return pollByTimer(fired);
      polls ??= new Polls(ffi);
      return polls.watch(fd, fired);
    },
  };
}

function open(ffi: NodeFfi, definitions: Parameters<NodeFfi['dlopen']>[1]): ReturnType<NodeFfi['dlopen']> {
  try {
    return ffi.dlopen(LIBC_PATH, definitions);
  } catch (error) {
    if (!isAccessDenied(error)) throw error;
    throw new UnsupportedError('the permission model of Node.js refuses foreign functions without --allow-ffi', {
      cause: error,
    });
  }
}

interface OpenPoll {
  readonly memory: Uint8Array;
  fired(): void;
}

/**
 * Poll handles of the event loop that Node itself runs on. In worker threads, an open one would kill the process when
 * the thread ends.
 */
class Polls {
  readonly #ffi: NodeFfi;
  readonly #uv: Libuv;
  readonly #fired: Pointer;
  readonly #closed: Pointer;
  /** By the address of the handle, whose memory is libuv's until it says that it is closed. */
  readonly #open = new Map<Pointer, OpenPoll>();

  constructor(ffi: NodeFfi) {
    this.#ffi = ffi;
    const { lib, functions } = ffi.dlopen(null, LIBUV);
    this.#uv = functions as unknown as Libuv;
    // libuv has the addresses of both callbacks, for as long as the process runs.
    own({ lib, polls: this });
    this.#fired = lib.registerCallback({ arguments: ['pointer', 'i32', 'i32'], return: 'void' }, (handle: Pointer) =>
      this.#open.get(handle)?.fired(),
    );
    this.#closed = lib.registerCallback({ arguments: ['pointer'], return: 'void' }, (handle: Pointer) => {
      const poll = this.#open.get(handle);
      this.#open.delete(handle);
      if (poll !== undefined) free(poll.memory);
    });
  }

  watch(fd: number, fired: () => void): Poll {
    const uv = this.#uv;
    const memory = allocate(Number(uv.uv_handle_size(UV_POLL)));
    const failed = uv.uv_poll_init(this.#ffi.getCurrentEventLoop(), memory, fd);
    if (failed < 0) {
      free(memory);
      throw new TransportError('uv_poll_init', -failed, 'libuv does not poll the socket');
    }
    this.#open.set(this.#ffi.getRawPointer(memory), { memory, fired });
    let started = false;
    return {
      start: () => {
        if (started) return;
        const failed = uv.uv_poll_start(memory, UV_READABLE, this.#fired);
        if (failed < 0) throw new TransportError('uv_poll_start', -failed, 'libuv does not poll the socket');
        started = true;
      },
      stop: () => {
        if (started) uv.uv_poll_stop(memory);
        started = false;
      },
      ref: () => uv.uv_ref(memory),
      unref: () => uv.uv_unref(memory),
      close: (closed) => {
        // Takes the descriptor out of libuv's epoll at once; the memory is libuv's for some time yet.
        uv.uv_close(memory, this.#closed);
        closed();
      },
    };
  }
}

async function importFfi(): Promise<NodeFfi> {
  if ('Deno' in globalThis || 'Bun' in globalThis || process.versions.electron !== undefined)
    throw new UnsupportedError("the transport 'node:ffi' runs on Node.js only");
  try {
    const specifier = 'node:ffi';
    return (await import(specifier)) as NodeFfi;
  } catch (error) {
    throw new UnsupportedError(
      `this is Node.js ${process.version}; node:ffi is there since 26.1, in the first ones with --experimental-ffi (${(error as Error).message})`,
      { cause: error },
    );
  }
}

/** @throws UnsupportedError where there is no node:ffi; TransportError */
export async function openNodeFfi(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(await loaded, options);
}
