/**
 * libc through the npm package `koffi` (prebuilt): Node.js 20 to 24, Electron, and wherever there is nothing of the
 * runtime's own.
 */
import { UnsupportedError } from '../../netlink/errors.ts';
import { isMainThread } from '../../netlink/platform.ts';
import type { Transport, TransportOptions } from '../../netlink/transport.ts';
import { bindAio, type CType, FUNCTIONS, LIBC_PATH, type Libc, type LibcFunctions, type Poll } from '../libc/libc.ts';
import { allocate, free } from '../libc/owned.ts';
import { pollByTimer } from '../libc/readiness.ts';
import { openSocket } from '../libc/socket.ts';
import { denoFlags, packageRefused } from '../permissions.ts';

/** Of koffi's interface, what is used. */
interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: readonly string[]): unknown };
  errno(): number;
  address(memory: Uint8Array): bigint;
  node: {
    poll(fd: number, events: typeof READABLE, callback: () => void): PollHandle;
  };
}

interface PollHandle {
  start(events: typeof READABLE, callback: () => void): void;
  stop(): void;
  ref(): void;
  unref(): void;
  close(): void;
}

const READABLE = { readable: true } as const;

/** Deno and Bun load koffi, but their event loops are not libuv's. */
const LIBUV = !('Deno' in globalThis || 'Bun' in globalThis);

const TYPES: Readonly<Record<CType, string>> = { i32: 'int32_t', u32: 'uint32_t', i64: 'int64_t', pointer: 'void *' };

let loaded: Promise<Libc> | undefined;

async function load(): Promise<Libc> {
  const koffi = await importKoffi();
  const library = koffi.load(LIBC_PATH);
  const bind = (functions: Readonly<Record<string, readonly CType[]>>): unknown =>
    Object.fromEntries(
      Object.entries(functions).map(([name, parameters]) => [
        name,
        library.func(
          name,
          'int32_t',
          parameters.map((type) => TYPES[type]),
        ),
      ]),
    );
  return {
    ...(bind(FUNCTIONS) as LibcFunctions),
    name: 'koffi',
    aio: bindAio(bind),
    errno: () => koffi.errno(),
    allocate,
    free,
    addressOf: (memory) => koffi.address(memory),
    watch: (fd, fired) => (isMainThread && LIBUV ? watchByLibuv(koffi, fd, fired) : pollByTimer(fired)),
  };
}

/** A poll handle of libuv's. In worker threads of Node, an open one would kill the process when the thread ends. */
function watchByLibuv(koffi: Koffi, fd: number, fired: () => void): Poll {
  const handle = koffi.node.poll(fd, READABLE, fired);
  handle.stop();
  let started = false;
  return {
    start() {
      if (!started) handle.start(READABLE, fired);
      started = true;
    },
    stop() {
      if (started) handle.stop();
      started = false;
    },
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close(closed) {
      handle.close();
      closed();
    },
  };
}

async function importKoffi(): Promise<Koffi> {
  // It reads the executable to learn which C library that has.
  const missing = denoFlags({ name: 'ffi' }, { name: 'read', path: process.execPath });
  if (missing.length > 0) throw new UnsupportedError(`on Deno, the npm package 'koffi' needs ${missing.join(' ')}`);
  try {
    const specifier = 'koffi';
    const module = (await import(specifier)) as Koffi & { default?: Koffi };
    return module.default ?? module;
  } catch (error) {
    throw packageRefused('koffi', error);
  }
}

/** @throws UnsupportedError where koffi cannot be loaded; TransportError */
export async function openKoffi(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(await loaded, options);
}
