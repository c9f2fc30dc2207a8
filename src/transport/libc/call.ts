/** System calls with errors that say what failed. */
import { errnoName, TransportError } from '../../netlink/errors.ts';
import { EINTR } from '../../uapi/errno.ts';
import type { Libc } from './libc.ts';

/** The error of the call that failed last. */
export function failure(libc: Libc, syscall: string): TransportError {
  const errno = libc.errno();
  return new TransportError(syscall, errno, errnoName(errno));
}

/** The result of a call, again when a signal interrupted it. @throws TransportError */
export function attempt(libc: Libc, syscall: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    if (libc.errno() !== EINTR) throw failure(libc, syscall);
  }
}
