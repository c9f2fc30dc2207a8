/** System calls with errors that say what failed. */
import { errnoName, TransportError } from '../../netlink/errors.ts';
import { EINTR } from '../../uapi/errno.ts';
import type { Calls } from './libc.ts';
import type { Outgoing } from './outgoing.ts';

/** The error of the call that failed last. */
export function failure(libc: Calls, syscall: string): TransportError {
  const errno = libc.errno();
  return new TransportError(syscall, errno, errnoName(errno));
}

/** The result of a call, again when a signal interrupted it. @throws TransportError */
export function attempt(libc: Calls, syscall: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    if (libc.errno() !== EINTR) throw failure(libc, syscall);
  }
}

/** Sends a datagram: the kernel has queued what it answers when this returns. @throws TransportError */
export function sendmsg(libc: Calls, fd: number, outgoing: Outgoing): void {
  attempt(libc, 'sendmsg', () => libc.sendmsg(fd, outgoing.header, 0));
}
