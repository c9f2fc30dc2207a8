/** Everything that Conntrack does, against the real kernel; conntrack(8) is the witness that it happened. */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import type { Flow } from '../../src/ctnetlink/flow.ts';
import { code } from '../support/code.ts';
import { describeKernel, resetNamespace, sh, sysctl } from '../support/kernel.ts';
import { tcpConnection, tracking } from '../support/traffic.ts';

const UDP = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'udp', sport: 1000, dport: 53 } as const;
const TCP = { ...UDP, proto: 'tcp', dport: 80 } as const;
const UDP6 = { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1000, dport: 53 } as const;
const TCP6 = { ...UDP6, proto: 'tcp', dport: 80 } as const;

/** What conntrack(8) lists of both families. */
function witness(): string[] {
  return ['ipv4', 'ipv6'].flatMap((family) =>
    sh('conntrack', '-L', '-f', family)
      .split('\n')
      .filter((line) => line !== ''),
  );
}

interface Case {
  init: FlowInit;
  /** What the one line of conntrack(8) contains. */
  lists: (string | RegExp)[];
  /** What our dump has of it, as JSON; what it was created with where not given. */
  dumps?: Record<string, unknown>;
}

describeKernel('Conntrack on the kernel', ['conntrack', 'nft'], () => {
  let ct: Conntrack;
  beforeEach(async () => {
    resetNamespace();
    ct = await Conntrack.open();
  });
  afterEach(async () => await ct?.close());
  after(() => resetNamespace());

  /** The only flow. */
  async function only(): Promise<Record<string, unknown>> {
    const flows = await ct.dump().toArray();
    expect(flows).to.have.length(1);
    return flows[0].toJSON();
  }

  describe('creates', () => {
    const cases: Record<string, Case> = {
      'the least that there is': {
        init: { orig: UDP, timeout: 600 },
        lists: [
          /^udp {6}17 (600|[345]\d\d) src=10\.0\.0\.1 dst=10\.1\.0\.1 sport=1000 dport=53 \[UNREPLIED\] src=10\.1\.0\.1 /,
        ],
        dumps: { mark: 0, status: ['CONFIRMED'] },
      },
      'a reply that is not the inverted original': {
        init: {
          orig: UDP,
          reply: { src: '10.1.0.9', dst: '10.0.0.8', proto: 'udp', sport: 5, dport: 6 },
          timeout: 600,
        },
        lists: ['src=10.1.0.9 dst=10.0.0.8 sport=5 dport=6'],
        dumps: { reply: { family: 'ipv4', src: '10.1.0.9', dst: '10.0.0.8', proto: 'udp', sport: 5, dport: 6 } },
      },
      'a mark': { init: { orig: UDP, timeout: 600, mark: 0xdeadbeef }, lists: ['mark=3735928559'] },
      'status bits': {
        init: { orig: UDP, timeout: 600, status: ['SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT'] },
        lists: ['[ASSURED]', /^(?!.*UNREPLIED)/],
        dumps: { status: ['SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'FIXED_TIMEOUT'] },
      },
      IPv6: {
        init: { orig: UDP6, timeout: 600, mark: 5 },
        lists: ['src=fd00::1 dst=fd00::2 sport=1000 dport=53', 'mark=5'],
      },
      'window scales and flags of TCP': {
        init: {
          orig: TCP,
          timeout: 600,
          tcp: {
            state: 'ESTABLISHED',
            wscaleOrig: 3,
            wscaleReply: 14,
            flagsOrig: 0x0b,
            maskOrig: 0x0b,
            flagsReply: 0x09,
            maskReply: 0x0f,
          },
        },
        lists: ['tcp      6', 'ESTABLISHED'],
        dumps: {
          tcp: {
            state: 'ESTABLISHED',
            wscaleOrig: 3,
            wscaleReply: 14,
            flagsOrig: 0x0b,
            maskOrig: 0,
            flagsReply: 0x09,
            maskReply: 0,
          },
        },
      },
      'SCTP verification tags': {
        init: {
          orig: { ...UDP, proto: 'sctp' },
          timeout: 600,
          sctp: { state: 'COOKIE_ECHOED', vtagOrig: 0x12345678, vtagReply: 0xfffffffe },
        },
        lists: ['sctp     132', 'COOKIE_ECHOED'],
      },
      'UDP-Lite': { init: { orig: { ...UDP, proto: 'udplite' }, timeout: 600 }, lists: ['udplite  136'] },
      'a ping': {
        init: {
          orig: { src: '10.0.0.1', dst: '10.1.0.1', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 4711 },
          timeout: 600,
        },
        lists: ['icmp     1', 'type=8 code=0 id=4711', 'type=0 code=0 id=4711'],
        dumps: {
          reply: {
            ...{ family: 'ipv4', src: '10.1.0.1', dst: '10.0.0.1', proto: 'icmp' },
            ...{ icmpType: 0, icmpCode: 0, icmpId: 4711 },
          },
        },
      },
      'a timestamp request': {
        init: {
          orig: { src: '10.0.0.1', dst: '10.1.0.1', proto: 'icmp', icmpType: 13, icmpCode: 0, icmpId: 65535 },
          timeout: 600,
        },
        lists: ['type=13 code=0 id=65535', 'type=14 code=0 id=65535'],
      },
      'a ping of IPv6': {
        init: {
          orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 1 },
          timeout: 600,
        },
        lists: ['icmpv6   58', 'type=128 code=0 id=1', 'type=129 code=0 id=1'],
      },
      'a node information query of IPv6': {
        init: {
          orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'icmpv6', icmpType: 139, icmpCode: 1, icmpId: 0 },
          timeout: 600,
        },
        lists: ['type=139 code=1 id=0', 'type=140 code=1 id=0'],
      },
      'GRE keys': {
        init: { orig: { ...UDP, proto: 'gre', sport: 0x10, dport: 0xffff }, timeout: 600 },
        lists: ['gre      47', 'srckey=0x10 dstkey=0xffff', 'srckey=0xffff dstkey=0x10'],
      },
      'a protocol without a tracker': {
        init: { orig: { src: '10.0.0.1', dst: '10.1.0.1', proto: 89 }, timeout: 600 },
        lists: [/^unknown {2}89 \d+ src=10\.0\.0\.1 dst=10\.1\.0\.1 \[UNREPLIED\]/],
      },
      'a zone': { init: { orig: UDP, timeout: 600, zone: 65535 }, lists: ['zone=65535'] },
      'a zone of the original direction': {
        init: { orig: { ...UDP, zone: 6 }, timeout: 600 },
        lists: ['zone-orig=6'],
      },
      'a zone of the reply direction': {
        init: {
          orig: UDP,
          reply: { src: UDP.dst, dst: UDP.src, proto: 'udp', sport: 53, dport: 1000, zone: 7 },
          timeout: 600,
        },
        lists: ['zone-reply=7'],
      },
      'SNAT to an address': {
        init: { orig: TCP, timeout: 600, tcp: { state: 'SYN_SENT' }, snat: { minAddress: '203.0.113.1' } },
        lists: ['src=10.1.0.1 dst=203.0.113.1'],
        dumps: { status: ['CONFIRMED', 'SRC_NAT', 'SRC_NAT_DONE', 'DST_NAT_DONE'] },
      },
      'SNAT to a range of ports': {
        init: {
          orig: UDP,
          timeout: 600,
          snat: { minAddress: '203.0.113.1', maxAddress: '203.0.113.1', minPort: 5000, maxPort: 5000 },
        },
        lists: ['dst=203.0.113.1 sport=53 dport=5000'],
      },
      'SNAT to a range of addresses': {
        init: { orig: UDP, timeout: 600, snat: { minAddress: '203.0.113.4', maxAddress: '203.0.113.7' } },
        lists: [/src=10\.1\.0\.1 dst=203\.0\.113\.[4-7] sport=53 dport=1000/],
      },
      'SNAT to a range that has a free port': {
        init: { orig: UDP, timeout: 600, snat: { minAddress: '203.0.113.4', minPort: 2000, maxPort: 2003 } },
        lists: [/dst=203\.0\.113\.4 sport=53 dport=200[0-3]/],
      },
      'DNAT to address and port': {
        init: {
          orig: TCP,
          timeout: 600,
          tcp: { state: 'SYN_SENT' },
          dnat: { minAddress: '203.0.113.2', minPort: 8080 },
        },
        lists: ['src=203.0.113.2 dst=10.0.0.1 sport=8080 dport=1000'],
        dumps: { status: ['CONFIRMED', 'DST_NAT', 'SRC_NAT_DONE', 'DST_NAT_DONE'] },
      },
      'DNAT to a range': {
        init: {
          orig: TCP,
          timeout: 600,
          tcp: { state: 'SYN_SENT' },
          dnat: { minAddress: '203.0.113.2', maxAddress: '203.0.113.3', minPort: 8080, maxPort: 8081 },
        },
        lists: [/src=203\.0\.113\.[23] dst=10\.0\.0\.1 sport=808[01] dport=1000/],
      },
      both: {
        init: { orig: UDP, timeout: 600, snat: { minAddress: '203.0.113.1' }, dnat: { minAddress: '203.0.113.2' } },
        lists: ['src=203.0.113.2 dst=203.0.113.1 sport=53 dport=1000'],
      },
      'SNAT of IPv6': {
        init: { orig: TCP6, timeout: 600, tcp: { state: 'SYN_SENT' }, snat: { minAddress: '2001:db8::1', minPort: 7 } },
        lists: ['src=fd00::2 dst=2001:db8::1 sport=80 dport=7'],
      },
      'DNAT of IPv6 to a range': {
        init: {
          orig: UDP6,
          timeout: 600,
          dnat: { minAddress: '2001:db8::2', maxAddress: '2001:db8::3', minPort: 5353, maxPort: 5353 },
        },
        lists: [/src=2001:db8::[23] dst=fd00::1 sport=5353 dport=1000/],
      },
      'sequence adjustment': {
        init: {
          orig: TCP,
          timeout: 600,
          tcp: { state: 'ESTABLISHED' },
          seqadjOrig: { correctionPos: 0x80000001, offsetBefore: 5, offsetAfter: 0xfffffffd },
          seqadjReply: { correctionPos: 7, offsetBefore: 8, offsetAfter: 9 },
        },
        lists: ['ESTABLISHED'],
        dumps: {
          status: ['CONFIRMED', 'SEQ_ADJUST'],
          seqadjOrig: { correctionPos: 0x80000001, offsetBefore: 5, offsetAfter: 0xfffffffd },
          seqadjReply: { correctionPos: 7, offsetBefore: 8, offsetAfter: 9 },
        },
      },
      SYNPROXY: {
        init: {
          orig: TCP,
          timeout: 600,
          tcp: { state: 'ESTABLISHED' },
          synproxy: { isn: 0xffffffff, its: 2, tsoff: 3 },
        },
        lists: ['ESTABLISHED'],
      },
    };
    for (const state of [
      ...['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT'],
      ...['CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE', 'SYN_SENT2'],
    ] as const) {
      cases[`TCP in state ${state}`] = { init: { orig: TCP, timeout: 600, tcp: { state } }, lists: [` ${state} `] };
    }
    for (const state of [
      ...['NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED'],
      ...['SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT'],
    ] as const) {
      cases[`SCTP in state ${state}`] = {
        init: { orig: { ...UDP, proto: 'sctp' }, timeout: 600, sctp: { state, vtagOrig: 1, vtagReply: 2 } },
        // conntrack 1.4.7 does not know the last by name.
        lists: state === 'HEARTBEAT_SENT' ? ['sctp'] : [` ${state} `],
      };
    }
    for (const [name, { init, lists, dumps }] of Object.entries(cases)) {
      it(name, async () => {
        await ct.create(init);
        const lines = witness();
        expect(lines).to.have.length(1);
        for (const text of lists) {
          if (typeof text === 'string') expect(lines[0]).to.contain(text);
          else expect(lines[0]).to.match(text);
        }
        const dumped = await only();
        // Seconds pass.
        expect(dumped.timeout).to.be.within(300, 600);
        const { timeout: _timeout, orig, snat: _snat, dnat: _dnat, tcp, sctp, ...rest } = init;
        expect(dumped.orig).to.deep.include(orig);
        if (dumps?.tcp === undefined && tcp !== undefined) expect(dumped.tcp).to.include(tcp);
        if (sctp !== undefined) expect(dumped.sctp).to.deep.equal(sctp);
        for (const [key, value] of Object.entries({ ...rest, ...dumps })) {
          if (key === 'reply') expect(dumped.reply).to.deep.include(value as object);
          else expect(dumped[key], key).to.deep.equal(value);
        }
        // And so says get.
        const { timeout: _left, ...got } = (await ct.get(init))!.toJSON();
        const { timeout: _then, ...was } = dumped;
        expect(got).to.deep.equal({ ...was, use: got.use });
        await ct.delete(init);
        expect(witness()).to.deep.equal([]);
      });
    }

    it('labels, where a ruleset has some', async () => {
      // Elsewhere the kernel drops them; only of an update it says ENOSPC.
      const dropped = await ct.create({ orig: UDP, timeout: 600, labels: [1] }).catch((error: unknown) => error);
      expect(dropped).to.include({ code: 'ERR_LABELS' });
      expect((await only()).labels).to.equal(undefined);
      await ct.flushAll();
      tracking();
      await ct.create({ orig: UDP, timeout: 600, labels: [0, 31, 32, 64, 127] });
      expect((await only()).labels).to.deep.equal([0, 31, 32, 64, 127]);
    });

    it('a helper', async () => {
      tracking();
      const ftp = { ...TCP, dport: 21 };
      await ct.create({ orig: ftp, timeout: 600, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } });
      expect((await only()).helper).to.deep.include({ name: 'ftp' });
      expect(witness()[0]).to.contain('helper=ftp');
      expect(await code(ct.create({ orig: TCP, timeout: 600, helper: { name: 'nosuch' } }))).to.equal('EOPNOTSUPP');
    });

    it('a flow that another expected', async () => {
      tracking();
      const ftp = { ...TCP, dport: 21 };
      const data = { ...TCP, sport: 1001, dport: 20 };
      await ct.create({ orig: ftp, timeout: 600, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } });
      await ct.create({ orig: data, timeout: 600, tcp: { state: 'SYN_SENT' }, master: ftp });
      const child = (await ct.get({ orig: data }))!.toJSON();
      expect(child.master).to.deep.include(ftp);
      expect(child.status).to.deep.equal(['EXPECTED', 'CONFIRMED']);
      expect(await code(ct.create({ orig: { ...data, sport: 1 }, timeout: 1, master: { ...ftp, sport: 9 } }))).to.equal(
        'ENOENT',
      );
      // With its master it goes.
      await ct.delete({ orig: ftp });
    });

    it('no flow twice', async () => {
      await ct.create({ orig: UDP, timeout: 600 });
      expect(await code(ct.create({ orig: UDP, timeout: 600 }))).to.equal('EEXIST');
      // Each zone has its own.
      await ct.create({ orig: UDP, timeout: 600, zone: 1 });
      expect(witness()).to.have.length(2);
    });

    it('what was dumped elsewhere: everything that there is of a flow', async () => {
      tracking();
      await ct.create({
        orig: TCP,
        timeout: 600,
        mark: 7,
        labels: [3],
        zone: 4,
        status: ['SEEN_REPLY', 'ASSURED'],
        tcp: { state: 'ESTABLISHED', wscaleOrig: 2, wscaleReply: 3 },
        helper: { name: 'ftp' },
      });
      const [flow] = await ct.dump().toArray();
      const before = flow.toJSON();
      await ct.flushAll();
      await ct.create(flow);
      const after = await only();
      for (const key of ['orig', 'reply', 'mark', 'labels', 'zone', 'tcp', 'helper', 'status'] as const)
        expect(after[key], key).to.deep.equal(before[key]);
    });
  });

  describe('updates', () => {
    const flow: FlowInit = { orig: TCP, timeout: 600, mark: 0xff, tcp: { state: 'SYN_SENT' } };
    beforeEach(async () => await ct.create(flow));

    const changed = async (change: Omit<FlowInit, 'orig'>): Promise<Record<string, unknown>> => {
      await ct.update({ orig: TCP, ...change });
      return await only();
    };

    it('the mark, whole or by a mask', async () => {
      expect((await changed({ mark: 0x10 })).mark).to.equal(0x10);
      expect((await changed({ mark: 0x0a, markMask: 0x0f })).mark).to.equal(0x1a);
      expect((await changed({ mark: 0, markMask: 0xf0 })).mark).to.equal(0x0a);
      expect(witness()[0]).to.contain('mark=10');
      expect((await changed({ mark: 0xffffffff })).mark).to.equal(0xffffffff);
      expect((await changed({ mark: 0 })).mark).to.equal(0);
    });

    it('the timeout', async () => {
      expect((await changed({ timeout: 1200 })).timeout).to.be.within(900, 1200);
      expect(witness()[0]).to.match(/^tcp {6}6 (1200|1[01]\d\d|9\d\d) SYN_SENT/);
    });

    it('the status: bits can be set', async () => {
      expect((await changed({ status: ['SEEN_REPLY'] })).status).to.deep.equal(['SEEN_REPLY', 'CONFIRMED']);
      expect((await changed({ status: ['SEEN_REPLY', 'ASSURED'] })).status).to.include('ASSURED');
      expect(witness()[0]).to.contain('[ASSURED]');
      expect(await code(ct.update({ orig: TCP, status: ['ASSURED'] }))).to.equal('EBUSY');
      expect((await changed({ status: ['SEEN_REPLY', 'ASSURED', 'FIXED_TIMEOUT'] })).status).to.include(
        'FIXED_TIMEOUT',
      );
      expect(await code(ct.update({ orig: TCP, timeout: 5 }))).to.equal('EPERM');
    });

    it('state, window scales and flags of TCP', async () => {
      expect((await changed({ tcp: { state: 'ESTABLISHED' } })).tcp).to.include({ state: 'ESTABLISHED' });
      const scales = { wscaleOrig: 1, wscaleReply: 14 };
      // Window scales count only where both ends have IP_CT_TCP_FLAG_WINDOW_SCALE, and what the flags are is changed
      // first.
      expect((await changed({ tcp: scales })).tcp).to.include({ wscaleOrig: 0, wscaleReply: 0 });
      const flags = { flagsOrig: 1, maskOrig: 1, flagsReply: 9, maskReply: 9 };
      expect((await changed({ tcp: { ...scales, ...flags } })).tcp).to.include({
        ...scales,
        state: 'ESTABLISHED',
        flagsOrig: 1,
        flagsReply: 9,
      });
      expect((await changed({ tcp: { flagsReply: 0, maskReply: 8 } })).tcp).to.include({ ...scales, flagsReply: 1 });
      expect(witness()[0]).to.contain('ESTABLISHED');
      expect(await code(ct.update({ orig: TCP, tcp: { state: 200 } }))).to.equal('ERANGE');
    });

    it('sequence adjustment and SYNPROXY', async () => {
      const seqadjOrig = { correctionPos: 1, offsetBefore: 2, offsetAfter: 3 };
      const seqadjReply = { correctionPos: 4, offsetBefore: 5, offsetAfter: 6 };
      const synproxy = { isn: 7, its: 8, tsoff: 9 };
      const flow = await changed({ seqadjOrig, seqadjReply, synproxy });
      expect(flow.seqadjOrig).to.deep.equal(seqadjOrig);
      expect(flow.seqadjReply).to.deep.equal(seqadjReply);
      expect(flow.synproxy).to.deep.equal(synproxy);
    });

    it('labels, whole or by a mask', async () => {
      expect(await code(ct.update({ orig: TCP, labels: [1] }))).to.equal('ENOSPC');
      tracking();
      await ct.flushAll();
      await ct.create(flow);
      expect((await changed({ labels: [1, 64] })).labels).to.deep.equal([1, 64]);
      expect((await changed({ labels: [2], labelsMask: [2] })).labels).to.deep.equal([1, 2, 64]);
      expect((await changed({ labels: [], labelsMask: [1] })).labels).to.deep.equal([2, 64]);
      expect((await changed({ labels: [127] })).labels).to.deep.equal([127]);
      expect((await changed({ labels: [] })).labels).to.equal(undefined);
    });

    it('by the reply tuple too', async () => {
      await ct.update({ reply: { src: TCP.dst, dst: TCP.src, proto: 'tcp', sport: 80, dport: 1000 }, mark: 3 });
      expect((await only()).mark).to.equal(3);
    });

    it('not what can be given at creation only', async () => {
      for (const change of [
        { snat: { minAddress: '203.0.113.1' } },
        { dnat: { minAddress: '203.0.113.1' } },
        { master: UDP },
      ]) {
        expect(await code(ct.update({ orig: TCP, ...change })), JSON.stringify(change)).to.equal('EOPNOTSUPP');
      }
    });

    it('nothing that is not there, in that zone', async () => {
      expect(await code(ct.update({ orig: UDP, mark: 1 }))).to.equal('ENOENT');
      expect(await code(ct.update({ orig: TCP, zone: 1, mark: 1 }))).to.equal('ENOENT');
      expect((await only()).mark).to.equal(0xff);
    });

    it('or creates', async () => {
      await ct.createOrUpdate({ orig: TCP, timeout: 700, mark: 1 });
      expect(await only()).to.include({ mark: 1 });
      await ct.createOrUpdate({ orig: UDP, timeout: 700, mark: 2 });
      expect(witness().map((line) => /mark=\d+/.exec(line)?.[0])).to.have.members(['mark=1', 'mark=2']);
    });
  });

  describe('finds and deletes', () => {
    it('the flow with that tuple, either of them, in that zone', async () => {
      for (const zone of [undefined, 5]) await ct.create({ orig: UDP, timeout: 600, zone, mark: zone ?? 1 });
      const reply = { src: UDP.dst, dst: UDP.src, proto: 'udp', sport: 53, dport: 1000 } as const;
      expect((await ct.get({ orig: UDP }))?.mark).to.equal(1);
      expect((await ct.get({ orig: UDP, zone: 5 }))?.mark).to.equal(5);
      expect((await ct.get({ reply }))?.mark).to.equal(1);
      expect((await ct.get({ reply, zone: 5 }))?.mark).to.equal(5);
      expect(await ct.get({ orig: UDP, zone: 6 })).to.equal(undefined);
      expect(await ct.get({ orig: { ...UDP, sport: 1 } })).to.equal(undefined);
      // To the kernel either tuple is any: that of the other direction finds it too.
      expect((await ct.get({ orig: reply }))?.mark).to.equal(1);
      await ct.delete({ orig: UDP, zone: 5 });
      expect(await code(ct.delete({ orig: UDP, zone: 5 }))).to.equal('ENOENT');
      expect(witness()).to.have.length(1);
      await ct.delete({ reply });
      expect(witness()).to.deep.equal([]);
    });

    it('only the very flow, when its id is given', async () => {
      await ct.create({ orig: UDP, timeout: 600 });
      const flow = (await ct.get({ orig: UDP }))!;
      expect(await code(ct.delete({ orig: UDP, id: (flow.id! ^ 1) >>> 0 }))).to.equal('ENOENT');
      expect(witness()).to.have.length(1);
      const { id } = await only();
      expect(id).to.equal(flow.id);
      await ct.delete(flow);
      expect(witness()).to.deep.equal([]);
    });

    it('flows of both families', async () => {
      await ct.create({ orig: UDP6, timeout: 600 });
      expect((await ct.get({ orig: UDP6 }))?.orig.src).to.equal('fd00::1');
      await ct.delete({ orig: UDP6 });
      expect(witness()).to.deep.equal([]);
    });
  });

  it('is distinguished from others by its port id, which events have', async () => {
    const events = await ct.events({ types: ['new'] });
    await ct.create({ orig: UDP, timeout: 600 });
    const { value } = await events.next();
    events.close();
    expect(value).to.include({ type: 'new', portid: ct.portid });
    expect(ct.portid).to.be.greaterThan(0);
    await ct.flushAll();
  });

  describe('empties the table', () => {
    it('of every family and zone', async () => {
      await ct.create({ orig: UDP, timeout: 600 });
      await ct.create({ orig: UDP, timeout: 600, zone: 9 });
      await ct.create({ orig: UDP6, timeout: 600 });
      await ct.flushAll();
      expect(witness()).to.deep.equal([]);
      await ct.flushAll();
    });
  });

  describe('sees what conntrack(8) did', () => {
    it('and real packets, with counters and times', async () => {
      tracking();
      sysctl('nf_conntrack_acct', 1);
      sysctl('nf_conntrack_timestamp', 1);
      sh(
        'conntrack',
        '-I',
        '-p',
        'tcp',
        '-s',
        '10.0.0.1',
        '-d',
        '10.0.0.2',
        '--sport',
        '1',
        '--dport',
        '2',
        '-t',
        '600',
        '--state',
        'SYN_SENT',
        '-m',
        '5',
      );
      expect(
        (await ct.get({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1, dport: 2 } }))?.mark,
      ).to.equal(5);
      const before = BigInt(Date.now()) * 1_000_000n;
      const { localPort } = await tcpConnection(8081);
      const find = async (): Promise<Flow | undefined> =>
        await ct.get({ orig: { src: '127.0.0.2', dst: '127.0.0.1', proto: 'tcp', sport: localPort, dport: 8081 } });
      const flow = (await find())!;
      expect(flow.tcp?.state).to.be.oneOf(['TIME_WAIT', 'LAST_ACK', 'CLOSE']);
      expect(flow.countersOrig?.packets)
        .to.be.a('bigint')
        .and.satisfy((count: bigint) => count >= 4n);
      expect(flow.countersReply?.bytes).to.satisfy((count: bigint) => count > 100n);
      expect(flow.timestamp?.start).to.satisfy((time: bigint) => time > before - 10_000_000_000n);
      // Reset by the dump with reset, which still returns the old values.
      const port = { orig: { proto: 'tcp', dport: 8081 }, family: 'ipv4' } as const;
      const [reset] = await ct.dump(port, { reset: true }).toArray();
      expect(reset.countersOrig?.packets).to.equal(flow.countersOrig?.packets);
      expect((await find())?.countersOrig).to.deep.include({ packets: 0n, bytes: 0n });
    });

    it('in its statistics', async () => {
      await ct.create({ orig: UDP, timeout: 600 });
      const stats = await ct.stats();
      expect(stats.entries).to.equal(Number(sh('conntrack', '-C')));
      expect(stats.maxEntries).to.equal(Number(sysctl('nf_conntrack_max')));
      const lines = sh('conntrack', '-S')
        .split('\n')
        .filter((line) => line !== '');
      const perCpu = await ct.cpuStats();
      expect(perCpu).to.have.length(lines.length);
      for (const [index, line] of lines.entries()) {
        const fields = Object.fromEntries(
          [...line.matchAll(/(\w+)=(\d+)/g)].map(([, name, value]) => [name, Number(value)]),
        );
        const { cpu, found, invalid, insert, drop, error } = perCpu[index];
        expect({ cpu, found, invalid, insert, drop, error }).to.deep.equal({
          cpu: Number(/^cpu=(\d+)/.exec(line)![1]),
          found: fields.found,
          invalid: fields.invalid,
          insert: fields.insert,
          drop: fields.drop,
          error: fields.error,
        });
        expect(perCpu[index].insertFailed).to.equal(fields.insert_failed);
        expect(perCpu[index].searchRestart).to.equal(fields.search_restart);
      }
    });

    it('in its lists of dying and unconfirmed flows', async () => {
      expect(await ct.dump({}, { table: 'dying' }).toArray()).to.deep.equal([]);
      expect(await ct.dump({}, { table: 'unconfirmed' }).toArray()).to.deep.equal([]);
    });
  });
});
