/**
 * Messages by hand against libnetfilter_conntrack. What differs on purpose:
 *
 * - Broken lengths are a DecodeError with offset and path, and leave the object as it was. C ends the process for an attribute that is
 *   shorter than its type, and ignores what stands behind another broken length.
 * - nfct_nlmsg_build refuses what the queries refuse: a tuple without protocols, which C leaves out.
 * - nfct_nlmsg_build_filter refuses a filter that the kernel would not apply as a whole, a zero mask of the status among them (EINVAL), and
 *   one that matches everything in a message that deletes. An AF_UNSPEC of NFCT_FILTER_DUMP_L3NUM leaves the family of nfgenmsg alone.
 * - A tuple with neither protocol nor address sets no ATTR_L3PROTO, nor does a family other than AF_INET and AF_INET6.
 * - A reply tuple without the original one sets no ATTR_ICMP_*, which are of that one; in C they are 0 then.
 * - Addresses of one family do not outlive another family read into their tuple. In C both are set then, in the same memory.
 * - Messages of other subsystems are none of nfct_parse_conntrack and nfexp_parse_expect; C looks at the lower byte of the type only.
 * - NAT and label masks, which the kernel never dumps, are read as well.
 * - nfct_parse_conntrack throws where C returns NFCT_T_ERROR.
 */
import { expect } from 'chai';
import { expectationCodec } from '../../src/ctnetlink/expectation.ts';
import { ORIG, REPLY } from '../../src/ctnetlink/tuple.ts';
import { openTransport } from '../../src/index.ts';
import {
  type Datagram,
  DecodeError,
  KernelError,
  nfnlType,
  readErrno,
  type Transport,
  TransportError,
  UnsupportedError,
  viewOf,
  Writer,
  walkDatagram,
  writeNfgenmsg,
} from '../../src/netlink.ts';
import { buildExpectQuery } from '../../src/nfct/expect-query.ts';
import { expectWireForm } from '../../src/nfct/expect-wire.ts';
import * as nfct from '../../src/nfct/index.ts';
import { buildQuery } from '../../src/nfct/request.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  CTA_EXPECT_TIMEOUT,
  CTA_TIMEOUT,
  EEXIST,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_CTRZERO,
  IPCTNL_MSG_CT_NEW,
  IPCTNL_MSG_EXP_DELETE,
  IPPROTO_UDP,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../../src/uapi/index.ts';
import { encode } from '../ctnetlink/samples.ts';
import * as oracle from '../oracle/nlmsg.ts';
import { build as buildOracle, query as queryOracle } from '../oracle/oracle.ts';
import { concat, FakeTransport, message, nlattr } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { ALL_IDS, conntrack, hex, is, memoryOf, widthOf } from './memory.ts';
import { randomObject, randomShape, randomWhole, type Setting, type Shape } from './objects.ts';

const seed = seedFromEnvironment();
const OBJECTS = 3000;

const CT_NEW = nfnlType(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW);

/** C stores nothing when these are set, and reads their values from messages. */
const NOT_STORED = [26, 27, 28, 29, 30, 62, 63, 64, 65];
/** What is of an original tuple, without its zone, which C leaves out of expectations. */
const TUPLE = [0, 1, 4, 5, 8, 9, 12, 13, 14, 15, 17];
/** The kernel dumps none of these, and C reads none. */
const NOT_READ = [20, 21, 22, 23, 67, 70, 71];

/** All that is set, as the oracle tells it. */
function told(ct: nfct.Flow): string[] {
  return ALL_IDS.filter((id) => nfct.nfct_attr_is_set(ct, id) === 1).map(
    (id) => `${id}=${widthOf(id) === 'bytes' ? '' : hex(memoryOf(id, nfct.nfct_get_attr(ct, id)!))}`,
  );
}

function messageOf(family: number, attributes: Uint8Array, type = CT_NEW, flags = 0): Uint8Array {
  return message(0, concat([family, 0, 0, 0], attributes), { type, flags });
}

/** Attributes as the kernel might send them: of both tuples, of one or of none. */
function randomAttributes(random: Random, shape: Shape): Uint8Array {
  const ct = conntrack(randomWhole(random, shape).filter(({ id }) => !NOT_READ.includes(id)));
  const without = random.pick([[], [], [REPLY], [ORIG, REPLY], ...(shape.icmp ? [] : [[ORIG]])]);
  for (const tuple of without) for (const slot of tuple.all) ct.slots[slot] = undefined;
  return encode(ct);
}

function randomUsed(random: Random, shape: Shape): Setting[] {
  return randomObject(random, shape).filter(({ id }) => !NOT_STORED.includes(id));
}

/** A message as mnl_nlmsg_put_header and mnl_nlmsg_put_extra_header begin it. */
function begin(writer: Writer, message: number, flags = 0, family: number = AF_UNSPEC): number {
  const at = writer.beginMessage(nfnlType(NFNL_SUBSYS_CTNETLINK, message), flags, 0);
  writeNfgenmsg(writer, family);
  return at;
}

function byHand(message: number, flags: number, family: number, append: (writer: Writer) => unknown): Uint8Array {
  const writer = new Writer();
  const at = begin(writer, message, flags, family);
  append(writer);
  writer.endMessage(at);
  return writer.finish();
}

describeOracle('nfct: messages by hand, as in C', function () {
  this.timeout(60_000);

  it(`nfct_nlmsg_parse into objects that have something already: ${OBJECTS} (seed ${seed})`, () => {
    const random = new Random(seed);
    const cases = Array.from({ length: OBJECTS }, () => {
      const shape = randomShape(random);
      return {
        list: random.oneIn(5) ? [] : randomUsed(random, shape),
        message: messageOf(shape.family, randomAttributes(random, shape)),
      };
    });
    for (const [index, theirs] of oracle.parse(cases).entries()) {
      const { list, message } = cases[index];
      if ('errno' in theirs) throw new Error(`C: errno ${theirs.errno} for ${hex(message)}`);
      const ct = conntrack(list);
      expect(nfct.nfct_nlmsg_parse(message, ct)).to.equal(theirs.result);
      expect(told(ct), `${told(conntrack(list)).join(' ')} | ${hex(message)}`).to.deep.equal(theirs.set);
    }
  });

  it(`nfct_payload_parse, the same: ${OBJECTS} (seed ${seed})`, () => {
    const random = new Random(seed + 1);
    const cases = Array.from({ length: OBJECTS }, () => {
      const shape = randomShape(random);
      return { list: randomUsed(random, shape), l3num: shape.family, payload: randomAttributes(random, shape) };
    });
    for (const [index, theirs] of oracle.parsePayload(cases).entries()) {
      const { list, l3num, payload } = cases[index];
      if ('errno' in theirs) throw new Error(`C: errno ${theirs.errno} for ${hex(payload)}`);
      const ct = conntrack(list);
      expect(nfct.nfct_payload_parse(payload, l3num, ct)).to.equal(theirs.result);
      expect(told(ct), hex(payload)).to.deep.equal(theirs.set);
    }
  });

  it(`nfct_nlmsg_build, and nfct_build_conntrack: ${OBJECTS} (seed ${seed})`, () => {
    const random = new Random(seed + 2);
    const cases = Array.from({ length: OBJECTS }, () => ({
      list: randomWhole(random, randomShape(random)),
      type: random.pick([IPCTNL_MSG_CT_NEW, IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE]),
      flags: random.below(0x1000),
    }));
    const built = buildOracle(cases.map(({ list }) => list));
    const whole = oracle.buildConntrack(cases);
    for (const [index, { list, type, flags }] of cases.entries()) {
      const theirs = built[index];
      const bytes = whole[index];
      if ('errno' in theirs || !(bytes instanceof Uint8Array)) throw new Error('the library refuses an object');
      const ct = conntrack(list);
      const ours = byHand(type, flags, theirs.family, (writer) => nfct.nfct_nlmsg_build(writer, ct));
      expect(hex(ours.subarray(20))).to.equal(hex(theirs.attributes));
      expect(hex(ours)).to.equal(hex(bytes));
      expect(hex(nfct.nfct_build_conntrack(type, flags, ct))).to.equal(hex(bytes));
    }
  });

  it(`nfct_nlmsg_build_filter (seed ${seed})`, () => {
    const random = new Random(seed + 3);
    const masked = () => ({ value: random.uint32(), mask: random.pick([0xffffffff, 1, random.uint32() | 1]) >>> 0 });
    const filters: oracle.Filter[] = Array.from({ length: 2000 }, () => ({
      mark: random.oneIn(2) ? { ...masked(), ...(random.oneIn(5) && { mask: 0 }) } : undefined,
      status: random.oneIn(2) ? masked() : undefined,
      l3num: random.oneIn(2) ? random.pick([AF_INET, AF_INET6]) : undefined,
    }));
    for (const [index, theirs] of oracle.buildFilter(filters).entries()) {
      const filter = filterOf(filters[index]);
      const ours = byHand(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 7, (writer) =>
        expect(nfct.nfct_nlmsg_build_filter(writer, filter)).to.equal(0),
      );
      expect(hex(ours), JSON.stringify(filters[index])).to.equal(hex(theirs));
    }
  });

  it('nfct_build_query', () => {
    const random = new Random(seed + 4);
    const objects = [nfct.NFCT_Q_CREATE, nfct.NFCT_Q_UPDATE, nfct.NFCT_Q_GET, nfct.NFCT_Q_DESTROY];
    const cases = Array.from({ length: 300 }, () => {
      const pair = random.oneIn(2) ? { value: random.uint32(), mask: random.uint32() } : undefined;
      return random.pick([
        { type: random.pick(objects), attrs: randomWhole(random, randomShape(random)) },
        { type: random.pick([nfct.NFCT_Q_FLUSH, nfct.NFCT_Q_DUMP]), family: random.pick([AF_UNSPEC, AF_INET]) },
        { type: nfct.NFCT_Q_DUMP_FILTER, mark: pair, status: { value: 4, mask: 6 }, l3num: AF_INET6 },
      ]);
    });
    for (const [index, theirs] of queryOracle(cases).entries()) {
      const { type, attrs, family, ...filter } = cases[index] as (typeof cases)[number] & {
        attrs?: Setting[];
        family?: number;
      };
      if (!(theirs instanceof Uint8Array)) throw new Error(`C: errno ${theirs.errno}`);
      const data = attrs === undefined ? (family ?? filterOf(filter as oracle.Filter)) : conntrack(attrs);
      expect(hex(nfct.nfct_build_query(type, data))).to.equal(hex(theirs));
    }
  });

  it('nfct_parse_conntrack and nfexp_parse_expect tell the type', () => {
    const masks = [nfct.NFCT_T_NEW, nfct.NFCT_T_UPDATE, nfct.NFCT_T_DESTROY, nfct.NFCT_T_ALL, 0];
    const types = [...Array(16).keys()];
    const flags = [0, 2, NLM_F_EXCL, NLM_F_CREATE, NLM_F_CREATE | NLM_F_EXCL, 0x100];
    for (const mask of masks) {
      const messages = (subsystem: number, timeout: number) =>
        types.flatMap((type) =>
          flags.map((each) => messageOf(AF_INET, nlattr(timeout, [0, 0, 0, 9]), nfnlType(subsystem, type), each)),
        );
      const flows = messages(NFNL_SUBSYS_CTNETLINK, CTA_TIMEOUT);
      const list = [is(nfct.ATTR_MARK, 1, 0, 0, 0)];
      const theirs = oracle.parseConntrack(
        mask,
        flows.map((message) => ({ list, message })),
      );
      for (const [index, message] of flows.entries()) {
        const ct = conntrack(list);
        const result = nfct.nfct_parse_conntrack(mask, message, ct);
        expect({ result, set: told(ct) }, hex(message)).to.deep.equal(theirs[index]);
      }
      const expectations = messages(NFNL_SUBSYS_CTNETLINK_EXP, CTA_EXPECT_TIMEOUT);
      const results = oracle.parseExpect(mask, expectations);
      for (const [index, message] of expectations.entries())
        expect(nfct.nfexp_parse_expect(mask, message, nfct.nfexp_new()), hex(message)).to.equal(results[index]);
    }
  });

  it(`nfexp_nlmsg_parse into expectations that have something already, and nfexp_nlmsg_build (seed ${seed})`, () => {
    const random = new Random(seed + 5);
    const pairs = Array.from({ length: OBJECTS }, () => {
      const family = random.pick([AF_INET, AF_INET6]);
      return [randomExpectation(random, family), randomExpectation(random, family)] as const;
    });
    for (const [index, theirs] of oracle.parseExpects(pairs).entries()) {
      const exp = nfct.nfexp_new();
      for (const each of pairs[index]) expect(nfct.nfexp_nlmsg_parse(each, exp)).to.equal(0);
      const values = [
        nfct.nfexp_get_attr_u32(exp, nfct.ATTR_EXP_CLASS),
        nfct.nfexp_get_attr_u8(exp, nfct.ATTR_EXP_NAT_DIR),
        nfct.nfexp_get_attr(exp, nfct.ATTR_EXP_FN) ?? '',
      ];
      // C does not write these.
      for (const id of [7, 8, 9, 10]) nfct.nfexp_attr_unset(exp, id);
      const ours = byHand(0, 0, AF_INET, (writer) => nfct.nfexp_nlmsg_build(writer, exp));
      const text = `${hex(ours.subarray(20))} ${values.join(' ')}`;
      expect(text, pairs[index].map(hex).join(' ')).to.equal(theirs);
    }
  });

  it('nfexp_build_expect and nfexp_build_query', () => {
    const random = new Random(seed + 6);
    const cases = Array.from({ length: 500 }, () => {
      const shape = randomShape(random);
      return {
        type: random.below(3),
        flags: random.below(0x1000),
        list: randomWhole(random, shape).filter(({ id }) => TUPLE.includes(id)),
      };
    });
    for (const [index, theirs] of oracle.buildExpect(cases).entries()) {
      const { type, flags, list } = cases[index];
      const exp = nfct.nfexp_new();
      nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_EXPECTED, conntrack(list));
      if (!(theirs instanceof Uint8Array)) throw new Error(`C: errno ${theirs.errno}`);
      expect(hex(nfct.nfexp_build_expect(type, flags, exp))).to.equal(hex(theirs));
      const writer = new Writer();
      buildExpectQuery(nfct.NFCT_Q_CREATE, exp).build(writer, 0);
      expect(hex(nfct.nfexp_build_query(nfct.NFCT_Q_CREATE, exp))).to.equal(hex(writer.finish()));
    }
  });
});

function filterOf({ mark, status, l3num }: oracle.Filter): nfct.nfct_filter_dump {
  const filter = nfct.nfct_filter_dump_create();
  const set = (type: number, { value, mask }: { value: number; mask: number }) =>
    nfct.nfct_filter_dump_set_attr(filter, type, { val: value, mask });
  if (mark !== undefined) set(nfct.NFCT_FILTER_DUMP_MARK, mark);
  if (status !== undefined) set(nfct.NFCT_FILTER_DUMP_STATUS, status);
  if (l3num !== undefined) nfct.nfct_filter_dump_set_attr_u8(filter, nfct.NFCT_FILTER_DUMP_L3NUM, l3num);
  return filter;
}

/** A message with all three tuples, as the kernel sends them, or with none. */
function randomExpectation(random: Random, family: number): Uint8Array {
  const exp = nfct.nfexp_new();
  const address = () => new Uint8Array(family === AF_INET ? 4 : 16).map(() => random.below(256));
  const [src, dst] = family === AF_INET ? [0, 1] : [4, 5];
  const tuple = () =>
    conntrack([
      is(nfct.ATTR_L3PROTO, family),
      is(nfct.ATTR_L4PROTO, random.pick([6, 17])),
      { id: src, value: address() },
      { id: dst, value: address() },
      is(8, random.below(256), random.below(256)),
      is(9, random.below(256), random.below(256)),
    ]);
  if (random.oneIn(2)) for (const id of [0, 1, 2]) nfct.nfexp_set_attr(exp, id, tuple());
  for (const id of [3, 4, 5, 7, 9])
    if (random.oneIn(2)) nfct.nfexp_set_attr(exp, id, random.below(id === 9 ? 2 : 1000));
  if (random.oneIn(2)) nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_HELPER_NAME, random.pick(['ftp', 'sip']));
  if (random.oneIn(2)) nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_FN, random.pick(['nat-follow-master', 'sip']));
  const writer = new Writer();
  expectationCodec.write(writer, expectWireForm(exp).attributes);
  return messageOf(family, writer.finish(), nfnlType(NFNL_SUBSYS_CTNETLINK_EXP, 0));
}

const UDP = [
  is(nfct.ATTR_L3PROTO, AF_INET),
  is(nfct.ATTR_L4PROTO, IPPROTO_UDP),
  is(nfct.ATTR_IPV4_SRC, 10, 0, 0, 1),
  is(nfct.ATTR_IPV4_DST, 10, 0, 0, 2),
  is(nfct.ATTR_PORT_SRC, 3, 232),
  is(nfct.ATTR_PORT_DST, 0, 53),
];

describe('nfct: messages by hand', () => {
  it('are what the queries send', () => {
    const random = new Random(seed + 7);
    for (let i = 0; i < 500; i++) {
      const shape = randomShape(random);
      const ct = conntrack(randomWhole(random, shape));
      const query = new Writer();
      buildQuery(nfct.NFCT_Q_UPDATE, ct, undefined).build(query, 0);
      const hand = byHand(IPCTNL_MSG_CT_NEW, NLM_F_REQUEST | NLM_F_ACK, shape.family, (writer) =>
        nfct.nfct_nlmsg_build(writer, ct),
      );
      expect(hex(hand)).to.equal(hex(query.finish()));
    }
  });

  it('may stand several in one writer', () => {
    const writer = new Writer(32);
    const messages = [AF_INET, AF_INET6].map((l3num) => {
      const at = begin(writer, IPCTNL_MSG_CT_GET);
      nfct.nfct_nlmsg_build_filter(writer, filterOf({ l3num, mark: { value: 1, mask: 1 } }));
      writer.endMessage(at);
      return at;
    });
    const families: number[] = [];
    walkDatagram(viewOf(writer.finish()), (_header, view, offset) => families.push(view.getUint8(offset + 16)));
    expect(families).to.deep.equal([AF_INET, AF_INET6]);
    expect(messages).to.deep.equal([0, 36]);
  });

  it('are not written in part', () => {
    const ct = conntrack([...UDP, is(nfct.ATTR_HELPER_NAME, 0x66, 0)]);
    const writer = new Writer();
    begin(writer, IPCTNL_MSG_CT_NEW);
    nfct.nfct_set_attr(ct, nfct.ATTR_HELPER_INFO, new Uint8Array(65_530));
    expect(() => nfct.nfct_nlmsg_build(writer, ct)).to.throw(RangeError, 'nla_len');
    expect(() => nfct.nfct_nlmsg_build(writer, nfct.nfct_new())).to.throw(
      TypeError,
      'ct: ATTR_ORIG_L3PROTO is not set',
    );
    expect(writer.length).to.equal(20);
  });

  it('name what is wrong', () => {
    const ct = conntrack(UDP);
    const exp = nfct.nfexp_new();
    const filter = filterOf({ l3num: AF_INET });
    for (const build of [
      (writer: Writer) => nfct.nfct_nlmsg_build(writer, ct),
      (writer: Writer) => nfct.nfct_nlmsg_build_filter(writer, filter),
      (writer: Writer) => nfct.nfexp_nlmsg_build(writer, exp),
    ]) {
      expect(() => build({} as Writer)).to.throw(TypeError, 'writer must be a Writer, not an object');
      const writer = new Writer();
      expect(() => build(writer)).to.throw(TypeError, /^writer must have a message/);
      writer.beginMessage(0x100, 0, 0);
      expect(() => build(writer)).to.throw(TypeError, /^writer must have a message/);
    }
    const writer = new Writer();
    begin(writer, IPCTNL_MSG_CT_NEW);
    expect(() => nfct.nfct_nlmsg_build(writer, {} as nfct.Flow)).to.throw(TypeError, /^ct must/);
    expect(() => nfct.nfexp_nlmsg_build(writer, {} as nfct.Expectation)).to.throw(TypeError, /^exp must/);
    expect(() => nfct.nfct_nlmsg_build_filter(writer, {} as never)).to.throw(TypeError, /^filter_dump must/);
    const bytes = messageOf(AF_INET, new Uint8Array(0));
    expect(() => nfct.nfct_nlmsg_parse('x' as never, ct)).to.throw(TypeError, "nlh must be a Uint8Array, not 'x'");
    expect(() => nfct.nfct_nlmsg_parse(bytes, exp as never)).to.throw(TypeError, /^ct must/);
    expect(() => nfct.nfexp_nlmsg_parse(bytes, ct as never)).to.throw(TypeError, /^exp must/);
    expect(() => nfct.nfct_payload_parse({} as never, AF_INET, ct)).to.throw(TypeError, /^payload must/);
    expect(() => nfct.nfct_payload_parse(bytes, 0x10000, ct)).to.throw(RangeError, /^l3num must/);
    expect(() => nfct.nfct_parse_conntrack(-1, bytes, ct)).to.throw(RangeError, /^msg must/);
    expect(() => nfct.nfexp_parse_expect('x' as never, bytes, exp)).to.throw(TypeError, /^type must/);
    expect(() => nfct.nfct_build_conntrack(256, 0, ct)).to.throw(RangeError, /^type must/);
    expect(() => nfct.nfct_build_conntrack(0, 0x10000, ct)).to.throw(RangeError, /^flags must/);
    expect(() => nfct.nfexp_build_query(nfct.NFCT_Q_UPDATE, exp)).to.throw(RangeError, /^qt must/);
  });

  it('never delete, or reset, more than the filter says', () => {
    const tuple = nfct.nfct_filter_dump_create();
    const six = [is(nfct.ATTR_L3PROTO, AF_INET6), is(nfct.ATTR_IPV6_SRC, ...new Uint8Array(16))];
    nfct.nfct_filter_dump_set_attr(tuple, nfct.NFCT_FILTER_DUMP_TUPLE, conntrack(six));
    const status = filterOf({ status: { value: 4, mask: 4 } });
    const attempt = (message: number, filter: nfct.nfct_filter_dump, release?: string) => () =>
      byHand(message, 0, AF_UNSPEC, (writer) => nfct.nfct_nlmsg_build_filter(writer, filter, release));
    for (const message of [IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET_CTRZERO]) {
      expect(attempt(message, status)).to.throw(UnsupportedError, 'a kernel of unknown release would take more flows');
      expect(attempt(message, status, '5.14.0')).to.throw(UnsupportedError, 'Linux 5.14.0 would');
      expect(attempt(message, status, '6.18.0')().length).to.equal(36);
      expect(attempt(message, tuple, '6.18.0')).to.throw(UnsupportedError);
    }
    // The version of nfgenmsg without which the family is ignored.
    const flush = attempt(IPCTNL_MSG_CT_DELETE, filterOf({ l3num: AF_INET6 }), '6.18.0')();
    expect([...flush.subarray(16, 20)]).to.deep.equal([AF_INET6, 1, 0, 0]);
    for (const everything of [nfct.nfct_filter_dump_create(), filterOf({ l3num: AF_UNSPEC })])
      expect(attempt(IPCTNL_MSG_CT_DELETE, everything, '6.18.0')).to.throw(TypeError, 'matches every flow');
    // Who dumps by hand compares nothing.
    expect(attempt(IPCTNL_MSG_CT_GET, tuple)).to.throw(UnsupportedError, 'the kernel would take more flows');
    expect(attempt(IPCTNL_MSG_CT_GET, status, '5.14.0')).to.throw(UnsupportedError, 'Linux 5.14.0 would');
    expect(() => nfct.nfct_build_query(nfct.NFCT_Q_DUMP_FILTER, tuple)).to.throw(UnsupportedError);
    expect(() => nfct.nfct_build_query(nfct.NFCT_Q_FLUSH_FILTER, status)).to.throw(UnsupportedError);
    expect(nfct.nfct_build_query(nfct.NFCT_Q_FLUSH_FILTER, status, '6.18.0')[17]).to.equal(1);
  });

  it('have attributes of zone and tuple, as 1.1.0 writes them', () => {
    const filter = filterOf({ mark: { value: 1, mask: 3 } });
    nfct.nfct_filter_dump_set_attr_u16(filter, nfct.NFCT_FILTER_DUMP_ZONE, 5);
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_TUPLE, conntrack(UDP));
    const hand = byHand(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, AF_UNSPEC, (writer) =>
      nfct.nfct_nlmsg_build_filter(writer, filter),
    );
    const query = new Writer();
    buildQuery(nfct.NFCT_Q_DUMP_FILTER, filter, '6.18.0').build(query, 0);
    expect(hex(hand)).to.equal(hex(query.finish()));
    expect(hand[16]).to.equal(AF_INET);
  });

  it('of broken length are a DecodeError, and change nothing', () => {
    const attempt = (parse: (ct: nfct.Flow) => unknown): DecodeError => {
      const ct = conntrack([...UDP, is(nfct.ATTR_MARK, 1, 0, 0, 0)]);
      const before = told(ct);
      let caught: unknown;
      try {
        parse(ct);
      } catch (error) {
        caught = error;
      }
      expect(caught).to.be.instanceOf(DecodeError);
      expect(told(ct)).to.deep.equal(before);
      return caught as DecodeError;
    };
    const mark = nlattr(8, [0, 0, 0, 2]);
    const short = concat(mark, nlattr(0x8001, nlattr(0x8001, nlattr(1, [1, 2]))));
    const deep = attempt((ct) => nfct.nfct_nlmsg_parse(messageOf(AF_INET, short), ct));
    expect(deep).to.include({ offset: 36 });
    expect(deep.path).to.deep.equal(['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP']);
    expect(attempt((ct) => nfct.nfct_payload_parse(short, AF_INET, ct))).to.include({ offset: 16 });
    expect(attempt((ct) => nfct.nfct_payload_parse(concat(mark, [9, 0, 3]), AF_INET, ct)).offset).to.equal(8);
    expect(attempt((ct) => nfct.nfct_nlmsg_parse(new Uint8Array(15), ct)).offset).to.equal(0);
    expect(attempt((ct) => nfct.nfct_nlmsg_parse(message(0, [2, 0, 0]), ct)).offset).to.equal(0);
    expect(attempt((ct) => nfct.nfct_nlmsg_parse(messageOf(AF_INET, mark).subarray(0, 24), ct)).offset).to.equal(0);
    expect(attempt((ct) => nfct.nfct_parse_conntrack(nfct.NFCT_T_ALL, messageOf(AF_INET, short), ct)).offset).to.equal(
      36,
    );
    const exp = nfct.nfexp_new();
    nfct.nfexp_set_attr_u32(exp, nfct.ATTR_EXP_TIMEOUT, 7);
    const bad = messageOf(AF_INET, concat(nlattr(4, [0, 0, 0, 9]), nlattr(0x8002, nlattr(0x8001, nlattr(1, [1])))));
    expect(() => nfct.nfexp_nlmsg_parse(bad, exp)).to.throw(DecodeError, 'CTA_EXPECT_TUPLE > CTA_TUPLE_IP');
    expect(nfct.nfexp_get_attr_u32(exp, nfct.ATTR_EXP_TIMEOUT)).to.equal(7);
  });

  it(`of any bytes are read, or are a DecodeError and change nothing (seed ${seed})`, () => {
    const random = new Random(seed + 8);
    let refused = 0;
    for (let i = 0; i < 4000; i++) {
      const shape = randomShape(random);
      const bytes = messageOf(shape.family, randomAttributes(random, shape));
      for (let n = random.between(1, 4); n > 0; n--) bytes[random.below(bytes.length)] = random.below(256);
      const end = random.oneIn(4) ? random.below(bytes.length + 1) : bytes.length;
      const ct = conntrack(randomUsed(random, shape));
      const before = ct.clone();
      try {
        nfct.nfct_nlmsg_parse(bytes.subarray(0, end), ct);
      } catch (error) {
        refused++;
        expect(error, hex(bytes)).to.be.instanceOf(DecodeError);
        expect((error as DecodeError).offset).to.be.within(0, end);
        expect(ct).to.deep.equal(before);
      }
    }
    expect(refused).to.be.within(500, 3500);
  });

  it('do not keep addresses of the family before', () => {
    const ct = conntrack(UDP);
    nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, 5);
    const six = conntrack([is(nfct.ATTR_L3PROTO, AF_INET6), is(nfct.ATTR_L4PROTO, 6), is(4, ...new Uint8Array(16))]);
    nfct.nfct_nlmsg_parse(messageOf(AF_INET6, encode(six)), ct);
    expect(ct.orig.src).to.equal('::');
    expect(nfct.nfct_attr_is_set(ct, nfct.ATTR_IPV4_SRC)).to.equal(0);
    expect(ct.mark).to.equal(5);
  });

  it('end where their header says', () => {
    const ct = nfct.nfct_new();
    const two = concat(messageOf(AF_INET, nlattr(8, [0, 0, 0, 1])), messageOf(AF_INET, nlattr(8, [0, 0, 0, 2])));
    nfct.nfct_nlmsg_parse(two, ct);
    expect(ct.mark).to.equal(1);
  });

  it('of other subsystems are none of ours', () => {
    const [flows, expectations] = [NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_CTNETLINK_EXP].map((subsystem) =>
      messageOf(AF_INET, nlattr(4, [0, 0, 0, 1]), nfnlType(subsystem, IPCTNL_MSG_EXP_DELETE)),
    );
    expect(nfct.nfct_parse_conntrack(nfct.NFCT_T_ALL, expectations, nfct.nfct_new())).to.equal(0);
    expect(nfct.nfexp_parse_expect(nfct.NFCT_T_ALL, flows, nfct.nfexp_new())).to.equal(0);
    expect(nfct.nfexp_parse_expect(nfct.NFCT_T_ALL, expectations, nfct.nfexp_new())).to.equal(4);
  });
});

describe('nfct_open_nfnl', () => {
  it('makes a handle of a transport, in its groups', async () => {
    const transport = new FakeTransport();
    const h = nfct.nfct_open_nfnl(transport, nfct.CONNTRACK, nfct.NF_NETLINK_CONNTRACK_NEW | 0x20);
    expect([...transport.groups]).to.deep.equal([1, 6]);
    nfct.nfct_close(h);
    expect(transport.closed).to.equal(true);
  });

  it('checks first, and closes a transport that cannot join', () => {
    const transport = new FakeTransport();
    expect(() => nfct.nfct_open_nfnl({} as Transport, nfct.CONNTRACK, 0)).to.throw(TypeError, /^transport must/);
    expect(() => nfct.nfct_open_nfnl(transport, 3, 0)).to.throw(RangeError, /^subsys_id must/);
    expect(() => nfct.nfct_open_nfnl(transport, 0, 0x40)).to.throw(RangeError, /^subscriptions must/);
    expect(transport.closed).to.equal(false);
    transport.joinGroup = () => {
      throw new TransportError('setsockopt', 1, 'no');
    };
    expect(() => nfct.nfct_open_nfnl(transport, nfct.CONNTRACK, 1)).to.throw(TransportError);
    expect(transport.closed).to.equal(true);
  });
});

/** A program as one over libmnl, with what ctnetlink, ctnetlink/netlink and ctnetlink/nfct export and nothing else. */
class ByHand {
  readonly #transport: Transport;
  readonly #writer = new Writer();
  #sequence = 0;
  #wake = (): void => {};

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.start({ readable: () => this.#wake(), failed: () => this.#wake() });
  }

  get release(): string | undefined {
    return this.#transport.release;
  }

  /** Sends one request, and gives each message that answers it, until its ACK or DONE. @throws KernelError */
  async ask(
    message: number,
    flags: number,
    append: (writer: Writer) => void,
    answer: (message: Uint8Array) => void = () => {},
  ): Promise<void> {
    const writer = this.#writer.reset();
    const sequence = ++this.#sequence;
    const type = nfnlType(NFNL_SUBSYS_CTNETLINK, message);
    const at = writer.beginMessage(type, NLM_F_REQUEST | flags, sequence);
    writeNfgenmsg(writer, AF_INET);
    append(writer);
    writer.endMessage(at);
    this.#transport.send(writer.finish());
    for (let ended = false; !ended; ) {
      const { bytes, view, sender } = await this.#receive();
      expect(sender).to.equal(0);
      walkDatagram(view, (header, _view, offset, end) => {
        expect(header.nlmsg_seq).to.equal(sequence);
        if (header.nlmsg_type !== NLMSG_ERROR && header.nlmsg_type !== NLMSG_DONE) {
          answer(bytes.subarray(offset, end));
          return;
        }
        ended = true;
        const errno = readErrno(view, offset, end, header.nlmsg_type === NLMSG_DONE);
        if (errno !== 0) throw new KernelError(errno, { operation: 'by hand', sequence });
      });
    }
  }

  async #receive(): Promise<Datagram> {
    for (;;) {
      const datagram = this.#transport.receive();
      if (datagram !== undefined) return datagram;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

describeKernel('nfct: a program by hand, on the kernel', ['conntrack'], () => {
  let transport: Transport;
  beforeEach(async () => {
    resetNamespace();
    transport = await openTransport();
  });
  afterEach(() => {
    transport.close();
    resetNamespace();
  });

  it('creates, dumps with a filter, and flushes with one', async () => {
    const program = new ByHand(transport);
    const create = async (dport: number, mark: number): Promise<void> => {
      const ct = conntrack([...UDP.slice(0, -1), is(nfct.ATTR_PORT_DST, 0, dport)]);
      nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_TIMEOUT, 100);
      nfct.nfct_set_attr_u32(ct, nfct.ATTR_MARK, mark);
      await program.ask(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, (writer) =>
        nfct.nfct_nlmsg_build(writer, ct),
      );
    };
    await create(53, 1);
    await create(54, 2);
    await create(55, 3);
    const again = await create(53, 1).then(
      () => undefined,
      (error: KernelError) => error,
    );
    expect(again).to.include({ errno: EEXIST });

    const odd = filterOf({ mark: { value: 1, mask: 1 } });
    const ports: number[] = [];
    const dump = (filter: nfct.nfct_filter_dump): Promise<void> =>
      program.ask(
        IPCTNL_MSG_CT_GET,
        NLM_F_DUMP,
        (writer) => nfct.nfct_nlmsg_build_filter(writer, filter),
        (message) => {
          const ct = nfct.nfct_new();
          expect(nfct.nfct_parse_conntrack(nfct.NFCT_T_ALL, message, ct)).to.equal(nfct.NFCT_T_UPDATE);
          ports.push(nfct.ntohs(nfct.nfct_get_attr_u16(ct, nfct.ATTR_PORT_DST)));
        },
      );
    await dump(odd);
    expect(ports.splice(0).sort()).to.deep.equal([53, 55]);

    await program.ask(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, (writer) =>
      nfct.nfct_nlmsg_build_filter(writer, odd, program.release),
    );
    await dump(nfct.nfct_filter_dump_create());
    expect(ports).to.deep.equal([54]);
    expect(Number(sh('conntrack', '-C'))).to.equal(1);
  });

  it('takes what the deprecated functions build, and nfct_open_nfnl goes on with a transport', async () => {
    const h = nfct.nfct_open_nfnl(transport, nfct.CONNTRACK, 0);
    const ct = conntrack([...UDP, is(nfct.ATTR_TIMEOUT, 100, 0, 0, 0)]);
    nfct.nfct_setobjopt(ct, nfct.NFCT_SOPT_SETUP_REPLY);
    expect(await nfct.nfct_query(h, nfct.NFCT_Q_CREATE, ct)).to.equal(0);
    expect(Number(sh('conntrack', '-C'))).to.equal(1);
    const other = await openTransport();
    other.start({ readable: () => {}, failed: () => {} });
    other.send(nfct.nfct_build_query(nfct.NFCT_Q_DESTROY, ct));
    expect(Number(sh('conntrack', '-C'))).to.equal(0);
    other.close();
    nfct.nfct_close(h);
  });
});
