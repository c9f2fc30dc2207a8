/** Numbers of libnetfilter_conntrack.h (1.1.1) beside the ATTR_*, which are in ctnetlink/attr.ts. */

// What is printed, and enum nf_conntrack_msg_type, which says so in front of it.
export {
  NFCT_O_DEFAULT,
  NFCT_O_MAX,
  NFCT_O_PLAIN,
  NFCT_O_XML,
  NFCT_OF_ID,
  NFCT_OF_ID_BIT,
  NFCT_OF_SHOW_LAYER3,
  NFCT_OF_SHOW_LAYER3_BIT,
  NFCT_OF_TIME,
  NFCT_OF_TIME_BIT,
  NFCT_OF_TIMESTAMP,
  NFCT_OF_TIMESTAMP_BIT,
  NFCT_T_DESTROY,
  NFCT_T_NEW,
  NFCT_T_UNKNOWN,
  NFCT_T_UPDATE,
} from '../format/flags.ts';

/** TCP flags and their masks, ATTR_TCP_FLAGS_ORIG and the like; the kernel has more, in ctnetlink/uapi. */
export {
  IP_CT_TCP_FLAG_BE_LIBERAL,
  IP_CT_TCP_FLAG_CLOSE_INIT,
  IP_CT_TCP_FLAG_SACK_PERM,
  IP_CT_TCP_FLAG_WINDOW_SCALE,
} from '../uapi/nf_conntrack_tcp.ts';

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
export const NFCT_T_NEW_BIT = 0;
export const NFCT_T_UPDATE_BIT = 1;
export const NFCT_T_DESTROY_BIT = 2;
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
