/** deleteWhere and updateWhere on the kernel: exactly what was meant, and true counts. */
import { expect } from 'chai';
import {
  CompiledFilter,
  Conntrack,
  type DeleteWhereResult,
  type Filter,
  type FlowInit,
  WhereError,
} from '../../src/index.ts';
import { rejection } from '../support/fake-transport.ts';
import { describeKernel, resetNamespace, sh, sysctl, until } from '../support/kernel.ts';
import { Router } from '../support/router.ts';

const flow = (n: number, more: Partial<FlowInit> = {}): FlowInit => ({
  orig: { src: `10.0.${n >> 8}.${n & 255}`, dst: '192.0.2.1', proto: 'udp', sport: 1024 + n, dport: n % 2 ? 53 : 443 },
  timeout: 600,
  ...more,
});

/** IPv4 and IPv6, NAT of both kinds, and zones of one and of both directions. */
const MIXED: readonly FlowInit[] = [
  flow(1),
  flow(2, { mark: 7 }),
  flow(3, { zone: 3 }),
  { ...flow(4), orig: { ...flow(4).orig, zone: 4 } },
  flow(5, { snat: { minAddress: '203.0.113.5', maxAddress: '203.0.113.5' } }),
  flow(6, { dnat: { minAddress: '203.0.113.6', maxAddress: '203.0.113.6' } }),
  { orig: { src: '2001:db8::1', dst: '2001:db8:1::2', proto: 'tcp', sport: 7, dport: 80 }, timeout: 600 },
  {
    orig: { src: '2001:db8::2', dst: '2001:db8:2::2', proto: 'icmpv6', icmpType: 128, icmpCode: 0, icmpId: 8 },
    timeout: 600,
  },
  { orig: { src: '10.0.0.9', dst: '192.0.2.1', proto: 'gre', sport: 1, dport: 2 }, timeout: 600 },
];

describeKernel('deleteWhere and updateWhere', ['conntrack'], () => {
  let ct: Conntrack;
  beforeEach(async () => {
    resetNamespace();
    ct = await Conntrack.open();
  });
  afterEach(async () => {
    await ct.close();
    resetNamespace();
  });

  const keys = async (): Promise<string[]> => (await ct.dump().toArray()).map((each) => each.key()).sort();

  const FILTERS: readonly Filter[] = [
    { orig: { src: '10.0.0.0/29' } },
    { orig: { dst: '2001:db8:1::/48' } },
    { reply: { src: '203.0.113.6' } },
    { family: 'ipv6' },
    { mark: 7 },
    { zone: 3 },
    { zone: 4 },
    { orig: { proto: 'udp', dport: 53 } },
    { orig: { src: '0.0.0.0/0' } },
    { status: ['SRC_NAT'] },
  ];
  for (const filter of FILTERS)
    it(`deletes what ${JSON.stringify(filter)} matches, and nothing else`, async () => {
      await ct.createMany(MIXED);
      const before = await ct.dump().toArray();
      const meant = (await ct.dump(filter).toArray()).map((each) => each.key()).sort();
      expect(meant).not.to.deep.equal([]);
      const { sample, scanned, ...rest } = await ct.deleteWhere(filter);
      expect(scanned).to.be.within(meant.length, before.length);
      expect(sample.map((each) => each.key()).sort()).to.deep.equal(meant);
      const counts = {
        matched: meant.length,
        deleted: meant.length,
        alreadyGone: 0,
        failed: 0,
        unknown: 0,
        failures: [],
      };
      expect(rest).to.deep.equal(counts);
      const left = before.map((each) => each.key()).filter((key) => !meant.includes(key));
      expect(await keys()).to.deep.equal(left.sort());
    });

  it('takes a function, which sees every flow once', async () => {
    await ct.createMany(Array.from({ length: 1500 }, (_, n) => flow(n, { mark: n })));
    const seen: number[] = [];
    const result = await ct.deleteWhere(({ mark }) => {
      seen.push(mark!);
      return mark! % 3 === 0;
    });
    expect(seen.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 1500 }, (_, n) => n));
    expect(result).to.include({ scanned: 1500, matched: 500, deleted: 500, alreadyGone: 0, failed: 0 });
    expect(result.sample).to.have.lengthOf(20);
    const marks = (await ct.dump().toArray()).map(({ mark }) => mark!);
    expect(marks).to.have.lengthOf(1000);
    expect(marks.filter((mark) => mark % 3 === 0)).to.deep.equal([]);
  });

  it('deletes nothing for what means everything, or nothing, or is no answer', async () => {
    await ct.createMany(MIXED);
    for (const [where, type, message] of [
      [{}, RangeError, /^where matches everything; flushAll\(\) empties the table/],
      [{ mark: { value: 0, mask: 0 } }, RangeError, /^where matches everything/],
      [{ status: [] }, RangeError, /^where\.status/],
      [{ orig: { src: undefined } }, TypeError, /^where\.orig\.src/],
      [{ orig: { dport: [] } }, RangeError, /^where\.orig\.dport/],
      [undefined, TypeError, /^where/],
      [null, TypeError, /^where/],
      [async () => true, TypeError, /^where must not be async: nothing waits for/],
      [() => -1, TypeError, /^where must return true or false, not -1$/],
      [() => 'false', TypeError, /^where must return true or false, not 'false'$/],
      [() => undefined, TypeError, /^where must return true or false, not undefined$/],
      [{ family: 'ipv4', orig: {} }, RangeError, /^where\.orig has no properties/],
      [{ family: 'ipv4', tcp: {} }, RangeError, /^where\.tcp has no properties/],
      [{ mark: 3, not: { family: 'ipv6', host: '10.0.0.1' } }, RangeError, /^where\.not has parts .*excludes nothing/],
      [{ ...new CompiledFilter({ mark: 7 }), family: 'ipv4' }, TypeError, /^where\.isCompiled is not one of/],
    ] as const) {
      const error = await rejection(ct.deleteWhere(where as unknown as Filter));
      expect(error).to.be.instanceOf(type);
      expect((error as Error).message).to.match(message);
    }
    const thrown = new Error('mine');
    const throws = (): boolean => {
      throw thrown;
    };
    expect(await rejection(ct.deleteWhere(throws))).to.equal(thrown);
    for (const [options, message] of [
      [{ limit: -1 }, /^options\.limit/],
      [{ limit: 1.5 }, /^options\.limit/],
      [{ verify: '1s' }, /^options\.verify/],
      [{ verify: -1 }, /^options\.verify/],
      [{ limits: 1 }, /limit/],
      [{ exact: 1 }, /^options\.exact/],
    ] as const)
      expect(((await rejection(ct.deleteWhere({ mark: 7 }, options as object))) as Error).message).to.match(message);
    for (const [patch, message] of [
      [{}, /^patch has nothing to change$/],
      [{ zone: 3 }, /^patch\.zone cannot be changed in a flow that exists$/],
      [{ orig: { src: '192.0.2.1' } }, /^patch\.orig\.\w+ cannot be changed/],
      [{ mark: 1, markMask: undefined }, /^patch\.markMask/],
      [{ marc: 1 }, /mark/],
    ] as const)
      expect(((await rejection(ct.updateWhere({ mark: 7 }, patch as object))) as Error).message).to.match(message);
    expect(await keys()).to.have.lengthOf(MIXED.length);
  });

  it('a dry run counts and changes nothing', async () => {
    await ct.createMany(MIXED);
    const result = await ct.deleteWhere({ family: 'ipv6' }, { dryRun: true, verify: 3_600_000, limit: 2 });
    expect(result).to.include({ matched: 2, deleted: 0, alreadyGone: 0, failed: 0 });
    expect(result.sample).to.have.lengthOf(2);
    expect(await keys()).to.have.lengthOf(MIXED.length);
  });

  it('does nothing at all where more match than the limit, and everything up to it', async () => {
    await ct.createMany(Array.from({ length: 1000 }, (_, n) => flow(n)));
    const error = (await rejection(ct.deleteWhere({ orig: { proto: 'udp' } }, { limit: 999 }))) as WhereError;
    expect(error).to.be.instanceOf(WhereError);
    expect([error.code, error.message]).to.deep.equal(['ERR_LIMIT', 'more than 999 flows match: nothing was done']);
    expect(error.result).to.include({ matched: 1000, deleted: 0 });
    expect(await keys()).to.have.lengthOf(1000);
    const result = await ct.deleteWhere({ orig: { proto: 'udp' } }, { limit: 1000 });
    expect(result).to.include({ matched: 1000, deleted: 1000 });
    expect(await keys()).to.have.lengthOf(0);
  });

  it('counts what was gone already, and leaves what took its place', async () => {
    sysctl('nf_conntrack_timestamp', 1);
    await ct.createMany(Array.from({ length: 10 }, (_, n) => flow(n)));
    let begun = false;
    const result = await ct.deleteWhere(
      { orig: { proto: 'udp' } },
      {
        limit: 10,
        exact: true,
        onProgress() {
          if (begun) return;
          begun = true;
          // Between the dump and the deletes: one is gone, and another one has the place of a second, maybe with its
          // id.
          sh('conntrack', '-D', '-s', '10.0.0.3');
          sh('conntrack', '-D', '-s', '10.0.0.4');
          sh(
            'conntrack',
            '-I',
            '-s',
            '10.0.0.4',
            '-d',
            '192.0.2.1',
            '-p',
            'udp',
            '--sport',
            '1028',
            '--dport',
            '443',
            '-t',
            '9',
          );
        },
      },
    );
    expect(result).to.include({ matched: 10, deleted: 8, alreadyGone: 2, failed: 0 });
    const left = await ct.dump().toArray();
    expect(left.map(({ orig }) => orig.src)).to.deep.equal(['10.0.0.4']);
  });

  it('stops after the batches under way when it is aborted, with the counts so far', async () => {
    await ct.createMany(Array.from({ length: 20_000 }, (_, n) => flow(n)));
    const controller = new AbortController();
    const promise = ct.deleteWhere(
      { orig: { proto: 'udp' } },
      {
        signal: controller.signal,
        onProgress: ({ matched }) => {
          if (matched > 2000) controller.abort();
        },
      },
    );
    const error = (await rejection(promise)) as WhereError;
    expect([error.name, error.code]).to.deep.equal(['WhereError', 'ERR_ABORTED']);
    expect(error.cause).to.equal(controller.signal.reason);
    const { deleted, matched } = error.result as DeleteWhereResult;
    expect(deleted).to.be.within(1, matched);
    expect(await keys()).to.have.lengthOf(20_000 - deleted);
    const late = (await rejection(ct.deleteWhere({ mark: 1 }, { signal: controller.signal }))) as WhereError;
    expect([late.code, late.result.matched]).to.deep.equal(['ERR_ABORTED', 0]);
  });

  it('ends with what onProgress throws, and says what was done', async () => {
    await ct.createMany(Array.from({ length: 5000 }, (_, n) => flow(n)));
    const mine = new Error('enough');
    const onProgress = ({ matched }: { matched: number }): void => {
      if (matched > 2000) throw mine;
    };
    const error = (await rejection(ct.deleteWhere({ orig: { proto: 'udp' } }, { onProgress }))) as WhereError;
    expect([error.code, error.cause]).to.deep.equal(['ERR_INCOMPLETE', mine]);
    expect(await keys()).to.have.lengthOf(5000 - (error.result as DeleteWhereResult).deleted);
  });

  it('changes what matches, and nothing else', async () => {
    await ct.createMany(MIXED);
    const result = await ct.updateWhere({ orig: { proto: 'udp' } }, { mark: 0x10, markMask: 0xf0, timeout: 60 });
    expect(result).to.include({ matched: 6, updated: 6, alreadyGone: 0, failed: 0 });
    for (const { orig, mark, timeout, status } of await ct.dump().toArray()) {
      const changed = orig.proto === 'udp';
      expect(mark! & 0xf0).to.equal(changed ? 0x10 : 0);
      if (orig.sport === 1026) expect(mark).to.equal(0x17);
      if (changed) expect(timeout).to.be.at.most(60);
      else expect(timeout).to.be.above(60);
      expect(status! & 2).to.equal(0);
    }
    expect(await ct.updateWhere({ mark: 0x17 }, { status: ['ASSURED'] })).to.include({ matched: 1, updated: 1 });
    expect((await ct.dump({ mark: 0x17 }).toArray())[0].status! & 4).to.equal(4);
  });

  it('reports what the kernel refuses, by flow', async () => {
    await ct.createMany(MIXED.slice(0, 3));
    const { failed, updated, failures } = await ct.updateWhere(
      { family: 'ipv4' },
      { helper: { name: 'no-such-helper' } },
    );
    expect([failed, updated]).to.deep.equal([3, 0]);
    expect(failures.map(({ error }) => (error as NodeJS.ErrnoException).code)).to.deep.equal(
      Array(3).fill('EOPNOTSUPP'),
    );
    expect(failures[0].flow.orig.proto).to.equal('udp');
  });

  it('runs beside others, and beside slow dumps, on one Conntrack', async () => {
    await ct.createMany(Array.from({ length: 4000 }, (_, n) => flow(n, { mark: 1 + (n % 4) })));
    let read = 0;
    for await (const _flow of ct.dump({ mark: 4 })) {
      if (read++ > 0) continue;
      const results = await Promise.all([1, 2, 3].map((mark) => ct.deleteWhere({ mark })));
      expect(results.map(({ deleted }) => deleted)).to.deep.equal([1000, 1000, 1000]);
    }
    expect(read).to.equal(1000);
    expect(await keys()).to.have.lengthOf(1000);
  });
});

describeKernel('deleteWhere with verify', ['root', 'ip', 'nft', 'conntrack'], () => {
  let ct: Conntrack;
  let router: Router;
  beforeEach(async () => {
    resetNamespace();
    sysctl('nf_conntrack_timestamp', 1);
    sysctl('nf_conntrack_tcp_loose', 1);
    router = await Router.open();
    ct = await Conntrack.open();
    // The events of this namespace begin with the first listener.
    await router.send(1);
  });
  afterEach(async () => {
    await ct.close();
    router.close();
    resetNamespace();
  });

  /** Deletes the connection, lets `meanwhile` happen, and gives what was noticed until then. */
  async function verified(meanwhile: () => Promise<void>): Promise<DeleteWhereResult> {
    const controller = new AbortController();
    const { signal } = controller;
    const done = rejection(ct.deleteWhere({ orig: { src: '10.9.1.2' } }, { verify: 3_600_000, signal }));
    await until(() => router.state === undefined, { what: 'the end of the flow' });
    await meanwhile();
    controller.abort();
    return ((await done) as WhereError).result as DeleteWhereResult;
  }

  it('counts a TCP connection that the next packet makes again', async () => {
    const result = await verified(async () => {
      await router.send(1000);
      expect(router.state).to.equal('ESTABLISHED');
    });
    expect(result).to.include({ matched: 1, deleted: 1, reappeared: 1, wrongGeneration: 0, eventsLost: 0 });
    expect(result.reappearedSample!.map(({ orig }) => orig.src)).to.deep.equal(['10.9.1.2']);
  });

  it('counts none where its packets are dropped first', async () => {
    sh('nft', 'add counter inet router held');
    sh('nft', 'add rule inet router before iifname "to-*" counter name held drop');
    const held = (): number => Number(/packets (\d+)/.exec(sh('nft', 'list counter inet router held'))![1]);
    let sent: Promise<void> | undefined;
    const result = await verified(async () => {
      sent = router.send(1000);
      await until(() => held() > 0, { what: 'a packet that is dropped' });
    });
    expect(result).to.include({ matched: 1, deleted: 1, reappeared: 0, eventsLost: 0 });
    sh('nft', 'flush chain inet router before');
    await sent;
  });

  it('does not count a flow that was created after it began to listen, and before it was deleted', async () => {
    let made = false;
    const orig = { src: '10.9.1.9', dst: '192.0.2.1', proto: 'udp', sport: 1, dport: 2 } as const;
    await ct.create({ orig, timeout: 600 });
    const result = await ct.deleteWhere(
      (each) => {
        // While it listens, and its NEW event is still to be read: the same tuple, and maybe the same id.
        if (!made) {
          sh(
            'conntrack',
            '-I',
            '-s',
            '10.9.1.8',
            '-d',
            '192.0.2.1',
            '-p',
            'udp',
            '--sport',
            '1',
            '--dport',
            '2',
            '-t',
            '60',
          );
          made = true;
        }
        return each.orig.proto === 'udp';
      },
      { verify: 0 },
    );
    expect(result.reappeared).to.equal(0);
    expect(result.deleted).to.be.at.least(1);
  });
});
