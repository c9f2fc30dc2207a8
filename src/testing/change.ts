/**
 * What a request changes of a flow, new or not: the ctnetlink_change_ functions of nf_conntrack_netlink.c. Each returns
 * 0, or the errno of what the kernel refuses; what was changed before that stays changed.
 */
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { HELPER, LABELS, LABELS_MASK, MARK, MARK_MASK, ORIG, STATUS, TCP_STATE, TIMEOUT } from '../ctnetlink/slots.ts';
import { WSCALES } from '../ctnetlink/tcp-flags.ts';
import { EBUSY, EINVAL, ENOSPC, EOPNOTSUPP, EPERM } from '../uapi/errno.ts';
import { IPPROTO_SCTP, IPPROTO_TCP } from '../uapi/in.ts';
import * as ips from '../uapi/nf_conntrack_common.ts';
import { IP_CT_TCP_FLAG_WINDOW_SCALE } from '../uapi/nf_conntrack_tcp.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { type Entry, SCTP, SEQADJ, SYNPROXY, TCP_FLAGS, TCP_MASKS } from './entry.ts';
import { helperOf } from './helpers.ts';
import type { ModelRequest } from './request.ts';

/** Bits of a status that there are: __IPS_MAX_BIT. */
const STATUS_BITS = 0xffff;
/** INT_MAX jiffies at 250 Hz, in seconds: the longest timeout that the kernel keeps. */
const LONGEST = 8_589_934;
const LABEL_BYTES = 16;

/** Milliseconds until a flow with the timeout of this request expires. */
export function lifetimeOf(request: ModelRequest): number {
  return 1000 * Math.min(request.number(TIMEOUT)!, LONGEST);
}

export function changeTimeout(entry: Entry, request: ModelRequest, now: number): number {
  if ((entry.status & ips.IPS_FIXED_TIMEOUT) !== 0) return EPERM;
  entry.expires = now + lifetimeOf(request);
  return 0;
}

export function changeStatus(entry: Entry, request: ModelRequest): number {
  const wanted = request.slots[STATUS] as number;
  const old = entry.status;
  if (((wanted ^ old) & (ips.IPS_EXPECTED | ips.IPS_CONFIRMED | ips.IPS_DYING)) !== 0) return EBUSY;
  if ((old & ~wanted & (ips.IPS_SEEN_REPLY | ips.IPS_ASSURED)) !== 0) return EBUSY;
  entry.status = old | (wanted & STATUS_BITS & ~ips.IPS_UNCHANGEABLE_MASK);
  return 0;
}

export function changeMark(entry: Entry, request: ModelRequest): void {
  const mask = (request.slots[MARK_MASK] as number | undefined) ?? -1;
  entry.slots[MARK] = ((entry.slots[MARK] as number) & ~mask) ^ (request.slots[MARK] as number);
}

export function changeProtoinfo(entry: Entry, request: ModelRequest): number {
  const { slots } = entry;
  const asked = request.slots;
  const protocol = slots[ORIG.proto];
  const nest =
    protocol === IPPROTO_TCP ? cta.CTA_PROTOINFO_TCP : protocol === IPPROTO_SCTP ? cta.CTA_PROTOINFO_SCTP : 0;
  const errno = request.errnoOf(cta.CTA_PROTOINFO, nest);
  if (errno !== 0) return errno;
  if (protocol === IPPROTO_TCP) changeTcp(slots, asked);
  if (protocol === IPPROTO_SCTP) return changeSctp(slots, asked);
  return 0;
}

function changeTcp(slots: SlotValue[], asked: readonly SlotValue[]): void {
  if (asked[TCP_STATE] !== undefined) slots[TCP_STATE] = asked[TCP_STATE];
  for (const direction of [0, 1]) {
    const flags = asked[TCP_FLAGS[direction]] as number | undefined;
    if (flags === undefined) continue;
    const mask = asked[TCP_MASKS[direction]] as number;
    slots[TCP_FLAGS[direction]] = ((slots[TCP_FLAGS[direction]] as number) & ~mask) | (flags & mask);
  }
  // Only both, and only where both ends scale.
  const scales = WSCALES.map((slot) => asked[slot]);
  const scaling = TCP_FLAGS.every((slot) => ((slots[slot] as number) & IP_CT_TCP_FLAG_WINDOW_SCALE) !== 0);
  if (!scaling || scales.includes(undefined)) return;
  for (const direction of [0, 1]) slots[WSCALES[direction]] = scales[direction];
}

/** Without a nest for SCTP nothing changes; one that is there must be whole. */
function changeSctp(slots: SlotValue[], asked: readonly SlotValue[]): number {
  const given = SCTP.filter((slot) => asked[slot] !== undefined);
  if (given.length === 0) return 0;
  if (given.length < SCTP.length) return EINVAL;
  for (const slot of SCTP) slots[slot] = asked[slot];
  return 0;
}

/** Of a flow that exists: its helper can only be taken away. */
export function changeHelper(entry: Entry, request: ModelRequest): number {
  const errno = request.errnoOf(cta.CTA_HELP);
  if (errno !== 0) return errno;
  const name = request.slots[HELPER] as string | undefined;
  if (name === undefined) return EINVAL;
  if (entry.master !== undefined) return name === entry.helper ? 0 : EBUSY;
  if (name === '') {
    entry.slots[HELPER] = undefined;
    return 0;
  }
  if (helperOf(name, entry) === undefined) return EOPNOTSUPP;
  if (!entry.helped) return EOPNOTSUPP;
  return name === entry.helper ? 0 : EBUSY;
}

/** @returns ENOSPC where the flow has no room for labels */
export function changeLabels(entry: Entry, request: ModelRequest): number {
  const labels = request.slots[LABELS] as Uint8Array;
  const mask = request.slots[LABELS_MASK] as Uint8Array | undefined;
  if (labels.length % 4 !== 0) return EINVAL;
  if (mask !== undefined && (mask.length === 0 || mask.length !== labels.length)) return EINVAL;
  if (!entry.extensions.labels) return ENOSPC;
  const old = (entry.slots[LABELS] as Uint8Array | undefined) ?? new Uint8Array(LABEL_BYTES);
  const changed = new Uint8Array(LABEL_BYTES);
  for (let i = 0; i < labels.length; i++) changed[i] = (mask === undefined ? 0 : old[i] & ~mask[i]) ^ labels[i];
  entry.slots[LABELS] = changed.some((byte) => byte !== 0) ? changed : undefined;
  return 0;
}

const SEQADJ_TYPES: readonly number[] = [cta.CTA_SEQ_ADJ_ORIG, cta.CTA_SEQ_ADJ_REPLY];

export function changeSeqadj(entry: Entry, request: ModelRequest): number {
  for (const direction of [0, 1]) {
    const type = SEQADJ_TYPES[direction];
    if (!request.has(type)) continue;
    const errno = request.errnoOf(type);
    if (errno !== 0) return errno;
    const values = SEQADJ[direction].map((slot) => request.slots[slot]);
    if (values.includes(undefined)) return EINVAL;
    for (const slot of SEQADJ.flat()) entry.slots[slot] ??= 0;
    for (const [index, slot] of SEQADJ[direction].entries()) entry.slots[slot] = values[index];
    entry.status |= ips.IPS_SEQ_ADJUST;
  }
  return 0;
}

export function changeSynproxy(entry: Entry, request: ModelRequest): number {
  const errno = request.errnoOf(cta.CTA_SYNPROXY);
  if (errno !== 0) return errno;
  if (!entry.extensions.synproxy) return 0;
  const values = SYNPROXY.map((slot) => request.slots[slot]);
  if (values.includes(undefined)) return EINVAL;
  for (const [index, slot] of SYNPROXY.entries()) entry.slots[slot] = values[index];
  return 0;
}
