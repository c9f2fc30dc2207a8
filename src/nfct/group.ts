/** Groups of attributes, set and read together. */

import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import type { Flow } from '../ctnetlink/flow.ts';
import { slotOfId } from '../ctnetlink/slots.ts';
import { checkInteger, describe } from '../netlink/check.ts';
import { UnsupportedError } from '../netlink/errors.ts';
import * as attr from '../uapi/libnetfilter_conntrack.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';
import { checkConntrack, writeAttribute } from './conntrack.ts';
import { attrName, fromSlots, toSlot } from './value.ts';

/** Addresses in network byte order. */
export interface nfct_attr_grp_ipv4 {
  /** Source. */
  src: number;
  /** Destination. */
  dst: number;
}

/** Addresses of 16 bytes. */
export interface nfct_attr_grp_ipv6 {
  /** Source. */
  src: Uint8Array;
  /** Destination. */
  dst: Uint8Array;
}

/** Ports in network byte order. */
export interface nfct_attr_grp_port {
  /** Source port. */
  sport: number;
  /** Destination port. */
  dport: number;
}

/** The ID in network byte order. */
export interface nfct_attr_grp_icmp {
  /** Echo identifier in network byte order. */
  id: number;
  /** ICMP code, 0 to 255. */
  code: number;
  /** ICMP type, 0 to 255. */
  type: number;
}

/** Counters of one direction. */
export interface nfct_attr_grp_ctrs {
  /** Packets, 64 bits. */
  packets: bigint;
  /** Bytes, 64 bits. */
  bytes: bigint;
}

/**
 * The same 16 bytes three times: an IPv4 address, in network byte order, is the first four of them, and zeros follow.
 */
export interface nfct_attr_grp_addr {
  /** The first four bytes, as an integer in network byte order. */
  ip: number;
  /** All 16 bytes. */
  ip6: Uint8Array;
  /** All 16 bytes. */
  addr: Uint8Array;
}

/** What nfct_set_attr_grp takes and nfct_get_attr_grp gives. */
export type AttrGroupValue =
  | nfct_attr_grp_ipv4
  | nfct_attr_grp_ipv6
  | nfct_attr_grp_port
  | nfct_attr_grp_icmp
  | nfct_attr_grp_ctrs
  | nfct_attr_grp_addr;

interface Group {
  /** Fields of the C structure with their ATTR_. */
  readonly fields: readonly (readonly [name: string, type: number])[];
  /** The protocol that is set with them, and unset: what the first of them says, or else whatever it was, or 0. */
  readonly protocol?: { readonly type: number; readonly value: number | undefined };
  /** An address of either family, under these two ATTR_: one of them is enough. */
  readonly union?: { readonly ipv4: number; readonly ipv6: number };
}

function addresses(src: number, dst: number, type: number, family: number): Group {
  return {
    fields: [
      ['src', src],
      ['dst', dst],
    ],
    protocol: { type, value: family },
  };
}

function ports(sport: number, dport: number, type: number): Group {
  return {
    fields: [
      ['sport', sport],
      ['dport', dport],
    ],
    protocol: { type, value: undefined },
  };
}

function counters(packets: number, bytes: number): Group {
  return {
    fields: [
      ['packets', packets],
      ['bytes', bytes],
    ],
  };
}

const ICMP: Group = {
  fields: [
    ['id', attr.ATTR_ICMP_ID],
    ['code', attr.ATTR_ICMP_CODE],
    ['type', attr.ATTR_ICMP_TYPE],
  ],
};

function either(ipv4: number, ipv6: number): Group {
  return { fields: [], union: { ipv4, ipv6 } };
}

const { ATTR_ORIG_L3PROTO, ATTR_REPL_L3PROTO, ATTR_MASTER_L3PROTO } = attr;

const GROUPS: Readonly<Record<number, Group>> = {
  [attr.ATTR_GRP_ORIG_IPV4]: addresses(attr.ATTR_ORIG_IPV4_SRC, attr.ATTR_ORIG_IPV4_DST, ATTR_ORIG_L3PROTO, AF_INET),
  [attr.ATTR_GRP_REPL_IPV4]: addresses(attr.ATTR_REPL_IPV4_SRC, attr.ATTR_REPL_IPV4_DST, ATTR_REPL_L3PROTO, AF_INET),
  [attr.ATTR_GRP_ORIG_IPV6]: addresses(attr.ATTR_ORIG_IPV6_SRC, attr.ATTR_ORIG_IPV6_DST, ATTR_ORIG_L3PROTO, AF_INET6),
  [attr.ATTR_GRP_REPL_IPV6]: addresses(attr.ATTR_REPL_IPV6_SRC, attr.ATTR_REPL_IPV6_DST, ATTR_REPL_L3PROTO, AF_INET6),
  [attr.ATTR_GRP_ORIG_PORT]: ports(attr.ATTR_ORIG_PORT_SRC, attr.ATTR_ORIG_PORT_DST, attr.ATTR_ORIG_L4PROTO),
  [attr.ATTR_GRP_REPL_PORT]: ports(attr.ATTR_REPL_PORT_SRC, attr.ATTR_REPL_PORT_DST, attr.ATTR_REPL_L4PROTO),
  [attr.ATTR_GRP_ICMP]: ICMP,
  [attr.ATTR_GRP_MASTER_IPV4]: addresses(
    attr.ATTR_MASTER_IPV4_SRC,
    attr.ATTR_MASTER_IPV4_DST,
    ATTR_MASTER_L3PROTO,
    AF_INET,
  ),
  [attr.ATTR_GRP_MASTER_IPV6]: addresses(
    attr.ATTR_MASTER_IPV6_SRC,
    attr.ATTR_MASTER_IPV6_DST,
    ATTR_MASTER_L3PROTO,
    AF_INET6,
  ),
  [attr.ATTR_GRP_MASTER_PORT]: ports(attr.ATTR_MASTER_PORT_SRC, attr.ATTR_MASTER_PORT_DST, attr.ATTR_MASTER_L4PROTO),
  [attr.ATTR_GRP_ORIG_COUNTERS]: counters(attr.ATTR_ORIG_COUNTER_PACKETS, attr.ATTR_ORIG_COUNTER_BYTES),
  [attr.ATTR_GRP_REPL_COUNTERS]: counters(attr.ATTR_REPL_COUNTER_PACKETS, attr.ATTR_REPL_COUNTER_BYTES),
  [attr.ATTR_GRP_ORIG_ADDR_SRC]: either(attr.ATTR_ORIG_IPV4_SRC, attr.ATTR_ORIG_IPV6_SRC),
  [attr.ATTR_GRP_ORIG_ADDR_DST]: either(attr.ATTR_ORIG_IPV4_DST, attr.ATTR_ORIG_IPV6_DST),
  [attr.ATTR_GRP_REPL_ADDR_SRC]: either(attr.ATTR_REPL_IPV4_SRC, attr.ATTR_REPL_IPV6_SRC),
  [attr.ATTR_GRP_REPL_ADDR_DST]: either(attr.ATTR_REPL_IPV4_DST, attr.ATTR_REPL_IPV6_DST),
};

/** The ATTR_ of a group: those of its fields and its protocol, or of its two addresses. */
function typesOf({ fields, protocol, union }: Group): number[] {
  if (union !== undefined) return [union.ipv4, union.ipv6];
  const types = fields.map(([, type]) => type);
  return protocol === undefined ? types : [...types, protocol.type];
}

const SLOTS: Readonly<Record<number, readonly number[]>> = Object.fromEntries(
  Object.entries(GROUPS).map(([type, group]) => [type, typesOf(group).map(slotOfId)]),
);

function groupOf(type: number): Group {
  return GROUPS[checkInteger(type, attr.ATTR_GRP_MAX - 1, 'type')];
}

/**
 * Sets the attributes of a group, with values as nfct_set_attr takes them. Addresses also set the layer 3 protocol of
 * their tuple, ports its layer 4 protocol when it is not set: to 0, as in C.
 *
 * @throws RangeError for a number that is no ATTR_GRP_, or a field out of its range; TypeError for one of another type.
 * Nothing is set then
 * @throws UnsupportedError for the groups of one address of any family (ATTR_GRP_ORIG_ADDR_SRC and the like), which can
 * only be read: C marks the addresses of both families as set, and stores nothing
 */
export function nfct_set_attr_grp(ct: Flow, type: number, value: AttrGroupValue): void {
  checkConntrack(ct);
  const { fields, protocol, union } = groupOf(type);
  if (union !== undefined) {
    const names = `${attrName(union.ipv4)} or ${attrName(union.ipv6)}`;
    throw new UnsupportedError(`nfct_set_attr_grp: group ${type} can only be read: set ${names}`);
  }
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`value must be an object, not ${describe(value)}`);
  const values: SlotValue[] = fields.map(([name, field]) =>
    toSlot(field, (value as unknown as Record<string, unknown>)[name]),
  );
  fields.forEach(([, field], index) => {
    writeAttribute(ct, field, values[index]);
  });
  if (protocol !== undefined)
    writeAttribute(ct, protocol.type, protocol.value ?? ct.slots[slotOfId(protocol.type)] ?? 0);
}

/**
 * The attributes of a group, each as nfct_get_attr gives it; undefined when nfct_attr_grp_is_set says 0 (C: -1 and
 * ENODATA).
 * @throws RangeError for a number that is no ATTR_GRP_
 */
export function nfct_get_attr_grp(ct: Flow, type: number): AttrGroupValue | undefined {
  const { fields, union } = groupOf(type);
  if (nfct_attr_grp_is_set(ct, type) === 0) return undefined;
  if (union !== undefined) return addressOf(ct, union);
  return Object.fromEntries(fields.map(([name, field]) => [name, fromSlots(ct.slots, field)])) as never;
}

function addressOf({ slots }: Flow, { ipv4, ipv6 }: NonNullable<Group['union']>): nfct_attr_grp_addr {
  const bytes = new Uint8Array(16);
  const words = new Uint32Array(bytes.buffer);
  const short = fromSlots(slots, ipv4);
  if (short === undefined) bytes.set(fromSlots(slots, ipv6) as Uint8Array);
  else words[0] = short as number;
  return { ip: words[0], ip6: bytes, addr: bytes.slice() };
}

/**
 * Whether all attributes of a group are set, 1 or 0, among them the layer 3 protocol of addresses and the layer 4
 * protocol of ports; of the groups of one address, whether that of either family is.
 * @throws RangeError for a number that is no ATTR_GRP_
 */
export function nfct_attr_grp_is_set(ct: Flow, type: number): number {
  checkConntrack(ct);
  const { union } = groupOf(type);
  const isSet = (slot: number): boolean => ct.slots[slot] !== undefined;
  return (union === undefined ? SLOTS[type].every(isSet) : SLOTS[type].some(isSet)) ? 1 : 0;
}

/**
 * Unsets all that nfct_attr_grp_is_set asks for, the protocol too. Returns 0.
 * @throws RangeError for a number that is no ATTR_GRP_
 */
export function nfct_attr_grp_unset(ct: Flow, type: number): number {
  checkConntrack(ct);
  for (const each of typesOf(groupOf(type))) writeAttribute(ct, each, undefined);
  return 0;
}
