/** Room for some datagrams, with the headers that recvmmsg and io_uring receive them by. */
import type { Datagram } from '../../netlink/transport.ts';
import { NETLINK_LISTEN_ALL_NSID } from '../../uapi/netlink.ts';
import { MSG_TRUNC, SOL_NETLINK } from '../../uapi/socket.ts';
import type { Calls } from './libc.ts';
import {
  CMSGHDR_DATA,
  CMSGHDR_LEVEL,
  CMSGHDR_TYPE,
  IOVEC_LEN,
  IOVEC_SIZE,
  Memory,
  MMSGHDR_LEN,
  MMSGHDR_SIZE,
  MSGHDR_CONTROL,
  MSGHDR_CONTROLLEN,
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

const SIZE_OF_INT = 4;
/** CMSG_SPACE(sizeof(int)), for the one control message that is asked for. */
const CONTROL_SIZE = 24;

export class ReceiveBuffers {
  readonly count: number;
  /** All in one piece: headers, vectors, addresses, data. */
  readonly memory: Memory;
  readonly #names: number;
  readonly #data: number;
  /** Where control messages are received; undefined: they are not. */
  readonly #controls: number | undefined;
  readonly #received: Received[] = [];

  /** @param namespaces the kernel gives the namespace of each (NETLINK_LISTEN_ALL_NSID) */
  constructor(libc: Calls, count: number, namespaces = false) {
    this.count = count;
    const iovecs = count * MMSGHDR_SIZE;
    this.#names = iovecs + count * IOVEC_SIZE;
    const controls = this.#names + ((count * SOCKADDR_NL_SIZE + 7) & ~7);
    this.#controls = namespaces ? controls : undefined;
    this.#data = controls + (namespaces ? count * CONTROL_SIZE : 0);
    this.memory = new Memory(libc, this.#data + count * DATAGRAM_SIZE);
    const { memory } = this;
    for (let buffer = 0; buffer < count; buffer++) {
      const header = buffer * MMSGHDR_SIZE;
      const iovec = iovecs + buffer * IOVEC_SIZE;
      memory.u64(header + MSGHDR_NAME, memory.address(this.#names + buffer * SOCKADDR_NL_SIZE));
      // The kernel writes the length of the sender's address here, which is always this.
      memory.u32(header + MSGHDR_NAMELEN, SOCKADDR_NL_SIZE);
      memory.u64(header + MSGHDR_IOV, memory.address(iovec));
      memory.u64(header + MSGHDR_IOVLEN, 1n);
      memory.u64(iovec, memory.address(this.#data + buffer * DATAGRAM_SIZE));
      memory.u64(iovec + IOVEC_LEN, BigInt(DATAGRAM_SIZE));
      if (namespaces) memory.u64(header + MSGHDR_CONTROL, memory.address(controls + buffer * CONTROL_SIZE));
      this.#received.push(new Received(memory.view));
    }
    this.prepare();
  }

  /** Before each receive: the kernel has written over how much room there is for control messages. */
  prepare(): void {
    if (this.#controls === undefined) return;
    for (let buffer = 0; buffer < this.count; buffer++)
      this.memory.size(buffer * MMSGHDR_SIZE + MSGHDR_CONTROLLEN, CONTROL_SIZE);
  }

  /** Of the msghdr of a buffer. */
  headerAddress(buffer: number): bigint {
    return this.memory.address(buffer * MMSGHDR_SIZE);
  }

  free(): void {
    this.memory.free();
  }

  /** Of the DATAGRAM_SIZE bytes of a buffer. */
  dataAddress(buffer: number): bigint {
    return this.memory.address(this.#data + buffer * DATAGRAM_SIZE);
  }

  /** Whether the end of a datagram is missing that was not received by the header of its buffer. */
  setTruncated(buffer: number, truncated: boolean): void {
    this.memory.u32(buffer * MMSGHDR_SIZE + MSGHDR_FLAGS, truncated ? MSG_TRUNC : 0);
  }

  /** What recvmmsg received. */
  lengthOf(buffer: number): number {
    return this.memory.getU32(buffer * MMSGHDR_SIZE + MMSGHDR_LEN);
  }

  datagram(buffer: number, length: number): Datagram {
    const { memory } = this;
    const received = this.#received[buffer];
    // Events are of the same length mostly, and a view costs a tenth of what it takes to decode one.
    if (received.view.byteLength !== length)
      received.view = new DataView(memory.bytes.buffer, this.#data + buffer * DATAGRAM_SIZE, length);
    received.sender = memory.getU32(this.#names + buffer * SOCKADDR_NL_SIZE + SOCKADDR_NL_PID);
    received.truncated = (memory.getI32(buffer * MMSGHDR_SIZE + MSGHDR_FLAGS) & MSG_TRUNC) !== 0;
    if (this.#controls !== undefined) received.nsid = this.#nsidOf(buffer, this.#controls + buffer * CONTROL_SIZE);
    return received;
  }

  /** Of the namespace of the socket itself there is no control message. */
  #nsidOf(buffer: number, control: number): number | undefined {
    const { memory } = this;
    if (memory.getU64(buffer * MMSGHDR_SIZE + MSGHDR_CONTROLLEN) < CMSGHDR_DATA + SIZE_OF_INT) return undefined;
    const isNsid =
      memory.getI32(control + CMSGHDR_LEVEL) === SOL_NETLINK &&
      memory.getI32(control + CMSGHDR_TYPE) === NETLINK_LISTEN_ALL_NSID;
    return isNsid ? memory.getI32(control + CMSGHDR_DATA) : undefined;
  }
}
