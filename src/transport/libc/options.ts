/** Socket options. */
import { type TransportError, UnsupportedError } from '../../netlink/errors.ts';
import { ENOPROTOOPT, EPERM } from '../../uapi/errno.ts';
import {
  SK_MEMINFO_VARS,
  SO_ATTACH_FILTER,
  SO_COOKIE,
  SO_DETACH_FILTER,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOL_SOCKET,
} from '../../uapi/socket.ts';
import { attempt, failure } from './call.ts';
import type { Calls } from './libc.ts';
import { allocateAll, Memory, SOCK_FILTER_SIZE, SOCK_FPROG_FILTER, SOCK_FPROG_SIZE } from './memory.ts';

const SIZE_OF_INT = 4;
const SIZE_OF_COOKIE = 8;

export class SocketOptions {
  readonly #libc: Calls;
  readonly #fd: number;
  /** An int, or the words of SO_MEMINFO; and how long it is. */
  readonly #value: Memory;
  readonly #length: Memory;

  constructor(libc: Calls, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    [this.#value, this.#length] = allocateAll(libc, SIZE_OF_INT * SK_MEMINFO_VARS, SIZE_OF_INT);
  }

  free(): void {
    this.#value.free();
    this.#length.free();
  }

  /** @throws TransportError */
  set(level: number, option: number, value: number): void {
    if (this.#set(level, option, value) < 0) throw failure(this.#libc, 'setsockopt');
  }

  /** The same; false where this kernel does not have the option. */
  setWhereKnown(level: number, option: number, value: number): boolean {
    if (this.#set(level, option, value) >= 0) return true;
    if (this.#libc.errno() === ENOPROTOOPT) return false;
    throw failure(this.#libc, 'setsockopt');
  }

  #set(level: number, option: number, value: number): number {
    this.#value.view.setInt32(0, 0);
    this.#value.u32(0, value);
    return this.#libc.setsockopt(this.#fd, level, option, this.#value.bytes, SIZE_OF_INT);
  }

  /**
   * The limit of what waits to be read, as the caller counts it: the kernel doubles it for its own part. Passes
   * net.core.rmem_max with CAP_NET_ADMIN; without it, as much as rmem_max allows.
   *
   * @returns what it is now, in the kernel's count
   */
  setReceiveBuffer(bytes: number): number {
    if (this.#set(SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0) {
      if (this.#libc.errno() !== EPERM) throw failure(this.#libc, 'setsockopt');
      this.set(SOL_SOCKET, SO_RCVBUF, bytes);
    }
    this.#get(SOL_SOCKET, SO_RCVBUF, SIZE_OF_INT);
    return this.#value.getI32(0);
  }

  /** SO_MEMINFO, whose words are valid until the next call (Linux 4.12). */
  readMemoryInfo(): void {
    this.#get(SOL_SOCKET, SO_MEMINFO, SIZE_OF_INT * SK_MEMINFO_VARS);
  }

  /** Word of SO_MEMINFO as readMemoryInfo read it. */
  memoryInfo(word: number): number {
    return this.#value.getU32(SIZE_OF_INT * word);
  }

  /**
   * SO_COOKIE (Linux 4.12): a number that no other socket gets, ever. Undefined where the kernel has none.
   * @throws TransportError
   */
  cookie(): bigint | undefined {
    this.#value.view.setBigUint64(0, 0n);
    try {
      this.#get(SOL_SOCKET, SO_COOKIE, SIZE_OF_COOKIE);
    } catch (error) {
      if ((error as TransportError).errno === ENOPROTOOPT) return undefined;
      throw error;
    }
    return this.#value.view.getBigUint64(0);
  }

  /** @param program struct sock_filter each 8 bytes, in the byte order of the host; undefined takes it away */
  setFilter(program: Uint8Array | undefined): void {
    if (program === undefined) {
      this.set(SOL_SOCKET, SO_DETACH_FILTER, 0);
      return;
    }
    if (program.length === 0 || program.length % SOCK_FILTER_SIZE !== 0)
      throw new UnsupportedError(
        `a socket filter is a whole number of 8-byte instructions, not ${program.length} bytes`,
      );
    const fprog = new Memory(this.#libc, SOCK_FPROG_SIZE + program.length);
    fprog.bytes.set(program, SOCK_FPROG_SIZE);
    fprog.u16(0, program.length / SOCK_FILTER_SIZE);
    fprog.u64(SOCK_FPROG_FILTER, fprog.address(SOCK_FPROG_SIZE));
    try {
      attempt(this.#libc, 'setsockopt', () =>
        this.#libc.setsockopt(this.#fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog.bytes, SOCK_FPROG_SIZE),
      );
    } finally {
      // The kernel has copied it.
      fprog.free();
    }
  }

  #get(level: number, option: number, size: number): void {
    this.#length.u32(0, size);
    attempt(this.#libc, 'getsockopt', () =>
      this.#libc.getsockopt(this.#fd, level, option, this.#value.bytes, this.#length.bytes),
    );
  }
}
