import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { LabelsError } from '../../src/conntrack/created-labels.ts';
import { type Failure, ManyError } from '../../src/conntrack/many.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import { NLM_F_ACK } from '../../src/uapi/netlink.ts';
import { ack } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace } from '../support/kernel.ts';
import { play, flow as played } from '../support/played.ts';
import { tracking } from '../support/traffic.ts';

const orig = (sport: number) => ({ src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport, dport: 53 }) as const;
const labelledFlow = (sport: number) => ({ orig: orig(sport), timeout: 600, labels: [3] });

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('created labels', () => {
  it('cost nothing for flows without any', async () => {
    const { ct, fake } = await play((_request, { nlmsg_flags, nlmsg_seq }, kernel) => {
      if ((nlmsg_flags & NLM_F_ACK) !== 0) kernel.queue(ack(nlmsg_seq));
    });
    try {
      const before = fake.sent.length;
      for (const labels of [undefined, []]) await ct.create({ ...played(1), labels });
      await ct.createMany([played(2), { ...played(3), labels: [] }]);
      expect(fake.sent.length - before).to.equal(4);
    } finally {
      await ct.close();
    }
  });

  describeKernel('of a kernel', ['nft'], () => {
    let ct: Conntrack;
    before(async () => {
      ct = await Conntrack.open();
    });
    beforeEach(resetNamespace);
    after(async () => {
      await ct.close();
      resetNamespace();
    });

    it('are reported where no rule uses labels: the flow is there without them', async () => {
      const wanted = [
        ['create', labelledFlow(1)],
        ['createOrUpdate', labelledFlow(2)],
        ['create', { reply: { ...orig(53), src: '10.0.0.2', dst: '10.0.0.1', dport: 3 }, timeout: 600, labels: [127] }],
        ['create', { ...labelledFlow(4), zone: 7 }],
        ['create', { ...labelledFlow(5), orig: { ...orig(5), zone: 8 } }],
      ] as const;
      for (const [query, flow] of wanted) {
        const error = await errorOf(query === 'create' ? ct.create(flow) : ct.createOrUpdate(flow));
        expect(error, JSON.stringify(flow)).to.be.instanceOf(LabelsError);
        expect(error).to.include({ code: 'ERR_LABELS', operation: query });
      }
      expect((await errorOf(ct.create(labelledFlow(6)))) as Error).to.have.property(
        'message',
        'create: the flow was created without its labels (udp 10.0.0.1:6 -> 10.0.0.2:53, zone 0), because no rule of this network namespace used labels at that time; load a ruleset that uses them (`ct label`), then delete the flow and create it again',
      );
      expect(await ct.stats()).to.have.property('entries', 6);
      expect((await ct.get({ orig: orig(6) }))!.labels).to.equal(undefined);
      // One that is there already is the kernel's to refuse.
      expect(await errorOf(ct.create(labelledFlow(6))))
        .to.be.instanceOf(KernelError)
        .and.to.include({ code: 'EEXIST' });
      expect(await errorOf(ct.createOrUpdate(labelledFlow(6)))).to.include({ code: 'ENOSPC' });
    });

    it('are reported of each item, and of no other', async () => {
      const flows = Array.from({ length: 1000 }, (_, n) =>
        n % 3 === 0 ? labelledFlow(n + 1) : { orig: orig(n + 1), timeout: 600 },
      );
      await ct.create({ orig: orig(4), timeout: 600 });
      const failures: Failure[] = [];
      const result = await ct.createMany(flows, { onError: (failure) => failures.push(failure) });
      expect(result).to.deep.equal({ succeeded: 666, failed: 334 });
      expect(failures.map(({ index }) => index).sort((a, b) => a - b)).to.deep.equal(
        flows.flatMap((_flow, n) => (n % 3 === 0 ? [n] : [])),
      );
      for (const { index, item, error } of failures) {
        expect(item).to.equal(flows[index]);
        expect(error).to.be.instanceOf(index === 3 ? KernelError : LabelsError);
      }
      expect(await ct.stats()).to.have.property('entries', 1000);
      await ct.flushAll();
      const many = await errorOf(ct.createOrUpdateMany([labelledFlow(1), { orig: orig(2), timeout: 600 }]));
      expect(many).to.be.instanceOf(ManyError).and.to.include({ succeeded: 1, failed: 1 });
      expect((many as ManyError).failures[0].error).to.be.instanceOf(LabelsError);
    });

    it('are not reported where a rule uses labels', async () => {
      tracking();
      await ct.create(labelledFlow(1));
      await ct.createOrUpdate({ ...labelledFlow(1), labels: [5] });
      await ct.createOrUpdate({ ...labelledFlow(1), labels: [] });
      const flows = Array.from({ length: 600 }, (_, n) => labelledFlow(n + 2));
      expect(await ct.createMany(flows)).to.deep.equal({ succeeded: 600, failed: 0 });
      expect((await ct.get({ orig: orig(601) }))!.labels).to.deep.equal([3]);
    });
  });
});
