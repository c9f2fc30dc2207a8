/** Flows come back in the midst of their traffic, on a router that drops what is INVALID. */
import { expect } from 'chai';
import { Conntrack, type Flow } from '../../src/index.ts';
import { ctnetlink, MAIN, run } from '../support/command.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { lastingByKey } from '../support/lasting.ts';
import { NatRouter } from '../support/nat-router.ts';

/** IP_CT_TCP_FLAG_BE_LIBERAL */
const BE_LIBERAL = 8;

describeKernel('ct.restore on a router', ['root', 'nft', 'ip', 'tc', 'bash'], () => {
  let router: NatRouter;
  let ct: Conntrack;
  before(() => resetNamespace());
  beforeEach(async () => {
    router = new NatRouter();
    ct = await Conntrack.open();
  });
  afterEach(async () => {
    await ct.close();
    router.close();
    resetNamespace();
  });

  /** Takes a snapshot, empties the table, and restores, while nothing comes to the router. */
  async function moveTable(restore: (flows: readonly Flow[]) => Promise<void>): Promise<void> {
    const { seen } = router;
    const flows = await ct.dump().toArray();
    await restore(flows);
    expect(lastingByKey(await ct.dump().toArray())).to.deep.equal(lastingByKey(flows));
    expect(router.seen, 'packets while it was held').to.equal(seen);
  }

  async function throughApi(flows: readonly Flow[]): Promise<void> {
    await ct.flushAll();
    const result = await ct.restore(flows);
    expect(result.flows).to.include({ whole: flows.length, partial: 0, failed: 0 });
  }

  async function throughCommand(flows: readonly Flow[]): Promise<void> {
    const { stdout } = ctnetlink('snapshot');
    await ct.flushAll();
    const restored = run('sh', ['-c', `printf %s "$1" | "$0" "${MAIN}" restore -`, process.execPath, stdout]);
    expect(restored.status, restored.stderr).to.equal(0);
    expect(restored.stderr).to.include(`: ${flows.length} flow entries have been restored; 0 expectations`);
  }

  /** The ids of the flows through the router, which change when a flow is created again. */
  async function ids(): Promise<Record<string, number | undefined>> {
    const flows = await ct.dump({ orig: { dst: '10.9.1.1', dport: 80 } }).toArray();
    return Object.fromEntries(flows.map((flow) => [flow.key(), flow.id]));
  }

  /** The port that the router gave each connection. */
  async function translations(): Promise<Record<string, number>> {
    const flows = await ct.dump({ orig: { dst: '10.9.1.1', dport: 81, proto: 'tcp' } }).toArray();
    return Object.fromEntries(flows.map(({ orig, nat }) => [orig.sport, nat!.src!.port!]));
  }

  it('lets a TCP transfer and a UDP stream through SNAT and DNAT go on, and drops no packet', async () => {
    await router.transfer();
    const { fresh } = router;
    for (const restore of [throughApi, throughCommand, throughApi]) {
      await router.hold();
      await moveTable(restore);
      const restored = await ids();
      expect(Object.keys(restored)).to.have.lengthOf(2);
      router.release();
      await router.moved(5000);
      // Packets went on with these flows, and created none in their place.
      expect(await ids()).to.deep.equal(restored);
    }
    const [{ tcp }] = await ct.dump({ orig: { proto: 'tcp' } }).toArray();
    expect(tcp!.flagsOrig! & tcp!.flagsReply! & BE_LIBERAL, 'liberal').to.equal(BE_LIBERAL);
    const { sent, received, back, datagrams, echoed } = await router.end();
    expect({ received, back }).to.deep.equal({ received: sent, back: sent });
    expect(echoed).to.equal(datagrams).and.to.be.above(8);
    expect({ invalid: router.invalid, fresh: router.fresh - fresh }).to.deep.equal({ invalid: 0, fresh: 0 });
  });

  it('lets handshakes go on that wait for their first answer', async () => {
    const { greeted } = await router.handshakes(32);
    const before = await translations();
    expect(Object.keys(before)).to.have.lengthOf(32);
    await moveTable(throughApi);
    router.release();
    expect(await greeted()).to.equal(32);
    expect(router.invalid).to.equal(0);
    expect(await translations()).to.deep.equal(before);
  });
});
