/** What the texts of a tuple, plain and XML, are made of. What is not set is 0, as in C. */

import { formatIpv4, formatIpv6 } from '../ctnetlink/address.ts';
import type { SlotValue } from '../ctnetlink/attributes/kinds.ts';
import { ICMP_PROTOCOLS, PORT_PROTOCOLS } from '../ctnetlink/protocols.ts';
import type { TupleSlots } from '../ctnetlink/slots.ts';
import { IPPROTO_GRE } from '../uapi/in.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';

/** The parts of a tuple that depend on its protocol. */
const SHAPE_PORTS = 1;
const SHAPE_ICMP = 2;
const SHAPE_GRE = 3;
/** By protocol number; 0: nothing. */
const SHAPES = new Uint8Array(256);
for (const protocol of PORT_PROTOCOLS) SHAPES[protocol] = SHAPE_PORTS;
for (const protocol of ICMP_PROTOCOLS) SHAPES[protocol] = SHAPE_ICMP;
SHAPES[IPPROTO_GRE] = SHAPE_GRE;

/**
 * Addresses and ports, or what the protocol has instead of those, behind these names of the addresses (` src=`,
 * ` dst=`). A family without addresses has none.
 */
export function tupleText(slots: readonly SlotValue[], at: TupleSlots, src: string, dst: string): string {
  const family = slots[at.family];
  let text = '';
  if (family === AF_INET) text = `${src}${ipv4(slots[at.src4])}${dst}${ipv4(slots[at.dst4])}`;
  else if (family === AF_INET6) text = `${src}${ipv6(slots[at.src6])}${dst}${ipv6(slots[at.dst6])}`;
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

/** The elements of both addresses, which are always there. */
export function addressesXML(slots: readonly SlotValue[], at: TupleSlots): string {
  const family = slots[at.family];
  if (family === AF_INET) return `<src>${ipv4(slots[at.src4])}</src><dst>${ipv4(slots[at.dst4])}</dst>`;
  if (family === AF_INET6) return `<src>${ipv6(slots[at.src6])}</src><dst>${ipv6(slots[at.dst6])}</dst>`;
  return '<src></src><dst></dst>';
}

/** The elements of the ports, or of the keys of GRE; ICMP has none. */
export function layer4XML(slots: readonly SlotValue[], at: TupleSlots): string {
  switch (SHAPES[(slots[at.proto] ?? 0) as number]) {
    case SHAPE_PORTS:
      return `<sport>${slots[at.sport] ?? 0}</sport><dport>${slots[at.dport] ?? 0}</dport>`;
    case SHAPE_GRE:
      return `<srckey>${hex(slots[at.sport])}</srckey><dstkey>${hex(slots[at.dport])}</dstkey>`;
    default:
      return '';
  }
}

/** A GRE key. */
function hex(key: SlotValue): string {
  return `0x${((key ?? 0) as number).toString(16)}`;
}

/** What is not set is 0, as in C. */
export function ipv4(address: SlotValue): string {
  return formatIpv4((address ?? 0) as number);
}

export function ipv6(address: SlotValue): string {
  return address === undefined ? '::' : formatIpv6(address as Uint8Array);
}
