/** Packets as a test gives them. */
import type { TupleInit } from '../ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { ORIG } from '../ctnetlink/slots.ts';
import { checkTuple } from '../ctnetlink/tuple.ts';
import { checkInteger, checkPlain, oneOf } from '../netlink/check.ts';
import { IPPROTO_TCP } from '../uapi/in.ts';
import type { Packets, TcpPacket } from './packets.ts';

/** What a TCP packet carries: the flags that connection tracking looks at. */
export type { TcpPacket };

/**
 * A packet that the kernel sees, or several that are alike. The tuple is that of the packet: an answer has the
 * answering end as `src`.
 */
export interface Packet extends TupleInit {
  /** Zone of both directions, 0 to 65535. Default: 0. */
  zone?: number | undefined;
  /** What a TCP packet carries. Default: 'ACK'. */
  tcp?: TcpPacket | undefined;
  /** How many, 1 to 2^31 - 1. Default: 1. */
  packets?: number | undefined;
  /** Bytes of each, with its headers, 0 to 65535. Default: 100. */
  bytes?: number | undefined;
}

const MOST = 0x7fffffff;
const checkTcp = oneOf('SYN', 'SYN/ACK', 'ACK', 'FIN', 'RST');

/** @throws TypeError, RangeError naming the property */
export function packetsOf(packet: Packet, argument: string): Packets {
  checkPlain(packet, argument);
  const { zone, tcp = 'ACK', packets = 1, bytes = 100, ...tuple } = packet;
  checkTcp(tcp, `${argument}.tcp`);
  checkInteger(packets, MOST, `${argument}.packets`, 1);
  checkInteger(bytes, 0xffff, `${argument}.bytes`);
  const { slots } = Flow.from({ orig: tuple, zone });
  checkTuple(slots, ORIG, argument);
  if (packet.tcp !== undefined && slots[ORIG.proto] !== IPPROTO_TCP)
    throw new TypeError(`${argument}.tcp is for packets of TCP alone`);
  return { slots, count: packets, bytes, tcp };
}

function answer({ src, dst, sport, dport, ...rest }: Packet): Packet {
  return { ...rest, src: dst, dst: src, sport: dport, dport: sport };
}

/**
 * The packets with which a TCP connection begins: SYN, SYN/ACK, ACK. The flow is ESTABLISHED and ASSURED after them.
 * @param tuple of the end that connects
 */
export function tcpHandshake(tuple: Packet): Packet[] {
  return [
    { ...tuple, tcp: 'SYN' },
    { ...answer(tuple), tcp: 'SYN/ACK' },
    { ...tuple, tcp: 'ACK' },
  ];
}

/**
 * The packets with which a TCP connection ends: FIN and ACK of each end. The flow is in TIME_WAIT after them.
 * @param tuple of the end that closes first
 */
export function tcpClose(tuple: Packet): Packet[] {
  return [
    { ...tuple, tcp: 'FIN' },
    { ...answer(tuple), tcp: 'ACK' },
    { ...answer(tuple), tcp: 'FIN' },
    { ...tuple, tcp: 'ACK' },
  ];
}

/** A packet and its answer, such as a query of DNS. @param tuple of the end that asks */
export function exchange(tuple: Packet): Packet[] {
  return [tuple, answer(tuple)];
}
