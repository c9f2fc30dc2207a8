/** One datagram of a capture. */
export interface CapturedDatagram {
  /** From the kernel to a socket; else it was sent to the kernel. */
  fromKernel: boolean;
  /** Nanoseconds since the epoch. Undefined: the capture does not say. */
  time: bigint | undefined;
  /** One or more netlink messages, in the byte order of this machine. */
  bytes: Uint8Array;
  /** The portid of the socket that record() recorded. Undefined in captures of other tools. */
  socket?: number;
}
