/**
 * What the kernel does with requests, where that decides what we send: the numbers are those of the notes on
 * ctnetlink's semantics (docs of the project). Whoever sees one of these fail has a kernel that behaves otherwise: look
 * for what relies on it.
 */
import { endianness } from 'node:os';
import { expect } from 'chai';
import type { FlowInit, TupleInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { buildDelete, buildUpdate } from '../../src/ctnetlink/request/flow.ts';
import type { Request } from '../../src/netlink/request.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { nfnlType } from '../../src/nfnetlink/nfgenmsg.ts';
import { writeNfgenmsg } from '../../src/nfnetlink/request.ts';
import { NLA_F_NESTED, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from '../../src/uapi/netlink.ts';
import * as ips from '../../src/uapi/nf_conntrack_common.ts';
import { NFNL_SUBSYS_CTNETLINK_EXP } from '../../src/uapi/nfnetlink.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { written } from '../support/requests.ts';
import { Kernel, message, replied } from '../support/semantics.ts';
import { tracking } from '../support/traffic.ts';

type Proto = TupleInit['proto'];

/** 10.0.0.1:1000+n -> 10.0.0.2:53 with mark n, which distinguishes it from the others. */
function v4(n: number, rest: FlowInit = {}, proto: Proto = 'udp'): FlowInit {
  return {
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto, sport: 1000 + n, dport: 53 },
    timeout: 600,
    mark: n,
    ...rest,
  };
}

function v6(n: number, rest: FlowInit = {}): FlowInit {
  const orig = { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1000 + n, dport: 53 } as const;
  return { orig, timeout: 600, mark: n, ...rest };
}

/** An update of a flow with nothing but its identity and these properties. */
function update({ orig, zone }: FlowInit, rest: FlowInit, options: { raw?: boolean } = {}) {
  const flow = { orig, zone, ...rest };
  return options.raw === true ? message('update', flow) : buildUpdate(Flow.from(flow));
}

/** Creates an expectation. Its tuples are the same nests as a flow's, under the numbers of the flow's. */
function expectation(master: TupleInit, dport: number): Request {
  const tuple = { src: '10.0.0.2', dst: '10.0.0.1', proto: 'tcp', sport: 0, dport } as const;
  const mask = { src: '255.255.255.255', dst: '255.255.255.255', proto: 'tcp', sport: 0, dport: 65535 } as const;
  return written((writer, sequence) => {
    const nest = new Writer();
    flowCodec.write(nest, Flow.from({ orig: mask }));
    const type = nfnlType(NFNL_SUBSYS_CTNETLINK_EXP, cta.IPCTNL_MSG_EXP_NEW);
    const at = writer.beginMessage(type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
    writeNfgenmsg(writer, AF_INET);
    flowCodec.write(writer, Flow.from({ orig: master, reply: tuple }));
    writer.attributeBytes(cta.CTA_EXPECT_MASK | NLA_F_NESTED, nest.finish().subarray(4));
    writer.attributeBe32(cta.CTA_EXPECT_TIMEOUT, 600);
    writer.endMessage(at);
  });
}

const bytes = (...values: number[]): string => Buffer.from(values).toString('hex');
const F = cta; // CTA_FILTER_F_*

describeKernel('semantics of requests', ['conntrack', 'nft'], () => {
  let kernel: Kernel;
  before(async () => {
    kernel = await Kernel.open();
  });
  beforeEach(() => resetNamespace());
  after(() => {
    kernel.close();
    resetNamespace();
  });

  describe('1: DELETE without a tuple is a flush', () => {
    it('of flows, whatever id it names', async () => {
      await kernel.create(v4(1), v6(2), v4(3, { zone: 4 }));
      expect(await kernel.code(message('delete', { id: 12345 }))).to.equal('OK');
      expect(await kernel.marks()).to.deep.equal([]);
    });

    it('but with a tuple, and a family without any, of that only', async () => {
      await kernel.create(v4(1), v6(2));
      expect(await kernel.code(buildDelete(Flow.from(v4(1))))).to.equal('OK');
      expect(await kernel.marks()).to.deep.equal([2]);
    });

    it('of expectations too, of both families', async () => {
      tracking();
      // Of each flow: the ftp helper has one expectation at a time, a second takes its place.
      for (const n of [1, 2]) {
        const master = v4(n, { tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } }, 'tcp');
        await kernel.create(master);
        expect(await kernel.code(expectation(master.orig!, 3000 + n))).to.equal('OK');
      }
      const expectations = (): number => sh('conntrack', '-L', 'expect').split('\n').length - 1;
      expect(expectations()).to.equal(2);
      const flush = written((writer, sequence) => {
        const type = nfnlType(NFNL_SUBSYS_CTNETLINK_EXP, cta.IPCTNL_MSG_EXP_DELETE);
        const at = writer.beginMessage(type, NLM_F_REQUEST | NLM_F_ACK, sequence);
        writeNfgenmsg(writer, AF_INET6);
        writer.attributeBe32(cta.CTA_EXPECT_ID, 12345);
        writer.endMessage(at);
      });
      expect(await kernel.code(flush)).to.equal('OK');
      expect(expectations()).to.equal(0);
    });
  });

  describe('3: a flush honours the family only with version 1', () => {
    beforeEach(async () => await kernel.create(v4(1), v6(2), v4(3)));

    it('version 0 empties both families', async () => {
      expect(await kernel.code(message('flush', {}, { family: AF_INET6, version: 0 }))).to.equal('OK');
      expect(await kernel.marks()).to.deep.equal([]);
    });

    it('version 1 empties one', async () => {
      expect(await kernel.code(message('flush', {}, { family: AF_INET6, version: 1 }))).to.equal('OK');
      expect(await kernel.marks()).to.deep.equal([1, 3]);
    });

    it('a mark filter works with version 0', async () => {
      expect(await kernel.code(message('flush', { mark: 3, markMask: 0xffffffff }, { version: 0 }))).to.equal('OK');
      expect(await kernel.marks()).to.deep.equal([1, 2]);
    });
  });

  it('5: a dump ignores a tuple without CTA_FILTER, and a mark mask without a mark', async () => {
    await kernel.create(v4(1), v4(2));
    expect(await kernel.marks({ orig: v4(1).orig }, { family: AF_INET })).to.deep.equal([1, 2]);
    expect(await kernel.marks({ markMask: 1 })).to.deep.equal([1, 2]);
    expect(await kernel.marks({ mark: 1, markMask: 1 })).to.deep.equal([1]);
  });

  describe('6: byte order', () => {
    it('CTA_FILTER flags are host order', async () => {
      await kernel.create(v4(1), { ...v4(2), orig: { ...v4(2).orig, src: '10.0.0.9' } });
      const orig = { src: '10.0.0.9' };
      const host = { origFlags: F.CTA_FILTER_F_CTA_IP_SRC, replyFlags: 0 };
      expect(await kernel.marks({ orig, filter: host }, { family: AF_INET })).to.deep.equal([2]);
      const swapped = { origFlags: F.CTA_FILTER_F_CTA_IP_SRC << 24, replyFlags: 0 };
      expect(await kernel.marks({ orig, filter: swapped }, { family: AF_INET })).to.equal('EINVAL');
    });

    it('TCP flags are two bytes; the second selects the bits of the first that count', async () => {
      const flow = v4(1, { tcp: { state: 'ESTABLISHED' } }, 'tcp');
      await kernel.create(flow);
      const flags = async (): Promise<number | undefined> => (await kernel.get(flow))?.tcp?.flagsOrig;
      const before = (await flags())!;
      const liberal = 0x08; // IP_CT_TCP_FLAG_BE_LIBERAL
      await kernel.code(update(flow, { tcp: { flagsOrig: liberal, maskOrig: 0 } }));
      expect(await flags()).to.equal(before);
      await kernel.code(update(flow, { tcp: { flagsOrig: liberal, maskOrig: liberal } }));
      expect(await flags()).to.equal(before | liberal);
      await kernel.code(update(flow, { tcp: { flagsOrig: 0, maskOrig: liberal } }));
      expect(await flags()).to.equal(before & ~liberal);
    });

    it('labels are words of host order', async () => {
      tracking();
      await kernel.create(v4(1, { labels: [1, 32, 127] }));
      const raw = (await kernel.reply(v4(1)))!.attributes.get(cta.CTA_LABELS)!;
      const words = new Uint32Array(raw.slice().buffer);
      // The kernel's unsigned long is 64 bits wide: on a big-endian machine the words of each are exchanged.
      const [low, high] = endianness() === 'LE' ? [0, 1] : [1, 0];
      expect(words[low]).to.equal(2);
      expect(words[high]).to.equal(1);
      expect(words[2 + high]).to.equal(0x80000000);
    });
  });

  describe('7: CTA_FILTER', () => {
    const ask = async (orig: TupleInit, origFlags: number, family: number = AF_INET) =>
      await kernel.marks({ orig, filter: { origFlags, replyFlags: 0 } }, { family });

    it('needs a family', async () => {
      await kernel.create(v4(1));
      expect(await ask({ src: '10.0.0.1' }, F.CTA_FILTER_F_CTA_IP_SRC, AF_UNSPEC)).to.equal('EOPNOTSUPP');
      expect(await ask({ src: '10.0.0.1' }, F.CTA_FILTER_F_CTA_IP_SRC)).to.deep.equal([1]);
    });

    it('needs the protocol flag with ports and ICMP fields', async () => {
      expect(await ask({ proto: 'udp', sport: 1001 }, F.CTA_FILTER_F_CTA_PROTO_SRC_PORT)).to.equal('EINVAL');
      const icmp = { proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 1 } as const;
      expect(await ask(icmp, F.CTA_FILTER_F_CTA_PROTO_ICMP_TYPE)).to.equal('EINVAL');
    });

    it('compares ports of TCP and UDP only', async () => {
      await kernel.create(v4(1), v4(2), v4(3, {}, 'sctp'), v4(4, {}, 'sctp'));
      const flags = F.CTA_FILTER_F_CTA_PROTO_NUM | F.CTA_FILTER_F_CTA_PROTO_SRC_PORT;
      expect(await ask({ proto: 'udp', sport: 1001 }, flags)).to.deep.equal([1]);
      expect(await ask({ proto: 'sctp', sport: 1003 }, flags)).to.deep.equal([3, 4]);
    });

    it('refuses a flag without its attribute', async () => {
      expect(await ask({ proto: 'udp' }, F.CTA_FILTER_F_CTA_IP_SRC)).to.equal('EINVAL');
      expect(await ask({ src: '10.0.0.1' }, F.CTA_FILTER_F_CTA_PROTO_NUM)).to.equal('EINVAL');
    });
  });

  it('8: of a status filter the mask defaults to the value; mark bits outside of the mask never match', async () => {
    await kernel.create(v4(1), v4(2, { status: ['SEEN_REPLY'] }), v4(5, { status: ['SEEN_REPLY', 'ASSURED'] }));
    expect(await kernel.marks({ status: ips.IPS_SEEN_REPLY })).to.deep.equal([2, 5]);
    expect(await kernel.marks({ status: 0 })).to.equal('EINVAL');
    expect(await kernel.marks({ status: 0, statusMask: ips.IPS_SEEN_REPLY })).to.deep.equal([1]);
    expect(
      await kernel.marks({ status: ips.IPS_SEEN_REPLY, statusMask: ips.IPS_SEEN_REPLY | ips.IPS_ASSURED }),
    ).to.deep.equal([2]);
    expect(await kernel.marks({ mark: 1, markMask: 3 })).to.deep.equal([1, 5]);
    expect(await kernel.marks({ mark: 5, markMask: 3 })).to.deep.equal([]);
  });

  it('10: create needs both tuples of one protocol and a timeout; update needs the flow', async () => {
    const { orig, timeout } = v4(1);
    const reply = { src: '10.0.0.2', dst: '10.0.0.1', proto: 'udp', sport: 53, dport: 1001 } as const;
    expect(await kernel.code(message('create', { orig, timeout }))).to.equal('EINVAL');
    expect(await kernel.code(message('create', { reply, timeout }, { family: AF_INET }))).to.equal('EINVAL');
    expect(await kernel.code(message('create', { orig, reply }))).to.equal('EINVAL');
    expect(await kernel.code(message('create', { orig, reply: { ...reply, proto: 'tcp' }, timeout }))).to.equal(
      'EINVAL',
    );
    expect(await kernel.code(update(v4(1), { mark: 1 }))).to.equal('ENOENT');
    expect(await kernel.code(message('create', { orig, reply, timeout }))).to.equal('OK');
    expect(await kernel.code(message('create', { orig, reply, timeout }))).to.equal('EEXIST');
    expect(await kernel.code(message('createOrUpdate', { orig, reply, timeout }))).to.equal('OK');
  });

  it('11: status bits can be set, not cleared', async () => {
    const { IPS_CONFIRMED, IPS_SEEN_REPLY, IPS_FIXED_TIMEOUT, IPS_NAT_MASK, IPS_OFFLOAD } = ips;
    await kernel.create(v4(1));
    const set = async (status: number): Promise<string> => await kernel.code(update(v4(1), { status }, { raw: true }));
    const status = async (): Promise<number> => (await kernel.get(v4(1)))!.status!;
    const initial = await status();
    expect(initial & (IPS_CONFIRMED | IPS_SEEN_REPLY)).to.equal(IPS_CONFIRMED);
    expect(await set(IPS_SEEN_REPLY)).to.equal('EBUSY');
    expect(await set(IPS_CONFIRMED | IPS_SEEN_REPLY)).to.equal('OK');
    expect(await status()).to.equal(initial | IPS_SEEN_REPLY);
    expect(await set(IPS_CONFIRMED)).to.equal('EBUSY');
    expect(await set(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_NAT_MASK | IPS_OFFLOAD)).to.equal('OK');
    expect(await status()).to.equal(initial | IPS_SEEN_REPLY);

    expect(await set(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_FIXED_TIMEOUT)).to.equal('OK');
    expect(await set(IPS_CONFIRMED | IPS_SEEN_REPLY)).to.equal('OK');
    expect(await status()).to.equal(initial | IPS_SEEN_REPLY | IPS_FIXED_TIMEOUT);
    expect(await kernel.code(update(v4(1), { timeout: 7 }))).to.equal('EPERM');
  });

  it('12: NAT and master only at creation; NAT is never dumped', async () => {
    const { CTA_NAT_SRC, CTA_NAT_DST } = cta;
    await kernel.create(
      v4(1),
      v4(2, { snat: { minAddress: '203.0.113.1' }, dnat: { minAddress: '203.0.113.2', minPort: 5353 } }),
    );
    expect(await kernel.code(update(v4(1), { snat: { minAddress: '203.0.113.1' } }))).to.equal('EOPNOTSUPP');
    expect(await kernel.code(update(v4(1), { dnat: { minAddress: '203.0.113.1' } }))).to.equal('EOPNOTSUPP');
    expect(await kernel.code(update(v4(1), { master: v4(2).orig }))).to.equal('EOPNOTSUPP');

    const reply = (await kernel.reply(v4(2)))!;
    expect(reply.attributes).not.to.include.keys(CTA_NAT_SRC).and.not.include.keys(CTA_NAT_DST);
    expect(reply.flow.reply).to.include({ src: '203.0.113.2', dst: '203.0.113.1', sport: 5353, dport: 1002 });
    expect(reply.flow.status! & ips.IPS_NAT_MASK).to.equal(ips.IPS_NAT_MASK);
  });

  it('13: a helper only at creation, under its NUL-terminated name', async () => {
    tracking();
    const tcp = { state: 'ESTABLISHED' } as const;
    await kernel.create(v4(1, { tcp }, 'tcp'), v4(2, { tcp, helper: { name: 'ftp' } }, 'tcp'));
    const set = async (n: number, name: string) => await kernel.code(update(v4(n, {}, 'tcp'), { helper: { name } }));
    expect(await set(1, 'ftp')).to.equal('EOPNOTSUPP');
    expect(await set(2, 'ftp')).to.equal('OK');
    expect(await set(2, 'sip')).to.equal('EBUSY');
    expect(await set(1, 'nosuch')).to.equal('EOPNOTSUPP');
    expect(await kernel.code(message('create', replied(v4(3, { helper: { name: 'nosuch' } }, 'tcp'))))).to.equal(
      'EOPNOTSUPP',
    );

    const name = (...ending: number[]) => [
      { path: ['CTA_HELP'], type: cta.CTA_HELP_NAME, value: bytes(...Buffer.from('ftp'), ...ending) },
    ];
    expect(await kernel.code(message('create', replied(v4(4, { unknown: name() }, 'tcp'))))).to.equal('EINVAL');
    expect(await kernel.code(message('create', replied(v4(4, { unknown: name(0) }, 'tcp'))))).to.equal('OK');

    expect((await kernel.get(v4(2, {}, 'tcp')))!.helper?.name).to.equal('ftp');
    expect(await set(2, '')).to.equal('OK');
    expect((await kernel.get(v4(2, {}, 'tcp')))!.helper).to.equal(undefined);
  });

  it('14: a mark update is (old & ~mask) ^ value', async () => {
    await kernel.create(v4(1, { mark: 0xff }));
    const mark = async (value: number, markMask?: number): Promise<number | undefined> => {
      expect(
        await kernel.code(update(v4(1), { mark: value, ...(markMask === undefined ? {} : { markMask }) })),
      ).to.equal('OK');
      return (await kernel.get(v4(1)))!.mark;
    };
    expect(await mark(0x10, 0xf0)).to.equal(0x1f);
    expect(await mark(0x03, 0x00)).to.equal(0x1c);
    expect(await mark(0x80000000)).to.equal(0x80000000);
  });

  it('15: labels need a ruleset with labels, whole words and a mask as long', async () => {
    await kernel.create(v4(1));
    expect(await kernel.code(update(v4(1), { labels: [1] }))).to.equal('ENOSPC');
    // A creation is not refused: the labels are dropped.
    await kernel.create(v4(3, { labels: [1] }));
    expect((await kernel.reply(v4(3)))!.attributes).not.to.include.keys(cta.CTA_LABELS);
    tracking();
    // What is older than the rule has no room.
    expect(await kernel.code(update(v4(3), { labels: [1] }))).to.equal('ENOSPC');
    await kernel.create(v4(2));
    expect(await kernel.code(update(v4(2), { labels: [] }))).to.equal('OK');
    expect((await kernel.reply(v4(2)))!.attributes).not.to.include.keys(cta.CTA_LABELS);
    expect(await kernel.code(update(v4(2), { labels: [1, 5] }))).to.equal('OK');
    expect((await kernel.get(v4(2)))!.labels).to.deep.equal([1, 5]);
    expect(await kernel.code(update(v4(2), { labels: [6], labelsMask: [5, 6] }))).to.equal('OK');
    expect((await kernel.get(v4(2)))!.labels).to.deep.equal([1, 6]);

    const raw = async (labels: number[], mask?: number[]) => {
      const unknown = [{ path: [], type: cta.CTA_LABELS, value: bytes(...labels) }];
      if (mask !== undefined) unknown.push({ path: [], type: cta.CTA_LABELS_MASK, value: bytes(...mask) });
      return await kernel.code(update(v4(2), { unknown }));
    };
    expect(await raw([1, 0, 0])).to.equal('EINVAL');
    expect(await raw([1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0])).to.equal('EINVAL');
    expect(await raw([1, 0, 0, 0], [1, 0, 0, 0])).to.equal('OK');
    expect(await raw([1, 0, 0, 0], [])).to.equal('EINVAL');
    expect(await raw(new Array(20).fill(0))).to.equal('ERANGE');
  });

  it('16: zones must not contradict each other; zone 0 is never emitted', async () => {
    const { orig, timeout } = v4(1);
    const reply = { src: '10.0.0.2', dst: '10.0.0.1', proto: 'udp', sport: 53, dport: 1001 } as const;
    const zoned = (origZone?: number, replyZone?: number, zone?: number): FlowInit => {
      return { orig: { ...orig, zone: origZone }, reply: { ...reply, zone: replyZone }, timeout, zone };
    };
    expect(await kernel.code(message('create', zoned(2, undefined, 1)))).to.equal('EINVAL');
    expect(await kernel.code(message('create', zoned(undefined, 2, 2)))).to.equal('EINVAL');
    expect(await kernel.code(message('create', zoned(2, 2)))).to.equal('EINVAL');
    expect(await kernel.code(message('create', zoned(undefined, undefined, 0)))).to.equal('OK');
    expect((await kernel.reply(v4(1)))!.attributes).not.to.include.keys(cta.CTA_ZONE);
    expect(await kernel.code(message('create', replied(v4(2, { zone: 3 }))))).to.equal('OK');
    expect((await kernel.get(v4(2, { zone: 3 })))!.zone).to.equal(3);
    expect(await kernel.get(v4(2))).to.equal(undefined);
  });

  it('17: timeout 0 kills the flow, huge ones are clamped', async () => {
    await kernel.create(v4(1), v4(2));
    // As it is: buildUpdate refuses it.
    expect(await kernel.code(update(v4(1), { timeout: 0 }, { raw: true }))).to.equal('OK');
    expect(await kernel.marks()).to.deep.equal([2]);
    expect(await kernel.code(update(v4(2), { timeout: 0xffffffff }))).to.equal('OK');
    // INT_MAX jiffies, at 1,000 to 100 of them a second.
    expect((await kernel.get(v4(2)))!.timeout).to.be.within(2_147_482, 21_474_836);
  });

  it('18: ranges of TCP and ICMP', async () => {
    // IP_CT_TCP_FLAG_WINDOW_SCALE: window scales count only when both directions have it.
    const scaled = { flagsOrig: 1, maskOrig: 1, flagsReply: 1, maskReply: 1 };
    const flow = v4(1, { tcp: { state: 'ESTABLISHED', wscaleOrig: 3, wscaleReply: 4 } }, 'tcp');
    await kernel.create(flow);
    expect((await kernel.get(flow))!.tcp).to.include({ wscaleOrig: 0, wscaleReply: 0 });
    const set = async (tcp: FlowInit['tcp']): Promise<string> => await kernel.code(update(flow, { tcp }));
    expect(await set({ state: 200 })).to.equal('ERANGE');
    expect(await set({ wscaleOrig: 20, wscaleReply: 1 })).to.equal('ERANGE');
    expect(await set({ ...scaled, wscaleOrig: 3, wscaleReply: 4 })).to.equal('OK');
    expect((await kernel.get(flow))!.tcp).to.include({ wscaleOrig: 3, wscaleReply: 4 });
    expect(await set({ wscaleOrig: 14 })).to.equal('OK');
    expect((await kernel.get(flow))!.tcp).to.include({ wscaleOrig: 3, wscaleReply: 4 });
    expect(await set({ wscaleOrig: 14, wscaleReply: 0 })).to.equal('OK');
    expect((await kernel.get(flow))!.tcp).to.include({ wscaleOrig: 14, wscaleReply: 0 });
    const unknown = [{ path: ['CTA_PROTOINFO'], type: cta.CTA_PROTOINFO_TCP, value: '' }];
    expect(await kernel.code(update(flow, { unknown }))).to.equal('OK');

    const icmp = (icmpType: number): FlowInit => ({
      orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpType, icmpCode: 0, icmpId: 1 },
      timeout: 600,
    });
    expect(await kernel.code(message('create', replied(icmp(8))))).to.equal('OK');
    expect(await kernel.code(message('create', replied(icmp(3))))).to.equal('EINVAL');
    expect(await kernel.code(message('create', replied(icmp(200))))).to.equal('EINVAL');
  });

  it('19: DCCP is tracked without its ports since it is gone from the kernel', async function () {
    if (kernel.olderThan(6, 16)) this.skip();
    const flow = v4(1, { dccp: { state: 'OPEN', role: 'CLIENT', handshakeSeq: 1n } }, 'dccp');
    await kernel.create(flow);
    const [{ flow: dumped }] = (await kernel.dump()).messages;
    expect([dumped.orig.sport, dumped.orig.dport]).to.deep.equal([undefined, undefined]);
    expect(dumped.dccp).to.equal(undefined);
  });

  it('20: a delete with another id is ENOENT', async () => {
    await kernel.create(v4(1));
    const { id } = (await kernel.get(v4(1)))!;
    expect(await kernel.code(buildDelete(Flow.from({ ...v4(1), id: (id! ^ 1) >>> 0 })))).to.equal('ENOENT');
    expect(await kernel.marks()).to.deep.equal([1]);
    expect(await kernel.code(buildDelete(Flow.from({ ...v4(1), id })))).to.equal('OK');
  });

  it('20: a flow created again may have the id of the one before', async () => {
    // The id is a hash of the tuple and of where the entry lies, and the allocator gives out first what was freed last.
    const ids = new Set<number | undefined>();
    for (let n = 0; n < 50; n++) {
      await kernel.create(v4(1));
      ids.add((await kernel.get(v4(1)))!.id);
      expect(await kernel.code(buildDelete(Flow.from(v4(1))))).to.equal('OK');
    }
    expect(ids.size).to.be.below(50);
  });
});
