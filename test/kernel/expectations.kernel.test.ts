/** Expectations of real helpers and by request; conntrack(8) is the witness. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { Events } from '../../src/conntrack/events.ts';
import type { ExpectationEvent } from '../../src/ctnetlink/event.ts';
import type { Expectation, ExpectationInit } from '../../src/ctnetlink/expectation.ts';
import { NF_CT_EXPECT_INACTIVE, NF_CT_EXPECT_PERMANENT } from '../../src/uapi/nf_conntrack_common.ts';
import { code } from '../support/code.ts';
import { type Control, ftpControl } from '../support/ftp.ts';
import { describeKernel, resetNamespace, sh } from '../support/kernel.ts';
import { mixedFlows, tracking } from '../support/traffic.ts';

/** What conntrack(8) lists, without the timeout. */
function witness(family: 'ipv4' | 'ipv6' = 'ipv4'): string[] {
  const lines = sh('conntrack', '-L', 'expect', '-f', family).split('\n');
  return lines.filter((line) => line !== '').map((line) => line.replace(/^\d+ /, ''));
}

describeKernel('Expectations on the kernel', ['conntrack', 'nft'], () => {
  let ct: Conntrack;
  let ftp: Control | undefined;
  let events: Events<ExpectationEvent> | undefined;
  beforeEach(async () => {
    resetNamespace();
    tracking();
    ct = await Conntrack.open();
  });
  afterEach(async () => {
    await ftp?.close();
    ftp = undefined;
    events = undefined;
    await ct.close();
  });
  after(() => resetNamespace());

  async function next(): Promise<ExpectationEvent> {
    const { value } = await events!.next();
    if (value === undefined || value.type === 'overrun') throw new Error(`${value?.type ?? 'the end'} of the events`);
    return value;
  }

  const all = (): Promise<Expectation[]> => ct.expectations.dump().toArray();

  describe('of FTP', () => {
    it('PORT: seen as an event and in a dump, met by the data connection', async () => {
      events = await ct.expectations.events();
      ftp = await ftpControl();
      await ftp.ask('PORT 127,0,0,1,160,1');
      const [expectation, ...more] = await all();
      expect(more).to.deep.equal([]);
      const { timeout, id, ...told } = expectation.toJSON();
      expect(told).to.deep.equal({
        tuple: { family: 'ipv4', src: '127.0.0.1', dst: '127.0.0.1', proto: 'tcp', sport: 0, dport: 40961 },
        mask: {
          family: 'ipv4',
          src: '255.255.255.255',
          dst: '255.255.255.255',
          proto: 'tcp',
          sport: 0,
          dport: 65535,
        },
        master: { family: 'ipv4', ...ftp.master },
        flags: 0,
        helper: 'ftp',
        class: 0,
      });
      expect(timeout).to.be.within(1, 300);
      // On loopback the helper sees the packet twice, and what it expects then takes the place of what it expected
      // before.
      let created = await next();
      while (created.type === 'destroy' || created.expectation.id !== id) created = await next();
      expect(created.portid).to.equal(0);
      expect({ ...created.expectation.toJSON(), timeout }).to.deep.equal({ ...told, timeout, id });

      // The server connects back, and what was expected is there.
      const listener = createServer((socket) => socket.end()).listen(40961, '127.0.0.1');
      await once(listener, 'listening');
      const data = connect(40961, '127.0.0.1').resume();
      await once(data, 'close');
      const gone = await next();
      expect(gone.type).to.equal('destroy');
      expect(gone.expectation.id).to.equal(id);
      expect(await all()).to.deep.equal([]);
      const [flow] = await ct.dump({ orig: { proto: 'tcp', dport: 40961 } }).toArray();
      expect(flow.master).to.include({ sport: ftp.master.sport, dport: 21 });
      const stats = await ct.expectations.stats();
      expect(stats.reduce((sum, { new: came }) => sum + came, 0)).to.be.at.least(1);
      expect(stats.map(({ cpu }) => cpu)).to.deep.equal([...stats.keys()]);
      listener.close();
    });

    it('PASV and, on IPv6, EPSV', async () => {
      ftp = await ftpControl('ipv4', { PASV: '227 Entering Passive Mode (127,0,0,1,160,2)' });
      await ftp.ask('PASV');
      expect((await all()).map(({ tuple }) => [tuple.dst, tuple.dport])).to.deep.equal([['127.0.0.1', 40962]]);
      await ftp.close();
      ftp = await ftpControl('ipv6', { EPSV: '229 Entering Extended Passive Mode (|||40963|)' });
      await ftp.ask('EPSV');
      const [expectation] = await ct.expectations.dump({ family: 'ipv6' }).toArray();
      expect(expectation.family).to.equal('ipv6');
      expect(expectation.tuple).to.include({ dst: '::1', dport: 40963 });
      expect(await ct.expectations.get(expectation)).to.have.property('id', expectation.id);
    });
  });

  it('of TFTP', async () => {
    const server = createSocket('udp4').bind(69, '127.0.0.1');
    await once(server, 'listening');
    const client = createSocket('udp4').bind(40069, '127.0.0.1');
    await once(client, 'listening');
    const request = once(server, 'message');
    client.send('\0\x01file\0octet\0', 69, '127.0.0.1');
    await request;
    const [expectation] = await all();
    expect(expectation.helper).to.equal('tftp');
    expect(expectation.tuple).to.include({ proto: 'udp', dport: 40069, sport: 0 });
    client.close();
    server.close();
  });

  it('of every helper of the mixed table, as conntrack(8) lists them', async () => {
    const close = await mixedFlows();
    const told = await all();
    expect(new Set(told.map(({ helper }) => helper))).to.deep.equal(new Set(['ftp', 'tftp', 'sip']));
    expect(told.some(({ flags }) => flags === (NF_CT_EXPECT_PERMANENT | NF_CT_EXPECT_INACTIVE))).to.equal(true);
    for (const family of ['ipv4', 'ipv6'] as const) {
      const listed = witness(family).map((line) => [/ dport=(\d+) /.exec(line)![1], /helper=(\w+)/.exec(line)![1]]);
      const ours = await ct.expectations.dump({ family }).toArray();
      expect(ours.map(({ tuple, helper }) => [`${tuple.dport}`, helper])).to.deep.equal(listed);
      expect(listed).not.to.deep.equal([]);
    }
    await close();
  });

  describe('by request', () => {
    const TUPLE = { dst: '127.0.0.1', proto: 'tcp', dport: 5000 } as const;
    const HELPED = { orig: { src: '10.0.0.1', dst: '10.0.0.2', proto: 'tcp', sport: 1000, dport: 21 } } as const;
    const master = HELPED.orig;
    const timeout = 100;

    beforeEach(async () => {
      // Before the master: there are no events for a flow that was there before anybody listened, nor for its
      // expectations.
      events = await ct.expectations.events();
      await ct.create({ ...HELPED, timeout: 600, helper: { name: 'ftp' }, tcp: { state: 'ESTABLISHED' } });
    });

    it('created with a mask that follows from what is given', async () => {
      await ct.expectations.create({ tuple: TUPLE, master, timeout });
      expect(witness()).to.deep.equal([
        'proto=6 src=0.0.0.0 dst=127.0.0.1 sport=0 dport=5000 mask-src=0.0.0.0 mask-dst=255.255.255.255 sport=0 ' +
          'dport=65535 master-src=10.0.0.1 master-dst=10.0.0.2 sport=1000 dport=21 class=0 helper=ftp',
      ]);
      await ct.expectations.flushAll();
      await ct.expectations.create({ tuple: { ...TUPLE, src: '10.9.9.9', sport: 77 }, master, timeout });
      expect(witness()[0]).to.include('src=10.9.9.9 dst=127.0.0.1 sport=77 dport=5000 mask-src=255.255.255.255');
    });

    it('created with a mask of its own', async () => {
      const tuple = { ...TUPLE, src: '10.9.0.0' };
      await ct.expectations.create({ tuple, mask: { ...tuple, src: '255.255.0.0', sport: 0 }, master, timeout });
      expect(witness()[0]).to.include('src=10.9.0.0 dst=127.0.0.1 sport=0 dport=5000 mask-src=255.255.0.0');
      // What it would take is found, what it would not is not.
      expect(await ct.expectations.get({ tuple: { ...TUPLE, src: '10.9.1.2' } })).to.have.property('helper', 'ftp');
      expect(await ct.expectations.get({ tuple: { ...TUPLE, src: '10.8.1.2' } })).to.equal(undefined);
    });

    it('created on IPv6', async () => {
      const v6 = { src: 'fd00::1', dst: 'fd00::2', proto: 'tcp', sport: 1000, dport: 21 } as const;
      await ct.create({ orig: v6, timeout: 600, helper: { name: 'ftp' }, tcp: { state: 'ESTABLISHED' } });
      await ct.expectations.create({ tuple: { ...TUPLE, dst: 'fd00::9' }, master: v6, timeout });
      expect(witness('ipv6')[0]).to.match(/src=:: dst=fd00::9 .* mask-src=:: mask-dst=f[f:]*f /);
    });

    it('with class, flags, NAT and function', async () => {
      await ct.expectations.create({
        tuple: TUPLE,
        master,
        timeout,
        class: 0,
        flags: NF_CT_EXPECT_PERMANENT,
        fn: 'nat-follow-master',
        nat: { src: '10.7.7.7', sport: 4242, direction: 1 },
      });
      const [expectation] = await all();
      expect(expectation.fn).to.equal('nat-follow-master');
      expect(expectation.flags).to.equal(NF_CT_EXPECT_PERMANENT);
      expect(expectation.nat).to.include({ src: '10.7.7.7', sport: 4242, direction: 1 });
      await ct.expectations.flushAll();
      expect(await code(ct.expectations.create({ tuple: TUPLE, master, timeout, fn: 'no such' }))).to.equal('EINVAL');
    });

    it('refused as the kernel refuses', async () => {
      const { create } = ct.expectations;
      const make = create.bind(ct.expectations);
      expect(await code(make({ tuple: TUPLE, master, timeout }))).to.equal('OK');
      expect(await code(make({ tuple: TUPLE, master, timeout }))).to.equal('EEXIST');
      await ct.expectations.flushAll();
      expect(await code(make({ tuple: TUPLE, master: { ...master, sport: 1 }, timeout }))).to.equal('ENOENT');
      const bare = { ...master, sport: 2000 };
      await ct.create({ orig: bare, timeout: 600, tcp: { state: 'ESTABLISHED' } });
      expect(await code(make({ tuple: TUPLE, master: bare, timeout }))).to.equal('EOPNOTSUPP');
      expect(await code(make({ tuple: TUPLE, master, timeout, class: 4 }))).to.equal('EINVAL');
      // A helper that does not exist is not refused: that of the master expects.
      expect(await code(make({ tuple: TUPLE, master, timeout, helper: 'nobody' }))).to.equal('OK');
      expect((await all())[0].helper).to.equal('ftp');
    });

    it('given the timeout of the helper, whatever is asked for', async () => {
      await ct.expectations.create({ tuple: TUPLE, master, timeout: 7 });
      expect((await all())[0].timeout).to.be.within(200, 300);
    });

    it('deleted by tuple, by id, by helper and all', async () => {
      const make = (): Promise<void> => ct.expectations.createOrUpdate({ tuple: TUPLE, master, timeout });
      await make();
      const [{ id }] = await all();
      expect(await ct.expectations.get({ tuple: TUPLE, id: (id! ^ 1) >>> 0 })).to.equal(undefined);
      expect(await ct.expectations.get({ tuple: TUPLE, id })).to.have.property('id', id);
      expect(await code(ct.expectations.delete({ tuple: TUPLE, id: (id! ^ 1) >>> 0 }))).to.equal('ENOENT');
      expect(await all()).to.have.length(1);
      expect(await code(ct.expectations.delete({ tuple: TUPLE, id }))).to.equal('OK');
      expect(await all()).to.have.length(0);
      expect(await code(ct.expectations.delete({ tuple: TUPLE }))).to.equal('ENOENT');

      await make();
      await ct.expectations.flush({ helper: 'tftp' });
      expect(await all()).to.have.length(1);
      await ct.expectations.flush({ helper: 'ftp' });
      expect(await all()).to.have.length(0);

      await make();
      await ct.expectations.flushAll();
      expect(await all()).to.have.length(0);
    });

    it('left alone where another master, helper, class, mask or source is meant', async () => {
      await ct.expectations.create({ tuple: TUPLE, master, timeout });
      const [found] = await all();
      const id = found.id;
      const others: ExpectationInit[] = [
        { tuple: TUPLE, master: { ...master, sport: 7 } },
        { ...found, master: { ...master, sport: 7 } },
        { tuple: TUPLE, helper: 'tftp' },
        { tuple: TUPLE, class: 7 },
        { tuple: TUPLE, mask: { src: '255.255.255.0' } },
        { ...found, tuple: { ...TUPLE, src: '203.0.113.9' } },
      ];
      for (const other of others)
        expect(await code(ct.expectations.delete(other)), JSON.stringify(other)).to.equal('ENOENT');
      const another = { tuple: TUPLE, master: { ...master, sport: 7 }, timeout };
      expect(await code(ct.expectations.createOrUpdate(another))).to.equal('EEXIST');
      expect((await all()).map((each) => each.id)).to.deep.equal([id]);
      expect(await code(ct.expectations.delete(found))).to.equal('OK');
    });

    it('in the zone of the master only', async () => {
      await ct.create({ ...HELPED, zone: 5, timeout: 600, helper: { name: 'ftp' }, tcp: { state: 'ESTABLISHED' } });
      await ct.expectations.create({ tuple: TUPLE, master, timeout, zone: 5 });
      expect(await ct.expectations.get({ tuple: TUPLE })).to.equal(undefined);
      expect(await ct.expectations.get({ tuple: TUPLE, zone: 5 })).to.have.property('helper', 'ftp');
      expect(await code(ct.expectations.delete({ tuple: TUPLE }))).to.equal('ENOENT');
      expect(await code(ct.expectations.delete({ tuple: TUPLE, zone: 5 }))).to.equal('OK');
    });

    it('dumped by family, helper, master and tuple', async () => {
      await ct.create({
        orig: { ...master, sport: 3000, dport: 69, proto: 'udp' },
        timeout: 600,
        helper: { name: 'tftp' },
      });
      await ct.expectations.create({ tuple: TUPLE, master, timeout });
      await ct.expectations.create({
        tuple: { ...TUPLE, proto: 'udp', dport: 6000 },
        master: { ...master, sport: 3000, dport: 69, proto: 'udp' },
        timeout,
      });
      const dports = async (filter: Parameters<typeof ct.expectations.dump>[0]): Promise<unknown[]> =>
        (await ct.expectations.dump(filter).toArray()).map(({ tuple }) => tuple.dport).sort();
      expect(await dports({})).to.deep.equal([5000, 6000]);
      expect(await dports({ family: 'ipv4' })).to.deep.equal([5000, 6000]);
      expect(await dports({ family: 'ipv6' })).to.deep.equal([]);
      expect(await dports({ helper: 'tftp' })).to.deep.equal([6000]);
      expect(await dports({ master })).to.deep.equal([5000]);
      expect(await dports({ master: { dport: 69 } })).to.deep.equal([6000]);
      expect(await dports({ tuple: { dport: 5000, dst: '127.0.0.1' } })).to.deep.equal([5000]);
      expect(await dports({ tuple: { dst: '::1' } })).to.deep.equal([]);
    });

    it('reported as events, with the portid of the requester', async () => {
      await ct.expectations.create({ tuple: TUPLE, master, timeout });
      await ct.expectations.delete({ tuple: TUPLE });
      const [created, gone] = [await next(), await next()];
      expect([created.type, gone.type]).to.deep.equal(['new', 'destroy']);
      expect(created.portid).not.to.equal(0);
      expect(gone.expectation.tuple.dport).to.equal(5000);
    });

    it('heard of only as asked for', async () => {
      events = await ct.expectations.events({ types: ['destroy'] });
      await ct.expectations.create({ tuple: TUPLE, master, timeout });
      await ct.expectations.delete({ tuple: TUPLE });
      expect((await next()).type).to.equal('destroy');
    });
  });
});
