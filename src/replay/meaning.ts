/**
 * What a request asks, apart from how it is written. conntrack(8) names a flow by both tuples, this package by one; one
 * program asks for an ACK that the other does without; and a dump of everything answers whoever asks for a part. So the
 * capture of one program serves another.
 */

import { ATTRIBUTES } from '../ctnetlink/attributes/flow.ts';
import { type SlotHolder, type SlotValue, sameValue } from '../ctnetlink/attributes/kinds.ts';
import { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import { isWider, requestedTerms } from '../ctnetlink/filter/requested.ts';
import type { KernelSupport } from '../ctnetlink/filter/support.ts';
import type { FilterTerms } from '../ctnetlink/filter/terms.ts';
import { SOME_ZONE } from '../ctnetlink/identity.ts';
import { decodeExpectation, decodeFlow } from '../ctnetlink/message.ts';
import { operationOf } from '../ctnetlink/request/describe.ts';
import {
  EXPECT_ID,
  EXPECTED,
  FILTER_ORIG,
  FILTER_REPLY,
  ID,
  MARK_MASK,
  MASTER,
  ORIG,
  REPLY,
  TUPLE_PARTS,
  type TupleSlots,
  ZONE,
} from '../ctnetlink/slots.ts';
import { completeFrom, hasTuple } from '../ctnetlink/tuple.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { DecodeError } from '../netlink/errors.ts';
import { nfnlMessage, nfnlSubsystem, nfnlType, readNfgenmsg } from '../nfnetlink/nfgenmsg.ts';
import {
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_DUMP_FILTERED,
  NLMSG_DONE,
  NLMSG_MIN_TYPE,
} from '../uapi/netlink.ts';
import { NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP } from '../uapi/nfnetlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';

/** What names a flow, or is the kernel's to say: no part of what a change changes. */
const NOT_CHANGED: ReadonlySet<number> = new Set([
  ...[ORIG, REPLY, MASTER].flatMap((tuple) => [tuple.family, ...(tuple === MASTER ? [] : tuple.all)]),
  ZONE,
  ID,
  ...[...ATTRIBUTES.keys()].filter((slot) => ATTRIBUTES[slot].readOnly === true),
]);

/** nlmsg_type of the answer to a request of each type, where it is not the same. */
const ANSWERS: ReadonlyMap<number, number> = new Map(
  [
    ...[
      cta.IPCTNL_MSG_CT_GET,
      cta.IPCTNL_MSG_CT_GET_CTRZERO,
      cta.IPCTNL_MSG_CT_GET_DYING,
      cta.IPCTNL_MSG_CT_GET_UNCONFIRMED,
    ].map((message) => [nfnlType(NFNL_SUBSYS_CTNETLINK, message), cta.IPCTNL_MSG_CT_NEW, NFNL_SUBSYS_CTNETLINK]),
    [nfnlType(NFNL_SUBSYS_CTNETLINK_EXP, cta.IPCTNL_MSG_EXP_GET), cta.IPCTNL_MSG_EXP_NEW, NFNL_SUBSYS_CTNETLINK_EXP],
    // In the name of the other subsystem: ctnetlink_exp_stat_fill_info.
    [
      nfnlType(NFNL_SUBSYS_CTNETLINK_EXP, cta.IPCTNL_MSG_EXP_GET_STATS_CPU),
      cta.IPCTNL_MSG_EXP_GET_STATS_CPU,
      NFNL_SUBSYS_CTNETLINK,
    ],
  ].map(([request, message, subsystem]) => [request, nfnlType(subsystem, message)]),
);

/**
 * Whether a request is answered by many messages and DONE. NLM_F_EXCL is a bit of NLM_F_DUMP, and no NEW request dumps.
 */
export function isDump(request: Uint8Array): boolean {
  const view = viewOf(request);
  const flags = view.getUint16(6, HOST_LITTLE_ENDIAN);
  return (
    (flags & NLM_F_DUMP) === NLM_F_DUMP && nfnlMessage(view.getUint16(4, HOST_LITTLE_ENDIAN)) !== cta.IPCTNL_MSG_CT_NEW
  );
}

/** Whether a request is answered by an ACK, behind what it asks for. */
export function wantsAck(request: Uint8Array): boolean {
  return (viewOf(request).getUint16(6, HOST_LITTLE_ENDIAN) & NLM_F_ACK) !== 0 && !isDump(request);
}

/** Whether a recorded request asks the same as another, or more; the surplus of its answer is then left out. */
export type Likeness = 'same' | 'wider';

/** Whether the message between `offset` and `end` is a part of an answer. */
export type Keeps = (view: DataView, offset: number, end: number) => boolean;

export class Meaning {
  readonly type: number;
  readonly flags: number;
  readonly operation: string;
  /** Equal where two requests may have one meaning. A request about one flow has as many as it has tuples. */
  readonly keys: readonly string[];
  /** Of the flow or the expectation that it is about: a text for each tuple. None where it is about many. */
  readonly names: readonly string[];
  readonly #request: Uint8Array;
  readonly #holder: SlotHolder | undefined;
  /** nfgen_family */
  readonly #family: number;
  readonly #terms: FilterTerms | undefined;
  readonly #changes: boolean;
  readonly #dumps: boolean;
  /** It is about one flow. */
  readonly #named: boolean;

  constructor(request: Uint8Array) {
    const view = viewOf(request);
    this.#request = request;
    this.type = view.getUint16(4, HOST_LITTLE_ENDIAN);
    this.flags = view.getUint16(6, HOST_LITTLE_ENDIAN);
    this.operation = operationOf(request);
    this.keys = [`${this.type} ${this.operation}`];
    this.names = [];
    this.#family = AF_UNSPEC;
    this.#changes = false;
    this.#dumps = isDump(request);
    this.#named = false;
    const subsystem = nfnlSubsystem(this.type);
    if (subsystem !== NFNL_SUBSYS_CTNETLINK && subsystem !== NFNL_SUBSYS_CTNETLINK_EXP) return;
    const message = nfnlMessage(this.type);
    try {
      const { nfgen_family, version } = readNfgenmsg(view, 0, request.length);
      this.#family = nfgen_family;
      if (subsystem === NFNL_SUBSYS_CTNETLINK_EXP) {
        const expectation = decodeExpectation(view, 0, request.length);
        this.#holder = expectation;
        if (!hasTuple(expectation.slots, EXPECTED)) return;
        this.names = [`expectation ${nameOf(expectation.slots, EXPECTED)}`];
        this.keys = [`${this.keys[0]} ${this.names[0]}`];
        return;
      }
      const flow = decodeFlow(view, 0, request.length);
      this.#holder = flow;
      const { slots } = flow;
      const named = [ORIG, REPLY].filter((tuple) => hasTuple(slots, tuple));
      const filters = slots[FILTER_ORIG] !== undefined || slots[FILTER_REPLY] !== undefined;
      if (this.#dumps) this.#terms = requestedTerms('dump', flow, nfgen_family, version);
      else if (message === cta.IPCTNL_MSG_CT_DELETE && (named.length === 0 || filters)) {
        this.#terms = requestedTerms('flush', flow, nfgen_family, version);
        this.keys = [`${this.keys[0]} flush`];
      } else if (named.length > 0) {
        this.#named = true;
        this.#changes = message === cta.IPCTNL_MSG_CT_NEW;
        this.names = named.map((tuple) => nameOf(slots, tuple));
        this.keys = this.names.map((name) => `${this.keys[0]} ${name}`);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#holder = undefined;
    }
  }

  /** Whether the answer to this request answers `asked`, which has a key of this. */
  answers(asked: Meaning): Likeness | undefined {
    const [one, two] = [this.#holder, asked.#holder];
    if (one === undefined || two === undefined) return sameBytes(this.#request, asked.#request) ? 'same' : undefined;
    if (this.#terms !== undefined && asked.#terms !== undefined) {
      if (!isWider(this.#terms, asked.#terms)) return undefined;
      if (isWider(asked.#terms, this.#terms)) return 'same';
      // The answer to a flush does not say which flows it deleted.
      return this.#dumps ? 'wider' : undefined;
    }
    if (nfnlSubsystem(this.type) === NFNL_SUBSYS_CTNETLINK_EXP) return this.#answersExpectation(one, two, asked);
    if (this.#terms !== undefined || asked.#terms !== undefined) return undefined;
    if (!this.#named || !asked.#named)
      return sameHolders(one, two, () => false) && this.#family === asked.#family ? 'same' : undefined;
    // An id that only one of them gives decides nothing: the capture has one flow with this tuple at this place.
    const [id, otherId] = [one.slots[ID], two.slots[ID]];
    if (id !== undefined && otherId !== undefined && id !== otherId) return undefined;
    return !this.#changes || sameChanges(one, two, (this.flags & NLM_F_CREATE) !== 0) ? 'same' : undefined;
  }

  #answersExpectation(one: SlotHolder, two: SlotHolder, asked: Meaning): Likeness | undefined {
    if (!sameHolders(one, two, (slot) => slot === EXPECT_ID)) return undefined;
    // ctnetlink_del_expect reads no family where no tuple is given.
    const some = this.writes || hasTuple(one.slots, EXPECTED);
    if (this.#family === asked.#family || some) return 'same';
    return this.#dumps && this.#family === AF_UNSPEC ? 'wider' : undefined;
  }

  /** Answers from before it may say what is no longer so. NEW and DELETE have one number in both subsystems. */
  get writes(): boolean {
    const message = nfnlMessage(this.type);
    return message === cta.IPCTNL_MSG_CT_NEW || message === cta.IPCTNL_MSG_CT_DELETE;
  }

  /** What a kernel must understand to be asked this. */
  get needs(): readonly (keyof KernelSupport)[] {
    const terms = this.#terms;
    if (terms === undefined) return [];
    const { family, status, zone, compared } = terms;
    const needs: (keyof KernelSupport)[] = [];
    if (family !== undefined) needs.push(this.#dumps ? 'dumpFamily' : 'flushFamily');
    if (status !== undefined) needs.push('status');
    if (zone !== undefined) needs.push('zone');
    if (compared.length > 0) needs.push(this.#dumps ? 'dumpTuple' : 'flushTuple');
    return needs;
  }

  /** Which messages of a wider answer are one to this. */
  get keeps(): Keeps {
    const terms = this.#terms;
    if (terms !== undefined) {
      const filter = new CompiledFilter(terms);
      return (view, offset, end) => filter.matches(decodeFlow(view, offset, end));
    }
    return (view, offset, end) => readNfgenmsg(view, offset, end).nfgen_family === this.#family;
  }

  /**
   * Whether a message of the kernel's can be a part of the answer. 0: it cannot be. More is more likely: for two
   * requests with one sequence number, nobody knows whose answer it is.
   * @param refused the request that an NLMSG_ERROR has a copy of: type and flags
   */
  fits(
    header: { nlmsg_type: number; nlmsg_flags: number },
    view: DataView,
    offset: number,
    end: number,
    refused?: { type: number; flags: number },
  ): number {
    if (refused !== undefined) return refused.type === this.type && refused.flags === this.flags ? 2 : 0;
    if (header.nlmsg_type === NLMSG_DONE) return this.#dumps ? 1 : 0;
    if (header.nlmsg_type < NLMSG_MIN_TYPE) return 1;
    const message = nfnlMessage(this.type);
    const answer = ANSWERS.get(this.type) ?? this.type;
    if (header.nlmsg_type !== answer || (message === cta.IPCTNL_MSG_CT_NEW && wantsAck(this.#request))) return 0;
    const holder = this.#holder;
    if (holder === undefined || header.nlmsg_type !== nfnlType(NFNL_SUBSYS_CTNETLINK, cta.IPCTNL_MSG_CT_NEW)) return 1;
    if (this.#terms === undefined) {
      if (this.#dumps || !this.#named) return 1;
      const { slots } = decodeFlow(view, offset, end);
      const names = [ORIG, REPLY].map((tuple) => `${this.type} ${this.operation} ${nameOf(slots, tuple)}`);
      return names.some((name) => this.keys.includes(name)) ? 2 : 0;
    }
    // Old kernels ignore what they do not know of a filter, and mark nothing as filtered.
    const filter = new CompiledFilter(this.#terms);
    const filtered = (header.nlmsg_flags & NLM_F_DUMP_FILTERED) !== 0;
    const agrees = filtered === !filter.empty;
    return 1 + (filter.matches(decodeFlow(view, offset, end)) ? 2 : 0) + (agrees ? 1 : 0);
  }
}

/** Text of a tuple and its zone. */
function nameOf(slots: readonly SlotValue[], tuple: TupleSlots): string {
  const parts = TUPLE_PARTS.map((part) => slots[tuple[part]] ?? '');
  const zone = slots[tuple.zone] ?? slots[ZONE] ?? 0;
  // An original tuple of zone 0, named exactly.
  if (tuple === REPLY && zone === SOME_ZONE && !hasTuple(slots, ORIG)) return `${parts.join()} 0`;
  return `${parts.join()} ${zone}`;
}

function sameBytes(one: Uint8Array, two: Uint8Array): boolean {
  // But for the sequence number and the portid.
  return one.length === two.length && one.every((byte, at) => (at >= 8 && at < 16) || byte === two[at]);
}

function sameChanges(one: SlotHolder, two: SlotHolder, creates: boolean): boolean {
  if (!sameHolders(one, two, (slot) => NOT_CHANGED.has(slot) || slot === MARK_MASK)) return false;
  if ((one.slots[MARK_MASK] ?? -1) !== (two.slots[MARK_MASK] ?? -1)) return false;
  if (!creates) return true;
  // Whoever gives one direction gets the other as its inverse.
  const [a, b] = [completed(one.slots), completed(two.slots)];
  return [...ORIG.all, ...REPLY.all].every(
    (slot) => slot === ORIG.zone || slot === REPLY.zone || sameValue(a[slot], b[slot]),
  );
}

function completed(given: readonly SlotValue[]): SlotValue[] {
  const slots = given.slice();
  const [from, to] = hasTuple(slots, ORIG) ? [ORIG, REPLY] : [REPLY, ORIG];
  completeFrom(slots, from, to);
  return slots;
}

function sameHolders(one: SlotHolder, two: SlotHolder, leaves: (slot: number) => boolean): boolean {
  const length = Math.max(one.slots.length, two.slots.length);
  for (let slot = 0; slot < length; slot++)
    if (!leaves(slot) && !sameValue(one.slots[slot], two.slots[slot])) return false;
  return JSON.stringify(unknownOf(one)) === JSON.stringify(unknownOf(two));
}

function unknownOf({ unknown }: SlotHolder): unknown {
  return unknown?.map(({ level, type, value }) => [level, type, [...value]]);
}
