/** The headers of the kernel and of libc. Those of libnetfilter_conntrack are exported by ctnetlink/nfct. */
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
