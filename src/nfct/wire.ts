/**
 * What nfct_nlmsg_build makes of an object: not all that is set, and more than is set. The order is that of the rows of
 * ATTRIBUTES, which is C's.
 */

import { ATTRIBUTES } from '../ctnetlink/attributes/flow.ts';
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { UnknownAttribute } from '../ctnetlink/codec/codec.ts';
import { Flow, flowCodec } from '../ctnetlink/flow.ts';
import {
  HELPER,
  LABELS,
  LABELS_MASK,
  MARK,
  MARK_MASK,
  MASTER,
  ORIG,
  REPLY,
  SECMARK,
  STATUS,
  slotOfId,
  TIMEOUT,
  type TupleSlots,
  ZONE,
} from '../ctnetlink/slots.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../uapi/in.ts';
import * as attr from '../uapi/libnetfilter_conntrack.ts';
import { NLA_F_NESTED } from '../uapi/netlink.ts';
import { IPS_CONFIRMED } from '../uapi/nf_conntrack_common.ts';
import * as cta from '../uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import { copyWhole, isBegun, TUPLE_NAMES } from './tuple.ts';

const slotsOf = (...ids: number[]): number[] => ids.map(slotOfId);
const slotsUnder = (group: string): number[] =>
  [...ATTRIBUTES.keys()].filter((slot) => ATTRIBUTES[slot].property.startsWith(`${group}.`));

/** Sent whenever they are set, also 0. The mark's mask has no ATTR_: it is there only if the other API gave it. */
const PLAIN = [TIMEOUT, MARK, SECMARK, ZONE, MARK_MASK];
/** Sent only when all of the group are set. */
const WHOLE = [slotsUnder('seqadjOrig'), slotsUnder('seqadjReply'), slotsUnder('synproxy')];

const TCP_FLAGS = [
  slotsOf(attr.ATTR_TCP_FLAGS_ORIG, attr.ATTR_TCP_MASK_ORIG),
  slotsOf(attr.ATTR_TCP_FLAGS_REPL, attr.ATTR_TCP_MASK_REPL),
];
const PROTOINFO = [
  { proto: IPPROTO_TCP, slots: slotsUnder('tcp'), type: cta.CTA_PROTOINFO_TCP },
  { proto: IPPROTO_SCTP, slots: slotsUnder('sctp'), type: cta.CTA_PROTOINFO_SCTP },
  { proto: IPPROTO_DCCP, slots: slotsUnder('dccp'), type: cta.CTA_PROTOINFO_DCCP },
];

const NAT = [
  { path: 'CTA_NAT_SRC', ...natSlots(attr.ATTR_SNAT_IPV4, attr.ATTR_SNAT_IPV6, attr.ATTR_SNAT_PORT) },
  { path: 'CTA_NAT_DST', ...natSlots(attr.ATTR_DNAT_IPV4, attr.ATTR_DNAT_IPV6, attr.ATTR_DNAT_PORT) },
];

/** Each with the upper end of its range, which follows it. */
function natSlots(ipv4: number, ipv6: number, port: number) {
  const pair = (id: number): number[] => [slotOfId(id), slotOfId(id) + 1];
  return { ipv4: pair(ipv4), ipv6: pair(ipv6), port: pair(port) };
}

const HELPER_INFO = slotOfId(attr.ATTR_HELPER_INFO);

/**
 * The attributes that go out for an object, as a Flow of its own, and its nfgen_family. Beyond what is set: a tuple is
 * whole, with zeros for what is missing of its addresses and ports, and of a reply or master tuple also for the layer 4
 * protocol; a status has CONFIRMED. Left out: what the
 * kernel alone says, protocol state of another protocol, half of what belongs together, and attributes that C does not
 * know.
 *
 * @throws TypeError when the original tuple has no layer 3 or layer 4 protocol (in C a DESTROY may then go out without
 * a tuple, which the kernel takes for a flush), or a reply or master tuple is begun without a layer 3 protocol
 * @throws RangeError when a layer 3 protocol is neither AF_INET nor AF_INET6
 */
export function wireForm(ct: Flow, argument = 'ct'): { family: number; attributes: Flow } {
  const attributes = new Flow();
  const from = ct.slots;
  const to = attributes.slots;
  const isSet = (slot: number): boolean => from[slot] !== undefined;
  const copy = (slots: readonly number[]): void => {
    for (const slot of slots) to[slot] = from[slot];
  };

  copyTuple(to, from, ORIG, TUPLE_NAMES.orig, argument);
  for (const tuple of [REPLY, MASTER])
    if (isBegun(from, tuple)) copyTuple(to, from, tuple, TUPLE_NAMES[tuple.group], argument, from[tuple.proto] ?? 0);
  if (isSet(STATUS)) to[STATUS] = (from[STATUS] as number) | IPS_CONFIRMED;
  copy(PLAIN);
  for (const group of WHOLE) if (group.every(isSet)) copy(group);

  const proto = from[ORIG.proto];
  const empty: UnknownAttribute[] = [];
  for (const info of PROTOINFO) {
    if (info.proto !== proto || !info.slots.some(isSet)) continue;
    copy(info.slots);
    for (const pair of TCP_FLAGS) if (!pair.every(isSet)) for (const slot of pair) to[slot] = undefined;
    // The codec leaves out an empty nest, C does not.
    if (info.slots.every((slot) => to[slot] === undefined)) empty.push(emptyNest(['CTA_PROTOINFO'], info.type));
  }
  for (const nat of NAT) {
    const [address] = [nat.ipv4, nat.ipv6].filter(([slot]) => isSet(slot));
    if (address !== undefined) copy(address);
    if (!isSet(nat.port[0])) continue;
    if (proto === IPPROTO_TCP || proto === IPPROTO_UDP) copy(nat.port);
    else empty.push(emptyNest([nat.path], cta.CTA_NAT_PROTO));
  }
  if (isSet(HELPER)) copy([HELPER, HELPER_INFO]);
  if (isSet(LABELS)) copy([LABELS]);
  if (isSet(LABELS) && (from[LABELS] as Uint8Array).length === (from[LABELS_MASK] as Uint8Array | undefined)?.length)
    copy([LABELS_MASK]);

  if (empty.length > 0) attributes.unknown = empty;
  return { family: from[ORIG.family] as number, attributes };
}

function emptyNest(path: string[], type: number): UnknownAttribute {
  return { level: flowCodec.tables.levelOf(path)!, type: type | NLA_F_NESTED, value: new Uint8Array(0) };
}

/**
 * Gives `to` what goes out of a tuple; `name` is what the ATTR_ names of it begin with, `proto` its layer 4 protocol.
 * @throws TypeError, RangeError as wireForm
 */
export function copyTuple(
  to: SlotValue[],
  from: readonly SlotValue[],
  tuple: TupleSlots,
  name: string,
  argument: string,
  proto: SlotValue = from[tuple.proto],
): void {
  const family = from[tuple.family];
  if (family === undefined) throw new TypeError(`${argument}: ${name}_L3PROTO is not set`);
  if (family !== AF_INET && family !== AF_INET6)
    throw new RangeError(`${argument}: ${name}_L3PROTO must be AF_INET (2) or AF_INET6 (10), not ${family}`);
  if (proto === undefined) throw new TypeError(`${argument}: ${name}_L4PROTO is not set`);
  to[tuple.proto] = proto;
  copyWhole(to, from, tuple);
  to[tuple.zone] = from[tuple.zone];
}
