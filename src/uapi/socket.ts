/**
 * bits/socket.h, asm-generic/socket.h, linux/sock_diag.h, bits/poll.h: address families, and the types, flags and
 * options that netlink uses. The numbers of asm-generic hold on every machine that transport/libc runs on; alpha, mips,
 * parisc and sparc have others.
 */

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;

export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;

export const SO_RCVBUF = 8;
export const SO_ATTACH_FILTER = 26;
export const SO_DETACH_FILTER = 27;
/** Passes net.core.rmem_max, with CAP_NET_ADMIN (Linux 2.6.14). */
export const SO_RCVBUFFORCE = 33;
/** SK_MEMINFO_VARS words (Linux 4.12). */
export const SO_MEMINFO = 55;
export const SO_COOKIE = 57;

// Words of SO_MEMINFO
export const SK_MEMINFO_RMEM_ALLOC = 0;
export const SK_MEMINFO_RCVBUF = 1;
export const SK_MEMINFO_DROPS = 8;
export const SK_MEMINFO_VARS = 9;

export const POLLIN = 0x001;

export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;
