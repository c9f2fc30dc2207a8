/** Which network namespace a socket is opened in. */
import { type Check, checkInteger, checkOptions, describe } from './check.ts';

/**
 * A network namespace: a name of `ip netns` (`/run/netns/NAME`), a path (anything with a slash), the namespace of a
 * process, or an open descriptor of one, which stays open.
 */
export type Netns = string | { pid: number } | { fd: number };

/** The namespace that a socket is in. */
export interface NetnsInfo {
  /**
   * What identifies it while it exists: the number in `net:[4026531840]`, as lsns(8) and `ls -l
   * /proc/PID/ns/net` show it.
   */
  readonly inode: number;
  /** As it was asked for: a name or a path; 'pid 123' and 'fd 7'. */
  readonly name: string;
}

const MOST = 0x7fffffff;

/** @throws TypeError, RangeError naming the argument */
export const checkNetns: Check = (value, argument) => {
  if (value instanceof Namespace) return;
  if (typeof value === 'string') {
    // '' and '..' would open a folder, which is no namespace. Such a mistake deserves a better message.
    if (value === '' || value === '.' || value === '..' || value.includes('\0'))
      throw new RangeError(`${argument} must be the name or the path of a network namespace, not ${describe(value)}`);
    return;
  }
  const given = value as { pid?: unknown; fd?: unknown } | null;
  const pid = given?.pid !== undefined;
  if (pid && given?.fd !== undefined) throw new TypeError(`${argument} must have pid or fd, not both`);
  if (typeof given !== 'object' || given === null || (!pid && given.fd === undefined))
    throw new TypeError(`${argument} must be a name, a path, { pid } or { fd }, not ${describe(value)}`);
  checkOptions(
    given,
    {
      pid: (each, name) => checkInteger(each, MOST, name, 1),
      fd: (each, name) => checkInteger(each, MOST, name),
    },
    argument,
  );
};

/**
 * The namespace of the sockets of one Conntrack. It keeps a descriptor while one of them is open, so all of them are in
 * one namespace, even if the name is given to another one meanwhile.
 */
export class Namespace implements NetnsInfo {
  readonly name: string;
  readonly path: string;
  /** -1: not open. */
  fd = -1;
  inode = 0;
  /** Sockets that are open, or being opened. */
  users = 0;

  constructor(netns: Netns | Namespace) {
    this.name = netns instanceof Namespace ? netns.name : netnsName(netns);
    this.path = netns instanceof Namespace ? netns.path : netnsPath(netns);
  }
}

/** What to open for it. */
function netnsPath(netns: Netns): string {
  if (typeof netns === 'string') return netns.includes('/') ? netns : `/run/netns/${netns}`;
  return 'pid' in netns ? `/proc/${netns.pid}/ns/net` : `/proc/thread-self/fd/${netns.fd}`;
}

function netnsName(netns: Netns): string {
  if (typeof netns === 'string') return netns;
  return 'pid' in netns ? `pid ${netns.pid}` : `fd ${netns.fd}`;
}
