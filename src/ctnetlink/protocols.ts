/** What the tuple of a protocol has beside its addresses, and which addresses. */
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../uapi/in.ts';
import { AF_INET, AF_INET6 } from '../uapi/socket.ts';

export const PORT_PROTOCOLS: readonly number[] = [
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  IPPROTO_SCTP,
  IPPROTO_DCCP,
];
export const ICMP_PROTOCOLS: readonly number[] = [IPPROTO_ICMP, IPPROTO_ICMPV6];

/** Protocols with something in the place of the ports: GRE has its keys there. */
export const WITH_PORTS: ReadonlySet<unknown> = new Set([...PORT_PROTOCOLS, IPPROTO_GRE]);

/** A part of a tuple that only some protocols have. */
export type Part = 'sport' | 'dport' | 'icmpType' | 'icmpCode' | 'icmpId';

export const PORTS: readonly Part[] = ['sport', 'dport'];
const ICMP: readonly Part[] = ['icmpType', 'icmpCode', 'icmpId'];
const NONE: readonly Part[] = [];
/** All of them. */
export const PARTS: readonly Part[] = [...PORTS, ...ICMP];

const BY_PROTOCOL: Readonly<Record<number, readonly Part[] | undefined>> = Object.fromEntries([
  ...[...PORT_PROTOCOLS, IPPROTO_GRE].map((protocol) => [protocol, PORTS] as const),
  ...ICMP_PROTOCOLS.map((protocol) => [protocol, ICMP] as const),
]);

/** The parts that the kernel compares. Kernels before 6.18 track DCCP, and report its ports. */
export function partsOf(protocol: number): readonly Part[] {
  return BY_PROTOCOL[protocol] ?? NONE;
}

/** The parts that the kernel demands. Linux 6.18 has no DCCP any more, and demands nothing for it. */
export function demandedParts(protocol: number): readonly Part[] {
  return protocol === IPPROTO_DCCP ? NONE : (BY_PROTOCOL[protocol] ?? NONE);
}

/** No packet has this protocol with addresses of this family: ICMP and ICMPv6 have one each. */
export function isOfOtherFamily(protocol: unknown, family: unknown): boolean {
  return (protocol === IPPROTO_ICMP && family === AF_INET6) || (protocol === IPPROTO_ICMPV6 && family === AF_INET);
}
