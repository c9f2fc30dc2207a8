/** Rings of io_uring stay for as long as the process lives: a burst of sockets leaves no more than some. */
import { expect } from 'chai';
import { Conntrack, type FlowEventOrOverrun } from '../../../src/index.ts';
import { descriptorsOf } from '../../support/descriptors.ts';
import { describeKernel } from '../../support/kernel.ts';

const MOST = 64;

const rings = (): number => descriptorsOf('anon_inode:[io_uring]').length;

describeKernel('rings', () => {
  it('are 64 at the most, and sockets do their work without one', async () => {
    const before = rings();
    await using ct = await Conntrack.open();
    const streams = await Promise.all(Array.from({ length: MOST + 20 }, () => ct.events({ receiveAhead: true })));
    expect(rings()).to.be.at.most(before + MOST);
    await ct.create({ orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 }, timeout: 60 });
    for (const stream of streams) {
      const { value } = (await stream.next()) as { value: FlowEventOrOverrun };
      expect(value.type).to.equal('new');
    }
    await Promise.all(streams.map((stream) => stream.close()));
    expect(rings()).to.be.at.most(before + MOST);
  });
});
