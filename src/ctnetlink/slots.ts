/**
 * Where each property is in a flow or an expectation: its slot, which is the number of its attribute row. Requests,
 * filters and formats read and write slots directly.
 */

import { describe } from '../netlink/check.ts';
import { EXPECTATION_ATTRIBUTES } from './attributes/expectation.ts';
import type { ExpectationPath } from './attributes/expectation-properties.ts';
import { ATTRIBUTES } from './attributes/flow.ts';
import type { AttributeRow } from './attributes/row.ts';

export interface TupleSlots<Group extends string = string> {
  readonly group: Group;
  readonly family: number;
  readonly src4: number;
  readonly dst4: number;
  readonly src6: number;
  readonly dst6: number;
  readonly proto: number;
  readonly sport: number;
  readonly dport: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly icmpId: number;
  readonly zone: number;
  /** All of these but the family, which is no attribute of its own. */
  readonly all: readonly number[];
}

/** What a tuple has, but for its zone: of the two directions of a flow, the zone is a matter of its own. */
export const TUPLE_PARTS = [
  'family',
  'src4',
  'dst4',
  'src6',
  'dst6',
  'proto',
  'sport',
  'dport',
  'icmpType',
  'icmpCode',
  'icmpId',
] as const satisfies readonly (keyof TupleSlots)[];

/** The slot of a property such as 'mark' or 'orig.src'; of the IPv6 one where `kind` says so. */
export function slotIn(rows: readonly AttributeRow[], property: string, kind?: string): number {
  const slot = rows.findIndex((row) => row.property === property && (kind === undefined || row.kind === kind));
  if (slot < 0) throw new RangeError(`no attribute row has the property '${property}'`);
  return slot;
}

/** The same for a flow. */
export function slotOfProperty(property: string, kind?: string): number {
  return slotIn(ATTRIBUTES, property, kind);
}

/** The slots of the tuple of this group. */
export function tupleSlots<Group extends string>(rows: readonly AttributeRow[], group: Group): TupleSlots<Group> {
  const slot = (name: string, kind?: string): number => slotIn(rows, `${group}.${name}`, kind);
  const tuple = {
    family: slot('family'),
    src4: slot('src', 'ipv4'),
    dst4: slot('dst', 'ipv4'),
    src6: slot('src', 'ipv6'),
    dst6: slot('dst', 'ipv6'),
    proto: slot('proto'),
    sport: slot('sport'),
    dport: slot('dport'),
    icmpType: slot('icmpType'),
    icmpCode: slot('icmpCode'),
    icmpId: slot('icmpId'),
    zone: slot('zone'),
  };
  const all = Object.values(tuple).filter((each) => each !== tuple.family);
  return { group, ...tuple, all: all.sort((a, b) => a - b) };
}

export const ORIG = tupleSlots(ATTRIBUTES, 'orig');
export const REPLY = tupleSlots(ATTRIBUTES, 'reply');
export const MASTER = tupleSlots(ATTRIBUTES, 'master');

/** The ports of both directions; of GRE the keys. */
export const PORT_SLOTS: readonly number[] = [ORIG.sport, ORIG.dport, REPLY.sport, REPLY.dport];

export const TCP_STATE = slotOfProperty('tcp.state');
export const SCTP_STATE = slotOfProperty('sctp.state');
export const SCTP_VTAG_ORIG = slotOfProperty('sctp.vtagOrig');
export const SCTP_VTAG_REPLY = slotOfProperty('sctp.vtagReply');
export const DCCP_STATE = slotOfProperty('dccp.state');
export const DCCP_ROLE = slotOfProperty('dccp.role');
export const STATUS = slotOfProperty('status');
export const STATUS_MASK = slotOfProperty('statusMask');
export const TIMEOUT = slotOfProperty('timeout');
export const MARK = slotOfProperty('mark');
export const MARK_MASK = slotOfProperty('markMask');
export const SECMARK = slotOfProperty('secmark');
export const SECCTX = slotOfProperty('secctx');
export const HELPER = slotOfProperty('helper.name');
export const HELPER_INFO = slotOfProperty('helper.info');
export const LABELS = slotOfProperty('labels');
export const LABELS_MASK = slotOfProperty('labelsMask');
export const ZONE = slotOfProperty('zone');
/** The zone of both directions, and that of each. */
export const ZONES: readonly number[] = [ZONE, ORIG.zone, REPLY.zone];
export const ORIG_PACKETS = slotOfProperty('countersOrig.packets');
export const ORIG_BYTES = slotOfProperty('countersOrig.bytes');
export const REPLY_PACKETS = slotOfProperty('countersReply.packets');
export const REPLY_BYTES = slotOfProperty('countersReply.bytes');
export const USE = slotOfProperty('use');
export const ID = slotOfProperty('id');
export const START = slotOfProperty('timestamp.start');
export const STOP = slotOfProperty('timestamp.stop');
export const EVENT_TIME = slotOfProperty('timestamp.event');
export const FILTER_ORIG = slotOfProperty('filter.origFlags');
export const FILTER_REPLY = slotOfProperty('filter.replyFlags');

const SLOT_OF_ID: readonly number[] = (() => {
  const slots: number[] = [];
  ATTRIBUTES.forEach((row, slot) => {
    if (row.id !== undefined) slots[row.id] = slot;
  });
  return slots;
})();

/** The slot of an ATTR_ number. @throws RangeError when there is no such attribute */
export function slotOfId(id: number): number {
  const slot = SLOT_OF_ID[id];
  if (slot === undefined) throw new RangeError(`attribute ${describe(id)} is not an ATTR_ number`);
  return slot;
}

export const EXPECTED = tupleSlots(EXPECTATION_ATTRIBUTES, 'tuple');
export const EXPECT_MASTER = tupleSlots(EXPECTATION_ATTRIBUTES, 'master');
export const EXPECT_MASK = tupleSlots(EXPECTATION_ATTRIBUTES, 'mask');
export const EXPECT_NAT = tupleSlots(EXPECTATION_ATTRIBUTES, 'nat');

/** The slot of a property such as 'timeout' or 'nat.direction'. */
export function expectationSlot(property: ExpectationPath): number {
  return slotIn(EXPECTATION_ATTRIBUTES, property);
}

export const EXPECT_TIMEOUT = expectationSlot('timeout');
export const EXPECT_FLAGS = expectationSlot('flags');
export const EXPECT_ZONE = expectationSlot('zone');
export const EXPECT_HELPER = expectationSlot('helper');
export const EXPECT_CLASS = expectationSlot('class');
export const EXPECT_FN = expectationSlot('fn');
export const EXPECT_NAT_DIRECTION = expectationSlot('nat.direction');
export const EXPECT_ID = expectationSlot('id');
