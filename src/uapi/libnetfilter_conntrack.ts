/**
 * libnetfilter_conntrack.h (1.1.1): the numbers of the C library. `ctnetlink/nfct` exports all of them, and
 * `ctnetlink/format` those of its printing functions.
 */

// enum nf_conntrack_attr: the numbers that nfct_get_attr and the other accessors take
/** Source address of the original direction, IPv4: 32 bits in network byte order. */
export const ATTR_ORIG_IPV4_SRC = 0;
/** Destination address of the original direction, IPv4: 32 bits in network byte order. */
export const ATTR_ORIG_IPV4_DST = 1;
/** Source address of the reply direction, IPv4: 32 bits in network byte order. */
export const ATTR_REPL_IPV4_SRC = 2;
/** Destination address of the reply direction, IPv4: 32 bits in network byte order. */
export const ATTR_REPL_IPV4_DST = 3;
/** Source address of the original direction, IPv6: 128 bits in network byte order. */
export const ATTR_ORIG_IPV6_SRC = 4;
/** Destination address of the original direction, IPv6: 128 bits in network byte order. */
export const ATTR_ORIG_IPV6_DST = 5;
/** Source address of the reply direction, IPv6: 128 bits in network byte order. */
export const ATTR_REPL_IPV6_SRC = 6;
/** Destination address of the reply direction, IPv6: 128 bits in network byte order. */
export const ATTR_REPL_IPV6_DST = 7;
/** Source port of the original direction: 16 bits in network byte order. Of GRE the key. */
export const ATTR_ORIG_PORT_SRC = 8;
/** Destination port of the original direction: 16 bits in network byte order. Of GRE the key. */
export const ATTR_ORIG_PORT_DST = 9;
/** Source port of the reply direction: 16 bits in network byte order. Of GRE the key. */
export const ATTR_REPL_PORT_SRC = 10;
/** Destination port of the reply direction: 16 bits in network byte order. Of GRE the key. */
export const ATTR_REPL_PORT_DST = 11;
/** ICMP or ICMPv6 type of the original direction: 8 bits. */
export const ATTR_ICMP_TYPE = 12;
/** ICMP or ICMPv6 code: 8 bits. */
export const ATTR_ICMP_CODE = 13;
/** ICMP or ICMPv6 identifier: 16 bits in network byte order. */
export const ATTR_ICMP_ID = 14;
/** Address family of the original direction, AF_INET or AF_INET6: 8 bits. */
export const ATTR_ORIG_L3PROTO = 15;
/** Address family of the reply direction, AF_INET or AF_INET6: 8 bits. */
export const ATTR_REPL_L3PROTO = 16;
/** Protocol of the original direction, IPPROTO_*: 8 bits. */
export const ATTR_ORIG_L4PROTO = 17;
/** Protocol of the reply direction, IPPROTO_*: 8 bits. */
export const ATTR_REPL_L4PROTO = 18;
/** TCP_CONNTRACK_*: 8 bits. */
export const ATTR_TCP_STATE = 19;
/** To which IPv4 address a new flow's source is translated: 32 bits in network byte order. Of requests alone. */
export const ATTR_SNAT_IPV4 = 20;
/** To which IPv4 address a new flow's destination is translated: 32 bits in network byte order. Of requests alone. */
export const ATTR_DNAT_IPV4 = 21;
/** To which port a new flow's source is translated: 16 bits in network byte order. Of requests alone. */
export const ATTR_SNAT_PORT = 22;
/** To which port a new flow's destination is translated: 16 bits in network byte order. Of requests alone. */
export const ATTR_DNAT_PORT = 23;
/** Seconds until the flow expires: 32 bits in host byte order. */
export const ATTR_TIMEOUT = 24;
/** 32 bits in host byte order (nf_conntrack_mark). */
export const ATTR_MARK = 25;
/** Packets of the original direction: 64 bits in host byte order. With nf_conntrack_acct=1; the kernel takes none. */
export const ATTR_ORIG_COUNTER_PACKETS = 26;
/** Packets of the reply direction: 64 bits in host byte order. With nf_conntrack_acct=1; the kernel takes none. */
export const ATTR_REPL_COUNTER_PACKETS = 27;
/** Bytes of the original direction: 64 bits in host byte order. With nf_conntrack_acct=1; the kernel takes none. */
export const ATTR_ORIG_COUNTER_BYTES = 28;
/** Bytes of the reply direction: 64 bits in host byte order. With nf_conntrack_acct=1; the kernel takes none. */
export const ATTR_REPL_COUNTER_BYTES = 29;
/** References of the kernel to the entry: 32 bits in host byte order. The kernel takes none. */
export const ATTR_USE = 30;
/** Id of the entry: 32 bits in host byte order. An entry that comes later may have the same. */
export const ATTR_ID = 31;
/** IPS_* bits: 32 bits in host byte order. */
export const ATTR_STATUS = 32;
/** IP_CT_TCP_FLAG_* of the original direction: 8 bits. */
export const ATTR_TCP_FLAGS_ORIG = 33;
/** IP_CT_TCP_FLAG_* of the reply direction: 8 bits. */
export const ATTR_TCP_FLAGS_REPL = 34;
/** Which of the flags of the original direction a request sets: 8 bits. */
export const ATTR_TCP_MASK_ORIG = 35;
/** Which of the flags of the reply direction a request sets: 8 bits. */
export const ATTR_TCP_MASK_REPL = 36;
/** Source address of the master flow, IPv4: 32 bits in network byte order. */
export const ATTR_MASTER_IPV4_SRC = 37;
/** Destination address of the master flow, IPv4: 32 bits in network byte order. */
export const ATTR_MASTER_IPV4_DST = 38;
/** Source address of the master flow, IPv6: 128 bits in network byte order. */
export const ATTR_MASTER_IPV6_SRC = 39;
/** Destination address of the master flow, IPv6: 128 bits in network byte order. */
export const ATTR_MASTER_IPV6_DST = 40;
/** Source port of the master flow: 16 bits in network byte order. */
export const ATTR_MASTER_PORT_SRC = 41;
/** Destination port of the master flow: 16 bits in network byte order. */
export const ATTR_MASTER_PORT_DST = 42;
/** Address family of the master flow, AF_INET or AF_INET6: 8 bits. */
export const ATTR_MASTER_L3PROTO = 43;
/** Protocol of the master flow, IPPROTO_*: 8 bits. */
export const ATTR_MASTER_L4PROTO = 44;
/** 32 bits in host byte order. ATTR_SECCTX has its text. */
export const ATTR_SECMARK = 45;
/** Where in the original direction a helper changed lengths, a sequence number: 32 bits in host byte order. */
export const ATTR_ORIG_NAT_SEQ_CORRECTION_POS = 46;
/**
 * What is added to sequence numbers of the original direction before that position: 32 bits in host byte order, signed.
 */
export const ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE = 47;
/** What is added to them from that position on: 32 bits in host byte order, signed. */
export const ATTR_ORIG_NAT_SEQ_OFFSET_AFTER = 48;
/** Where in the reply direction a helper changed lengths, a sequence number: 32 bits in host byte order. */
export const ATTR_REPL_NAT_SEQ_CORRECTION_POS = 49;
/**
 * What is added to sequence numbers of the reply direction before that position: 32 bits in host byte order, signed.
 */
export const ATTR_REPL_NAT_SEQ_OFFSET_BEFORE = 50;
/** What is added to them from that position on: 32 bits in host byte order, signed. */
export const ATTR_REPL_NAT_SEQ_OFFSET_AFTER = 51;
/** SCTP_CONNTRACK_*: 8 bits. */
export const ATTR_SCTP_STATE = 52;
/** Verification tag of the original direction: 32 bits in host byte order. */
export const ATTR_SCTP_VTAG_ORIG = 53;
/** Verification tag of the reply direction: 32 bits in host byte order. */
export const ATTR_SCTP_VTAG_REPL = 54;
/** Name of the helper, such as "ftp": text of at most 15 bytes. */
export const ATTR_HELPER_NAME = 55;
/** DCCP_CONNTRACK_*: 8 bits. Linux 6.18 has no DCCP. */
export const ATTR_DCCP_STATE = 56;
/** DCCP_CONNTRACK_ROLE_*, of the original direction: 8 bits. Linux 6.18 has no DCCP. */
export const ATTR_DCCP_ROLE = 57;
/** Sequence number of the handshake: 64 bits in host byte order. Linux 6.18 has no DCCP. */
export const ATTR_DCCP_HANDSHAKE_SEQ = 58;
/** Window scale of the original direction, 0 to 14: 8 bits. */
export const ATTR_TCP_WSCALE_ORIG = 59;
/** Window scale of the reply direction, 0 to 14: 8 bits. */
export const ATTR_TCP_WSCALE_REPL = 60;
/** Zone of both directions: 16 bits in host byte order. */
export const ATTR_ZONE = 61;
/** Security context: text. The kernel takes none. */
export const ATTR_SECCTX = 62;
/** When the flow was created, in nanoseconds since 1970: 64 bits in host byte order. With nf_conntrack_timestamp=1. */
export const ATTR_TIMESTAMP_START = 63;
/**
 * When the flow ended, in nanoseconds since 1970, of events alone: 64 bits in host byte order. As ATTR_TIMESTAMP_START.
 */
export const ATTR_TIMESTAMP_STOP = 64;
/** What the helper keeps of the flow: bytes. */
export const ATTR_HELPER_INFO = 65;
/** Labels, a set of bits: nfct_bitmask, of 128 bits in the kernel. */
export const ATTR_CONNLABELS = 66;
/** Which labels a request sets: nfct_bitmask. */
export const ATTR_CONNLABELS_MASK = 67;
/** Zone of the original direction alone: 16 bits in host byte order. Linux 4.3. */
export const ATTR_ORIG_ZONE = 68;
/** Zone of the reply direction alone: 16 bits in host byte order. Linux 4.3. */
export const ATTR_REPL_ZONE = 69;
/** To which IPv6 address a new flow's source is translated: 128 bits in network byte order. Of requests alone. */
export const ATTR_SNAT_IPV6 = 70;
/** To which IPv6 address a new flow's destination is translated: 128 bits in network byte order. Of requests alone. */
export const ATTR_DNAT_IPV6 = 71;
/** First sequence number that SYNPROXY chose: 32 bits in host byte order. */
export const ATTR_SYNPROXY_ISN = 72;
/** First timestamp that SYNPROXY chose: 32 bits in host byte order. */
export const ATTR_SYNPROXY_ITS = 73;
/** What SYNPROXY adds to timestamps: 32 bits in host byte order. */
export const ATTR_SYNPROXY_TSOFF = 74;
/**
 * When the event happened, in nanoseconds since 1970: 64 bits in host byte order. Linux 6.14, as ATTR_TIMESTAMP_START.
 */
export const ATTR_TIMESTAMP_EVENT = 75;
/** How many attributes there are. Of 1.1.1: 1.0.9 has 75. */
export const ATTR_MAX = 76;

// Aliases
/** ATTR_ORIG_IPV4_SRC. */
export const ATTR_IPV4_SRC = ATTR_ORIG_IPV4_SRC;
/** ATTR_ORIG_IPV4_DST. */
export const ATTR_IPV4_DST = ATTR_ORIG_IPV4_DST;
/** ATTR_ORIG_IPV6_SRC. */
export const ATTR_IPV6_SRC = ATTR_ORIG_IPV6_SRC;
/** ATTR_ORIG_IPV6_DST. */
export const ATTR_IPV6_DST = ATTR_ORIG_IPV6_DST;
/** ATTR_ORIG_PORT_SRC. */
export const ATTR_PORT_SRC = ATTR_ORIG_PORT_SRC;
/** ATTR_ORIG_PORT_DST. */
export const ATTR_PORT_DST = ATTR_ORIG_PORT_DST;
/** ATTR_ORIG_L3PROTO. */
export const ATTR_L3PROTO = ATTR_ORIG_L3PROTO;
/** ATTR_ORIG_L4PROTO. */
export const ATTR_L4PROTO = ATTR_ORIG_L4PROTO;

// enum nf_expect_attr
// Each is a conntrack object whose original tuple counts
/** The flow that is the master: a conntrack object whose original tuple counts. */
export const ATTR_EXP_MASTER = 0;
/** What is expected: a conntrack object whose original tuple counts. */
export const ATTR_EXP_EXPECTED = 1;
/** Which bits of the expected tuple count: a conntrack object whose original tuple counts. */
export const ATTR_EXP_MASK = 2;

/** Seconds until it expires: 32 bits in host byte order. */
export const ATTR_EXP_TIMEOUT = 3;
/** Zone of the master: 16 bits in host byte order. */
export const ATTR_EXP_ZONE = 4;
/** NF_CT_EXPECT_* bits: 32 bits in host byte order. */
export const ATTR_EXP_FLAGS = 5;
/** Name of the helper that expects it: text of at most 15 bytes. */
export const ATTR_EXP_HELPER_NAME = 6;
/** Which of the helper's classes of expectations: 32 bits in host byte order. */
export const ATTR_EXP_CLASS = 7;
/** To what the expected flow is translated: a conntrack object whose original tuple counts. */
export const ATTR_EXP_NAT_TUPLE = 8;
/** Which direction is translated, 0 (original) or 1 (reply): 32 bits in host byte order. */
export const ATTR_EXP_NAT_DIR = 9;
/** Name of the function that the kernel calls for the expected flow: text. */
export const ATTR_EXP_FN = 10;
/** How many attributes there are. */
export const ATTR_EXP_MAX = 11;

// subsystems, for nfct_open
/** The subsystem of flows. */
export const CONNTRACK = 1;
/** The subsystem of expectations. */
export const EXPECT = 2;

// Multicast groups as bits, for nfct_open: linux/netfilter/nfnetlink_compat.h. Bit n is group n + 1.
/** New flows. */
export const NF_NETLINK_CONNTRACK_NEW = 0x01;
/** Changes of flows. */
export const NF_NETLINK_CONNTRACK_UPDATE = 0x02;
/** Flows that ended. */
export const NF_NETLINK_CONNTRACK_DESTROY = 0x04;
/** New expectations. */
export const NF_NETLINK_CONNTRACK_EXP_NEW = 0x08;
/** Changes of expectations: the kernel sends none. */
export const NF_NETLINK_CONNTRACK_EXP_UPDATE = 0x10;
/** Expectations that ended. */
export const NF_NETLINK_CONNTRACK_EXP_DESTROY = 0x20;
/** The three of flows. */
export const NFCT_ALL_CT_GROUPS = 0x07;

// enum nf_conntrack_msg_type
/** A message that is none of those that follow. */
export const NFCT_T_UNKNOWN = 0;
/** The bit of NFCT_T_NEW. */
export const NFCT_T_NEW_BIT = 0;
/** A flow is new. */
export const NFCT_T_NEW = 0x1;
/** The bit of NFCT_T_UPDATE. */
export const NFCT_T_UPDATE_BIT = 1;
/** A flow changed, or is an entry of a dump. */
export const NFCT_T_UPDATE = 0x2;
/** The bit of NFCT_T_DESTROY. */
export const NFCT_T_DESTROY_BIT = 2;
/** A flow ended. */
export const NFCT_T_DESTROY = 0x4;
/** NEW, UPDATE and DESTROY. */
export const NFCT_T_ALL = 7;
/** The bit of NFCT_T_ERROR. */
export const NFCT_T_ERROR_BIT = 31;
/** The callback gets an error message. */
export const NFCT_T_ERROR = 0x80000000;

// verdicts of callbacks
/** Ends the query or the catch: it resolves to -1. */
export const NFCT_CB_FAILURE = -1;
/** Ends the query or the catch: it resolves to 0. */
export const NFCT_CB_STOP = 0;
/** Goes on with the next message. */
export const NFCT_CB_CONTINUE = 1;
/** The same here: in C the callback keeps the object, and nothing has to be freed here. */
export const NFCT_CB_STOLEN = 2;

// enum nf_conntrack_query
/** Creates a flow: EEXIST if there is one with its tuple. */
export const NFCT_Q_CREATE = 0;
/** Changes a flow: ENOENT if there is none. */
export const NFCT_Q_UPDATE = 1;
/** Deletes the flow with this tuple, and with this id if it is set. */
export const NFCT_Q_DESTROY = 2;
/** Asks for one flow, which the callback gets. */
export const NFCT_Q_GET = 3;
/** Deletes all flows, or those of a family: the data is that number. */
export const NFCT_Q_FLUSH = 4;
/** All flows, or those of a family: the data is that number. */
export const NFCT_Q_DUMP = 5;
/** The same, and sets their counters to zero. */
export const NFCT_Q_DUMP_RESET = 6;
/** Creates a flow, or changes the one with its tuple. */
export const NFCT_Q_CREATE_UPDATE = 7;
/** All flows that a filter lets pass: the data is an nfct_filter_dump. */
export const NFCT_Q_DUMP_FILTER = 8;
/** The same, and sets their counters to zero. */
export const NFCT_Q_DUMP_FILTER_RESET = 9;
/** Deletes the flows that a filter lets pass: the data is an nfct_filter_dump. */
export const NFCT_Q_FLUSH_FILTER = 10;

// options of nfct_setobjopt
/** Makes of a flow whose source address was translated one that asks for it: see nfct_setobjopt. */
export const NFCT_SOPT_UNDO_SNAT = 0;
/** Makes of a flow whose destination address was translated one that asks for it: see nfct_setobjopt. */
export const NFCT_SOPT_UNDO_DNAT = 1;
/** Makes of a flow whose source port was translated one that asks for it: see nfct_setobjopt. */
export const NFCT_SOPT_UNDO_SPAT = 2;
/** Makes of a flow whose destination port was translated one that asks for it: see nfct_setobjopt. */
export const NFCT_SOPT_UNDO_DPAT = 3;
/** Makes the original tuple the inverse of the reply tuple. */
export const NFCT_SOPT_SETUP_ORIGINAL = 4;
/** Makes the reply tuple the inverse of the original tuple. */
export const NFCT_SOPT_SETUP_REPLY = 5;
/** The last option. */
export const NFCT_SOPT_MAX = 5;

// options of nfct_getobjopt
/** Whether the source address is translated. */
export const NFCT_GOPT_IS_SNAT = 0;
/** Whether the destination address is translated. */
export const NFCT_GOPT_IS_DNAT = 1;
/** Whether the source port is translated. */
export const NFCT_GOPT_IS_SPAT = 2;
/** Whether the destination port is translated. */
export const NFCT_GOPT_IS_DPAT = 3;
/** The last option. */
export const NFCT_GOPT_MAX = 3;

// flags of nfct_cmp
/** Everything that C compares. */
export const NFCT_CMP_ALL = 0;
/** The original tuples alone. */
export const NFCT_CMP_ORIG = 0x01;
/** The reply tuples alone. */
export const NFCT_CMP_REPL = 0x02;
/** Leaves out what is of neither direction; see nfct_cmp. */
export const NFCT_CMP_TIMEOUT_EQ = 0x04;
/** As NFCT_CMP_TIMEOUT_EQ. */
export const NFCT_CMP_TIMEOUT_GT = 0x08;
/** As NFCT_CMP_TIMEOUT_EQ. */
export const NFCT_CMP_TIMEOUT_GE = 0x0c;
/** As NFCT_CMP_TIMEOUT_EQ. */
export const NFCT_CMP_TIMEOUT_LT = 0x10;
/** As NFCT_CMP_TIMEOUT_EQ. */
export const NFCT_CMP_TIMEOUT_LE = 0x14;
/** The second must have all that the first has. Without it, what only one has is ignored. */
export const NFCT_CMP_MASK = 0x20;
/** As NFCT_CMP_MASK, and also the reverse. */
export const NFCT_CMP_STRICT = 0x40;

// flags of nfct_copy
/** Everything that is set in the source; the rest of the target stays. */
export const NFCT_CP_ALL = 0;
/** The original tuple, without its zone. */
export const NFCT_CP_ORIG = 0x01;
/** The reply tuple, without its zone. */
export const NFCT_CP_REPL = 0x02;
/** What is of no direction, and the zones of tuples. */
export const NFCT_CP_META = 0x04;
/** The target becomes a clone of the source, and keeps nothing. */
export const NFCT_CP_OVERRIDE = 0x08;

// enum nf_conntrack_attr_grp
/** Both IPv4 addresses of the original direction: nfct_attr_grp_ipv4. */
export const ATTR_GRP_ORIG_IPV4 = 0;
/** Both IPv4 addresses of the reply direction: nfct_attr_grp_ipv4. */
export const ATTR_GRP_REPL_IPV4 = 1;
/** Both IPv6 addresses of the original direction: nfct_attr_grp_ipv6. */
export const ATTR_GRP_ORIG_IPV6 = 2;
/** Both IPv6 addresses of the reply direction: nfct_attr_grp_ipv6. */
export const ATTR_GRP_REPL_IPV6 = 3;
/** Both ports of the original direction: nfct_attr_grp_port. */
export const ATTR_GRP_ORIG_PORT = 4;
/** Both ports of the reply direction: nfct_attr_grp_port. */
export const ATTR_GRP_REPL_PORT = 5;
/** ICMP type, code and identifier: nfct_attr_grp_icmp. */
export const ATTR_GRP_ICMP = 6;
/** Both IPv4 addresses of the master flow: nfct_attr_grp_ipv4. */
export const ATTR_GRP_MASTER_IPV4 = 7;
/** Both IPv6 addresses of the master flow: nfct_attr_grp_ipv6. */
export const ATTR_GRP_MASTER_IPV6 = 8;
/** Both ports of the master flow: nfct_attr_grp_port. */
export const ATTR_GRP_MASTER_PORT = 9;
/** Packets and bytes of the original direction: nfct_attr_grp_ctrs. */
export const ATTR_GRP_ORIG_COUNTERS = 10;
/** Packets and bytes of the reply direction: nfct_attr_grp_ctrs. */
export const ATTR_GRP_REPL_COUNTERS = 11;
/** The source address of the original direction, of whatever family: nfct_attr_grp_addr. */
export const ATTR_GRP_ORIG_ADDR_SRC = 12;
/** The destination address of the original direction, of whatever family: nfct_attr_grp_addr. */
export const ATTR_GRP_ORIG_ADDR_DST = 13;
/** The source address of the reply direction, of whatever family: nfct_attr_grp_addr. */
export const ATTR_GRP_REPL_ADDR_SRC = 14;
/** The destination address of the reply direction, of whatever family: nfct_attr_grp_addr. */
export const ATTR_GRP_REPL_ADDR_DST = 15;
/** How many groups there are. */
export const ATTR_GRP_MAX = 16;

// enum nfct_filter_attr; 1.0.9 ends with MARK
/** A protocol, IPPROTO_*. */
export const NFCT_FILTER_L4PROTO = 0;
/** A protocol and a state of it: nfct_filter_proto. */
export const NFCT_FILTER_L4PROTO_STATE = 1;
/** An IPv4 source address with a mask: nfct_filter_ipv4. */
export const NFCT_FILTER_SRC_IPV4 = 2;
/** An IPv4 destination address with a mask: nfct_filter_ipv4. */
export const NFCT_FILTER_DST_IPV4 = 3;
/** An IPv6 source address with a mask: nfct_filter_ipv6. */
export const NFCT_FILTER_SRC_IPV6 = 4;
/** An IPv6 destination address with a mask: nfct_filter_ipv6. */
export const NFCT_FILTER_DST_IPV6 = 5;
/** A mark with a mask: nfct_filter_dump_mark. */
export const NFCT_FILTER_MARK = 6;
/** A zone. Of 1.1.0. */
export const NFCT_FILTER_ZONE = 7;
/** How many attributes there are. */
export const NFCT_FILTER_MAX = 8;

// enum nfct_filter_logic
/** What matches passes. */
export const NFCT_FILTER_LOGIC_POSITIVE = 0;
/** What matches does not pass. */
export const NFCT_FILTER_LOGIC_NEGATIVE = 1;
/** How many there are. */
export const NFCT_FILTER_LOGIC_MAX = 2;

// enum nfct_filter_dump_attr; 1.0.9 ends with STATUS
/** A mark with a mask: nfct_filter_dump_mark. */
export const NFCT_FILTER_DUMP_MARK = 0;
/** An address family, AF_INET or AF_INET6. */
export const NFCT_FILTER_DUMP_L3NUM = 1;
/** IPS_* bits with a mask: nfct_filter_dump_mark. Linux 5.15. */
export const NFCT_FILTER_DUMP_STATUS = 2;
/** A zone. Of 1.1.0; Linux 6.8. */
export const NFCT_FILTER_DUMP_ZONE = 3;
/** A tuple: a conntrack object. Of 1.1.0; Linux 5.8. */
export const NFCT_FILTER_DUMP_TUPLE = 4;
/** How many attributes there are. */
export const NFCT_FILTER_DUMP_MAX = 5;

/** Bytes of a helper's name with its NUL. */
export const NFCT_HELPER_NAME_MAX = 16;

// "do not use these constants in new applications", as the header says
/** The original direction. */
export const NFCT_DIR_ORIGINAL = 0;
/** The reply direction. */
export const NFCT_DIR_REPLY = 1;
/** How many there are. */
export const NFCT_DIR_MAX = 2;

// NFCT_O_*: the output type of nfct_snprintf
/** A line of text, as conntrack(8) prints it. */
export const NFCT_O_PLAIN = 0;
/** NFCT_O_PLAIN. */
export const NFCT_O_DEFAULT = NFCT_O_PLAIN;
/** An element of XML. */
export const NFCT_O_XML = 1;
/** How many there are. */
export const NFCT_O_MAX = 2;

// NFCT_OF_*: what it shows, a mask
/** The bit of NFCT_OF_SHOW_LAYER3. */
export const NFCT_OF_SHOW_LAYER3_BIT = 0;
/** The bit of NFCT_OF_TIME. */
export const NFCT_OF_TIME_BIT = 1;
/** The bit of NFCT_OF_ID. */
export const NFCT_OF_ID_BIT = 2;
/** The bit of NFCT_OF_TIMESTAMP. */
export const NFCT_OF_TIMESTAMP_BIT = 3;
/** The layer 3 protocol, which XML always has. */
export const NFCT_OF_SHOW_LAYER3 = 1 << NFCT_OF_SHOW_LAYER3_BIT;
/** When the event happened (ATTR_TIMESTAMP_EVENT) or else the time of printing, in XML alone. */
export const NFCT_OF_TIME = 1 << NFCT_OF_TIME_BIT;
/** The id, which XML always has. */
export const NFCT_OF_ID = 1 << NFCT_OF_ID_BIT;
/** When the flow started and stopped. */
export const NFCT_OF_TIMESTAMP = 1 << NFCT_OF_TIMESTAMP_BIT;
