/** enum nf_expect_attr of libnetfilter_conntrack.h. */

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
