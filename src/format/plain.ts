/**
 * A flow as one line, to the letter what nfct_snprintf(NFCT_O_PLAIN) of libnetfilter_conntrack 1.0.9 prints and so what
 * conntrack(8) lists, but for control characters in text, which are escaped. Values are read from their slots and
 * appended to one string: a listing of a million flows makes no object but its lines.
 */
import type { Flow } from '../ctnetlink/flow.ts';
import { labelBits } from '../ctnetlink/labels.ts';
import {
  DCCP_STATE,
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
  USE,
  ZONE,
} from '../ctnetlink/slots.ts';
import { escapeControls } from '../netlink/escape.ts';
import { IPS_ASSURED, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY } from '../uapi/nf_conntrack_common.ts';
import type { LabelMap } from './labelmap.ts';
import { DCCP_STATE_NAMES, FAMILY_NAMES, PROTOCOL_NAMES, SCTP_STATE_NAMES, TCP_STATE_NAMES } from './names.ts';
import { type AnyFormatOptions, checkFlow, checkOf, FORMAT_OPTIONS, type FormatOptions } from './options.ts';
import { ctime, deltaTime } from './time.ts';
import { tupleText } from './tuple.ts';

/** What formatFlow takes. */
export interface FormatFlowOptions extends FormatOptions {
  /** The layer 3 protocol in front: conntrack -o extended, NFCT_OF_SHOW_LAYER3. */
  layer3?: boolean | undefined;
  /** id=: conntrack -o id, NFCT_OF_ID. */
  id?: boolean | undefined;
}

/** What an event is prefixed with. */
export const PREFIXES = { new: '    [NEW] ', update: ' [UPDATE] ', destroy: '[DESTROY] ' } as const;

/** `%-8s %u` of every number. */
function numbered(names: readonly string[]): readonly string[] {
  return names.map((name, number) => `${name.padEnd(8)} ${number}`);
}

const LAYER3 = numbered(FAMILY_NAMES);
const LAYER4 = numbered(PROTOCOL_NAMES);

const DEFAULTS: FormatFlowOptions = {};
const check = checkOf<AnyFormatOptions>(FORMAT_OPTIONS);

/**
 * The line of a flow, without a newline; with `type`, as an event. Empty without an original tuple, for which
 * nfct_snprintf fails; the kernel sends no such flow.
 * @throws TypeError, RangeError naming the argument
 */
export function formatFlow(flow: Flow, options: FormatFlowOptions = DEFAULTS): string {
  check(options);
  return flowText(flow, options);
}

/** The same of options that were checked. */
export function flowText(flow: Flow, options: FormatFlowOptions): string {
  checkFlow(flow);
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
  if (slots[TCP_STATE] !== undefined) text += ` ${TCP_STATE_NAMES[slots[TCP_STATE] as number]}`;
  if (slots[SCTP_STATE] !== undefined) text += ` ${SCTP_STATE_NAMES[slots[SCTP_STATE] as number]}`;
  if (slots[DCCP_STATE] !== undefined) text += ` ${DCCP_STATE_NAMES[slots[DCCP_STATE] as number]}`;

  text += tupleText(slots, ORIG, ' src=', ' dst=');
  if (slots[ORIG.zone] !== undefined) text += ` zone-orig=${slots[ORIG.zone]}`;
  if (slots[ORIG_PACKETS] !== undefined && slots[ORIG_BYTES] !== undefined)
    text += ` packets=${slots[ORIG_PACKETS]} bytes=${slots[ORIG_BYTES]}`;

  const status = slots[STATUS] as number | undefined;
  if (status !== undefined && (status & IPS_SEEN_REPLY) === 0) text += ' [UNREPLIED]';

  text += tupleText(slots, REPLY, ' src=', ' dst=');
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
  if (slots[SECCTX] !== undefined) text += ` secctx=${escapeControls(slots[SECCTX] as string)}`;
  if (slots[ZONE] !== undefined) text += ` zone=${slots[ZONE]}`;
  if (slots[START] !== undefined) text += ` delta-time=${deltaTime(slots[START], slots[STOP], options.now)}`;
  if (options.timestamp === true) {
    if (slots[START] !== undefined) text += ` [start=${ctime(slots[START])}]`;
    if (slots[STOP] !== undefined) text += ` [stop=${ctime(slots[STOP])}]`;
  }
  if (slots[HELPER] !== undefined) text += ` helper=${escapeControls(slots[HELPER] as string)}`;
  if (slots[USE] !== undefined) text += ` use=${(slots[USE] as number) >>> 0}`;
  if (options.id === true && slots[ID] !== undefined) text += ` id=${(slots[ID] as number) >>> 0}`;
  if (options.labels !== undefined && slots[LABELS] !== undefined)
    text += labelNames(slots[LABELS] as Uint8Array, options.labels);
  return text;
}

/** Without a single name it is the bare word: C takes the last character, then the '=', off `labels=`. */
function labelNames(labels: Uint8Array, map: LabelMap): string {
  if (labels.length === 0) return '';
  let names = '';
  for (const bit of labelBits(labels)) {
    const name = map.name(bit);
    if (name !== undefined) names += `${names === '' ? '=' : ','}${escapeControls(name)}`;
  }
  return ` labels${names}`;
}
