/** Where the matrix runs: a table that can be filled again, looked at, and asked as a kernel of some release. */
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { TransportFactory } from '../../src/netlink/transport.ts';
import { type OpenOptions, openTransport } from '../../src/transport/open.ts';
import { sysctl } from '../support/kernel.ts';
import { Packets, prepareForPackets, type Side } from '../support/packets.ts';
import { type Entry, entryOf, TABLE } from './table.ts';

export interface World {
  /** Sockets of a kernel of this release. */
  transport(release: string): TransportFactory;
  /**
   * Counts a packet on each flow, as far as this world can, the same each time; before that, creates all of them where some are missing, because what
   * hides what depends on their order.
   */
  fill(whole: boolean): Promise<void>;
  /** What is in the table. */
  read(): Promise<Entry[]>;
  close(): Promise<void>;
}

/** The kernel that runs. Of another release it is told to be; it does all that it can, whatever that release could. */
export async function realWorld(): Promise<World> {
  for (const name of ['nf_conntrack_acct', 'nf_conntrack_timestamp']) sysctl(name, 1);
  prepareForPackets([5, 7]);
  const ct = await Conntrack.open();
  const packets = new Packets();
  return {
    transport:
      (release) =>
      async (options: OpenOptions = {}) => {
        const inner = await openTransport({ ...options, transport: undefined });
        Object.defineProperty(inner, 'release', { value: release });
        return inner;
      },
    async fill(whole) {
      if (!whole) {
        await ct.flushAll();
        await ct.createMany(TABLE);
      }
      for (const { orig, reply, zone } of TABLE) {
        const [number, side]: [number, Side] =
          zone !== undefined
            ? [zone, 'both']
            : orig!.zone !== undefined
              ? [orig!.zone, 'original']
              : [reply!.zone ?? 0, 'reply'];
        // The kernel reads keys of GRE from packets of PPTP only.
        if (orig!.proto === 'gre') continue;
        packets.send(orig!, number, side);
      }
    },
    async read() {
      return (await ct.dump().toArray()).map(entryOf);
    },
    async close() {
      packets.close();
      await ct.close();
    },
  };
}
