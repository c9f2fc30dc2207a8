/** ct.events({ filter }): attached where the transport can, applied here where it cannot, with the same result. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Events } from '../../src/conntrack/events.ts';
import type { EventOptions, FlowEventOrOverrun } from '../../src/conntrack/flow-events.ts';
import type { EventType, FlowEvent } from '../../src/ctnetlink/event.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { BpfProgram } from '../../src/netlink/bpf.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { OverrunError, TransportError } from '../../src/netlink/errors.ts';
import { replay } from '../../src/replay/replay.ts';
import { record } from '../../src/transport/record.ts';
import { EINVAL } from '../../src/uapi/errno.ts';
import { filteredByKernel, hexOf, koffi, koffiWithoutFilters } from '../support/event-sockets.ts';
import { FakeTransport, message, rejection } from '../support/fake-transport.ts';
import { came, overrun, pcap } from '../support/fixtures.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { DESTROY, flow, flowMessage, kernelWith, NEW, numberOf, play, range, UPDATE } from '../support/played.ts';

const brief = (event: FlowEventOrOverrun): unknown =>
  event.type === 'overrun' ? ['overrun', event.lost] : [event.type, numberOf(event.flow)];

async function all(events: AsyncIterable<FlowEventOrOverrun>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const event of events) seen.push(brief(event));
  return seen;
}

/** The next so many, which must come. */
async function take(events: Events<FlowEvent>, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  while (seen.length < count) seen.push(brief((await events.next()).value));
  return seen;
}

describe('Conntrack: filtered events', () => {
  async function listen(options: EventOptions): Promise<{ events: Events<FlowEvent>; socket: FakeTransport }> {
    const { ct, sockets } = await play(kernelWith([]));
    return { events: await ct.events(options), socket: sockets[1] };
  }

  it('are those that match, of every type', async () => {
    const { events, socket } = await listen({ filter: { mark: { value: 1, mask: 1 }, orig: { src: '10.0.0.0/24' } } });
    for (const kind of [NEW, UPDATE, DESTROY]) socket.deliver(...range(4).map((n) => flowMessage(0, flow(n), kind)));
    socket.deliver(flowMessage(0, flow(257), NEW), flowMessage(0, flow(5), NEW));
    expect(await take(events, 7)).to.deep.equal([
      ...(['new', 'update', 'destroy'] as const).flatMap((type) => [
        [type, 1],
        [type, 3],
      ]),
      ['new', 5],
    ]);
    events.close();
  });

  it('have overruns in their place, whatever is filtered', async () => {
    const { events, socket } = await listen({ filter: { mark: 7 } });
    socket.queue(flowMessage(0, flow(1), NEW));
    socket.queueError(new OverrunError('lost', 42));
    socket.deliver(flowMessage(0, flow(2), NEW), flowMessage(0, flow(7), NEW));
    expect(await take(events, 2)).to.deep.equal([
      ['overrun', 42],
      ['new', 7],
    ]);
    events.close();
  });

  it('are read on when those that come do not match', async () => {
    const { events, socket } = await listen({ filter: { mark: 2000 } });
    let made = 0;
    socket.more = () => (made <= 2000 ? flowMessage(0, flow(made++), NEW) : undefined);
    socket.readable();
    expect(await take(events, 1)).to.deep.equal([['new', 2000]]);
    events.close();
  });

  it('are all without a filter, and no program is attached for nothing', async () => {
    const attached: unknown[] = [];
    for (const filter of [undefined, {}, { orig: {} }]) {
      const ct = await Conntrack.open({
        transport: async () =>
          Object.assign(new FakeTransport(), { attachFilter: (program: unknown) => void attached.push(program) }),
      });
      (await ct.events({ filter })).close();
      await ct.close();
    }
    expect(attached).to.deep.equal([]);
  });

  it('are left to the transport where it can, before the socket joins a group', async () => {
    const calls: unknown[] = [];
    const ct = await Conntrack.open({
      transport: async () =>
        Object.assign(new FakeTransport(), {
          attachFilter: (program: unknown) => void calls.push(program),
          joinGroup: (group: number) => void calls.push(group),
        }),
    });
    const filter: Filter = { orig: { dst: 'fd00::/8' } };
    await ct.events({ filter, types: ['new', 'destroy'] });
    expect(calls).to.deep.equal([new CompiledFilter(filter).forEvents(), 1, 3]);
    await ct.close();
  });

  it('reject with what attaching came to, and the socket is closed', async () => {
    const sockets: FakeTransport[] = [];
    const refusal = new TransportError('setsockopt', EINVAL, 'EINVAL');
    const ct = await Conntrack.open({
      transport: async () => {
        const refuse = (): never => {
          throw refusal;
        };
        sockets.push(Object.assign(new FakeTransport(), { attachFilter: refuse }));
        return sockets.at(-1)!;
      },
    });
    expect(await rejection(ct.events({ filter: { mark: 1 } }))).to.equal(refusal);
    expect(sockets.map(({ closed }) => closed)).to.deep.equal([false, true]);
    await ct.close();
  });

  it('refuse a filter that is none by name, before a socket is opened', async () => {
    const { ct, sockets } = await play();
    const REFUSED: [filter: unknown, error: typeof TypeError | typeof RangeError, text: string][] = [
      [null, TypeError, 'options.filter must be an object, not null'],
      [5, TypeError, 'options.filter must be an object, not 5'],
      [{ makr: 1 }, TypeError, 'options.filter.makr is not one of'],
      [{ orig: { src: '10.0.0.0/33' } }, RangeError, 'options.filter.orig.src must have a prefix length'],
    ];
    for (const [filter, error, text] of REFUSED) {
      const reason = await rejection(ct.events({ filter: filter as Filter }));
      expect(reason, text).to.be.instanceOf(error);
      expect((reason as Error).message).to.contain(text);
    }
    expect(sockets).to.have.length(1);
  });

  it('of a replay are those that match, and end with the last', async () => {
    const capture = pcap(
      came(flowMessage(0, flow(1), NEW)),
      came(flowMessage(0, flow(2), NEW)),
      overrun(),
      came(message(0, [2, 0, 0, 0], { type: 0x200 })),
      came(flowMessage(0, flow(2), DESTROY)),
      came(flowMessage(0, flow(1), DESTROY)),
    );
    await using ct = await Conntrack.open({ transport: replay(capture) });
    expect(await all(await ct.events({ filter: { mark: 2 } }))).to.deep.equal([
      ['new', 2],
      ['overrun', undefined],
      ['destroy', 2],
    ]);
  });
});

describeKernel('Conntrack: filtered events on the kernel', ['conntrack', 'nft'], () => {
  const FILTERS: Record<string, Filter> = {
    IPv4: { family: 'ipv4' },
    IPv6: { family: 'ipv6' },
    'a mark': { mark: 7 },
    'a masked mark': { mark: { value: 0x80000000, mask: 0x80000000 } },
    'the mark 0': { mark: 0 },
    'a status': { status: ['ASSURED'] },
    'a status that is not': { status: { value: 0, mask: ['SEEN_REPLY'] } },
    dying: { status: ['DYING'] },
    NAT: { status: ['SRC_NAT'] },
    'a zone': { zone: 7 },
    'a zone of one direction': { zone: 8 },
    'zone 0': { zone: 0 },
    'the zone of the original direction': { orig: { zone: 8 } },
    'the zone of the reply direction': { reply: { zone: 65535 } },
    'a source': { orig: { src: '127.0.0.2' } },
    'a prefix': { orig: { src: '10.0.1.77/24' } },
    'a prefix of all': { orig: { dst: '0.0.0.0/0' } },
    'an IPv6 source': { orig: { src: 'fd00::3' } },
    'an IPv6 prefix': { orig: { src: 'fd00::8/125' } },
    'a destination of the reply': { reply: { dst: '203.0.113.0/24' } },
    TCP: { orig: { proto: 'tcp' } },
    'UDP to a port': { orig: { proto: 'udp', dport: 53 } },
    'a port': { orig: { dport: 80 } },
    'several ports': { orig: { proto: 'udp', dport: [53, { from: 60, to: 5353 }] } },
    'ports of both directions': { orig: { dport: { from: 50, to: 80 } }, reply: { dport: { from: 0, to: 65535 } } },
    SCTP: { orig: { proto: 'sctp', src: 'fd00::/16' } },
    'a ping': { orig: { proto: 'icmp', icmpType: 8, icmpId: 77 } },
    'a ping of IPv6': { orig: { proto: 'icmpv6', icmpType: 128, icmpCode: 0 } },
    'a protocol without ports': { orig: { proto: 89 } },
    'all together': {
      family: 'ipv4',
      status: ['CONFIRMED'],
      zone: 0,
      mark: { value: 0, mask: 0x100 },
      orig: { src: '10.0.0.0/16', dst: '10.1.0.1/32', proto: 'tcp', dport: 80 },
      reply: { src: '10.1.0.0/16', sport: 80 },
    },
  };

  let everything: Uint8Array[];
  let filtered: ReadonlyMap<string, Uint8Array[]>;

  before(async () => {
    resetNamespace();
    const programs = Object.entries(FILTERS).map(([name, filter]) => [name, new CompiledFilter(filter).forEvents()!]);
    ({ all: everything, filtered } = await filteredByKernel(Object.fromEntries(programs)));
  });
  after(() => resetNamespace());

  for (const [name, filter] of Object.entries(FILTERS)) {
    it(`by ${name}: the kernel, the interpreter and matches() agree`, () => {
      const compiled = new CompiledFilter(filter);
      const program = new BpfProgram(compiled.forEvents()!);
      const here = everything.filter((each) => program.run(viewOf(each)) !== 0);
      expect(hexOf(filtered.get(name)!)).to.deep.equal(hexOf(here));
      const matching = everything.filter((each) => compiled.matches(decodeFlow(viewOf(each), 0, each.length)));
      expect(hexOf(here)).to.deep.equal(hexOf(matching));
      expect(here.length, 'some pass').to.be.above(0);
      expect(here.length, 'some do not').to.be.below(everything.length);
    });
  }

  describe('whatever else happens', () => {
    beforeEach(() => sh('conntrack', '-F'));

    /** Everything about a few flows; what is not wanted is much. */
    async function traffic(ct: Conntrack, noise: number): Promise<void> {
      await ct.createMany(range(noise, 1000).map((n) => ({ ...flow(n), id: undefined, mark: 1 })));
      for (const n of [1, 2]) {
        const { orig, timeout } = flow(n);
        await ct.create({ orig, timeout, mark: 0x10 });
        await ct.update({ orig, mark: 0x11 });
        await ct.delete({ orig });
      }
    }

    const WANTED: unknown[] = (['new', 'update', 'destroy'] as EventType[]).map((type) => [type, 2]);

    it('do not fill the buffer with what is filtered: that is not lost', async () => {
      await using ct = await Conntrack.open({ transport: koffi });
      const receiveBuffer = 64 * 1024;
      const [few, unfiltered] = [
        await ct.events({
          filter: { orig: { src: '10.0.0.2/31', proto: 'udp' }, mark: { value: 0x10, mask: 0x10 } },
          receiveBuffer,
        }),
        await ct.events({ receiveBuffer }),
      ];
      await traffic(ct, 3000);
      expect(await take(few, 3)).to.deep.equal(WANTED);
      const types = new Set<string>();
      for await (const { type } of unfiltered) if (types.add(type).has('overrun')) break;
      expect(types).to.include('overrun');
    });

    it('are those of several ports, of both families, as many as a program can tell apart', async () => {
      await using ct = await Conntrack.open({ transport: koffi });
      const ports = Array.from({ length: 64 }, (_, each) => ({ from: 1000 + 10 * each, to: 1004 + 10 * each }));
      const filters: Filter[] = [
        { orig: { proto: 'udp', dport: [53, { from: 60, to: 62 }] } },
        { orig: { sport: ports, dport: [...ports, 53] }, reply: { sport: [...ports, 53], dport: ports } },
      ];
      const streams = await Promise.all(filters.map((filter) => ct.events({ types: ['new'], filter })));
      const sent = new Set<string>();
      for (const family of ['10.0.0.', 'fd00::']) {
        for (const [sport, dport] of [
          [1000, 53],
          [1005, 53],
          [1634, 60],
          [1634, 1000],
          [7, 62],
          [7, 59],
        ]) {
          for (const proto of ['udp', 'tcp'] as const) {
            const orig = { src: `${family}1`, dst: `${family}2`, proto, sport, dport };
            await ct.create({ orig, timeout: 100, ...(proto === 'tcp' ? { tcp: { state: 'SYN_SENT' } } : {}) });
            sent.add(`${proto} ${orig.src} ${sport} ${dport}`);
          }
        }
      }
      // The last event of each stream: what comes before it has come.
      await ct.create({
        orig: { src: '10.9.9.9', dst: '10.0.0.2', proto: 'udp', sport: 1000, dport: 53 },
        timeout: 100,
      });
      const came = await Promise.all(
        streams.map(async (events) => {
          const seen: string[] = [];
          for await (const event of events) {
            if (event.type === 'overrun') throw new Error('events were lost');
            const { proto, src, sport, dport } = event.flow.orig;
            if (src === '10.9.9.9') break;
            seen.push(`${proto} ${src} ${sport} ${dport}`);
          }
          return seen;
        }),
      );
      expect(came[0]).to.have.members([...sent].filter((each) => /^udp .* (53|60|61|62)$/.test(each)));
      expect(came[1]).to.have.members([...sent].filter((each) => / (1000 53|1634 1000)$/.test(each)));
    });

    it('report their own overrun', async () => {
      await using ct = await Conntrack.open({ transport: koffi });
      const events = await ct.events({ filter: { mark: 1 }, receiveBuffer: 64 * 1024 });
      await traffic(ct, 3000);
      let lost = 0;
      let seen = 0;
      for await (const event of events) {
        if (event.type === 'overrun') lost += event.lost!;
        else seen++;
        if (lost + seen >= 3000) break;
      }
      expect(lost).to.be.above(0);
      expect(seen + lost, 'only those that it would have had').to.equal(3000);
    });

    it('are recorded as they came, and a replay gives the same, filtered again or not', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
      try {
        const path = join(folder, 'events.pcap');
        const filter: Filter = { orig: { src: '10.0.0.2' } };
        const recorder = record(path, { transport: koffi });
        const live: unknown[] = [];
        {
          await using ct = await Conntrack.open({ transport: recorder });
          const events = await ct.events({ filter });
          await using maker = await Conntrack.open({ transport: koffi });
          await traffic(maker, 20);
          live.push(...(await take(events, 3)));
        }
        recorder.close();
        expect(live).to.deep.equal(WANTED);
        for (const options of [{ filter }, {}]) {
          await using ct = await Conntrack.open({ transport: replay(path) });
          expect(await all(await ct.events(options))).to.deep.equal(live);
        }
        await using other = await Conntrack.open({ transport: replay(path) });
        expect(await all(await other.events({ filter: { orig: { src: '10.0.0.1' } } }))).to.deep.equal([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('are the same where the transport cannot filter, recorded whole', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-'));
      try {
        const path = join(folder, 'events.pcap');
        const filter: Filter = { orig: { src: '10.0.0.2' } };
        const recorder = record(path, { transport: koffiWithoutFilters });
        {
          await using ct = await Conntrack.open({ transport: recorder });
          const events = await ct.events({ filter });
          await using maker = await Conntrack.open({ transport: koffi });
          await traffic(maker, 20);
          expect(await take(events, 3)).to.deep.equal(WANTED);
        }
        recorder.close();
        await using ct = await Conntrack.open({ transport: replay(path) });
        expect(await all(await ct.events({ filter }))).to.deep.equal(WANTED);
        await using whole = await Conntrack.open({ transport: replay(path) });
        expect(await all(await whole.events())).to.have.length.above(20);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});
