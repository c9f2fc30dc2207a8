/** Room for the datagrams of an inbox: each behind a struct io_uring_recvmsg_out and its sender's address. */
import type { Datagram } from '../../../netlink/transport.ts';
import { IO_URING_RECVMSG_OUT_FLAGS, IO_URING_RECVMSG_OUT_SIZE } from '../../../uapi/io_uring.ts';
import { MSG_TRUNC } from '../../../uapi/socket.ts';
import type { Libc } from '../libc.ts';
import { Memory, MSGHDR_NAMELEN, MSGHDR_SIZE, SOCKADDR_NL_PID } from '../memory.ts';
import { Received } from '../received.ts';

/** Of a struct sockaddr_nl, to a multiple of 8. */
const NAME_SIZE = 16;
const DATA = IO_URING_RECVMSG_OUT_SIZE + NAME_SIZE;
/**
 * An event has several hundred bytes. A dump comes in datagrams as large as the reads that the socket has seen,
 * NLMSG_GOODSIZE at the least, which is below 8 KiB on every machine. The line more keeps one buffer from being where
 * the next does in the processor's caches.
 */
const SIZE = DATA + 8192 + 64;
/** The offset of the first buffer, behind the header. */
const FIRST = (MSGHDR_SIZE + 63) & ~63;

export class InboxBuffers {
  /** Bytes from one to the next. */
  readonly size = SIZE;
  /** The header, then the buffers: no memory of the machine's until it is written to. */
  readonly #memory: Memory;
  readonly #received: (Received | undefined)[];

  constructor(libc: Libc, count: number) {
    this.#memory = new Memory(libc, FIRST + count * SIZE);
    this.#received = new Array(count).fill(undefined);
    this.#memory.u32(MSGHDR_NAMELEN, NAME_SIZE);
  }

  /** Of the msghdr that says how much room a sender's address has. */
  get headerAddress(): bigint {
    return this.#memory.address();
  }

  address(buffer: number): bigint {
    return this.#memory.address(FIRST + buffer * SIZE);
  }

  free(): void {
    this.#memory.free();
  }

  /** @param length of all that was written to the buffer */
  datagram(buffer: number, length: number): Datagram {
    const memory = this.#memory;
    const at = FIRST + buffer * SIZE;
    this.#received[buffer] ??= new Received(memory.view);
    const received = this.#received[buffer];
    const bytes = length - DATA;
    if (received.view.byteLength !== bytes) received.view = new DataView(memory.bytes.buffer, at + DATA, bytes);
    received.sender = memory.getU32(at + IO_URING_RECVMSG_OUT_SIZE + SOCKADDR_NL_PID);
    received.truncated = (memory.getU32(at + IO_URING_RECVMSG_OUT_FLAGS) & MSG_TRUNC) !== 0;
    return received;
  }
}
