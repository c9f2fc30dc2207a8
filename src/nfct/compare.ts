import { type Comparison, flowsMatch, type Required } from '../ctnetlink/compare.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { checkInteger } from '../netlink/check.ts';
import {
  NFCT_CMP_ALL,
  NFCT_CMP_MASK,
  NFCT_CMP_ORIG,
  NFCT_CMP_REPL,
  NFCT_CMP_STRICT,
} from '../uapi/libnetfilter_conntrack.ts';
import { checkConntrack } from './conntrack.ts';

const FLAGS_MAX = 0x7f;

/** @throws RangeError for flags that are no NFCT_CMP_ */
export function requiredBy(flags: number): Required {
  checkInteger(flags, FLAGS_MAX, 'flags');
  return (flags & NFCT_CMP_STRICT) !== 0 ? 'both' : (flags & NFCT_CMP_MASK) !== 0 ? 'first' : 'ignored';
}

/** One for each combination of flags: a program compares thousands of objects. */
const COMPARISONS: readonly Comparison[] = Array.from({ length: FLAGS_MAX + 1 }, (_, flags) => {
  const parts = flags & ~(NFCT_CMP_MASK | NFCT_CMP_STRICT);
  const all = parts === NFCT_CMP_ALL;
  return {
    orig: all || (parts & NFCT_CMP_ORIG) !== 0,
    reply: all || (parts & NFCT_CMP_REPL) !== 0,
    rest: all,
    required: requiredBy(flags),
  };
});

/**
 * Compares two objects: 1 if they are equal, else 0. NFCT_CMP_ALL compares everything that C compares, NFCT_CMP_ORIG
 * and NFCT_CMP_REPL only these directions. An attribute that only one of the objects has is ignored. With
 * NFCT_CMP_MASK, `ct2` must have all attributes of `ct1`; with NFCT_CMP_STRICT also the reverse. But a value of 0 of
 * ATTR_MARK, ATTR_ZONE, ATTR_ORIG_ZONE and ATTR_REPL_ZONE is the same as not set. The status of `ct2` must have all
 * bits of `ct1`.
 *
 * In C the NFCT_CMP_TIMEOUT_* compare no timeouts, although the header says so: they only leave out what is of neither
 * direction. It is the same here.
 *
 * @throws RangeError for flags that are no NFCT_CMP_
 */
export function nfct_cmp(ct1: Flow, ct2: Flow, flags: number): number {
  checkConntrack(ct1, 'ct1');
  checkConntrack(ct2, 'ct2');
  return flowsMatch(ct1, ct2, COMPARISONS[checkInteger(flags, FLAGS_MAX, 'flags')]) ? 1 : 0;
}

/** Compares two objects as nfct_cmp does with NFCT_CMP_ALL: 1 or 0. */
export function nfct_compare(ct1: Flow, ct2: Flow): number {
  return nfct_cmp(ct1, ct2, NFCT_CMP_ALL);
}
