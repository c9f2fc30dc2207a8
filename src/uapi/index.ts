/**
 * Constants of the kernel's headers and of libc, under their names. Those of libnetfilter_conntrack are in
 * ctnetlink/nfct.
 * @module ctnetlink/uapi
 * @packageDocumentation
 */
export * from './epoll.ts';
export * from './errno.ts';
export * from './filter.ts';
export * from './in.ts';
export * from './io_uring.ts';
export * from './netlink.ts';
export * from './nf_conntrack_common.ts';
export * from './nf_conntrack_sctp.ts';
export * from './nf_conntrack_tcp.ts';
export * from './nfnetlink.ts';
export * from './nfnetlink_conntrack.ts';
export * from './socket.ts';
