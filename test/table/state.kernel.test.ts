/** What a table reports about itself while things go wrong. */
import { expect } from 'chai';
import { Conntrack, type FlowInit, type Transport } from '../../src/index.ts';
import { FlowTable, type FlowTableOptions, type TableNews } from '../../src/table/index.ts';
import { koffi } from '../support/event-sockets.ts';
import { failing } from '../support/failing-transport.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { tracking } from '../support/traffic.ts';

const NAME = `ctnetlink-${process.pid}-table`;

function udp(n: number, rest: FlowInit = {}): FlowInit {
  const orig = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1000 + n, dport: 53 } as const;
  return { orig, timeout: 600, ...rest };
}

const FLOWS = Array.from({ length: 8 }, (_, n) => udp(n));

describeKernel('the state of a table', ['root', 'nft', 'conntrack', 'ip', 'sysctl'], () => {
  let ct: Conntrack;
  const tables: FlowTable[] = [];
  /** Sockets that fail at the next receive. */
  const broken = new Set<Transport>();
  const { transport, opened } = failing(koffi, (socket) => broken.delete(socket));

  async function open(options: FlowTableOptions = {}): Promise<FlowTable> {
    // Of the same copy of the package: its errors are those that the socket knows.
    const table = await FlowTable.open({ transport, ...options });
    tables.push(table);
    return table;
  }

  /** What the changes say, one by one: 'insert', 'state synced'. */
  function listen(table: FlowTable, queue?: number): { said: string[]; news: TableNews[]; end: Promise<string> } {
    const said: string[] = [];
    const news: TableNews[] = [];
    const read = async (): Promise<string> => {
      try {
        for await (const change of table.changes({ states: true, ...(queue !== undefined && { queue }) })) {
          if (change.type === 'state') news.push(change);
          said.push(change.type === 'state' ? `${change.state} ${change.reason ?? ''}`.trim() : change.type);
        }
        return 'the end';
      } catch (error) {
        return (error as Error).message;
      }
    };
    return { said, news, end: read() };
  }

  beforeEach(async () => {
    resetNamespace();
    tracking();
    sysctl('nf_conntrack_events', 1);
    ct = await Conntrack.open();
  });
  afterEach(async () => {
    await Promise.all(tables.splice(0).map((table) => table.close()));
    await ct.close();
    opened.length = 0;
    broken.clear();
    resetNamespace();
  });

  it('is among its changes when asked for: first what it is, then what it becomes', async () => {
    await ct.create(udp(0));
    const table = await open();
    const { said, news, end } = listen(table);
    await ct.create(udp(1));
    await until(() => said.length === 2);
    broken.add(opened[0]);
    await ct.create(udp(2));
    await until(() => said.at(-1) === 'synced' && table.size === 3);
    await table.close();
    expect(await end).to.equal('the end');
    expect(said).to.deep.equal([
      ...['synced', 'insert', 'stale reopened', 'gap', 'resyncing reopened', 'insert', 'synced'],
    ]);
    expect(news.map(({ flows, proof }) => [flows, proof.resyncs])).to.deep.equal([
      [1, 0],
      [2, 0],
      [2, 0],
      [3, 1],
    ]);
  });

  it('is not among the changes of those who did not ask for it', async () => {
    const table = await open({ maxFlows: 1 });
    const changes = table.changes();
    await ct.createMany(FLOWS);
    await until(() => table.state === 'full');
    await ct.flushAll();
    await until(() => table.size === 0);
    await table.close();
    const types: string[] = [];
    for await (const { type } of changes) types.push(type);
    expect(types).to.deep.equal(['insert', 'delete']);
  });

  it("is 'full' as long as there are more flows than it may hold, also while a dump proves it", async () => {
    await ct.createMany(FLOWS.slice(0, 4));
    const table = await open({ maxFlows: 6 });
    const { said, end } = listen(table);
    expect([table.state, table.size, table.proof.skipped]).to.deep.equal(['synced', 4, 0]);
    await ct.createMany(FLOWS.slice(4));
    await until(() => table.state === 'full');
    expect([table.size, table.proof.skipped]).to.deep.equal([6, 2]);
    await table.verify();
    expect([table.state, table.size, table.proof.skipped]).to.deep.equal(['full', 6, 2]);
    const synced = table.synced();
    await ct.deleteMany(FLOWS.slice(0, 4));
    await until(() => table.size === 2);
    // Two of those that are left were not in it, and it knows that something is missing.
    expect(table.state).to.equal('full');
    await table.verify();
    await synced;
    expect([table.state, table.size, table.proof.skipped]).to.deep.equal(['synced', 4, 0]);
    await table.close();
    await end;
    expect(said.filter((each) => each.includes('synced') || each.includes('full'))).to.deep.equal([
      ...['synced', 'full', 'synced'],
    ]);
  });

  it('reports a gap to a consumer that reads too slowly, and then what it is', async () => {
    const table = await open();
    const slow = table.changes({ queue: 3, states: true });
    const { said, end } = listen(table);
    await ct.createMany(FLOWS);
    await until(() => table.size === 8);
    broken.add(opened[0]);
    await ct.delete(FLOWS[0]);
    // The table goes on whatever its slowest consumer does.
    await until(() => said.at(-1) === 'synced' && table.size === 7);
    const { value: gap } = await slow.next();
    expect(gap).to.deep.equal({ type: 'gap', dropped: 9 });
    const { value: state } = await slow.next();
    expect([state.type, state.state, state.flows]).to.deep.equal(['state', 'synced', 7]);
    await ct.create(FLOWS[0]);
    expect((await slow.next()).value.type).to.equal('insert');
    await table.close();
    expect((await slow.next()).done).to.equal(true);
    await end;
  });

  for (const netns of [undefined, NAME])
    it(`is 'stale' while nf_conntrack_events is 0 ${netns === undefined ? 'where the process is' : 'in its namespace'}, also of a transport function`, async () => {
      if (netns !== undefined) sh('ip', 'netns', 'add', netns);
      const switchTo = (value: number): void => {
        if (netns === undefined) sysctl('nf_conntrack_events', value);
        else sh('ip', 'netns', 'exec', netns, 'sysctl', '-qw', `net.netfilter.nf_conntrack_events=${value}`);
      };
      try {
        switchTo(1);
        const table = await open(netns === undefined ? {} : { netns });
        const { said, end } = listen(table);
        switchTo(0);
        await until(() => said.at(-1) === 'stale off');
        switchTo(1);
        await until(() => said.at(-1) === 'synced');
        await table.close();
        await end;
        expect(said).to.deep.equal(['synced', 'stale off', 'resyncing off', 'synced']);
      } finally {
        if (netns !== undefined) sh('ip', 'netns', 'delete', netns);
      }
    });

  it("is 'closed' with the reason when its namespace is gone, its consumers end, and nothing is thrown elsewhere", async () => {
    sh('ip', 'netns', 'add', NAME);
    const thrown: unknown[] = [];
    const note = (error: unknown): void => void thrown.push(error);
    process.on('unhandledRejection', note);
    try {
      const table = await open({ netns: NAME });
      const waits = listen(table);
      // Nobody reads these.
      table.changes();
      const early = table.changes();
      sh('ip', 'netns', 'delete', NAME);
      for (const each of opened) broken.add(each);
      const verified = table.verify().catch((error: Error) => error.message);
      await until(() => table.state === 'closed');
      const message = (table.error as Error).message;
      expect(message).to.include(`there is no /run/netns/${NAME}`);
      expect(await waits.end).to.equal(message);
      expect(await verified).to.equal(message);
      const next = (): Promise<string> => early.next().then(({ done }) => `done ${done}`, String);
      expect([await next(), await next()]).to.deep.equal([`TransportError: ${message}`, 'done true']);
      expect(await table.synced().catch((error: Error) => error.message)).to.equal(message);
      await new Promise((resolve) => setImmediate(resolve));
      expect(thrown).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
