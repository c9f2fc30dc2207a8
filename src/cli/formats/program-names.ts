import { files } from '../../netlink/platform.ts';
import { denoAllows } from '../../transport/permissions.ts';
import { NETLINK_NETFILTER } from '../../uapi/netlink.ts';
import type { Settings } from '../options/settings.ts';

/** Milliseconds for which what was found is not looked for again: a program that causes events causes many. */
const FRESH = 100;

/** Programs that are remembered: a listener runs for months. */
const MOST = 1024;

interface Found {
  name: string | undefined;
  at: number;
}

/**
 * Which program a netlink socket belongs to, as far as /proc shows it: it must still run, and be ours to look at. A
 * portid is only by habit the number of a process, so the socket is looked for by its inode.
 */
class ProgramNames {
  /** By inode, which is not used again soon, unlike a portid. */
  readonly #names = new Map<string, string>();
  /** By portid. */
  readonly #found = new Map<number, Found>();

  of(portid: number): string | undefined {
    const at = performance.now();
    const found = this.#found.get(portid);
    if (found !== undefined && at - found.at < FRESH) return found.name;
    const name = this.#search(portid);
    if (this.#found.size >= MOST) {
      this.#found.clear();
      this.#names.clear();
    }
    this.#found.set(portid, { name, at });
    return name;
  }

  #search(portid: number): string | undefined {
    const inode = inodeOf(portid);
    if (inode === undefined) return undefined;
    let name = this.#names.get(inode);
    if (name === undefined) {
      name = nameOf(inode, portid);
      if (name !== undefined) this.#names.set(inode, name);
    }
    return name;
  }
}

const SOCKETS = '/proc/net/netlink';

/** From it: `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`. */
function inodeOf(portid: number): string | undefined {
  if (!denoAllows({ name: 'read', path: SOCKETS })) return undefined;
  const lines = attempt(() => files().readFileSync(SOCKETS, 'utf8'))?.split('\n') ?? [];
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[1]) === NETLINK_NETFILTER && Number(fields[2]) === portid) return fields[9];
  }
  return undefined;
}

function nameOf(inode: string, portid: number): string | undefined {
  const socket = `socket:[${inode}]`;
  for (const pid of processes(portid)) {
    for (const fd of attempt(() => files().readdirSync(`/proc/${pid}/fd`)) ?? []) {
      if (attempt(() => files().readlinkSync(`/proc/${pid}/fd/${fd}`)) === socket)
        return attempt(() => files().readFileSync(`/proc/${pid}/comm`, 'utf8'))?.trim();
    }
  }
  return undefined;
}

/** The likely ones first, because many do not run for long: by habit, then the youngest. */
function processes(portid: number): string[] {
  const pids = (attempt(() => files().readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name));
  return [String(portid), ...pids.sort((a, b) => Number(b) - Number(a))];
}

/** Processes end while they are looked at, and those of others are not shown: no answer then. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/**
 * The name of the program that caused an event, where that is known. The programs of a capture are not those of this
 * machine, and /proc lists no sockets of another network namespace.
 */
export function programNames({ replay, netns }: Settings): (event: { readonly portid: number }) => string | undefined {
  const programs = replay === undefined && netns.length === 0 ? new ProgramNames() : undefined;
  return ({ portid }) => (portid === 0 ? undefined : programs?.of(portid));
}
