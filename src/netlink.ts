/**
 * The layers below connection tracking: netlink with its sockets, and the nfgenmsg of netfilter's messages. For whoever
 * builds another subsystem, or messages by hand with nfct_nlmsg_build().
 */
export * from './netlink/index.ts';
export * from './nfnetlink/index.ts';
