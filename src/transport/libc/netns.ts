/**
 * Sockets in another network namespace. A namespace is a property of the thread: setns(2), socket(2) and setns(2) back
 * run in one turn, so nothing else in the program sees it. That needs CAP_SYS_ADMIN in the user namespaces that own the
 * target, the process and its own network namespace.
 */
import { describe } from '../../netlink/check.ts';
import { errnoName, TransportError } from '../../netlink/errors.ts';
import { escapeControls } from '../../netlink/escape.ts';
import type { Namespace } from '../../netlink/netns.ts';
import { EACCES, EINVAL, ENOENT, EPERM } from '../../uapi/errno.ts';
import { attempt, failure } from './call.ts';
import type { Libc } from './libc.ts';
import { allocateAll, Memory, STATX_SIZE, STX_INO } from './memory.ts';

/** linux/sched.h */
const CLONE_NEWNET = 0x40000000;
/** asm-generic/fcntl.h: O_RDONLY | O_CLOEXEC; AT_EMPTY_PATH: the descriptor itself. */
const O_CLOEXEC = 0x80000;
const AT_EMPTY_PATH = 0x1000;
/** linux/stat.h */
const STATX_INO = 0x100;
/** asm-generic/unistd.h, and of those that number for themselves. */
const SYS_statx = ({ x64: 332, ppc64: 383, s390x: 379 } as Record<string, number>)[process.arch] ?? 291;

const HOME = '/proc/thread-self/ns/net';

/** Why this thread is not where it was: nothing that it opens is where the program thinks. */
let stranded: TransportError | undefined;

/** To be asked before any socket is opened. @throws TransportError where the thread is in a wrong namespace */
export function assertAtHome(): void {
  if (stranded === undefined) return;
  throw new TransportError(stranded.syscall, stranded.errno, `${errnoName(stranded.errno)}: ${LOST}`, {
    cause: stranded,
  });
}

const LOST = 'this thread did not come back to its network namespace, so no socket is opened any more; end the process';

/** One socket more: the first opens the namespace. @throws TransportError */
function enter(libc: Libc, namespace: Namespace): void {
  if (namespace.users === 0) {
    const fd = openNamespace(libc, namespace);
    try {
      namespace.inode = inodeOf(libc, fd);
    } catch (error) {
      libc.close(fd);
      throw error;
    }
    namespace.fd = fd;
  }
  namespace.users++;
}

/** One socket less. */
export function leave(libc: Libc, namespace: Namespace): void {
  namespace.users--;
  if (namespace.users > 0) return;
  libc.close(namespace.fd);
  namespace.fd = -1;
}

/** A socket more in the namespace, until `leave`. @throws TransportError; then nothing is open */
export function openInside(libc: Libc, namespace: Namespace, open: () => number): number {
  enter(libc, namespace);
  try {
    return openThere(libc, namespace, open);
  } catch (error) {
    leave(libc, namespace);
    throw error;
  }
}

/** In a namespace that some socket is in. @throws TransportError; then nothing is open */
export function openThere(libc: Libc, namespace: Namespace, open: () => number): number {
  const home = openPath(libc, HOME);
  let fd: number;
  try {
    // To go without being able to come back would be worse than not to go.
    change(libc, home, namespace);
    change(libc, namespace.fd, namespace);
    try {
      fd = open();
    } finally {
      if (libc.setns(home, CLONE_NEWNET) < 0) stranded = failure(libc, 'setns');
    }
  } finally {
    libc.close(home);
  }
  if (stranded !== undefined) {
    libc.close(fd);
    assertAtHome();
  }
  return fd;
}

const NOT_ALLOWED =
  'it takes CAP_SYS_ADMIN in the user namespaces that own it, this process and its own network namespace: root, of the machine or of a container';

function change(libc: Libc, fd: number, { name, path }: Namespace): void {
  if (libc.setns(fd, CLONE_NEWNET) >= 0) return;
  const errno = libc.errno();
  const why = errno === EPERM ? NOT_ALLOWED : errno === EINVAL ? `${path} is no network namespace` : path;
  throw new TransportError(
    'setns',
    errno,
    `${errnoName(errno)}: network namespace ${describe(name)}: ${escapeControls(why)}`,
  );
}

function openNamespace(libc: Libc, { name, path }: Namespace): number {
  try {
    return openPath(libc, path);
  } catch (error) {
    const { errno } = error as TransportError;
    let why = path;
    if (errno === ENOENT) why = `there is no ${path}; lsns -t net shows what there is, ip netns what has a name`;
    else if (errno === EACCES || errno === EPERM)
      why = `${path} may not be opened: it takes the rights to trace that process`;
    throw new TransportError(
      'open',
      errno,
      `${errnoName(errno)}: network namespace ${describe(name)}: ${escapeControls(why)}`,
      {
        cause: error,
      },
    );
  }
}

/** @throws TransportError */
export function openPath(libc: Libc, path: string): number {
  const text = new TextEncoder().encode(path);
  const memory = new Memory(libc, text.length + 1);
  memory.bytes.set(text);
  try {
    return attempt(libc, 'open', () => libc.open(memory.bytes, O_CLOEXEC));
  } finally {
    memory.free();
  }
}

function inodeOf(libc: Libc, fd: number): number {
  const [empty, status] = allocateAll(libc, 1, STATX_SIZE);
  try {
    const call = (): number => libc.syscall(SYS_statx, fd, empty.address(), AT_EMPTY_PATH, STATX_INO, status.bytes, 0);
    attempt(libc, 'statx', call);
    return status.getU64(STX_INO);
  } finally {
    empty.free();
    status.free();
  }
}
