/**
 * Memory that system calls read and write: buffers with fixed addresses, and the layouts of C on 64-bit machines of
 * either byte order. A `size_t` and a pointer are 8 bytes; musl declares halves of some as int and padding, which are
 * the same bytes.
 */
import { HOST_LITTLE_ENDIAN } from '../../netlink/byteorder.ts';
import type { Calls } from './libc.ts';

// struct sockaddr_nl { sa_family_t nl_family; unsigned short pad; __u32 nl_pid; __u32 nl_groups; }
export const SOCKADDR_NL_SIZE = 12;
export const SOCKADDR_NL_PID = 4;

// struct msghdr { void *name; socklen_t namelen; iovec *iov; size_t iovlen; void *control; size_t controllen; int
// flags; }
export const MSGHDR_SIZE = 56;
export const MSGHDR_NAME = 0;
export const MSGHDR_NAMELEN = 8;
export const MSGHDR_IOV = 16;
export const MSGHDR_IOVLEN = 24;
export const MSGHDR_CONTROL = 32;
export const MSGHDR_CONTROLLEN = 40;
export const MSGHDR_FLAGS = 48;

// struct cmsghdr { size_t len; int level; int type; unsigned char data[]; }
export const CMSGHDR_LEVEL = 8;
export const CMSGHDR_TYPE = 12;
export const CMSGHDR_DATA = 16;

// struct mmsghdr { struct msghdr hdr; unsigned int len; }
export const MMSGHDR_SIZE = 64;
export const MMSGHDR_LEN = 56;

// struct iovec { void *base; size_t len; }
export const IOVEC_SIZE = 16;
export const IOVEC_LEN = 8;

// struct pollfd { int fd; short events; short revents; }
export const POLLFD_SIZE = 8;
export const POLLFD_EVENTS = 4;

// struct epoll_event { uint32_t events; uint64_t data; }, which x86-64 packs
export const EPOLL_EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
export const EPOLL_EVENT_DATA = EPOLL_EVENT_SIZE - 8;

// struct sock_fprog { unsigned short len; struct sock_filter *filter; }, struct sock_filter of linux/filter.h
export const SOCK_FPROG_SIZE = 16;
export const SOCK_FPROG_FILTER = 8;
export const SOCK_FILTER_SIZE = 8;

// struct utsname { char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65]; }
export const UTSNAME_SIZE = 390;
export const UTSNAME_RELEASE = 130;
export const UTSNAME_VERSION = 195;

// struct aiocb { int aio_fildes; int aio_lio_opcode; int aio_reqprio; void *aio_buf; size_t aio_nbytes;
// struct sigevent aio_sigevent; ... off_t aio_offset; ... } of glibc, as far as it is public
export const AIOCB_SIZE = 168;
export const AIOCB_FILDES = 0;
export const AIOCB_BUF = 16;
export const AIOCB_NBYTES = 24;
export const AIOCB_SIGEV_NOTIFY = 44;
export const SIGEV_NONE = 1;

// struct statx { __u32 mask, blksize; __u64 attributes; __u32 nlink, uid, gid; __u16 mode, spare; __u64 ino; ... }
export const STATX_SIZE = 256;
export const STX_INO = 32;

/** Several pieces, or none: what was there is given back when one is not available. @throws RangeError */
export function allocateAll(libc: Calls, ...sizes: number[]): Memory[] {
  const pieces: Memory[] = [];
  try {
    for (const size of sizes) pieces.push(new Memory(libc, size));
    return pieces;
  } catch (error) {
    for (const piece of pieces) piece.free();
    throw error;
  }
}

/** Zeroed bytes that do not move and that stay until `free`, whatever becomes of this object: owned.ts has the rule. */
export class Memory {
  readonly #libc: Calls;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #address: bigint;

  constructor(libc: Calls, size: number) {
    this.#libc = libc;
    this.bytes = libc.allocate(size);
    this.view = new DataView(this.bytes.buffer);
    this.#address = libc.addressOf(this.bytes);
  }

  /** To be called once, when the kernel has reported the last that it does with this memory. */
  free(): void {
    this.#libc.free(this.bytes);
  }

  address(at = 0): bigint {
    return this.#address + BigInt(at);
  }

  u16(at: number, value: number): void {
    this.view.setUint16(at, value, HOST_LITTLE_ENDIAN);
  }

  u32(at: number, value: number): void {
    this.view.setUint32(at, value, HOST_LITTLE_ENDIAN);
  }

  u64(at: number, value: bigint): void {
    this.view.setBigUint64(at, value, HOST_LITTLE_ENDIAN);
  }

  /** A size_t below 2^32, without a BigInt. */
  size(at: number, value: number): void {
    this.u32(HOST_LITTLE_ENDIAN ? at : at + 4, value);
  }

  getU32(at: number): number {
    return this.view.getUint32(at, HOST_LITTLE_ENDIAN);
  }

  /** Exact below 2^53. */
  getU64(at: number): number {
    return Number(this.view.getBigUint64(at, HOST_LITTLE_ENDIAN));
  }

  getI32(at: number): number {
    return this.view.getInt32(at, HOST_LITTLE_ENDIAN);
  }
}
