/** The traffic of ctnetlink/testing beside that of the running kernel: the same packets, the same tables and events. */
import { expect } from 'chai';
import { Conntrack, type Events, type Flow, type FlowEvent } from '../../src/index.ts';
import { exchange, fakeKernel, type Packet, type TcpPacket, tcpClose, tcpHandshake } from '../../src/testing/index.ts';
import { describeKernel, resetNamespace, sysctl } from '../support/kernel.ts';
import { Packets, prepareForPackets } from '../support/packets.ts';

const FLAGS: Readonly<Record<TcpPacket, number>> = { SYN: 0x02, 'SYN/ACK': 0x12, ACK: 0x10, FIN: 0x11, RST: 0x14 };

const UDP: Packet = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'udp', sport: 1000, dport: 53 };
const TCP: Packet = { ...UDP, proto: 'tcp', dport: 80 };
const PING: Packet = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 7 };
const refused = tcpHandshake(TCP)[1];

const PATTERNS: Readonly<Record<string, readonly Packet[]>> = {
  'a query and its answer': exchange(UDP),
  'a query without an answer, twice': [UDP, UDP],
  'a query in a zone': exchange({ ...UDP, zone: 5 }),
  'a ping': [PING, { ...PING, src: PING.dst, dst: PING.src, icmpType: 0 }],
  'an answer to no ping': [{ ...PING, icmpType: 0 }],
  'a protocol without ports': [{ src: '10.0.0.1', dst: '10.1.0.1', proto: 89 }],
  'a handshake': tcpHandshake(TCP),
  'a connection from its beginning to its end': [...tcpHandshake(TCP), TCP, ...tcpClose(TCP)],
  'a connection that is reset': [...tcpHandshake(TCP), { ...TCP, tcp: 'RST' }],
  'a connection that is refused': [
    { ...TCP, tcp: 'SYN' },
    { ...refused, tcp: 'RST' },
  ],
  'a connection that is picked up': [TCP, { ...refused, tcp: 'ACK' }],
  'a FIN of no connection': [{ ...TCP, tcp: 'FIN' }],
  'an answer to no SYN': [refused],
};

/** Ids are opaque, and time passes in the running kernel. */
function steady(flow: Flow): object {
  const { id: _, timeout, ...rest } = flow.toJSON();
  return timeout === undefined ? rest : { ...rest, timeout: Math.ceil(timeout / 10) };
}

describeKernel('the traffic of the fake kernel', ['root', 'nft', 'ip'], () => {
  let packets: Packets;
  before(() => {
    resetNamespace();
    for (const name of ['nf_conntrack_acct', 'nf_conntrack_events']) sysctl(name, 1);
    prepareForPackets([5]);
    packets = new Packets();
  });
  after(() => {
    packets.close();
    resetNamespace();
  });

  async function eventsOf(ct: Conntrack, events: Events<FlowEvent>): Promise<object[]> {
    // All that had arrived, and then the end.
    events.drain();
    const seen: object[] = [];
    for await (const event of events)
      if (event.type !== 'overrun') seen.push({ type: event.type, flow: steady(event.flow), portid: event.portid });
    seen.push(...(await ct.dump().toArray()).map(steady));
    return seen;
  }

  for (const [name, pattern] of Object.entries(PATTERNS))
    it(`${name} leaves the table and the events of the running kernel`, async () => {
      const kernel = fakeKernel({ counters: true });
      const [real, fake] = [await Conntrack.open(), await Conntrack.open({ transport: kernel.transport })];
      try {
        await real.flushAll();
        const [wanted, had] = [await real.events(), await fake.events()];
        for (const packet of pattern) {
          const { zone = 0, tcp = 'ACK', ...tuple } = packet;
          const isTcp = tuple.proto === 'tcp';
          packets.send(tuple, zone, 'both', isTcp ? FLAGS[tcp] : undefined);
          kernel.traffic({ ...packet, bytes: isTcp ? 40 : 60 });
        }
        expect(await eventsOf(fake, had)).to.deep.equal(await eventsOf(real, wanted));
      } finally {
        await real.close();
        await fake.close();
      }
    });
});
