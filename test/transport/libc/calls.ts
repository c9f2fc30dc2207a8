/** System calls by koffi, for tests of what is below the transports. */
import { expect } from 'chai';
import koffi from 'koffi';
import {
  AIO_FUNCTIONS,
  type AioFunctions,
  type CType,
  FUNCTIONS,
  type Libc,
  type LibcFunctions,
} from '../../../src/transport/libc/libc.ts';
import { Memory } from '../../../src/transport/libc/memory.ts';
import { allocate, free } from '../../../src/transport/libc/owned.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK } from '../../../src/uapi/socket.ts';

const SOCK_DGRAM = 2;

const TYPES: Readonly<Record<CType, string>> = { i32: 'int32_t', u32: 'uint32_t', i64: 'int64_t', pointer: 'void *' };

function bind(functions: Readonly<Record<string, readonly CType[]>>): Record<string, unknown> {
  const library = koffi.load('libc.so.6');
  const types = (parameters: readonly CType[]): string[] => parameters.map((type) => TYPES[type]);
  return Object.fromEntries(
    Object.entries(functions).map(([name, parameters]) => [name, library.func(name, 'int32_t', types(parameters))]),
  );
}

export const libc: Libc = {
  ...(bind(FUNCTIONS) as LibcFunctions),
  name: 'koffi',
  errno: () => koffi.errno(),
  allocate,
  free,
  addressOf: (memory) => koffi.address(memory),
  watch: () => {
    throw new Error('nothing is watched here');
  },
};
export const aio = bind(AIO_FUNCTIONS) as unknown as AioFunctions;

/** Both ends of a pair of sockets that keep datagrams apart and wait for nothing. */
export function pair(): [number, number] {
  const ends = new Memory(libc, 8);
  expect(libc.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.bytes)).to.equal(0);
  const pair: [number, number] = [ends.getI32(0), ends.getI32(4)];
  ends.free();
  return pair;
}
