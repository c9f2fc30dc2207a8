/** Objects as text. JavaScript has strings: there is no buffer, so nothing is cut, and what is returned is the text. */
import type { Expectation } from '../ctnetlink/expectation.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { expectationText, expectationXML } from '../format/expectation.ts';
import { formatOptions } from '../format/flags.ts';
import { LabelMap } from '../format/labelmap.ts';
import { flowText } from '../format/plain.ts';
import { flowXML } from '../format/xml.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import { NFCT_O_MAX, NFCT_O_XML } from '../uapi/libnetfilter_conntrack.ts';
import { checkConntrack } from './conntrack.ts';
import { checkExpect } from './expect.ts';

/**
 * The text of a flow, without a newline.
 *
 * `msg_type` NFCT_T_NEW, NFCT_T_UPDATE or NFCT_T_DESTROY names it in front; NFCT_T_UNKNOWN, a mask of several or
 * anything else does not. `out_type` is NFCT_O_PLAIN or NFCT_O_XML, `out_flags` a mask of NFCT_OF_*, whose unknown bits
 * mean nothing. Plain text is empty for an object without ATTR_ORIG_L4PROTO, for which C returns -1.
 *
 * @throws RangeError for an out_type that does not exist (C: -1 and ENOENT)
 */
export function nfct_snprintf(ct: Flow, msg_type: number, out_type: number, out_flags: number): string {
  return nfct_snprintf_labels(ct, msg_type, out_type, out_flags, null);
}

/** Like nfct_snprintf, with the labels that `map` has names for; null (NULL) shows none. */
export function nfct_snprintf_labels(
  ct: Flow,
  msg_type: number,
  out_type: number,
  out_flags: number,
  map: LabelMap | null,
): string {
  checkConntrack(ct);
  if (map !== null && !(map instanceof LabelMap))
    throw new TypeError(`map must be a LabelMap or null, not ${describe(map)}`);
  checkOutput(msg_type, out_type, out_flags);
  const options = formatOptions(out_flags, msg_type, map ?? undefined);
  return out_type === NFCT_O_XML ? flowXML(ct, options) : flowText(ct, options);
}

/**
 * The text of an expectation, as nfct_snprintf() prints flows; of the flags only NFCT_OF_TIME means something.
 *
 * @throws RangeError for an out_type that does not exist (C: -1 and ENOENT)
 */
export function nfexp_snprintf(exp: Expectation, msg_type: number, out_type: number, out_flags: number): string {
  checkExpect(exp);
  checkOutput(msg_type, out_type, out_flags);
  const options = formatOptions(out_flags, msg_type);
  return out_type === NFCT_O_XML ? expectationXML(exp, options) : expectationText(exp, options);
}

function checkOutput(msg_type: number, out_type: number, out_flags: number): void {
  checkInteger(msg_type, 0xffffffff, 'msg_type');
  checkInteger(out_type, NFCT_O_MAX - 1, 'out_type');
  checkInteger(out_flags, 0xffffffff, 'out_flags');
}
