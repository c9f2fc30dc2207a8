/** libnetfilter_conntrack_dccp.h: names of the library for states of the kernels before 6.18, which dropped DCCP. */

// enum dccp_state: ATTR_DCCP_STATE
/** None yet. */
export const DCCP_CONNTRACK_NONE = 0;
/** A Request was seen. */
export const DCCP_CONNTRACK_REQUEST = 1;
/** A Response was seen. */
export const DCCP_CONNTRACK_RESPOND = 2;
/** The client acknowledged the Response. */
export const DCCP_CONNTRACK_PARTOPEN = 3;
/** Both sides send data. */
export const DCCP_CONNTRACK_OPEN = 4;
/** The server asked the client to close. */
export const DCCP_CONNTRACK_CLOSEREQ = 5;
/** A Close was seen. */
export const DCCP_CONNTRACK_CLOSING = 6;
/** A Reset was seen. */
export const DCCP_CONNTRACK_TIMEWAIT = 7;
/** A packet that changes no state. */
export const DCCP_CONNTRACK_IGNORE = 8;
/** A packet that does not fit the state. */
export const DCCP_CONNTRACK_INVALID = 9;
/** How many there are. */
export const DCCP_CONNTRACK_MAX = 10;

// enum dccp_roles: ATTR_DCCP_ROLE
/** The original direction comes from the client. */
export const DCCP_CONNTRACK_ROLE_CLIENT = 0;
/** The original direction comes from the server. */
export const DCCP_CONNTRACK_ROLE_SERVER = 1;
/** The last role. */
export const DCCP_ROLE_MAX = 1;
