/** What the texts of a tuple, plain and XML, are made of. What is not set is 0, as in C. */
import { formatIpv4, formatIpv6 } from '../ctnetlink/address.ts';
import type { SlotValue } from '../ctnetlink/kinds.ts';
import * as ipproto from '../uapi/in.ts';

/** What of a tuple depends on its protocol. */
export const SHAPE_PORTS = 1;
export const SHAPE_ICMP = 2;
export const SHAPE_GRE = 3;
/** By protocol number; 0: nothing. */
export const SHAPES = new Uint8Array(256);
SHAPES[ipproto.IPPROTO_TCP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_UDP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_UDPLITE] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_SCTP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_DCCP] = SHAPE_PORTS;
SHAPES[ipproto.IPPROTO_ICMP] = SHAPE_ICMP;
SHAPES[ipproto.IPPROTO_ICMPV6] = SHAPE_ICMP;
SHAPES[ipproto.IPPROTO_GRE] = SHAPE_GRE;

export function ipv4(address: SlotValue): string {
  return formatIpv4((address ?? 0) as number);
}

export function ipv6(address: SlotValue): string {
  return address === undefined ? '::' : formatIpv6(address as Uint8Array);
}

/** A GRE key. */
export function hex(key: SlotValue): string {
  return `0x${((key ?? 0) as number).toString(16)}`;
}
