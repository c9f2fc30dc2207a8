/**
 * A flow as XML, to the letter what nfct_snprintf(NFCT_O_XML) of libnetfilter_conntrack 1.0.9 prints and so what conntrack -o xml lists,
 * but for one thing: the library prints text as it is, and a security context with `<` or `&` in it is then no XML, or says something
 * else. Here it is escaped.
 */
import type { Flow } from '../ctnetlink/flow.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import { labelBits } from '../ctnetlink/labels.ts';
import { ORIG, REPLY, type TupleSlots } from '../ctnetlink/tuple.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import type { LabelMap } from './labelmap.ts';
import { FAMILY_NAMES, PROTOCOL_NAMES, TCP_STATE_NAMES } from './names.ts';
import { checkFlow, type FormatOptions } from './options.ts';
import {
  DCCP_STATE,
  HELPER,
  ID,
  LABELS,
  MARK,
  ORIG_BYTES,
  ORIG_PACKETS,
  REPLY_BYTES,
  REPLY_PACKETS,
  SCTP_STATE,
  SECCTX,
  SECMARK,
  START,
  STATUS,
  STOP,
  TCP_STATE,
  TIMEOUT,
  USE,
  ZONE,
} from './slots.ts';
import { deltaTimeXML, twoDigits } from './time.ts';
import { hex, ipv4, ipv6, SHAPE_GRE, SHAPE_PORTS, SHAPES } from './tuple.ts';

export interface XmlOptions extends FormatOptions {
  /** `<when>`, the local time of printing: conntrack -E -o timestamp, NFCT_OF_TIME. */
  time?: boolean;
}

/** What conntrack -o xml prints around the flows of a listing that are not none, each of which is a line. */
export const XML_BEGIN = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n';
export const XML_END = '</conntrack>\n';

const BEGIN = { new: '<flow type="new">', update: '<flow type="update">', destroy: '<flow type="destroy">' } as const;

function numbered(layer: string, names: readonly string[]): readonly string[] {
  return names.map((name, number) => `<${layer} protonum="${number}" protoname="${name}">`);
}

const LAYER3 = numbered('layer3', FAMILY_NAMES);
const LAYER4 = numbered('layer4', PROTOCOL_NAMES);

/** Any of these, and there is a third <meta>; C forgot SECCTX, which then stands outside of it. */
const INDEPENDENT = [
  STATUS,
  TIMEOUT,
  MARK,
  SECMARK,
  ZONE,
  USE,
  ID,
  TCP_STATE,
  SCTP_STATE,
  DCCP_STATE,
  START,
  STOP,
] as const;

const DEFAULTS: XmlOptions = {};

/**
 * The <flow> element, without a newline; with `type`, as an event. Layer 3 and the id are always there, type, code and id of ICMP never.
 */
export function formatFlowXML(flow: Flow, options: XmlOptions = DEFAULTS): string {
  checkFlow(flow);
  const { slots } = flow;
  // C looks whether the original direction was counted, for both.
  const counted = slots[ORIG_PACKETS] !== undefined && slots[ORIG_BYTES] !== undefined;
  let text = options.type === undefined ? '<flow>' : BEGIN[options.type];
  text += `<meta direction="original">${tupleXML(slots, ORIG)}${zone(slots[ORIG.zone])}`;
  if (counted) text += counters(slots, ORIG_PACKETS, ORIG_BYTES);
  text += `</meta><meta direction="reply">${tupleXML(slots, REPLY)}${zone(slots[REPLY.zone])}`;
  if (counted) text += counters(slots, REPLY_PACKETS, REPLY_BYTES);
  text += `</meta>${independent(slots, options)}`;
  if (options.time === true) text += when(options.now);
  if (slots[HELPER] !== undefined) text += `<helper>${escapeXML(slots[HELPER] as string)}</helper>`;
  return `${text}</flow>`;
}

/** What belongs to no direction. */
function independent(slots: readonly SlotValue[], options: XmlOptions): string {
  // Of no length they are none to C.
  const labels = slots[LABELS] as Uint8Array | undefined;
  const labelled = labels !== undefined && labels.length > 0;
  const meta = labelled || INDEPENDENT.some((slot) => slots[slot] !== undefined);
  let text = meta ? '<meta direction="independent">' : '';

  // The three are one in C, which then names the states of SCTP and DCCP as if they were those of TCP.
  const state = slots[TCP_STATE] ?? slots[SCTP_STATE] ?? slots[DCCP_STATE];
  if (state !== undefined) text += `<state>${TCP_STATE_NAMES[state as number]}</state>`;
  if (slots[TIMEOUT] !== undefined) text += `<timeout>${(slots[TIMEOUT] as number) >>> 0}</timeout>`;
  if (slots[MARK] !== undefined) text += `<mark>${(slots[MARK] as number) >>> 0}</mark>`;
  if (options.labels !== undefined && labelled) text += labelNames(labels, options.labels);
  if (slots[SECMARK] !== undefined) text += `<secmark>${(slots[SECMARK] as number) >>> 0}</secmark>`;
  if (slots[SECCTX] !== undefined) text += `<secctx>${escapeXML(slots[SECCTX] as string)}</secctx>`;
  text += zone(slots[ZONE]);
  if (slots[USE] !== undefined) text += `<use>${(slots[USE] as number) >>> 0}</use>`;
  if (slots[ID] !== undefined) text += `<id>${(slots[ID] as number) >>> 0}</id>`;

  const status = slots[STATUS] as number | undefined;
  if (status !== undefined) {
    if ((status & IPS_ASSURED) !== 0) text += '<assured/>';
    if ((status & IPS_SEEN_REPLY) === 0) text += '<unreplied/>';
  }
  if (options.timestamp === true && (slots[START] !== undefined || slots[STOP] !== undefined)) {
    text += '<timestamp>';
    if (slots[START] !== undefined) text += `<start>${slots[START]}</start>`;
    if (slots[STOP] !== undefined) text += `<stop>${slots[STOP]}</stop>`;
    text += '</timestamp>';
  }
  if (slots[START] !== undefined)
    text += `<deltatime>${deltaTimeXML(slots[START], slots[STOP], options.now)}</deltatime>`;
  return meta ? `${text}</meta>` : text;
}

function zone(number: SlotValue): string {
  return number === undefined ? '' : `<zone>${number}</zone>`;
}

function counters(slots: readonly SlotValue[], packets: number, bytes: number): string {
  return `<counters><packets>${slots[packets] ?? 0}</packets><bytes>${slots[bytes] ?? 0}</bytes></counters>`;
}

/** Both layers of a tuple. What is not there is of family and protocol 0. */
export function tupleXML(slots: readonly SlotValue[], at: TupleSlots): string {
  const family = (slots[at.family] ?? 0) as number;
  const proto = (slots[at.proto] ?? 0) as number;
  let [src, dst] = ['', ''];
  if (family === AF_INET) [src, dst] = [ipv4(slots[at.src4]), ipv4(slots[at.dst4])];
  else if (family === AF_INET6) [src, dst] = [ipv6(slots[at.src6]), ipv6(slots[at.dst6])];
  const text = `${LAYER3[family]}<src>${src}</src><dst>${dst}</dst></layer3>${LAYER4[proto]}`;
  switch (SHAPES[proto]) {
    case SHAPE_PORTS:
      return `${text}<sport>${slots[at.sport] ?? 0}</sport><dport>${slots[at.dport] ?? 0}</dport></layer4>`;
    case SHAPE_GRE:
      return `${text}<srckey>${hex(slots[at.sport])}</srckey><dstkey>${hex(slots[at.dport])}</dstkey></layer4>`;
    default:
      return `${text}</layer4>`;
  }
}

function labelNames(labels: Uint8Array, map: LabelMap): string {
  let text = '<labels>';
  for (const bit of labelBits(labels)) {
    const name = map.name(bit);
    if (name !== undefined) text += `<label>${escapeXML(name)}</label>`;
  }
  return `${text}</labels>`;
}

/** The week begins with 1, a Sunday. */
function when(now: number | undefined): string {
  const date = new Date(now ?? Date.now());
  const time = `<hour>${date.getHours()}</hour><min>${twoDigits(date.getMinutes())}</min><sec>${twoDigits(date.getSeconds())}</sec>`;
  const day = `<wday>${date.getDay() + 1}</wday><day>${date.getDate()}</day><month>${date.getMonth() + 1}</month>`;
  return `<when>${time}${day}<year>${date.getFullYear()}</year></when>`;
}

/** What must not stand in the text of an element as it is: markup, and characters that XML 1.0 cannot have at all. */
const FORBIDDEN = /[&<]|\]\]>|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', ']]>': ']]&gt;' };

/** Text as the content of an element. A character that XML does not have becomes U+FFFD. */
export function escapeXML(text: string): string {
  return text.replace(FORBIDDEN, (found) => ESCAPES[found] ?? '\ufffd');
}
