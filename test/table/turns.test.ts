/** Long work of a table lets everything else of the program have its turn. */
import { expect } from 'chai';
import { CompiledFilter } from '../../src/ctnetlink/filter/filter.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { ChangeQueue } from '../../src/table/change-queue.ts';
import { Sockets } from '../../src/table/sockets.ts';
import { type DumpOf, dumpAll } from '../../src/table/whole-dump.ts';
import { forOne } from '../../src/transport/open.ts';
import { passTime, startClock } from '../support/clock.ts';
import { FakeTransport, message } from '../support/fake-transport.ts';

describe('the turns of a table', () => {
  after(startClock);

  it('each socket reads for four milliseconds', async () => {
    const transports: FakeTransport[] = [];
    const transport = async (): Promise<FakeTransport> => {
      const made = new FakeTransport();
      transports.push(made);
      return made;
    };
    const listener = { waiting: true, event() {}, lost() {}, ended() {} };
    const sockets = await Sockets.open(forOne({ transport }), ['new'], listener);
    sockets.requests.setEventSink({ message() {}, overrun() {}, end() {} });
    // The first datagram begins the turn, and the last one ends it.
    const read = transports.map((each) => {
      const before = each.receives;
      each.more = () => {
        passTime(1);
        return message(0, [1]);
      };
      each.readable();
      return each.receives - before;
    });
    sockets.close();
    expect(read).to.deep.equal([6, 6]);
  });

  it('flows that a dump had not are asked for while others are looked for', async () => {
    let waiting = 0;
    let most = 0;
    let asked = 0;
    const of = {
      contents: {
        store: { entries: { used: 20_000 } },
        life: { beginDump: () => 1, endDump() {}, forget: () => true },
        expect() {},
        missing(first: number, most: number, _since: number, take: (entry: number) => void) {
          for (let entry = first; entry < Math.min(first + most, 20_000); entry++) take(entry);
        },
      },
      confirmations: {
        get waiting() {
          return waiting;
        },
        add() {
          most = Math.max(most, ++waiting);
        },
        async run() {
          asked += waiting;
          waiting = 0;
        },
      },
      filter: new CompiledFilter({}),
      setting: () => 1,
      snapshot() {},
    } as unknown as DumpOf;
    const sockets = {
      feed: { drained: async () => {} },
      requests: { transport: new FakeTransport(), start: () => ({ done: Promise.resolve() }) },
    } as unknown as Sockets;
    await dumpAll(of, sockets, false);
    expect(asked).to.equal(20_000);
    expect(most).to.be.within(4096, 4096 + 256);
  });

  it('a consumer that finds 20,000 changes leaves two turns to others before it has read them', async () => {
    const queue = new ChangeQueue({ most: 20_000, states: false, closed() {}, waits() {} });
    const flow = new Flow();
    for (let generation = 0; generation < 20_000; generation++)
      queue.change({ type: 'insert', flow, cause: 'event', generation, exact: true });
    let turns = 0;
    let over = false;
    const turn = (): void => {
      turns++;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const seen: number[] = [];
    while (queue.length > 0) seen.push(((await queue.next()) as { generation: number }).generation);
    const had = turns;
    over = true;
    expect(seen).to.deep.equal(Array.from({ length: 20_000 }, (_, index) => index));
    expect(had).to.equal(2);
  });
});
