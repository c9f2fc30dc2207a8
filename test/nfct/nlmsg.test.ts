/**
 * Messages by hand against libnetfilter_conntrack. What differs on purpose:
 *
 * - Broken lengths are a DecodeError with offset and path, and leave the object as it was. C ends the process for an
 *   attribute that is shorter than its type, and ignores what follows another broken length.
 * - nfct_nlmsg_build refuses what the queries refuse: a tuple without protocols, which C leaves out.
 * - nfct_nlmsg_build_filter refuses a filter that the kernel would not apply as a whole, a zero mask of the status
 *   among them (EINVAL), and one that matches everything in a message that deletes. An AF_UNSPEC of
 *   NFCT_FILTER_DUMP_L3NUM leaves the family of nfgenmsg alone.
 * - A tuple with neither protocol nor address sets no ATTR_L3PROTO, nor does a family other than AF_INET and AF_INET6.
 * - A reply tuple without the original one sets no ATTR_ICMP_*, which are of that one; in C they are 0 then.
 * - Addresses of one family do not outlive another family read into their tuple. In C both are set then, in the same
 *   memory.
 * - Messages of other subsystems are none of nfct_parse_conntrack and nfexp_parse_expect; C looks at the lower byte of
 *   the type only.
 * - NAT and label masks, which the kernel never dumps, are read as well.
 * - nfct_parse_conntrack throws where C returns NFCT_T_ERROR.
 */
import { expect } from 'chai';
import { expectationCodec } from '../../src/ctnetlink/expectation.ts';
import { nfnlType, Writer } from '../../src/netlink.ts';
import { buildExpectQuery } from '../../src/nfct/expect-query.ts';
import { expectWireForm } from '../../src/nfct/expect-wire.ts';
import * as nfct from '../../src/nfct/index.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  CTA_EXPECT_TIMEOUT,
  CTA_TIMEOUT,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../../src/uapi/index.ts';
import { nlattr } from '../support/fake-transport.ts';
import { conntrack, hex, is } from '../support/nfct/memory.ts';
import { byHand, filterOf, messageOf, randomAttributes, randomUsed, told } from '../support/nfct/messages.ts';
import { randomShape, randomWhole, type Setting } from '../support/nfct/objects.ts';
import * as oracle from '../support/oracle/nlmsg.ts';
import { build as buildOracle, query as queryOracle } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();
const OBJECTS = sized({ quick: 600, landing: 1500, soak: 3000 });
/** What is of an original tuple, without its zone, which C leaves out of expectations. */
const TUPLE = [0, 1, 4, 5, 8, 9, 12, 13, 14, 15, 17];

describeOracle('nfct: messages by hand, as in C', () => {
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

  it('nfct_parse_conntrack and nfexp_parse_expect return the type', () => {
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
      buildExpectQuery(nfct.NFCT_Q_CREATE, exp).request.write(writer, 0);
      expect(hex(nfct.nfexp_build_query(nfct.NFCT_Q_CREATE, exp))).to.equal(hex(writer.finish()));
    }
  });
});

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
