// Socket filters of the kernel: bpf.c, asked.

import { type Failure, failure, hex, OracleProgram } from './program.ts';

const program = new OracleProgram('bpf');

/** How many bytes of each datagram come through its program, or with what errno the program is refused. */
export function throughKernel(
  cases: readonly (readonly [program: Uint8Array, datagram: Uint8Array])[],
): (number | Failure)[] {
  const lines = cases.map(([filter, datagram]) => `${hex(filter)} ${hex(datagram)}`);
  return program.ask([], lines).map((line) => failure(line) ?? Number(line));
}
