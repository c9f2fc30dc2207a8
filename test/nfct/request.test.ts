/** The bytes of every query, against libnetfilter_conntrack's own. */
import { expect } from 'chai';
import { UnsupportedError } from '../../src/netlink/errors.ts';
import { Writer } from '../../src/netlink/writer.ts';
import * as nfct from '../../src/nfct/index.ts';
import { buildQuery } from '../../src/nfct/request.ts';
import {
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../src/uapi/in.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../src/uapi/socket.ts';
import { conntrack, hex, is, randomMemory } from '../support/nfct/memory.ts';
import { type Attr, type Query, query } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';

/** What a kernel of today understands; C sends the same to all. */
const RELEASE = '6.18.0';

function ours(type: number, data: unknown, release: string | undefined = RELEASE): Uint8Array {
  const writer = new Writer();
  buildQuery(type, data, release).request.write(writer, 0);
  return writer.finish();
}

/** The counterpart of an oracle's query in our API. */
function dataOf({ attrs, family, mark, status, l3num }: Query): unknown {
  if (attrs !== undefined) return conntrack(attrs);
  if (family !== undefined) return family;
  const filter = nfct.nfct_filter_dump_create();
  const all = 0xffffffff;
  if (mark !== undefined)
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_MARK, { val: mark.value, mask: mark.mask ?? all });
  if (status !== undefined)
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_STATUS, {
      val: status.value,
      mask: status.mask ?? all,
    });
  if (l3num !== undefined) nfct.nfct_filter_dump_set_attr_u8(filter, nfct.NFCT_FILTER_DUMP_L3NUM, l3num);
  return filter;
}

function agree(queries: readonly Query[]): void {
  const theirs = query(queries);
  queries.forEach((each, index) => {
    const expected = theirs[index];
    const text = JSON.stringify(each, (_key, value) => (value instanceof Uint8Array ? hex(value) : value));
    if (!(expected instanceof Uint8Array)) throw new Error(`the library refuses ${text} with errno ${expected.errno}`);
    expect(hex(ours(each.type, dataOf(each))), text).to.equal(hex(expected));
  });
}

const {
  NFCT_Q_CREATE,
  NFCT_Q_UPDATE,
  NFCT_Q_DESTROY,
  NFCT_Q_GET,
  NFCT_Q_FLUSH,
  NFCT_Q_DUMP,
  NFCT_Q_DUMP_RESET,
  NFCT_Q_CREATE_UPDATE,
  NFCT_Q_DUMP_FILTER,
  NFCT_Q_DUMP_FILTER_RESET,
  NFCT_Q_FLUSH_FILTER,
} = nfct;
const OF_OBJECTS = [NFCT_Q_CREATE, NFCT_Q_UPDATE, NFCT_Q_DESTROY, NFCT_Q_GET, NFCT_Q_CREATE_UPDATE];

const V4 = [is(nfct.ATTR_L3PROTO, AF_INET), is(nfct.ATTR_IPV4_SRC, 1, 1, 1, 1), is(nfct.ATTR_IPV4_DST, 2, 2, 2, 2)];
const UDP = [...V4, is(nfct.ATTR_L4PROTO, IPPROTO_UDP), is(nfct.ATTR_PORT_SRC, 3, 232), is(nfct.ATTR_PORT_DST, 0, 53)];
const TCP = [...V4, is(nfct.ATTR_L4PROTO, IPPROTO_TCP), is(nfct.ATTR_PORT_SRC, 3, 232), is(nfct.ATTR_PORT_DST, 0, 80)];
const TIMEOUT = is(nfct.ATTR_TIMEOUT, 100, 0, 0, 0);
const SETUP_REPLY: Attr = { opt: nfct.NFCT_SOPT_SETUP_REPLY };

describeOracle('nfct: requests as the C library sends them', () => {
  it('about an object', () => {
    for (const type of OF_OBJECTS) {
      agree([
        { type, attrs: UDP },
        { type, attrs: [...UDP, SETUP_REPLY, TIMEOUT] },
        { type, attrs: [...TCP, SETUP_REPLY, TIMEOUT, is(nfct.ATTR_TCP_STATE, 3), is(nfct.ATTR_STATUS, 6, 0, 0, 0)] },
        // Half a tuple: the rest is zeros.
        { type, attrs: [is(nfct.ATTR_L3PROTO, AF_INET), is(nfct.ATTR_L4PROTO, IPPROTO_TCP)] },
        { type, attrs: [is(nfct.ATTR_L3PROTO, AF_INET6), is(nfct.ATTR_L4PROTO, IPPROTO_UDP)] },
      ]);
    }
  });

  it('about a family', () => {
    for (const type of [NFCT_Q_FLUSH, NFCT_Q_DUMP, NFCT_Q_DUMP_RESET])
      agree([AF_UNSPEC, AF_INET, AF_INET6, 7].map((family) => ({ type, family })));
    agree([AF_INET, AF_INET6].map((family) => ({ type: NFCT_Q_FLUSH_FILTER, family })));
  });

  it('about a filter', () => {
    for (const type of [NFCT_Q_DUMP_FILTER, NFCT_Q_DUMP_FILTER_RESET]) {
      agree([
        { type },
        { type, l3num: AF_INET },
        { type, l3num: AF_INET6 },
        { type, l3num: AF_UNSPEC },
        { type, mark: { value: 5 } },
        { type, mark: { value: 0, mask: 0 } },
        { type, mark: { value: 0xffffffff, mask: 0x80000000 } },
        { type, status: { value: 4 } },
        { type, status: { value: 0, mask: 2 } },
        { type, mark: { value: 1, mask: 3 }, status: { value: 6, mask: 14 }, l3num: AF_INET6 },
      ]);
    }
  });

  it('with tuples of every protocol', () => {
    const ports = [is(nfct.ATTR_PORT_SRC, 1, 2), is(nfct.ATTR_PORT_DST, 3, 4)];
    const protocols = [
      IPPROTO_TCP,
      IPPROTO_UDP,
      IPPROTO_UDPLITE,
      IPPROTO_SCTP,
      IPPROTO_DCCP,
      IPPROTO_GRE,
      IPPROTO_IGMP,
      IPPROTO_ESP,
      0,
      255,
    ];
    agree(
      protocols.map((proto) => ({
        type: NFCT_Q_CREATE,
        attrs: [...V4, is(nfct.ATTR_L4PROTO, proto), ...ports, SETUP_REPLY, TIMEOUT],
      })),
    );
    const icmp = (family: number, proto: number, type: number): Query => ({
      type: NFCT_Q_CREATE,
      attrs: [
        is(nfct.ATTR_L3PROTO, family),
        is(nfct.ATTR_L4PROTO, proto),
        is(nfct.ATTR_ICMP_TYPE, type),
        is(nfct.ATTR_ICMP_CODE, 1),
        is(nfct.ATTR_ICMP_ID, 2, 3),
        SETUP_REPLY,
      ],
    });
    agree(Array.from({ length: 19 }, (_, type) => icmp(AF_INET, IPPROTO_ICMP, type)));
    // The library takes 139 and 140 for their own answers; see below.
    agree(Array.from({ length: 11 }, (_, type) => icmp(AF_INET6, IPPROTO_ICMPV6, 128 + type)));
  });

  it('with NAT', () => {
    const address = is(nfct.ATTR_SNAT_IPV4, 9, 9, 9, 9);
    const port = is(nfct.ATTR_SNAT_PORT, 0, 80);
    const six = is(nfct.ATTR_SNAT_IPV6, ...Array.from({ length: 16 }, (_, n) => n));
    const to = [is(nfct.ATTR_DNAT_IPV4, 8, 8, 8, 8), is(nfct.ATTR_DNAT_PORT, 1, 187)];
    for (const tuple of [
      UDP,
      TCP,
      [...V4, is(nfct.ATTR_L4PROTO, IPPROTO_SCTP)],
      [...V4, is(nfct.ATTR_L4PROTO, IPPROTO_ICMP)],
    ])
      agree(
        [[address], [port], [address, port], [six], [six, port], to, [address, port, ...to]].map((nat) => ({
          type: NFCT_Q_CREATE,
          attrs: [...tuple, SETUP_REPLY, TIMEOUT, ...nat],
        })),
      );
  });

  it('without what is only half there', () => {
    const ten = (id: number) => is(id, 10, 0, 0, 0);
    const extras: Attr[][] = [
      [is(nfct.ATTR_TCP_FLAGS_ORIG, 10)],
      [is(nfct.ATTR_TCP_MASK_REPL, 10)],
      [is(nfct.ATTR_TCP_FLAGS_ORIG, 10), is(nfct.ATTR_TCP_MASK_ORIG, 255), is(nfct.ATTR_TCP_FLAGS_REPL, 1)],
      [is(nfct.ATTR_TCP_WSCALE_ORIG, 7)],
      [is(nfct.ATTR_SCTP_STATE, 3)],
      [is(nfct.ATTR_DCCP_STATE, 3)],
      [ten(nfct.ATTR_ORIG_NAT_SEQ_CORRECTION_POS), ten(nfct.ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE)],
      [ten(nfct.ATTR_SYNPROXY_ISN), ten(nfct.ATTR_SYNPROXY_ITS)],
      [is(nfct.ATTR_CONNLABELS_MASK, 1, 0, 0, 0)],
      [is(nfct.ATTR_CONNLABELS, 1, 0, 0, 0), is(nfct.ATTR_CONNLABELS_MASK, 1, 0, 0, 0)],
      [is(nfct.ATTR_CONNLABELS, 1, 0, 0, 0), is(nfct.ATTR_CONNLABELS_MASK, 1, 0, 0, 0, 0, 0, 0, 0)],
      [is(nfct.ATTR_HELPER_INFO, 1, 2, 3)],
      [is(nfct.ATTR_HELPER_NAME, 0x66, 0x74, 0x70, 0)],
      [is(nfct.ATTR_HELPER_NAME, 0)],
      [ten(nfct.ATTR_ID), ten(nfct.ATTR_USE)],
      [is(nfct.ATTR_ZONE, 0, 0), is(nfct.ATTR_ORIG_ZONE, 0, 0)],
    ];
    agree(extras.map((extra) => ({ type: NFCT_Q_UPDATE, attrs: [...TCP, ...extra] })));
  });

  it('with labels of any number of words, also more than the kernel takes', () => {
    const words = [1, 4, 5, 8, 32].map((length) => new Uint8Array(4 * length).fill(0x81));
    agree(
      words.flatMap((value) => {
        const labels = [...TCP, { id: nfct.ATTR_CONNLABELS, value }];
        return [labels, [...labels, { id: nfct.ATTR_CONNLABELS_MASK, value }]].map((attrs) => ({
          type: NFCT_Q_UPDATE,
          attrs,
        }));
      }),
    );
    const whole = new Uint8Array(20).fill(0x81);
    const [ct, same] = [TCP, [...TCP, { id: nfct.ATTR_CONNLABELS, value: whole }]].map(conntrack);
    nfct.nfct_set_attr(ct, nfct.ATTR_CONNLABELS, whole);
    expect(hex(ours(NFCT_Q_UPDATE, ct))).to.equal(hex(ours(NFCT_Q_UPDATE, same)));
  });

  it('with a reply or a master tuple that is there in part', () => {
    const reply = [is(nfct.ATTR_REPL_L3PROTO, AF_INET), is(nfct.ATTR_REPL_L4PROTO, IPPROTO_UDP)];
    reply.push(is(nfct.ATTR_REPL_IPV4_SRC, 2, 2, 2, 2), is(nfct.ATTR_REPL_IPV4_DST, 3, 3, 3, 3));
    reply.push(is(nfct.ATTR_REPL_PORT_SRC, 0, 53), is(nfct.ATTR_REPL_PORT_DST, 1, 53), is(nfct.ATTR_REPL_ZONE, 5, 0));
    const master = [is(nfct.ATTR_MASTER_L3PROTO, AF_INET), is(nfct.ATTR_MASTER_L4PROTO, IPPROTO_TCP)];
    master.push(is(nfct.ATTR_MASTER_IPV4_SRC, 2, 2, 2, 2), is(nfct.ATTR_MASTER_IPV4_DST, 3, 3, 3, 3));
    master.push(is(nfct.ATTR_MASTER_PORT_SRC, 0, 53), is(nfct.ATTR_MASTER_PORT_DST, 1, 53));
    for (const [first, ...others] of [reply, master]) {
      const subsets = Array.from({ length: 1 << others.length }, (_, bits) =>
        others.filter((_, index) => ((bits >> index) & 1) === 1),
      );
      agree(subsets.map((subset) => ({ type: NFCT_Q_CREATE, attrs: [...UDP, first, ...subset] })));
      // Without its layer 3 protocol C leaves it out of the request, without a word; here it is refused.
      const without = subsets.filter((subset) => subset.length > 0).map((subset) => [...UDP, ...subset]);
      const alone = query([{ type: NFCT_Q_CREATE, attrs: UDP }])[0] as Uint8Array;
      for (const theirs of query(without.map((attrs) => ({ type: NFCT_Q_CREATE, attrs }))))
        expect(hex(theirs as Uint8Array)).to.equal(hex(alone));
      for (const attrs of without)
        expect(() => ours(NFCT_Q_CREATE, conntrack(attrs))).to.throw(TypeError, /ATTR_\w+_L3PROTO is not set/);
    }
    const [l3proto] = reply;
    const sent = ours(NFCT_Q_CREATE, conntrack([...UDP, l3proto]));
    expect(hex(sent).endsWith('0c0002800500010000000000')).to.equal(true);
  });

  const seed = seedFromEnvironment();
  it(`with any attributes at all (CTNETLINK_SEED=${seed})`, () => {
    const random = new Random(seed);
    agree(Array.from({ length: 500 }, () => ({ type: random.pick(OF_OBJECTS), attrs: randomObject(random) })));
  });
});

/**
 * Attributes that the library keeps apart: in its memory IPv4 and IPv6 share their place, and so do ports and ICMP,
 * TCP, SCTP and DCCP.
 */
function randomObject(random: Random): Attr[] {
  const family = random.pick([AF_INET, AF_INET6]);
  const v4 = family === AF_INET;
  const proto = random.pick([
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    IPPROTO_SCTP,
    IPPROTO_DCCP,
    IPPROTO_GRE,
    IPPROTO_ESP,
    v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
  ]);
  const icmp = proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6;
  const tuple = (ids: { l3: number; l4: number; v4: number[]; v6: number[]; rest: number[] }): Attr[] => [
    is(ids.l3, family),
    is(ids.l4, proto),
    ...some(random, [...(v4 ? ids.v4 : ids.v6), ...ids.rest]),
  ];
  const attrs = tuple({
    l3: nfct.ATTR_ORIG_L3PROTO,
    l4: nfct.ATTR_ORIG_L4PROTO,
    v4: [0, 1],
    v6: [4, 5],
    rest: [...(icmp ? [13, 14] : [8, 9]), nfct.ATTR_ORIG_ZONE],
  });
  if (icmp) attrs.push(is(nfct.ATTR_ICMP_TYPE, random.pick(v4 ? [0, 3, 8, 13, 18] : [128, 129, 130])));
  if (random.oneIn(4)) attrs.push(SETUP_REPLY);
  else if (random.oneIn(2))
    attrs.push(
      ...tuple({
        l3: nfct.ATTR_REPL_L3PROTO,
        l4: nfct.ATTR_REPL_L4PROTO,
        v4: [2, 3],
        v6: [6, 7],
        rest: [...(icmp ? [] : [10, 11]), nfct.ATTR_REPL_ZONE],
      }),
    );
  if (random.oneIn(3))
    attrs.push(
      ...tuple({
        l3: nfct.ATTR_MASTER_L3PROTO,
        l4: nfct.ATTR_MASTER_L4PROTO,
        v4: [37, 38],
        v6: [39, 40],
        rest: icmp ? [] : [41, 42],
      }),
    );
  const protoinfo = { tcp: [19, 33, 34, 35, 36, 59, 60], sctp: [52, 53, 54], dccp: [56, 57, 58] };
  const own =
    proto === IPPROTO_TCP ? 'tcp' : proto === IPPROTO_SCTP ? 'sctp' : proto === IPPROTO_DCCP ? 'dccp' : undefined;
  const rest = [
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 45, 46, 47, 48, 49, 50, 51, 55, 61, 62, 63, 64, 66, 67, 72, 73, 74,
  ];
  const others = [
    ...rest,
    ...(v4 ? [20, 21] : [70, 71]),
    ...protoinfo[own ?? random.pick(['tcp', 'sctp', 'dccp'] as const)],
  ];
  return [...attrs, ...some(random, others)];
}

function some(random: Random, ids: readonly number[]): Attr[] {
  return ids.filter(() => random.oneIn(2)).map((id) => ({ id, value: randomMemory(random, id) }));
}

describe('nfct: requests that are not as in C', () => {
  it('carry the helper info, whose length C forgets', () => {
    const ct = conntrack([
      ...TCP,
      is(nfct.ATTR_HELPER_NAME, 0x66, 0x74, 0x70, 0),
      is(nfct.ATTR_HELPER_INFO, 1, 2, 3, 4),
    ]);
    expect(hex(ours(NFCT_Q_UPDATE, ct)).endsWith('140005800800010066747000' + '0800020001020304')).to.equal(true);
  });

  it('answer ICMPv6 node information with its reply type', () => {
    const ct = conntrack([
      is(nfct.ATTR_L3PROTO, AF_INET6),
      is(nfct.ATTR_L4PROTO, IPPROTO_ICMPV6),
      is(nfct.ATTR_ICMP_TYPE, 139),
      SETUP_REPLY,
    ]);
    expect(ct.reply.icmpType).to.equal(140);
  });

  it('are never without a tuple', () => {
    for (const type of OF_OBJECTS) {
      const attempt =
        (...attrs: Attr[]) =>
        () =>
          ours(type, conntrack(attrs));
      expect(attempt()).to.throw(TypeError, 'data: ATTR_ORIG_L3PROTO is not set');
      expect(attempt(is(nfct.ATTR_ID, 1, 2, 3, 4))).to.throw(TypeError, 'data: ATTR_ORIG_L3PROTO is not set');
      expect(attempt(is(nfct.ATTR_L3PROTO, AF_INET))).to.throw(TypeError, 'data: ATTR_ORIG_L4PROTO is not set');
      expect(attempt(...V4)).to.throw(TypeError, 'data: ATTR_ORIG_L4PROTO is not set');
      expect(attempt(is(nfct.ATTR_L3PROTO, 7), is(nfct.ATTR_L4PROTO, 6))).to.throw(
        RangeError,
        /ATTR_ORIG_L3PROTO must be/,
      );
      // C sends the original tuple alone, without a word.
      expect(attempt(...UDP, is(nfct.ATTR_REPL_PORT_SRC, 0, 1))).to.throw(TypeError, 'ATTR_REPL_L3PROTO is not set');
      expect(attempt(...UDP, is(nfct.ATTR_MASTER_IPV4_SRC, 1, 1, 1, 1))).to.throw(
        TypeError,
        'ATTR_MASTER_L3PROTO is not set',
      );
    }
  });

  it('are of a known type, about the right thing', () => {
    expect(() => ours(11, 0)).to.throw(RangeError, /^query must be one of NFCT_Q_/);
    expect(() => ours(-1, 0)).to.throw(RangeError, /^query must/);
    for (const type of OF_OBJECTS)
      expect(() => ours(type, AF_INET)).to.throw(TypeError, /^data must be an nf_conntrack/);
    for (const type of [NFCT_Q_FLUSH, NFCT_Q_DUMP, NFCT_Q_DUMP_RESET]) {
      expect(() => ours(type, undefined)).to.throw(TypeError, /^data \(an address family\) must/);
      expect(() => ours(type, conntrack(UDP))).to.throw(TypeError, /^data \(an address family\) must/);
      expect(() => ours(type, 256)).to.throw(RangeError, /^data \(an address family\) must/);
    }
    for (const type of [NFCT_Q_DUMP_FILTER, NFCT_Q_DUMP_FILTER_RESET])
      expect(() => ours(type, AF_INET)).to.throw(TypeError, /^data must be the result of nfct_filter_dump_create/);
    expect(() => ours(NFCT_Q_FLUSH_FILTER, conntrack(UDP))).to.throw(
      TypeError,
      /^data must be the result of nfct_filter_dump_create/,
    );
  });

  it('never flush more than the filter says', () => {
    const filter = (type: number, value: Parameters<typeof nfct.nfct_filter_dump_set_attr>[2]) => {
      const made = nfct.nfct_filter_dump_create();
      nfct.nfct_filter_dump_set_attr(made, type, value);
      return made;
    };
    const l3num = filter(nfct.NFCT_FILTER_DUMP_L3NUM, AF_INET6);
    const mark = filter(nfct.NFCT_FILTER_DUMP_MARK, { val: 1, mask: 1 });
    const status = filter(nfct.NFCT_FILTER_DUMP_STATUS, { val: 4, mask: 4 });
    const zone = filter(nfct.NFCT_FILTER_DUMP_ZONE, 5);
    const v4 = filter(nfct.NFCT_FILTER_DUMP_TUPLE, conntrack(UDP));
    const v6 = filter(
      nfct.NFCT_FILTER_DUMP_TUPLE,
      conntrack([is(nfct.ATTR_L3PROTO, AF_INET6), is(nfct.ATTR_IPV6_SRC, ...new Uint8Array(16))]),
    );
    // The first release whose kernel understands each, and one before it.
    const cases: [name: string, data: unknown, since: string, before: string][] = [
      ['family', l3num, '5.3.0', '5.2.99'],
      ['family as a number', AF_INET6, '5.3.0', '5.2.99'],
      ['status', status, '5.15.0', '5.14.21'],
      ['zone', zone, '6.9.0', '6.8.1'],
      ['tuple', v4, '6.13.0', '6.12.0'],
    ];
    for (const [name, data, since, before] of cases) {
      expect(ours(NFCT_Q_FLUSH_FILTER, data, since)[17], name).to.equal(1);
      for (const release of [before, 'unknown'])
        expect(() => ours(NFCT_Q_FLUSH_FILTER, data, release), name).to.throw(
          UnsupportedError,
          /flush more flows than/,
        );
      const build = () => buildQuery(NFCT_Q_FLUSH_FILTER, data, undefined);
      expect(build, name).to.throw(UnsupportedError, /a kernel of unknown release would flush more/);
    }
    expect(hex(ours(NFCT_Q_FLUSH_FILTER, mark, '4.0.0'))).to.equal(
      '2400000002010500000000000000000000010000' + '0800080000000001' + '0800150000000001',
    );
    expect(() => ours(NFCT_Q_FLUSH_FILTER, v6)).to.throw(UnsupportedError, /flush more flows than/);
    for (const everything of [
      // A mask of 0 looks at nothing.
      filter(nfct.NFCT_FILTER_DUMP_STATUS, { val: 0, mask: 0 }),
      filter(nfct.NFCT_FILTER_DUMP_MARK, { val: 0, mask: 0 }),
      nfct.nfct_filter_dump_create(),
      AF_UNSPEC,
      filter(nfct.NFCT_FILTER_DUMP_L3NUM, AF_UNSPEC),
    ])
      expect(() => ours(NFCT_Q_FLUSH_FILTER, everything)).to.throw(TypeError, /NFCT_Q_FLUSH is the query/);
  });

  it('never reset counters of more than the filter says', () => {
    const v6 = nfct.nfct_filter_dump_create();
    const tuple = conntrack([is(nfct.ATTR_L3PROTO, AF_INET6), is(nfct.ATTR_IPV6_SRC, ...new Uint8Array(16))]);
    nfct.nfct_filter_dump_set_attr(v6, nfct.NFCT_FILTER_DUMP_TUPLE, tuple);
    expect(() => ours(NFCT_Q_DUMP_FILTER_RESET, v6)).to.throw(UnsupportedError, /reset counters/);
    // Without resetting, the family is sent and the address compared here.
    expect(hex(ours(NFCT_Q_DUMP_FILTER, v6))).to.equal('140000000101010300000000000000000a000000');
  });
});

describe('nfct: dump filters', () => {
  const set = (type: number, value: unknown) => () =>
    nfct.nfct_filter_dump_set_attr(nfct.nfct_filter_dump_create(), type, value as never);

  it('are checked when they are set', () => {
    expect(set(5, 0)).to.throw(RangeError, /^type must be an integer from 0 to 4/);
    expect(set(nfct.NFCT_FILTER_DUMP_MARK, 1)).to.throw(TypeError, /NFCT_FILTER_DUMP_MARK must be \{ val, mask \}/);
    expect(set(nfct.NFCT_FILTER_DUMP_MARK, { val: 1 })).to.throw(TypeError, /NFCT_FILTER_DUMP_MARK.mask must/);
    expect(set(nfct.NFCT_FILTER_DUMP_STATUS, { val: -1, mask: 1 })).to.throw(
      RangeError,
      /NFCT_FILTER_DUMP_STATUS.val must/,
    );
    expect(set(nfct.NFCT_FILTER_DUMP_L3NUM, 7)).to.throw(RangeError, /NFCT_FILTER_DUMP_L3NUM must be AF_INET/);
    expect(set(nfct.NFCT_FILTER_DUMP_L3NUM, 'ipv4')).to.throw(TypeError, /NFCT_FILTER_DUMP_L3NUM must/);
    expect(set(nfct.NFCT_FILTER_DUMP_ZONE, 65536)).to.throw(RangeError, /NFCT_FILTER_DUMP_ZONE must/);
    expect(set(nfct.NFCT_FILTER_DUMP_TUPLE, {})).to.throw(TypeError, /NFCT_FILTER_DUMP_TUPLE must be an nf_conntrack/);
    for (const extra of [SETUP_REPLY, TIMEOUT, is(nfct.ATTR_MARK, 1, 0, 0, 0)])
      expect(set(nfct.NFCT_FILTER_DUMP_TUPLE, conntrack([...UDP, extra]))).to.throw(
        TypeError,
        /original direction only/,
      );
    expect(() => nfct.nfct_filter_dump_set_attr({} as never, 0, 0)).to.throw(
      TypeError,
      /^filter_dump must be the result of/,
    );
    const filter = nfct.nfct_filter_dump_create();
    expect(() => nfct.nfct_filter_dump_set_attr_u8(filter, nfct.NFCT_FILTER_DUMP_L3NUM, 256)).to.throw(RangeError);
    expect(() => nfct.nfct_filter_dump_set_attr_u16(filter, nfct.NFCT_FILTER_DUMP_ZONE, -1)).to.throw(RangeError);
  });

  it('that contradict themselves are refused', () => {
    const filter = nfct.nfct_filter_dump_create();
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_L3NUM, AF_INET6);
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_TUPLE, conntrack(UDP));
    expect(() => ours(NFCT_Q_DUMP_FILTER, filter)).to.throw(RangeError, /both families/);
  });

  it('have the order of the library: mark, status, zone, tuple', () => {
    const filter = nfct.nfct_filter_dump_create();
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_TUPLE, conntrack(UDP));
    nfct.nfct_filter_dump_set_attr_u16(filter, nfct.NFCT_FILTER_DUMP_ZONE, 5);
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_STATUS, { val: 4, mask: 4 });
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_MARK, { val: 1, mask: 1 });
    const types: number[] = [];
    const bytes = Buffer.from(ours(NFCT_Q_DUMP_FILTER, filter));
    for (let at = 20; at < bytes.length; at += (bytes.readUInt16LE(at) + 3) & ~3)
      types.push(bytes.readUInt16LE(at + 2) & 0x3fff);
    expect(types).to.deep.equal([8, 21, 3, 26, 18, 1, 25]);
  });
});
