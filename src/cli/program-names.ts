import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { NETLINK_NETFILTER } from '../uapi/netlink.ts';

/**
 * Which program a netlink socket belongs to, as far as /proc tells: it must still run, and be ours to look at. A portid is only by
 * habit the number of a process, so the socket is looked for by its inode.
 */
export class ProgramNames {
  /** By inode, which is not used again soon, unlike a portid. */
  readonly #names = new Map<string, string>();

  of(portid: number): string | undefined {
    const inode = inodeOf(portid);
    if (inode === undefined) return undefined;
    let name = this.#names.get(inode);
    if (name === undefined) {
      name = nameOf(inode);
      if (name !== undefined) this.#names.set(inode, name);
    }
    return name;
  }
}

/** From /proc/net/netlink: `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`. */
function inodeOf(portid: number): string | undefined {
  const lines = attempt(() => readFileSync('/proc/net/netlink', 'utf8'))?.split('\n') ?? [];
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[1]) === NETLINK_NETFILTER && Number(fields[2]) === portid) return fields[9];
  }
  return undefined;
}

function nameOf(inode: string): string | undefined {
  const socket = `socket:[${inode}]`;
  for (const pid of attempt(() => readdirSync('/proc')) ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
      if (attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) === socket)
        return attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8'))?.trim();
    }
  }
  return undefined;
}

/** Processes end while they are looked at, and those of others are not shown: no answer then. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
