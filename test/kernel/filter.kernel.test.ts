/**
 * What the kernel makes of each part of a filter: flows that differ in that part, and the raw messages that it sends
 * for them. What goes wrong here must never go into a flush.
 */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { explainKernelError } from '../../src/ctnetlink/explain.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import { buildDump, buildMessage } from '../../src/ctnetlink/request/flow.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import type { Request } from '../../src/netlink/request.ts';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import type { Transport } from '../../src/netlink/transport.ts';
import { openTransport } from '../../src/transport/open.ts';
import { EEXIST } from '../../src/uapi/errno.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6 } from '../../src/uapi/socket.ts';
import { messagesOf, rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { said } from '../support/played.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

type Direction = 'orig' | 'reply';

/** The marks by which these tests tell flows apart, sorted. */
function sorted(marks: number[]): number[] {
  return marks.sort((a, b) => a - b);
}

describeKernel('filters on the kernel', ['conntrack', 'nft'], () => {
  let ct: Conntrack;
  let raw: NetlinkSocket;
  /** What Conntrack sent. */
  let sent: Uint8Array[];
  before(async () => {
    const transport = async (): Promise<Transport> => {
      const inner = await openTransport();
      const send = inner.send.bind(inner);
      inner.send = (bytes) => {
        sent.push(...messagesOf(bytes));
        send(bytes);
      };
      return inner;
    };
    sent = [];
    ct = await Conntrack.open({ transport });
    raw = new NetlinkSocket(await openTransport(), explainKernelError);
  });
  after(async () => {
    await ct?.close();
    raw?.close();
    resetNamespace();
  });
  beforeEach(() => resetNamespace());

  /** Marks of every flow that the kernel sends, unfiltered by us; or what it refuses with. */
  async function kernelSends(build: Request): Promise<number[] | string> {
    const marks: number[] = [];
    const sink = {
      message: (_header: unknown, view: DataView, offset: number, end: number) => {
        marks.push(decodeFlow(view, offset, end).mark ?? 0);
      },
    };
    try {
      await raw.request(build, { sink });
      return sorted(marks);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return error.code;
    }
  }

  /** Exactly these attributes as a filtered dump. */
  async function filtered(family: number, init: FlowInit): Promise<number[] | string> {
    return await kernelSends(buildMessage('dump', family, Flow.from(init)));
  }

  /** What our filter makes the kernel send, before user space has its say. */
  async function compiledSends(filter: Filter): Promise<number[] | string> {
    const support = kernelSupport(raw.transport.release);
    return await kernelSends(buildDump('dump', new CompiledFilter(filter).forKernel('dump', support)));
  }

  async function marksLeft(): Promise<number[]> {
    return sorted((await ct.dump().toArray()).map((flow) => flow.mark ?? 0));
  }

  /** Creates flows with the marks 1, 2, ... */
  async function create(...inits: Omit<FlowInit, 'mark' | 'timeout'>[]): Promise<void> {
    for (const [index, init] of inits.entries()) await ct.create({ timeout: 600, ...init, mark: index + 1 });
  }

  describe('CTA_FILTER bit', () => {
    const UDP = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1000, dport: 2000 } as const;
    const PING = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 7 } as const;
    const PING6 = { ...PING, src: 'fd00::1', dst: 'fd00::2', proto: 'icmpv6', icmpType: 128 } as const;
    /** Nothing in common with those but what is put in. */
    const otherUdp = { src: '10.9.9.1', dst: '10.9.9.2', proto: 'udp', sport: 9, dport: 99 } as const;
    const otherPing = {
      src: '10.9.9.1',
      dst: '10.9.9.2',
      proto: 'icmp',
      icmpType: 13,
      icmpCode: 5,
      icmpId: 99,
    } as const;
    const otherPing6 = { ...otherPing, src: 'fd00::91', dst: 'fd00::92', proto: 'icmpv6', icmpType: 139 } as const;
    const NUM = cta.CTA_FILTER_F_CTA_PROTO_NUM;

    interface Bit {
      flag: number;
      field: keyof TupleInit;
      base: TupleInit;
      /** The only difference. */
      differs: TupleInit;
      other: TupleInit;
      needs?: number;
    }
    const bits: Record<string, Bit> = {
      CTA_IP_SRC: {
        flag: cta.CTA_FILTER_F_CTA_IP_SRC,
        field: 'src',
        base: UDP,
        differs: { src: '10.0.0.9' },
        other: otherUdp,
      },
      CTA_IP_DST: {
        flag: cta.CTA_FILTER_F_CTA_IP_DST,
        field: 'dst',
        base: UDP,
        differs: { dst: '10.0.0.9' },
        other: otherUdp,
      },
      CTA_PROTO_NUM: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_NUM,
        field: 'proto',
        base: UDP,
        differs: { proto: 'udplite' },
        other: otherUdp,
      },
      CTA_PROTO_SRC_PORT: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_SRC_PORT,
        field: 'sport',
        base: UDP,
        differs: { sport: 1001 },
        other: otherUdp,
        needs: NUM,
      },
      CTA_PROTO_DST_PORT: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_DST_PORT,
        field: 'dport',
        base: UDP,
        differs: { dport: 2001 },
        other: otherUdp,
        needs: NUM,
      },
      CTA_PROTO_ICMP_TYPE: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_ICMP_TYPE,
        field: 'icmpType',
        base: PING,
        differs: { icmpType: 13 },
        other: otherPing,
        needs: NUM,
      },
      CTA_PROTO_ICMP_CODE: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_ICMP_CODE,
        field: 'icmpCode',
        base: PING,
        differs: { icmpCode: 1 },
        other: otherPing,
        needs: NUM,
      },
      CTA_PROTO_ICMP_ID: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_ICMP_ID,
        field: 'icmpId',
        base: PING,
        differs: { icmpId: 8 },
        other: otherPing,
        needs: NUM,
      },
      CTA_PROTO_ICMPV6_TYPE: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_TYPE,
        field: 'icmpType',
        base: PING6,
        differs: { icmpType: 139 },
        other: otherPing6,
        needs: NUM,
      },
      CTA_PROTO_ICMPV6_CODE: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_CODE,
        field: 'icmpCode',
        base: PING6,
        differs: { icmpCode: 1 },
        other: otherPing6,
        needs: NUM,
      },
      CTA_PROTO_ICMPV6_ID: {
        flag: cta.CTA_FILTER_F_CTA_PROTO_ICMPV6_ID,
        field: 'icmpId',
        base: PING6,
        differs: { icmpId: 8 },
        other: otherPing6,
        needs: NUM,
      },
    };

    /** A flow with this tuple in one direction; the other only has to be a different one each time. */
    function withTuple(direction: Direction, tuple: TupleInit, n: number): FlowInit {
      const v6 = tuple.src!.includes(':');
      const own =
        tuple.proto === 'icmp' || tuple.proto === 'icmpv6'
          ? { icmpType: v6 ? 128 : 8, icmpCode: 0, icmpId: 100 + n }
          : { sport: 100 + n, dport: 1 };
      const addresses = v6 ? { src: 'fd00::aa', dst: 'fd00::bb' } : { src: '172.16.0.1', dst: '172.16.0.2' };
      const filler = { ...addresses, proto: tuple.proto, ...own };
      return direction === 'orig' ? { orig: tuple, reply: filler } : { orig: filler, reply: tuple };
    }

    const flagsOf = (direction: Direction, flags: number): FlowInit['filter'] =>
      direction === 'orig' ? { origFlags: flags, replyFlags: 0 } : { origFlags: 0, replyFlags: flags };

    for (const direction of ['orig', 'reply'] as const) {
      for (const [name, { flag, field, base, differs, other, needs = 0 }] of Object.entries(bits)) {
        it(`${name} of ${direction} compares ${field} and nothing else`, async () => {
          // Another protocol has another tracker, but for CTA_PROTO_NUM itself they all have the same.
          const alike = { ...other, [field]: base[field] };
          await create(
            withTuple(direction, base, 1),
            withTuple(direction, { ...base, ...differs }, 2),
            withTuple(direction, alike, 3),
            withTuple(direction, { ...alike, ...differs }, 4),
          );
          const family = base.src!.includes(':') ? AF_INET6 : AF_INET;
          const filter = flagsOf(direction, flag | needs);
          // The whole tuple is given; the flags select the parts that count.
          expect(await filtered(family, { [direction]: base, filter })).to.deep.equal([1, 3]);
          expect(await filtered(family, { [direction]: { ...base, ...differs }, filter })).to.deep.equal([2, 4]);
          // Only what is flagged has to be there.
          const least: TupleInit = { [field]: base[field], proto: base.proto };
          expect(await filtered(family, { [direction]: least, filter })).to.deep.equal([1, 3]);
        });
      }

      it(`CTA_TUPLE_ZONE of ${direction} compares nothing at all`, async () => {
        const zoned = (n: number, zone?: number): FlowInit => {
          const flow = withTuple(direction, { ...UDP, sport: n }, n);
          return { ...flow, [direction]: { ...flow[direction], zone } };
        };
        await create(zoned(1), zoned(2, 5), zoned(3, 6));
        const filter = flagsOf(direction, cta.CTA_FILTER_F_CTA_TUPLE_ZONE);
        for (const zone of [5, 6, 7]) {
          expect(await filtered(AF_INET, { [direction]: { zone }, filter })).to.deep.equal([1, 2, 3]);
        }
      });
    }

    it('of both directions together', async () => {
      await create(
        { orig: UDP },
        { orig: { ...UDP, sport: 1 }, reply: { ...UDP, src: '10.0.0.2', dst: '203.0.113.1', sport: 2000 } },
        { orig: { ...UDP, src: '10.0.0.8' }, reply: { ...UDP, src: '10.0.0.2', dst: '203.0.113.2', sport: 2000 } },
      );
      const filter = { origFlags: cta.CTA_FILTER_F_CTA_IP_SRC, replyFlags: cta.CTA_FILTER_F_CTA_IP_DST };
      const both = (src: string, dst: string): FlowInit => ({ orig: { src }, reply: { dst }, filter });
      expect(await filtered(AF_INET, both('10.0.0.1', '203.0.113.1'))).to.deep.equal([2]);
      expect(await filtered(AF_INET, both('10.0.0.1', '10.0.0.1'))).to.deep.equal([1]);
      expect(await filtered(AF_INET, both('10.0.0.8', '203.0.113.1'))).to.deep.equal([]);
    });

    it('beyond the twelve is refused', async () => {
      for (const flag of [1 << 12, 1 << 20, 0x80000000]) {
        expect(await filtered(AF_INET, { orig: UDP, filter: { origFlags: flag, replyFlags: 0 } })).to.be.oneOf([
          'EINVAL',
          'ERANGE',
          'EOPNOTSUPP',
        ]);
      }
    });
  });

  describe('an IPv6 address in CTA_FILTER', () => {
    const at = (n: number): FlowInit => ({
      orig: { src: `fd00::${n}`, dst: `fd00::${n}0`, proto: 'udp', sport: 1, dport: 2 },
    });

    it('is compared the wrong way round', async () => {
      await create(at(1), at(2), at(3), at(4));
      for (const [orig, flag] of [
        [{ src: 'fd00::1' }, cta.CTA_FILTER_F_CTA_IP_SRC],
        [{ dst: 'fd00::10' }, cta.CTA_FILTER_F_CTA_IP_DST],
      ] as const) {
        expect(await filtered(AF_INET6, { orig, filter: { origFlags: flag, replyFlags: 0 } })).to.deep.equal([2, 3, 4]);
      }
    });

    it('is never sent by us: user space compares it', async () => {
      await create(at(1), at(2), at(3), at(4));
      const filter: Filter = { orig: { src: 'fd00::1', proto: 'udp', dport: 2 }, reply: { src: 'fd00::10' } };
      expect(await compiledSends(filter)).to.deep.equal([1, 2, 3, 4]);
      expect((await ct.dump(filter).toArray()).map(({ mark }) => mark)).to.deep.equal([1]);
    });

    it('makes a flush go one by one, with whole tuples', async () => {
      await create(at(1), at(2), at(3), at(4));
      sent = [];
      expect(await ct.flush({ orig: { src: 'fd00::2' } })).to.equal(1);
      expect(await marksLeft()).to.deep.equal([1, 3, 4]);
      const deletes = sent.map(said).filter(({ type }) => type === 0x102);
      expect(deletes.map(({ flow }) => flow.orig)).to.deep.equal([{ family: 'ipv6', ...at(2).orig }]);
    });
  });

  /**
   * Flows that differ in everything a filter has. The mark says which, in its low byte; the high bits are for mark
   * filters.
   */
  const TABLE: Omit<FlowInit, 'timeout'>[] = (() => {
    const port = (n: number) => ({ sport: n, dport: 80 });
    const v4 = { src: '10.0.0.1', dst: '10.0.0.2' };
    const v6 = { src: 'fd00::1', dst: 'fd00::2' };
    return [
      { orig: { ...v4, proto: 'udp', ...port(1) }, mark: 0x001 },
      { orig: { ...v4, proto: 'udp', ...port(2) }, mark: 0x102, status: ['SEEN_REPLY'] },
      { orig: { ...v4, proto: 'udp', ...port(3) }, mark: 0x203, status: ['SEEN_REPLY', 'ASSURED'] },
      { orig: { ...v4, proto: 'tcp', ...port(1) }, mark: 0x304, status: ['SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT'] },
      { orig: { ...v4, proto: 'udp', ...port(4) }, mark: 0x005, zone: 1 },
      { orig: { ...v4, proto: 'udp', ...port(5), zone: 1 }, mark: 0x106 },
      {
        orig: { ...v4, proto: 'udp', ...port(6) },
        reply: { src: v4.dst, dst: v4.src, proto: 'udp', sport: 80, dport: 6, zone: 1 },
        mark: 0x207,
      },
      { orig: { ...v4, proto: 'udp', ...port(7), zone: 2 }, mark: 0x308 },
      { orig: { ...v6, proto: 'udp', ...port(1) }, mark: 0x009 },
      { orig: { ...v6, proto: 'tcp', ...port(2) }, mark: 0x10a, status: ['SEEN_REPLY'] },
      { orig: { ...v6, proto: 'udp', ...port(3) }, mark: 0x20b, zone: 1 },
      { orig: { src: '10.0.0.3', dst: '10.0.0.4', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 1 }, mark: 0x30c },
      { orig: { src: 'fd00::3', dst: 'fd00::4', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 1 }, mark: 0x00d },
      { orig: { src: '10.0.0.3', dst: '10.0.0.2', proto: 'sctp', ...port(1) }, mark: 0x10e },
      { orig: { src: '10.0.0.3', dst: '10.0.0.2', proto: 89 }, mark: 0x20f },
      { orig: { ...v4, proto: 'tcp', ...port(9) }, mark: 0x310, snat: { minAddress: '203.0.113.1' } },
    ];
  })();
  const ALL = TABLE.map(({ mark }) => mark! & 0xff);

  async function createTable(): Promise<void> {
    for (const init of TABLE) await ct.create({ timeout: 600, tcp: undefined, ...init });
  }

  /** What matches, written by hand; and whether the kernel alone can decide it. */
  const FILTERS: Record<string, { filter: Filter; matches: number[]; one: boolean }> = {
    'a mark': { filter: { mark: 0x102 }, matches: [2], one: true },
    'a mark of 0': { filter: { mark: 0 }, matches: [], one: true },
    'a masked mark': { filter: { mark: { value: 0x300, mask: 0xf00 } }, matches: [4, 8, 12, 16], one: true },
    'a masked mark of 0': { filter: { mark: { value: 0, mask: 0xf00 } }, matches: [1, 5, 9, 13], one: true },
    'a mark outside of its mask': { filter: { mark: { value: 0x3ff, mask: 0xf00 } }, matches: [], one: true },
    'a mark that may be any': { filter: { mark: { value: 0, mask: 0 } }, matches: ALL, one: true },
    'a status': { filter: { status: ['ASSURED'] }, matches: [3, 4], one: true },
    'two bits of status': { filter: { status: ['SEEN_REPLY', 'FIXED_TIMEOUT'] }, matches: [4], one: true },
    'a status that is not set': {
      filter: { status: { value: 0, mask: ['SEEN_REPLY'] } },
      matches: ALL.filter((n) => ![2, 3, 4, 10].includes(n)),
      one: true,
    },
    'a status that is set and one that is not': {
      filter: { status: { value: ['SEEN_REPLY'], mask: ['SEEN_REPLY', 'ASSURED'] } },
      matches: [2, 10],
      one: true,
    },
    'a status with nothing to compare': { filter: { status: { value: 0, mask: 0 } }, matches: ALL, one: false },
    'a status that cannot be': { filter: { status: { value: 2, mask: 0 } }, matches: [], one: false },
    NAT: { filter: { status: ['SRC_NAT'] }, matches: [16], one: true },
    'a zone, of both directions or one': { filter: { zone: 1 }, matches: [5, 6, 7, 11], one: true },
    'zone 0': { filter: { zone: 0 }, matches: ALL.filter((n) => ![5, 6, 7, 8, 11].includes(n)), one: true },
    'a zone that is nowhere': { filter: { zone: 9 }, matches: [], one: true },
    IPv4: { filter: { family: 'ipv4' }, matches: ALL.filter((n) => ![9, 10, 11, 13].includes(n)), one: true },
    IPv6: { filter: { family: 'ipv6' }, matches: [9, 10, 11, 13], one: true },
    'a source': { filter: { orig: { src: '10.0.0.3' } }, matches: [12, 14, 15], one: true },
    'a destination': { filter: { orig: { dst: '10.0.0.4' } }, matches: [12], one: true },
    'a protocol': { filter: { orig: { proto: 'tcp' }, family: 'ipv4' }, matches: [4, 16], one: true },
    'a protocol of IPv6': { filter: { orig: { proto: 'tcp' }, family: 'ipv6' }, matches: [10], one: true },
    'a protocol of any family': { filter: { orig: { proto: 'tcp' } }, matches: [4, 10, 16], one: false },
    'a port': { filter: { orig: { proto: 'udp', sport: 2 }, family: 'ipv4' }, matches: [2], one: true },
    'a port of IPv6': { filter: { orig: { proto: 'udp', sport: 1 }, family: 'ipv6' }, matches: [9], one: true },
    'a port of a protocol that the kernel does not compare': {
      filter: { orig: { proto: 'sctp', sport: 2 }, family: 'ipv4' },
      matches: [],
      one: false,
    },
    'a port of any protocol': {
      filter: { orig: { sport: 1 }, family: 'ipv4' },
      matches: [1, 4, 14],
      one: false,
    },
    'an echo request': {
      filter: { orig: { proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 1 }, family: 'ipv4' },
      matches: [12],
      one: true,
    },
    'an echo request of IPv6': {
      filter: { orig: { proto: 'icmpv6', icmpType: 128, icmpId: 1 }, family: 'ipv6' },
      matches: [13],
      one: true,
    },
    'an ICMP type that starts no flow': {
      filter: { orig: { proto: 'icmp', icmpType: 3 }, family: 'ipv4' },
      matches: [],
      one: false,
    },
    'a reply': { filter: { reply: { dst: '203.0.113.1', proto: 'tcp' } }, matches: [16], one: true },
    'both directions': {
      filter: { orig: { src: '10.0.0.1', proto: 'tcp' }, reply: { dst: '10.0.0.1' } },
      matches: [4],
      one: true,
    },
    'a zone of the original direction': { filter: { orig: { zone: 1 }, family: 'ipv4' }, matches: [5, 6], one: false },
    'a zone of the reply direction': { filter: { reply: { zone: 1 }, family: 'ipv4' }, matches: [5, 7], one: false },
    'everything together': {
      filter: {
        family: 'ipv4',
        mark: { value: 0x200, mask: 0xf00 },
        status: ['ASSURED'],
        zone: 0,
        orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 3, dport: 80 },
        reply: { src: '10.0.0.2', proto: 'udp', sport: 80 },
      },
      matches: [3],
      one: true,
    },
    'a prefix': { filter: { orig: { src: '10.0.0.3/31' } }, matches: [12, 14, 15], one: false },
    'a prefix that is the whole address': {
      filter: { orig: { src: '10.0.0.3/32' } },
      matches: [12, 14, 15],
      one: true,
    },
    'a prefix of the reply, and a port': {
      filter: { reply: { dst: '203.0.0.0/8' }, orig: { proto: 'tcp', sport: 9 } },
      matches: [16],
      one: false,
    },
    'every address of a family': {
      filter: { orig: { dst: '0.0.0.0/0' } },
      matches: ALL.filter((n) => ![9, 10, 11, 13].includes(n)),
      one: false,
    },
    'a v6 prefix': { filter: { orig: { src: 'fd00::2/127' } }, matches: [13], one: false },
    'a v6 prefix that is the whole address': { filter: { orig: { src: 'fd00::3/128' } }, matches: [13], one: false },
    'a v6 source': { filter: { orig: { src: 'fd00::1' } }, matches: [9, 10, 11], one: false },
    'a v6 source in a zone': { filter: { orig: { src: 'fd00::1' }, zone: 1 }, matches: [11], one: false },
  };

  describe('a dump filtered by', () => {
    before(async () => {
      resetNamespace();
      await createTable();
    });
    for (const [name, { filter, matches, one }] of Object.entries(FILTERS)) {
      it(name, async () => {
        // The table is made again for each, since every test starts with none.
        await createTable();
        const dumped = (await ct.dump(filter).toArray()).map(({ mark }) => mark! & 0xff);
        expect(sorted(dumped)).to.deep.equal(matches);
        const kernel = await compiledSends(filter);
        expect(kernel, 'what we send is not refused').to.be.an('array');
        const numbers = (kernel as number[]).map((mark) => mark & 0xff);
        if (one) expect(sorted(numbers), 'the kernel alone').to.deep.equal(matches);
        else expect(numbers, 'the kernel leaves nothing out').to.include.members(matches);
        const support = kernelSupport(raw.transport.release);
        expect(new CompiledFilter(filter).forKernel('dump', support).exact).to.equal(one);
      });
    }
  });

  describe('a flush by', () => {
    for (const [name, { filter, matches, one }] of Object.entries(FILTERS)) {
      it(name, async () => {
        await createTable();
        sent = [];
        if (new CompiledFilter(filter).empty) {
          expect(await rejection(ct.flush(filter))).to.be.instanceOf(RangeError);
          expect(sent).to.deep.equal([]);
          expect(await marksLeft()).to.have.length(ALL.length);
          return;
        }
        expect(await ct.flush(filter)).to.equal(one ? undefined : matches.length);
        const deletes = sent.map(said).filter(({ type }) => type === 0x102);
        expect(await marksLeft().then((marks) => sorted(marks.map((mark) => mark & 0xff)))).to.deep.equal(
          ALL.filter((n) => !matches.includes(n)),
        );
        if (one) expect(deletes).to.have.length(1);
        else expect(deletes).to.have.length(matches.length);
        for (const { version, flow } of deletes) {
          if (one) expect(version).to.equal(1);
          else expect(flow.orig).to.include.keys('src', 'dst', 'proto');
        }
      });
    }
  });

  it('agrees with us on filters made at random', async () => {
    const random = new Random(seedFromEnvironment());
    const maybe = <T>(make: () => T, times = 2): T | undefined => (random.oneIn(times) ? make() : undefined);
    const address = (v6: boolean): string => (v6 ? `fd00::${random.between(1, 3)}` : `10.0.0.${random.between(1, 3)}`);
    const tuple = (v6: boolean): TupleInit => {
      const proto = random.pick(['tcp', 'udp', 'udp', 'sctp', v6 ? 'icmpv6' : 'icmp'] as const);
      const icmp = proto === 'icmp' || proto === 'icmpv6';
      return {
        src: address(v6),
        dst: address(v6),
        proto,
        ...(icmp
          ? { icmpType: random.pick(v6 ? [128, 139] : [8, 13]), icmpCode: random.below(2), icmpId: random.below(3) }
          : { sport: random.between(1, 4), dport: random.between(1, 3) }),
        zone: maybe(() => random.between(1, 2), 4),
      };
    };
    const prefixed = (v6: boolean): string => {
      const length = random.oneIn(2) ? random.below(v6 ? 129 : 33) : random.between(30, 32) + (v6 ? 96 : 0);
      return random.oneIn(3) ? `${address(v6)}/${length}` : address(v6);
    };
    const part = (v6: boolean): TupleInit =>
      Object.fromEntries(
        Object.entries({ ...tuple(v6), src: prefixed(v6), dst: prefixed(v6) }).filter(
          ([name, value]) => random.oneIn(name === 'proto' ? 1 : 2) && value !== undefined,
        ),
      );
    const STATUS = ['SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT'] as const;

    for (let n = 1; n <= 120; n++) {
      const v6 = random.oneIn(3);
      const orig = tuple(v6);
      const status = STATUS.slice(0, random.below(4));
      const zone = orig.zone === undefined ? maybe(() => random.below(3)) : undefined;
      try {
        await ct.create({ orig, zone, status, mark: random.below(4), timeout: 600 });
      } catch (error) {
        if (!(error instanceof KernelError) || error.errno !== EEXIST) throw error;
      }
    }
    const flows = await ct.dump().toArray();
    expect(flows).to.have.length.above(60);

    let exact = 0;
    for (let round = 0; round < 400; round++) {
      const v6 = random.oneIn(3);
      const parts: Partial<Filter> = {
        family: maybe(() => (v6 ? 'ipv6' : 'ipv4')),
        mark: maybe(() => ({ value: random.below(4), mask: random.below(8) }), 3),
        status: maybe(() => ({ value: random.below(8) & 6, mask: random.below(8) }), 3),
        zone: maybe(() => random.below(3), 3),
        orig: maybe(() => part(v6)),
        reply: maybe(() => part(v6), 4),
      };
      const filter: Filter = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
      const name = `seed ${random.seed}, round ${round}: ${JSON.stringify(filter)}`;
      const compiled = new CompiledFilter(filter);
      const ours = sorted(flows.filter((flow) => compiled.matches(flow)).map(({ id }) => id!));
      const kernel = compiled.forKernel('dump', kernelSupport(raw.transport.release));
      const theirs: number[] = [];
      await raw.request(buildDump('dump', kernel), {
        sink: { message: (_header, view, offset, end) => theirs.push(decodeFlow(view, offset, end).id!) },
      });
      if (kernel.exact) {
        exact++;
        expect(sorted(theirs), name).to.deep.equal(ours);
      } else {
        expect(theirs, name).to.include.members(ours);
      }
    }
    expect(exact, `seed ${random.seed}`).to.be.above(100);
  });
});
