import { expect } from 'chai';
import { ATTRIBUTES, COMMON_SLOTS, PADDING, WRITE_ORDER } from '../../src/ctnetlink/attributes/flow.ts';
import type { PropertyPath } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { slotOfId } from '../../src/ctnetlink/slots.ts';
import * as attr from '../../src/uapi/libnetfilter_conntrack.ts';
import * as cta from '../../src/uapi/nfnetlink_conntrack.ts';
import { decode, encode, initOf, nested, propertyOf, SAMPLES, slotsOf } from '../support/samples.ts';

/** The compiler keeps this complete: a property that is missing here, or that does not exist, does not compile. */
const PROPERTIES: Record<PropertyPath, true> = {
  'orig.family': true,
  'orig.src': true,
  'orig.dst': true,
  'orig.proto': true,
  'orig.sport': true,
  'orig.dport': true,
  'orig.icmpType': true,
  'orig.icmpCode': true,
  'orig.icmpId': true,
  'orig.zone': true,
  'reply.family': true,
  'reply.src': true,
  'reply.dst': true,
  'reply.proto': true,
  'reply.sport': true,
  'reply.dport': true,
  'reply.icmpType': true,
  'reply.icmpCode': true,
  'reply.icmpId': true,
  'reply.zone': true,
  'master.family': true,
  'master.src': true,
  'master.dst': true,
  'master.proto': true,
  'master.sport': true,
  'master.dport': true,
  'master.icmpType': true,
  'master.icmpCode': true,
  'master.icmpId': true,
  'master.zone': true,
  status: true,
  statusMask: true,
  timeout: true,
  mark: true,
  markMask: true,
  secmark: true,
  secctx: true,
  id: true,
  use: true,
  zone: true,
  labels: true,
  labelsMask: true,
  'tcp.state': true,
  'tcp.wscaleOrig': true,
  'tcp.wscaleReply': true,
  'tcp.flagsOrig': true,
  'tcp.maskOrig': true,
  'tcp.flagsReply': true,
  'tcp.maskReply': true,
  'sctp.state': true,
  'sctp.vtagOrig': true,
  'sctp.vtagReply': true,
  'dccp.state': true,
  'dccp.role': true,
  'dccp.handshakeSeq': true,
  'helper.name': true,
  'helper.info': true,
  'snat.minAddress': true,
  'snat.maxAddress': true,
  'snat.minPort': true,
  'snat.maxPort': true,
  'dnat.minAddress': true,
  'dnat.maxAddress': true,
  'dnat.minPort': true,
  'dnat.maxPort': true,
  'countersOrig.packets': true,
  'countersOrig.bytes': true,
  'countersReply.packets': true,
  'countersReply.bytes': true,
  'seqadjOrig.correctionPos': true,
  'seqadjOrig.offsetBefore': true,
  'seqadjOrig.offsetAfter': true,
  'seqadjReply.correctionPos': true,
  'seqadjReply.offsetBefore': true,
  'seqadjReply.offsetAfter': true,
  'timestamp.start': true,
  'timestamp.stop': true,
  'timestamp.event': true,
  'synproxy.isn': true,
  'synproxy.its': true,
  'synproxy.tsoff': true,
  'filter.origFlags': true,
  'filter.replyFlags': true,
};

/** CTA_ constants that no row has, and why. What is not here and in no row is a hole in the table. */
const NOT_ATTRIBUTES: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/_UNSPEC$/, 'type 0 is never sent'],
  [/^CTA_STATS_/, 'of statistics: stats.ts'],
  [/^CTA_EXPECT_/, 'of expectations: another subsystem, another table'],
  [/^CTA_FILTER_F(LAG)?_/, 'bits of the CTA_FILTER flags, not attributes'],
  [/^CTA_NAT$/, 'alias of CTA_NAT_SRC'],
  [/^CTA_NAT_(MINIP|MAXIP)$/, 'aliases of CTA_NAT_V4_MINIP and CTA_NAT_V4_MAXIP'],
  [/^CTA_NAT_SEQ_ADJ_(ORIG|REPLY)$/, 'aliases of CTA_SEQ_ADJ_ORIG and CTA_SEQ_ADJ_REPLY'],
  [/^CTA_NAT_SEQ_(CORRECTION_POS|OFFSET_BEFORE|OFFSET_AFTER)$/, 'aliases of CTA_SEQADJ_ and the same'],
];

describe('attributes: the table', () => {
  it('has at least one row for every property, and no other', () => {
    expect([...new Set(ATTRIBUTES.map((row) => row.property))]).to.have.members(Object.keys(PROPERTIES));
  });

  it('has two rows of one property only for the two families of an address', () => {
    for (const property of Object.keys(PROPERTIES)) {
      const kinds = ATTRIBUTES.filter((row) => row.property === property).map((row) => row.kind);
      const isAddress = /\.(src|dst|minAddress|maxAddress)$/.test(property);
      expect(kinds.length, property).to.equal(isAddress ? 2 : 1);
      if (isAddress) expect(kinds).to.deep.equal(['ipv4', 'ipv6']);
    }
  });

  it('has exactly one row for every ATTR_ number', () => {
    const ids = ATTRIBUTES.flatMap((row) => (row.id === undefined ? [] : [row.id])).sort((a, b) => a - b);
    expect(attr.ATTR_MAX).to.equal(76);
    expect(ids).to.deep.equal([...new Array(attr.ATTR_MAX).keys()]);
    for (const id of ids) expect(ATTRIBUTES[slotOfId(id)].id).to.equal(id);
    for (const id of [-1, 76, 1.5, undefined as never]) {
      expect(() => slotOfId(id)).to.throw(RangeError, 'is not an ATTR_ number');
    }
  });

  it('knows every CTA_ constant of the header, but for those that are none of its attributes', () => {
    const known = new Set<string>();
    for (const { path, icmpv6, narrow } of ATTRIBUTES) {
      for (const each of [path, icmpv6, narrow]) for (const name of each ?? []) known.add(name);
    }
    for (const path of PADDING) for (const name of path) known.add(name);
    const constants = Object.keys(cta).filter((name) => name.startsWith('CTA_'));
    const excused = (name: string): boolean => NOT_ATTRIBUTES.some(([pattern]) => pattern.test(name));
    expect(constants.filter((name) => !known.has(name) && !excused(name))).to.deep.equal([]);
    expect(
      [...known].filter((name) => excused(name)),
      'in a row in spite of its excuse',
    ).to.deep.equal([]);
    for (const [pattern, why] of NOT_ATTRIBUTES) {
      expect(
        constants.some((name) => pattern.test(name)),
        `${pattern}: ${why}`,
      ).to.equal(true);
    }
  });

  it('has two rows on one attribute only where they share its bytes', () => {
    const rows = new Map<string, (0 | 1 | undefined)[]>();
    for (const { path, byte } of ATTRIBUTES) {
      if (path.length > 0) rows.set(path.join(), [...(rows.get(path.join()) ?? []), byte]);
    }
    for (const [path, bytes] of rows) {
      expect(bytes, path).to.deep.equal(path.includes('_FLAGS_') && path.includes('TCP') ? [0, 1] : [undefined]);
    }
  });

  it('has the second of two that share an attribute right behind the first, where the codec looks for it', () => {
    ATTRIBUTES.forEach((row, slot) => {
      if (row.byte === 1) expect(ATTRIBUTES[slot - 1]).to.deep.include({ byte: 0, path: row.path });
    });
  });

  it('has no type that the codec’s tables cannot hold', () => {
    for (const { path } of ATTRIBUTES) for (const name of path) expect(cta[name], name).to.be.within(1, 31);
  });

  it('writes what the kernel takes from nobody last', () => {
    const written = WRITE_ORDER.map((slot) => ATTRIBUTES[slot]);
    const first = written.findIndex((row) => row.readOnly === true && row.property !== 'statusMask');
    expect(written.slice(first).filter((row) => row.readOnly !== true)).to.deep.equal([]);
  });

  it('has every slot once in the write order, and what is rare behind what is common', () => {
    expect([...WRITE_ORDER].sort((a, b) => a - b)).to.deep.equal([...ATTRIBUTES.keys()]);
    expect(ATTRIBUTES.slice(0, COMMON_SLOTS).map((row) => row.property)).to.include('mark');
    expect(ATTRIBUTES.slice(COMMON_SLOTS).map((row) => row.property)).to.include('helper.name');
  });
});

describe('attributes: every row', () => {
  for (const [slot, row] of ATTRIBUTES.entries()) {
    const wire = row.path.length === 0 ? 'no attribute' : row.path.join(' > ');
    it(`${row.property} (${row.kind}, ${wire}): set, encode, decode, clone, JSON, unset`, () => {
      for (const { value, payload } of SAMPLES[row.kind]) {
        const flow = Flow.from(initOf(row.property, value));
        expect(flow.slots[slot], 'the slot of this row').not.to.equal(undefined);
        expect(propertyOf(flow, row.property)).to.deep.equal(value);

        const bytes = encode(flow);
        if (row.path.length === 0) {
          expect(bytes, 'nfgenmsg has it').to.deep.equal(new Uint8Array(0));
        } else {
          const pair = row.byte === undefined ? payload : row.byte === 0 ? [payload[0], 0] : [0, payload[0]];
          expect(bytes).to.deep.equal(nested(row.path, pair));
          const read = decode(bytes);
          expect(propertyOf(read, row.property)).to.deep.equal(value);
          expect(read.slots[slot]).to.deep.equal(flow.slots[slot]);
          expect(read.unknown).to.equal(undefined);
          expect(encode(read)).to.deep.equal(bytes);
        }

        const again = Flow.from(JSON.parse(JSON.stringify(flow)));
        expect(slotsOf(again)).to.deep.equal(slotsOf(flow));

        const clone = flow.clone();
        expect(slotsOf(clone)).to.deep.equal(slotsOf(flow));
        for (let i = 0; i < clone.slots.length; i++) clone.slots[i] = undefined;
        expect(propertyOf(clone, row.property)).to.equal(undefined);
        expect(encode(clone)).to.deep.equal(new Uint8Array(0));
        expect(clone.toJSON()).to.deep.equal({});
        expect(propertyOf(flow, row.property), 'the original').to.deep.equal(value);
      }
    });
  }

  it('has 0, or what is most like it, among its samples: it is a value and is sent', () => {
    for (const [kind, samples] of Object.entries(SAMPLES)) {
      if (kind === 'family') continue;
      expect(
        samples[0].payload.every((byte) => byte === 0),
        kind,
      ).to.equal(true);
    }
  });

  it('also of the other tuples: ICMPv6 has types of its own', () => {
    for (const group of ['orig', 'reply', 'master'] as const) {
      for (const row of ATTRIBUTES) {
        if (row.icmpv6 === undefined || !row.property.startsWith(`${group}.`)) continue;
        for (const { value, payload } of SAMPLES[row.kind]) {
          const name = row.property.slice(group.length + 1);
          const flow = Flow.from({ [group]: { proto: 'icmpv6', [name]: value } });
          const bytes = encode(flow);
          const proto = nested([row.icmpv6[0], 'CTA_TUPLE_PROTO', 'CTA_PROTO_NUM'], [58]);
          const both = decode(nested(row.icmpv6, payload));
          expect(propertyOf(both, row.property)).to.equal(value);
          const alone = nested(row.icmpv6, payload);
          // The leaf in its nests: behind two headers.
          expect(Buffer.from(bytes).includes(Buffer.from(alone.subarray(8)))).to.equal(true);
          expect(Buffer.from(bytes).includes(Buffer.from(proto.subarray(8)))).to.equal(true);
        }
      }
    }
  });
});
