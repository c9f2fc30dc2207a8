/** One function a query makes its request: what each sends, and what is refused before it can do harm. */
import { viewOf } from '../../netlink/byteorder.ts';
import { align4, newNlmsghdr, readNlmsghdr } from '../../netlink/nlmsg.ts';
import type { Request } from '../../netlink/request.ts';
import { ACK, DUMP, NfnlRequest, operations } from '../../nfnetlink/request.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../uapi/netlink.ts';
import { IPS_CONFIRMED } from '../../uapi/nf_conntrack_common.ts';
import { NFNETLINK_V1, NFNL_SUBSYS_CTNETLINK } from '../../uapi/nfnetlink.ts';
import * as cta from '../../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../../uapi/socket.ts';
import { ATTRIBUTES } from '../attributes/flow.ts';
import { describeEntry } from '../describe-tuple.ts';
import type { KernelFilter } from '../filter/filter.ts';
import { Flow, flowCodec } from '../flow.ts';
import { checkNamed, identity, type Naming } from '../identity.ts';
import { decodeFlow } from '../message.ts';
import { requestNat } from '../nat.ts';
import { asksForNat, checkNatRanges } from '../nat-range.ts';
import { ID, LABELS, LABELS_MASK, MARK, MARK_MASK, ORIG, REPLY, STATUS, TCP_STATE, TIMEOUT, ZONE } from '../slots.ts';
import { setTcpFlags } from '../tcp-flags.ts';
import { checkTuple, completeFrom, hasAddress, hasTuple } from '../tuple.ts';
import { checkProtocol, checkProtocolFamily } from './protocol.ts';

const READ = { replies: true };
const REPEATABLE = { repeatable: true };

/** Message and flags of every query, as libnetfilter_conntrack sends them; the statistics are ours. */
const MESSAGES = {
  create: [cta.IPCTNL_MSG_CT_NEW, ACK | NLM_F_CREATE | NLM_F_EXCL],
  createOrUpdate: [cta.IPCTNL_MSG_CT_NEW, ACK | NLM_F_CREATE],
  update: [cta.IPCTNL_MSG_CT_NEW, ACK],
  get: [cta.IPCTNL_MSG_CT_GET, ACK, READ],
  reset: [cta.IPCTNL_MSG_CT_GET_CTRZERO, ACK, { replies: true, repeatable: false }],
  delete: [cta.IPCTNL_MSG_CT_DELETE, ACK],
  flush: [cta.IPCTNL_MSG_CT_DELETE, ACK],
  dump: [cta.IPCTNL_MSG_CT_GET, DUMP, REPEATABLE],
  dumpReset: [cta.IPCTNL_MSG_CT_GET_CTRZERO, DUMP],
  dumpDying: [cta.IPCTNL_MSG_CT_GET_DYING, DUMP, REPEATABLE],
  dumpUnconfirmed: [cta.IPCTNL_MSG_CT_GET_UNCONFIRMED, DUMP, REPEATABLE],
  stats: [cta.IPCTNL_MSG_CT_GET_STATS, ACK, READ],
  cpuStats: [cta.IPCTNL_MSG_CT_GET_STATS_CPU, DUMP, REPEATABLE],
  // A create, of a flow that was dumped.
  restore: [cta.IPCTNL_MSG_CT_NEW, ACK | NLM_F_CREATE | NLM_F_EXCL],
} as const;

export type QueryName = keyof typeof MESSAGES;

export const QUERIES = operations(NFNL_SUBSYS_CTNETLINK, MESSAGES);

class FlowRequest extends NfnlRequest<Flow> {
  protected override get filters(): boolean {
    return super.filters || [this.attributes].flat().some(({ slots }) => slots.some((value) => value !== undefined));
  }

  override subject(): string | undefined {
    const { attributes, kind } = this;
    if (!(attributes instanceof Flow) || kind.dump || kind === QUERIES.flush) return undefined;
    return subjectOf(attributes);
  }
}

function subjectOf({ slots }: Flow): string | undefined {
  return describeEntry(slots, hasTuple(slots, ORIG) ? ORIG : REPLY, slots[ZONE], slots[ID]);
}

/** What the request with this index is about, of the messages of a batch. See Request.subject. */
export function subjectIn(messages: Uint8Array, index: number): string | undefined {
  const view = viewOf(messages);
  let offset = 0;
  for (let before = 0; before < index; before++) offset = align4(readNlmsghdr(view, offset, view.byteLength, header));
  return subjectOf(decodeFlow(view, offset, readNlmsghdr(view, offset, view.byteLength, header)));
}

const header = newNlmsghdr();

/**
 * A request with exactly these attributes, or none, and no check. Callers that have a flow use the functions below. An
 * array is written one after the other, for an order that is not that of the rows.
 */
export function buildMessage(
  query: QueryName,
  family: number,
  attributes: Flow | readonly Flow[] = [],
  version?: number,
): Request {
  return new FlowRequest(QUERIES[query], flowCodec, family, attributes, version);
}

/** What may name a flow. */
export const NAMES: readonly number[] = [ORIG.family, ...ORIG.all, REPLY.family, ...REPLY.all, ZONE];
const READ_ONLY = [...ATTRIBUTES.keys()].filter((slot) => ATTRIBUTES[slot].readOnly === true);

function familyOf(flow: Flow): number {
  return (flow.slots[ORIG.family] ?? flow.slots[REPLY.family] ?? AF_UNSPEC) as number;
}

/**
 * The kernel ignores a mask without a value. It refuses a mask of labels of another length in an update (EINVAL), and
 * creates a flow without its labels. @throws TypeError, RangeError
 */
function checkMasks(slots: Flow['slots'], argument: string): void {
  if (slots[MARK_MASK] !== undefined && slots[MARK] === undefined)
    throw new TypeError(`${argument}.mark is required with markMask`);
  const mask = slots[LABELS_MASK] as Uint8Array | undefined;
  if (mask === undefined) return;
  const labels = slots[LABELS] as Uint8Array | undefined;
  if (labels === undefined) throw new TypeError(`${argument}.labels is required with labelsMask`);
  if (mask.length === 0) throw new RangeError(`${argument}.labelsMask must be whole 32-bit words, not 0 bytes`);
  if (mask.length !== labels.length)
    throw new RangeError(
      `${argument}.labelsMask must have the length of ${argument}.labels, ${labels.length} bytes, not ${mask.length}`,
    );
}

/**
 * The parts of a flow that a NEW request carries: all that the kernel takes, also attributes that this package does not
 * know. A copy, unless the flow is `owned`.
 */
function writable(flow: Flow, owned: boolean): Flow {
  const copy = owned ? flow : new Flow(flow.slots.slice());
  const { slots } = copy;
  for (let i = 0; i < READ_ONLY.length; i++) if (slots[READ_ONLY[i]] !== undefined) slots[READ_ONLY[i]] = undefined;
  copy.unknown = flow.unknown;
  return copy;
}

/**
 * One direction, or part of it, may be missing: it is the inverse of the other. A TCP flow beyond its handshake gets
 * flags that make the kernel liberal about its windows, unless it has flags or window scales: see tcp-flags.ts. A
 * dumped flow behind NAT is translated again ('create' only: the kernel refuses NAT for a flow that exists,
 * EOPNOTSUPP).
 * @param owned the flow is nobody else's, and may be changed
 * @throws TypeError when no direction is whole or the timeout is missing (the kernel would say EINVAL); RangeError for
 * a mask of labels of another length; both for NAT that the kernel cannot set up as it is asked
 */
export function buildCreate(
  flow: Flow,
  query: 'create' | 'createOrUpdate' | 'restore',
  argument = 'flow',
  owned = false,
): Request {
  const known = flow.slots[ID] !== undefined;
  const attributes = writable(flow, owned);
  const { slots } = attributes;
  // A new flow is translated by what a request asks for, and a dump has what came of it.
  if (known && query === 'create') requestNat(slots);
  const given = hasAddress(slots, ORIG) || !hasAddress(slots, REPLY) ? ORIG : REPLY;
  const other = given === ORIG ? REPLY : ORIG;
  checkTuple(slots, given, argument, known);
  completeFrom(slots, given, other);
  checkTuple(slots, other, argument, known);
  if (!known) {
    checkProtocol(slots, argument);
    checkProtocolFamily(slots, argument);
  }
  if (asksForNat(slots)) checkNatRanges(slots, argument);
  checkMasks(slots, argument);
  if (slots[TIMEOUT] === undefined)
    throw new TypeError(`${argument}.timeout is required: seconds until the flow expires`);
  // The flow may be there already.
  if (query === 'createOrUpdate' && slots[TIMEOUT] === 0) slots[TIMEOUT] = lastSecond(known, argument);
  const state = slots[TCP_STATE];
  if (state !== undefined) setTcpFlags(slots, state as number);
  confirm(attributes);
  return buildMessage(query, familyOf(attributes), attributes);
}

/**
 * A timeout of 0 of a flow with an id is left out.
 * @param owned the flow is nobody else's, and may be changed
 * @throws TypeError when there is no whole tuple, or a second one that is not whole; RangeError for a mask of labels of
 * another length, and for a timeout of 0 without an id
 */
export function buildUpdate(flow: Flow, argument = 'flow', owned = false, naming: Naming = 'usual'): Request {
  const { slots } = flow;
  const known = slots[ID] !== undefined;
  checkNamed(flow, argument);
  const hasOrig = hasTuple(slots, ORIG);
  if (hasOrig) checkTuple(slots, ORIG, argument, known);
  if (!hasOrig || hasTuple(slots, REPLY)) checkTuple(slots, REPLY, argument, known);
  checkProtocol(slots, argument);
  checkMasks(slots, argument);
  const family = familyOf(flow);
  const names = naming === 'exact' ? identity(flow, argument, naming).slots : undefined;
  const attributes = writable(flow, owned);
  if (attributes.slots[TIMEOUT] === 0) {
    lastSecond(known, argument);
    // It stays what it is.
    attributes.slots[TIMEOUT] = undefined;
  }
  if (names !== undefined) for (let i = 0; i < NAMES.length; i++) attributes.slots[NAMES[i]] = names[NAMES[i]];
  confirm(attributes);
  return buildMessage('update', family, attributes);
}

/**
 * With a timeout of 0 the kernel deletes a flow that it is to change. A flow that was dumped in its last second has
 * that, and nobody asks for its end.
 * @returns what is the least to the kernel
 * @throws RangeError where it was asked for
 */
function lastSecond(known: boolean, argument: string): number {
  if (known) return 1;
  throw new RangeError(`${argument}.timeout must not be 0, with which the kernel deletes a flow: delete does that`);
}

/** The kernel answers EBUSY to a status without CONFIRMED, which every flow in the table has. */
function confirm(flow: Flow): void {
  const status = flow.slots[STATUS];
  if (status !== undefined) flow.slots[STATUS] = (status as number) | IPS_CONFIRMED;
}

/** @throws TypeError when there is no whole tuple */
export function buildGet(flow: Flow, naming?: Naming): Request {
  return buildMessage('get', familyOf(flow), identity(flow, 'flow', naming));
}

/**
 * Asks for the flow, and sets its counters to zero. The kernel compares no id here. @throws TypeError when there is no
 * whole tuple
 */
export function buildReset(flow: Flow, naming: Naming): Request {
  return buildMessage('reset', familyOf(flow), identity(flow, 'flow', naming));
}

/**
 * With an id, nothing is deleted when the flow with this tuple has another one.
 * @throws TypeError when there is no whole tuple: without one the kernel would empty the table
 */
export function buildDelete(flow: Flow, naming?: Naming): Request {
  const attributes = identity(flow, 'flow', naming);
  attributes.slots[ID] = flow.slots[ID];
  return buildMessage('delete', familyOf(flow), attributes);
}

/**
 * A flush of everything, or with a filter of what matches, which must then be exact. Version 1 makes the kernel honour
 * the family.
 */
export function buildFlush(filter?: KernelFilter): Request {
  if (filter === undefined) return buildMessage('flush', AF_UNSPEC);
  if (!filter.exact) throw new RangeError('the kernel would flush more flows than the filter matches');
  return buildMessage('flush', filter.family, filter.attributes, NFNETLINK_V1);
}

/** The query of these that an item of a batch is for. */
export type ChangeQuery = 'create' | 'createOrUpdate' | 'update' | 'delete';

/** @param owned the flow is nobody else's, and may be changed. @throws as the function of each */
export function buildChange(query: ChangeQuery, flow: Flow, owned: boolean): Request {
  if (query === 'delete') return buildDelete(flow);
  return query === 'update' ? buildUpdate(flow, 'flow', owned) : buildCreate(flow, query, 'flow', owned);
}

export type DumpQuery = 'dump' | 'dumpReset' | 'dumpDying' | 'dumpUnconfirmed';

export function buildDump(query: DumpQuery, filter?: KernelFilter): Request {
  return buildMessage(query, filter?.family ?? AF_UNSPEC, filter?.attributes);
}

export function buildStats(query: 'stats' | 'cpuStats'): Request {
  return buildMessage(query, AF_UNSPEC);
}
