/** Numbers that have names in the field, both ways. A number without a name stays a number everywhere. */
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

export const FAMILIES = { ipv4: AF_INET, ipv6: AF_INET6 } as const satisfies Record<Exclude<Family, number>, number>;
/** A layer 3 protocol: AF_INET or AF_INET6 by name. */
export type Family = 'ipv4' | 'ipv6';

/** The layer 4 protocols that connection tracking has a tracker for. */
export const PROTOCOLS = {
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  udplite: IPPROTO_UDPLITE,
  icmp: IPPROTO_ICMP,
  icmpv6: IPPROTO_ICMPV6,
  sctp: IPPROTO_SCTP,
  dccp: IPPROTO_DCCP,
  gre: IPPROTO_GRE,
} as const satisfies Record<Exclude<Protocol, number>, number>;
/** A layer 4 protocol by name, or by its IPPROTO_ number, 0 to 255, where it has no name here. */
export type Protocol = 'tcp' | 'udp' | 'udplite' | 'icmp' | 'icmpv6' | 'sctp' | 'dccp' | 'gre' | number;

/** enum tcp_conntrack of linux/netfilter/nf_conntrack_tcp.h; LISTEN is the old name of SYN_SENT2. */
export const TCP_STATES = {
  NONE: 0,
  SYN_SENT: 1,
  SYN_RECV: 2,
  ESTABLISHED: 3,
  FIN_WAIT: 4,
  CLOSE_WAIT: 5,
  LAST_ACK: 6,
  TIME_WAIT: 7,
  CLOSE: 8,
  SYN_SENT2: 9,
} as const satisfies Record<Exclude<TcpState, number>, number>;
/**
 * A state of TCP: the name in enum tcp_conntrack (linux/netfilter/nf_conntrack_tcp.h), or its number, 0 to 255, where
 * it has no name. LISTEN is an old name of SYN_SENT2.
 */
export type TcpState =
  | 'NONE'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'ESTABLISHED'
  | 'FIN_WAIT'
  | 'CLOSE_WAIT'
  | 'LAST_ACK'
  | 'TIME_WAIT'
  | 'CLOSE'
  | 'SYN_SENT2'
  | number;

/** enum sctp_conntrack of linux/netfilter/nf_conntrack_sctp.h. */
export const SCTP_STATES = {
  NONE: 0,
  CLOSED: 1,
  COOKIE_WAIT: 2,
  COOKIE_ECHOED: 3,
  ESTABLISHED: 4,
  SHUTDOWN_SENT: 5,
  SHUTDOWN_RECD: 6,
  SHUTDOWN_ACK_SENT: 7,
  HEARTBEAT_SENT: 8,
  HEARTBEAT_ACKED: 9,
} as const satisfies Record<Exclude<SctpState, number>, number>;
/**
 * A state of SCTP: the name in enum sctp_conntrack (linux/netfilter/nf_conntrack_sctp.h), or its number, 0 to 255,
 * where it has no name.
 */
export type SctpState =
  | 'NONE'
  | 'CLOSED'
  | 'COOKIE_WAIT'
  | 'COOKIE_ECHOED'
  | 'ESTABLISHED'
  | 'SHUTDOWN_SENT'
  | 'SHUTDOWN_RECD'
  | 'SHUTDOWN_ACK_SENT'
  | 'HEARTBEAT_SENT'
  | 'HEARTBEAT_ACKED'
  | number;

/** enum ct_dccp_states of the kernels before 6.18, which dropped DCCP. */
export const DCCP_STATES = {
  NONE: 0,
  REQUEST: 1,
  RESPOND: 2,
  PARTOPEN: 3,
  OPEN: 4,
  CLOSEREQ: 5,
  CLOSING: 6,
  TIMEWAIT: 7,
  IGNORE: 8,
  INVALID: 9,
} as const satisfies Record<Exclude<DccpState, number>, number>;
/** A state of DCCP: the name in enum ct_dccp_states of kernels before 6.18, or its number, 0 to 255. */
export type DccpState =
  | 'NONE'
  | 'REQUEST'
  | 'RESPOND'
  | 'PARTOPEN'
  | 'OPEN'
  | 'CLOSEREQ'
  | 'CLOSING'
  | 'TIMEWAIT'
  | 'IGNORE'
  | 'INVALID'
  | number;

/** Which end sent the request: enum ct_dccp_roles. */
export const DCCP_ROLES = { CLIENT: 0, SERVER: 1 } as const satisfies Record<Exclude<DccpRole, number>, number>;
/** The end of a DCCP connection that sent the first packet: the name in enum ct_dccp_roles, or its number. */
export type DccpRole = 'CLIENT' | 'SERVER' | number;

/** number -> name, dense, for a table of names. */
export function inverse(names: Readonly<Record<string, number>>): readonly (string | undefined)[] {
  const inverted: (string | undefined)[] = [];
  for (const [name, number] of Object.entries(names)) inverted[number] ??= name;
  return inverted;
}

export const PROTOCOL_NAMES = inverse(PROTOCOLS);
