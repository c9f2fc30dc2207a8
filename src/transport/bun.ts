/** libc through bun:ffi. */
import { UnsupportedError } from '../netlink/errors.ts';
import type { Transport, TransportOptions } from '../netlink/transport.ts';
import { type CType, FUNCTIONS, LIBC_PATH, type Libc, type LibcFunctions } from './libc/libc.ts';
import { pollByTimer } from './libc/readiness.ts';
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
  return {
    ...(symbols as unknown as LibcFunctions),
    name: 'bun',
    errno: () => ffi.read.i32(errno, 0),
    addressOf: (memory) => BigInt(ffi.ptr(memory)),
    watch: (_fd, fired) => pollByTimer(fired),
  };
}

/** @throws UnsupportedError on other runtimes; TransportError */
export async function openBun(options?: TransportOptions): Promise<Transport> {
  loaded ??= load();
  return openSocket(await loaded, options);
}
