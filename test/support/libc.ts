/** System calls for tests that look at a socket of the kernel's themselves. */
import koffi from 'koffi';
import { type Calls, type CType, FUNCTIONS, type LibcFunctions } from '../../src/transport/libc/libc.ts';
import { allocate, free } from '../../src/transport/libc/owned.ts';

const TYPES: Readonly<Record<CType, string>> = { i32: 'int32_t', u32: 'uint32_t', i64: 'int64_t', pointer: 'void *' };

/** Functions of the C library: all give an int. */
export function bind(functions: Readonly<Record<string, readonly CType[]>>): Record<string, unknown> {
  const library = koffi.load('libc.so.6');
  const types = (parameters: readonly CType[]): string[] => parameters.map((type) => TYPES[type]);
  return Object.fromEntries(
    Object.entries(functions).map(([name, parameters]) => [name, library.func(name, 'int32_t', types(parameters))]),
  );
}

export function systemCalls(): Calls {
  return {
    ...(bind(FUNCTIONS) as LibcFunctions),
    errno: () => koffi.errno(),
    allocate,
    free,
    addressOf: (memory) => koffi.address(memory),
  };
}
