/** Sending ahead: what was sent is done, whatever comes after it. */
import { expect } from 'chai';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { buildCreate } from '../../../src/ctnetlink/request.ts';
import { Batch, stampBatch } from '../../../src/netlink/batch.ts';
import { openTransport } from '../../../src/transport/open.ts';
import { describeKernel, resetNamespace, sh, until } from '../../support/kernel.ts';
import { flow } from '../conformance/flows.ts';

describeKernel('sending ahead', ['conntrack'], () => {
  beforeEach(() => resetNamespace());
  after(() => resetNamespace());

  it('loses nothing when the socket is closed right after the send', async () => {
    const transport = await openTransport({ transport: 'koffi' });
    transport.start({ readable: () => {}, failed: () => {} });
    const batch = new Batch();
    for (let n = 0; n < 1000; n++) {
      batch.add(buildCreate(Flow.from(flow(n)), 'create'));
      if (batch.count < 100) continue;
      expect(batch.length, 'large enough to be sent ahead').to.be.above(8192);
      stampBatch(batch.bytes, 1 + n, batch.count);
      transport.send(batch.bytes);
      batch.clear();
    }
    transport.close();
    await until(() => Number(sh('conntrack', '-C')) === 1000, { what: 'all that was sent' });
  });
});
