/**
 * A flow as one line, to the letter what nfct_snprintf(NFCT_O_PLAIN) of libnetfilter_conntrack 1.0.9 prints and so what conntrack(8)
 * lists. Values are read from their slots and appended to one string: a listing of a million flows makes no object but its lines.
 */
import { formatIpv4, formatIpv6 } from '../ctnetlink/address.ts';
import { Flow } from '../ctnetlink/flow.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import { labelBits } from '../ctnetlink/labels.ts';
import type { EventType } from '../ctnetlink/message.ts';
import { DCCP_STATES, FAMILIES, inverse, PROTOCOLS, SCTP_STATES, TCP_STATES } from '../ctnetlink/names.ts';
import { ORIG, REPLY, slotOfProperty, type TupleSlots } from '../ctnetlink/tuple.ts';
import * as ipproto from '../uapi/in.ts';
import { IPS_ASSURED, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import type { LabelMap } from './labelmap.ts';

export interface PlainOptions {
  /** The layer 3 protocol in front: conntrack -o extended, NFCT_OF_SHOW_LAYER3. */
  layer3?: boolean;
  /** id=: conntrack -o id, NFCT_OF_ID. */
  id?: boolean;
  /** [start=...] and [stop=...] in local time: conntrack -o ktimestamp, NFCT_OF_TIMESTAMP. Needs nf_conntrack_timestamp=1. */
  timestamp?: boolean;
  /** Names for labels=, which is printed only with them. */
  labels?: LabelMap;
  /** What the line is prefixed with: `    [NEW] `, ` [UPDATE] ` or `[DESTROY] `. */
  type?: EventType;
  /** Milliseconds since 1970, until when delta-time counts for a flow that has not stopped. Default: now. */
  now?: number;
}

const TIMEOUT = slotOfProperty('timeout');
const TCP_STATE = slotOfProperty('tcp.state');
const SCTP_STATE = slotOfProperty('sctp.state');
const DCCP_STATE = slotOfProperty('dccp.state');
const ORIG_PACKETS = slotOfProperty('countersOrig.packets');
const ORIG_BYTES = slotOfProperty('countersOrig.bytes');
const REPLY_PACKETS = slotOfProperty('countersReply.packets');
const REPLY_BYTES = slotOfProperty('countersReply.bytes');
const STATUS = slotOfProperty('status');
const MARK = slotOfProperty('mark');
const SECMARK = slotOfProperty('secmark');
const SECCTX = slotOfProperty('secctx');
const ZONE = slotOfProperty('zone');
const START = slotOfProperty('timestamp.start');
const STOP = slotOfProperty('timestamp.stop');
const HELPER = slotOfProperty('helper.name');
const USE = slotOfProperty('use');
const ID = slotOfProperty('id');
const LABELS = slotOfProperty('labels');

const PREFIXES = { new: '    [NEW] ', update: ' [UPDATE] ', destroy: '[DESTROY] ' } as const;

/** `%-8s %u` of every number, with 'unknown' for one without a name. */
function numbered(names: Readonly<Record<string, number>>): readonly string[] {
  const byNumber = inverse(names);
  return Array.from({ length: 256 }, (_, number) => `${(byNumber[number] ?? 'unknown').padEnd(8)} ${number}`);
}

const LAYER3 = numbered(FAMILIES);
const LAYER4 = numbered(PROTOCOLS);

/** ` STATE` of every number; NONE for one without a name. */
function states(names: Readonly<Record<string, number>>): readonly string[] {
  const byNumber = inverse(names);
  return Array.from({ length: 256 }, (_, state) => ` ${byNumber[state] ?? 'NONE'}`);
}

const TCP = states(TCP_STATES);
const SCTP = states(SCTP_STATES);
const DCCP = states(DCCP_STATES);

/** What of a tuple depends on its protocol. */
const SHAPE_PORTS = 1;
const SHAPE_ICMP = 2;
const SHAPE_GRE = 3;
const SHAPES = new Uint8Array(256);
SHAPES[ipproto.IPPROTO_TCP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_UDP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_UDPLITE] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_SCTP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_DCCP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_ICMP] = SHAPE_ICMP;
SHAPES[ipproto.IPPROTO_ICMPV6] = SHAPE_ICMP;
SHAPES[ipproto.IPPROTO_GRE] = SHAPE_GRE;

const DEFAULTS: PlainOptions = {};

/**
 * The line of a flow, without a newline; with `type`, as an event. Empty without an original tuple, for which nfct_snprintf fails; the
 * kernel sends none such.
 */
export function formatFlow(flow: Flow, options: PlainOptions = DEFAULTS): string {
  if (!(flow instanceof Flow)) throw new TypeError('flow must be a Flow; Flow.from() makes one of plain properties');
  const { slots } = flow;
  const proto = slots[ORIG.proto];
  if (proto === undefined) return '';
  let text = options.type === undefined ? '' : PREFIXES[options.type];
  if (options.layer3 === true) {
    text += LAYER3[(slots[ORIG.family] ?? 0) as number];
    text += ' ';
  }
  text += LAYER4[proto as number];

  if (slots[TIMEOUT] !== undefined) text += ` ${(slots[TIMEOUT] as number) >>> 0}`;
  if (slots[TCP_STATE] !== undefined) text += TCP[slots[TCP_STATE] as number];
  if (slots[SCTP_STATE] !== undefined) text += SCTP[slots[SCTP_STATE] as number];
  if (slots[DCCP_STATE] !== undefined) text += DCCP[slots[DCCP_STATE] as number];

  text += tuple(slots, ORIG);
  if (slots[ORIG.zone] !== undefined) text += ` zone-orig=${slots[ORIG.zone]}`;
  if (slots[ORIG_PACKETS] !== undefined && slots[ORIG_BYTES] !== undefined)
    text += ` packets=${slots[ORIG_PACKETS]} bytes=${slots[ORIG_BYTES]}`;

  const status = slots[STATUS] as number | undefined;
  if (status !== undefined && (status & IPS_SEEN_REPLY) === 0) text += ' [UNREPLIED]';

  text += tuple(slots, REPLY);
  if (slots[REPLY.zone] !== undefined) text += ` zone-reply=${slots[REPLY.zone]}`;
  if (slots[REPLY_PACKETS] !== undefined && slots[REPLY_BYTES] !== undefined)
    text += ` packets=${slots[REPLY_PACKETS]} bytes=${slots[REPLY_BYTES]}`;

  if (status !== undefined && (status & (IPS_HW_OFFLOAD | IPS_OFFLOAD | IPS_ASSURED)) !== 0) {
    if ((status & IPS_HW_OFFLOAD) !== 0) text += ' [HW_OFFLOAD]';
    else if ((status & IPS_OFFLOAD) !== 0) text += ' [OFFLOAD]';
    else text += ' [ASSURED]';
  }
  if (slots[MARK] !== undefined) text += ` mark=${(slots[MARK] as number) >>> 0}`;
  if (slots[SECMARK] !== undefined) text += ` secmark=${(slots[SECMARK] as number) >>> 0}`;
  if (slots[SECCTX] !== undefined) text += ` secctx=${slots[SECCTX]}`;
  if (slots[ZONE] !== undefined) text += ` zone=${slots[ZONE]}`;
  if (slots[START] !== undefined) text += ` delta-time=${deltaTime(slots[START], slots[STOP], options.now)}`;
  if (options.timestamp === true) {
    if (slots[START] !== undefined) text += ` [start=${ctime(slots[START])}]`;
    if (slots[STOP] !== undefined) text += ` [stop=${ctime(slots[STOP])}]`;
  }
  if (slots[HELPER] !== undefined) text += ` helper=${slots[HELPER]}`;
  if (slots[USE] !== undefined) text += ` use=${(slots[USE] as number) >>> 0}`;
  if (options.id === true && slots[ID] !== undefined) text += ` id=${(slots[ID] as number) >>> 0}`;
  if (options.labels !== undefined && slots[LABELS] !== undefined)
    text += labelNames(slots[LABELS] as Uint8Array, options.labels);
  return text;
}

function tuple(slots: readonly SlotValue[], at: TupleSlots): string {
  const family = slots[at.family];
  let text = '';
  if (family === AF_INET) {
    text = ` src=${formatIpv4((slots[at.src4] ?? 0) as number)} dst=${formatIpv4((slots[at.dst4] ?? 0) as number)}`;
  } else if (family === AF_INET6) {
    text = ` src=${ipv6(slots[at.src6] as Uint8Array | undefined)} dst=${ipv6(slots[at.dst6] as Uint8Array | undefined)}`;
  }
  switch (SHAPES[(slots[at.proto] ?? 0) as number]) {
    case SHAPE_PORTS:
      return `${text} sport=${slots[at.sport] ?? 0} dport=${slots[at.dport] ?? 0}`;
    case SHAPE_ICMP:
      return `${text} type=${slots[at.icmpType] ?? 0} code=${slots[at.icmpCode] ?? 0} id=${slots[at.icmpId] ?? 0}`;
    case SHAPE_GRE:
      return `${text} srckey=${hex(slots[at.sport])} dstkey=${hex(slots[at.dport])}`;
    default:
      return text;
  }
}

function ipv6(address: Uint8Array | undefined): string {
  return address === undefined ? '::' : formatIpv6(address);
}

function hex(key: SlotValue): string {
  return `0x${((key ?? 0) as number).toString(16)}`;
}

const NANOSECONDS = 1_000_000_000;
/** More than a 64-bit integer loses as a number. */
const MARGIN = 10_000;

/** Whole seconds, exactly; without the division of bigints, a third of the time of a line, unless the second is about to change. */
function seconds(nanoseconds: SlotValue): number {
  const inexact = Number(nanoseconds);
  const whole = Math.floor(inexact / NANOSECONDS);
  const rest = inexact - whole * NANOSECONDS;
  if (rest > MARGIN && rest < NANOSECONDS - MARGIN) return whole;
  return Number(BigInt(nanoseconds as number | bigint) / BigInt(NANOSECONDS));
}

/**
 * As in C: both ends are cut to whole seconds before they are subtracted, a stop of 0 is none, and a clock that was set back wraps in
 * 64 bits.
 */
function deltaTime(start: SlotValue, stop: SlotValue, now: number | undefined): string {
  const end = stop === undefined || stop === 0 ? Math.floor((now ?? Date.now()) / 1000) : seconds(stop);
  const delta = end - seconds(start);
  return delta >= 0 ? `${delta}` : `${BigInt.asUintN(64, BigInt(delta))}`;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** ctime(3) in local time, such as 'Tue Nov 14 22:13:20 2023'. */
function ctime(nanoseconds: SlotValue): string {
  const date = new Date(seconds(nanoseconds) * 1000);
  const day = `${WEEKDAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${`${date.getDate()}`.padStart(2)}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${date.getFullYear()}`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/** Without a single name it is the bare word: C takes the last character, then the '=', off `labels=`. */
function labelNames(labels: Uint8Array, map: LabelMap): string {
  if (labels.length === 0) return '';
  let names = '';
  for (const bit of labelBits(labels)) {
    const name = map.name(bit);
    if (name !== undefined) names += `${names === '' ? '=' : ','}${name}`;
  }
  return ` labels${names}`;
}
