/**
 * A model of ctnetlink: a table of flows that takes requests and gives replies and events, all of them bytes. It knows
 * nothing of sockets, system calls or time; whoever has one carries its messages. What it does is what Linux 6.18
 * does, as far as it goes: flows by tuple, mark, status, timeout, counters, filters of dumps and flushes, statistics;
 * of expectations there are none.
 */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { type Flow, flowCodec } from '../ctnetlink/flow.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import {
  EVENT_TIME,
  FILTER_ORIG,
  FILTER_REPLY,
  ID,
  MARK,
  MARK_MASK,
  ORIG,
  ORIG_BYTES,
  ORIG_PACKETS,
  REPLY,
  REPLY_BYTES,
  REPLY_PACKETS,
  STATUS,
  STATUS_MASK,
  TIMEOUT,
  ZONE,
} from '../ctnetlink/slots.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../netlink/byteorder.ts';
import { DecodeError } from '../netlink/errors.ts';
import { align4, newNlmsghdr, readNlmsghdr } from '../netlink/nlmsg.ts';
import { Writer } from '../netlink/writer.ts';
import { nfnlMessage, nfnlSubsystem, nfnlType } from '../nfnetlink/nfgenmsg.ts';
import { writeNfgenmsg } from '../nfnetlink/request.ts';
import { EBUSY, EEXIST, EINVAL, ENOENT, EOPNOTSUPP } from '../uapi/errno.ts';
import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_DUMP_FILTERED,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLMSG_HDRLEN,
} from '../uapi/netlink.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_DYING, IPS_EXPECTED, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';
import {
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../uapi/nfnetlink.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_UNSPEC } from '../uapi/socket.ts';
import { matcher } from './matcher.ts';
import { keyOf, TupleTable } from './tuple-table.ts';

const PACKETS = [ORIG_PACKETS, REPLY_PACKETS];
const BYTES = [ORIG_BYTES, REPLY_BYTES];

/** nfgenmsg.version with which the kernel honours the family of a flush. */
const HONOURS_FAMILY = 1;
/** No attribute of ctnetlink has this type. */
const UNKNOWN_TYPE = 60;
const CPUS = 2;

/** A message to a multicast group. */
export interface ModelEvent {
  /** NFNLGRP_* */
  readonly group: number;
  readonly bytes: Uint8Array;
  /** Counts all events of a model, from 1; it is also the event's CTA_TIMESTAMP_EVENT. */
  readonly serial: number;
}

/** A dump on its way. */
export interface ModelDump {
  /**
   * The next messages, as many as fit `size` bytes; undefined at the end, when the caller sends NLMSG_DONE.
   * @param repeat the entry at which the dump stopped has gone: some are given again
   */
  next(size: number, repeat?: boolean): Uint8Array | undefined;
}

/** What answers a request, before the ACK if one is due. */
export interface ModelAnswer {
  /** 0, or a positive errno. */
  readonly errno: number;
  readonly reply?: Uint8Array;
  readonly dump?: ModelDump;
}

interface Entry {
  readonly flow: Flow;
  readonly family: number;
  readonly key: string;
  /** The attributes as they are sent, until something changes. */
  encoded: Uint8Array | undefined;
}

export interface ModelOptions {
  /** Bytes of an attribute that nobody knows in every flow: what makes dumps long without many flows. */
  padding?: number;
  /** Of the kernel: an old one ignores what it does not know of a filter. Default: Linux 6.18. */
  release?: string;
}

export class CtnetlinkModel {
  /** Takes the events, in their order. */
  event: (event: ModelEvent) => void = () => {};
  /** Whether anybody wants the events of this group: others are not written. */
  wanted: (group: number) => boolean = () => true;
  /** Takes each change of the table: the key of a flow, and its mark since, or undefined when it is gone. */
  changed: (key: string, mark: number | undefined) => void = () => {};
  /** Takes the mark that a request gave a flow. */
  executed: (mark: number) => void = () => {};
  readonly #padding: Uint8Array | undefined;
  /** Thousands are the major number. */
  readonly #version: number;
  readonly #entries = new Map<string, Entry>();
  readonly #byTuple = new TupleTable<Entry>();
  readonly #writer = new Writer(32768);
  /** For the attributes of one flow. */
  readonly #attributes = new Writer(4096);
  readonly #header = newNlmsghdr();
  #serial = 0;
  #nextId = 1;

  constructor({ padding = 0, release = '6.18.0' }: ModelOptions = {}) {
    const [major, minor] = release.split('.').map(Number);
    this.#version = major * 1000 + minor;
    if (padding > 0) this.#padding = new Uint8Array(padding).fill(0x5a);
  }

  get count(): number {
    return this.#entries.size;
  }

  get keys(): string[] {
    return [...this.#entries.keys()];
  }

  /** What names a flow here: zone, family and original tuple. */
  keyOf(flow: Flow): string {
    return keyOf(flow.slots);
  }

  /** Carries out one request. @param message from its nlmsghdr on, with nothing behind it */
  request(message: Uint8Array, portid: number): ModelAnswer {
    const header = this.#header;
    const view = viewOf(message);
    let end: number;
    let asked: Flow;
    try {
      end = readNlmsghdr(view, 0, message.length, header);
      const subsystem = nfnlSubsystem(header.nlmsg_type);
      if (subsystem === NFNL_SUBSYS_CTNETLINK_EXP) return this.#expectation(portid);
      if (subsystem !== NFNL_SUBSYS_CTNETLINK || end < NLMSG_HDRLEN + 4) return { errno: EINVAL };
      asked = decodeFlow(view, 0, end);
    } catch (error) {
      if (error instanceof DecodeError) return { errno: EINVAL };
      throw error;
    }
    const { nlmsg_type, nlmsg_flags, nlmsg_seq } = header;
    const family = message[NLMSG_HDRLEN];
    const version = message[NLMSG_HDRLEN + 1];
    const dumps = (nlmsg_flags & NLM_F_DUMP) === NLM_F_DUMP;
    this.#ignore(asked.slots, dumps);
    const walked = this.#version < 4020 ? AF_UNSPEC : family;
    switch (nfnlMessage(nlmsg_type)) {
      case cta.IPCTNL_MSG_CT_NEW:
        return { errno: this.#new(asked, family, nlmsg_flags, portid) };
      case cta.IPCTNL_MSG_CT_DELETE:
        return { errno: this.#delete(asked, family, this.#version >= 5003 ? version : 0, portid) };
      case cta.IPCTNL_MSG_CT_GET:
        return dumps ? this.#dump(asked, walked, false, nlmsg_seq, portid) : this.#get(asked, false, nlmsg_seq, portid);
      case cta.IPCTNL_MSG_CT_GET_CTRZERO:
        return dumps ? this.#dump(asked, walked, true, nlmsg_seq, portid) : this.#get(asked, true, nlmsg_seq, portid);
      case cta.IPCTNL_MSG_CT_GET_STATS:
        return { errno: 0, reply: this.#stats(nlmsg_seq, portid) };
      case cta.IPCTNL_MSG_CT_GET_STATS_CPU:
        return dumps ? { errno: 0, dump: this.#cpuStats(nlmsg_seq, portid) } : { errno: EOPNOTSUPP };
      case cta.IPCTNL_MSG_CT_GET_DYING:
      case cta.IPCTNL_MSG_CT_GET_UNCONFIRMED:
        return dumps ? { errno: 0, dump: { next: () => undefined } } : { errno: EOPNOTSUPP };
      default:
        return { errno: EINVAL };
    }
  }

  /** Takes away what this kernel does not look at in a dump or flush. A zone of 0 flushed every zone until 6.9. */
  #ignore(slots: SlotValue[], dumps: boolean): void {
    const names = slots[ORIG.proto] !== undefined || slots[REPLY.proto] !== undefined;
    const filters = slots[FILTER_ORIG] !== undefined || slots[FILTER_REPLY] !== undefined;
    if (this.#version < (dumps ? 5008 : 6012)) slots[FILTER_ORIG] = slots[FILTER_REPLY] = undefined;
    // Those of a request about one flow are no filter.
    if (names && !filters) return;
    if (this.#version < 5015) slots[STATUS] = slots[STATUS_MASK] = undefined;
    if (this.#version < 6008 || (this.#version < 6009 && slots[ZONE] === 0)) slots[ZONE] = undefined;
  }

  /** A packet creates this flow, if there is none. */
  packetCreates(flow: Flow): void {
    const family = flow.slots[ORIG.family] as number;
    if (this.#byTuple.clashes(flow.slots)) return;
    this.#insert(flow, family, 0);
  }

  /** A packet of a flow is counted; its first answer changes the status, which an event reports. */
  packet(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { slots } = entry.flow;
    slots[PACKETS[0]] = ((slots[PACKETS[0]] as number) ?? 0) + 1;
    slots[BYTES[0]] = ((slots[BYTES[0]] as number) ?? 0) + 100;
    entry.encoded = undefined;
    const status = slots[STATUS] as number;
    if ((status & IPS_SEEN_REPLY) !== 0) return;
    slots[STATUS] = status | IPS_SEEN_REPLY;
    this.#announce(entry, NFNLGRP_CONNTRACK_UPDATE, 0);
  }

  /** A flow times out. */
  expires(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(entry, 0);
  }

  #new(asked: Flow, family: number, flags: number, portid: number): number {
    const { slots } = asked;
    const byOrig = slots[ORIG.proto] !== undefined;
    if (!byOrig && slots[REPLY.proto] === undefined) return EINVAL;
    const entry =
      (byOrig ? this.#byTuple.find(slots, ORIG) : undefined) ??
      (slots[REPLY.proto] === undefined ? undefined : this.#byTuple.find(slots, REPLY));
    if (entry !== undefined) return (flags & NLM_F_EXCL) !== 0 ? EEXIST : this.#change(entry, asked, portid);
    if ((flags & NLM_F_CREATE) === 0) return ENOENT;
    if (!byOrig || slots[REPLY.proto] !== slots[ORIG.proto] || slots[TIMEOUT] === undefined) return EINVAL;
    if (this.#byTuple.clashes(slots)) return EEXIST;
    this.#insert(asked, family, portid);
    this.#count(slots[MARK]);
    return 0;
  }

  #change({ key }: Entry, asked: Flow, portid: number): number {
    const entry = this.#entries.get(key)!;
    const { slots } = entry.flow;
    const status = asked.slots[STATUS] as number | undefined;
    if (status !== undefined) {
      const old = slots[STATUS] as number;
      if (((status ^ old) & (IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING)) !== 0) return EBUSY;
      if ((old & ~status & (IPS_SEEN_REPLY | IPS_ASSURED)) !== 0) return EBUSY;
      slots[STATUS] = old | status;
    }
    if (asked.slots[TIMEOUT] !== undefined) slots[TIMEOUT] = asked.slots[TIMEOUT];
    const mark = asked.slots[MARK] as number | undefined;
    if (mark !== undefined) {
      const mask = (asked.slots[MARK_MASK] as number | undefined) ?? -1;
      slots[MARK] = ((slots[MARK] as number) & ~mask) ^ mark;
      this.#count(mark);
    }
    entry.encoded = undefined;
    this.#note(entry, slots[MARK] as number);
    this.#announce(entry, NFNLGRP_CONNTRACK_UPDATE, portid);
    return 0;
  }

  #delete(asked: Flow, family: number, version: number, portid: number): number {
    const { slots } = asked;
    const tuple = slots[ORIG.proto] !== undefined ? ORIG : slots[REPLY.proto] !== undefined ? REPLY : undefined;
    const filter = slots[FILTER_ORIG] !== undefined || slots[FILTER_REPLY] !== undefined;
    if (tuple === undefined || filter) {
      const matches = matcher(asked, version >= HONOURS_FAMILY || filter ? family : AF_UNSPEC);
      for (const entry of [...this.#entries.values()]) if (matches(entry)) this.#remove(entry, portid);
      return 0;
    }
    const entry = this.#byTuple.find(slots, tuple);
    if (entry === undefined) return ENOENT;
    if (slots[ID] !== undefined && slots[ID] !== entry.flow.slots[ID]) return ENOENT;
    this.#remove(entry, portid);
    return 0;
  }

  #get(asked: Flow, reset: boolean, sequence: number, portid: number): ModelAnswer {
    const { slots } = asked;
    const entry = this.#byTuple.find(slots, slots[ORIG.proto] !== undefined ? ORIG : REPLY);
    if (entry === undefined) return { errno: ENOENT };
    const writer = this.#writer.reset();
    this.#write(writer, entry, NLM_F_MULTI, sequence, portid);
    if (reset) zero(entry);
    return { errno: 0, reply: writer.finish().slice() };
  }

  #dump(asked: Flow, family: number, reset: boolean, sequence: number, portid: number): ModelAnswer {
    const { slots } = asked;
    // A tuple without CTA_FILTER says nothing.
    if (slots[FILTER_ORIG] === undefined && slots[FILTER_REPLY] === undefined) clearTuples(slots);
    else if (family === AF_UNSPEC) return { errno: EOPNOTSUPP };
    const filters = [MARK, STATUS, ZONE, FILTER_ORIG, FILTER_REPLY].some((slot) => slots[slot] !== undefined);
    const flags = NLM_F_MULTI | (filters ? NLM_F_DUMP_FILTERED : 0);
    const matches = matcher(asked, family);
    const entries = this.#entries.values();
    const given: Entry[] = [];
    let waiting: Entry | undefined;
    let over = false;
    const next = (size: number, repeat = false): Uint8Array | undefined => {
      if (over) return undefined;
      const writer = this.#writer.reset();
      if (repeat)
        for (const entry of given.slice(-2))
          if (this.#entries.get(entry.key) === entry && writer.length + this.#sizeOf(entry) <= size)
            this.#write(writer, entry, flags, sequence, portid);
      for (;;) {
        const entry = waiting ?? entries.next().value;
        waiting = undefined;
        if (entry === undefined) {
          over = true;
          break;
        }
        if (this.#entries.get(entry.key) !== entry || !matches(entry)) continue;
        if (writer.length > 0 && writer.length + this.#sizeOf(entry) > size) {
          waiting = entry;
          break;
        }
        this.#write(writer, entry, flags, sequence, portid);
        given.push(entry);
        if (reset) zero(entry);
      }
      return writer.length > 0 ? writer.finish().slice() : undefined;
    };
    return { errno: 0, dump: { next } };
  }

  #stats(sequence: number, portid: number): Uint8Array {
    const writer = this.#writer.reset();
    this.#begin(writer, cta.IPCTNL_MSG_CT_GET_STATS, 0, sequence, portid, AF_UNSPEC);
    writer.attributeBe32(cta.CTA_STATS_GLOBAL_ENTRIES, this.count);
    writer.attributeBe32(cta.CTA_STATS_GLOBAL_MAX_ENTRIES, 65536);
    writer.endMessage(0);
    return writer.finish().slice();
  }

  #cpuStats(sequence: number, portid: number): ModelDump {
    let over = false;
    const next = (): Uint8Array | undefined => {
      if (over) return undefined;
      over = true;
      const writer = this.#writer.reset();
      for (let cpu = 0; cpu < CPUS; cpu++) {
        const at = this.#begin(writer, cta.IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_MULTI, sequence, portid, AF_UNSPEC, cpu);
        writer.attributeBe32(cta.CTA_STATS_FOUND, 100 + cpu);
        writer.endMessage(at);
      }
      return writer.finish().slice();
    };
    return { next };
  }

  /** There are no expectations. */
  #expectation(_portid: number): ModelAnswer {
    const { nlmsg_type, nlmsg_flags } = this.#header;
    const message = nfnlMessage(nlmsg_type);
    if ((nlmsg_flags & NLM_F_DUMP) === NLM_F_DUMP) return { errno: 0, dump: { next: () => undefined } };
    if (message === cta.IPCTNL_MSG_EXP_NEW) return { errno: EOPNOTSUPP };
    return { errno: ENOENT };
  }

  #insert(flow: Flow, family: number, portid: number): void {
    const { slots } = flow;
    const entry: Entry = {
      flow,
      family,
      key: keyOf(slots),
      encoded: undefined,
    };
    slots[STATUS] = ((slots[STATUS] as number | undefined) ?? 0) | IPS_CONFIRMED;
    slots[MARK] ??= 0;
    // Two flows may have the same id, and a new one that of one that is gone: it is a hash of an address.
    slots[ID] = this.#nextId++ % 1000;
    for (const slot of [...PACKETS, ...BYTES]) slots[slot] = 0;
    if (this.#padding !== undefined) flow.unknown = [{ level: 0, type: UNKNOWN_TYPE, value: this.#padding }];
    this.#entries.set(entry.key, entry);
    this.#byTuple.add(entry);
    this.#note(entry, slots[MARK] as number);
    this.#announce(entry, NFNLGRP_CONNTRACK_NEW, portid);
  }

  #remove(entry: Entry, portid: number): void {
    this.#entries.delete(entry.key);
    this.#byTuple.remove(entry);
    this.#note(entry, undefined);
    this.#announce(entry, NFNLGRP_CONNTRACK_DESTROY, portid);
  }

  #note({ key }: Entry, mark: number | undefined): void {
    this.changed(key, mark === undefined ? undefined : mark >>> 0);
  }

  #count(mark: SlotValue): void {
    if (typeof mark === 'number' && mark !== 0) this.executed(mark >>> 0);
  }

  #announce(entry: Entry, group: number, portid: number): void {
    const serial = ++this.#serial;
    if (!this.wanted(group)) return;
    const writer = this.#writer.reset();
    const type = group === NFNLGRP_CONNTRACK_DESTROY ? cta.IPCTNL_MSG_CT_DELETE : cta.IPCTNL_MSG_CT_NEW;
    const flags = group === NFNLGRP_CONNTRACK_NEW ? NLM_F_CREATE | NLM_F_EXCL : 0;
    this.#begin(writer, type, flags, 0, portid, entry.family);
    const { flow } = entry;
    const { unknown } = flow;
    flow.unknown = undefined;
    const rare = flow.slots.length > EVENT_TIME;
    if (!rare) flowCodec.makeRoom(flow);
    flow.slots[EVENT_TIME] = serial;
    flowCodec.write(writer, flow);
    flow.slots[EVENT_TIME] = undefined;
    flow.unknown = unknown;
    writer.endMessage(0);
    this.event({ group, serial, bytes: writer.finish().slice() });
  }

  #sizeOf(entry: Entry): number {
    return align4(NLMSG_HDRLEN + 4 + this.#encoded(entry).length);
  }

  #encoded(entry: Entry): Uint8Array {
    if (entry.encoded === undefined) {
      const writer = this.#attributes.reset();
      flowCodec.write(writer, entry.flow);
      entry.encoded = writer.finish().slice();
    }
    return entry.encoded;
  }

  #write(writer: Writer, entry: Entry, flags: number, sequence: number, portid: number): void {
    const encoded = this.#encoded(entry);
    const at = this.#begin(writer, cta.IPCTNL_MSG_CT_NEW, flags, sequence, portid, entry.family);
    const start = writer.reserve(encoded.length);
    writer.bytes.set(encoded, start);
    writer.endMessage(at);
  }

  #begin(
    writer: Writer,
    message: number,
    flags: number,
    sequence: number,
    portid: number,
    family: number,
    resId = 0,
  ): number {
    const at = writer.beginMessage(nfnlType(NFNL_SUBSYS_CTNETLINK, message), flags, sequence);
    writer.view.setUint32(at + 12, portid, HOST_LITTLE_ENDIAN);
    writeNfgenmsg(writer, family, 0, resId);
    return at;
  }
}

function clearTuples(slots: SlotValue[]): void {
  for (const tuple of [ORIG, REPLY]) for (const slot of tuple.all) slots[slot] = undefined;
}

/** The counters of what was just given start again. */
function zero(entry: Entry): void {
  for (const slot of [...PACKETS, ...BYTES]) entry.flow.slots[slot] = 0;
  entry.encoded = undefined;
}
