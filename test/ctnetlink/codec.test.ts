import { expect } from 'chai';
import { ATTRIBUTES, PADDING } from '../../src/ctnetlink/attributes/flow.ts';
import { readAttributes } from '../../src/ctnetlink/codec/read.ts';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { viewOf } from '../../src/netlink/byteorder.ts';
import { DecodeError } from '../../src/netlink/errors.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { NLA_F_NESTED } from '../../src/uapi/netlink.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { concat, nlattr } from '../support/fake-transport.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import {
  decode,
  encode,
  inNests,
  NESTS,
  nested,
  propertyOf,
  randomFlow,
  SAMPLES,
  slotsOf,
} from '../support/samples.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();

function defect(attributes: Uint8Array): DecodeError {
  try {
    decode(attributes);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error('no DecodeError');
}

/** Every way to break the length of the last attribute in its nest, as bytes of that nest's content. */
const BROKEN: readonly (readonly [what: string, content: number[]])[] = [
  ['one byte', [9]],
  ['two bytes', [9, 9]],
  ['three bytes', [9, 9, 9]],
  ['nla_len 0', [0, 0, 1, 0]],
  ['nla_len 3', [3, 0, 1, 0]],
  ['nla_len one too many', [5, 0, 1, 0]],
  ['nla_len 65535', [255, 255, 1, 0]],
];

describe('codec: reading', () => {
  it('takes nests without NLA_F_NESTED, and leaves with any flag', () => {
    const plain = nlattr(cta.CTA_TUPLE_ORIG, nlattr(cta.CTA_TUPLE_PROTO, nlattr(cta.CTA_PROTO_NUM, [6])));
    expect(decode(plain).orig.proto).to.equal('tcp');
    const flagged = nlattr(cta.CTA_MARK | 0xc000, [0, 0, 0, 7]);
    expect(decode(flagged).mark).to.equal(7);
  });

  it('takes attributes in any order, and of two the last', () => {
    const bytes = concat(
      nested(['CTA_MARK'], [0, 0, 0, 1]),
      nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_PROTO', 'CTA_PROTO_DST_PORT'], [0, 80]),
      nested(['CTA_ID'], [0, 0, 0, 9]),
      nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_PROTO', 'CTA_PROTO_SRC_PORT'], [1, 0]),
      nested(['CTA_MARK'], [0, 0, 0, 2]),
    );
    expect(decode(bytes).toJSON()).to.deep.equal({ orig: { sport: 256, dport: 80 }, mark: 2, id: 9 });
  });

  it('takes a last attribute without its padding, also at the end of a nest', () => {
    const leaf = nlattr(cta.CTA_PROTO_NUM, [6]).subarray(0, 5);
    const inner = nlattr(cta.CTA_TUPLE_PROTO, leaf).subarray(0, 9);
    const outer = nlattr(cta.CTA_TUPLE_ORIG, inner);
    expect(outer[0], 'nla_len is not aligned').to.equal(13);
    expect(decode(outer.subarray(0, 13)).orig.proto).to.equal('tcp');
    const behind = concat(outer, nested(['CTA_MARK'], [0, 0, 0, 5]));
    expect(decode(behind).toJSON()).to.deep.equal({ orig: { proto: 'tcp' }, mark: 5 });
  });

  it('takes empty nests and nothing at all', () => {
    for (const nest of NESTS) {
      const flow = decode(inNests(nest, []));
      expect(flow.slots.every((value) => value === undefined)).to.equal(true);
      expect(flow.unknown).to.equal(undefined);
    }
    expect(decode(new Uint8Array(0)).toJSON()).to.deep.equal({});
  });

  it('takes a payload that is longer than it must be: what it knows is in front', () => {
    for (const row of ATTRIBUTES) {
      if (row.path.length === 0 || ['string', 'bytes', 'labels', 'pair', 'ipv4', 'ipv6'].includes(row.kind)) continue;
      const { value, payload } = SAMPLES[row.kind].at(-1)!;
      const flow = decode(nested(row.path, concat(payload, [1, 2, 3])));
      expect(propertyOf(flow, row.property), row.property).to.deep.equal(value);
    }
  });

  it('takes the 32-bit counters of old kernels, and of both the wide ones', () => {
    const narrow = concat(
      nested(['CTA_COUNTERS_ORIG', 'CTA_COUNTERS32_PACKETS'], [0xff, 0, 0, 1]),
      nested(['CTA_COUNTERS_REPLY', 'CTA_COUNTERS32_BYTES'], [0, 0, 0, 2]),
    );
    expect(decode(narrow).countersOrig?.packets).to.equal(0xff000001n);
    expect(decode(narrow).countersReply?.bytes).to.equal(2n);
  });

  it('ignores an empty CTA_STATUS, which only pads, wherever it is', () => {
    const status = nested(['CTA_STATUS'], [0, 0, 0, 8]);
    const pad = nested(['CTA_STATUS'], []);
    for (const bytes of [concat(status, pad), concat(pad, status), concat(pad, status, pad)]) {
      expect(decode(bytes).status).to.equal(8);
      expect(decode(bytes).unknown).to.equal(undefined);
    }
    expect(decode(pad).status).to.equal(undefined);
    expect(() => decode(nested(['CTA_STATUS'], [1]))).to.throw(DecodeError, 'CTA_STATUS has 1 payload bytes, needs 4');
    expect(() => decode(nested(['CTA_MARK'], []))).to.throw(DecodeError, 'CTA_MARK has 0 payload bytes, needs 4');
  });

  it('reads over padding and does not keep it', () => {
    for (const path of PADDING) {
      for (const payload of [[], [0, 0, 0, 0]]) {
        const flow = decode(nested(path, payload));
        expect(flow.toJSON(), path.join()).to.deep.equal({});
      }
    }
  });

  it('takes strings with or without their NUL', () => {
    for (const text of ['ftp', 'ftp\0', 'ftp\0\0junk']) {
      expect(decode(nested(['CTA_HELP', 'CTA_HELP_NAME'], Buffer.from(text))).helper?.name).to.equal('ftp');
    }
    expect(decode(nested(['CTA_HELP', 'CTA_HELP_NAME'], [])).helper?.name).to.equal('');
  });

  it('keeps nothing of the buffer that it read from', () => {
    const random = new Random(seed);
    for (let n = 0; n < 50; n++) {
      const bytes = encode(randomFlow(random, ATTRIBUTES, 2));
      const flow = decode(bytes);
      const before = JSON.stringify(flow);
      bytes.fill(0xa5);
      expect(JSON.stringify(flow)).to.equal(before);
    }
  });

  it('reads nothing before its offset and nothing behind its end', () => {
    const bytes = concat(new Uint8Array(8).fill(255), nested(['CTA_MARK'], [0, 0, 0, 1]), new Uint8Array(8).fill(255));
    const flow = new Flow();
    readAttributes(flowCodec.tables, viewOf(bytes), 8, 16, flow);
    expect(flow.toJSON()).to.deep.equal({ mark: 1 });
  });
});

describe('codec: broken lengths', () => {
  for (const nest of [[], ...NESTS]) {
    it(`${nest.length === 0 ? 'at the top' : `in ${nest.join(' > ')}`}: the offset and the path`, () => {
      for (const [what, content] of BROKEN) {
        const error = defect(inNests(nest, content));
        expect(error.path, what).to.deep.equal(nest);
        expect(error.offset, what).to.equal(4 * nest.length);
        expect(
          error.message.startsWith(nest.length === 0 ? 'nla_len' : `${nest.join(' > ')}: `) || content.length < 4,
        ).to.equal(true);

        // Behind something that is whole, with something whole around it.
        const known = ATTRIBUTES.find(
          ({ path }) => path.length === nest.length + 1 && path.slice(0, -1).join() === nest.join(),
        );
        if (known === undefined) continue;
        const whole = nlattr(cta[known.path.at(-1)!], SAMPLES[known.kind].at(-1)!.payload);
        const bytes = concat(nested(['CTA_ID'], [0, 0, 0, 1]), inNests(nest, concat(whole, content)));
        const later = defect(bytes);
        expect(later.path, what).to.deep.equal(nest);
        expect(later.offset, what).to.equal(8 + 4 * nest.length + whole.length);
      }
    });
  }

  it('of a nest itself are in the place of the nest', () => {
    const bytes = nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_IP', 'CTA_IP_V4_SRC'], [1, 2, 3, 4]);
    bytes[4] = 40;
    const error = defect(bytes);
    expect(error.path).to.deep.equal(['CTA_TUPLE_ORIG']);
    expect(error.offset).to.equal(4);
    expect(error.message).to.equal('CTA_TUPLE_ORIG: nla_len is 40, with 12 bytes left at byte 4');
  });

  it('are payloads that are too short: every row, every length', () => {
    for (const row of ATTRIBUTES) {
      if (row.path.length === 0 || ['string', 'bytes', 'labels'].includes(row.kind)) continue;
      const needs = row.kind === 'pair' ? 2 : SAMPLES[row.kind][0].payload.length;
      for (const path of [row.path, row.icmpv6]) {
        if (path === undefined) continue;
        for (let has = 0; has < needs; has++) {
          if (has === 0 && row.emptyPads === true) continue;
          const error = defect(nested(path, new Uint8Array(has)));
          const nest = path.slice(0, -1);
          expect(error.path).to.deep.equal(nest);
          expect(error.offset).to.equal(4 * nest.length);
          const where = nest.length === 0 ? '' : `${nest.join(' > ')}: `;
          expect(error.message).to.equal(
            `${where}${path.at(-1)} has ${has} payload bytes, needs ${needs} at byte ${4 * nest.length}`,
          );
        }
      }
      if (row.narrow !== undefined) {
        expect(defect(nested(row.narrow, [0, 0, 0])).message).to.include(
          `${row.narrow[1]} has 3 payload bytes, needs 4`,
        );
      }
    }
  });

  it('are addresses that are too long; of integers what is behind is ignored, as by the kernel', () => {
    for (const row of ATTRIBUTES) {
      if (row.kind !== 'ipv4' && row.kind !== 'ipv6') continue;
      const needs = row.kind === 'ipv4' ? 4 : 16;
      expect(defect(nested(row.path, new Uint8Array(needs + 1))).message).to.include(
        `${row.path.at(-1)} has ${needs + 1} payload bytes, needs just ${needs}`,
      );
    }
    expect(decode(nested(['CTA_STATUS'], [0, 0, 0, 8, 1, 2])).status).to.equal(8);
  });

  it('are not looked for inside of what is unknown', () => {
    const flow = decode(nlattr(30 | NLA_F_NESTED, [255, 255, 255]));
    expect(flow.unknown).to.have.lengthOf(1);
  });

  it('leave what was read before them in the flow', () => {
    const flow = new Flow();
    const bytes = concat(nested(['CTA_MARK'], [0, 0, 0, 1]), [1, 2, 3]);
    expect(() => readAttributes(flowCodec.tables, viewOf(bytes), 0, bytes.length, flow)).to.throw(DecodeError);
    expect(flow.mark).to.equal(1);
  });
});

describe('codec: unknown attributes', () => {
  const TYPES = [0, 28, 31, 32, 100, 0x3fff, 0x801f, 0x401f, 0xffff];
  const PAYLOADS = [[], [1], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9]];

  for (const nest of [[], ...NESTS]) {
    it(`${nest.length === 0 ? 'at the top' : `in ${nest.join(' > ')}`} survive byte for byte`, () => {
      for (const type of TYPES) {
        for (const payload of PAYLOADS) {
          const bytes = inNests(nest, nlattr(type, payload));
          const flow = decode(bytes);
          expect(flow.unknown).to.have.lengthOf(1);
          expect(flow.unknown![0]).to.deep.include({ type, value: Uint8Array.from(payload) });
          expect(flowCodec.tables.levelPath(flow.unknown![0].level)).to.deep.equal(nest);
          expect(encode(flow)).to.deep.equal(bytes);
          expect(encode(flow.clone())).to.deep.equal(bytes);
          expect(encode(Flow.from(JSON.parse(JSON.stringify(flow))))).to.deep.equal(bytes);
        }
      }
    });
  }

  it('keep their order among themselves and follow the known attributes', () => {
    const first = nlattr(40, [1]);
    const second = nlattr(39, [2, 3]);
    const third = nlattr(40, [4]);
    const mark = nested(['CTA_MARK'], [0, 0, 0, 1]);
    const orig = (...inside: Uint8Array[]): Uint8Array => inNests(['CTA_TUPLE_ORIG'], concat(...inside));
    const zone = nlattr(cta.CTA_TUPLE_ZONE, [0, 7]);
    const flow = decode(concat(first, orig(second, zone), mark, second, third));
    expect(encode(flow)).to.deep.equal(concat(orig(zone, second), mark, first, second, third));
  });

  it('are the nests that the tables do not know, whole', () => {
    const bytes = nlattr(29 | NLA_F_NESTED, concat(nlattr(1, [1]), nlattr(2, [2])));
    expect(encode(decode(bytes))).to.deep.equal(bytes);
  });
});

describe('codec: writing', () => {
  it('leaves empty nests out', () => {
    expect(encode(new Flow())).to.deep.equal(new Uint8Array(0));
    const flow = Flow.from({ tcp: { state: 'CLOSE' } });
    expect(encode(flow)).to.deep.equal(nested(['CTA_PROTOINFO', 'CTA_PROTOINFO_TCP', 'CTA_PROTOINFO_TCP_STATE'], [8]));
  });

  it('writes the two bytes of TCP flags, 0 where one is not set', () => {
    const path = ['CTA_PROTOINFO', 'CTA_PROTOINFO_TCP', 'CTA_PROTOINFO_TCP_FLAGS_REPLY'] as const;
    expect(encode(Flow.from({ tcp: { flagsReply: 1, maskReply: 3 } }))).to.deep.equal(nested(path, [1, 3]));
    expect(encode(Flow.from({ tcp: { flagsReply: 1 } }))).to.deep.equal(nested(path, [1, 0]));
    expect(encode(Flow.from({ tcp: { maskReply: 3 } }))).to.deep.equal(nested(path, [0, 3]));
    expect(decode(nested(path, [1, 0])).tcp).to.deep.include({ flagsReply: 1, maskReply: 0 });
  });

  it('has ICMP fields by the protocol of their own tuple', () => {
    const flow = Flow.from({
      orig: { proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 1 },
      reply: { proto: 'icmpv6', icmpType: 129 },
      master: { proto: 'icmp', icmpType: 0 },
    });
    const tuple = (outer: keyof typeof cta, ...inside: Uint8Array[]): Uint8Array =>
      inNests([outer, 'CTA_TUPLE_PROTO'], concat(...inside));
    expect(encode(flow)).to.deep.equal(
      concat(
        tuple('CTA_TUPLE_ORIG', nlattr(1, [1]), nlattr(6, [0]), nlattr(5, [8]), nlattr(4, [0, 1])),
        tuple('CTA_TUPLE_REPLY', nlattr(1, [58]), nlattr(8, [129])),
        tuple('CTA_TUPLE_MASTER', nlattr(1, [1]), nlattr(5, [0])),
      ),
    );
  });

  it('appends to what the writer has, at any place', () => {
    const writer = new Writer(8);
    writer.attributeU8(99, 1);
    flowCodec.write(writer, Flow.from({ mark: 1, orig: { proto: 'udp' } }));
    expect(writer.finish()).to.deep.equal(
      concat(
        nlattr(99, [1]),
        nested(['CTA_TUPLE_ORIG', 'CTA_TUPLE_PROTO', 'CTA_PROTO_NUM'], [17]),
        nested(['CTA_MARK'], [0, 0, 0, 1]),
      ),
    );
  });

  it('refuses what nla_len cannot say, and can be used again', () => {
    const writer = new Writer();
    const flow = Flow.from({ orig: { proto: 'udp' }, helper: { name: 'x', info: new Uint8Array(65_530) } });
    expect(() => flowCodec.write(writer, flow)).to.throw(RangeError, 'does not fit nla_len');
    writer.reset();
    flowCodec.write(writer, Flow.from({ mark: 2 }));
    expect(writer.finish()).to.deep.equal(nested(['CTA_MARK'], [0, 0, 0, 2]));
  });

  it(`is undone by reading: any flow (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let n = 0; n < sized({ quick: 600, landing: 1500, soak: 3000 }); n++) {
      const flow = randomFlow(random, ATTRIBUTES, random.between(1, 6));
      const bytes = encode(flow);
      const read = decode(bytes);
      // The families are not attributes.
      for (const [slot, row] of ATTRIBUTES.entries()) if (row.path.length === 0) read.slots[slot] = flow.slots[slot];
      // The other byte of the two comes with the first.
      for (const [slot, row] of ATTRIBUTES.entries()) {
        if (row.kind === 'pair' && flow.slots[slot] === undefined && read.slots[slot] === 0)
          read.slots[slot] = undefined;
      }
      expect(slotsOf(read)).to.deep.equal(slotsOf(flow));
      expect(encode(read)).to.deep.equal(bytes);
    }
  });
});
