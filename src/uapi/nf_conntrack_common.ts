/** linux/netfilter/nf_conntrack_common.h */

// enum ip_conntrack_info
/** Part of an established connection, either direction. */
export const IP_CT_ESTABLISHED = 0;
/** Like NEW, but related to an existing connection, or ICMP error. */
export const IP_CT_RELATED = 1;
/** Started a new connection to track. */
export const IP_CT_NEW = 2;
/** From here on: reply direction. */
export const IP_CT_IS_REPLY = 3;
export const IP_CT_ESTABLISHED_REPLY = 3;
export const IP_CT_RELATED_REPLY = 4;
export const IP_CT_NUMBER = 5;
/** Only for userspace compatibility. */
export const IP_CT_NEW_REPLY = 5;

export const NF_CT_STATE_INVALID_BIT = 0x1;
export const NF_CT_STATE_UNTRACKED_BIT = 0x40;

// enum ip_conntrack_status
export const IPS_EXPECTED_BIT = 0;
export const IPS_EXPECTED = 0x1;
export const IPS_SEEN_REPLY_BIT = 1;
export const IPS_SEEN_REPLY = 0x2;
export const IPS_ASSURED_BIT = 2;
export const IPS_ASSURED = 0x4;
export const IPS_CONFIRMED_BIT = 3;
export const IPS_CONFIRMED = 0x8;
export const IPS_SRC_NAT_BIT = 4;
export const IPS_SRC_NAT = 0x10;
export const IPS_DST_NAT_BIT = 5;
export const IPS_DST_NAT = 0x20;
export const IPS_NAT_MASK = 0x30;
export const IPS_SEQ_ADJUST_BIT = 6;
export const IPS_SEQ_ADJUST = 0x40;
export const IPS_SRC_NAT_DONE_BIT = 7;
export const IPS_SRC_NAT_DONE = 0x80;
export const IPS_DST_NAT_DONE_BIT = 8;
export const IPS_DST_NAT_DONE = 0x100;
export const IPS_NAT_DONE_MASK = 0x180;
export const IPS_DYING_BIT = 9;
export const IPS_DYING = 0x200;
export const IPS_FIXED_TIMEOUT_BIT = 10;
export const IPS_FIXED_TIMEOUT = 0x400;
export const IPS_TEMPLATE_BIT = 11;
export const IPS_TEMPLATE = 0x800;
export const IPS_UNTRACKED_BIT = 12;
export const IPS_UNTRACKED = 0x1000;
export const IPS_HELPER_BIT = 13;
export const IPS_HELPER = 0x2000;
export const IPS_OFFLOAD_BIT = 14;
export const IPS_OFFLOAD = 0x4000;
export const IPS_HW_OFFLOAD_BIT = 15;
export const IPS_HW_OFFLOAD = 0x8000;
export const IPS_UNCHANGEABLE_MASK = 0xdbf9;

// enum ip_conntrack_events
/** New conntrack. */
export const IPCT_NEW = 0;
/** Related conntrack. */
export const IPCT_RELATED = 1;
/** Destroyed conntrack. */
export const IPCT_DESTROY = 2;
/** Connection has seen two-way traffic. */
export const IPCT_REPLY = 3;
/** Connection status has changed to assured. */
export const IPCT_ASSURED = 4;
/** Protocol information has changed. */
export const IPCT_PROTOINFO = 5;
/** New helper has been set. */
export const IPCT_HELPER = 6;
/** New mark has been set. */
export const IPCT_MARK = 7;
/** Sequence adjustment has changed. */
export const IPCT_SEQADJ = 8;
export const IPCT_NATSEQADJ = 8;
/** New security mark has been set. */
export const IPCT_SECMARK = 9;
/** New connlabel has been set. */
export const IPCT_LABEL = 10;
/** Synproxy has been set. */
export const IPCT_SYNPROXY = 11;

// enum ip_conntrack_expect_events
/** New expectation. */
export const IPEXP_NEW = 0;
/** Destroyed expectation. */
export const IPEXP_DESTROY = 1;

// expectation flags
export const NF_CT_EXPECT_PERMANENT = 0x1;
export const NF_CT_EXPECT_INACTIVE = 0x2;
export const NF_CT_EXPECT_USERSPACE = 0x4;
