/** Messages of expectations by hand: see nlmsg.ts. */
import {
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_NAT,
  EXPECTED,
  type Expectation,
  expectationCodec,
} from '../ctnetlink/expectation.ts';
import { decodeExpectation } from '../ctnetlink/message.ts';
import type { Writer } from '../netlink/writer.ts';
import { checkExpect } from './expect.ts';
import { expectWireForm } from './expect-wire.ts';
import { append, checkWriter, fill, openMessage } from './nlmsg.ts';

/**
 * Appends what nfexp_query() would send of the expectation to the message that was begun last: see nfct_nlmsg_build(). Returns 0.
 *
 * **Without ATTR_EXP_EXPECTED an IPCTNL_MSG_EXP_DELETE deletes every expectation**, or those of ATTR_EXP_HELPER_NAME.
 *
 * @throws TypeError when no message is begun; TypeError, RangeError naming the argument. Nothing is written then
 */
export function nfexp_nlmsg_build(writer: Writer, exp: Expectation): number {
  checkWriter(writer);
  checkExpect(exp);
  append(writer, expectationCodec, [expectWireForm(exp).attributes]);
  return 0;
}

/**
 * Reads one whole message, from its nlmsghdr on, into the expectation: see nfct_nlmsg_parse(). Returns 0.
 *
 * @throws DecodeError for a broken length, with its offset and the path to it. The expectation is unchanged then
 * @throws TypeError naming the argument
 */
export function nfexp_nlmsg_parse(nlh: Uint8Array, exp: Expectation): number {
  checkExpect(exp);
  const { view, end } = openMessage(nlh);
  const tuples = [EXPECTED, EXPECT_MASTER, EXPECT_MASK, EXPECT_NAT];
  fill(exp, decodeExpectation(view, 0, end), expectationCodec, tuples);
  return 0;
}
