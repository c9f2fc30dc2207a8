// Event filters of libnetfilter_conntrack: filter.c, asked.

import { bytes, type Failure, failure, hex, OracleProgram } from './program.ts';

/**
 * One call on a filter: nfct_filter_set_logic, or nfct_filter_add_attr with the 32-bit (of L4PROTO_STATE 16-bit)
 * integers of its value.
 */
export type Step = { kind: number; logic: number } | { kind: number; words: readonly number[] };

const NFCT_FILTER_L4PROTO_STATE = 1;

const program = new OracleProgram('filter');

/** The program that nfct_filter_attach gives to the kernel for each filter, or what failed. */
export function programs(filters: readonly (readonly Step[])[]): (Uint8Array | Failure)[] {
  const lines = filters.map((steps) => steps.map(stepText).join(' '));
  return program.ask([], lines).map((line) => failure(line) ?? bytes(line));
}

function stepText(step: Step): string {
  if ('logic' in step) return `${step.kind}:logic=${step.logic}`;
  const memory = step.kind === NFCT_FILTER_L4PROTO_STATE ? Uint16Array.from(step.words) : Uint32Array.from(step.words);
  return `${step.kind}=${hex(new Uint8Array(memory.buffer))}`;
}
