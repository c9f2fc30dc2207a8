/** What is not in the anonymised capture, beside what reading leaves out. */
export interface Dropped {
  /** Messages of netfilter that are not of connection tracking, such as those of nftables. */
  otherSubsystems: number;
  /** Messages that cannot be decoded. Where one came from the kernel, a note says that messages were lost. */
  broken: number;
}
