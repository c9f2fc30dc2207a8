/** The listeners to the groups of netfilter, as /proc reports them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { NETLINK_NETFILTER } from '../../src/uapi/netlink.ts';

/**
 * The sockets of netfilter that have joined a group, in this namespace or in that of a process: how many bytes wait in
 * each. Of another protocol of netlink, those that have joined one of its groups.
 */
export function listeningSockets(process = 'self', protocol = NETLINK_NETFILTER): number[] {
  return readFileSync(`/proc/${process}/net/netlink`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.trim().split(/\s+/))
    .filter(([, own, , groups]) => Number(own) === protocol && !/^0+$/.test(groups))
    .map((row) => Number(row[4]));
}

/** True when a socket in another namespace, as far as this user may look into them, has joined a group of netfilter. */
export function someoneListensElsewhere(): boolean {
  const seen = new Set([readlinkSync('/proc/self/ns/net')]);
  return readdirSync('/proc').some((process) => {
    if (!/^\d+$/.test(process)) return false;
    try {
      const namespace = readlinkSync(`/proc/${process}/ns/net`);
      if (seen.has(namespace)) return false;
      const sockets = listeningSockets(process);
      seen.add(namespace);
      return sockets.length > 0;
    } catch {
      // It has ended, or is of another user.
      return false;
    }
  });
}
