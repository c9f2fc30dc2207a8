import { checkBytes } from '../netlink/check.ts';

/** Bytes that are read where they are needed, so that a capture need not fit into memory. */
export interface Source {
  /** In bytes. */
  readonly size: number;
  /**
   * The bytes from `offset` on: `length` of them, or fewer where the source ends. Valid until the next read; copy what
   * you keep.
   */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes in memory as a source. They are not copied. @throws TypeError naming the argument */
export function memorySource(bytes: Uint8Array): Source {
  checkBytes(bytes, 'bytes');
  // Not a Buffer, whose slice() shares its memory: a caller that copies a datagram to change it would change the
  // capture.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return { size: plain.length, read: (offset, length) => plain.subarray(offset, offset + length) };
}
