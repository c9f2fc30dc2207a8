/** A datagram to send, with its header. */
import type { Calls } from './libc.ts';
import { IOVEC_LEN, IOVEC_SIZE, Memory, MSGHDR_IOV, MSGHDR_IOVLEN, MSGHDR_SIZE } from './memory.ts';

const DATA = MSGHDR_SIZE + IOVEC_SIZE;

export class Outgoing {
  readonly #memory: Memory;
  #length = 0;

  /** @param bytes are copied */
  constructor(libc: Calls, bytes: Uint8Array, capacity = bytes.length) {
    const memory = new Memory(libc, DATA + capacity);
    this.#memory = memory;
    memory.u64(MSGHDR_IOV, memory.address(MSGHDR_SIZE));
    memory.u64(MSGHDR_IOVLEN, 1n);
    memory.u64(MSGHDR_SIZE, memory.address(DATA));
    this.set(bytes);
  }

  /** Another datagram; false when there is no room for it. */
  set(bytes: Uint8Array): boolean {
    const { bytes: own } = this.#memory;
    if (DATA + bytes.length > own.length) return false;
    own.set(bytes, DATA);
    this.#length = bytes.length;
    this.#memory.size(MSGHDR_SIZE + IOVEC_LEN, bytes.length);
    return true;
  }

  /** What sendmsg takes. */
  get header(): Uint8Array {
    return this.#memory.bytes;
  }

  get headerAddress(): bigint {
    return this.#memory.address();
  }

  /** Of the datagram itself. */
  get dataAddress(): bigint {
    return this.#memory.address(DATA);
  }

  /** Bytes of the datagram. */
  get length(): number {
    return this.#length;
  }

  free(): void {
    this.#memory.free();
  }
}
