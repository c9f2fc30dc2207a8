/** A table whose sockets fail again and again. The pauses are none here. */
import { expect } from 'chai';
import { TransportError } from '../../src/index.ts';
import { runtime } from '../../src/netlink/runtime.ts';
import { FlowTable } from '../../src/table/index.ts';
import { fakeKernel } from '../../src/testing/index.ts';
import { failing } from '../support/failing-transport.ts';

describe('a table whose sockets fail', () => {
  const { setTimeout } = runtime;
  const pauses: number[] = [];
  beforeEach(() => {
    pauses.length = 0;
    runtime.setTimeout = (callback, milliseconds) => {
      pauses.push(milliseconds);
      return runtime.setImmediate(callback);
    };
  });
  afterEach(() => {
    runtime.setTimeout = setTimeout;
  });

  it('closes when they fail at every receive, and does not open them without end', async () => {
    const kernel = fakeKernel();
    let fails = false;
    const { transport: events, opened } = failing(kernel.transport, () => fails);
    const table = await FlowTable.open({
      transport: (options) => (options?.events === true ? events(options) : kernel.transport(options)),
    });
    const changes = table.changes();
    fails = true;
    const types: string[] = [];
    kernel.traffic([{ src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 53 }]);

    let error: unknown;
    try {
      for await (const { type } of changes) types.push(type);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).to.be.an.instanceOf(TransportError);
    expect([table.state, table.error, kernel.sockets]).to.deep.equal(['closed', error, 0]);
    // Nine times, after pauses that grow.
    expect(opened).to.have.length(10);
    expect(pauses.filter((pause) => pause >= 50)).to.deep.equal([50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800]);
    expect(types).to.deep.equal([]);
  });
});
