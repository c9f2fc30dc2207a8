/** The verdict of a callback, NFCT_CB_*: whether nfct_catch and nfct_query go on. */
import { checkSync, describe } from '../netlink/check.ts';
import { NFCT_CB_CONTINUE, NFCT_CB_FAILURE, NFCT_CB_STOLEN, NFCT_CB_STOP } from '../uapi/libnetfilter_conntrack.ts';

/** @throws TypeError for anything else */
export function checkVerdict(verdict: unknown): number {
  switch (verdict) {
    case NFCT_CB_FAILURE:
    case NFCT_CB_STOP:
    case NFCT_CB_CONTINUE:
    case NFCT_CB_STOLEN:
      return verdict;
    default:
      checkSync(verdict, 'the callback');
      throw new TypeError(`the callback must return one of NFCT_CB_*, not ${describe(verdict)}`);
  }
}

/** The query or the catch is over. */
export function isLast(verdict: number): boolean {
  return verdict === NFCT_CB_STOP || verdict === NFCT_CB_FAILURE;
}
