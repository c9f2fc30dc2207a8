import type { nlmsghdr } from '../netlink/nlmsg.ts';
import { attributesOf, nfnlMessage, nfnlSubsystem } from '../nfnetlink/nfgenmsg.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../uapi/netlink.ts';
import {
  NFGENMSG_LEN,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_EXP_DESTROY,
  NFNLGRP_CONNTRACK_EXP_NEW,
  NFNLGRP_CONNTRACK_EXP_UPDATE,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_NEW } from '../uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import type { SlotValue } from './attributes/kinds.ts';
import { readAttributes } from './codec/read.ts';
import type { EventType } from './event.ts';
import { Expectation, expectationCodec } from './expectation.ts';
import { Flow, flowCodec } from './flow.ts';
import { EXPECT_MASK, EXPECT_MASTER, EXPECT_NAT, EXPECTED, MASTER, ORIG, REPLY, type TupleSlots } from './slots.ts';

/** The multicast group of each event of a flow. */
export const FLOW_GROUPS: Readonly<Record<EventType, number>> = {
  new: NFNLGRP_CONNTRACK_NEW,
  update: NFNLGRP_CONNTRACK_UPDATE,
  destroy: NFNLGRP_CONNTRACK_DESTROY,
};

/** The same for an expectation. The kernel sends no UPDATE, but has the group. */
export const EXPECTATION_GROUPS: Readonly<Record<EventType, number>> = {
  new: NFNLGRP_CONNTRACK_EXP_NEW,
  update: NFNLGRP_CONNTRACK_EXP_UPDATE,
  destroy: NFNLGRP_CONNTRACK_EXP_DESTROY,
};

/**
 * NEW and UPDATE are the same message type; only NEW has CREATE and EXCL. An entry of a dump looks like an UPDATE: only
 * an event has sequence 0. Undefined: not about a flow.
 */
export function eventTypeOf(header: nlmsghdr): EventType | undefined {
  return nfnlSubsystem(header.nlmsg_type) === NFNL_SUBSYS_CTNETLINK ? typeOf(header) : undefined;
}

/**
 * The same of a message about an expectation. The kernel has no UPDATE events of these: what looks like one is an entry
 * of a dump.
 */
export function expectationEventTypeOf(header: nlmsghdr): EventType | undefined {
  return nfnlSubsystem(header.nlmsg_type) === NFNL_SUBSYS_CTNETLINK_EXP ? typeOf(header) : undefined;
}

/** The multicast group that the kernel sends an event to; undefined for another subsystem's. */
export function groupOf(header: nlmsghdr): number | undefined {
  const type = eventTypeOf(header);
  if (type !== undefined) return FLOW_GROUPS[type];
  const ofExpectation = expectationEventTypeOf(header);
  return ofExpectation === undefined ? undefined : EXPECTATION_GROUPS[ofExpectation];
}

/** Both subsystems number NEW and DELETE alike (IPCTNL_MSG_EXP_NEW, IPCTNL_MSG_EXP_DELETE). */
function typeOf(header: nlmsghdr): EventType | undefined {
  const message = nfnlMessage(header.nlmsg_type);
  if (message === IPCTNL_MSG_CT_DELETE) return 'destroy';
  if (message !== IPCTNL_MSG_CT_NEW) return undefined;
  return (header.nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) !== 0 ? 'new' : 'update';
}

/**
 * The family is in nfgenmsg, for every tuple of the message. Tuples of the kernel have a protocol; a filter may have a
 * single address.
 */
function setFamily(slots: SlotValue[], tuple: TupleSlots, family: number): void {
  const { src4, dst4, src6, dst6 } = tuple;
  if (slots[tuple.proto] !== undefined || (slots[src4] ?? slots[dst4] ?? slots[src6] ?? slots[dst6]) !== undefined) {
    slots[tuple.family] = family;
  }
}

/**
 * The flow in the message between `offset` (its nlmsghdr) and `end`: an entry of a dump, a reply to GET, an event, or a
 * request.
 *
 * @throws DecodeError for a broken length, with the path to it
 */
export function decodeFlow(view: DataView, offset: number, end: number): Flow {
  const start = attributesOf(offset, end);
  return decodeFlowAttributes(view, start, end, view.getUint8(start - NFGENMSG_LEN));
}

/** The same of the attributes alone, from `start` to `end`; `family` is that of the nfgenmsg before them. */
export function decodeFlowAttributes(view: DataView, start: number, end: number, family: number): Flow {
  const flow = new Flow(flowCodec.emptyCommonSlots.slice());
  readFlow(flow, view, start, end, family);
  return flow;
}

/** The same into a flow that has nothing set: for what keeps no flow of each message. */
export function decodeFlowInto(flow: Flow, view: DataView, offset: number, end: number): void {
  const start = attributesOf(offset, end);
  readFlow(flow, view, start, end, view.getUint8(start - NFGENMSG_LEN));
}

function readFlow(flow: Flow, view: DataView, start: number, end: number, family: number): void {
  readAttributes(flowCodec.tables, view, start, end, flow);
  if (family === AF_INET || family === AF_INET6) {
    const { slots } = flow;
    setFamily(slots, ORIG, family);
    setFamily(slots, REPLY, family);
    setFamily(slots, MASTER, family);
  }
}

/**
 * The expectation in such a message.
 *
 * @throws DecodeError for a broken length, with the path to it
 */
export function decodeExpectation(view: DataView, offset: number, end: number): Expectation {
  const expectation = new Expectation();
  const start = attributesOf(offset, end);
  readAttributes(expectationCodec.tables, view, start, end, expectation);
  const family = view.getUint8(start - NFGENMSG_LEN);
  if (family === AF_INET || family === AF_INET6) {
    for (const tuple of [EXPECTED, EXPECT_MASTER, EXPECT_MASK, EXPECT_NAT]) setFamily(expectation.slots, tuple, family);
  }
  return expectation;
}
