/** Settings of the kernel that change what events and dumps mean. */
import { files } from '../netlink/platform.ts';

export interface Sysctls {
  /** nf_conntrack_events: while it is 0, new flows get no events, and never will. Undefined where it cannot be read. */
  events(): number | undefined;
  /** nf_conntrack_buckets: a dump during which it changes misses flows. Undefined where it cannot be read. */
  buckets(): number | undefined;
}

/** Those of the namespace of this thread. */
export const SYSCTLS: Sysctls = {
  events: () => read('nf_conntrack_events'),
  buckets: () => read('nf_conntrack_buckets'),
};

/** Where they cannot be read. */
export const NO_SYSCTLS: Sysctls = { events: () => undefined, buckets: () => undefined };

function read(name: string): number | undefined {
  try {
    return Number(files().readFileSync(`/proc/sys/net/netfilter/${name}`, 'latin1'));
  } catch {
    return undefined;
  }
}
