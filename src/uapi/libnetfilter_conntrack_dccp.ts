/** libnetfilter_conntrack_dccp.h: names of the library for states of the kernels before 6.18, which dropped DCCP. */

// enum dccp_state: ATTR_DCCP_STATE
export const DCCP_CONNTRACK_NONE = 0;
export const DCCP_CONNTRACK_REQUEST = 1;
export const DCCP_CONNTRACK_RESPOND = 2;
export const DCCP_CONNTRACK_PARTOPEN = 3;
export const DCCP_CONNTRACK_OPEN = 4;
export const DCCP_CONNTRACK_CLOSEREQ = 5;
export const DCCP_CONNTRACK_CLOSING = 6;
export const DCCP_CONNTRACK_TIMEWAIT = 7;
export const DCCP_CONNTRACK_IGNORE = 8;
export const DCCP_CONNTRACK_INVALID = 9;
export const DCCP_CONNTRACK_MAX = 10;

// enum dccp_roles: ATTR_DCCP_ROLE
export const DCCP_CONNTRACK_ROLE_CLIENT = 0;
export const DCCP_CONNTRACK_ROLE_SERVER = 1;
export const DCCP_ROLE_MAX = 1;
