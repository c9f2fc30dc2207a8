/** What the message of a mistake says: nothing that drives a terminal, and what to write instead. */
import { expect } from 'chai';
import { CompiledFilter, Expectation, Flow } from '../../src/index.ts';
import * as nfct from '../../src/nfct/index.ts';

const RED = '\x1b[31m';

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('the message of a mistake', () => {
  for (const [title, call] of [
    ['an address', () => Flow.from({ orig: { src: RED } })],
    ['a state', () => Flow.from({ tcp: { state: RED as never } })],
    ['a protocol', () => Flow.from({ orig: { proto: RED as never } })],
    ['a property', () => Flow.from({ [RED]: 1 } as never)],
    ['a property of a tuple', () => Flow.from({ orig: { [RED]: 1 } } as never)],
    ['a property of a filter', () => new CompiledFilter({ [RED]: 1 } as never)],
    ['a property of a group of a filter', () => new CompiledFilter({ tcp: { [RED]: 1 } } as never)],
    ['a property of a tuple of a filter', () => new CompiledFilter({ orig: { [RED]: 1 } } as never)],
    ['a property of a range', () => new CompiledFilter({ port: { from: 1, to: 2, [RED]: 1 } } as never)],
    ['a property of a masked value', () => new CompiledFilter({ mark: { value: 1, mask: 2, [RED]: 1 } } as never)],
    ['a property of counts', () => new CompiledFilter({ counters: { bytes: { from: 1, to: 2, [RED]: 1 } } } as never)],
    ['a prefix length', () => new CompiledFilter({ host: `10.0.0.0/${RED}` })],
  ] as const) {
    it(`shows control characters and does not send them: ${title}`, () => {
      const message = messageOf(call);
      expect(message).not.to.include('\x1b');
      expect(message).to.include('\\x1b[31m');
    });
  }

  it('of a status says that names are possible', () => {
    expect(messageOf(() => Flow.from({ status: 'SEEN_REPLY' as never }))).to.equal(
      "flow.status must be a number or an array of names, not 'SEEN_REPLY'",
    );
  });

  it('of a constructor says what to call', () => {
    const made = (of: unknown): unknown => Reflect.construct(of as new () => unknown, [{ mark: 3 }]);
    expect(messageOf(() => made(Flow))).to.equal('Flow has no constructor: call Flow.from(flow)');
    expect(messageOf(() => made(Expectation))).to.include('call Expectation.from(expectation)');
  });

  it('of nfct_attr_is_set_array names the argument', () => {
    const flow = nfct.nfct_new();
    expect(messageOf(() => nfct.nfct_attr_is_set_array(flow, 5 as never))).to.equal(
      'types must be an array of ATTR_ numbers, not 5',
    );
  });
});
