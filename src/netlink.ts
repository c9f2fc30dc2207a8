/**
 * The layers below connection tracking: netlink messages and sockets, and the nfgenmsg of netfilter's messages. For
 * programs that use another subsystem, or that write messages with nfct_nlmsg_build().
 * @module ctnetlink/netlink
 * @packageDocumentation
 */
export * from './netlink/index.ts';
export * from './nfnetlink/index.ts';
