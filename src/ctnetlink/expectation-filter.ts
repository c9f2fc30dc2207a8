import { checkGiven, checkPlain, describe } from '../netlink/check.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';
import { EXPECT_MASTER, EXPECTED, Expectation, expectationSlot } from './expectation.ts';
import { checkPart } from './filter-terms.ts';
import { sameValue } from './kinds.ts';
import { FAMILIES, type Family } from './names.ts';
import type { TupleInit } from './properties.ts';

/** Which expectations: what is given must be equal. A property that is there and undefined is refused: see Filter. */
export interface ExpectationFilter {
  family?: Family;
  /** Name of the helper that expects. */
  helper?: string;
  /** The flow whose helper expects. */
  master?: TupleInit;
  /** The flow that is expected. */
  tuple?: TupleInit;
}

const HELPER = expectationSlot('helper');
const PARTS = ['family', 'helper', 'master', 'tuple'];

/**
 * The filter, checked once. The kernel is asked for the family only: a dump by master is answered with ENOENT without such a flow and, where
 * that has no helper, not at all (Linux 6.18).
 */
export class CompiledExpectationFilter {
  /** AF_* for the request. */
  readonly family: number;
  readonly #wanted: Expectation;
  readonly #compared: readonly number[];

  /** @throws TypeError, RangeError naming the part of the filter */
  constructor(filter: ExpectationFilter, argument = 'filter') {
    checkPlain(filter, argument);
    for (const key of Object.keys(filter))
      if (!PARTS.includes(key)) throw new TypeError(`${argument}.${key} is none of ${PARTS.join(', ')}`);
    checkGiven(filter, argument);
    const { family, helper, master, tuple } = filter;
    checkPart(master, `${argument}.master`);
    checkPart(tuple, `${argument}.tuple`);
    if (family !== undefined && (typeof family !== 'string' || !Object.hasOwn(FAMILIES, family)))
      throw new RangeError(`${argument}.family must be 'ipv4' or 'ipv6', not ${describe(family)}`);
    this.#wanted = Expectation.from({ helper, master, tuple }, argument);
    const { slots } = this.#wanted;
    if (family !== undefined) slots[EXPECTED.family] ??= FAMILIES[family];
    this.family = (family === undefined ? (slots[EXPECTED.family] ?? AF_UNSPEC) : FAMILIES[family]) as number;
    this.#compared = [EXPECTED.family, ...EXPECTED.all, EXPECT_MASTER.family, ...EXPECT_MASTER.all, HELPER].filter(
      (slot) => slots[slot] !== undefined,
    );
  }

  matches({ slots }: Expectation): boolean {
    return this.#compared.every((slot) => sameValue(this.#wanted.slots[slot], slots[slot]));
  }
}
