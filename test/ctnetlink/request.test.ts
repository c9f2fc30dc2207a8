import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { CompiledFilter, type Filter } from '../../src/ctnetlink/filter/filter.ts';
import { kernelSupport } from '../../src/ctnetlink/filter/support.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { decodeFlow } from '../../src/ctnetlink/message.ts';
import {
  buildCreate,
  buildDelete,
  buildDump,
  buildFlush,
  buildGet,
  buildMessage,
  buildStats,
  buildUpdate,
  type DumpQuery,
} from '../../src/ctnetlink/request/flow.ts';
import { ORIG as ORIG_SLOTS, REPLY as REPLY_SLOTS } from '../../src/ctnetlink/slots.ts';
import { completeFrom } from '../../src/ctnetlink/tuple.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import type { Request } from '../../src/netlink/request.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { concat, headerOf, nlattr } from '../support/fake-transport.ts';
import { inNests, nested } from '../support/samples.ts';

interface Built {
  type: number;
  flags: number;
  family: number;
  version: number;
  flow: Flow;
  bytes: Uint8Array;
}

function build(request: Request): Built {
  const writer = new Writer();
  writer.bytes.fill(0xa5);
  request.write(writer, 0xdeadbeef);
  const bytes = writer.finish().slice();
  const { nlmsg_type: type, nlmsg_flags: flags, nlmsg_seq, nlmsg_len } = headerOf(bytes);
  expect(nlmsg_seq).to.equal(0xdeadbeef);
  expect(nlmsg_len).to.equal(bytes.length);
  expect([...bytes.subarray(18, 20)], 'res_id').to.deep.equal([0, 0]);
  return {
    type,
    flags,
    family: bytes[16],
    version: bytes[17],
    flow: decodeFlow(viewOf(bytes), 0, bytes.length),
    bytes,
  };
}

const ORIG = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 80 } as const;
const REPLY = { src: '10.0.0.2', dst: '10.0.0.1', proto: 'tcp', sport: 80, dport: 1000 } as const;
const ORIG6 = { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1, dport: 2 } as const;

function flow(init: FlowInit): Flow {
  return Flow.from(init);
}

function kernelFilter(filter: Filter, release = '6.18.0') {
  return new CompiledFilter(filter).forKernel('flush', kernelSupport(release));
}

const INCOMPLETE: readonly (readonly [init: FlowInit, message: string])[] = [
  [{ orig: { dst: '10.0.0.2', proto: 'tcp' } }, 'flow.orig.src is required'],
  [{ orig: { src: '10.0.0.2', proto: 'tcp' } }, 'flow.orig.dst is required'],
  [{ orig: { src: '10.0.0.2', dst: '10.0.0.1' } }, 'flow.orig.proto is required'],
  [{ orig: { zone: 1 } }, 'flow.orig.src is required'],
  ...(['tcp', 'udp', 'udplite', 'sctp', 'gre'] as const).flatMap((proto): [FlowInit, string][] => {
    const addresses = { src: '10.0.0.1', dst: '10.0.0.2', proto };
    return [
      [{ orig: addresses }, `flow.orig.sport and flow.orig.dport are required with proto '${proto}'`],
      [{ orig: { ...addresses, sport: 0 } }, `flow.orig.dport is required with proto '${proto}'`],
    ];
  }),
  [
    { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'icmp', icmpType: 8 } },
    "flow.orig.icmpCode and flow.orig.icmpId are required with proto 'icmp'",
  ],
  [
    { orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0 } },
    "flow.orig.icmpId is required with proto 'icmpv6'",
  ],
];

/** What a flow may have without naming itself: a DELETE may never have only these. */
const NAMELESS: readonly FlowInit[] = [
  {},
  { id: 5 },
  { mark: 1 },
  { zone: 3 },
  { orig: {} },
  { orig: { family: 'ipv4' } },
  { master: ORIG },
  { status: ['ASSURED'], timeout: 3 },
  { unknown: [{ path: [], type: 99, value: '00' }] },
];

describe('request: create', () => {
  it('has its type, flags and family', () => {
    const { type, flags, family, version } = build(buildCreate(flow({ orig: ORIG, timeout: 10 }), 'create'));
    expect({ type, flags, family, version }).to.deep.equal({ type: 0x100, flags: 0x605, family: 2, version: 0 });
    const update = build(buildCreate(flow({ orig: ORIG6, timeout: 10 }), 'createOrUpdate'));
    expect({ ...update, flow: 0, bytes: 0 }).to.deep.include({ type: 0x100, flags: 0x405, family: 10 });
  });

  it('is these bytes', () => {
    const { bytes } = build(
      buildCreate(
        flow({ orig: { src: '1.2.3.4', dst: '5.6.7.8', proto: 'udp', sport: 1, dport: 2 }, timeout: 9 }),
        'create',
      ),
    );
    const tuple = (type: number, src: number[], dst: number[], sport: number, dport: number): Uint8Array =>
      nlattr(
        0x8000 | type,
        concat(
          nlattr(0x8001, concat(nlattr(1, src), nlattr(2, dst))),
          nlattr(0x8002, concat(nlattr(1, [17]), nlattr(2, [0, sport]), nlattr(3, [0, dport]))),
        ),
      );
    expect(bytes.slice(16)).to.deep.equal(
      concat(
        [2, 0, 0, 0],
        tuple(1, [1, 2, 3, 4], [5, 6, 7, 8], 1, 2),
        tuple(2, [5, 6, 7, 8], [1, 2, 3, 4], 2, 1),
        nlattr(7, [0, 0, 0, 9]),
      ),
    );
  });

  it('fills in the reply from the original direction', () => {
    expect(build(buildCreate(flow({ orig: ORIG, timeout: 1 }), 'create')).flow.reply.src).to.equal('10.0.0.2');
    const six = build(buildCreate(flow({ orig: ORIG6, timeout: 1 }), 'create')).flow;
    expect(JSON.parse(JSON.stringify(six.reply))).to.deep.equal({
      family: 'ipv6',
      src: 'fd00::2',
      dst: 'fd00::1',
      proto: 'udp',
      sport: 2,
      dport: 1,
    });
  });

  it('takes a reply that is given, NAT and all', () => {
    const natted = { ...REPLY, dst: '192.0.2.1' };
    const built = build(buildCreate(flow({ orig: ORIG, reply: natted, timeout: 1 }), 'create')).flow;
    expect(built.reply.dst).to.equal('192.0.2.1');
  });

  it('leaves the flow of the caller as it is', () => {
    const given = flow({ orig: ORIG, timeout: 1, status: ['ASSURED'] });
    const before = JSON.stringify(given);
    build(buildCreate(given, 'create'));
    build(buildUpdate(given));
    build(buildDelete(given));
    expect(JSON.stringify(given)).to.equal(before);
  });

  it('adds CONFIRMED to a status, and no status where there is none', () => {
    const status = (init: FlowInit): number | undefined =>
      build(buildCreate(flow({ orig: ORIG, timeout: 1, ...init }), 'create')).flow.status;
    expect(status({ status: ['ASSURED'] })).to.equal(0xc);
    expect(status({ status: 0 })).to.equal(8);
    expect(status({ status: 0x80000000 })).to.equal(0x80000008);
    expect(status({})).to.equal(undefined);
  });

  it('has 0 where 0 is given', () => {
    const built = build(
      buildCreate(flow({ orig: { ...ORIG, sport: 0 }, timeout: 0, mark: 0, zone: 0 }), 'create'),
    ).flow;
    expect(built).to.include({ timeout: 0, mark: 0, zone: 0 });
    expect(built.orig.sport).to.equal(0);
    expect(built.reply.dport).to.equal(0);
  });

  it('does not send what the kernel takes from nobody', () => {
    const full = flow({
      orig: ORIG,
      timeout: 1,
      id: 7,
      use: 2,
      secctx: 'x',
      countersOrig: { packets: 1, bytes: 2 },
      countersReply: { packets: 1, bytes: 2 },
      timestamp: { start: 1, stop: 2, event: 3 },
      statusMask: 1,
      filter: { origFlags: 1, replyFlags: 2 },
    });
    const built = build(buildCreate(full, 'create')).flow;
    expect(Object.keys(built.toJSON())).to.have.members(['orig', 'reply', 'timeout']);
  });

  it('sends all that it takes, and what this package does not know', () => {
    const init: FlowInit = {
      orig: ORIG,
      reply: REPLY,
      timeout: 1,
      status: ['CONFIRMED'],
      mark: 1,
      markMask: 2,
      zone: 3,
      labels: [1],
      labelsMask: [1],
      helper: { name: 'ftp' },
      snat: { minAddress: '1.1.1.1', maxAddress: '1.1.1.2', minPort: 1, maxPort: 2 },
      dnat: { minAddress: '2.2.2.1', maxAddress: '2.2.2.2', minPort: 3, maxPort: 4 },
      master: ORIG,
      tcp: {
        state: 'ESTABLISHED',
        wscaleOrig: 1,
        wscaleReply: 2,
        flagsOrig: 1,
        maskOrig: 2,
        flagsReply: 3,
        maskReply: 4,
      },
      seqadjOrig: { correctionPos: 1, offsetBefore: 2, offsetAfter: 3 },
      synproxy: { isn: 1, its: 2, tsoff: 3 },
      unknown: [{ path: [], type: 60, value: '0102' }],
    };
    const given = flow(init);
    expect(build(buildCreate(given, 'create')).flow.toJSON()).to.deep.equal(given.toJSON());
  });

  it('refuses half a tuple, and a flow without a timeout', () => {
    for (const [init, message] of INCOMPLETE) {
      expect(() => buildCreate(flow({ timeout: 1, ...init }), 'create')).to.throw(TypeError, message);
    }
    expect(() => buildCreate(flow({ orig: ORIG }), 'create')).to.throw(TypeError, 'flow.timeout is required');
    expect(() => buildCreate(flow({ reply: { src: '10.0.0.2', proto: 'udp' }, timeout: 1 }), 'create')).to.throw(
      TypeError,
      'flow.reply.dst is required',
    );
    expect(() => buildCreate(flow({ orig: ORIG, reply: { src: 'fd00::2' }, timeout: 1 }), 'create')).to.throw(
      TypeError,
      'flow.reply.dst is required',
    );
    expect(() => buildCreate(flow({}), 'create', 'flows[2]')).to.throw(TypeError, 'flows[2].orig.src is required');
  });
});

describe('request: create completes', () => {
  const PING = { src: '1.1.1.1', dst: '2.2.2.2', proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 7 } as const;
  const PONG = { family: 'ipv4', ...PING, src: '2.2.2.2', dst: '1.1.1.1', icmpType: 0 } as const;

  function created(init: FlowInit): Record<string, Record<string, unknown>> {
    return build(buildCreate(flow({ timeout: 1, ...init }), 'create')).flow.toJSON() as never;
  }

  it('a part of the reply from the original direction', () => {
    const reply = { src: '192.0.2.2', dst: '192.0.2.1' };
    expect(created({ orig: ORIG, reply }).reply).to.deep.equal({ family: 'ipv4', ...REPLY, ...reply });
    expect(created({ orig: ORIG, reply: { dport: 99 } }).reply).to.deep.equal({ family: 'ipv4', ...REPLY, dport: 99 });
    expect(created({ orig: ORIG, reply: { zone: 5 } }).reply).to.deep.equal({ family: 'ipv4', ...REPLY, zone: 5 });
    expect(created({ orig: PING, reply: { src: '9.9.9.9' } }).reply).to.deep.equal({ ...PONG, src: '9.9.9.9' });
    const ospf = { src: 'fd00::1', dst: 'fd00::2', proto: 89 } as const;
    expect(created({ orig: ospf, reply: { src: 'fd00::2', dst: 'fd00::1' } }).reply).to.deep.equal({
      family: 'ipv6',
      src: 'fd00::2',
      dst: 'fd00::1',
      proto: 89,
    });
  });

  it('the original direction from the reply', () => {
    expect(created({ reply: REPLY }).orig).to.deep.equal({ family: 'ipv4', ...ORIG });
    expect(created({ reply: PONG }).orig).to.deep.equal({ family: 'ipv4', ...PING });
    expect(created({ reply: REPLY, orig: { zone: 5 } }).orig).to.deep.equal({ family: 'ipv4', ...ORIG, zone: 5 });
  });

  it('the flags of a TCP flow whose windows nobody knows, 0x0a and from TIME_WAIT on 0x0e', () => {
    const tcp = (tcp: FlowInit['tcp']): Record<string, unknown> =>
      created({ orig: { ...ORIG, proto: 'tcp' }, tcp }).tcp;
    const flags = (bits: number) => ({ flagsOrig: bits, maskOrig: bits, flagsReply: bits, maskReply: bits });
    for (const state of ['ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK'] as const)
      expect(tcp({ state })).to.deep.equal({ state, ...flags(0x0a) });
    for (const state of ['TIME_WAIT', 'CLOSE'] as const)
      expect(tcp({ state })).to.deep.equal({ state, ...flags(0x0e) });
    for (const state of ['NONE', 'SYN_SENT', 'SYN_RECV', 'SYN_SENT2'] as const)
      expect(tcp({ state })).to.deep.equal({ state });
    const known = { state: 'ESTABLISHED', wscaleOrig: 7, wscaleReply: 7 } as const;
    expect(tcp(known)).to.deep.equal(known);
    const strict = { state: 'ESTABLISHED', flagsOrig: 0, maskOrig: 8 } as const;
    expect(tcp(strict)).to.deep.equal(strict);
    const dumped = { state: 'ESTABLISHED', flagsOrig: 0x23, flagsReply: 0x33, wscaleOrig: 7, wscaleReply: 7 } as const;
    const ofDump = { ...dumped, maskOrig: 0, maskReply: 0 };
    expect(tcp(ofDump)).to.deep.equal({ ...dumped, maskOrig: 0x0f, maskReply: 0x0f });
    const again = buildUpdate(flow({ orig: { ...ORIG, proto: 'tcp' }, tcp: ofDump }));
    expect(build(again).flow.toJSON().tcp).to.deep.equal(ofDump);
    const update = buildUpdate(flow({ orig: { ...ORIG, proto: 'tcp' }, tcp: { state: 'ESTABLISHED' } }));
    expect(build(update).flow.toJSON().tcp).to.deep.equal({ state: 'ESTABLISHED' });
  });
});

describe('request: reply of', () => {
  function turned(orig: FlowInit['orig']): Record<string, unknown> {
    const given = flow({ orig });
    completeFrom(given.slots, ORIG_SLOTS, REPLY_SLOTS);
    return JSON.parse(JSON.stringify(given.reply));
  }

  it('ICMP and ICMPv6 types that come in pairs is the other of the pair', () => {
    const pairs = { icmp: { 0: 8, 8: 0, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17 } };
    for (const [request, answer] of Object.entries(pairs.icmp)) {
      const orig = {
        src: '1.1.1.1',
        dst: '2.2.2.2',
        proto: 'icmp',
        icmpType: Number(request),
        icmpCode: 1,
        icmpId: 7,
      } as const;
      expect(turned(orig)).to.deep.equal({ ...orig, family: 'ipv4', src: '2.2.2.2', dst: '1.1.1.1', icmpType: answer });
    }
    for (const [request, answer] of Object.entries({ 128: 129, 129: 128, 139: 140, 140: 139 })) {
      const orig = {
        src: '::1',
        dst: '::2',
        proto: 'icmpv6',
        icmpType: Number(request),
        icmpCode: 0,
        icmpId: 7,
      } as const;
      expect(turned(orig)).to.deep.equal({ ...orig, family: 'ipv6', src: '::2', dst: '::1', icmpType: answer });
    }
  });

  it('another type is that type, which the kernel will refuse', () => {
    expect(turned({ proto: 'icmp', icmpType: 3 })).to.deep.include({ icmpType: 3 });
    expect(turned({ proto: 'icmpv6', icmpType: 8 })).to.deep.include({ icmpType: 8 });
    expect(turned({ proto: 'icmp', icmpType: 128 })).to.deep.include({ icmpType: 128 });
  });

  it('GRE has its keys swapped like ports', () => {
    expect(turned({ proto: 'gre', sport: 1, dport: 2 })).to.deep.equal({ proto: 'gre', sport: 2, dport: 1 });
  });

  it('a direction has no zone from the other', () => {
    expect(turned({ proto: 'udp', zone: 5 })).to.deep.equal({ proto: 'udp' });
  });
});

describe('request: update', () => {
  it('has its type, flags and family, and only what is given', () => {
    const { type, flags, family, flow: built } = build(buildUpdate(flow({ orig: ORIG, mark: 7 })));
    expect({ type, flags, family }).to.deep.equal({ type: 0x100, flags: 5, family: 2 });
    expect(built.toJSON()).to.deep.equal({ orig: { family: 'ipv4', ...ORIG }, mark: 7 });
  });

  it('may name the flow by its reply', () => {
    const { family, flow: built } = build(buildUpdate(flow({ reply: REPLY, mark: 7 })));
    expect(family).to.equal(2);
    expect(built.toJSON()).to.deep.equal({ reply: { family: 'ipv4', ...REPLY }, mark: 7 });
  });

  it('adds CONFIRMED, without which the kernel says EBUSY', () => {
    expect(build(buildUpdate(flow({ orig: ORIG, status: ['ASSURED'] }))).flow.status).to.equal(0xc);
  });

  it('sends no timeout of 0, with which the kernel deletes a flow', () => {
    const dumped = flow({ orig: ORIG, reply: REPLY, id: 5, timeout: 0, mark: 7 });
    expect(build(buildUpdate(dumped)).flow.toJSON()).to.deep.equal({
      orig: { family: 'ipv4', ...ORIG },
      reply: { family: 'ipv4', ...REPLY },
      mark: 7,
    });
    expect(dumped.timeout).to.equal(0);
    expect(build(buildCreate(dumped, 'createOrUpdate')).flow.timeout).to.equal(1);
    expect(build(buildCreate(dumped, 'create')).flow.timeout).to.equal(0);
    const asked = flow({ orig: ORIG, timeout: 0 });
    const message = 'flow.timeout must not be 0, with which the kernel deletes a flow: delete does that';
    expect(() => buildUpdate(asked)).to.throw(RangeError, message);
    expect(() => buildCreate(asked, 'createOrUpdate')).to.throw(RangeError, message);
    expect(build(buildCreate(asked, 'create')).flow.timeout).to.equal(0);
  });

  it('refuses a second tuple that is not whole', () => {
    expect(() => buildUpdate(flow({ orig: ORIG, reply: { src: '10.0.0.2' } }))).to.throw(
      TypeError,
      'flow.reply.dst is',
    );
    expect(() => buildUpdate(flow({ orig: { src: '1.1.1.1' }, reply: REPLY }))).to.throw(TypeError, 'flow.orig.dst is');
  });

  it('refuses a flow without a whole tuple', () => {
    for (const [init, message] of INCOMPLETE) expect(() => buildUpdate(flow(init))).to.throw(TypeError, message);
    for (const init of NAMELESS) expect(() => buildUpdate(flow(init))).to.throw(TypeError, '.src is required');
  });
});

describe('request: get and delete', () => {
  it('have their types, flags and family', () => {
    const get = build(buildGet(flow({ orig: ORIG })));
    expect(get).to.include({ type: 0x101, flags: 5, family: 2, version: 0 });
    const gone = build(buildDelete(flow({ orig: ORIG6 })));
    expect(gone).to.include({ type: 0x102, flags: 5, family: 10, version: 0 });
  });

  it('carry the original tuple and the zones, and nothing else of the flow', () => {
    const full = flow({ orig: { ...ORIG, zone: 4 }, reply: REPLY, zone: 3, mark: 1, timeout: 5, status: 8, id: 9 });
    const tuple = { orig: { family: 'ipv4', ...ORIG, zone: 4 }, zone: 3 };
    expect(build(buildGet(full)).flow.toJSON()).to.deep.equal(tuple);
    expect(build(buildDelete(full)).flow.toJSON(), 'only that very flow').to.deep.equal({ ...tuple, id: 9 });
    expect(build(buildDelete(flow({ orig: ORIG }))).flow.toJSON()).to.deep.equal({ orig: { family: 'ipv4', ...ORIG } });
  });

  it('may name the flow by its reply', () => {
    const expected = { reply: { family: 'ipv4', ...REPLY } };
    expect(build(buildDelete(flow({ reply: REPLY }))).flow.toJSON()).to.deep.equal(expected);
    expect(build(buildGet(flow({ reply: REPLY }))).family).to.equal(2);
  });

  it('refuse a flow without a whole tuple: the kernel would empty the table', () => {
    expect(() => buildGet(flow({ id: 5 }))).to.throw(TypeError, 'the kernel finds a flow by its tuple and zone');
    const ofKernel = flow({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'gre' }, id: 5 });
    expect(() => buildDelete(ofKernel), 'a kernel that does not track it gave this tuple').not.to.throw();
    for (const build of [buildDelete, buildGet]) {
      for (const [init, message] of INCOMPLETE) expect(() => build(flow(init))).to.throw(TypeError, message);
      for (const init of NAMELESS)
        expect(() => build(flow(init)), JSON.stringify(init)).to.throw(TypeError, 'is required');
      expect(() => build(flow({ ...INCOMPLETE[0][0], reply: REPLY })), 'half of one is a mistake').to.throw(TypeError);
      expect(() => build(flow({ reply: { ...REPLY, dst: undefined } }))).to.throw(
        TypeError,
        'flow.reply.dst is required',
      );
    }
  });
});

describe('request: flush', () => {
  it('of everything is a DELETE without attributes', () => {
    const { type, flags, family, version, bytes } = build(buildFlush());
    expect({ type, flags, family, version }).to.deep.equal({ type: 0x102, flags: 5, family: 0, version: 0 });
    expect(bytes.length).to.equal(20);
  });

  it('of a family has version 1, without which the kernel would empty the other too', () => {
    const { family, version, bytes } = build(buildFlush(kernelFilter({ family: 'ipv6' })));
    expect({ family, version, length: bytes.length }).to.deep.equal({ family: 10, version: 1, length: 20 });
  });

  it('of a mark, a status, a zone or a tuple carries them', () => {
    const { bytes } = build(buildFlush(kernelFilter({ mark: { value: 1, mask: 3 } })));
    expect(bytes.slice(20)).to.deep.equal(concat(nlattr(8, [0, 0, 0, 1]), nlattr(21, [0, 0, 0, 3])));
    const tuple = build(buildFlush(kernelFilter({ orig: { src: '1.2.3.4' } })));
    expect(tuple.family).to.equal(2);
    expect(tuple.bytes.slice(20)).to.deep.equal(
      concat(
        nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP', 'CTA_IP_V4_SRC'], [1, 2, 3, 4]),
        // Host order, unlike all the rest.
        inNests(
          ['CTA_FILTER'],
          concat(nlattr(1, new Uint8Array(new Uint32Array([1]).buffer)), nlattr(2, [0, 0, 0, 0])),
        ),
      ),
    );
  });

  it('is refused where the kernel would flush more flows than the filter matches', () => {
    const inexact: [Filter, string][] = [
      [{ orig: { src: 'fd00::1' } }, '6.18.0'],
      [{ family: 'ipv4', orig: { zone: 5 } }, '6.18.0'],
      [{ status: 0 }, '6.18.0'],
      [{ zone: 0 }, '6.8.0'],
      [{ status: ['ASSURED'] }, '5.14.0'],
      [{ family: 'ipv4' }, '5.2.0'],
      [{ orig: { src: '1.2.3.4' } }, '6.12.0'],
    ];
    for (const [filter, release] of inexact) {
      expect(() => buildFlush(kernelFilter(filter, release)), JSON.stringify(filter)).to.throw(
        RangeError,
        'the kernel would flush more flows than the filter matches',
      );
    }
  });
});

describe('request: dump and statistics', () => {
  const TYPES: Record<DumpQuery, number> = { dump: 0x101, dumpReset: 0x103, dumpDying: 0x106, dumpUnconfirmed: 0x107 };

  it('have their types and flags, and no attributes', () => {
    for (const [query, type] of Object.entries(TYPES) as [DumpQuery, number][]) {
      const built = build(buildDump(query));
      expect(built).to.include({ type, flags: 0x301, family: 0, version: 0 });
      expect(built.bytes.length).to.equal(20);
    }
    const stats = build(buildStats('stats'));
    expect(stats).to.include({ type: 0x105, flags: 5, family: 0 });
    const cpu = build(buildStats('cpuStats'));
    expect(cpu).to.include({ type: 0x104, flags: 0x301, family: 0 });
    expect([stats.bytes.length, cpu.bytes.length]).to.deep.equal([20, 20]);
  });

  it('carry a filter, exact or not: what it lets through is compared again', () => {
    const filter = new CompiledFilter({ orig: { src: 'fd00::1', proto: 'udp' }, mark: 0 });
    const built = build(buildDump('dump', filter.forKernel('dump', kernelSupport('6.18.0'))));
    expect(built).to.include({ family: 10, version: 0 });
    expect(built.flow.toJSON()).to.deep.equal({
      orig: { family: 'ipv6', proto: 'udp' },
      mark: 0,
      markMask: 0xffffffff,
      filter: { origFlags: 8, replyFlags: 0 },
    });
  });
});

describe('request: message', () => {
  it('has exactly the attributes that it is given, one flow after the other', () => {
    const { bytes } = build(buildMessage('update', 2, [flow({ mark: 1 }), flow({ timeout: 2 }), flow({ mark: 3 })], 1));
    expect([...bytes.slice(16, 20)]).to.deep.equal([2, 1, 0, 0]);
    expect(bytes.slice(20)).to.deep.equal(
      concat(nlattr(8, [0, 0, 0, 1]), nlattr(7, [0, 0, 0, 2]), nlattr(8, [0, 0, 0, 3])),
    );
  });

  it('of none is the header alone', () => {
    expect(build(buildMessage('dump', 0)).bytes.length).to.equal(20);
    expect(build(buildMessage('dump', 0, new Flow())).bytes.length).to.equal(20);
  });
});
