import { checkGiven, checkPlain, describe } from '../../netlink/check.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import { type SlotHolder, sameValue } from '../attributes/kinds.ts';
import { type Expectation, expectationFrom } from '../expectation.ts';
import { FAMILIES, type Family } from '../names.ts';
import { EXPECT_HELPER, EXPECT_MASTER, EXPECTED } from '../slots.ts';
import type { RangeSet } from './ranges.ts';
import { readPart, type TupleFilter } from './terms.ts';

/**
 * Which expectations: what is given must be equal; ports may be ranges and lists, as in Filter. A property that is
 * there and undefined is refused: see Filter.
 */
export interface ExpectationFilter {
  /** Layer 3 protocol of the expected flow. */
  family?: Family;
  /** Name of the helper that expects. */
  helper?: string;
  /** The flow whose helper expects. */
  master?: TupleFilter;
  /** The flow that is expected. */
  tuple?: TupleFilter;
}

const PARTS = ['family', 'helper', 'master', 'tuple'];

/**
 * The filter, checked once. The kernel is asked for the family only: a dump by master is answered with ENOENT without
 * such a flow and, where that has no helper, not at all (Linux 6.18).
 */
export class CompiledExpectationFilter {
  /** AF_* for the request. */
  readonly family: number;
  readonly #wanted: Expectation;
  readonly #compared: readonly number[];
  readonly #sets: readonly (readonly [slot: number, set: RangeSet])[];

  /** @throws TypeError, RangeError naming the part of the filter */
  constructor(filter: ExpectationFilter, argument = 'filter') {
    checkPlain(filter, argument);
    for (const key of Object.keys(filter))
      if (!PARTS.includes(key)) throw new TypeError(`${argument}.${key} is not one of ${PARTS.join(', ')}`);
    checkGiven(filter, argument);
    const { family, helper, master, tuple } = filter;
    const masterPart = readPart(master, EXPECT_MASTER, `${argument}.master`);
    const tuplePart = readPart(tuple, EXPECTED, `${argument}.tuple`);
    this.#sets = [...masterPart.sets, ...tuplePart.sets];
    if (family !== undefined && (typeof family !== 'string' || !Object.hasOwn(FAMILIES, family)))
      throw new RangeError(`${argument}.family must be 'ipv4' or 'ipv6', not ${describe(family)}`);
    this.#wanted = expectationFrom({ helper, master: masterPart.plain, tuple: tuplePart.plain }, argument);
    const { slots } = this.#wanted;
    if (family !== undefined) slots[EXPECTED.family] ??= FAMILIES[family];
    this.family = (family === undefined ? (slots[EXPECTED.family] ?? AF_UNSPEC) : FAMILIES[family]) as number;
    this.#compared = [
      EXPECTED.family,
      ...EXPECTED.all,
      EXPECT_MASTER.family,
      ...EXPECT_MASTER.all,
      EXPECT_HELPER,
    ].filter((slot) => slots[slot] !== undefined);
  }

  matches({ slots }: SlotHolder): boolean {
    return (
      this.#compared.every((slot) => sameValue(this.#wanted.slots[slot], slots[slot])) &&
      this.#sets.every(([slot, set]) => typeof slots[slot] === 'number' && set.has(slots[slot]))
    );
  }
}
