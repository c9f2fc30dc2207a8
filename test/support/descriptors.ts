/** The descriptors of this process, by what they lead to. In any runtime. */
import { readdirSync, readlinkSync } from 'node:fs';

/** Those whose link begins so, such as 'socket:' or 'anon_inode:[io_uring]'. */
export function descriptorsOf(kind: string): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(kind);
      } catch {
        // That of the folder.
        return false;
      }
    });
}
