/** linux/netfilter/nf_conntrack_tcp.h */

// enum tcp_conntrack
export const TCP_CONNTRACK_NONE = 0;
export const TCP_CONNTRACK_SYN_SENT = 1;
export const TCP_CONNTRACK_SYN_RECV = 2;
export const TCP_CONNTRACK_ESTABLISHED = 3;
export const TCP_CONNTRACK_FIN_WAIT = 4;
export const TCP_CONNTRACK_CLOSE_WAIT = 5;
export const TCP_CONNTRACK_LAST_ACK = 6;
export const TCP_CONNTRACK_TIME_WAIT = 7;
export const TCP_CONNTRACK_CLOSE = 8;
/** Obsolete. */
export const TCP_CONNTRACK_LISTEN = 9;
/** Alias of TCP_CONNTRACK_LISTEN. */
export const TCP_CONNTRACK_SYN_SENT2 = 9;
export const TCP_CONNTRACK_MAX = 10;
export const TCP_CONNTRACK_IGNORE = 11;
export const TCP_CONNTRACK_RETRANS = 12;
export const TCP_CONNTRACK_UNACK = 13;
export const TCP_CONNTRACK_TIMEOUT_MAX = 14;

// struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
/** Window scaling is advertised by the sender. */
export const IP_CT_TCP_FLAG_WINDOW_SCALE = 0x01;
/** SACK is permitted by the sender. */
export const IP_CT_TCP_FLAG_SACK_PERM = 0x02;
/** This sender sent FIN first. */
export const IP_CT_TCP_FLAG_CLOSE_INIT = 0x04;
/** Be liberal in window checking. */
export const IP_CT_TCP_FLAG_BE_LIBERAL = 0x08;
/** Has unacknowledged data. */
export const IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED = 0x10;
/** The field td_maxack has been set. */
export const IP_CT_TCP_FLAG_MAXACK_SET = 0x20;
/** Marks possibility for expected RFC5961 challenge ACK. */
export const IP_CT_EXP_CHALLENGE_ACK = 0x40;
/** Simultaneous open initialized. */
export const IP_CT_TCP_SIMULTANEOUS_OPEN = 0x80;
