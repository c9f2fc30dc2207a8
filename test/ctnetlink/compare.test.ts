/**
 * The rules are those of nfct_cmp, and test/nfct/compare.test.ts holds them against it; here are the options by their
 * names.
 */
import { expect } from 'chai';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { type Comparison, flowsMatch } from '../../src/ctnetlink/compare.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';

const ALL: Comparison = { orig: true, reply: true, rest: true, required: 'ignored' };
const NOTHING: Comparison = { orig: false, reply: false, rest: false, required: 'both' };

const TCP: FlowInit = {
  orig: { src: '1.1.1.1', dst: '2.2.2.2', proto: 'tcp', sport: 1, dport: 2 },
  reply: { src: '2.2.2.2', dst: '1.1.1.1', proto: 'tcp', sport: 2, dport: 1 },
  mark: 5,
  status: ['SEEN_REPLY'],
};

function match(one: FlowInit, two: FlowInit, options: Partial<Comparison> = {}): boolean {
  return flowsMatch(Flow.from(one), Flow.from(two), { ...ALL, ...options });
}

describe('comparison of flows', () => {
  const other: Record<'orig' | 'reply' | 'rest', FlowInit> = {
    orig: { ...TCP, orig: { ...TCP.orig, sport: 9 } },
    reply: { ...TCP, reply: { ...TCP.reply, dst: '9.9.9.9' } },
    rest: { ...TCP, mark: 6 },
  };

  it('is of each part that is asked for', () => {
    expect(match(TCP, TCP)).to.equal(true);
    for (const part of ['orig', 'reply', 'rest'] as const) {
      expect(match(TCP, other[part]), part).to.equal(false);
      expect(match(TCP, other[part], { [part]: false }), `without ${part}`).to.equal(true);
      expect(match(TCP, other[part], { ...NOTHING, [part]: true }), `${part} alone`).to.equal(false);
    }
    expect(match(TCP, {}, NOTHING)).to.equal(true);
  });

  it('treats a property that only one flow has as the flags require', () => {
    const without: FlowInit = { ...TCP, mark: undefined };
    expect(match(TCP, without)).to.equal(true);
    expect(match(TCP, without, { required: 'first' })).to.equal(false);
    expect(match(without, TCP, { required: 'first' })).to.equal(true);
    expect(match(without, TCP, { required: 'both' })).to.equal(false);
  });

  it('takes more status bits in the second', () => {
    const more: FlowInit = { ...TCP, status: ['SEEN_REPLY', 'ASSURED'] };
    expect(match(TCP, more)).to.equal(true);
    expect(match(more, TCP)).to.equal(false);
    // The highest bit, which is the sign of the number in its slot.
    expect(match({ status: 0x80000000 }, { status: 0x80000001 })).to.equal(true);
    expect(match({ status: 0x80000000 }, { status: 1 })).to.equal(false);
  });

  it('takes labels of any length for sets of bits', () => {
    const words = (...bytes: number[]): FlowInit => ({ labels: Uint8Array.from(bytes) as never });
    expect(match(words(1, 0, 0, 0), words(1, 0, 0, 0, 0, 0, 0, 0))).to.equal(true);
    expect(match(words(1, 0, 0, 0), words(1, 0, 0, 0, 1, 0, 0, 0))).to.equal(false);
    expect(match(words(1, 0, 0, 0, 1, 0, 0, 0), words(1, 0, 0, 0))).to.equal(false);
  });

  it('compares addresses, and what the kernel counts never', () => {
    const six: FlowInit = { orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1, dport: 2 } };
    expect(match(six, { orig: { ...six.orig } })).to.equal(true);
    expect(match(six, { orig: { ...six.orig, dst: 'fd00::3' } })).to.equal(false);
    expect(match({ ...TCP, countersOrig: { packets: 1 } }, { ...TCP, countersOrig: { packets: 2 } })).to.equal(true);
  });
});
