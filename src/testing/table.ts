/** The table of flows and that of expectations: what is in them, when it ends, and the events of that. */
import type { SlotValue, UnknownAttribute } from '../ctnetlink/attributes/kinds.ts';
import { expectationCodec } from '../ctnetlink/expectation.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import { ID, MARK, START, STOP } from '../ctnetlink/slots.ts';
import { releaseNumber } from '../netlink/release.ts';
import { nfnlType } from '../nfnetlink/nfgenmsg.ts';
import { EEXIST, ENOMEM } from '../uapi/errno.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../uapi/netlink.ts';
import { IPS_DYING } from '../uapi/nf_conntrack_common.ts';
import * as nfnl from '../uapi/nfnetlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { Entry, type Extensions } from './entry.ts';
import type { ExpectedFlow } from './expected.ts';
import { encode, messageOf } from './messages.ts';
import { Statistics } from './statistics.ts';
import { keyOf, TupleTable } from './tuple-table.ts';

/** A message to a multicast group. */
export interface ModelEvent {
  /** NFNLGRP_* */
  readonly group: number;
  readonly bytes: Uint8Array;
  /** Counts all events of a model, from 1. */
  readonly serial: number;
  /** NLM_F_ECHO: the socket with this portid gets it in any case. */
  readonly echo: number | undefined;
}

/** The socket that caused a change; the kernel itself is 0. */
export interface Cause {
  readonly portid: number;
  readonly echo?: boolean;
}

export const KERNEL: Cause = { portid: 0 };

export interface ModelOptions {
  /** Bytes of an attribute that nobody knows in every flow: what makes dumps long without many flows. */
  readonly padding?: number;
  /** Of the kernel: an old one ignores what it does not know of a filter. Default: Linux 6.18. */
  readonly release?: string;
  /** nf_conntrack_acct, nf_conntrack_timestamp, and whether a rule uses labels. Default: false. */
  readonly counters?: boolean;
  readonly timestamps?: boolean;
  readonly labels?: boolean;
  /** nf_conntrack_events: 0 none, 1 of every flow, 2 of those since somebody listened. Default: 1. */
  readonly events?: 0 | 1 | 2;
  /** nf_conntrack_max. Default: 262,144. */
  readonly maxEntries?: number;
  /** Default: 2. */
  readonly cpus?: number;
  /** Milliseconds since the epoch. Default: 0. */
  readonly now?: number;
  /** The id of a new entry. Default: another each time. */
  readonly newId?: () => number;
  /** CTA_TIMESTAMP_EVENT of the event with this serial. Default: the time, if there are timestamps. */
  readonly eventTime?: (serial: number) => SlotValue;
}

/** No attribute of ctnetlink has this type. */
const UNKNOWN_TYPE = 60;
/** 2^32 / the golden ratio: numbers that look like hashes, each another. */
const SCATTER = 0x9e3779b1;

/** Of the expectation groups, which the package calls by their numbers. */
const { NFNLGRP_CONNTRACK_EXP_NEW, NFNLGRP_CONNTRACK_EXP_DESTROY } = nfnl;

export class Table {
  /** Takes the events, in their order. */
  event: (event: ModelEvent) => void = () => {};
  /** Whether anybody wants the events of this group: others are not written. */
  wanted: (group: number) => boolean = () => true;
  /** Takes each change of the table: the key of a flow, and its mark since, or undefined when it is gone. */
  changed: (key: string, mark: number | undefined) => void = () => {};
  readonly options: ModelOptions;
  readonly release: number;
  readonly statistics = new Statistics();
  /** By zone and original tuple, the oldest first. */
  readonly entries = new Map<string, Entry>();
  readonly byTuple = new TupleTable<Entry>();
  readonly expected = new Set<ExpectedFlow>();
  /** Milliseconds since the epoch. */
  now: number;
  /** The id that the next entry gets. */
  nextId: number | undefined;
  /** Those of the entry and the expectation that went last. */
  lastId: number | undefined;
  readonly #unknown: UnknownAttribute[] | undefined;
  readonly #encoded = new WeakMap<Entry, { readonly at: number; readonly bytes: Uint8Array }>();
  #serial = 0;
  #ids = 0;

  constructor(options: ModelOptions = {}) {
    const { padding = 0, release = '6.18.0', now = 0 } = options;
    this.options = options;
    this.release = releaseNumber(release);
    this.now = now;
    if (padding > 0) this.#unknown = [{ level: 0, type: UNKNOWN_TYPE, value: new Uint8Array(padding).fill(0x5a) }];
  }

  get maxEntries(): number {
    return this.options.maxEntries ?? 262_144;
  }

  get cpus(): number {
    return this.options.cpus ?? 2;
  }

  /** Nanoseconds since the epoch, where flows have timestamps. */
  get time(): SlotValue {
    return this.options.timestamps === true ? BigInt(Math.round(this.now)) * 1_000_000n : undefined;
  }

  /** What a new flow is recorded with. */
  extensions(synproxy: boolean): Extensions {
    const { counters = false, timestamps = false, labels = false, events = 1 } = this.options;
    const listened = events === 1 || (events === 2 && this.#listeners);
    return { counters, timestamps, labels, events: listened, synproxy };
  }

  newEntry(slots: SlotValue[], milliseconds: number, extensions: Extensions): Entry {
    slots[ID] = undefined;
    return new Entry(slots, keyOf(slots), this.now + milliseconds, extensions);
  }

  newId(): number {
    const { nextId } = this;
    this.nextId = undefined;
    return nextId ?? this.options.newId?.() ?? Math.imul(++this.#ids, SCATTER);
  }

  /** nf_conntrack_hash_check_insert. @returns 0, or an errno */
  insert(entry: Entry): number {
    if (this.byTuple.clashes(entry.slots)) {
      this.statistics.insertFailed++;
      return EEXIST;
    }
    if (this.entries.size >= this.maxEntries) return ENOMEM;
    entry.slots[ID] = this.newId();
    if (entry.extensions.timestamps) entry.slots[START] = this.time;
    entry.flow.unknown = this.#unknown;
    this.entries.set(entry.key, entry);
    this.byTuple.add(entry);
    this.#count(entry.master, 1);
    this.statistics.insert++;
    this.changed(entry.key, (entry.slots[MARK] as number) >>> 0);
    return 0;
  }

  /** Something of an entry is another now. */
  touch(entry: Entry): void {
    this.#encoded.delete(entry);
    this.changed(entry.key, (entry.slots[MARK] as number) >>> 0);
  }

  remove(entry: Entry, cause: Cause): void {
    this.entries.delete(entry.key);
    this.byTuple.remove(entry);
    entry.gone = true;
    entry.status |= IPS_DYING;
    this.lastId = entry.slots[ID] as number;
    if (entry.extensions.timestamps) entry.slots[STOP] = this.time;
    this.changed(entry.key, undefined);
    this.#announce(nfnl.NFNLGRP_CONNTRACK_DESTROY, entry, cause, (time) => entry.destroyed(this.now, time));
    this.#count(entry.master, -1);
    for (const expected of this.expectedOf(entry)) this.forget(expected, KERNEL);
  }

  /** @param bits EVENT_*: what is new */
  announceNew(entry: Entry, bits: number, cause: Cause): void {
    this.#announce(nfnl.NFNLGRP_CONNTRACK_NEW, entry, cause, (time) => entry.announced(this.now, bits, time));
  }

  announceUpdate(entry: Entry, bits: number, cause: Cause): void {
    this.#announce(nfnl.NFNLGRP_CONNTRACK_UPDATE, entry, cause, (time) => entry.announced(this.now, bits, time));
  }

  /** The attributes of an entry in a dump. */
  encoded(entry: Entry): Uint8Array {
    const known = this.#encoded.get(entry);
    if (known?.at === this.now) return known.bytes;
    const bytes = encode(flowCodec, entry.dumped(this.now, 1), entry.flow.unknown);
    this.#encoded.set(entry, { at: this.now, bytes });
    return bytes;
  }

  encodedExpected(expected: ExpectedFlow): Uint8Array {
    return encode(expectationCodec, expected.dumped(this.now));
  }

  /** What is expected because of this flow, the oldest first. */
  expectedOf(master: Entry): ExpectedFlow[] {
    return this.expected.size === 0 ? [] : [...this.expected].filter((each) => each.master === master);
  }

  expect(expected: ExpectedFlow, cause: Cause): void {
    this.expected.add(expected);
    this.statistics.expectCreate++;
    this.#announceExpected(NFNLGRP_CONNTRACK_EXP_NEW, expected, cause);
  }

  forget(expected: ExpectedFlow, cause: Cause): void {
    if (!this.expected.delete(expected)) return;
    this.statistics.expectDelete++;
    this.#announceExpected(NFNLGRP_CONNTRACK_EXP_DESTROY, expected, cause);
  }

  /** Moves the clock: what expires meanwhile ends, each at its time. */
  advanceTo(time: number): void {
    const ends = (each: Entry | ExpectedFlow): boolean => each.expires <= time;
    const due = [...[...this.expected].filter(ends), ...[...this.entries.values()].filter(ends)];
    for (const each of due.sort((a, b) => a.expires - b.expires)) {
      this.now = Math.max(this.now, each.expires);
      if (!(each instanceof Entry)) this.forget(each, KERNEL);
      else if (!each.gone) this.remove(each, KERNEL);
    }
    this.now = time;
  }

  get #listeners(): boolean {
    const { NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY } = nfnl;
    return [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY].some((group) =>
      this.wanted(group),
    );
  }

  /** A flow holds its master. */
  #count(master: Entry | undefined, children: number): void {
    if (master === undefined) return;
    master.children += children;
    this.#encoded.delete(master);
  }

  #announce(
    group: number,
    { extensions, family }: Entry,
    { portid, echo }: Cause,
    slotsAt: (time: SlotValue) => SlotValue[],
  ): void {
    const serial = ++this.#serial;
    if (!extensions.events || (echo !== true && !this.wanted(group))) return;
    const destroys = group === nfnl.NFNLGRP_CONNTRACK_DESTROY;
    const type = nfnlType(nfnl.NFNL_SUBSYS_CTNETLINK, destroys ? cta.IPCTNL_MSG_CT_DELETE : cta.IPCTNL_MSG_CT_NEW);
    const flags = group === nfnl.NFNLGRP_CONNTRACK_NEW ? NLM_F_CREATE | NLM_F_EXCL : 0;
    const slots = slotsAt(this.options.eventTime?.(serial) ?? this.time);
    // The one attribute that nobody knows is in dumps only.
    const bytes = messageOf({ type, flags, sequence: 0, portid }, family, flowCodec, slots);
    this.event({ group, serial, bytes, echo: echo === true ? portid : undefined });
  }

  #announceExpected(group: number, expected: ExpectedFlow, { portid, echo }: Cause): void {
    const serial = ++this.#serial;
    if (!expected.master.extensions.events || (echo !== true && !this.wanted(group))) return;
    const destroys = group === NFNLGRP_CONNTRACK_EXP_DESTROY;
    const type = nfnlType(
      nfnl.NFNL_SUBSYS_CTNETLINK_EXP,
      destroys ? cta.IPCTNL_MSG_EXP_DELETE : cta.IPCTNL_MSG_EXP_NEW,
    );
    const flags = destroys ? 0 : NLM_F_CREATE | NLM_F_EXCL;
    const header = { type, flags, sequence: 0, portid };
    const bytes = messageOf(header, expected.family, expectationCodec, expected.dumped(this.now));
    this.event({ group, serial, bytes, echo: echo === true ? portid : undefined });
  }
}
