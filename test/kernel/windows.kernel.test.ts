/** Flows that are created in the midst of a TCP connection: the kernel has not seen its windows. */
import { expect } from 'chai';
import { Conntrack, type FlowInit } from '../../src/index.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { Router } from '../support/router.ts';

const MOVED = 20_000_000;

describeKernel('A router that drops what is INVALID', ['root', 'conntrack', 'nft', 'ip'], () => {
  let router: Router;
  let ct: Conntrack;

  beforeEach(async () => {
    router = await Router.open();
    ct = await Conntrack.open();
    await router.send(1_000_000);
  });
  afterEach(async () => {
    await ct.close();
    router.close();
    resetNamespace();
  });

  /** Empties the table and creates the connection again, as `remade` gives it. */
  async function recreate(remade: (flow: FlowInit) => FlowInit): Promise<void> {
    const [flow] = await ct.dump({ orig: { src: '10.9.1.2', proto: 'tcp' } }).toArray();
    await router.silently(async () => {
      sh('conntrack', '-F');
      await ct.create(remade(flow.toJSON()));
    });
  }

  async function goesOn(): Promise<void> {
    expect(router.state).to.equal('ESTABLISHED');
    await router.send(MOVED);
    await router.end();
    expect(router.state).to.be.oneOf(['LAST_ACK', 'TIME_WAIT']);
    expect(router.invalid).to.equal(0);
  }

  it('lets a connection go on that is created by its state alone', async () => {
    await recreate(({ orig }) => ({ orig, timeout: 600, tcp: { state: 'ESTABLISHED' } }));
    await goesOn();
  });

  it('lets a connection go on that is created as it was dumped', async () => {
    await recreate((flow) => flow);
    await goesOn();
  });
});
