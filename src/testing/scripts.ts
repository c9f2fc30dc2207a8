/** What a test has asked to go wrong. */

import { decodeExpectation, decodeFlow } from '../ctnetlink/message.ts';
import { operationOf } from '../ctnetlink/request/describe.ts';
import { EXPECTATION_QUERIES, type ExpectationQuery } from '../ctnetlink/request/expectation.ts';
import { QUERIES, type QueryName } from '../ctnetlink/request/flow.ts';
import { EXPECTED, FILTER_ORIG, FILTER_REPLY, ORIG, REPLY } from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import { viewOf } from '../netlink/byteorder.ts';
import { describe } from '../netlink/check.ts';
import { ERRNO_NAMES } from '../uapi/errno.ts';
import type { ModelAnswer } from './model.ts';

/**
 * Requests by the name that a KernelError gives them, and what a socket does: `open`, and `join`, joining a group. A
 * restore is a `create`.
 */
export type FakeOperation =
  | 'create'
  | 'createOrUpdate'
  | 'update'
  | 'get'
  | 'reset'
  | 'delete'
  | 'flush'
  | 'dump'
  | 'dumpReset'
  | 'dumpDying'
  | 'dumpUnconfirmed'
  | 'stats'
  | 'cpuStats'
  | 'expectations.create'
  | 'expectations.createOrUpdate'
  | 'expectations.get'
  | 'expectations.delete'
  | 'expectations.flush'
  | 'expectations.dump'
  | 'expectations.stats'
  | 'open'
  | 'join';

/** The bytes of these are those of a create. */
type Restoring = 'restore' | 'expectations.restore';
type Asked = Exclude<QueryName | ExpectationQuery, Restoring>;

const OPERATIONS: readonly FakeOperation[] = [
  ...[...Object.keys(QUERIES), ...Object.keys(EXPECTATION_QUERIES)].filter(
    (name): name is Asked => name !== 'restore' && name !== 'expectations.restore',
  ),
  'open',
  'join',
];

interface Failure {
  readonly operation: string;
  readonly errno: number;
  readonly message: string | undefined;
  times: number;
}

export class Scripts {
  #failures: Failure[] = [];
  /** Events that each socket is yet to lose, by its portid. */
  readonly #losses = new Map<number, number>();
  #interrupts = 0;
  #truncates = 0;

  /** @throws TypeError, RangeError naming the argument */
  fail(operation: FakeOperation, code: string, times: number, message: string | undefined): void {
    if (!OPERATIONS.includes(operation))
      throw new RangeError(`operation is ${describe(operation)}, and must be one of ${OPERATIONS.join(', ')}`);
    const errno = ERRNO_NAMES.indexOf(code);
    if (errno <= 0) throw new RangeError(`code must be the name of an errno, such as 'EPERM', not ${describe(code)}`);
    this.#failures.push({ operation, errno, message, times });
  }

  lose(portid: number, events: number): void {
    this.#losses.set(portid, (this.#losses.get(portid) ?? 0) + events);
  }

  interruptNext(): void {
    this.#interrupts++;
  }

  truncateNext(): void {
    this.#truncates++;
  }

  /** The answer that a test wants to this request, instead of that of the kernel. */
  answerTo(message: Uint8Array): ModelAnswer | undefined {
    if (this.#failures.length === 0) return undefined;
    const failure = this.#take(nameOf(message));
    if (failure === undefined) return undefined;
    const { errno, message: text } = failure;
    return text === undefined ? { errno } : { errno, fault: { message: text } };
  }

  /** The errno with which this is to fail now; undefined where it is not. */
  failureOf(operation: 'open' | 'join'): number | undefined {
    return this.#take(operation)?.errno;
  }

  losesEvent(portid: number): boolean {
    const left = this.#losses.get(portid) ?? 0;
    if (left > 0) this.#losses.set(portid, left - 1);
    return left > 0;
  }

  interrupts(): boolean {
    return this.#interrupts > 0 && this.#interrupts-- > 0;
  }

  truncates(): boolean {
    return this.#truncates > 0 && this.#truncates-- > 0;
  }

  #take(operation: string): Failure | undefined {
    const failure = this.#failures.find((each) => each.operation === operation);
    if (failure === undefined) return undefined;
    if (--failure.times <= 0) this.#failures = this.#failures.filter((each) => each !== failure);
    return failure;
  }
}

/** A DELETE without a tuple is a flush, and one with a filter. */
function nameOf(message: Uint8Array): string {
  const name = operationOf(message);
  const view = viewOf(message);
  if (name === 'expectations.delete')
    return hasTuple(decodeExpectation(view, 0, message.length).slots, EXPECTED) ? name : 'expectations.flush';
  if (name !== 'delete') return name;
  const { slots } = decodeFlow(view, 0, message.length);
  const filters = slots[FILTER_ORIG] !== undefined || slots[FILTER_REPLY] !== undefined;
  return !filters && (hasTuple(slots, ORIG) || hasTuple(slots, REPLY)) ? name : 'flush';
}
