/** The layouts that system calls are given, against what the compiler of this machine makes of the headers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FUNCTIONS } from '../../../src/transport/libc/libc.ts';
import * as memory from '../../../src/transport/libc/memory.ts';
import * as uring from '../../../src/uapi/io_uring.ts';
import * as socket from '../../../src/uapi/socket.ts';
import { describeUnless, onPath } from '../../support/kernel.ts';

const HEADERS = [
  'stddef.h',
  'stdio.h',
  'aio.h',
  'poll.h',
  'sys/epoll.h',
  'sys/eventfd.h',
  'sys/socket.h',
  'sys/syscall.h',
  'sys/utsname.h',
  'linux/filter.h',
  'linux/io_uring.h',
  'linux/netlink.h',
  'linux/sock_diag.h',
];

/** C expression -> what we take it for. */
const EXPRESSIONS: Readonly<Record<string, number>> = {
  'sizeof(struct sockaddr_nl)': memory.SOCKADDR_NL_SIZE,
  'offsetof(struct sockaddr_nl, nl_pid)': memory.SOCKADDR_NL_PID,
  'sizeof(struct msghdr)': memory.MSGHDR_SIZE,
  'offsetof(struct msghdr, msg_name)': memory.MSGHDR_NAME,
  'offsetof(struct msghdr, msg_namelen)': memory.MSGHDR_NAMELEN,
  'offsetof(struct msghdr, msg_iov)': memory.MSGHDR_IOV,
  'offsetof(struct msghdr, msg_iovlen)': memory.MSGHDR_IOVLEN,
  'offsetof(struct msghdr, msg_control)': memory.MSGHDR_CONTROL,
  'offsetof(struct msghdr, msg_controllen)': memory.MSGHDR_CONTROLLEN,
  'offsetof(struct cmsghdr, cmsg_level)': memory.CMSGHDR_LEVEL,
  'offsetof(struct cmsghdr, cmsg_type)': memory.CMSGHDR_TYPE,
  'sizeof(struct cmsghdr)': memory.CMSGHDR_DATA,
  'offsetof(struct msghdr, msg_flags)': memory.MSGHDR_FLAGS,
  'sizeof(struct mmsghdr)': memory.MMSGHDR_SIZE,
  'offsetof(struct mmsghdr, msg_len)': memory.MMSGHDR_LEN,
  'sizeof(struct iovec)': memory.IOVEC_SIZE,
  'offsetof(struct iovec, iov_len)': memory.IOVEC_LEN,
  'sizeof(struct pollfd)': memory.POLLFD_SIZE,
  'offsetof(struct pollfd, events)': memory.POLLFD_EVENTS,
  'sizeof(struct epoll_event)': memory.EPOLL_EVENT_SIZE,
  'offsetof(struct epoll_event, data)': memory.EPOLL_EVENT_DATA,
  'sizeof(struct sock_fprog)': memory.SOCK_FPROG_SIZE,
  'offsetof(struct sock_fprog, filter)': memory.SOCK_FPROG_FILTER,
  'sizeof(struct sock_filter)': memory.SOCK_FILTER_SIZE,
  'sizeof(struct utsname)': memory.UTSNAME_SIZE,
  'offsetof(struct utsname, release)': memory.UTSNAME_RELEASE,
  'offsetof(struct utsname, version)': memory.UTSNAME_VERSION,
  'sizeof(struct aiocb)': memory.AIOCB_SIZE,
  'offsetof(struct aiocb, aio_fildes)': memory.AIOCB_FILDES,
  'offsetof(struct aiocb, aio_buf)': memory.AIOCB_BUF,
  'offsetof(struct aiocb, aio_nbytes)': memory.AIOCB_NBYTES,
  'offsetof(struct aiocb, aio_sigevent.sigev_notify)': memory.AIOCB_SIGEV_NOTIFY,
  SIGEV_NONE: memory.SIGEV_NONE,
  'sizeof(struct io_uring_params)': uring.IO_URING_PARAMS_SIZE,
  'offsetof(struct io_uring_params, flags)': uring.IO_URING_PARAMS_FLAGS,
  'offsetof(struct io_uring_params, sq_off)': uring.IO_URING_PARAMS_SQ_OFF,
  'offsetof(struct io_uring_params, cq_off)': uring.IO_URING_PARAMS_CQ_OFF,
  'offsetof(struct io_sqring_offsets, head)': uring.IO_URING_OFF_HEAD,
  'offsetof(struct io_sqring_offsets, tail)': uring.IO_URING_OFF_TAIL,
  'offsetof(struct io_sqring_offsets, ring_mask)': uring.IO_URING_OFF_MASK,
  'offsetof(struct io_cqring_offsets, head)': uring.IO_URING_OFF_HEAD,
  'offsetof(struct io_cqring_offsets, tail)': uring.IO_URING_OFF_TAIL,
  'offsetof(struct io_cqring_offsets, ring_mask)': uring.IO_URING_OFF_MASK,
  'offsetof(struct io_cqring_offsets, cqes)': uring.IO_URING_CQ_OFF_CQES,
  'sizeof(struct io_uring_getevents_arg)': uring.IO_URING_GETEVENTS_ARG_SIZE,
  'offsetof(struct io_uring_getevents_arg, ts)': uring.IO_URING_GETEVENTS_ARG_TS,
  // Ring.#entry and Ring.next write and read these.
  'sizeof(struct io_uring_sqe)': uring.IO_URING_SQE_SIZE,
  'offsetof(struct io_uring_sqe, flags)': 1,
  'offsetof(struct io_uring_sqe, fd)': 4,
  'offsetof(struct io_uring_sqe, addr)': 16,
  'offsetof(struct io_uring_sqe, len)': 24,
  'offsetof(struct io_uring_sqe, msg_flags)': 28,
  'offsetof(struct io_uring_sqe, poll32_events)': 28,
  'sizeof(struct io_uring_cqe)': uring.IO_URING_CQE_SIZE,
  'offsetof(struct io_uring_cqe, res)': 8,
};

/** Constants of these, under the kernel's names. What a header is too old for is not asked. */
const NAMED: readonly (readonly [prefix: RegExp, constants: object])[] = [
  [/^(AF|SOCK|MSG|SOL|SO|POLLIN|EFD)/, socket],
  [/^(SYS_|IORING_)/, uring],
];

function ask(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
  try {
    const named = NAMED.flatMap(([prefix, constants]) => Object.keys(constants).filter((name) => prefix.test(name)));
    const program = [
      '#define _GNU_SOURCE',
      ...HEADERS.map((header) => `#include <${header}>`),
      'int main(void) {',
      ...Object.keys(EXPRESSIONS).map((each) => `printf("%lld ${each}\\n", (long long)(${each}));`),
      // Constants that are enumerators are not seen by #ifdef: SYS_ and SO_ are macros, the others are in every header.
      ...named.map((name) =>
        /^(SYS|SO|IORING_(SETUP|ENTER))_/.test(name)
          ? `\n#ifdef ${name}\nprintf("%lld ${name}\\n", (long long)(${name}));\n#endif`
          : `printf("%lld ${name}\\n", (long long)(${name}));`,
      ),
      'return 0; }',
    ].join('\n');
    writeFileSync(join(folder, 'layouts.c'), program);
    const gcc = spawnSync('gcc', ['-o', join(folder, 'layouts'), join(folder, 'layouts.c')], { encoding: 'utf8' });
    if (gcc.status !== 0) throw new Error(gcc.stderr);
    return spawnSync(join(folder, 'layouts'), { encoding: 'utf8' }).stdout.trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describeUnless(onPath('gcc') ? undefined : 'needs gcc on PATH', 'libc: layouts', () => {
  it('are those of the headers', () => {
    const ours = new Map(Object.entries({ ...EXPRESSIONS, ...socket, ...uring }));
    const wrong = ask().filter((line) => {
      const [, value, name] = /^(-?\d+) (.*)$/.exec(line)!;
      return ours.get(name) !== Number(value);
    });
    expect(wrong).to.deep.equal([]);
  });
});

describe('libc: functions', () => {
  it('take at most one BigInt a call, and that only the rare one', () => {
    const wide = Object.entries(FUNCTIONS).filter(([, types]) => (types as readonly string[]).includes('i64'));
    expect(wide.map(([name]) => name)).to.deep.equal(['syscall']);
  });
});
