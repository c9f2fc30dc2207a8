/** The kernel for tests: what it has at the start, its clock, its scripts and its traffic. */
import { expect } from 'chai';
import { Conntrack, type Events, type FlowEvent, type FlowEventOrOverrun, type FlowInit } from '../../src/index.ts';
import * as nfct from '../../src/nfct/index.ts';
import { exchange, type FakeKernel, fakeKernel, tcpClose, tcpHandshake } from '../../src/testing/index.ts';
import { rejection, settled, watch } from '../support/fake-transport.ts';

const DNS = { src: '192.0.2.7', dst: '192.0.2.8', proto: 'udp', sport: 5000, dport: 53 } as const;
const WEB = { src: '192.0.2.7', dst: '192.0.2.8', proto: 'tcp', sport: 40_000, dport: 443 } as const;
const FLOW: FlowInit = { orig: DNS, timeout: 60, mark: 7 };
const FTP: FlowInit = { orig: { ...WEB, dport: 21 }, timeout: 600, helper: { name: 'ftp' } };

async function open(kernel: FakeKernel, body: (ct: Conntrack) => Promise<void>): Promise<void> {
  const ct = await Conntrack.open({ transport: kernel.transport });
  try {
    await body(ct);
  } finally {
    await ct.close();
  }
  expect(kernel.sockets).to.equal(0);
}

async function take(events: Events<FlowEvent>, count: number): Promise<FlowEventOrOverrun[]> {
  const taken: FlowEventOrOverrun[] = [];
  while (taken.length < count) taken.push((await events.next()).value as FlowEventOrOverrun);
  return taken;
}

/** 'new', 'update SYN_RECV', 'overrun 3'. */
function named(event: FlowEventOrOverrun): string {
  const more = event.type === 'overrun' ? event.lost : event.flow.tcp?.state;
  return more === undefined ? event.type : `${event.type} ${more}`;
}

describe('fakeKernel', () => {
  it('has the flows and expectations that it is given', async () => {
    const kernel = fakeKernel({
      flows: [FLOW, { ...FTP, countersOrig: { packets: 3n, bytes: 300n }, id: 99 } as FlowInit],
      expectations: [{ tuple: { ...WEB, sport: 0, dport: 20 }, master: FTP.orig as object, timeout: 300 }],
    });
    await open(kernel, async (ct) => {
      const [first, second] = await ct.dump().toArray();
      expect([first.mark, first.timeout, first.reply.src]).to.deep.equal([7, 60, '192.0.2.8']);
      expect([second.countersOrig?.packets, second.id, second.helper?.name]).to.deep.equal([3n, 99, 'ftp']);
      const [expectation] = await ct.expectations.dump().toArray();
      expect([expectation.tuple.dport, expectation.timeout, expectation.master?.dport]).to.deep.equal([20, 300, 21]);
      expect(kernel.flows.map((flow) => flow.toJSON())).to.deep.equal([first.toJSON(), second.toJSON()]);
      expect(kernel.expectations.map(({ helper }) => helper)).to.deep.equal(['ftp']);
    });
  });

  it('refuses what the kernel would refuse, and names it', () => {
    expect(() => fakeKernel({ flows: [FLOW, FLOW] })).to.throw(
      RangeError,
      "options.flows[1] is refused as a request of it would be: 'EEXIST'",
    );
    expect(() => fakeKernel({ flows: [{ orig: DNS }] })).to.throw(TypeError, 'options.flows[0].timeout is required');
  });

  it('has ids that differ, until one is used again', async () => {
    const kernel = fakeKernel({ flows: [FLOW] });
    await open(kernel, async (ct) => {
      const { id } = (await ct.get(FLOW))!;
      await ct.delete(FLOW);
      await ct.create(FLOW);
      const { id: second } = (await ct.get(FLOW))!;
      expect(second).not.to.equal(id);
      await ct.delete(FLOW);
      kernel.reuseId();
      await ct.create(FLOW);
      expect((await ct.get(FLOW))!.id).to.equal(second);
    });
    expect(() => fakeKernel().reuseId()).to.throw(RangeError, 'no flow has ended');
  });

  it('moves its clock when a test says so: timeouts run down, and what expires ends with an event', async () => {
    const kernel = fakeKernel({
      flows: [FLOW, { ...FLOW, orig: { ...DNS, sport: 1 }, timeout: 90 }],
      timestamps: true,
    });
    expect(kernel.now).to.equal(Date.UTC(2026, 0, 1));
    await open(kernel, async (ct) => {
      const events = await ct.events({ types: ['destroy'] });
      kernel.advance(59_999);
      expect((await ct.dump().toArray()).map(({ timeout }) => timeout)).to.deep.equal([0, 30]);
      kernel.advance(1);
      const [event] = await take(events, 1);
      expect(event.type === 'destroy' && [event.flow.orig.sport, event.flow.timeout, event.portid]).to.deep.equal([
        5000,
        undefined,
        0,
      ]);
      expect(event.type === 'destroy' && event.flow.timestamp?.stop).to.equal(
        BigInt(Date.UTC(2026, 0, 1) + 60_000) * 1_000_000n,
      );
      expect((await ct.stats()).entries).to.equal(1);
    });
  });

  it('fails requests of one operation as often as a test says', async () => {
    const kernel = fakeKernel({ flows: [FLOW] });
    kernel.fail('dump', 'EPERM', { times: 2, message: 'not you' });
    kernel.fail('flush', 'EINVAL');
    kernel.fail('open', 'EMFILE');
    kernel.fail('join', 'EPERM');
    expect(await rejection(Conntrack.open({ transport: kernel.transport }))).to.include({ code: 'EMFILE' });
    await open(kernel, async (ct) => {
      for (let time = 0; time < 2; time++) {
        const error = (await rejection(ct.dump().toArray())) as Error & { extack: object };
        expect(error).to.include({ name: 'KernelError', code: 'EPERM', operation: 'dump' });
        expect(error.extack).to.deep.equal({ message: 'not you' });
      }
      expect(await ct.dump().toArray()).to.have.lengthOf(1);
      await ct.create({ ...FLOW, orig: WEB });
      // A delete is another operation, although the kernel has one message for both.
      await ct.delete({ orig: WEB });
      expect(await rejection(ct.flush({ mark: 7 }))).to.include({ code: 'EINVAL' });
      kernel.fail('flush', 'EBUSY');
      const filter = { family: 'ipv4', orig: { proto: 'udp' } } as const;
      expect(await rejection(ct.flush(filter))).to.include({ code: 'EBUSY', operation: 'flush' });
      expect(kernel.flows).to.have.lengthOf(1);
      expect(await rejection(ct.events())).to.include({ name: 'KernelError', operation: 'join', code: 'EPERM' });
    });
    expect(() => kernel.fail('dumps' as never, 'EPERM')).to.throw(RangeError, "operation is 'dumps'");
    expect(() => kernel.fail('dump', 'EPREM')).to.throw(RangeError, 'code must be the name of an errno');
  });

  it('loses events, which the stream reports once in their place', async () => {
    const kernel = fakeKernel();
    await open(kernel, async (ct) => {
      const events = await ct.events({ types: ['new'] });
      kernel.traffic({ ...DNS, sport: 1 });
      kernel.overrun(3);
      for (let sport = 2; sport <= 5; sport++) kernel.traffic({ ...DNS, sport });
      const taken = await take(events, 3);
      expect(taken.map(named)).to.deep.equal(['new', 'overrun 3', 'new']);
      expect(taken[2].type === 'new' && taken[2].flow.orig.sport).to.equal(5);
    });
  });

  it('marks a dump as interrupted, cuts one, and lets one skip flows', async () => {
    const kernel = fakeKernel({ flows: [1, 2, 3].map((sport) => ({ ...FLOW, orig: { ...DNS, sport } })) });
    await open(kernel, async (ct) => {
      kernel.interrupt();
      expect(await rejection(ct.dump().toArray())).to.include({ name: 'DumpInterruptedError' });
      expect(await ct.dump().toArray()).to.have.lengthOf(3);
      kernel.skipInDump(2);
      expect((await ct.dump().toArray()).map(({ orig }) => orig.sport)).to.deep.equal([3]);
      expect(await ct.dump().toArray()).to.have.lengthOf(3);
      kernel.truncate();
      await ct.get({ orig: { ...DNS, sport: 1 } }).catch(() => {});
      expect(ct.counts.truncated).to.equal(1);
    });
  });

  it('holds requests up until its clock has moved, and loses none when a socket is closed', async () => {
    const kernel = fakeKernel();
    await open(kernel, async (ct) => {
      kernel.delay(100);
      const created = watch(ct.create(FLOW));
      const found = ct.get(FLOW);
      kernel.advance(99);
      await settled();
      expect([created.state, kernel.flows.length]).to.deep.equal(['pending', 0]);
      kernel.advance(1);
      expect((await found)?.mark).to.equal(7);
      kernel.delay(0);
      expect((await ct.stats()).entries).to.equal(1);
      kernel.delay(1);
      watch(ct.delete(FLOW));
    });
    expect(kernel.flows).to.deep.equal([]);
  });

  it('ends a delay: requests that wait arrive, in their order, and none waits any more', async () => {
    const kernel = fakeKernel();
    await open(kernel, async (ct) => {
      kernel.delay(1000);
      const created = watch(ct.create(FLOW));
      const changed = watch(ct.update({ ...FLOW, mark: 9 }));
      await settled();
      expect([created.state, changed.state, kernel.flows.length]).to.deep.equal(['pending', 'pending', 0]);
      kernel.delay(0);
      expect((await ct.get(FLOW))?.mark).to.equal(9);
      expect([created.state, changed.state]).to.deep.equal(['resolved', 'resolved']);
      const second = await Conntrack.open({ transport: kernel.transport });
      expect((await second.stats()).entries).to.equal(1);
      await second.close();
      expect(kernel.now).to.equal(Date.UTC(2026, 0, 1));
    });
  });

  it('follows a TCP connection through its states, with the timeouts and events of Linux', async () => {
    const kernel = fakeKernel({ counters: true });
    await open(kernel, async (ct) => {
      const events = await ct.events();
      kernel.traffic(tcpHandshake(WEB));
      expect((await ct.get({ orig: WEB }))!.toJSON()).to.deep.include({
        status: ['SEEN_REPLY', 'ASSURED', 'CONFIRMED'],
        timeout: 432_000,
        countersOrig: { packets: 2, bytes: 200 },
        countersReply: { packets: 1, bytes: 100 },
      });
      kernel.traffic(tcpClose(WEB));
      expect((await ct.get({ orig: WEB }))!.timeout).to.equal(120);
      kernel.advance(120_000);
      expect((await take(events, 8)).map(named)).to.deep.equal([
        'new SYN_SENT',
        'update SYN_RECV',
        'update ESTABLISHED',
        'update FIN_WAIT',
        'update CLOSE_WAIT',
        'update LAST_ACK',
        'update TIME_WAIT',
        'destroy TIME_WAIT',
      ]);
    });
  });

  it('makes a stream of an exchange that goes on for more than two seconds', async () => {
    const kernel = fakeKernel();
    await open(kernel, async (ct) => {
      const events = await ct.events();
      kernel.traffic(exchange(DNS));
      kernel.advance(3_000);
      kernel.traffic(exchange(DNS));
      const [{ status, timeout }] = kernel.flows;
      expect([status, timeout]).to.deep.equal([0xe, 120]);
      // A packet that changes nothing but the timeout is no event.
      kernel.traffic({ ...DNS, packets: 10 });
      kernel.expire({ orig: DNS });
      expect((await take(events, 4)).map(({ type }) => type)).to.deep.equal(['new', 'update', 'update', 'destroy']);
    });
    expect(() => kernel.expire({ orig: DNS })).to.throw(RangeError, 'flow is not in the table');
  });

  it('gives an expected flow its master', async () => {
    const kernel = fakeKernel({ flows: [{ ...FTP, mark: 5 }] });
    await open(kernel, async (ct) => {
      const data = { src: '192.0.2.7', dst: '192.0.2.8', proto: 'tcp', dport: 2000 } as const;
      await ct.expectations.create({ tuple: data, master: FTP.orig as object, timeout: 10 });
      const events = await ct.events({ types: ['new'] });
      const expected = await ct.expectations.events({ types: ['destroy'] });
      kernel.traffic({ ...data, sport: 1234, tcp: 'SYN' });
      const [event] = await take(events, 1);
      expect(event.type === 'new' && event.flow.toJSON()).to.deep.include({
        status: ['EXPECTED', 'CONFIRMED'],
        mark: 5,
      });
      expect(event.type === 'new' && event.flow.master?.dport).to.equal(21);
      expect((await expected.next()).value).to.include({ type: 'destroy' });
      expect(await ct.expectations.stats()).to.deep.include({ cpu: 0, new: 1, create: 1, delete: 1 });
    });
  });

  it('keeps silent about flows from before somebody listened, with events: 2', async () => {
    const kernel = fakeKernel({ flows: [FLOW], events: 2 });
    await open(kernel, async (ct) => {
      const events = await ct.events();
      await ct.delete(FLOW);
      await ct.create(FLOW);
      await ct.delete(FLOW);
      expect((await take(events, 2)).map(({ type }) => type)).to.deep.equal(['new', 'destroy']);
    });
  });

  it('is full at maxEntries, and counts what it did on its first CPU', async () => {
    const kernel = fakeKernel({ flows: [FLOW], maxEntries: 1, cpus: 3 });
    await open(kernel, async (ct) => {
      expect(await rejection(ct.create({ ...FLOW, orig: WEB }))).to.include({ code: 'ENOMEM' });
      expect(await ct.stats()).to.deep.equal({ entries: 1, maxEntries: 1 });
      expect((await ct.cpuStats()).map(({ insert }) => insert)).to.deep.equal([1, 0, 0]);
    });
  });

  it('is the release that it is given, for the package and for its filters', async () => {
    for (const [release, mark] of [
      ['4.19.0', 1],
      ['6.18.0', 1],
    ] as const) {
      const kernel = fakeKernel({
        release,
        flows: [
          { ...FLOW, status: ['ASSURED'] },
          { ...FLOW, orig: WEB, mark },
        ],
      });
      await open(kernel, async (ct) => {
        expect(await ct.dump({ status: ['ASSURED'] }).toArray()).to.have.lengthOf(1);
        await ct.flush({ orig: { proto: 'tcp' }, family: 'ipv4' });
        expect(kernel.flows.map(({ orig }) => orig.proto)).to.deep.equal(['udp']);
      });
    }
  });

  it('answers the functions of libnetfilter_conntrack', async () => {
    const kernel = fakeKernel({ flows: [FLOW] });
    const handle = await nfct.nfct_open(nfct.CONNTRACK, 0, { transport: kernel.transport });
    const marks: unknown[] = [];
    nfct.nfct_callback_register(handle, nfct.NFCT_T_ALL, (_type, ct) => {
      marks.push(nfct.nfct_get_attr_u32(ct, nfct.ATTR_MARK));
      return nfct.NFCT_CB_CONTINUE;
    });
    await nfct.nfct_query(handle, nfct.NFCT_Q_DUMP, 2);
    expect(marks).to.deep.equal([7]);
    nfct.nfct_close(handle);
    expect(kernel.sockets).to.equal(0);
  });

  it('is in no network namespace', async () => {
    const { transport } = fakeKernel();
    expect(await rejection(Conntrack.open({ transport, netns: 'blue' }))).to.include({ name: 'UnsupportedError' });
  });

  it('refuses wrong arguments before anything happens', () => {
    const kernel = fakeKernel();
    const any = (value: unknown): never => value as never;
    for (const [call, type, message] of [
      [() => kernel.advance(-1), RangeError, /^milliseconds must be/],
      [() => kernel.advance(any('1')), TypeError, /^milliseconds must be a number/],
      [() => kernel.delay(0.5), RangeError, /^milliseconds must be/],
      [() => kernel.overrun(0), RangeError, /^events must be/],
      [() => kernel.skipInDump(0), RangeError, /^flows must be/],
      [() => kernel.fail('dump', 'EPERM', { times: 0 }), RangeError, /^options.times must be/],
      [
        () => kernel.fail('dump', 'EPERM', any({ time: 1 })),
        TypeError,
        /^options.time is no option; did you mean times/,
      ],
      [
        () => kernel.traffic(any(undefined)),
        TypeError,
        /^packets must be a packet or an iterable of packets, not undef/,
      ],
      [() => kernel.traffic(any(5)), TypeError, /^packets must be a packet or an iterable of packets, not 5/],
      [() => kernel.traffic([{ ...DNS, tcp: 'SYN' }]), TypeError, /^packets\[0\].tcp is for packets of TCP alone$/],
      [() => kernel.traffic({ ...DNS, tcp: any('PSH') }), RangeError, /^packets.tcp must be SYN/],
      [() => kernel.traffic([DNS, { ...DNS, packets: 0 }]), RangeError, /^packets\[1\].packets must be/],
      [() => kernel.traffic({ ...DNS, dport: undefined }), TypeError, /^packets.orig.dport is required/],
      [() => kernel.expire(any(5)), TypeError, /^flow must be/],
      [() => fakeKernel({ time: any('now') }), TypeError, /^options.time must be/],
      [() => fakeKernel({ cpus: 0 }), RangeError, /^options.cpus must be/],
      [() => fakeKernel({ events: any(3) }), RangeError, /^options.events must be/],
    ] as const)
      expect(call, String(message)).to.throw(type, message);
    expect(kernel.flows).to.deep.equal([]);
  });
});
