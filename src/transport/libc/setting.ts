/** Settings of the kernel: files below /proc/sys/net. */
import type { Namespace } from '../../netlink/netns.ts';
import type { Libc } from './libc.ts';
import { Memory } from './memory.ts';
import { assertAtHome, openPath, openThere } from './netns.ts';

/** The longest number and its newline. */
const MOST = 32;

/**
 * The number in /proc/sys/net/NAME of a namespace; undefined where there is none, or it cannot be read. Whose setting a
 * file there is depends on where the thread is when it opens it. Not by node:fs, for which runtimes want permissions.
 */
export function readSetting(libc: Libc, namespace: Namespace | undefined, name: string): number | undefined {
  const open = (): number => openPath(libc, `/proc/sys/net/${name}`);
  let fd: number;
  try {
    assertAtHome();
    fd = namespace === undefined ? open() : openThere(libc, namespace, open);
  } catch {
    return undefined;
  }
  const memory = new Memory(libc, MOST);
  const length = libc.read(fd, memory.bytes, MOST);
  libc.close(fd);
  const text = new TextDecoder().decode(memory.bytes.slice(0, Math.max(0, length))).trim();
  memory.free();
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}
