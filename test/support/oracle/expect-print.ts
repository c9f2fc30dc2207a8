// What nfexp_snprintf prints.

import type { PrintOptions } from './oracle.ts';
import { hex, OracleProgram, printingAt } from './program.ts';

const program = new OracleProgram('expect-print');

/** nfexp_snprintf's text of each whole message; 'error ERRNO' where the library failed. */
export function printExpectations(messages: readonly Uint8Array[], options: PrintOptions = {}): string[] {
  const { type = 0, flags = 0, msgType = -1, now, timeZone } = options;
  return program.ask([type, flags, msgType], messages.map(hex), printingAt(now, timeZone));
}
