/**
 * libnetfilter_conntrack.h (1.1.1): the numbers of the C library. `ctnetlink/nfct` exports all of them, and
 * `ctnetlink/format` those of its printing functions.
 */

// enum nf_conntrack_attr: the numbers that nfct_get_attr and the other accessors take
export const ATTR_ORIG_IPV4_SRC = 0;
export const ATTR_ORIG_IPV4_DST = 1;
export const ATTR_REPL_IPV4_SRC = 2;
export const ATTR_REPL_IPV4_DST = 3;
export const ATTR_ORIG_IPV6_SRC = 4;
export const ATTR_ORIG_IPV6_DST = 5;
export const ATTR_REPL_IPV6_SRC = 6;
export const ATTR_REPL_IPV6_DST = 7;
export const ATTR_ORIG_PORT_SRC = 8;
export const ATTR_ORIG_PORT_DST = 9;
export const ATTR_REPL_PORT_SRC = 10;
export const ATTR_REPL_PORT_DST = 11;
export const ATTR_ICMP_TYPE = 12;
export const ATTR_ICMP_CODE = 13;
export const ATTR_ICMP_ID = 14;
export const ATTR_ORIG_L3PROTO = 15;
export const ATTR_REPL_L3PROTO = 16;
export const ATTR_ORIG_L4PROTO = 17;
export const ATTR_REPL_L4PROTO = 18;
export const ATTR_TCP_STATE = 19;
export const ATTR_SNAT_IPV4 = 20;
export const ATTR_DNAT_IPV4 = 21;
export const ATTR_SNAT_PORT = 22;
export const ATTR_DNAT_PORT = 23;
export const ATTR_TIMEOUT = 24;
export const ATTR_MARK = 25;
export const ATTR_ORIG_COUNTER_PACKETS = 26;
export const ATTR_REPL_COUNTER_PACKETS = 27;
export const ATTR_ORIG_COUNTER_BYTES = 28;
export const ATTR_REPL_COUNTER_BYTES = 29;
export const ATTR_USE = 30;
export const ATTR_ID = 31;
export const ATTR_STATUS = 32;
export const ATTR_TCP_FLAGS_ORIG = 33;
export const ATTR_TCP_FLAGS_REPL = 34;
export const ATTR_TCP_MASK_ORIG = 35;
export const ATTR_TCP_MASK_REPL = 36;
export const ATTR_MASTER_IPV4_SRC = 37;
export const ATTR_MASTER_IPV4_DST = 38;
export const ATTR_MASTER_IPV6_SRC = 39;
export const ATTR_MASTER_IPV6_DST = 40;
export const ATTR_MASTER_PORT_SRC = 41;
export const ATTR_MASTER_PORT_DST = 42;
export const ATTR_MASTER_L3PROTO = 43;
export const ATTR_MASTER_L4PROTO = 44;
export const ATTR_SECMARK = 45;
export const ATTR_ORIG_NAT_SEQ_CORRECTION_POS = 46;
export const ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE = 47;
export const ATTR_ORIG_NAT_SEQ_OFFSET_AFTER = 48;
export const ATTR_REPL_NAT_SEQ_CORRECTION_POS = 49;
export const ATTR_REPL_NAT_SEQ_OFFSET_BEFORE = 50;
export const ATTR_REPL_NAT_SEQ_OFFSET_AFTER = 51;
export const ATTR_SCTP_STATE = 52;
export const ATTR_SCTP_VTAG_ORIG = 53;
export const ATTR_SCTP_VTAG_REPL = 54;
export const ATTR_HELPER_NAME = 55;
export const ATTR_DCCP_STATE = 56;
export const ATTR_DCCP_ROLE = 57;
export const ATTR_DCCP_HANDSHAKE_SEQ = 58;
export const ATTR_TCP_WSCALE_ORIG = 59;
export const ATTR_TCP_WSCALE_REPL = 60;
export const ATTR_ZONE = 61;
export const ATTR_SECCTX = 62;
export const ATTR_TIMESTAMP_START = 63;
export const ATTR_TIMESTAMP_STOP = 64;
export const ATTR_HELPER_INFO = 65;
export const ATTR_CONNLABELS = 66;
export const ATTR_CONNLABELS_MASK = 67;
export const ATTR_ORIG_ZONE = 68;
export const ATTR_REPL_ZONE = 69;
export const ATTR_SNAT_IPV6 = 70;
export const ATTR_DNAT_IPV6 = 71;
export const ATTR_SYNPROXY_ISN = 72;
export const ATTR_SYNPROXY_ITS = 73;
export const ATTR_SYNPROXY_TSOFF = 74;
export const ATTR_TIMESTAMP_EVENT = 75;
export const ATTR_MAX = 76;

// Aliases
export const ATTR_IPV4_SRC = ATTR_ORIG_IPV4_SRC;
export const ATTR_IPV4_DST = ATTR_ORIG_IPV4_DST;
export const ATTR_IPV6_SRC = ATTR_ORIG_IPV6_SRC;
export const ATTR_IPV6_DST = ATTR_ORIG_IPV6_DST;
export const ATTR_PORT_SRC = ATTR_ORIG_PORT_SRC;
export const ATTR_PORT_DST = ATTR_ORIG_PORT_DST;
export const ATTR_L3PROTO = ATTR_ORIG_L3PROTO;
export const ATTR_L4PROTO = ATTR_ORIG_L4PROTO;

// enum nf_expect_attr
// Each is a conntrack object whose original tuple counts
export const ATTR_EXP_MASTER = 0;
export const ATTR_EXP_EXPECTED = 1;
export const ATTR_EXP_MASK = 2;

export const ATTR_EXP_TIMEOUT = 3;
export const ATTR_EXP_ZONE = 4;
export const ATTR_EXP_FLAGS = 5;
export const ATTR_EXP_HELPER_NAME = 6;
export const ATTR_EXP_CLASS = 7;
export const ATTR_EXP_NAT_TUPLE = 8;
export const ATTR_EXP_NAT_DIR = 9;
export const ATTR_EXP_FN = 10;
export const ATTR_EXP_MAX = 11;

// subsystems, for nfct_open
export const CONNTRACK = 1;
export const EXPECT = 2;

// Multicast groups as bits, for nfct_open: linux/netfilter/nfnetlink_compat.h. Bit n is group n + 1.
export const NF_NETLINK_CONNTRACK_NEW = 0x01;
export const NF_NETLINK_CONNTRACK_UPDATE = 0x02;
export const NF_NETLINK_CONNTRACK_DESTROY = 0x04;
export const NF_NETLINK_CONNTRACK_EXP_NEW = 0x08;
export const NF_NETLINK_CONNTRACK_EXP_UPDATE = 0x10;
export const NF_NETLINK_CONNTRACK_EXP_DESTROY = 0x20;
export const NFCT_ALL_CT_GROUPS = 0x07;

// enum nf_conntrack_msg_type
export const NFCT_T_UNKNOWN = 0;
export const NFCT_T_NEW_BIT = 0;
export const NFCT_T_NEW = 0x1;
export const NFCT_T_UPDATE_BIT = 1;
export const NFCT_T_UPDATE = 0x2;
export const NFCT_T_DESTROY_BIT = 2;
export const NFCT_T_DESTROY = 0x4;
export const NFCT_T_ALL = 7;
export const NFCT_T_ERROR_BIT = 31;
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
export const NFCT_Q_CREATE = 0;
export const NFCT_Q_UPDATE = 1;
export const NFCT_Q_DESTROY = 2;
export const NFCT_Q_GET = 3;
export const NFCT_Q_FLUSH = 4;
export const NFCT_Q_DUMP = 5;
export const NFCT_Q_DUMP_RESET = 6;
export const NFCT_Q_CREATE_UPDATE = 7;
export const NFCT_Q_DUMP_FILTER = 8;
export const NFCT_Q_DUMP_FILTER_RESET = 9;
export const NFCT_Q_FLUSH_FILTER = 10;

// options of nfct_setobjopt
export const NFCT_SOPT_UNDO_SNAT = 0;
export const NFCT_SOPT_UNDO_DNAT = 1;
export const NFCT_SOPT_UNDO_SPAT = 2;
export const NFCT_SOPT_UNDO_DPAT = 3;
export const NFCT_SOPT_SETUP_ORIGINAL = 4;
export const NFCT_SOPT_SETUP_REPLY = 5;
export const NFCT_SOPT_MAX = 5;

// options of nfct_getobjopt
export const NFCT_GOPT_IS_SNAT = 0;
export const NFCT_GOPT_IS_DNAT = 1;
export const NFCT_GOPT_IS_SPAT = 2;
export const NFCT_GOPT_IS_DPAT = 3;
export const NFCT_GOPT_MAX = 3;

// flags of nfct_cmp
export const NFCT_CMP_ALL = 0;
export const NFCT_CMP_ORIG = 0x01;
export const NFCT_CMP_REPL = 0x02;
export const NFCT_CMP_TIMEOUT_EQ = 0x04;
export const NFCT_CMP_TIMEOUT_GT = 0x08;
export const NFCT_CMP_TIMEOUT_GE = 0x0c;
export const NFCT_CMP_TIMEOUT_LT = 0x10;
export const NFCT_CMP_TIMEOUT_LE = 0x14;
export const NFCT_CMP_MASK = 0x20;
export const NFCT_CMP_STRICT = 0x40;

// flags of nfct_copy
export const NFCT_CP_ALL = 0;
export const NFCT_CP_ORIG = 0x01;
export const NFCT_CP_REPL = 0x02;
export const NFCT_CP_META = 0x04;
export const NFCT_CP_OVERRIDE = 0x08;

// enum nf_conntrack_attr_grp
export const ATTR_GRP_ORIG_IPV4 = 0;
export const ATTR_GRP_REPL_IPV4 = 1;
export const ATTR_GRP_ORIG_IPV6 = 2;
export const ATTR_GRP_REPL_IPV6 = 3;
export const ATTR_GRP_ORIG_PORT = 4;
export const ATTR_GRP_REPL_PORT = 5;
export const ATTR_GRP_ICMP = 6;
export const ATTR_GRP_MASTER_IPV4 = 7;
export const ATTR_GRP_MASTER_IPV6 = 8;
export const ATTR_GRP_MASTER_PORT = 9;
export const ATTR_GRP_ORIG_COUNTERS = 10;
export const ATTR_GRP_REPL_COUNTERS = 11;
export const ATTR_GRP_ORIG_ADDR_SRC = 12;
export const ATTR_GRP_ORIG_ADDR_DST = 13;
export const ATTR_GRP_REPL_ADDR_SRC = 14;
export const ATTR_GRP_REPL_ADDR_DST = 15;
export const ATTR_GRP_MAX = 16;

// enum nfct_filter_attr; 1.0.9 ends with MARK
export const NFCT_FILTER_L4PROTO = 0;
export const NFCT_FILTER_L4PROTO_STATE = 1;
export const NFCT_FILTER_SRC_IPV4 = 2;
export const NFCT_FILTER_DST_IPV4 = 3;
export const NFCT_FILTER_SRC_IPV6 = 4;
export const NFCT_FILTER_DST_IPV6 = 5;
export const NFCT_FILTER_MARK = 6;
export const NFCT_FILTER_ZONE = 7;
export const NFCT_FILTER_MAX = 8;

// enum nfct_filter_logic
export const NFCT_FILTER_LOGIC_POSITIVE = 0;
export const NFCT_FILTER_LOGIC_NEGATIVE = 1;
export const NFCT_FILTER_LOGIC_MAX = 2;

// enum nfct_filter_dump_attr; 1.0.9 ends with STATUS
export const NFCT_FILTER_DUMP_MARK = 0;
export const NFCT_FILTER_DUMP_L3NUM = 1;
export const NFCT_FILTER_DUMP_STATUS = 2;
export const NFCT_FILTER_DUMP_ZONE = 3;
export const NFCT_FILTER_DUMP_TUPLE = 4;
export const NFCT_FILTER_DUMP_MAX = 5;

/** Bytes of a helper's name with its NUL. */
export const NFCT_HELPER_NAME_MAX = 16;

// "do not use these constants in new applications", as the header says
export const NFCT_DIR_ORIGINAL = 0;
export const NFCT_DIR_REPLY = 1;
export const NFCT_DIR_MAX = 2;

// NFCT_O_*: the output type of nfct_snprintf
export const NFCT_O_PLAIN = 0;
export const NFCT_O_DEFAULT = NFCT_O_PLAIN;
export const NFCT_O_XML = 1;
export const NFCT_O_MAX = 2;

// NFCT_OF_*: what it shows, a mask
export const NFCT_OF_SHOW_LAYER3_BIT = 0;
export const NFCT_OF_TIME_BIT = 1;
export const NFCT_OF_ID_BIT = 2;
export const NFCT_OF_TIMESTAMP_BIT = 3;
/** The layer 3 protocol, which XML always has. */
export const NFCT_OF_SHOW_LAYER3 = 1 << NFCT_OF_SHOW_LAYER3_BIT;
/** When the event happened (ATTR_TIMESTAMP_EVENT) or else the time of printing, in XML alone. */
export const NFCT_OF_TIME = 1 << NFCT_OF_TIME_BIT;
/** The id, which XML always has. */
export const NFCT_OF_ID = 1 << NFCT_OF_ID_BIT;
/** When the flow started and stopped. */
export const NFCT_OF_TIMESTAMP = 1 << NFCT_OF_TIMESTAMP_BIT;
