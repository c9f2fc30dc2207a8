/** A flow that was dumped is that flow: not another one that has its tuple, nor its tuple and its id. */
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { ManyError } from '../../src/conntrack/many.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { MARK, START } from '../../src/ctnetlink/slots.ts';
import { KernelError } from '../../src/netlink/errors.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace, sysctl } from '../support/kernel.ts';

function udp(sport: number): FlowInit {
  return { orig: { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport, dport: 53 }, timeout: 600 };
}

/**
 * The same flow, had it begun a nanosecond earlier: what a flow was that had the tuple, and the id, before this one.
 */
function predecessorOf(flow: Flow): Flow {
  const before = flow.clone();
  before.slots[START] = (before.slots[START] as bigint) - 1n;
  return before;
}

describeKernel('identity of flows', ['nft', 'conntrack'], () => {
  let ct: Conntrack;
  before(async () => {
    ct = await Conntrack.open();
  });
  after(async () => {
    await ct?.close();
    resetNamespace();
  });
  beforeEach(async () => {
    resetNamespace();
    sysctl('nf_conntrack_timestamp', 1);
    await ct.createMany([udp(1), udp(2), udp(3)]);
  });

  async function ports(): Promise<(number | undefined)[]> {
    return (await ct.dump().toArray()).map(({ orig }) => orig.sport).sort();
  }

  it('get returns undefined where another flow has taken the place', async () => {
    const flow = (await ct.get(udp(1)))!;
    expect((await ct.get(flow))?.id).to.equal(flow.id);
    expect(await ct.get(predecessorOf(flow))).to.equal(undefined);
    expect(await ct.get({ ...udp(1), id: (flow.id! ^ 1) >>> 0 })).to.equal(undefined);
    expect((await ct.get({ ...udp(1), id: flow.id }))?.id).to.equal(flow.id);
  });

  it('delete leaves a flow with the id of the one that was meant, and says that there is none', async () => {
    const flow = (await ct.get(udp(1)))!;
    expect(await rejection(ct.delete(predecessorOf(flow))))
      .to.be.instanceOf(KernelError)
      .and.include({ code: 'ENOENT', operation: 'delete' })
      .and.have.property('message')
      .that.contains('no such flow')
      .and.contains('192.0.2.1:1 -> 198.51.100.2:53');
    expect(await ports()).to.deep.equal([1, 2, 3]);
    await ct.delete(flow);
    expect(await ports()).to.deep.equal([2, 3]);
  });

  it('deleteMany leaves it when it is to be exact', async () => {
    const flows = await ct.dump().toArray();
    const meant = flows.map((flow) => (flow.orig.sport === 2 ? predecessorOf(flow) : flow));
    const refused = await rejection(ct.deleteMany(meant, { exact: true }));
    expect(refused).to.be.instanceOf(ManyError).and.include({ succeeded: 2, failed: 1 });
    expect((refused as ManyError).failures.map(({ item }) => (item as Flow).orig.sport)).to.deep.equal([2]);
    expect(await ports()).to.deep.equal([2]);
    // Else the kernel compares, which knows no start.
    expect(await ct.deleteMany(meant.filter(({ orig }) => orig.sport === 2))).to.deep.equal({
      succeeded: 1,
      failed: 0,
    });
  });

  async function marks(): Promise<(number | undefined)[]> {
    return (await ct.dump().toArray()).sort((a, b) => a.orig.sport! - b.orig.sport!).map(({ mark }) => mark);
  }

  const changed = (flow: Flow, mark: number): Flow => {
    const copy = flow.clone();
    copy.slots[MARK] = mark;
    return copy;
  };

  it('update leaves a flow that took the place of the one that was meant, and says that there is none', async () => {
    const flow = (await ct.get(udp(1)))!;
    for (const other of [predecessorOf(flow), Flow.from({ ...udp(1), id: (flow.id! ^ 1) >>> 0 })])
      expect(await rejection(ct.update(changed(other, 7))))
        .to.be.instanceOf(KernelError)
        .and.include({ code: 'ENOENT', operation: 'update' })
        .and.have.property('message')
        .that.contains('192.0.2.1:1 -> 198.51.100.2:53');
    expect(await marks()).to.deep.equal([0, 0, 0]);
    await ct.update(changed(flow, 7));
    await ct.update({ ...udp(2), mark: 8 });
    expect(await marks()).to.deep.equal([7, 8, 0]);
  });

  it('updateMany leaves it when it is to be exact', async () => {
    const flows = await ct.dump().toArray();
    const meant = flows.map((flow) => changed(flow.orig.sport === 2 ? predecessorOf(flow) : flow, 7));
    const refused = await rejection(
      ct.updateMany([...meant, { ...udp(3), reply: { src: '1.1.1.1' } }], { exact: true }),
    );
    expect(refused).to.be.instanceOf(ManyError).and.include({ succeeded: 2, failed: 2 });
    const { failures } = refused as ManyError;
    expect(failures.map(({ error }) => (error as KernelError).code)).to.have.members(['ENOENT', undefined]);
    expect(await marks()).to.deep.equal([7, 0, 7]);
    expect(await ct.updateMany(meant.map((flow) => changed(flow, 9)))).to.deep.equal({ succeeded: 3, failed: 0 });
    expect(await marks()).to.deep.equal([9, 9, 9]);
  });

  it('update and updateMany find a flow whose tuple is the reply of another', async () => {
    await ct.flushAll();
    const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'udp', sport: 9, dport: 9 } as const;
    const reply = { src: orig.dst, dst: orig.src, proto: 'udp', sport: 9, dport: 9 } as const;
    const away = { ...orig, src: '203.0.113.1', dst: '203.0.113.2' } as const;
    // The second, which is found first, has as its reply what the first has as its original tuple and zone.
    const pairs: [FlowInit, FlowInit][] = [
      [
        { orig, reply: { ...reply, zone: 7 } },
        { orig: { ...away, zone: 8 }, reply: orig },
      ],
      [
        { orig, reply, zone: 5 },
        { orig: away, reply: { ...orig, zone: 5 } },
      ],
    ];
    for (const [one, two] of pairs) {
      await ct.create({ ...one, timeout: 600, mark: 1 });
      await ct.create({ ...two, timeout: 600, mark: 2 });
      const flows = await ct.dump().toArray();
      const hidden = flows.find(({ mark }) => mark === 1)!;
      // So it is not found by what names it usually.
      expect((await ct.get({ orig, zone: one.zone }))?.mark).to.equal(2);
      await ct.update(changed(hidden, 3));
      const after = async (): Promise<unknown> =>
        (await ct.dump().toArray()).sort((a, b) => a.mark! - b.mark!).map(({ id, mark }) => [id, mark]);
      const visible = flows.find(({ mark }) => mark === 2)!;
      expect(await after()).to.deep.equal([
        [visible.id, 2],
        [hidden.id, 3],
      ]);
      await ct.updateMany([changed(hidden, 4)], { exact: true });
      expect(await after()).to.deep.equal([
        [visible.id, 2],
        [hidden.id, 4],
      ]);
      await ct.flushAll();
    }
  });

  describe('with nf_conntrack_timestamp=0', () => {
    /** A flow that was in the table, as this one had been if the id had been given to both. */
    async function replaced(known: FlowInit): Promise<Flow> {
      resetNamespace();
      sysctl('nf_conntrack_timestamp', 0);
      await ct.create(udp(1));
      return (await ct.get(udp(1)))!.with(known);
    }
    const evidence: Record<string, FlowInit> = {
      'a lasting bit of the status': { status: ['CONFIRMED', 'SEEN_REPLY', 'ASSURED'] },
      'a bit of NAT': { status: ['CONFIRMED', 'SRC_NAT'] },
      'another reply': { reply: { dst: '203.0.113.9' } },
      'a master': { master: { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 5, dport: 21 } },
    };
    for (const [name, known] of Object.entries(evidence))
      it(`delete and exact deletes leave a flow that lacks what the one with its id had: ${name}`, async () => {
        const flow = await replaced(known);
        expect(await rejection(ct.delete(flow))).to.include({ code: 'ENOENT', operation: 'delete' });
        expect(await rejection(ct.deleteMany([flow], { exact: true }))).to.include({ failed: 1 });
        expect(await ct.get(flow)).to.equal(undefined);
        expect(await ports()).to.deep.equal([1]);
        // The id is the same, and nothing else is compared here.
        expect(await ct.deleteMany([flow])).to.deep.equal({ succeeded: 1, failed: 0 });
      });

    it('delete leaves a flow whose state or counters went back, and deletes one that went on', async () => {
      sysctl('nf_conntrack_acct', 1);
      const orig = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 9, dport: 80 } as const;
      await ct.create({ orig, timeout: 600, tcp: { state: 'ESTABLISHED' } });
      const flow = (await ct.get({ orig }))!;
      const closing = flow.with({ tcp: { state: 'TIME_WAIT' }, timestamp: undefined });
      const counted = flow.with({ countersOrig: { packets: 1n, bytes: 40n }, timestamp: undefined });
      for (const other of [closing, counted])
        expect(await rejection(ct.delete(other))).to.include({ code: 'ENOENT', operation: 'delete' });
      // The state that an update wishes is none that the flow had.
      await ct.update(closing);
      await ct.delete(flow.with({ timestamp: undefined }));
      expect(await ct.get({ orig })).to.equal(undefined);
    });

    it('without evidence the flow in the place of another is deleted, which the guide says', async () => {
      const flow = await replaced({});
      await ct.update({ ...udp(1), mark: 5 });
      await ct.delete(flow);
      expect(await ports()).to.deep.equal([]);
    });
  });

  it('a reply that is given beside the original tuple is compared', async () => {
    const { orig, reply } = (await ct.get(udp(1)))!;
    const wrong: FlowInit = {
      orig,
      reply: { src: '198.51.100.2', dst: '203.0.113.9', proto: 'udp', sport: 53, dport: 1 },
    };
    expect(await ct.get(wrong)).to.equal(undefined);
    expect(await rejection(ct.delete(wrong))).to.include({ code: 'ENOENT' });
    expect(await rejection(ct.update({ ...wrong, mark: 3 }))).to.include({ code: 'ENOENT' });
    expect(await ports()).to.deep.equal([1, 2, 3]);
    expect(await ct.get({ orig, reply: { dst: reply.dst } })).to.not.equal(undefined);
    await ct.delete({ orig, reply });
    expect(await ports()).to.deep.equal([2, 3]);
  });

  it('flows without a start are told apart by their ids', async () => {
    sysctl('nf_conntrack_timestamp', 0);
    await ct.create(udp(4));
    const flow = (await ct.get(udp(4)))!;
    expect(flow.timestamp?.start).to.equal(undefined);
    const other = { ...udp(4), id: (flow.id! ^ 1) >>> 0 };
    for (const exact of [false, true])
      expect(await rejection(ct.deleteMany([other], { exact }))).to.be.instanceOf(ManyError);
    expect(await rejection(ct.delete(other))).to.include({ code: 'ENOENT' });
    await ct.delete(flow);
    expect(await ports()).to.deep.equal([1, 2, 3]);
  });
});
