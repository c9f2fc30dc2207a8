/**
 * The first low-level API, which the header calls deprecated: without its handle, and without a buffer, since what is
 * built is returned. Messages have the sequence number 0.
 */

import type { Codec, SlotHolder } from '../ctnetlink/codec/codec.ts';
import { type Expectation, expectationCodec } from '../ctnetlink/expectation.ts';
import { NEWEST } from '../ctnetlink/filter/support.ts';
import { type Flow, flowCodec } from '../ctnetlink/flow.ts';
import { eventTypeOf, expectationEventTypeOf } from '../ctnetlink/message.ts';
import { MESSAGE_TYPES } from '../format/flags.ts';
import { checkInteger } from '../netlink/check.ts';
import { bytesOf, operation } from '../netlink/request.ts';
import { nfnlType } from '../nfnetlink/nfgenmsg.ts';
import { NfnlRequest } from '../nfnetlink/request.ts';
import { NFCT_Q_DUMP_FILTER, NFCT_T_UNKNOWN } from '../uapi/libnetfilter_conntrack.ts';
import { NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP } from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_GET } from '../uapi/nfnetlink_conntrack.ts';
import { checkConntrack } from './conntrack.ts';
import { checkExpect } from './expect.ts';
import { checkDeletion, nfexp_nlmsg_parse } from './expect-nlmsg.ts';
import { buildExpectQuery } from './expect-query.ts';
import { expectWireForm } from './expect-wire.ts';
import type { nfct_filter_dump } from './filter-dump.ts';
import { nfct_nlmsg_parse, openMessage, wholeFilter } from './nlmsg.ts';
import { buildQuery } from './request.ts';
import { wireForm } from './wire.ts';

/**
 * A whole message about an object, of this type (IPCTNL_MSG_CT_NEW) and with these flags (NLM_F_REQUEST | NLM_F_ACK).
 * @throws TypeError, RangeError naming the argument
 */
export function nfct_build_conntrack(type: number, flags: number, ct: Flow): Uint8Array {
  checkConntrack(ct);
  return build(NFNL_SUBSYS_CTNETLINK, type, flags, flowCodec, wireForm(ct));
}

/**
 * The whole message that nfct_query() sends. A filter must be one that the kernel applies as a whole, since nobody
 * compares what comes: `release` and what is refused are those of nfct_nlmsg_build_filter().
 *
 * @throws TypeError, RangeError, UnsupportedError
 */
export function nfct_build_query(query: number, data: Flow | number | nfct_filter_dump, release?: string): Uint8Array {
  const dumps = query === NFCT_Q_DUMP_FILTER;
  if (dumps) wholeFilter(data, IPCTNL_MSG_CT_GET, release);
  return bytesOf(buildQuery(query, data, dumps ? (release ?? NEWEST) : release).request);
}

/**
 * What a message says, NFCT_T_NEW, NFCT_T_UPDATE (also an entry of a dump or a reply) or NFCT_T_DESTROY, when it is
 * among those of `msg` (NFCT_T_* ORed together), with the object filled as nfct_nlmsg_parse() does; else 0, and the
 * object stays as it is. In C a message of another subsystem is taken for one about a flow; here it is 0 too.
 *
 * @throws DecodeError for a broken length (C: NFCT_T_ERROR); TypeError, RangeError naming the argument
 */
export function nfct_parse_conntrack(msg: number, nlh: Uint8Array, ct: Flow): number {
  checkConntrack(ct);
  checkInteger(msg, 0xffffffff, 'msg');
  const type = eventTypeOf(openMessage(nlh).header);
  if (type === undefined || (MESSAGE_TYPES[type] & msg) === 0) return NFCT_T_UNKNOWN;
  nfct_nlmsg_parse(nlh, ct);
  return MESSAGE_TYPES[type];
}

/**
 * A whole message about an expectation, of this type (IPCTNL_MSG_EXP_NEW) and with these flags.
 * @throws TypeError, RangeError naming the argument
 */
export function nfexp_build_expect(type: number, flags: number, exp: Expectation): Uint8Array {
  checkExpect(exp);
  checkDeletion(type, exp);
  return build(NFNL_SUBSYS_CTNETLINK_EXP, type, flags, expectationCodec, expectWireForm(exp));
}

/** The whole message that nfexp_query() sends. @throws TypeError, RangeError naming the argument */
export function nfexp_build_query(qt: number, data: Expectation | number): Uint8Array {
  return bytesOf(buildExpectQuery(qt, data).request);
}

/**
 * Like nfct_parse_conntrack(), for expectations.
 * @throws DecodeError for a broken length (C: NFCT_T_ERROR); TypeError, RangeError naming the argument
 */
export function nfexp_parse_expect(type: number, nlh: Uint8Array, exp: Expectation): number {
  checkExpect(exp);
  checkInteger(type, 0xffffffff, 'type');
  const found = expectationEventTypeOf(openMessage(nlh).header);
  if (found === undefined || (MESSAGE_TYPES[found] & type) === 0) return NFCT_T_UNKNOWN;
  nfexp_nlmsg_parse(nlh, exp);
  return MESSAGE_TYPES[found];
}

function build(
  subsystem: number,
  type: number,
  flags: number,
  codec: Codec,
  { family, attributes }: { family: number; attributes: SlotHolder },
): Uint8Array {
  const kind = operation({
    name: 'by hand',
    type: nfnlType(subsystem, checkInteger(type, 0xff, 'type')),
    flags: checkInteger(flags, 0xffff, 'flags'),
    replies: false,
    repeatable: false,
  });
  return bytesOf(new NfnlRequest(kind, codec, family, attributes));
}
