/** Room for some datagrams, with the headers that recvmmsg and io_uring receive them by. */
import type { Datagram } from '../../netlink/transport.ts';
import { MSG_TRUNC } from '../../uapi/socket.ts';
import type { Calls } from './libc.ts';
import {
  IOVEC_LEN,
  IOVEC_SIZE,
  Memory,
  MMSGHDR_LEN,
  MMSGHDR_SIZE,
  MSGHDR_FLAGS,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
  SOCKADDR_NL_PID,
  SOCKADDR_NL_SIZE,
} from './memory.ts';
import { Received } from './received.ts';

/**
 * Of the largest datagram that ctnetlink makes: the kernel fills dumps 32 KiB at a time, less its own part, and it
 * remembers the largest read of a socket: with a smaller one, dumps would come in more pieces.
 */
export const DATAGRAM_SIZE = 32768;

export class Slots {
  readonly count: number;
  /** All in one piece: headers, vectors, addresses, data. */
  readonly memory: Memory;
  readonly #names: number;
  readonly #data: number;
  readonly #received: Received[] = [];

  constructor(libc: Calls, count: number) {
    this.count = count;
    const iovecs = count * MMSGHDR_SIZE;
    this.#names = iovecs + count * IOVEC_SIZE;
    this.#data = this.#names + ((count * SOCKADDR_NL_SIZE + 7) & ~7);
    this.memory = new Memory(libc, this.#data + count * DATAGRAM_SIZE);
    const { memory } = this;
    for (let slot = 0; slot < count; slot++) {
      const header = slot * MMSGHDR_SIZE;
      const iovec = iovecs + slot * IOVEC_SIZE;
      memory.u64(header + MSGHDR_NAME, memory.address(this.#names + slot * SOCKADDR_NL_SIZE));
      // The kernel writes the length of the sender's address here, which is always this.
      memory.u32(header + MSGHDR_NAMELEN, SOCKADDR_NL_SIZE);
      memory.u64(header + MSGHDR_IOV, memory.address(iovec));
      memory.u64(header + MSGHDR_IOVLEN, 1n);
      memory.u64(iovec, memory.address(this.#data + slot * DATAGRAM_SIZE));
      memory.u64(iovec + IOVEC_LEN, BigInt(DATAGRAM_SIZE));
      this.#received.push(new Received(memory.view));
    }
  }

  /** Of the msghdr of a slot. */
  headerAddress(slot: number): bigint {
    return this.memory.address(slot * MMSGHDR_SIZE);
  }

  free(): void {
    this.memory.free();
  }

  /** Of the DATAGRAM_SIZE bytes of a slot. */
  dataAddress(slot: number): bigint {
    return this.memory.address(this.#data + slot * DATAGRAM_SIZE);
  }

  /** Whether the end of a datagram is missing that was not received by the header of its slot. */
  setTruncated(slot: number, truncated: boolean): void {
    this.memory.u32(slot * MMSGHDR_SIZE + MSGHDR_FLAGS, truncated ? MSG_TRUNC : 0);
  }

  /** What recvmmsg received. */
  lengthOf(slot: number): number {
    return this.memory.getU32(slot * MMSGHDR_SIZE + MMSGHDR_LEN);
  }

  datagram(slot: number, length: number): Datagram {
    const { memory } = this;
    const received = this.#received[slot];
    // Events are of the same length mostly, and a view costs a tenth of what it takes to decode one.
    if (received.view.byteLength !== length)
      received.view = new DataView(memory.bytes.buffer, this.#data + slot * DATAGRAM_SIZE, length);
    received.sender = memory.getU32(this.#names + slot * SOCKADDR_NL_SIZE + SOCKADDR_NL_PID);
    received.truncated = (memory.getI32(slot * MMSGHDR_SIZE + MSGHDR_FLAGS) & MSG_TRUNC) !== 0;
    return received;
  }
}
