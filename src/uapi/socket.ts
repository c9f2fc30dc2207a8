/** bits/socket.h (asm-generic numbers): address families and the types that netlink uses. */

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
