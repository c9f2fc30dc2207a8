/** Why a text is said to be cut. */
export const CUT_TEXT = 'the text ends inside of a datagram';

/** A datagram that a text has. */
export interface TextDatagram {
  /** Undefined: the text does not say. */
  fromKernel: boolean | undefined;
  time: bigint | undefined;
  socket: number | undefined;
  bytes: Uint8Array;
  /** The text has not all of it. */
  truncated: boolean;
  /** Where it is in the text. */
  offset: number;
  /** The text ends inside of its line. */
  open: boolean;
}
