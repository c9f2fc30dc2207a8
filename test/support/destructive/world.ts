/** Where the matrix runs: a table that can be filled again, looked at, and asked as a kernel of some release. */
import { Conntrack } from '../../../src/conntrack/conntrack.ts';
import type { TransportFactory } from '../../../src/netlink/transport.ts';
import { CtnetlinkModel } from '../../../src/testing/model.ts';
import { countPacket } from '../../../src/testing/packets.ts';
import { KERNEL } from '../../../src/testing/table.ts';
import { type OpenOptions, openTransport } from '../../../src/transport/open.ts';
import { NLM_F_ACK } from '../../../src/uapi/netlink.ts';
import { ack, done, error, FakeTransport } from '../fake-transport.ts';
import { sysctl } from '../kernel.ts';
import { Packets, prepareForPackets, type Side } from '../packets.ts';
import { type Entry, entryOf, TABLE } from './table.ts';

export interface World {
  /** Sockets of a kernel of this release. */
  transport(release: string): TransportFactory;
  /**
   * Counts a packet on each flow, as far as this world can, the same each time; before that, creates all of them where
   * some are missing, because what hides what depends on their order.
   */
  fill(whole: boolean): Promise<void>;
  /** What is in the table. */
  read(): Promise<Entry[]>;
  close(): Promise<void>;
}

/**
 * The running kernel. The package is given another release for it; the kernel does all that it can, whatever that
 * release could.
 */
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

/** Bytes of a datagram of a dump: small, so that a table of this size takes several. */
const DATAGRAM = 1024;

/** The simulated kernel, as it was in this release: it ignores what that release did not know. */
export async function simulatedWorld(release: string): Promise<World> {
  const model = new CtnetlinkModel({ release, counters: true });
  const transport: TransportFactory = async () => {
    const fake = new FakeTransport((request, { nlmsg_seq, nlmsg_flags }, kernel) => {
      const { errno, reply, dump } = model.request(request, kernel.portid);
      if (errno !== 0) {
        kernel.queue(error(nlmsg_seq, errno));
      } else if (dump !== undefined) {
        for (let some = dump.next(DATAGRAM); some !== undefined; some = dump.next(DATAGRAM)) kernel.queue(some);
        kernel.queue(done(nlmsg_seq));
      } else {
        if (reply !== undefined) kernel.queue(reply);
        if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
      }
    });
    fake.release = release;
    return fake;
  };
  const ct = await Conntrack.open({ transport });
  return {
    transport: () => transport,
    async fill(whole) {
      if (!whole) {
        for (const entry of [...model.table.entries.values()]) model.table.remove(entry, KERNEL);
        await ct.createMany(TABLE);
      }
      for (const entry of model.table.entries.values()) countPacket(model.table, entry, 100);
    },
    read: async () => (await ct.dump().toArray()).map(entryOf),
    close: () => ct.close(),
  };
}
