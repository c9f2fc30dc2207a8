/** An entry of the table, and the slots of the messages that are about it. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { NAMES } from '../ctnetlink/request/flow.ts';
import {
  EVENT_TIME,
  HELPER,
  ID,
  LABELS,
  MARK,
  MASTER,
  ORIG,
  ORIG_BYTES,
  ORIG_PACKETS,
  REPLY_BYTES,
  REPLY_PACKETS,
  SCTP_STATE,
  SCTP_VTAG_ORIG,
  SCTP_VTAG_REPLY,
  START,
  STATUS,
  STOP,
  slotOfProperty,
  TCP_STATE,
  TIMEOUT,
  USE,
} from '../ctnetlink/slots.ts';
import { WSCALES } from '../ctnetlink/tcp-flags.ts';
import { copyTupleParts } from '../ctnetlink/tuple.ts';
import { IPPROTO_SCTP, IPPROTO_TCP } from '../uapi/in.ts';

export const PACKETS: readonly number[] = [ORIG_PACKETS, REPLY_PACKETS];
export const BYTES: readonly number[] = [ORIG_BYTES, REPLY_BYTES];
const COUNTERS: readonly number[] = [...PACKETS, ...BYTES];

export const TCP_FLAGS: readonly number[] = ['tcp.flagsOrig', 'tcp.flagsReply'].map((name) => slotOfProperty(name));
export const TCP_MASKS: readonly number[] = ['tcp.maskOrig', 'tcp.maskReply'].map((name) => slotOfProperty(name));
const TCP: readonly number[] = [...TCP_FLAGS, ...TCP_MASKS, ...WSCALES];
export const SCTP: readonly number[] = [SCTP_STATE, SCTP_VTAG_ORIG, SCTP_VTAG_REPLY];
export const SYNPROXY: readonly number[] = ['isn', 'its', 'tsoff'].map((name) => slotOfProperty(`synproxy.${name}`));

const TCP_STATES: readonly number[] = [TCP_STATE, ...TCP];
const STATES: readonly number[] = [...TCP_STATES, ...SCTP];
/** No NEW or UPDATE event has these. */
const IN_DUMPS: readonly number[] = [USE, START, STOP, ...COUNTERS];
/** A DESTROY event has these as they are. */
const TO_THE_END: readonly number[] = [...NAMES, ID, STATUS, START, STOP, TCP_STATE, SCTP_STATE, ...COUNTERS];

/** The slots of struct nf_ct_seqadj, by direction. */
export const SEQADJ: readonly (readonly number[])[] = ['seqadjOrig', 'seqadjReply'].map((group) =>
  ['correctionPos', 'offsetBefore', 'offsetAfter'].map((name) => slotOfProperty(`${group}.${name}`)),
);

/** What is new about a flow, for an UPDATE: bits as enum ip_conntrack_events, those that decide what it carries. */
export const EVENT_PROTOINFO = 1;
export const EVENT_HELPER = 2;
export const EVENT_MARK = 4;
export const EVENT_SEQADJ = 8;
export const EVENT_SYNPROXY = 16;
export const EVENT_LABEL = 32;
/** The flow was expected: the event has its master. */
export const EVENT_RELATED = 64;
/** What a request reports of a new flow, and of a changed one. */
export const EVENT_ALL: number = EVENT_PROTOINFO | EVENT_HELPER | EVENT_MARK | EVENT_SEQADJ | EVENT_SYNPROXY;

/** What the table records of a flow beyond the slots of a message. */
export interface Extensions {
  /** nf_conn_acct: packets and bytes. */
  readonly counters: boolean;
  /** nf_conn_tstamp: start and stop. */
  readonly timestamps: boolean;
  /** nf_conn_labels. */
  readonly labels: boolean;
  /** nf_conntrack_ecache: changes are events. */
  readonly events: boolean;
  /** Flows that a request made have an empty struct nf_conn_synproxy. */
  readonly synproxy: boolean;
}

export class Entry {
  readonly flow: Flow;
  readonly family: number;
  readonly key: string;
  readonly extensions: Extensions;
  /** When it ends, by the clock of the model. */
  expires: number;
  /** It has a struct nf_conn_help, with or without a helper. */
  helped = false;
  master: Entry | undefined;
  /** Flows that it is the master of. */
  children = 0;
  /** Milliseconds by the clock of the model from which on an exchange of UDP is a stream. */
  streamFrom = 0;
  gone = false;

  /** @param slots have the tuples, the zones and the id */
  constructor(slots: SlotValue[], key: string, expires: number, extensions: Extensions) {
    this.flow = new Flow(slots);
    this.family = slots[ORIG.family] as number;
    this.key = key;
    this.expires = expires;
    this.extensions = extensions;
    slots[STATUS] ??= 0;
    slots[MARK] ??= 0;
    if (extensions.counters) for (const slot of COUNTERS) slots[slot] = 0;
    if (extensions.synproxy) for (const slot of SYNPROXY) slots[slot] = 0;
    const protocol = slots[ORIG.proto];
    if (protocol === IPPROTO_TCP) for (const slot of TCP_STATES) slots[slot] ??= 0;
    if (protocol === IPPROTO_SCTP) for (const slot of SCTP) slots[slot] ??= 0;
  }

  get slots(): SlotValue[] {
    return this.flow.slots;
  }

  get status(): number {
    return this.flow.slots[STATUS] as number;
  }

  set status(status: number) {
    this.flow.slots[STATUS] = status;
  }

  get helper(): string | undefined {
    return this.flow.slots[HELPER] as string | undefined;
  }

  /** Whole seconds that are left. */
  timeout(now: number): number {
    return Math.max(0, Math.floor((this.expires - now) / 1000));
  }

  /** What a dump or a get sends: ctnetlink_fill_info. @param use is one more while a get holds the flow */
  dumped(now: number, use: number): SlotValue[] {
    const slots = this.slots.slice();
    slots[TIMEOUT] = this.timeout(now);
    slots[USE] = use + this.children;
    this.#addMaster(slots);
    return slots;
  }

  /** What a NEW or UPDATE event sends: ctnetlink_conntrack_event. @param bits EVENT_*: what is new */
  announced(now: number, bits: number, time: SlotValue): SlotValue[] {
    const slots = this.slots.slice();
    slots[TIMEOUT] = this.timeout(now);
    clear(slots, IN_DUMPS);
    if ((bits & EVENT_PROTOINFO) === 0) clear(slots, STATES);
    if ((bits & EVENT_LABEL) === 0) slots[LABELS] = undefined;
    if ((bits & EVENT_SEQADJ) === 0) for (const each of SEQADJ) clear(slots, each);
    if ((bits & EVENT_SYNPROXY) === 0) clear(slots, SYNPROXY);
    if ((bits & EVENT_MARK) === 0 && slots[MARK] === 0) slots[MARK] = undefined;
    if ((bits & EVENT_RELATED) !== 0) this.#addMaster(slots);
    slots[EVENT_TIME] = time;
    return slots;
  }

  /** What a DESTROY event sends. */
  destroyed(now: number, time: SlotValue): SlotValue[] {
    const { slots } = this;
    const sent = new Array<SlotValue>(slots.length).fill(undefined);
    for (const slot of TO_THE_END) sent[slot] = slots[slot];
    sent[TIMEOUT] = this.timeout(now) || undefined;
    sent[MARK] = slots[MARK] || undefined;
    sent[EVENT_TIME] = time;
    return sent;
  }

  /** The counters start again. */
  zero(): void {
    if (this.extensions.counters) for (const slot of COUNTERS) this.slots[slot] = 0;
  }

  #addMaster(slots: SlotValue[]): void {
    const { master } = this;
    if (master === undefined) return;
    copyTupleParts(master.slots, ORIG, slots, MASTER);
  }
}

function clear(slots: SlotValue[], which: readonly number[]): void {
  for (const slot of which) slots[slot] = undefined;
}
