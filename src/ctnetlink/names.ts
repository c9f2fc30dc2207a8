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

export const FAMILIES = { ipv4: AF_INET, ipv6: AF_INET6 } as const;
export type Family = keyof typeof FAMILIES;

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
} as const;
/** A protocol by name, or by number (0 to 255) where it has none here. */
export type Protocol = keyof typeof PROTOCOLS | number;

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
} as const;
export type TcpState = keyof typeof TCP_STATES | number;

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
} as const;
export type SctpState = keyof typeof SCTP_STATES | number;

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
} as const;
export type DccpState = keyof typeof DCCP_STATES | number;

/** Which end sent the request: enum ct_dccp_roles. */
export const DCCP_ROLES = { CLIENT: 0, SERVER: 1 } as const;
export type DccpRole = keyof typeof DCCP_ROLES | number;

/** number -> name, dense, for a table of names. */
export function inverse(names: Readonly<Record<string, number>>): readonly (string | undefined)[] {
  const inverted: (string | undefined)[] = [];
  for (const [name, number] of Object.entries(names)) inverted[number] ??= name;
  return inverted;
}
