/** Messages of expectations by hand: see nlmsg.ts. */

import { type Expectation, expectationCodec } from '../ctnetlink/expectation.ts';
import { decodeExpectation } from '../ctnetlink/message.ts';
import { EXPECT_MASK, EXPECT_MASTER, EXPECT_NAT, EXPECTED } from '../ctnetlink/slots.ts';
import { hasTuple } from '../ctnetlink/tuple.ts';
import { HOST_LITTLE_ENDIAN } from '../netlink/byteorder.ts';
import type { Writer } from '../netlink/writer.ts';
import { nfnlMessage } from '../nfnetlink/nfgenmsg.ts';
import { IPCTNL_MSG_EXP_DELETE } from '../uapi/nfnetlink_conntrack.ts';
import { checkExpect } from './expect.ts';
import { expectWireForm } from './expect-wire.ts';
import { append, checkWriter, fill, openMessage } from './nlmsg.ts';

/**
 * Appends what nfexp_query() would send of the expectation to the message that was begun last: see nfct_nlmsg_build().
 * Returns 0.
 *
 * @throws TypeError when no message is begun, or one that deletes would have no ATTR_EXP_EXPECTED, and delete all;
 * TypeError, RangeError naming the argument. Nothing is written then
 */
export function nfexp_nlmsg_build(writer: Writer, exp: Expectation): number {
  const message = checkWriter(writer);
  checkExpect(exp);
  checkDeletion(nfnlMessage(writer.view.getUint16(message + 4, HOST_LITTLE_ENDIAN)), exp);
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

/** @throws TypeError when a message of this type would delete every expectation */
export function checkDeletion(type: number, exp: Expectation): void {
  if (type === IPCTNL_MSG_EXP_DELETE && !hasTuple(exp.slots, EXPECTED))
    throw new TypeError('exp: ATTR_EXP_EXPECTED is not set, and a message that deletes would delete all');
}
