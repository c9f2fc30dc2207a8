/**
 * What answers are charged to the receive buffer, as upper bounds: the truesize of a struct sk_buff
 * (include/linux/skbuff.h), which the kernel rounds up to the memory that it allocates. Measured on Linux 6.18 by
 * SO_MEMINFO: test/kernel/charges.kernel.test.ts.
 */

/** An ACK (832), or an error with an extended ACK, whose text may have a line. */
export const ACK_CHARGE = 1_536;

/**
 * What comes before the ACK of a `get` or of statistics: 832 for a small flow. The kernel builds it in NLMSG_GOODSIZE,
 * and gives back what it does not fill only where that is more than half (netlink_trim): labels, a helper and a
 * security context make it grow up to this.
 */
export const REPLY_CHARGE = 4_608;

/**
 * The datagram of a dump that waits: 32 KiB, which is the most that the kernel makes, and its header. A dump goes on
 * one datagram at a time.
 */
export const DUMP_CHARGE = 33_024;
