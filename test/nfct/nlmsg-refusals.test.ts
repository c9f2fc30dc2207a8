/** What messages by hand refuse, and what they have beside C. */
import { expect } from 'chai';
import { DecodeError, nfnlType, UnsupportedError, viewOf, Writer, walkDatagram } from '../../src/netlink.ts';
import * as nfct from '../../src/nfct/index.ts';
import { buildQuery } from '../../src/nfct/request.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_CTRZERO,
  IPCTNL_MSG_CT_NEW,
  IPCTNL_MSG_EXP_DELETE,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from '../../src/uapi/index.ts';
import { concat, message, nlattr } from '../support/fake-transport.ts';
import { conntrack, hex, is } from '../support/nfct/memory.ts';
import {
  begin,
  byHand,
  filterOf,
  messageOf,
  randomAttributes,
  randomUsed,
  told,
  UDP,
} from '../support/nfct/messages.ts';
import { randomShape, randomWhole } from '../support/nfct/objects.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { encode } from '../support/samples.ts';

const seed = seedFromEnvironment();

describe('nfct: messages by hand', () => {
  it('are what the queries send', () => {
    const random = new Random(seed + 7);
    for (let i = 0; i < 500; i++) {
      const shape = randomShape(random);
      const ct = conntrack(randomWhole(random, shape));
      const query = new Writer();
      buildQuery(nfct.NFCT_Q_UPDATE, ct, undefined).request.write(query, 0);
      const hand = byHand(IPCTNL_MSG_CT_NEW, NLM_F_REQUEST | NLM_F_ACK, shape.family, (writer) =>
        nfct.nfct_nlmsg_build(writer, ct),
      );
      expect(hex(hand)).to.equal(hex(query.finish()));
    }
  });

  it('may be several in one writer', () => {
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
    // A program that dumps by hand compares nothing.
    expect(attempt(IPCTNL_MSG_CT_GET, tuple)).to.throw(UnsupportedError, 'the kernel would take more flows');
    expect(attempt(IPCTNL_MSG_CT_GET, status, '5.14.0')).to.throw(UnsupportedError, 'Linux 5.14.0 would');
    expect(() => nfct.nfct_build_query(nfct.NFCT_Q_DUMP_FILTER, tuple)).to.throw(UnsupportedError);
    expect(() => nfct.nfct_build_query(nfct.NFCT_Q_FLUSH_FILTER, status)).to.throw(UnsupportedError);
    expect(nfct.nfct_build_query(nfct.NFCT_Q_FLUSH_FILTER, status, '6.18.0')[17]).to.equal(1);
  });

  it('never delete every expectation', () => {
    const exp = nfct.nfexp_new();
    nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_HELPER_NAME, 'ftp');
    const attempt = () => byHand(IPCTNL_MSG_EXP_DELETE, 0, AF_INET, (writer) => nfct.nfexp_nlmsg_build(writer, exp));
    expect(attempt).to.throw(TypeError, 'would delete all');
    expect(() => nfct.nfexp_build_expect(IPCTNL_MSG_EXP_DELETE, 0, exp)).to.throw(TypeError, 'would delete all');
    nfct.nfexp_set_attr(exp, nfct.ATTR_EXP_EXPECTED, conntrack(UDP));
    expect(hex(attempt()).slice(32)).to.equal(hex(nfct.nfexp_build_expect(IPCTNL_MSG_EXP_DELETE, 0, exp)).slice(32));
  });

  it('have attributes of zone and tuple, as 1.1.0 writes them', () => {
    const filter = filterOf({ mark: { value: 1, mask: 3 } });
    nfct.nfct_filter_dump_set_attr_u16(filter, nfct.NFCT_FILTER_DUMP_ZONE, 5);
    nfct.nfct_filter_dump_set_attr(filter, nfct.NFCT_FILTER_DUMP_TUPLE, conntrack(UDP));
    const hand = byHand(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, AF_UNSPEC, (writer) =>
      nfct.nfct_nlmsg_build_filter(writer, filter),
    );
    const query = new Writer();
    buildQuery(nfct.NFCT_Q_DUMP_FILTER, filter, '6.18.0').request.write(query, 0);
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
