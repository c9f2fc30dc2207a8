import type { Expectation } from '../ctnetlink/expectation.ts';
import { expectationsMatch } from '../ctnetlink/expectation-compare.ts';
import { requiredBy } from './compare.ts';
import { checkExpect } from './expect.ts';

/**
 * Compares two expectations: 1 if they are equal, else 0. A timeout is never compared. What only one of them has is no
 * difference; with NFCT_CMP_MASK `exp2` must have all that `exp1` has, with NFCT_CMP_STRICT also the reverse. The other
 * flags change nothing, as in C.
 *
 * @throws RangeError for flags that are no NFCT_CMP_
 */
export function nfexp_cmp(exp1: Expectation, exp2: Expectation, flags: number): number {
  checkExpect(exp1, 'exp1');
  checkExpect(exp2, 'exp2');
  return expectationsMatch(exp1, exp2, requiredBy(flags)) ? 1 : 0;
}
