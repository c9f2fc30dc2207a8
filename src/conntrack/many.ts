/** What calls for many items take, and what became of the items. */

import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { type Checks, checkFunction } from '../netlink/check.ts';
import { NetlinkError } from '../netlink/errors.ts';
import { CALL_OPTIONS, type CallOptions } from './call.ts';

/** Failures that a ManyError keeps, and those that its message has. */
export const KEPT = 100;
const NAMED = 10;

/** Flows from an array, a generator, a dump, or any other iterable. */
export type Flows = Iterable<FlowInit | Flow> | AsyncIterable<FlowInit | Flow>;

/** An item, and its place among all. */
export interface Place<Item> {
  /** Its place among all items, from 0. */
  index: number;
  /** The item as it was given. */
  item: Item;
}

/** One item that failed, and its place among all. */
export interface Failure<Item = FlowInit | Flow> extends Place<Item> {
  /** KernelError as the kernel refused it; TypeError, RangeError for what cannot be asked. */
  error: Error;
}

/** What createMany and createOrUpdateMany take. */
export interface ManyOptions extends CallOptions {
  /**
   * Called for each failed item, in the order of the answers; the call then resolves anyway. If it throws, the call
   * ends with that error. Default: the call continues to the end of the items and then rejects with a ManyError.
   */
  onError?: ((failure: Failure) => void) | undefined;
}

export const MANY_OPTIONS: Checks<ManyOptions> = { ...CALL_OPTIONS, onError: checkFunction };

/** What became of the items. */
export interface ManyResult {
  /** Items that the kernel carried out. */
  succeeded: number;
  /** Items that failed; each was reported. */
  failed: number;
}

/** Some items failed; all others were done. The message has the first ten failures, a line each. */
export class ManyError extends NetlinkError implements ManyResult {
  /** 'ManyError', of every copy of this package. */
  override name = 'ManyError';
  /** Items that the kernel carried out. */
  readonly succeeded: number;
  /** Items that failed. */
  readonly failed: number;
  /** The first 100. Not enumerable, nor is there a `cause`: what prints errors would print each with its stack. */
  declare readonly failures: readonly Failure[];

  constructor(operation: string, result: ManyResult, failures: readonly Failure<unknown>[]) {
    const { succeeded, failed } = result;
    const named = failures.map(({ index, error }) => ({ name: `item ${index}`, error }));
    super('ERR_MANY', failureText(operation, failed, succeeded + failed, named));
    this.succeeded = succeeded;
    this.failed = failed;
    Object.defineProperty(this, 'failures', { value: failures });
  }
}

/** A line for the call, and one for each of the first failures. */
export function failureText(
  operation: string,
  failed: number,
  all: number,
  failures: readonly { name: string; error: Error }[],
): string {
  const lines = failures.slice(0, NAMED).map(({ name, error }) => `  ${name}: ${error.message}`);
  if (failed > lines.length) lines.push(`  and ${failed - lines.length} more`);
  return `${operation}: ${failed} of ${all} failed\n${lines.join('\n')}`;
}
