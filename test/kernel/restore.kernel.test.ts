/** ct.restore: what was dumped comes back whole, or the report says what did not. */
import { expect } from 'chai';
import {
  Conntrack,
  type ExpectationInit,
  Flow,
  type FlowInit,
  type FlowJSON,
  KernelError,
  RestoreError,
  type RestoreFailure,
  type RestoreLoss,
  STATUS_BITS,
} from '../../src/index.ts';
import { describeKernel, resetNamespace, sh, sysctl } from '../support/kernel.ts';
import { lastingByKey } from '../support/lasting.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { randomFlow } from '../support/random-flow.ts';
import { sized } from '../support/tier.ts';
import { mixedFlows, tracking } from '../support/traffic.ts';

const UDP = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'udp', dport: 53 } as const;
const udp = (sport: number): FlowInit => ({ orig: { ...UDP, sport }, timeout: 6000 });
const TCP = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'tcp', sport: 1000, dport: 21 } as const;

describeKernel('ct.restore', ['conntrack', 'nft'], () => {
  let ct: Conntrack;
  before(async () => {
    ct = await Conntrack.open();
  });
  beforeEach(() => resetNamespace());
  after(async () => {
    await ct.close();
    resetNamespace();
  });

  const dump = async (): Promise<Flow[]> => await ct.dump().toArray();

  /** Restores these, and gives each report by its index. */
  async function restored(
    flows: readonly (FlowInit | FlowJSON)[],
    expectations: readonly ExpectationInit[] = [],
  ): Promise<{ losses: Record<string, string>[]; errors: Record<number, string>; counts: [number, number, number] }> {
    const losses: Record<string, string>[] = [];
    const errors: Record<number, string> = {};
    const result = await ct.restore(
      { flows: flows as FlowInit[], expectations },
      {
        onLoss: (loss) => {
          losses[loss.index] = Object.fromEntries(loss.losses.map(({ property, reason }) => [property, reason]));
        },
        onError: ({ index, error }) => {
          errors[index] = error.message;
        },
      },
    );
    const { whole, partial, failed } = result.flows;
    return { losses, errors, counts: [whole, partial, failed] };
  }

  it('brings random flows of every protocol, NAT, zone, state and helper back, equal attribute by attribute', async () => {
    const rounds = sized({ quick: 2, landing: 8, soak: 200 });
    const first = seedFromEnvironment();
    for (let seed = first; seed < first + rounds; seed++) {
      resetNamespace();
      tracking();
      const random = new Random(seed);
      const made = Array.from({ length: 400 }, (_, n) => randomFlow(random, n));
      const refused: string[] = [];
      await ct.createMany(made, { onError: ({ error }) => refused.push(error.message) });
      // Of helpers that this kernel lacks for IPv6.
      for (const message of refused) expect(message, `seed ${seed}`).to.match(/^create: EOPNOTSUPP: no helper/);
      const flows = await dump();
      expect(flows).to.have.lengthOf(made.length - refused.length);
      await ct.flushAll();
      // As a file has them.
      const given: FlowInit[] = random.oneIn(2) ? flows : JSON.parse(JSON.stringify(flows));
      const result = await ct.restore(given);
      expect(result.losses, `seed ${seed}`).to.deep.equal([]);
      expect(result.flows).to.include({ whole: flows.length, partial: 0, failed: 0 });
      const now = await dump();
      expect(lastingByKey(now), `seed ${seed}`).to.deep.equal(lastingByKey(flows));
      const timeouts = new Map(now.map((flow) => [flow.key(), flow.timeout!]));
      for (const flow of flows)
        expect(flow.timeout! - timeouts.get(flow.key())!, 'seconds that passed').to.be.within(0, 10_000);
    }
  });

  it('brings real flows back with helpers, masters, labels and sequence adjustments, and their expectations', async () => {
    sysctl('nf_conntrack_tcp_timeout_close', 86_400);
    const close = await mixedFlows();
    // No packet comes any more. The connections were reset.
    await close();
    const flows = await dump();
    const expectations = await ct.expectations.dump().toArray();
    expect(flows.filter(({ master }) => master !== undefined)).to.have.lengthOf(2);
    expect(flows.filter(({ seqadjReply }) => (seqadjReply?.offsetAfter ?? 0) > 0)).to.have.lengthOf(1);
    expect(expectations).to.have.lengthOf(6);
    await ct.flushAll();
    const { flows: ofFlows, expectations: ofExpectations, losses } = await ct.restore({ flows, expectations });
    expect(losses).to.deep.equal([]);
    expect(ofFlows).to.include({ whole: flows.length, partial: 0, failed: 0 });
    expect(ofExpectations).to.include({ whole: 6, partial: 0, failed: 0 });
    // What the kernel counts and assigns is counted, and makes no flow less than whole.
    expect(ofFlows.lost).to.include({ 'timestamp.start': flows.length });
    expect(ofFlows.lost['countersOrig.packets']).to.be.above(0);
    expect(lastingByKey(await dump())).to.deep.equal(lastingByKey(flows));
    const again = await ct.expectations.dump().toArray();
    const texts = (all: typeof again): string[] =>
      all.map((each) => JSON.stringify({ ...each.toJSON(), id: 0, timeout: 0 })).sort();
    expect(texts(again)).to.deep.equal(texts(expectations));
    // Not what the helper gives a new one: 300 s for ftp.
    const slow = expectations.map((each) => each.with({ timeout: 100 }));
    await ct.expectations.flushAll();
    await ct.restore({ expectations: slow });
    for (const { timeout } of await ct.expectations.dump().toArray()) expect(timeout).to.be.within(1, 100);
  });

  it('brings masters back first, whatever the order and the depth, and each zone', async () => {
    const chain = Array.from({ length: 6 }, (_, n): FlowInit => {
      const flow = udp(n + 1);
      return n === 0 ? flow : { ...flow, master: { ...UDP, sport: n }, status: ['EXPECTED', 'SEEN_REPLY'] };
    });
    const zoned = (['zone', 'orig', 'reply'] as const).flatMap((where, n): FlowInit[] => {
      const master = udp(100 + n);
      const child = { ...udp(200 + n), master: { ...UDP, sport: 100 + n } };
      if (where === 'zone') return [child, master].map((flow) => ({ ...flow, zone: 7 }));
      if (where === 'orig') return [child, master].map((flow) => ({ ...flow, orig: { ...flow.orig, zone: 8 } }));
      return [child, master].map((flow) => ({ ...flow, reply: { zone: 9 } }));
    });
    const flows = [...chain.reverse(), ...zoned];
    const { losses, errors, counts } = await restored(flows);
    expect({ losses, errors, counts }).to.deep.equal({ losses: [], errors: {}, counts: [12, 0, 0] });
    const all = await dump();
    const children = all.filter(({ master }) => master !== undefined);
    expect(children).to.have.lengthOf(8);
    for (const { status } of children) expect(status! & STATUS_BITS.EXPECTED).to.equal(STATUS_BITS.EXPECTED);
    // And what was dumped of them.
    await ct.flushAll();
    expect((await ct.restore(all)).flows).to.include({ whole: 12, partial: 0, failed: 0 });
    expect(lastingByKey(await dump())).to.deep.equal(lastingByKey(all));
  });

  it('brings a flow back without its master if that is not there, with its own children, and says so', async () => {
    const status = ['EXPECTED'] as const;
    const { losses, errors, counts } = await restored([
      { ...udp(2), master: { ...UDP, sport: 1 }, status },
      { ...udp(3), master: { ...UDP, sport: 2 }, status },
      // Each is the master of the other: none can be first.
      { ...udp(4), master: { ...UDP, sport: 5 }, status },
      { ...udp(5), master: { ...UDP, sport: 4 }, status },
    ]);
    expect(errors).to.deep.equal({});
    const alone = {
      master: 'its master is neither among the flows nor in the table',
      status: 'a flow is EXPECTED only if it has its master',
    };
    expect([losses[0], losses[1]]).to.deep.equal([alone, undefined]);
    expect([losses[2], losses[3]].filter((each) => each !== undefined)).to.deep.include(alone);
    expect(counts[0] + counts[1]).to.equal(4);
    expect((await ct.get({ orig: { ...UDP, sport: 3 } }))!.master).to.include({ sport: 2 });
  });

  it('says what could not come back: labels, helper, OFFLOAD, security context, unknown attributes', async () => {
    const cases: [flow: FlowInit, losses: Record<string, RegExp>][] = [
      [{ ...udp(1), labels: [3] }, { labels: /^no rule of this network namespace uses labels.*`ct label`/ }],
      [
        { ...udp(2), helper: { name: 'nosuch' }, status: ['HELPER'] },
        { helper: /^this kernel has no helper of this name for this protocol; load its module/ },
      ],
      [
        { orig: { ...UDP, sport: 3 }, status: ['SEEN_REPLY', 'ASSURED', 'OFFLOAD'] },
        {
          status: /^only the kernel sets OFFLOAD$/,
          timeout: /^the kernel reports none of an offloaded flow; it was given 1\d\d s$/,
        },
      ],
      [
        { orig: TCP, status: ['SEEN_REPLY', 'ASSURED', 'OFFLOAD', 'HW_OFFLOAD'] },
        {
          status: /^only the kernel sets OFFLOAD, HW_OFFLOAD$/,
          timeout: /^the kernel reports none of an offloaded flow; it was given 3[56]\d\d s$/,
          tcp: /^the kernel reports no state of an offloaded flow; it was given ESTABLISHED$/,
        },
      ],
      [{ ...udp(5), secctx: 'system_u' }, { secctx: /^only the kernel sets a security context/ }],
      [
        { ...udp(6), unknown: [{ path: [], type: 60, value: '01020304' }] },
        { unknown: /^this kernel did not keep the attributes of the types 60$/ },
      ],
      [{ ...udp(7), status: ['SRC_NAT_DONE'] }, { status: /^the kernel also set DST_NAT_DONE$/ }],
      [
        {
          orig: { ...TCP, sport: 8 },
          tcp: { state: 'ESTABLISHED' },
          timeout: 600,
          helper: { name: 'ftp' },
          status: [],
        },
        { status: /^a flow gets HELPER if a request gives its helper$/ },
      ],
      // The longest that the kernel keeps is 2^31 ticks.
      [{ ...udp(9), timeout: 0xffffffff }, { timeout: /^the kernel has \d+ instead of 4294967295$/ }],
    ];
    const { losses, errors, counts } = await restored(cases.map(([flow]) => flow));
    expect(errors).to.deep.equal({});
    expect(counts).to.deep.equal([0, cases.length, 0]);
    cases.forEach(([flow, expected], index) => {
      expect(losses[index], JSON.stringify(flow)).to.have.all.keys(...Object.keys(expected));
      for (const [property, reason] of Object.entries(expected))
        expect(losses[index][property], JSON.stringify(flow)).to.match(reason);
    });
    expect(await ct.stats()).to.have.property('entries', cases.length);
  });

  it('reports what failed, and restores the others', async () => {
    await ct.create(udp(1));
    const flows: FlowInit[] = [
      udp(1),
      udp(2),
      { ...udp(3), status: ['DYING'] },
      { orig: { ...UDP, sport: 4 } },
      { ...udp(5), timeout: 0 },
      { ...udp(6), mark: -1 },
    ];
    const { errors, counts } = await restored(flows);
    expect(counts).to.deep.equal([2, 0, 4]);
    expect(Object.keys(errors)).to.deep.equal(['0', '2', '3', '5']);
    expect(errors[0]).to.match(/^restore: EEXIST: a flow with one of these tuples exists already, which packets may/);
    expect(errors[2]).to.equal('flow.status has DYING: the flow has ended, and cannot be restored');
    expect(errors[3]).to.match(/^flow\.timeout is required/);
    expect(errors[5]).to.match(/^flow\.mark must be an integer/);
    // Less than a second was left of it.
    expect((await ct.get({ orig: { ...UDP, sport: 5 } }))?.timeout ?? 0).to.be.within(0, 1);

    await ct.flushAll();
    await ct.create(udp(1));
    const rejected = await ct.restore({ flows, expectations: [] }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(rejected).to.be.instanceOf(RestoreError).and.to.include({ code: 'ERR_RESTORE', name: 'RestoreError' });
    const { message, result, failures } = rejected as RestoreError;
    expect(message).to.match(/^restore: 4 of 6 failed\n {2}flow 2: flow\.status has DYING/);
    expect(result.flows).to.include({ whole: 2, partial: 0, failed: 4 });
    expect(failures.find(({ index }) => index === 0)!.error).to.be.instanceOf(KernelError);
  });

  it('refuses a translation that another flow has taken, and takes no other port', async () => {
    const snat = { minAddress: '203.0.113.1', minPort: 4000 };
    await ct.create({ ...udp(1), snat });
    await ct.create({ ...udp(2), snat: { minAddress: UDP.src } });
    const flows = await dump();
    await ct.flushAll();
    await ct.create({ ...udp(3), snat });
    // The answer to a flow that is not translated.
    await ct.create({ orig: { ...UDP, src: '10.0.0.9', sport: 9 }, timeout: 600, reply: { dst: UDP.src, dport: 2 } });
    const before = lastingByKey(await dump());
    const { errors, counts } = await restored(flows.map((flow) => flow.toJSON()));
    expect(counts).to.deep.equal([0, 0, 2]);
    for (const message of Object.values(errors)) expect(message).to.match(/^restore: EEXIST/);
    expect(lastingByKey(await dump())).to.deep.equal(before);
  });

  it('creates flows in the order in which the kernel takes them for no others, in any zone of one direction', async () => {
    const there = { src: '10.0.0.1', dst: '10.0.0.2', proto: 'udp', sport: 1, dport: 2 } as const;
    const back = { src: '10.0.0.2', dst: '10.0.0.1', proto: 'udp', sport: 2, dport: 1 } as const;
    const other = { src: '10.0.0.9', dst: '10.0.0.1', proto: 'udp', sport: 3, dport: 1 } as const;
    type Zones = { zone?: number; orig?: number; reply?: number };
    const ZONES: readonly Zones[] = [{}, { zone: 5 }, { orig: 5 }, { reply: 5 }, { orig: 6 }, { zone: 6 }];
    const made = (orig: FlowInit['orig'], reply: FlowInit['reply'], zones: Zones): FlowInit => ({
      orig: { ...orig, ...(zones.orig !== undefined && { zone: zones.orig }) },
      reply: { ...reply, ...(zones.reply !== undefined && { zone: zones.reply }) },
      ...(zones.zone !== undefined && { zone: zones.zone }),
      timeout: 6000,
    });
    let ordered = 0;
    for (const first of ZONES)
      for (const second of ZONES)
        for (const orig of [other, back]) {
          // The reply of the second has the tuple of the first. Of the last, the reply is nobody's.
          const flows = [made(there, back, first), made(orig, there, second), udp(9)];
          const whole: number[] = [];
          for (const some of [flows, [flows[1], flows[0], flows[2]]]) {
            await ct.flushAll();
            await ct.createMany(some, { onError: () => {} });
            const all = await dump();
            whole.push(all.length);
            if (all.length < 3) continue;
            for (const given of [all, [...all].reverse(), JSON.parse(JSON.stringify(all)) as FlowInit[]]) {
              await ct.flushAll();
              const { flows: counts } = await ct.restore(given, { onError: () => {} });
              expect(counts.whole, JSON.stringify(given)).to.equal(3);
              expect(lastingByKey(await dump())).to.deep.equal(lastingByKey(all));
            }
          }
          // One order succeeds and the other does not.
          if (whole[0] !== whole[1]) ordered++;
        }
    expect(ordered).to.be.above(10);
    // What fails is named by its place in the array that was given.
    await ct.flushAll();
    const [hidden, hider] = [made(there, back, { orig: 5 }), made(other, there, {})];
    const { errors, losses } = await restored([{ ...hider, labels: [1] }, { ...udp(1), timeout: -1 }, hidden]);
    expect(Object.keys(errors)).to.deep.equal(['1']);
    expect(losses[0]).to.have.keys('labels');
  });

  it('finds the zone of an expectation, which the kernel does not report, by its master', async () => {
    const master = { orig: TCP, timeout: 6000, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } } as const;
    const tuple = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'tcp', dport: 2000 } as const;
    await ct.create({ ...master, zone: 5 });
    await ct.expectations.create({ tuple, master: TCP, zone: 5, timeout: 60 });
    const snapshot = { flows: await dump(), expectations: await ct.expectations.dump().toArray() };
    expect(snapshot.expectations[0].zone).to.equal(undefined);
    await ct.flushAll();
    expect((await ct.restore(snapshot)).expectations).to.include({ whole: 1, partial: 0, failed: 0 });
    expect(await ct.expectations.get({ tuple, zone: 5 })).to.not.equal(undefined);

    await ct.flushAll();
    const twice = { ...snapshot, flows: [...snapshot.flows, Flow.from({ ...master, zone: 6 })] };
    const failures: RestoreFailure[] = [];
    await ct.restore(twice, { onError: (failure) => failures.push(failure) });
    expect(failures).to.have.lengthOf(1);
    expect(failures[0]).to.include({ kind: 'expectation', index: 0 });
    expect(failures[0].error)
      .to.be.instanceOf(RangeError)
      .and.to.match(/expectation\.zone is required: its master is in the zones 5, 6/);
    // Without the master.
    await ct.flushAll();
    failures.length = 0;
    await ct.restore({ expectations: snapshot.expectations }, { onError: (failure) => failures.push(failure) });
    expect(failures[0].error.message).to.match(/^expectations\.restore: ENOENT: the master flow does not exist/);
  });

  for (const [zones, ofMaster, ofExpectations] of [
    [{}, 0, 0],
    [{ zone: 4 }, 4, 4],
    [{ orig: 4 }, 4, 4],
    [{ reply: 4 }, 0, 4],
  ] as const) {
    it(`brings back an expectation whose master has the zones ${JSON.stringify(zones)}`, async () => {
      const { orig, reply, zone }: { orig?: number; reply?: number; zone?: number } = zones;
      const ofTcp = { timeout: 6000, tcp: { state: 'ESTABLISHED' }, helper: { name: 'ftp' } } as const;
      const tuple = { src: '10.0.0.1', dst: '10.1.0.1', proto: 'tcp', dport: 2000 } as const;
      const master = {
        ...ofTcp,
        orig: { ...TCP, zone: orig },
        reply: reply === undefined ? undefined : { zone: reply },
      };
      await ct.create({ ...master, zone });
      await ct.expectations.create({ tuple, master: TCP, timeout: 60, zone: ofMaster });
      // A new one has the timeout of its helper.
      await ct.expectations.createOrUpdate({ tuple, master: TCP, timeout: 60, zone: ofExpectations });
      const snapshot = { flows: await dump(), expectations: await ct.expectations.dump().toArray() };
      // Also of a snapshot of the command line, where the expectation has the zone of its master.
      const zoned = snapshot.expectations.map((each) => each.with({ zone: ofMaster }));
      for (const expectations of [snapshot.expectations, zoned]) {
        await ct.flushAll();
        const result = await ct.restore({ flows: snapshot.flows, expectations });
        expect(result.expectations).to.include({ whole: 1, partial: 0, failed: 0 });
        // With the timeout that it had, not that of the helper, which is 300 s.
        const found = await ct.expectations.get({ tuple, zone: ofExpectations });
        expect(found?.timeout).to.be.within(1, 60);
      }
    });
  }

  it('takes a dump, and ends with what onLoss throws', async () => {
    await ct.createMany(Array.from({ length: 2000 }, (_, n) => udp(n + 1)));
    const [first] = await dump();
    const { flows } = await ct.restore(ct.dump(), { onError: () => {} });
    expect(flows).to.include({ whole: 0, failed: 2000 });
    await ct.flushAll();
    const seen: RestoreLoss[] = [];
    const thrown = await ct
      .restore([{ ...first.toJSON(), labels: [1] }, udp(3)], {
        onLoss(loss) {
          seen.push(loss);
          throw new Error('enough');
        },
      })
      .then(
        () => undefined,
        (error: RestoreError) => (error.cause as Error).message,
      );
    expect([thrown, seen.length]).to.deep.equal(['enough', 1]);
  });

  it('restores what conntrack(8) lists as before', async () => {
    for (const args of [
      '-p tcp --sport 1 --dport 2 --state ESTABLISHED -u SEEN_REPLY,ASSURED -n 192.0.2.1:99 -g 192.0.2.2:98',
      '-p udp --sport 1 --dport 2 -m 7 -w 3',
      '-p icmp --icmp-type 8 --icmp-code 0 --icmp-id 9 -n 192.0.2.1',
    ])
      sh('conntrack', '-I', '-s', '10.0.0.1', '-d', '10.0.0.2', '-t', '5000', ...args.split(' '));
    const listed = (): string[] =>
      sh('conntrack', '-L')
        .split('\n')
        .map((line) => line.replace(/^(\S+ +\d+) \d+/, '$1 #').replace(/ use=.*/, ''))
        .sort();
    const before = listed();
    expect(before.filter((line) => line !== '')).to.have.lengthOf(3);
    const flows = await dump();
    await ct.flushAll();
    await ct.restore(flows);
    expect(listed()).to.deep.equal(before);
  });
});
