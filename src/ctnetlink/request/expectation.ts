/**
 * One function a query about expectations makes its request: what each sends, and what is refused before it can do
 * harm.
 */

import type { Request } from '../../netlink/request.ts';
import { ACK, DUMP, NfnlRequest, operations } from '../../nfnetlink/request.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK_EXP } from '../../uapi/nfnetlink.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../uapi/socket.ts';
import { ANY_IPV6 } from '../address.ts';
import type { SlotValue } from '../attributes/kinds.ts';
import { describeEntry } from '../describe-tuple.ts';
import { Expectation, expectationCodec } from '../expectation.ts';
import {
  EXPECT_HELPER,
  EXPECT_ID,
  EXPECT_MASK,
  EXPECT_MASTER,
  EXPECT_NAT,
  EXPECT_NAT_DIRECTION,
  EXPECT_TIMEOUT,
  EXPECT_ZONE,
  EXPECTED,
  type TupleSlots,
} from '../slots.ts';
import { checkTuple, hasPorts, hasTuple } from '../tuple.ts';

/** Message and flags of every query, as libnetfilter_conntrack sends them; the statistics are ours. */
const MESSAGES = {
  'expectations.create': [cta.IPCTNL_MSG_EXP_NEW, ACK | NLM_F_CREATE | NLM_F_EXCL],
  'expectations.createOrUpdate': [cta.IPCTNL_MSG_EXP_NEW, ACK | NLM_F_CREATE],
  'expectations.get': [cta.IPCTNL_MSG_EXP_GET, ACK, { replies: true }],
  'expectations.delete': [cta.IPCTNL_MSG_EXP_DELETE, ACK],
  'expectations.flush': [cta.IPCTNL_MSG_EXP_DELETE, ACK],
  'expectations.dump': [cta.IPCTNL_MSG_EXP_GET, DUMP, { repeatable: true }],
  'expectations.stats': [cta.IPCTNL_MSG_EXP_GET_STATS_CPU, DUMP, { repeatable: true }],
  // A create, of an expectation that was dumped.
  'expectations.restore': [cta.IPCTNL_MSG_EXP_NEW, ACK | NLM_F_CREATE | NLM_F_EXCL],
} as const;

export type ExpectationQuery = keyof typeof MESSAGES;

export const EXPECTATION_QUERIES = operations(NFNL_SUBSYS_CTNETLINK_EXP, MESSAGES);

class ExpectationRequest extends NfnlRequest<Expectation> {
  override subject(): string | undefined {
    const { attributes } = this;
    if (!(attributes instanceof Expectation) || !hasTuple(attributes.slots, EXPECTED)) return undefined;
    const { slots } = attributes;
    return describeEntry(slots, EXPECTED, slots[EXPECT_ZONE], slots[EXPECT_ID]);
  }
}

/**
 * A request with exactly these attributes, or none, and no check. Callers that have an expectation use the functions
 * below.
 */
export function buildExpectationMessage(
  query: ExpectationQuery,
  family: number,
  attributes: Expectation | readonly Expectation[] = [],
): Request {
  return new ExpectationRequest(EXPECTATION_QUERIES[query], expectationCodec, family, attributes);
}

const WHOLE_IPV6 = new Uint8Array(16).fill(255);

function familyOf({ slots }: Expectation): number {
  return (slots[EXPECTED.family] ?? AF_UNSPEC) as number;
}

/** Fills what may be left out of one side of a tuple, with what means nothing: the kernel demands both. */
function complete(slots: SlotValue[], tuple: TupleSlots, missing: 'source' | 'destination'): void {
  const { src4, src6, sport, dst4, dst6, dport } = tuple;
  const sides = [
    [src4, dst4, 0],
    [src6, dst6, ANY_IPV6],
    [sport, dport, 0],
  ] as const;
  for (const [source, destination, nothing] of sides) {
    const [given, open] = missing === 'source' ? [destination, source] : [source, destination];
    if (slots[given] !== undefined) slots[open] ??= nothing;
  }
}

/**
 * The mask if none is given: the parts of the source that are given and not 0 count. The kernel demands a mask, and
 * reads only its source.
 */
function completeMask(slots: SlotValue[]): void {
  const isGiven = (slot: number): boolean => {
    const value = slots[slot];
    return value instanceof Uint8Array ? value.some((byte) => byte !== 0) : value !== undefined && value !== 0;
  };
  const family = slots[EXPECTED.family];
  slots[EXPECT_MASK.family] = family;
  if (family === AF_INET) {
    slots[EXPECT_MASK.src4] = isGiven(EXPECTED.src4) ? -1 : 0;
    slots[EXPECT_MASK.dst4] = -1;
  } else if (family === AF_INET6) {
    slots[EXPECT_MASK.src6] = isGiven(EXPECTED.src6) ? WHOLE_IPV6 : ANY_IPV6;
    slots[EXPECT_MASK.dst6] = WHOLE_IPV6;
  }
  slots[EXPECT_MASK.proto] = slots[EXPECTED.proto];
  slots[EXPECT_MASK.sport] = isGiven(EXPECTED.sport) ? 0xffff : 0;
  slots[EXPECT_MASK.dport] = 0xffff;
}

/**
 * @throws TypeError when the expected tuple has no destination or protocol, the master is not whole, or the timeout or
 * the direction of NAT is missing (the kernel would say EINVAL)
 */
export function buildExpectationCreate(
  expectation: Expectation,
  query: 'expectations.create' | 'expectations.createOrUpdate' | 'expectations.restore',
  argument = 'expectation',
): Request {
  const attributes = new Expectation();
  attributes.slots = expectation.slots.slice();
  attributes.unknown = expectation.unknown;
  const { slots } = attributes;
  complete(slots, EXPECTED, 'source');
  if (hasPorts(slots, EXPECTED)) slots[EXPECTED.sport] ??= 0;
  checkTuple(slots, EXPECTED, argument, expectation.slots[EXPECT_ID] !== undefined);
  checkTuple(slots, EXPECT_MASTER, argument, expectation.slots[EXPECT_ID] !== undefined);
  if (slots[EXPECT_TIMEOUT] === undefined)
    throw new TypeError(`${argument}.timeout is required: seconds until the expectation is given up`);
  if (!hasTuple(slots, EXPECT_MASK)) completeMask(slots);
  if (hasTuple(slots, EXPECT_NAT)) {
    if (slots[EXPECT_NAT_DIRECTION] === undefined)
      throw new TypeError(`${argument}.nat.direction is required: 0 or 1, the direction that is translated`);
    slots[EXPECT_NAT.proto] ??= slots[EXPECTED.proto];
    complete(slots, EXPECT_NAT, 'destination');
  }
  slots[EXPECT_ID] = undefined;
  return buildExpectationMessage(query, familyOf(attributes), attributes);
}

/**
 * What names an expectation to the kernel: a tuple that it would take, and the exact zone.
 * @throws TypeError when it has no destination or protocol: a DELETE without a tuple is a flush
 */
function identity(expectation: Expectation, argument: string): Expectation {
  const attributes = new Expectation();
  const { slots } = attributes;
  for (const slot of [EXPECTED.family, ...EXPECTED.all, EXPECT_ZONE]) slots[slot] = expectation.slots[slot];
  complete(slots, EXPECTED, 'source');
  if (hasPorts(slots, EXPECTED)) slots[EXPECTED.sport] ??= 0;
  checkTuple(slots, EXPECTED, argument, expectation.slots[EXPECT_ID] !== undefined);
  return attributes;
}

/** @throws TypeError when the tuple has no destination or protocol */
export function buildExpectationGet(expectation: Expectation, argument = 'expectation'): Request {
  return buildExpectationMessage('expectations.get', familyOf(expectation), identity(expectation, argument));
}

/**
 * With an id, only that very expectation is deleted.
 * @throws TypeError when the tuple has no destination or protocol: without one the kernel would delete all
 */
export function buildExpectationDelete(expectation: Expectation, argument = 'expectation'): Request {
  const attributes = identity(expectation, argument);
  attributes.slots[EXPECT_ID] = expectation.slots[EXPECT_ID];
  return buildExpectationMessage('expectations.delete', familyOf(expectation), attributes);
}

/** All expectations, or those of a helper. The kernel ignores a family here, so there is none to give. */
export function buildExpectationFlush(helper?: string): Request {
  if (helper === undefined) return buildExpectationMessage('expectations.flush', AF_UNSPEC);
  const attributes = new Expectation();
  attributes.slots[EXPECT_HELPER] = helper;
  return buildExpectationMessage('expectations.flush', AF_UNSPEC, attributes);
}

export function buildExpectationDump(family: number = AF_UNSPEC): Request {
  return buildExpectationMessage('expectations.dump', family);
}

export function buildExpectationStats(): Request {
  return buildExpectationMessage('expectations.stats', AF_UNSPEC);
}
