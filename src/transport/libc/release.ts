/** Which kernel runs: uname(2). */
import { readString } from '../../netlink/nlattr.ts';
import type { Calls } from './libc.ts';
import { Memory, UTSNAME_RELEASE, UTSNAME_SIZE, UTSNAME_VERSION } from './memory.ts';

/**
 * The release of the kernel, such as '6.18.0-generic'; undefined where the call fails. Not os.release(), for which Deno
 * wants the permission --allow-sys.
 */
export function kernelRelease(libc: Calls): string | undefined {
  const names = new Memory(libc, UTSNAME_SIZE);
  try {
    if (libc.uname(names.bytes) < 0) return undefined;
    return readString(names.view, UTSNAME_RELEASE, UTSNAME_VERSION) || undefined;
  } finally {
    names.free();
  }
}
