/** One comparison, and what came of it: what runner.ts is asked and answers. */
export interface Case {
  readonly argv: readonly string[];
  /** Lines for conntrack -R: the flows that there are. */
  readonly state: readonly string[];
  /** The table is made again between the two programs. */
  readonly changes: boolean;
  /** Lines of the file that `{FILE}` names. */
  readonly file?: readonly string[];
}

/** What a program did. */
export interface Sent {
  /** Hexadecimal. */
  readonly datagrams: readonly string[];
  /** Multicast groups that were joined: the bit 1 << (group - 1) of each. */
  readonly groups: number;
  readonly status: number | null;
  readonly stderr: string;
}

export interface Answer {
  readonly theirs: Sent;
  readonly ours: Sent;
}
