import { expect } from 'chai';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { LabelMap } from '../../src/format/labelmap.ts';
import * as nfct from '../../src/nfct/index.ts';
import { decode, expectedExpectations, randomMessage } from '../support/format/expectations.ts';
import {
  expected,
  expectSame,
  FLAGS,
  inTimeZone,
  NOW,
  randomFlows,
  TYPES,
  withFile,
} from '../support/format/parity.ts';
import { print } from '../support/oracle/oracle.ts';
import { describeOracle } from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/tier.ts';

/** Random flows, or expectations, of a test. */
const COUNT = sized({ quick: 150, landing: 400, soak: 4_000 });

const { NFCT_O_PLAIN, NFCT_O_XML, NFCT_T_UNKNOWN } = nfct;

/** Message types that are one, none, several, and nothing of the kind. */
const ALL_TYPES = [...TYPES, 3, 5, 6, nfct.NFCT_T_ALL, 8, nfct.NFCT_T_ERROR, 0x7fffffff];

/** What `print` makes of each object with the clock at NOW, in UTC, as the library prints it. */
function printed<T>(objects: readonly T[], print: (object: T) => string): string[] {
  const { now } = Date;
  Date.now = () => NOW;
  try {
    return inTimeZone('UTC', () => objects.map(print));
  } finally {
    Date.now = now;
  }
}

describe('nfct/snprintf', () => {
  const ct = Flow.from({
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 },
    labels: [1, 2],
  });
  const map = new LabelMap([
    [1, 'one'],
    [2, 'two'],
  ]);

  it('has the numbers of libnetfilter_conntrack.h', () => {
    expect([nfct.NFCT_O_PLAIN, nfct.NFCT_O_DEFAULT, nfct.NFCT_O_XML, nfct.NFCT_O_MAX]).to.deep.equal([0, 0, 1, 2]);
    expect([nfct.NFCT_OF_SHOW_LAYER3, nfct.NFCT_OF_TIME, nfct.NFCT_OF_ID, nfct.NFCT_OF_TIMESTAMP]).to.deep.equal([
      1, 2, 4, 8,
    ]);
    expect([
      nfct.NFCT_OF_SHOW_LAYER3_BIT,
      nfct.NFCT_OF_TIME_BIT,
      nfct.NFCT_OF_ID_BIT,
      nfct.NFCT_OF_TIMESTAMP_BIT,
    ]).to.deep.equal([0, 1, 2, 3]);
  });

  it('names labels only with a map', () => {
    const line = 'udp      17 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=53';
    expect(nfct.nfct_snprintf(ct, NFCT_T_UNKNOWN, NFCT_O_PLAIN, 0)).to.equal(line);
    expect(nfct.nfct_snprintf_labels(ct, NFCT_T_UNKNOWN, NFCT_O_PLAIN, 0, null)).to.equal(line);
    expect(nfct.nfct_snprintf_labels(ct, NFCT_T_UNKNOWN, NFCT_O_PLAIN, 0, map)).to.equal(`${line} labels=one,two`);
    expect(nfct.nfct_snprintf_labels(ct, NFCT_T_UNKNOWN, NFCT_O_XML, 0, map)).to.contain('<label>two</label></labels>');
  });

  it('is empty where C fails for an object without a protocol', () => {
    expect(nfct.nfct_snprintf(nfct.nfct_new(), nfct.NFCT_T_NEW, NFCT_O_PLAIN, 0)).to.equal('');
  });

  it('refuses what is no object, no output type, no map', () => {
    // biome-ignore lint/suspicious/noExplicitAny: the caller's mistakes
    const any = (value: unknown): any => value;
    expect(() => nfct.nfct_snprintf(any({}), 0, 0, 0)).to.throw(TypeError, /^ct must be an nf_conntrack/);
    for (const type of [2, 3, -1, 0xffffffff])
      expect(() => nfct.nfct_snprintf(ct, 0, type, 0)).to.throw(RangeError, /^out_type must be an integer from 0 to 1/);
    expect(() => nfct.nfct_snprintf(ct, 0, any('xml'), 0)).to.throw(TypeError, /^out_type must be a number/);
    expect(() => nfct.nfexp_snprintf(any(ct), 0, 0, 0)).to.throw(TypeError, /^exp must be an nf_expect/);
    expect(() => nfct.nfexp_snprintf(nfct.nfexp_new(), 0, 2, 0)).to.throw(RangeError, /^out_type /);
    expect(() => nfct.nfct_snprintf(ct, -1, 0, 0)).to.throw(RangeError, /^msg_type /);
    expect(() => nfct.nfct_snprintf(ct, 0, 0, any(undefined))).to.throw(TypeError, /^out_flags /);
    expect(() => nfct.nfct_snprintf_labels(ct, 0, 0, 0, any(undefined))).to.throw(TypeError, /^map must be/);
  });

  describeOracle('against libnetfilter_conntrack', () => {
    for (const [name, type] of Object.entries({ NFCT_O_PLAIN, NFCT_O_XML })) {
      for (const msgType of ALL_TYPES) {
        it(`prints ${COUNT} random flows, ${name}, message type ${msgType}`, () => {
          const [messages, flows] = randomFlows(new Random(21 + type), COUNT);
          // The formats themselves are held against the library under all flags in test/format.
          for (const flags of [0, 15]) {
            const ours = printed(flows, (flow) => nfct.nfct_snprintf(flow, msgType, type, flags));
            expectSame(ours, expected(messages, { type, flags, msgType: msgType | 0 }));
          }
        });
      }

      it(`names labels, ${name}`, () => {
        const [messages, flows] = randomFlows(new Random(31), 1_000);
        const text = Array.from({ length: 64 }, (_, bit) => `${bit * 2} label ${bit}\n`).join('');
        const names = LabelMap.parse(text);
        const ours = printed(flows, (flow) => nfct.nfct_snprintf_labels(flow, 2, type, 0, names));
        withFile(text, (connlabelConf) => expectSame(ours, expected(messages, { type, msgType: 2, connlabelConf })));
      });
    }

    for (const [name, type] of Object.entries({ NFCT_O_PLAIN, NFCT_O_XML })) {
      it(`prints ${COUNT} random expectations, ${name}, of every message type`, () => {
        const random = new Random(51);
        const messages = Array.from({ length: COUNT }, () => randomMessage(random));
        const objects = messages.map(decode);
        for (const msgType of ALL_TYPES) {
          const flags = random.pick(FLAGS);
          const ours = printed(objects, (exp) => nfct.nfexp_snprintf(exp, msgType, type, flags));
          expectSame(ours, expectedExpectations(messages, { type, flags, msgType: msgType | 0 }));
        }
      });
    }

    it('has no other output types', () => {
      const [messages] = randomFlows(new Random(1), 1);
      for (const type of [2, 3, -1]) expect(print(messages, { type, msgType: 0 })).to.deep.equal(['error 2']);
    });
  });
});
