/** What ctnetlink does with requests about flows: nf_conntrack_netlink.c. */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { flowCodec } from '../ctnetlink/flow.ts';
import { NAMES } from '../ctnetlink/request/flow.ts';
import { HELPER, ID, MARK, MASTER, ORIG, REPLY, STATUS, TIMEOUT, ZONE, ZONES } from '../ctnetlink/slots.ts';
import { copyTupleParts } from '../ctnetlink/tuple.ts';
import { nfnlType } from '../nfnetlink/nfgenmsg.ts';
import { EEXIST, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP } from '../uapi/errno.ts';
import { NLM_F_DUMP_FILTERED } from '../uapi/netlink.ts';
import { IPS_CONFIRMED, IPS_EXPECTED, IPS_HELPER } from '../uapi/nf_conntrack_common.ts';
import { NFNL_SUBSYS_CTNETLINK } from '../uapi/nfnetlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import * as change from './change.ts';
import { type Entry, EVENT_ALL, EVENT_LABEL, EVENT_RELATED } from './entry.ts';
import { helperOf } from './helpers.ts';
import { Matcher } from './matcher.ts';
import { dumpOf, dumpOnce, EMPTY_DUMP, type ModelDump, messageBy, messageOf, REPLY_FLAGS } from './messages.ts';
import { setUpNat } from './nat.ts';
import type { ModelRequest } from './request.ts';
import { KERNEL, type Table } from './table.ts';

/** What answers a request, before the ACK if one is due. */
export interface Answer {
  /** 0, or a positive errno. */
  readonly errno: number;
  readonly reply?: Uint8Array;
  readonly dump?: ModelDump;
}

const NEW = nfnlType(NFNL_SUBSYS_CTNETLINK, cta.IPCTNL_MSG_CT_NEW);
const STATS = nfnlType(NFNL_SUBSYS_CTNETLINK, cta.IPCTNL_MSG_CT_GET_STATS);
const STATS_CPU = nfnlType(NFNL_SUBSYS_CTNETLINK, cta.IPCTNL_MSG_CT_GET_STATS_CPU);

const TUPLES = [
  [cta.CTA_TUPLE_ORIG, ORIG],
  [cta.CTA_TUPLE_REPLY, REPLY],
] as const;

export class FlowRequests {
  /** Takes the mark that a request gave a flow. */
  executed: (mark: number) => void = () => {};
  /** Entries that the next dump leaves out, as one that a resize of the hash table overtakes. */
  skipped = 0;
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  answer(request: ModelRequest): Answer {
    const { dumps } = request;
    switch (request.message) {
      case cta.IPCTNL_MSG_CT_NEW:
        return { errno: this.#new(request) };
      case cta.IPCTNL_MSG_CT_DELETE:
        return { errno: this.#delete(request) };
      case cta.IPCTNL_MSG_CT_GET:
        return dumps ? this.#dump(request, false) : this.#get(request, false);
      case cta.IPCTNL_MSG_CT_GET_CTRZERO:
        return dumps ? this.#dump(request, true) : this.#get(request, true);
      case cta.IPCTNL_MSG_CT_GET_STATS:
        return { errno: 0, reply: this.#stats(request) };
      case cta.IPCTNL_MSG_CT_GET_STATS_CPU:
        return dumps ? { errno: 0, dump: this.#cpuStats(request) } : { errno: EOPNOTSUPP };
      case cta.IPCTNL_MSG_CT_GET_DYING:
      case cta.IPCTNL_MSG_CT_GET_UNCONFIRMED:
        return dumps ? { errno: 0, dump: EMPTY_DUMP } : { errno: EOPNOTSUPP };
      default:
        return { errno: EINVAL };
    }
  }

  #new(request: ModelRequest): number {
    const { slots } = request;
    const [hasOrig, hasReply] = [request.has(cta.CTA_TUPLE_ORIG), request.has(cta.CTA_TUPLE_REPLY)];
    const errno = this.#names(request, hasOrig, hasReply);
    if (errno !== 0) return errno;
    const entry = hasOrig || hasReply ? this.#table.byTuple.find(slots, hasOrig ? ORIG : REPLY) : undefined;
    if (entry !== undefined) return request.exclusive ? EEXIST : this.#change(entry, request);
    if (!request.creates) return ENOENT;
    if (!hasOrig || !hasReply || slots[ORIG.proto] !== slots[REPLY.proto]) return EINVAL;
    return this.#create(request);
  }

  /** Parses the tuples that are there, and the zone: only one of these may be another than 0. */
  #names(request: ModelRequest, orig: boolean, reply: boolean): number {
    const { slots } = request;
    let zone = (slots[ZONE] ?? 0) as number;
    for (const [type, tuple] of TUPLES) {
      if (!(tuple === ORIG ? orig : reply)) continue;
      const errno = request.tuple(type, tuple);
      if (errno !== 0) return errno;
      const own = slots[tuple.zone] as number | undefined;
      if (own === undefined) continue;
      if (zone !== 0) return EINVAL;
      zone = own;
    }
    for (const slot of ZONES) slots[slot] ||= undefined;
    if (!orig) slots[ORIG.zone] = undefined;
    if (!reply) slots[REPLY.zone] = undefined;
    return 0;
  }

  #create(request: ModelRequest): number {
    const table = this.#table;
    const asked = request.slots;
    // nf_conntrack_alloc
    if (table.entries.size >= table.maxEntries) return ENOMEM;
    if (asked[TIMEOUT] === undefined) return EINVAL;
    const entry = table.newEntry(nameSlots(asked), change.lifetimeOf(request), table.extensions(true));
    const errno = this.#fill(entry, request) || table.insert(entry);
    if (errno !== 0) return errno;
    let bits = EVENT_ALL | (entry.master === undefined ? 0 : EVENT_RELATED);
    if (request.has(cta.CTA_LABELS) && change.changeLabels(entry, request) === 0) {
      bits |= EVENT_LABEL;
      table.touch(entry);
    }
    this.#count(asked[MARK]);
    table.announceNew(entry, bits, request);
    if (entry.expires <= table.now) table.remove(entry, KERNEL);
    return 0;
  }

  /** ctnetlink_create_conntrack, from the helper on. */
  #fill(entry: Entry, request: ModelRequest): number {
    const { slots } = request;
    if (request.has(cta.CTA_HELP)) {
      const errno = request.errnoOf(cta.CTA_HELP);
      if (errno !== 0) return errno;
      const name = slots[HELPER] as string | undefined;
      if (name === undefined) return EINVAL;
      if (helperOf(name, entry) === undefined) return EOPNOTSUPP;
      entry.helped = true;
      entry.slots[HELPER] = name;
      entry.status |= IPS_HELPER;
    }
    let errno = setUpNat(entry.slots, request, (tried) => this.#table.byTuple.taken(tried));
    entry.status |= IPS_CONFIRMED;
    if (request.has(cta.CTA_STATUS) && slots[STATUS] !== undefined) errno ||= change.changeStatus(entry, request);
    errno ||= change.changeSeqadj(entry, request);
    if (request.has(cta.CTA_PROTOINFO)) errno ||= change.changeProtoinfo(entry, request);
    if (request.has(cta.CTA_SYNPROXY)) errno ||= change.changeSynproxy(entry, request);
    if (errno !== 0) return errno;
    if (slots[MARK] !== undefined) change.changeMark(entry, request);
    if (!request.has(cta.CTA_TUPLE_MASTER)) return 0;
    errno = request.tuple(cta.CTA_TUPLE_MASTER, MASTER);
    if (errno !== 0) return errno;
    // The zone of a master is none of its own.
    if (slots[MASTER.zone] !== undefined) return EINVAL;
    const named = nameSlots(slots);
    copyTupleParts(slots, MASTER, named, ORIG);
    entry.master = this.#table.byTuple.find(named, ORIG);
    if (entry.master === undefined) return ENOENT;
    entry.status |= IPS_EXPECTED;
    return 0;
  }

  #change(entry: Entry, request: ModelRequest): number {
    const table = this.#table;
    if (request.has(cta.CTA_NAT_SRC) || request.has(cta.CTA_NAT_DST)) return EOPNOTSUPP;
    if (request.has(cta.CTA_TUPLE_MASTER)) return EOPNOTSUPP;
    const { slots } = request;
    let errno = request.has(cta.CTA_HELP) ? this.#changeHelper(entry, request) : 0;
    if (slots[TIMEOUT] !== undefined) errno ||= change.changeTimeout(entry, request, table.now);
    if (slots[STATUS] !== undefined) errno ||= change.changeStatus(entry, request);
    if (request.has(cta.CTA_PROTOINFO)) errno ||= change.changeProtoinfo(entry, request);
    if (slots[MARK] !== undefined) errno ||= this.#changeMark(entry, request);
    errno ||= change.changeSeqadj(entry, request);
    if (request.has(cta.CTA_SYNPROXY)) errno ||= change.changeSynproxy(entry, request);
    if (request.has(cta.CTA_LABELS)) errno ||= change.changeLabels(entry, request);
    // What was changed before something was refused has changed, and no event says so.
    table.touch(entry);
    if (errno === 0) table.announceUpdate(entry, EVENT_ALL | EVENT_LABEL, request);
    // A timeout of 0 ends it.
    if (entry.expires <= table.now) table.remove(entry, KERNEL);
    return errno;
  }

  #changeMark(entry: Entry, request: ModelRequest): number {
    change.changeMark(entry, request);
    this.#count(request.slots[MARK]);
    return 0;
  }

  #changeHelper(entry: Entry, request: ModelRequest): number {
    const before = entry.helper;
    const errno = change.changeHelper(entry, request);
    if (before !== undefined && entry.helper === undefined)
      for (const each of this.#table.expectedOf(entry)) this.#table.forget(each, KERNEL);
    return errno;
  }

  #delete(request: ModelRequest): number {
    const table = this.#table;
    const filters = request.has(cta.CTA_FILTER);
    const orig = request.has(cta.CTA_TUPLE_ORIG) && !filters;
    const reply = request.has(cta.CTA_TUPLE_REPLY) && !filters && !orig;
    if (!orig && !reply) {
      const matcher = new Matcher(request, table.release, false);
      if (matcher.errno !== 0) return matcher.errno;
      for (const entry of [...table.entries.values()]) if (matcher.matches(entry)) table.remove(entry, request);
      return 0;
    }
    const errno = this.#names(request, orig, reply);
    if (errno !== 0) return errno;
    const { slots } = request;
    const entry = table.byTuple.find(slots, orig ? ORIG : REPLY);
    if (entry === undefined) return ENOENT;
    if (slots[ID] !== undefined && slots[ID] !== entry.slots[ID]) return ENOENT;
    table.remove(entry, request);
    return 0;
  }

  #get(request: ModelRequest, reset: boolean): Answer {
    const table = this.#table;
    const orig = request.has(cta.CTA_TUPLE_ORIG);
    const reply = !orig && request.has(cta.CTA_TUPLE_REPLY);
    if (!orig && !reply) return { errno: EINVAL };
    const errno = this.#names(request, orig, reply);
    if (errno !== 0) return { errno };
    const entry = table.byTuple.find(request.slots, orig ? ORIG : REPLY);
    if (entry === undefined) return { errno: ENOENT };
    const { sequence, portid } = request;
    const header = { type: NEW, flags: REPLY_FLAGS, sequence, portid };
    const found = messageOf(header, entry.family, flowCodec, entry.dumped(table.now, 2), entry.flow.unknown);
    if (reset) this.#zero(entry);
    return { errno: 0, reply: found };
  }

  #dump(request: ModelRequest, reset: boolean): Answer {
    const table = this.#table;
    const matcher = new Matcher(request, table.release, true);
    if (matcher.errno !== 0) return { errno: matcher.errno };
    const { sequence, portid } = request;
    const flags = REPLY_FLAGS | (matcher.filters ? NLM_F_DUMP_FILTERED : 0);
    const entries = table.entries.values();
    for (; this.skipped > 0; this.skipped--) entries.next();
    const dump = dumpOf<Entry>(
      { type: NEW, flags, sequence, portid },
      {
        entries,
        wanted: (entry) => !entry.gone && matcher.matches(entry),
        familyOf: ({ family }) => family,
        encoded: (entry) => table.encoded(entry),
        given: reset ? (entry) => this.#zero(entry) : undefined,
      },
    );
    return { errno: 0, dump };
  }

  #zero(entry: Entry): void {
    entry.zero();
    this.#table.touch(entry);
  }

  #stats({ sequence, portid }: ModelRequest): Uint8Array {
    const table = this.#table;
    return messageBy({ type: STATS, flags: REPLY_FLAGS, sequence, portid }, (writer) => {
      writer.attributeBe32(cta.CTA_STATS_GLOBAL_ENTRIES, table.entries.size);
      writer.attributeBe32(cta.CTA_STATS_GLOBAL_MAX_ENTRIES, table.maxEntries);
    });
  }

  #cpuStats({ sequence, portid }: ModelRequest): ModelDump {
    const { statistics, cpus } = this.#table;
    const header = { type: STATS_CPU, flags: REPLY_FLAGS, sequence, portid };
    const each = (cpu: number): Uint8Array => messageBy(header, (writer) => statistics.writeCpu(writer, cpu), 0, cpu);
    return dumpOnce(Array.from({ length: cpus }, (_, cpu) => each(cpu)));
  }

  #count(mark: SlotValue): void {
    if (typeof mark === 'number' && mark !== 0) this.executed(mark >>> 0);
  }
}

/** Slots with the tuples and zones of these, and nothing else. */
export function nameSlots(from: readonly SlotValue[]): SlotValue[] {
  const slots = flowCodec.emptySlots.slice();
  for (const slot of NAMES) slots[slot] = from[slot];
  return slots;
}
