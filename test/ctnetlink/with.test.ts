/** Flows and expectations with other properties, and copies of them by other means: a spread, a structured clone. */
import { inspect } from 'node:util';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { expect } from 'chai';
import type { ExpectationInit } from '../../src/ctnetlink/attributes/expectation-properties.ts';
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Expectation } from '../../src/ctnetlink/expectation.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { randomExpectation } from '../support/sample-expectations.ts';
import { decode, encode, nested, randomFlow, slotsOf } from '../support/samples.ts';

const seed = seedFromEnvironment();

const ORIG = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 1, dport: 80 } as const;
const FLOW: FlowInit = {
  orig: ORIG,
  timeout: 300,
  status: ['ASSURED', 'CONFIRMED'],
  mark: 1,
  labels: [1, 127],
  tcp: { state: 'ESTABLISHED', wscaleOrig: 7, wscaleReply: 8 },
  helper: { name: 'ftp', info: '0102' },
  unknown: [{ path: ['CTA_HELP'], type: 31, value: '0a0b' }],
};
const JSON_OF_FLOW = {
  orig: { family: 'ipv4', ...ORIG },
  tcp: { state: 'ESTABLISHED', wscaleOrig: 7, wscaleReply: 8 },
  helper: { name: 'ftp', info: '0102' },
  status: ['ASSURED', 'CONFIRMED'],
  timeout: 300,
  mark: 1,
  labels: [1, 127],
  unknown: [{ path: ['CTA_HELP'], type: 31, value: '0a0b' }],
};

/** What changes, and what the JSON of the flow has then in place of what it had. */
const CHANGES: readonly (readonly [changes: FlowInit, differs: object])[] = [
  [{}, {}],
  [{ mark: 4 }, { mark: 4 }],
  [
    { mark: 0, zone: 5 },
    { mark: 0, zone: 5 },
  ],
  [{ mark: undefined }, { mark: undefined }],
  [{ status: ['DYING'] }, { status: ['DYING'] }],
  [{ labels: [2] }, { labels: [2] }],
  [{ secmark: 3 }, { secmark: 3 }],
  [{ secmark: undefined }, {}],
  [{ tcp: { state: 'CLOSE' } }, { tcp: { state: 'CLOSE', wscaleOrig: 7, wscaleReply: 8 } }],
  [{ tcp: { wscaleOrig: undefined } }, { tcp: { state: 'ESTABLISHED', wscaleReply: 8 } }],
  [
    { tcp: undefined, helper: undefined },
    { tcp: undefined, helper: undefined },
  ],
  [{ tcp: {} }, {}],
  [{ orig: { dport: 443 } }, { orig: { family: 'ipv4', ...ORIG, dport: 443 } }],
  [{ orig: { src: '192.0.2.9' } }, { orig: { family: 'ipv4', ...ORIG, src: '192.0.2.9' } }],
  [
    { orig: { src: '2001:db8::1', dst: '2001:db8::2' } },
    { orig: { ...ORIG, family: 'ipv6', src: '2001:db8::1', dst: '2001:db8::2' } },
  ],
  [{ orig: { src: undefined } }, { orig: { family: 'ipv4', ...ORIG, src: undefined } }],
  [{ reply: { src: '10.0.0.1' } }, { reply: { family: 'ipv4', src: '10.0.0.1' } }],
  [{ snat: { minAddress: '::1' } }, { snat: { minAddress: '::1' } }],
  [{ unknown: undefined }, { unknown: undefined }],
  [{ unknown: [] }, { unknown: [] }],
  [{ unknown: [{ path: [], type: 99, value: Uint8Array.of(1) }] }, { unknown: [{ path: [], type: 99, value: '01' }] }],
  [{ mark: undefined, markMask: undefined }, { mark: undefined }],
];

/** As JSON, which has nothing that is undefined. */
function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('flow: with', () => {
  for (const [changes, differs] of CHANGES) {
    it(`${inspect(changes, { breakLength: 200 })} makes a flow with these properties, as does a spread`, () => {
      const flow = Flow.from(FLOW);
      const changed = flow.with(changes);
      expect(changed).to.be.instanceOf(Flow).and.not.equal(flow);
      expect(plain(changed)).to.deep.equal(plain({ ...JSON_OF_FLOW, ...differs }));
      expect(plain(Flow.from({ ...flow, ...changes } as FlowInit))).to.deep.equal(plain(changed));
      expect(plain(flow)).to.deep.equal(JSON_OF_FLOW);
    });
  }

  it('sets rare properties of a flow that was read without any', () => {
    const flow = decode(nested(['CTA_MARK'], [0, 0, 0, 1]));
    expect(plain(flow.with({ helper: { name: 'sip' } }))).to.deep.equal({ mark: 1, helper: { name: 'sip' } });
    expect(plain(flow.with({ helper: undefined, secmark: undefined }))).to.deep.equal({ mark: 1 });
  });

  it('takes a direction of another flow whole, and of another flow what it has', () => {
    const flow = Flow.from(FLOW);
    const ping = Flow.from({
      orig: { src: '::1', dst: '::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 0 },
    });
    const expected = { family: 'ipv6', src: '::1', dst: '::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 0 };
    expect(flow.with({ orig: ping.orig }).toJSON().orig).to.deep.equal(expected);
    const both = flow.with(ping);
    expect(both.family).to.equal('ipv6');
    expect(both.orig.src).to.equal('::1');
    expect(both.mark).to.equal(1);
    expect(Flow.from({ mark: 2, zone: 3, ...(flow as object) }).mark).to.equal(1);
    expect(Flow.from({ mark: 2, unknown: flow.unknown }).toJSON()).to.deep.equal({
      mark: 2,
      unknown: JSON_OF_FLOW.unknown,
    });
  });

  it('shares nothing that can change', () => {
    const flow = Flow.from(FLOW);
    const changed = flow.with({ mark: 4 });
    changed.helper!.info!.fill(0);
    changed.unknown![0].value.fill(0);
    expect(plain(flow)).to.deep.equal(JSON_OF_FLOW);
  });

  const REFUSED: readonly (readonly [
    changes: unknown,
    error: typeof TypeError | typeof RangeError,
    message: string,
  ])[] = [
    [undefined, TypeError, 'changes must be an object, not undefined'],
    [[], TypeError, 'changes must be an object, not an array'],
    [{ makr: 4 }, TypeError, 'changes.makr is not a property of a flow; did you mean mark?'],
    [{ makr: undefined }, TypeError, 'changes.makr is not a property of a flow; did you mean mark?'],
    [{ orgi: {} }, TypeError, 'changes.orgi is not a property of a flow; did you mean orig?'],
    [{ orig: { sprot: 1 } }, TypeError, 'changes.orig.sprot is not one of family, src, dst, proto, sport'],
    [{ mark: -1 }, RangeError, 'changes.mark must be an integer from 0 to 4294967295, not -1'],
    [{ orig: { dport: '53' } }, TypeError, "changes.orig.dport must be a number, not '53'"],
    [{ orig: { src: '::1' } }, RangeError, 'changes.orig has an ipv6 address and something of another family'],
    [{ markMask: undefined }, TypeError, 'changes.markMask is undefined beside mark'],
    [{ labels: [1], labelsMask: undefined }, TypeError, 'changes.labelsMask is undefined beside labels'],
  ];
  for (const [changes, error, message] of REFUSED) {
    it(`refuses ${inspect(changes, { breakLength: 200 })}`, () => {
      expect(() => Flow.from(FLOW).with(changes as FlowInit)).to.throw(error, message);
    });
  }

  it('refuses a name that there is not also in from, with the nearest', () => {
    expect(() => Flow.from({ makr: 1 } as FlowInit)).to.throw(
      'flow.makr is not a property of a flow; did you mean mark?',
    );
    expect(() => Flow.from({ orig: { sprot: 1 } } as FlowInit)).to.throw('did you mean sport?');
  });

  it(`of nothing, and a spread, make the same flow: any flow (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let n = 0; n < 500; n++) {
      const flow = randomFlow(random, ATTRIBUTES, random.between(1, 6));
      expect(encode(flow.with({}))).to.deep.equal(encode(flow));
      expect(slotsOf(Flow.from({ ...flow } as FlowInit))).to.deep.equal(slotsOf(flow));
    }
  });
});

describe('flow: structured clone', () => {
  it(`gives an equal flow, unknown attributes included: any flow (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let n = 0; n < 500; n++) {
      const flow = randomFlow(random, ATTRIBUTES, random.between(1, 6));
      if (random.oneIn(2)) flow.unknown = Flow.from(FLOW).unknown;
      const again = Flow.from(structuredClone(flow));
      expect(again).to.be.instanceOf(Flow);
      expect(slotsOf(again)).to.deep.equal(slotsOf(flow));
      expect(encode(again)).to.deep.equal(encode(flow));
      expect(again.toJSON()).to.deep.equal(flow.toJSON());
    }
  });

  it('passes a message port', () => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage([Flow.from(FLOW), decode(nested(['CTA_MARK'], [0, 0, 0, 1]))]);
    const [flow, short] = receiveMessageOnPort(port2)!.message as Flow[];
    port1.close();
    expect(plain(Flow.from(flow))).to.deep.equal(JSON_OF_FLOW);
    expect(plain(Flow.from(short).with({ helper: { name: 'ftp' } }))).to.deep.equal({
      mark: 1,
      helper: { name: 'ftp' },
    });
  });

  it('has its JSON by Flow.from, which it has not itself: JSON takes no BigInt', () => {
    const flow = Flow.from({ ...FLOW, timestamp: { start: 1_700_000_000_000_000_000n } });
    const clone = structuredClone(flow);
    expect(() => JSON.stringify(clone)).to.throw(TypeError, 'BigInt');
    expect(JSON.stringify(Flow.from(clone))).to.equal(JSON.stringify(flow));
    expect(JSON.stringify(structuredClone(flow.toJSON()))).to.equal(JSON.stringify(flow));
  });

  it('keeps no bytes of the clone', () => {
    const clone = structuredClone(Flow.from(FLOW));
    const flow = Flow.from(clone);
    for (const value of clone.slots) if (value instanceof Uint8Array) value.fill(0);
    clone.unknown![0].value.fill(0);
    expect(plain(flow)).to.deep.equal(JSON_OF_FLOW);
  });

  it('is read by its JSON where it is of another copy of the package', () => {
    class Other {
      slots = [1, 2, 3];
      toJSON(): object {
        return JSON_OF_FLOW;
      }
    }
    expect(plain(Flow.from(new Other() as unknown as FlowInit))).to.deep.equal(JSON_OF_FLOW);
  });

  const row = (property: string, kind?: string): number =>
    ATTRIBUTES.findIndex((each) => each.property === property && (kind === undefined || each.kind === kind));
  const REFUSED: readonly (readonly [property: string, kind: string | undefined, value: unknown])[] = [
    ['mark', undefined, '1'],
    ['mark', undefined, 2 ** 31],
    ['mark', undefined, 0.5],
    ['mark', undefined, null],
    ['zone', undefined, 65536],
    ['zone', undefined, -1],
    ['orig.src', 'ipv4', '192.0.2.1'],
    ['orig.src', 'ipv6', new Uint8Array(15)],
    ['orig.src', 'ipv6', new Uint16Array(8)],
    ['orig.proto', undefined, 256],
    ['tcp.state', undefined, 'CLOSE'],
    ['helper.name', undefined, 1],
    ['helper.name', undefined, 'a\0'],
    ['labels', undefined, [1]],
    ['countersOrig.bytes', undefined, -1],
    ['countersOrig.bytes', undefined, 1n],
    ['countersOrig.bytes', undefined, 2n ** 64n],
  ];
  for (const [property, kind, value] of REFUSED) {
    it(`with ${inspect(value, { breakLength: Infinity, compact: true })} in the place of ${property} is refused`, () => {
      const slots = Flow.from(FLOW).slots.slice() as unknown[];
      const slot = row(property, kind);
      slots[slot] = value;
      expect(() => Flow.from({ slots } as unknown as FlowInit)).to.throw(TypeError, `flow.slots[${slot}] is not what`);
    });
  }

  it('with other slots, or unknown attributes in no nest, is refused', () => {
    const from = (clone: unknown) => () => Flow.from(clone as FlowInit);
    expect(from({ slots: 1 })).to.throw(TypeError, 'flow.slots must be those of a flow, not 1');
    expect(from({ slots: new Array(1000).fill(1) })).to.throw(TypeError, 'flow.slots must be those of a flow');
    for (const level of [-1, 0.5, 1000, '0', undefined])
      expect(from({ unknown: [{ level, type: 1, value: '' }] })).to.throw(RangeError, 'is not the path of a nest');
  });
});

describe('expectation: with, and structured clone', () => {
  const INIT: ExpectationInit = {
    tuple: { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', dport: 21 },
    timeout: 30,
    helper: 'ftp',
    nat: { direction: 1, src: '10.0.0.1' },
    unknown: [{ path: ['CTA_EXPECT_NAT'], type: 31, value: '0102' }],
  };

  it('change what is given, and merge groups', () => {
    const expectation = Expectation.from(INIT);
    const before = plain(expectation) as Record<string, object>;
    expect(plain(expectation.with({ timeout: 5, helper: undefined, tuple: { dport: 22 } }))).to.deep.equal(
      plain({ ...before, timeout: 5, helper: undefined, tuple: { ...before.tuple, dport: 22 } }),
    );
    expect(plain(Expectation.from({ ...expectation, timeout: 5 } as ExpectationInit))).to.deep.equal({
      ...before,
      timeout: 5,
    });
    expect(plain(expectation)).to.deep.equal(before);
    expect(() => expectation.with({ helpr: 'ftp' } as ExpectationInit)).to.throw(
      TypeError,
      'changes.helpr is not a property of an expectation; did you mean helper?',
    );
  });

  it(`give an equal expectation, unknown attributes included: any (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let n = 0; n < 500; n++) {
      const expectation = randomExpectation(random);
      if (random.oneIn(2)) expectation.unknown = Expectation.from(INIT).unknown;
      expect(Expectation.from(structuredClone(expectation))).to.deep.equal(expectation);
      expect(expectation.with({})).to.deep.equal(expectation);
    }
  });
});
