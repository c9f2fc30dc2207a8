/** What a capture has that is not given, by the reason. The counts grow as the capture is read. */
export interface Skipped {
  /** Packets of NETLINK_NETFILTER that the tool which captured them cut (snap length). */
  truncated: number;
  /** Packets in which a length is broken or a header is missing; and lines of text that cannot be read. */
  broken: number;
  /** Packets of other netlink families, and calls on other sockets. */
  otherFamilies: number;
  /** Packets of other link types, such as Ethernet. */
  otherLinkTypes: number;
  /** Where the file ends early, or cannot be read further, and why. Undefined: it is whole. */
  cut: { offset: number; reason: string } | undefined;
}

export function nothingSkipped(): Skipped {
  return { truncated: 0, broken: 0, otherFamilies: 0, otherLinkTypes: 0, cut: undefined };
}
