/** How events, dumps and answers to questions agree on one flow: what came first, and what each may change. */
import { expect } from 'chai';
import { CompiledFilter } from '../../src/ctnetlink/filter/filter.ts';
import { Flow, type FlowInit } from '../../src/ctnetlink/flow.ts';
import { Contents } from '../../src/table/contents.ts';

const ORIG = { src: '192.0.2.1', dst: '192.0.2.2', proto: 'tcp', sport: 1, dport: 80 } as const;
const REPLY = { src: '192.0.2.2', dst: '192.0.2.1', proto: 'tcp', sport: 80, dport: 1 } as const;

/** A flow as a message has it: contents may keep nothing of it. */
function flow(id: number, rest: FlowInit = {}): Flow {
  const made = Flow.from({ orig: ORIG, reply: REPLY, status: 8, timeout: 100, ...rest }).clone();
  return Flow.from({ ...made.toJSON(), id } as FlowInit).clone();
}

describe('the contents of a table', () => {
  let contents: Contents;
  let changes: string[];
  let doubts: number;

  beforeEach(() => {
    changes = [];
    doubts = 0;
    contents = new Contents({
      filter: new CompiledFilter({}),
      maxFlows: 10,
      wanted: () => true,
      changed: ({ type, flow: { id }, cause }) => changes.push(`${type} ${id} ${cause}`),
      doubt: () => doubts++,
      full: () => {},
    });
  });

  /** The one flow that there is. */
  function only(): Flow {
    expect(contents.store.size).to.equal(1);
    return contents.life.flow(contents.store.find(flow(0).slots));
  }

  it('take the NEW of a flow that the dump had first for that of no other', () => {
    const since = contents.life.beginDump();
    contents.snapshot(flow(7, { mark: 5 }), since, 'resync');
    expect(contents.life.preListener).to.equal(1);
    contents.event('new', flow(7));
    expect([changes, only().mark, contents.life.preListener, doubts]).to.deep.equal([['insert 7 resync'], 5, 0, 0]);
  });

  it('ask again about a flow if the dump is newer than the events, and do not go back', () => {
    const since = contents.life.beginDump();
    contents.snapshot(flow(7), since, 'resync');
    contents.event('new', flow(6));
    contents.event('destroy', flow(6));
    expect([changes, doubts]).to.deep.equal([['insert 7 resync'], 2]);
    contents.event('new', flow(7));
    contents.life.endDump(true);
    contents.event('new', flow(8));
    expect(changes.slice(1)).to.deep.equal(['delete 7 event', 'insert 8 event']);
  });

  it('ask again in the same way if an answer confirms meanwhile what the dump had', () => {
    contents.event('new', flow(5));
    const since = contents.life.beginDump();
    contents.snapshot(flow(7), since, 'resync');
    contents.event('destroy', flow(5));
    contents.snapshot(flow(7), contents.life.moments.begin(), 'event');
    contents.event('new', flow(6));
    contents.event('destroy', flow(6));
    contents.event('new', flow(7));
    contents.life.endDump(true);
    expect(changes).to.deep.equal(['insert 5 event', 'delete 5 resync', 'insert 7 resync']);
    expect(doubts).to.equal(3);
  });

  it('ask about a flow whose lost events may have changed what a later one left out', () => {
    contents.event('new', flow(7, { tcp: { state: 'SYN_SENT' } }));
    // The change to CLOSE was lost, and the next says nothing of the state.
    contents.life.moments.lose();
    const since = contents.life.beginDump();
    contents.event('update', flow(7, { mark: 2 }));
    contents.snapshot(flow(7, { mark: 2, tcp: { state: 'CLOSE' } }), since, 'resync');
    expect([only().tcp?.state, doubts]).to.deep.equal(['SYN_SENT', 1]);
    // The answer may be older than another event again.
    const asked = contents.life.moments.begin();
    contents.event('update', flow(7, { mark: 3 }));
    contents.snapshot(flow(7, { mark: 2, tcp: { state: 'CLOSE' } }), asked, 'resync');
    expect([only().tcp?.state, doubts]).to.deep.equal(['SYN_SENT', 2]);
    contents.snapshot(flow(7, { mark: 3, tcp: { state: 'CLOSE' } }), contents.life.moments.begin(), 'resync');
    expect([only().tcp?.state, only().mark, doubts]).to.deep.equal(['CLOSE', 3, 2]);
  });

  it('ask about no flow that began after the loss, or that is as it was', () => {
    contents.event('new', flow(7, { tcp: { state: 'SYN_SENT' } }));
    contents.life.moments.lose();
    const since = contents.life.beginDump();
    contents.event('update', flow(7, { mark: 2 }));
    contents.snapshot(flow(7, { mark: 2, tcp: { state: 'SYN_SENT' } }), since, 'resync');
    contents.event('destroy', flow(7));
    contents.event('new', flow(8, { tcp: { state: 'ESTABLISHED' } }));
    contents.snapshot(flow(8, { tcp: { state: 'SYN_SENT' } }), since, 'resync');
    expect([only().tcp?.state, doubts]).to.deep.equal(['ESTABLISHED', 0]);
  });

  it('take nothing from a dump that is older than a flow which began and ended meanwhile', () => {
    contents.event('new', flow(5));
    const since = contents.life.beginDump();
    contents.event('destroy', flow(5));
    contents.event('new', flow(6));
    contents.event('destroy', flow(6));
    contents.snapshot(flow(5), since, 'resync');
    contents.life.endDump(true);
    expect(changes).to.deep.equal(['insert 5 event', 'delete 5 event', 'insert 6 event', 'delete 6 event']);
    expect(doubts).to.equal(0);
  });

  it('believe a NEW after lost events, because the end of the flow may be among them', () => {
    const since = contents.life.beginDump();
    contents.snapshot(flow(7), since, 'resync');
    contents.life.moments.lose();
    contents.event('new', flow(8));
    expect(changes).to.deep.equal(['insert 7 resync', 'delete 7 event', 'insert 8 event']);
  });

  it('ask again about a flow if an answer is newer than the events', () => {
    contents.event('new', flow(7));
    const since = contents.life.moments.begin();
    contents.snapshot(flow(9), since, 'expiry');
    expect(changes.splice(0)).to.deep.equal(['insert 7 event', 'delete 7 expiry', 'insert 9 expiry']);
    for (const [type, id] of [
      ['destroy', 7],
      ['new', 8],
      ['destroy', 8],
    ] as const)
      contents.event(type, flow(id));
    expect([changes, doubts]).to.deep.equal([[], 3]);
    contents.event('new', flow(9));
    contents.life.settleAnswers();
    contents.event('new', flow(10));
    expect(changes).to.deep.equal(['delete 9 event', 'insert 10 event']);
  });

  it('keep a flow that began after the kernel was asked for it and had none', () => {
    contents.event('new', flow(7));
    const since = contents.life.moments.begin();
    contents.event('destroy', flow(7));
    contents.event('new', flow(8));
    contents.gone(flow(7), since, 'expiry');
    expect([changes, only().id]).to.deep.equal([['insert 7 event', 'delete 7 event', 'insert 8 event'], 8]);
    contents.gone(flow(8), contents.life.moments.begin(), 'expiry');
    expect([changes.at(-1), contents.store.size]).to.deep.equal(['delete 8 expiry', 0]);
  });

  it('complete what an UPDATE began by an answer that is older than the next UPDATE', () => {
    contents.event('update', flow(7, { mark: 5 }));
    expect(doubts).to.equal(1);
    const since = contents.life.moments.begin();
    contents.event('update', flow(7, { mark: 6 }));
    const answer = { mark: 5, tcp: { state: 'ESTABLISHED' }, countersOrig: { packets: 3, bytes: 180 } } as const;
    contents.snapshot(flow(7, answer), since, 'resync');
    expect(only().toJSON()).to.deep.include({ mark: 6, tcp: { state: 'ESTABLISHED' } });
    expect(only().countersOrig).to.deep.equal({ packets: 3n, bytes: 180n });
    expect(changes).to.deep.equal(['insert 7 event', 'update 7 event', 'update 7 resync']);
  });
});
