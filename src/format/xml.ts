/**
 * A flow as XML, to the letter what nfct_snprintf(NFCT_O_XML) of libnetfilter_conntrack 1.0.9 prints and so what
 * conntrack -o xml lists, but for one thing: the library prints text as it is, and a security context with `<` or `&`
 * in it is then no XML, or says something else. Here it is escaped.
 */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { labelBits } from '../ctnetlink/labels.ts';
import {
  DCCP_STATE,
  EVENT_TIME,
  HELPER,
  ID,
  LABELS,
  MARK,
  ORIG,
  ORIG_BYTES,
  ORIG_PACKETS,
  REPLY,
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
  type TupleSlots,
  USE,
  ZONE,
} from '../ctnetlink/slots.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';
import { escapeXML, FLOW_BEGIN, layer3Begin, layer4Begin, when } from './elements.ts';
import type { LabelMap } from './labelmap.ts';
import { TCP_STATE_NAMES } from './names.ts';
import { type AnyFormatOptions, checkFlow, checkOf, FORMAT_OPTIONS, type FormatOptions } from './options.ts';
import { deltaTimeXML, seconds } from './time.ts';
import { addressesXML, layer4XML } from './tuple.ts';

/** What formatFlowXML takes. */
export interface FormatFlowXMLOptions extends FormatOptions {
  /**
   * `<when>`, in local time: when the event happened where the kernel says so (`timestamp.event`, Linux 6.14), as of
   * libnetfilter_conntrack 1.1.1, else the time of printing. conntrack -E -o timestamp, NFCT_OF_TIME.
   */
  time?: boolean | undefined;
}

/** Any of these, and there is a third <meta>; C forgot SECCTX, which is then outside of it. */
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

const DEFAULTS: FormatFlowXMLOptions = {};
const check = checkOf<AnyFormatOptions>(FORMAT_OPTIONS);

/**
 * The `<flow>` element of a flow, without a newline; with `type`, as an event. Layer 3 and the id are always there,
 * type, code and id of ICMP never.
 */
export function formatFlowXML(flow: Flow, options: FormatFlowXMLOptions = DEFAULTS): string {
  check(options);
  return flowXML(flow, options);
}

/** The same of options that were checked. */
export function flowXML(flow: Flow, options: FormatFlowXMLOptions): string {
  checkFlow(flow);
  const { slots } = flow;
  // C looks whether the original direction was counted, for both.
  const counted = slots[ORIG_PACKETS] !== undefined && slots[ORIG_BYTES] !== undefined;
  let text = options.type === undefined ? '<flow>' : FLOW_BEGIN[options.type];
  text += `<meta direction="original">${tuple(slots, ORIG)}${zone(slots[ORIG.zone])}`;
  if (counted) text += counters(slots, ORIG_PACKETS, ORIG_BYTES);
  text += `</meta><meta direction="reply">${tuple(slots, REPLY)}${zone(slots[REPLY.zone])}`;
  if (counted) text += counters(slots, REPLY_PACKETS, REPLY_BYTES);
  text += `</meta>${independent(slots, options)}`;
  if (options.time === true)
    text += when(slots[EVENT_TIME] === undefined ? options.now : seconds(slots[EVENT_TIME]) * 1000);
  if (slots[HELPER] !== undefined) text += `<helper>${escapeXML(slots[HELPER] as string)}</helper>`;
  return `${text}</flow>`;
}

/** What belongs to no direction. */
function independent(slots: readonly SlotValue[], options: FormatFlowXMLOptions): string {
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
function tuple(slots: readonly SlotValue[], at: TupleSlots): string {
  const layer3 = `${layer3Begin(slots, at)}${addressesXML(slots, at)}</layer3>`;
  return `${layer3}${layer4Begin(slots, at)}${layer4XML(slots, at)}</layer4>`;
}

function labelNames(labels: Uint8Array, map: LabelMap): string {
  let text = '<labels>';
  for (const bit of labelBits(labels)) {
    const name = map.name(bit);
    if (name !== undefined) text += `<label>${escapeXML(name)}</label>`;
  }
  return `${text}</labels>`;
}
