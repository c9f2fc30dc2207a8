/** What packets do to the table: nf_conntrack_core.c and the nf_conntrack_proto_ files, with the timeouts of Linux. */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { EXPECT_FLAGS, HELPER, MARK, ORIG, REPLY, TCP_STATE } from '../ctnetlink/slots.ts';
import { completeFrom } from '../ctnetlink/tuple.ts';
import * as ipproto from '../uapi/in.ts';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from '../uapi/nf_conntrack_common.ts';
import * as tcp from '../uapi/nf_conntrack_tcp.ts';
import {
  BYTES,
  type Entry,
  EVENT_HELPER,
  EVENT_MARK,
  EVENT_PROTOINFO,
  EVENT_RELATED,
  PACKETS,
  TCP_FLAGS,
} from './entry.ts';
import { zoneOf } from './expected.ts';
import { nameSlots } from './flows.ts';
import { KERNEL, type Table } from './table.ts';

/** What a TCP packet carries. */
export type TcpPacket = 'SYN' | 'SYN/ACK' | 'ACK' | 'FIN' | 'RST';

/** Seconds by state. */
const TCP_TIMEOUTS: Readonly<Record<number, number>> = {
  [tcp.TCP_CONNTRACK_SYN_SENT]: 120,
  [tcp.TCP_CONNTRACK_SYN_RECV]: 60,
  [tcp.TCP_CONNTRACK_ESTABLISHED]: 432_000,
  [tcp.TCP_CONNTRACK_FIN_WAIT]: 120,
  [tcp.TCP_CONNTRACK_CLOSE_WAIT]: 60,
  [tcp.TCP_CONNTRACK_LAST_ACK]: 30,
  [tcp.TCP_CONNTRACK_TIME_WAIT]: 120,
  [tcp.TCP_CONNTRACK_CLOSE]: 10,
  [tcp.TCP_CONNTRACK_SYN_SENT2]: 120,
};
/** A connection that was picked up in its midst, until an answer comes. */
const TCP_UNACKNOWLEDGED = 300;

/** Seconds before an answer, and after. */
const TIMEOUTS: Readonly<Record<number, readonly [unreplied: number, replied: number]>> = {
  [ipproto.IPPROTO_UDP]: [30, 120],
  [ipproto.IPPROTO_UDPLITE]: [30, 120],
  [ipproto.IPPROTO_GRE]: [30, 180],
  [ipproto.IPPROTO_ICMP]: [30, 30],
  [ipproto.IPPROTO_ICMPV6]: [30, 30],
  [ipproto.IPPROTO_SCTP]: [3, 210],
};
const GENERIC = [600, 600] as const;
/** Milliseconds after which an exchange of UDP is a stream. */
const STREAM = 2000;
/** NF_CT_EXPECT_PERMANENT, NF_CT_EXPECT_INACTIVE. */
const PERMANENT = 1;
const INACTIVE = 2;

/** Where a packet of a connection takes it; undefined: it is not valid in this state. */
function nextState(state: number, packet: TcpPacket, reply: boolean): number | undefined {
  switch (packet) {
    case 'RST':
      return state === tcp.TCP_CONNTRACK_NONE ? undefined : tcp.TCP_CONNTRACK_CLOSE;
    case 'SYN':
      if (reply) return state === tcp.TCP_CONNTRACK_SYN_SENT ? tcp.TCP_CONNTRACK_SYN_SENT2 : state;
      return SYN_STARTS.includes(state) ? tcp.TCP_CONNTRACK_SYN_SENT : state;
    case 'SYN/ACK': {
      const answered = reply ? tcp.TCP_CONNTRACK_SYN_SENT : tcp.TCP_CONNTRACK_SYN_SENT2;
      if (state === answered) return tcp.TCP_CONNTRACK_SYN_RECV;
      return state === tcp.TCP_CONNTRACK_NONE ? undefined : state;
    }
    case 'FIN':
      return AFTER_FIN[state];
    default:
      if (state === tcp.TCP_CONNTRACK_NONE) return reply ? undefined : tcp.TCP_CONNTRACK_ESTABLISHED;
      if (state === tcp.TCP_CONNTRACK_SYN_RECV) return reply ? state : tcp.TCP_CONNTRACK_ESTABLISHED;
      return AFTER_ACK[state] ?? state;
  }
}

const SYN_STARTS: readonly number[] = [
  tcp.TCP_CONNTRACK_NONE,
  tcp.TCP_CONNTRACK_SYN_SENT,
  tcp.TCP_CONNTRACK_TIME_WAIT,
  tcp.TCP_CONNTRACK_CLOSE,
];
const AFTER_FIN: Readonly<Record<number, number>> = {
  [tcp.TCP_CONNTRACK_SYN_RECV]: tcp.TCP_CONNTRACK_FIN_WAIT,
  [tcp.TCP_CONNTRACK_ESTABLISHED]: tcp.TCP_CONNTRACK_FIN_WAIT,
  [tcp.TCP_CONNTRACK_FIN_WAIT]: tcp.TCP_CONNTRACK_LAST_ACK,
  [tcp.TCP_CONNTRACK_CLOSE_WAIT]: tcp.TCP_CONNTRACK_LAST_ACK,
  [tcp.TCP_CONNTRACK_LAST_ACK]: tcp.TCP_CONNTRACK_LAST_ACK,
  [tcp.TCP_CONNTRACK_TIME_WAIT]: tcp.TCP_CONNTRACK_TIME_WAIT,
  [tcp.TCP_CONNTRACK_CLOSE]: tcp.TCP_CONNTRACK_CLOSE,
};
const AFTER_ACK: Readonly<Record<number, number>> = {
  [tcp.TCP_CONNTRACK_FIN_WAIT]: tcp.TCP_CONNTRACK_CLOSE_WAIT,
  [tcp.TCP_CONNTRACK_LAST_ACK]: tcp.TCP_CONNTRACK_TIME_WAIT,
};

/** Packets of one kind, one after the other. */
export interface Packets {
  /** The original tuple and the zone are those of the packets. */
  readonly slots: readonly SlotValue[];
  readonly count: number;
  /** Of each. */
  readonly bytes: number;
  readonly tcp: TcpPacket;
}

/** Packets of a flow that is there change it; others create one. */
export function track(table: Table, packets: Packets): void {
  const hit = table.byTuple.locate(packets.slots, ORIG);
  if (hit !== undefined) {
    follow(table, hit.entry, hit.direction, packets);
    return;
  }
  const entry = begin(table, packets);
  if (entry !== undefined && packets.count > 1) follow(table, entry, 0, { ...packets, count: packets.count - 1 });
}

/** nf_conntrack_in of the first packet of a flow; undefined where it is of none. */
function begin(table: Table, packets: Packets): Entry | undefined {
  const slots = nameSlots(packets.slots);
  completeFrom(slots, ORIG, REPLY);
  const protocol = slots[ORIG.proto] as number;
  const isTcp = protocol === ipproto.IPPROTO_TCP;
  const state = isTcp ? nextState(tcp.TCP_CONNTRACK_NONE, packets.tcp, false) : undefined;
  if (isTcp && state === undefined) return undefined;
  if (isAnswer(slots)) return undefined;
  const seconds =
    state === undefined
      ? (TIMEOUTS[protocol] ?? GENERIC)[0]
      : packets.tcp === 'SYN'
        ? TCP_TIMEOUTS[state]
        : TCP_UNACKNOWLEDGED;
  const entry = table.newEntry(slots, 1000 * seconds, table.extensions(false));
  if (state !== undefined) {
    slots[TCP_STATE] = state;
    // Nobody knows the windows of a connection that was picked up.
    const picked = packets.tcp === 'SYN' ? 0 : tcp.IP_CT_TCP_FLAG_SACK_PERM | tcp.IP_CT_TCP_FLAG_BE_LIBERAL;
    for (const slot of TCP_FLAGS) slots[slot] = picked;
    noteFlags(slots, 0, packets.tcp);
  }
  entry.streamFrom = table.now + STREAM;
  entry.status = IPS_CONFIRMED;
  let bits = isTcp ? EVENT_PROTOINFO : 0;
  for (const expected of table.expected) {
    const flags = expected.slots[EXPECT_FLAGS] as number;
    if ((flags & INACTIVE) !== 0 || zoneOf(expected.master.slots) !== zoneOf(slots)) continue;
    if (!expected.matches(slots, ORIG)) continue;
    entry.master = expected.master;
    entry.status |= IPS_EXPECTED;
    slots[MARK] = expected.master.slots[MARK];
    bits |= EVENT_RELATED | EVENT_MARK;
    table.statistics.expectNew++;
    if ((flags & PERMANENT) === 0) table.forget(expected, KERNEL);
    break;
  }
  if (slots[HELPER] !== undefined) bits |= EVENT_HELPER;
  count(entry, 0, packets.bytes, 1);
  if (table.insert(entry) !== 0) return undefined;
  table.announceNew(entry, bits, KERNEL);
  return entry;
}

/** An answer of ICMP that nobody asked for is of no flow. */
function isAnswer(slots: readonly SlotValue[]): boolean {
  const type = slots[ORIG.icmpType];
  if (slots[ORIG.proto] === ipproto.IPPROTO_ICMP) return ![8, 13, 15, 17].includes(type as number);
  return slots[ORIG.proto] === ipproto.IPPROTO_ICMPV6 && ![128, 139].includes(type as number);
}

function follow(table: Table, entry: Entry, direction: 0 | 1, packets: Packets): void {
  const { slots, status } = entry;
  const protocol = slots[ORIG.proto] as number;
  const reply = direction === 1;
  // What the packet finds: its own answer counts from the next one on.
  const replied = (status & IPS_SEEN_REPLY) !== 0;
  if (packets.count > 1 && reply && !replied) {
    follow(table, entry, direction, { ...packets, count: 1 });
    if (!entry.gone) follow(table, entry, direction, { ...packets, count: packets.count - 1 });
    return;
  }
  let bits = 0;
  if (protocol === ipproto.IPPROTO_TCP) {
    const old = slots[TCP_STATE] as number;
    const state = nextState(old, packets.tcp, reply);
    if (state === undefined) return;
    slots[TCP_STATE] = state;
    noteFlags(slots, direction, packets.tcp);
    if (state !== old) bits |= EVENT_PROTOINFO;
    if (state !== old && state === tcp.TCP_CONNTRACK_FIN_WAIT)
      slots[TCP_FLAGS[direction]] = (slots[TCP_FLAGS[direction]] as number) | tcp.IP_CT_TCP_FLAG_CLOSE_INIT;
    const established = state === tcp.TCP_CONNTRACK_ESTABLISHED;
    const handshake = old === tcp.TCP_CONNTRACK_SYN_RECV || old === tcp.TCP_CONNTRACK_ESTABLISHED;
    if (handshake && replied && established) entry.status |= IPS_ASSURED;
    // A refused connection is over.
    if (packets.tcp === 'RST' && reply && !replied) {
      count(entry, direction, packets.bytes, packets.count);
      table.remove(entry, KERNEL);
      return;
    }
    refresh(table, entry, established && !replied ? TCP_UNACKNOWLEDGED : TCP_TIMEOUTS[state]);
  } else {
    refresh(table, entry, idle(table, entry, protocol));
  }
  count(entry, direction, packets.bytes, packets.count);
  if (reply) entry.status |= IPS_SEEN_REPLY;
  table.touch(entry);
  if (bits !== 0 || entry.status !== status) table.announceUpdate(entry, bits, KERNEL);
}

/** The sender has acknowledged something. */
function noteFlags(slots: SlotValue[], direction: 0 | 1, packet: TcpPacket): void {
  if (packet === 'SYN') return;
  slots[TCP_FLAGS[direction]] = (slots[TCP_FLAGS[direction]] as number) | tcp.IP_CT_TCP_FLAG_MAXACK_SET;
}

/** The seconds that a flow lives without a packet. What is a stream becomes assured. */
function idle(table: Table, entry: Entry, protocol: number): number {
  const [unreplied, replied] = TIMEOUTS[protocol] ?? GENERIC;
  if ((entry.status & IPS_SEEN_REPLY) === 0) return unreplied;
  const isUdp = protocol === ipproto.IPPROTO_UDP || protocol === ipproto.IPPROTO_UDPLITE;
  if (isUdp && table.now <= entry.streamFrom) return unreplied;
  if (isUdp || protocol === ipproto.IPPROTO_GRE) entry.status |= IPS_ASSURED;
  return replied;
}

function refresh(table: Table, entry: Entry, seconds: number): void {
  if ((entry.status & IPS_FIXED_TIMEOUT) === 0) entry.expires = table.now + 1000 * seconds;
}

function count({ slots, extensions }: Entry, direction: 0 | 1, bytes: number, packets: number): void {
  if (!extensions.counters) return;
  slots[PACKETS[direction]] = (slots[PACKETS[direction]] as number) + packets;
  slots[BYTES[direction]] = (slots[BYTES[direction]] as number) + packets * bytes;
}

/** Counts a packet of an entry, whatever it is of, and nothing else. */
export function countPacket(table: Table, entry: Entry, bytes: number): void {
  count(entry, 0, bytes, 1);
  table.touch(entry);
}
