/** Whether two expectations say the same, by the rules of nfexp_cmp: the timeout, which runs, is never compared. */
import { type Required, slotsMatch, tupleComparison, tuplesMatch } from './compare.ts';
import type { Expectation } from './expectation.ts';
import { EXPECT_MASK, EXPECT_MASTER, EXPECT_NAT, EXPECTED, expectationSlot } from './slots.ts';

const TUPLES = [EXPECTED, EXPECT_MASTER, EXPECT_MASK, EXPECT_NAT].map((tuple) => tupleComparison(tuple, tuple));
const REST = (['zone', 'flags', 'helper', 'class', 'nat.direction', 'fn'] as const).map(expectationSlot);

export function expectationsMatch(first: Expectation, second: Expectation, required: Required): boolean {
  const one = first.slots;
  const two = second.slots;
  return TUPLES.every((tuple) => tuplesMatch(one, two, tuple, required)) && slotsMatch(one, two, REST, required);
}
