/** A table on the real kernel: what it holds is what a fresh dump says, whatever happened before. */
import { expect } from 'chai';
import { Conntrack, type FlowInit, type Transport } from '../../src/index.ts';
import { FlowTable, type FlowTableOptions, type TableChange } from '../../src/table/index.ts';
import { koffi } from '../support/event-sockets.ts';
import { failing } from '../support/failing-transport.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { differences } from '../support/table.ts';
import { tcpConnection, tracking } from '../support/traffic.ts';

function v4(n: number, rest: FlowInit = {}): FlowInit {
  return {
    orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1000 + n, dport: 53 },
    timeout: 600,
    ...rest,
  };
}

function v6(n: number, rest: FlowInit = {}): FlowInit {
  return { ...v4(n, rest), orig: { src: 'fd00::1', dst: 'fd00::2', proto: 'tcp', sport: 1000 + n, dport: 80 } };
}

describeKernel('a table on the kernel', ['nft', 'conntrack'], () => {
  let ct: Conntrack;
  const tables: FlowTable[] = [];

  async function open(options: FlowTableOptions = {}): Promise<FlowTable> {
    // Of the same copy of the package: its errors are those that the socket knows.
    const table = await FlowTable.open({ transport: koffi, ...options });
    tables.push(table);
    return table;
  }

  /** The table is the kernel's, soon: events may still be on their way, and flows past their timeout are asked for. */
  async function isRight(table: FlowTable, proved = false): Promise<void> {
    let found: string[] = [];
    const same = async (): Promise<boolean> => {
      if (table.state !== 'synced') return false;
      found = await differences(table, ct, proved);
      return found.length === 0;
    };
    await until(same, { limit: 30_000 }).catch((error: Error) => {
      throw new Error(`${error.message}; the table is ${table.state}\n${found.slice(0, 10).join('\n')}`);
    });
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
    resetNamespace();
  });

  it('has what was there, and follows what comes, changes and goes', async () => {
    await ct.createMany([v4(0), v4(1), v6(2, { tcp: { state: 'ESTABLISHED' }, timeout: 99 })]);
    const table = await open();
    expect([table.state, table.size]).to.deep.equal(['synced', 3]);
    const seen: TableChange[] = [];
    const changes = table.changes();
    const reading = (async (): Promise<void> => {
      for await (const change of changes) seen.push(change);
    })();
    await ct.createMany([v4(3, { mark: 5 }), v4(4, { zone: 7 })]);
    await ct.update(v4(3, { mark: 6, timeout: 700 }));
    await ct.delete(v4(3));
    await until(() => seen.length >= 4);
    await isRight(table);
    expect(seen.map((change) => change.type)).to.deep.equal(['insert', 'insert', 'update', 'delete']);
    const [, , update, end] = seen;
    if (update.type !== 'update' || end.type !== 'delete') throw new Error('unreachable');
    expect([update.old?.mark, update.flow.mark, update.cause, update.exact]).to.deep.equal([5, 6, 'event', true]);
    expect([end.flow.mark, end.generation === update.generation]).to.deep.equal([6, true]);
    expect(table.get(v4(4).orig!, 7)?.zone).to.equal(7);
    expect(table.get(v4(4).orig!)).to.equal(undefined);
    expect(
      table.lookup({ reply: { src: '10.0.0.2', dst: '10.0.0.1', proto: 'udp', sport: 53, dport: 1001 } })?.orig.sport,
    ).to.equal(1001);
    expect([...table.find({ zone: 7 })].map(({ orig }) => orig.sport)).to.deep.equal([1004]);
    await changes.return();
    await reading;
  });

  it('follows a real connection to its final counters', async () => {
    sysctl('nf_conntrack_acct', 1);
    sysctl('nf_conntrack_timestamp', 1);
    const table = await open({ filter: { orig: { proto: 'tcp', dport: 8099 } } });
    const seen: TableChange[] = [];
    const changes = table.changes();
    const reading = (async (): Promise<void> => {
      for await (const change of changes) seen.push(change);
    })();
    const { localAddress, localPort } = await tcpConnection(8099);
    const tuple = { src: localAddress, dst: '127.0.0.1', proto: 'tcp', sport: localPort, dport: 8099 } as const;
    await until(() => table.get(tuple)?.tcp?.state === 'TIME_WAIT');
    await ct.delete({ orig: { ...tuple } });
    await until(() => seen.at(-1)?.type === 'delete');
    const last = seen.at(-1)!;
    if (last.type !== 'delete') throw new Error('unreachable');
    expect(last.cause).to.equal('event');
    expect(last.flow.countersOrig!.packets! >= 5n).to.equal(true);
    expect(last.flow.timestamp!.stop! > last.flow.timestamp!.start!).to.equal(true);
    await changes.return();
    await reading;
  });

  it('brings a flow into a filtered table when its mark matches, and takes it out when it does not', async () => {
    const table = await open({ filter: { mark: 5 } });
    await ct.createMany([v4(0, { mark: 5 }), v4(1, { mark: 4 })]);
    await until(() => table.size === 1);
    await ct.update(v4(1, { mark: 5 }));
    await until(() => table.size === 2);
    await ct.update(v4(0, { mark: 0 }));
    await until(() => table.size === 1);
    expect([...table].map(({ orig }) => orig.sport)).to.deep.equal([1001]);
    await table.verify();
    expect([...table].map(({ orig }) => orig.sport)).to.deep.equal([1001]);
  });

  for (const timestamps of [0, 1])
    it(`knows ${timestamps === 1 ? 'by their start' : 'not always'} whether flows that come and go are the same, behind 64 KiB`, async () => {
      sysctl('nf_conntrack_timestamp', timestamps);
      const flows = Array.from({ length: 1000 }, (_, n) => v4(n));
      await ct.createMany(flows);
      const table = await open({ receiveBuffer: 65_536 });
      await until(async () => {
        for (let i = 0; i < 3; i++) {
          await ct.deleteMany(flows);
          await ct.createMany(flows);
        }
        await table.synced();
        return timestamps === 1 ? table.proof.resyncs >= 3 : table.proof.ambiguous > 0;
      });
      await isRight(table);
      expect(table.proof.lost).to.be.above(0);
      if (timestamps === 1) expect(table.proof.ambiguous).to.equal(0);
    });

  it('says that it is stale while the kernel makes no events, and has what came meanwhile', async () => {
    const table = await open({ transport: undefined });
    sysctl('nf_conntrack_events', 0);
    await until(() => table.state === 'stale');
    await ct.createMany([v4(0), v4(1)]);
    sysctl('nf_conntrack_events', 1);
    await table.synced();
    expect([table.size, table.proof.preListener]).to.deep.equal([2, 2]);
    // They end without an event, and a dump shows it.
    await ct.createMany([v4(2)]);
    sh('conntrack', '-D', '-p', 'udp', '--sport', '1000', '--dport', '53');
    await table.verify();
    expect([table.size, table.proof.preListener]).to.deep.equal([2, 1]);
  });

  it('finds out by asking that a silent flow has expired', async () => {
    sysctl('nf_conntrack_events', 0);
    await ct.createMany([v4(0, { timeout: 1 }), v4(1)]);
    sysctl('nf_conntrack_events', 1);
    const table = await open({ verify: false });
    const seen: TableChange[] = [];
    const changes = table.changes();
    const reading = (async (): Promise<void> => {
      for await (const change of changes) seen.push(change);
    })();
    await until(() => table.size === 1);
    expect(seen.map((change) => change.type !== 'gap' && [change.type, change.cause])).to.deep.equal([
      ['delete', 'expiry'],
    ]);
    await changes.return();
    await reading;
  });

  it('opens its sockets again when one of them fails, with one gap', async () => {
    const broken = new Set<Transport>();
    const { transport, opened } = failing(koffi, (socket) => broken.delete(socket));
    const table = await open({ transport });
    for (const each of [0, 1]) {
      const changes = table.changes();
      broken.add(opened.at(each - 2)!);
      await ct.createMany([v4(3 * each), v4(3 * each + 1)]);
      const verified = table.verify();
      let change: TableChange;
      do change = (await changes.next()).value;
      while (change.type !== 'gap');
      expect(change.dropped, `socket ${each}`).to.equal(0);
      await table.synced();
      await isRight(table);
      await ct.create(v4(3 * each + 2));
      await until(() => table.size === 3 * each + 3);
      await verified;
      await changes.return();
    }
  });

  it('is closed by a signal, with its reason', async () => {
    const controller = new AbortController();
    const table = await open({ signal: controller.signal });
    const changes = table.changes();
    const next = changes.next();
    const synced = table.verify();
    controller.abort(new Error('enough'));
    for (const waiting of [next, synced])
      expect(await waiting.then(String, (error: Error) => error.message)).to.equal('enough');
    expect([table.state, (table.error as Error).message]).to.deep.equal(['closed', 'enough']);
    expect(await FlowTable.open({ signal: controller.signal }).catch((error: Error) => error.message)).to.equal(
      'enough',
    );
  });
});
