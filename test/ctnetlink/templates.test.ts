/** The codec writes requests of one shape from a template: always the bytes that the general writer makes. */
import { expect } from 'chai';
import { ATTRIBUTES, COMMON_SLOTS, PADDING, WRITE_ORDER } from '../../src/ctnetlink/attributes/flow.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { KINDS, type SlotValue } from '../../src/ctnetlink/attributes/kinds.ts';
import type { AttributeRow } from '../../src/ctnetlink/attributes/row.ts';
import type { Codec, SlotHolder } from '../../src/ctnetlink/codec/codec.ts';
import { Tables } from '../../src/ctnetlink/codec/tables.ts';
import { TemplateWriter } from '../../src/ctnetlink/codec/templates.ts';
import { writeAttributes } from '../../src/ctnetlink/codec/write.ts';
import { Expectation, expectationCodec } from '../../src/ctnetlink/expectation.ts';
import { Flow, flowCodec } from '../../src/ctnetlink/flow.ts';
import { buildCreate, buildDelete, buildGet, buildUpdate } from '../../src/ctnetlink/request/flow.ts';
import type { Request } from '../../src/netlink/request.ts';
import { Writer } from '../../src/netlink/writer.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { randomValue, SAMPLES } from '../support/samples.ts';
import { sized } from '../support/tier.ts';

const seed = seedFromEnvironment();
const FLOWS = new Tables({
  rows: ATTRIBUTES,
  commonSlots: COMMON_SLOTS,
  writeOrder: WRITE_ORDER,
  padding: PADDING,
});

/** What `write` writes into a buffer that an earlier request has used, behind another attribute. */
function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  writer.bytes.fill(0xa5);
  writer.attributeU8(99, 1);
  write(writer);
  return writer.finish().slice();
}

function general(source: SlotHolder, tables = FLOWS): Uint8Array {
  return written((writer) => writeAttributes(tables, writer, source));
}

function ours(source: SlotHolder, codec: Codec = flowCodec): Uint8Array {
  return written((writer) => codec.write(writer, source));
}

/** Some of the rows. */
function randomShape(random: Random, rows: readonly AttributeRow[], oneIn: number): number[] {
  return [...rows.keys()].filter(() => random.oneIn(oneIn));
}

/**
 * A flow with exactly these rows set, whatever they mean together; with all slots or, where it can, the common ones.
 */
function randomOf(random: Random, shape: readonly number[]): Flow {
  const short = shape.every((slot) => slot < COMMON_SLOTS) && random.oneIn(2);
  const flow = new Flow(short ? flowCodec.emptyCommonSlots.slice() : flowCodec.emptySlots.slice());
  for (const slot of shape) {
    const { kind } = ATTRIBUTES[slot];
    // One in three is ICMPv6, whose attributes are other ones.
    flow.slots[slot] =
      kind === 'proto' && random.oneIn(3) ? 58 : KINDS[kind].set(randomValue(kind, random), ATTRIBUTES[slot].property);
  }
  return flow;
}

describe('codec: templates', () => {
  it(`are the bytes of the general writer: repeated shapes in any order (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 40; round++) {
      const shapes = Array.from({ length: random.pick([1, 2, 5, 50]) }, () =>
        randomShape(random, ATTRIBUTES, random.between(1, 12)),
      );
      for (let n = 0; n < 300; n++) {
        const flow = randomOf(random, shapes[random.oneIn(2) ? n % shapes.length : random.below(shapes.length)]);
        expect(ours(flow)).to.deep.equal(general(flow));
      }
    }
  });

  it(`follow a flow that changes in between (seed ${seed})`, () => {
    const random = new Random(seed);
    const flow = randomOf(random, randomShape(random, ATTRIBUTES, 3));
    for (let n = 0; n < sized({ quick: 600, landing: 1500, soak: 3000 }); n++) {
      const slot = random.below(ATTRIBUTES.length);
      const { kind } = ATTRIBUTES[slot];
      if (slot < flow.slots.length && !random.oneIn(4)) {
        // Mostly another value where there is one, so that the shape stays.
        if (flow.slots[slot] !== undefined || random.oneIn(5))
          flow.slots[slot] = KINDS[kind].set(randomValue(kind, random), 'value');
      } else if (random.oneIn(10)) {
        flow.slots[slot % flow.slots.length] = undefined;
      }
      if (random.oneIn(50)) flow.unknown = [{ level: 0, type: 99, value: random.bytes(random.below(5)) }];
      else if (random.oneIn(20)) flow.unknown = undefined;
      expect(ours(flow)).to.deep.equal(general(flow));
    }
  });

  it(`are those of every request (seed ${seed})`, () => {
    const random = new Random(seed);
    const requests = (flow: Flow): Request[] => [
      buildCreate(flow, 'create'),
      buildCreate(flow, 'createOrUpdate'),
      buildUpdate(flow),
      buildDelete(flow),
      buildGet(flow),
    ];
    const four = (): string => [...random.bytes(4)].join('.');
    const six = (): string => `fd00::${random.below(65536).toString(16)}`;
    const flow = (): Flow => {
      const proto = random.pick(['tcp', 'udp', 'icmp', 'icmpv6'] as const);
      const address = proto === 'icmpv6' ? six : four;
      const ports =
        proto === 'tcp' || proto === 'udp'
          ? { sport: random.below(65536), dport: random.pick([0, 1, 65535]) }
          : { icmpType: random.pick([0, 8, 128, 129, 200]), icmpCode: 0, icmpId: random.below(65536) };
      const init: FlowInit = {
        orig: { src: address(), dst: address(), proto, ...ports },
        timeout: random.pick([1, 3600, 0xffffffff]),
        ...random.pick([
          {},
          { mark: random.uint32() },
          { status: 0 },
          { helper: { name: random.pick(['ftp', 'sip']) } },
        ]),
        ...random.pick([{}, {}, { labels: [random.below(128)] }, { snat: { minAddress: address() } }]),
        ...random.pick([{}, {}, { zone: 7 }, { id: random.uint32() }]),
        ...random.pick([{}, {}, { master: { src: address(), dst: address(), proto: 'tcp', sport: 1, dport: 21 } }]),
      };
      return Flow.from(init);
    };
    for (let n = 0; n < 2000; n++) {
      for (const request of requests(flow())) {
        const bytes = written((writer) => request.write(writer, n));
        flowCodec.write = (writer, source) => void writeAttributes(FLOWS, writer, source);
        try {
          expect(bytes).to.deep.equal(written((writer) => request.write(writer, n)));
        } finally {
          Reflect.deleteProperty(flowCodec, 'write');
        }
      }
    }
  });

  it('tell apart strings, lengths and ICMPv6, which have the same slots set', () => {
    const variants: FlowInit[] = [
      { helper: { name: 'ftp' } },
      { helper: { name: 'sip' } },
      { helper: { name: 'naïve' } },
      { helper: { name: 'naive' } },
      { helper: { name: '' } },
      { labels: new Uint8Array(4) },
      { labels: new Uint8Array(16).fill(1) },
      { labels: new Uint8Array(16).fill(2) },
      { labels: new Uint8Array(0) },
      { orig: { proto: 'icmp', icmpType: 8, icmpCode: 0, icmpId: 1 } },
      { orig: { proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 1 } },
      { countersOrig: { packets: 1n, bytes: 2n ** 64n - 1n } },
      { countersOrig: { packets: 2n ** 64n - 1n, bytes: 2n ** 53n } },
      { tcp: { flagsOrig: 1 } },
      { tcp: { maskOrig: 1 } },
      { tcp: { flagsOrig: 255, maskOrig: 254 } },
    ];
    for (let round = 0; round < 6; round++) {
      for (const [index, init] of variants.entries()) {
        const flow = Flow.from(init);
        expect(ours(flow), `variant ${index}`).to.deep.equal(general(flow));
      }
    }
  });

  it('distinguish every slot from every other, in arrays with and without the rare slots', () => {
    for (let round = 0; round < 3; round++) {
      for (const [slot, { kind, property }] of ATTRIBUTES.entries()) {
        for (const flow of [new Flow(), new Flow(flowCodec.emptyCommonSlots.slice())]) {
          if (slot >= COMMON_SLOTS) flowCodec.makeRoom(flow);
          flow.slots[slot] = KINDS[kind].set(SAMPLES[kind].at(-1)!.value, property);
          // Twice, so that the second makes a template and all flows after it meet that.
          for (let again = 0; again < 2; again++) expect(ours(flow), property).to.deep.equal(general(flow));
        }
      }
    }
  });

  it('grow a writer that is too small, and leave it alone when something does not fit', () => {
    const flow = Flow.from({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 }, mark: 3 });
    for (let n = 0; n < 4; n++) {
      const writer = new Writer(8);
      flowCodec.write(writer, flow);
      const all = written((each) => writeAttributes(FLOWS, each, flow));
      expect(writer.finish()).to.deep.equal(all.subarray(8));
      const large = Flow.from({ helper: { name: 'x', info: new Uint8Array(65_530) } });
      expect(() => flowCodec.write(writer, large)).to.throw(RangeError, 'does not fit nla_len');
    }
  });

  it('are made of the second request of a shape, and are few', () => {
    const templates = new TemplateWriter(FLOWS);
    const write = (init: FlowInit): number => {
      written((writer) => templates.write(writer, Flow.from(init)));
      return templates.templateCount;
    };
    expect([write({ mark: 1 }), write({ mark: 2 }), write({ mark: 3 })]).to.deep.equal([0, 1, 1]);
    // What is longer than a template may be.
    const long = { helper: { name: 'ftp', info: new Uint8Array(2000) } };
    expect([write(long), write(long)]).to.deep.equal([1, 1]);
    const random = new Random(seed);
    for (let n = 0; n < 2000; n++) {
      const flow = randomOf(random, randomShape(random, ATTRIBUTES, 3));
      for (let again = 0; again < 3; again++) written((writer) => templates.write(writer, flow));
      write({ zone: 1 });
    }
    expect(templates.templateCount).to.equal(32);
  });

  it('are of expectations too', () => {
    const random = new Random(seed);
    const { rows } = expectationCodec;
    const shapes = [2, 3, 5].map((oneIn) => randomShape(random, rows, oneIn));
    for (let n = 0; n < 300; n++) {
      const expectation = new Expectation();
      for (const slot of shapes[n % shapes.length])
        expectation.slots[slot] = KINDS[rows[slot].kind].set(
          randomValue(rows[slot].kind, random),
          'value',
        ) as SlotValue;
      const bytes = ours(expectation, expectationCodec);
      const again = new Expectation();
      again.slots = expectation.slots;
      // What is unknown has no template.
      again.unknown = [];
      expect(bytes).to.deep.equal(ours(again, expectationCodec));
    }
  });
});
