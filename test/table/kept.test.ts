/** Of each attribute, which messages keep it true in a table: row by row, by what nf_conntrack_netlink.c sends when. */
import { expect } from 'chai';
import { ATTRIBUTES } from '../../src/ctnetlink/attributes/flow.ts';
import type { SlotValue } from '../../src/ctnetlink/attributes/kinds.ts';
import { Flow, type FlowInit } from '../../src/ctnetlink/flow.ts';
import { applyUpdate, completeEvent, sameByEvents } from '../../src/table/merge.ts';

const DUMPS = [
  'timeout',
  'labels',
  'use',
  'timestamp.start',
  'helper.info',
  ...['tcp.flagsOrig', 'tcp.maskOrig', 'tcp.flagsReply', 'tcp.maskReply', 'tcp.wscaleOrig', 'tcp.wscaleReply'],
  ...['sctp.vtagOrig', 'sctp.vtagReply', 'dccp.handshakeSeq'],
  ...['countersOrig', 'countersReply'].flatMap((group) => [`${group}.packets`, `${group}.bytes`]),
  ...['seqadjOrig', 'seqadjReply'].flatMap((group) =>
    ['correctionPos', 'offsetBefore', 'offsetAfter'].map((name) => `${group}.${name}`),
  ),
];
const MESSAGE = ['timestamp.stop', 'timestamp.event'];
const ABSENT: Readonly<Record<string, string>> = {
  mark: 'zero',
  'helper.name': 'none',
  'helper.info': 'none',
  secctx: 'none',
};

describe('what keeps an attribute true', () => {
  for (const { property, kept = 'events', absent } of ATTRIBUTES)
    it(`of ${property}`, () => {
      expect(kept).to.equal(DUMPS.includes(property) ? 'dumps' : MESSAGE.includes(property) ? 'message' : 'events');
      expect(absent).to.equal(ABSENT[property]);
    });

  const FLOW: FlowInit = {
    orig: { src: '192.0.2.1', dst: '192.0.2.2', proto: 'tcp', sport: 1, dport: 21 },
    status: 14,
    timeout: 100,
    mark: 7,
    tcp: { state: 'ESTABLISHED', wscaleOrig: 7 },
    helper: { name: 'ftp' },
    labels: [3],
    countersOrig: { packets: 5, bytes: 500 },
  };

  function updated(update: FlowInit): ReturnType<Flow['toJSON']> {
    const flow = Flow.from(FLOW).clone();
    const { slots } = Flow.from({ orig: FLOW.orig, ...update }).clone();
    completeEvent(slots);
    applyUpdate(flow.slots, slots);
    return flow.toJSON();
  }

  const WHOLE = Flow.from(FLOW).toJSON();

  it('an update changes what it carries, and nothing else', () => {
    expect(
      updated({ status: 14, timeout: 9, mark: 7, helper: { name: 'ftp' }, tcp: { state: 'CLOSE' } }),
    ).to.deep.equal({ ...WHOLE, timeout: 9, tcp: { state: 'CLOSE', wscaleOrig: 7 } });
  });

  it('an update without a mark says that the mark is 0', () => {
    expect(updated({ status: 14, helper: { name: 'ftp' } })).to.deep.equal({ ...WHOLE, mark: 0 });
  });

  it('an update without a helper says that there is none, and says nothing of labels', () => {
    const { helper: _helper, ...rest } = WHOLE;
    expect(updated({ status: 14, mark: 7 })).to.deep.equal(rest);
  });

  it('two flows are the same if they differ only in what dumps keep', () => {
    const slotsOf = (init: FlowInit): SlotValue[] => Flow.from({ ...FLOW, ...init }).slots;
    const { slots } = Flow.from(FLOW);
    expect(sameByEvents(slots, slotsOf({ timeout: 3, labels: [4], countersOrig: { packets: 9, bytes: 9 } }))).to.equal(
      true,
    );
    for (const init of [{ mark: 8 }, { status: 12 }, { tcp: { state: 'CLOSE' } }, { helper: { name: 'sip' } }] as const)
      expect(sameByEvents(slots, slotsOf(init)), JSON.stringify(init)).to.equal(false);
  });
});
