/** A packet as the file formats have it, whatever its link type. */
export interface Packet {
  /** Nanoseconds since the epoch. */
  time: bigint | undefined;
  linkType: number;
  /** Where its bytes are in the source. */
  at: number;
  length: number;
  /** The packet was longer when it was captured. */
  truncated: boolean;
}
