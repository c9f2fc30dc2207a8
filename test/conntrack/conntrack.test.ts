import { expect } from 'chai';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { FlowInit } from '../../src/ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../../src/ctnetlink/flow.ts';
import { ClosedError, DecodeError, KernelError, TransportError, UnsupportedError } from '../../src/netlink/errors.ts';
import { replay } from '../../src/replay/replay.ts';
import { EBUSY, EEXIST, EINVAL, ENOENT, EPERM } from '../../src/uapi/errno.ts';
import {
  ack,
  concat,
  done,
  error,
  FakeTransport,
  headerOf,
  message,
  nlattr,
  rejection,
  settled,
  watch,
} from '../support/fake-transport.ts';
import { fixturePath } from '../support/fixtures.ts';
import { flow, flowMessage, kernelWith, play, reply, said } from '../support/played.ts';

const ORIG = { src: '192.0.2.1', dst: '198.51.100.2', proto: 'tcp', sport: 40000, dport: 443 } as const;
const REPLY = { src: '198.51.100.2', dst: '192.0.2.1', proto: 'tcp', sport: 443, dport: 40000 } as const;
const inFull = (tuple: typeof ORIG | typeof REPLY): object => ({ family: 'ipv4', ...tuple });
const NEW = 0x100;
const GET = 0x101;
const DELETE = 0x102;
const [REQUEST, ACK, EXCL, CREATE] = [1, 4, 0x200, 0x400];

/** What one call on a kernel that says yes to all sends: one message. */
async function sends(call: (ct: Conntrack) => Promise<unknown>): Promise<ReturnType<typeof said>> {
  const { ct, fake } = await play(kernelWith([]));
  await call(ct);
  expect(fake.sent).to.have.length(1);
  expect(headerOf(fake.sent[0]).nlmsg_len).to.equal(fake.sent[0].length);
  await ct.close();
  return said(fake.sent[0]);
}

describe('Conntrack: what is sent', () => {
  it('from a socket whose port id is known', async () => {
    const { ct, fake } = await play(kernelWith([]));
    expect(ct.portid).to.equal(fake.portid).and.to.equal(4242);
  });

  it('to get: the tuple and the zone, nothing else', async () => {
    const flow = { orig: ORIG, zone: 3, mark: 7, timeout: 1, status: ['ASSURED'] as const };
    expect(await sends((ct) => ct.get(flow))).to.deep.equal({
      type: GET,
      flags: REQUEST | ACK,
      family: 2,
      version: 0,
      flow: { orig: inFull(ORIG), zone: 3 },
    });
    expect(await sends((ct) => ct.get({ reply: REPLY }))).to.deep.include({ flow: { reply: inFull(REPLY) } });
  });

  it('to create: everything, the inverted reply, and CONFIRMED in a status', async () => {
    expect(await sends((ct) => ct.create({ orig: ORIG, timeout: 60, mark: 7, status: ['SEEN_REPLY'] }))).to.deep.equal({
      type: NEW,
      flags: REQUEST | ACK | CREATE | EXCL,
      family: 2,
      version: 0,
      flow: {
        orig: inFull(ORIG),
        reply: inFull(REPLY),
        status: ['SEEN_REPLY', 'CONFIRMED'],
        timeout: 60,
        mark: 7,
      },
    });
    const { flow } = await sends((ct) => ct.create({ orig: ORIG, timeout: 0 }));
    expect(flow).to.deep.equal({ orig: inFull(ORIG), reply: inFull(REPLY), timeout: 0 });
  });

  it('to create or update: the same without EXCL', async () => {
    const { type, flags, flow } = await sends((ct) => ct.createOrUpdate({ orig: ORIG, timeout: 60 }));
    expect([type, flags]).to.deep.equal([NEW, REQUEST | ACK | CREATE]);
    expect(flow).to.deep.equal({ orig: inFull(ORIG), reply: inFull(REPLY), timeout: 60 });
  });

  it('to update: what was given', async () => {
    const given = { orig: ORIG, mark: 0x10, markMask: 0xf0, timeout: 5, status: ['ASSURED'] } as const;
    expect(await sends((ct) => ct.update(given))).to.deep.equal({
      type: NEW,
      flags: REQUEST | ACK,
      family: 2,
      version: 0,
      flow: { ...given, orig: inFull(ORIG), status: ['ASSURED', 'CONFIRMED'] },
    });
    expect((await sends((ct) => ct.update({ reply: REPLY, mark: 1 }))).flow).to.deep.equal({
      reply: inFull(REPLY),
      mark: 1,
    });
  });

  it('to write: nothing that only the kernel says', async () => {
    const dumped = Flow.from({
      ...flow(1),
      use: 2,
      secctx: 'x',
      countersOrig: { packets: 1, bytes: 2 },
      timestamp: { start: 3 },
    });
    const { id: _id, reply: _reply, ...init } = dumped.toJSON() as FlowInit;
    for (const call of ['create', 'createOrUpdate', 'update'] as const) {
      // With an id or a reply an update looks the flow up first.
      const sent = await sends((ct) => ct[call](call === 'update' ? init : dumped));
      const reply = call === 'update' ? [] : ['reply'];
      expect(Object.keys(sent.flow), call).to.have.members(['orig', ...reply, 'status', 'timeout', 'mark']);
    }
    expect(dumped.use, 'the flow that was given stays what it is').to.equal(2);
    expect(dumped.toJSON().status).to.deep.equal(['CONFIRMED']);
  });

  it('to delete: the tuple, the zone and the id', async () => {
    // `delete` looks such a flow up first.
    expect(await sends((ct) => ct.deleteMany([{ orig: ORIG, reply: REPLY, zone: 3, id: 9, mark: 1 }]))).to.deep.equal({
      type: DELETE,
      flags: REQUEST | ACK,
      family: 2,
      version: 0,
      flow: { orig: inFull(ORIG), zone: 3, id: 9 },
    });
    expect((await sends((ct) => ct.delete({ reply: REPLY }))).flow).to.deep.equal({ reply: inFull(REPLY) });
  });

  it('to flush all: a DELETE of nothing', async () => {
    expect(await sends((ct) => ct.flushAll())).to.deep.equal({
      type: DELETE,
      flags: REQUEST | ACK,
      family: 0,
      version: 0,
      flow: {},
    });
  });

  it('for statistics: their queries', async () => {
    expect(await sends((ct) => ct.stats())).to.deep.equal({
      type: 0x105,
      flags: REQUEST | ACK,
      family: 0,
      version: 0,
      flow: {},
    });
    expect(await sends((ct) => ct.cpuStats())).to.deep.include({ type: 0x104, flags: 0x301 });
  });

  it('of IPv6 has its family', async () => {
    const orig = { src: 'fd00::1', dst: 'fd00::2', proto: 'udp', sport: 1, dport: 2 } as const;
    for (const call of [
      (ct: Conntrack) => ct.get({ orig }),
      (ct: Conntrack) => ct.create({ orig, timeout: 1 }),
      (ct: Conntrack) => ct.update({ orig, mark: 1 }),
      (ct: Conntrack) => ct.delete({ orig }),
    ]) {
      expect(await sends(call)).to.have.property('family', 10);
    }
  });

  it('is never a DELETE without a tuple, but by the methods that say so', async () => {
    const whole = Flow.from({ ...flow(1), zone: 4 });
    const calls: Record<string, (ct: Conntrack) => Promise<unknown>> = {
      get: (ct) => ct.get(whole),
      create: (ct) => ct.create(whole),
      update: (ct) => ct.update({ orig: whole.orig, mark: 1 }),
      createOrUpdate: (ct) => ct.createOrUpdate(whole),
      delete: (ct) => ct.delete({ orig: whole.orig, zone: 4 }),
      deleteMany: (ct) => ct.deleteMany([whole]),
      'delete by reply': (ct) => ct.delete({ reply: whole.reply }),
      dump: (ct) => ct.dump().toArray(),
      'filtered dump': (ct) => ct.dump({ mark: 1, family: 'ipv4' }).toArray(),
      reset: (ct) => ct.dump({}, { reset: true }).toArray(),
      stats: (ct) => ct.stats(),
      cpuStats: (ct) => ct.cpuStats(),
      flush: (ct) => ct.flush({ mark: 1 }),
      'flush one by one': (ct) => ct.flush({ orig: { src: 'fd00::1' } }),
      flushAll: (ct) => ct.flushAll(),
    };
    for (const [name, call] of Object.entries(calls)) {
      for (const release of ['6.18.0', '4.4.0']) {
        const { ct, fake } = await play(kernelWith([flow(1), flow(2)]), { release });
        await call(ct);
        for (const bytes of fake.sent) {
          const { type, flow } = said(bytes);
          if (type !== DELETE || flow.orig !== undefined || flow.reply !== undefined) continue;
          expect(name).to.match(/^flush(All)?$/);
          if (name === 'flush') expect(flow).to.deep.equal({ mark: 1, markMask: 0xffffffff });
        }
      }
    }
  });

  it('has a sequence number of its own each time', async () => {
    const { ct, fake } = await play(kernelWith([]));
    for (let n = 0; n < 5; n++) await ct.stats();
    const sequences = fake.sent.map((bytes) => headerOf(bytes).nlmsg_seq);
    expect(new Set(sequences).size).to.equal(5);
    expect(sequences).not.to.include(0);
  });
});

describe('Conntrack: what is answered', () => {
  it('get gives the flow', async () => {
    const { ct } = await play((_request, { nlmsg_seq }, kernel) => {
      // NLM_F_MULTI is set, and yet no DONE follows.
      kernel.queue(flowMessage(nlmsg_seq, flow(5)));
      kernel.queue(ack(nlmsg_seq));
    });
    const found = await ct.get({ orig: ORIG });
    expect(found).to.be.instanceOf(Flow);
    expect(found?.toJSON()).to.deep.include({ mark: 5, id: 1005 });
  });

  it('get gives undefined where there is none', async () => {
    const { ct } = await play((_request, { nlmsg_seq }, kernel) => kernel.queue(error(nlmsg_seq, ENOENT)));
    expect(await ct.get({ orig: ORIG })).to.equal(undefined);
  });

  it('all else is an error that says what it means for what was asked', async () => {
    const cases: [errno: number, code: string, (ct: Conntrack) => Promise<unknown>, operation: string, text: RegExp][] =
      [
        [EPERM, 'EPERM', (ct) => ct.get({ orig: ORIG }), 'get', /CAP_NET_ADMIN/],
        [EEXIST, 'EEXIST', (ct) => ct.create({ orig: ORIG, timeout: 1 }), 'create', /createOrUpdate/],
        [ENOENT, 'ENOENT', (ct) => ct.update({ orig: ORIG, mark: 1 }), 'update', /no such flow/],
        [EBUSY, 'EBUSY', (ct) => ct.update({ orig: ORIG, status: 0 }), 'update', /never cleared/],
        [ENOENT, 'ENOENT', (ct) => ct.delete({ orig: ORIG }), 'delete', /no such flow/],
        [EINVAL, 'EINVAL', (ct) => ct.createOrUpdate({ orig: ORIG, timeout: 1 }), 'createOrUpdate', /refused/],
        [EPERM, 'EPERM', (ct) => ct.flushAll(), 'flush', /CAP_NET_ADMIN/],
        [EPERM, 'EPERM', (ct) => ct.flush({ mark: 1 }), 'flush', /CAP_NET_ADMIN/],
        [EPERM, 'EPERM', (ct) => ct.stats(), 'stats', /CAP_NET_ADMIN/],
        [EPERM, 'EPERM', (ct) => ct.cpuStats(), 'cpuStats', /CAP_NET_ADMIN/],
      ];
    for (const [errno, code, call, operation, text] of cases) {
      const { ct } = await play((_request, { nlmsg_seq }, kernel) => kernel.queue(error(nlmsg_seq, errno)));
      const failure = (await rejection(call(ct))) as KernelError;
      expect(failure).to.be.instanceOf(KernelError);
      expect(failure).to.include({ errno, code, operation });
      expect(failure.message).to.match(text);
      expect(failure.message.startsWith(`${operation}: ${code}: `)).to.equal(true);
    }
  });

  it('a flow that cannot be decoded rejects, and the ACK after it is nobody’s trouble', async () => {
    const { ct, fake } = await play((_request, { nlmsg_seq }, kernel) => {
      const broken = flowMessage(nlmsg_seq, flow(1));
      broken[20] = 200;
      kernel.queue(broken);
      kernel.queue(ack(nlmsg_seq));
    });
    expect(await rejection(ct.get({ orig: ORIG }))).to.be.instanceOf(DecodeError);
    await settled();
    expect(fake.unread).to.equal(0);
    expect(ct.counts.strays).to.equal(0);
  });

  it('statistics are numbers', async () => {
    const word = (value: number): number[] => [0, 0, 0, value];
    const { ct } = await play((_request, { nlmsg_seq, nlmsg_type }, kernel) => {
      const genmsg = (resource: number): number[] => [0, 0, 0, resource];
      if (nlmsg_type === 0x105) {
        const payload = concat(genmsg(0), nlattr(1, word(12)), nlattr(2, word(99)));
        kernel.queue(message(nlmsg_seq, payload, { type: 0x105, flags: 2 }), ack(nlmsg_seq));
      } else {
        for (const cpu of [0, 1]) {
          const payload = concat(genmsg(cpu), nlattr(2, word(3 + cpu)), nlattr(14, word(7)), nlattr(77, word(1)));
          kernel.queue(message(nlmsg_seq, payload, { type: 0x104, flags: 2 }));
        }
        kernel.queue(done(nlmsg_seq));
      }
    });
    expect(await ct.stats()).to.deep.equal({ entries: 12, maxEntries: 99 });
    const stats = await ct.cpuStats();
    expect(stats.map(({ cpu, found, clashResolve, drop }) => [cpu, found, clashResolve, drop])).to.deep.equal([
      [0, 3, 7, 0],
      [1, 4, 7, 0],
    ]);
  });

  it('many at once come to whom they belong, whatever their order', async () => {
    const { ct, fake } = await play();
    const calls = Array.from({ length: 50 }, (_, n) => ct.get({ orig: { ...ORIG, sport: n } }));
    await settled();
    expect(fake.sent).to.have.length(50);
    for (const bytes of fake.sent.toReversed()) {
      const { nlmsg_seq } = headerOf(bytes);
      const { sport } = said(bytes).flow.orig as { sport: number };
      if (sport % 7 === 0) fake.queue(error(nlmsg_seq, ENOENT));
      else fake.queue(flowMessage(nlmsg_seq, flow(sport)), ack(nlmsg_seq));
    }
    fake.readable();
    const found = await Promise.all(calls);
    expect(found.map((each) => each?.mark)).to.deep.equal(
      Array.from({ length: 50 }, (_, n) => (n % 7 === 0 ? undefined : n)),
    );
  });

  it('what belongs to nobody is counted', async () => {
    const { ct, fake } = await play((_request, { nlmsg_seq }, kernel) => {
      kernel.queue(flowMessage(12345, flow(1)), reply(nlmsg_seq), ack(nlmsg_seq));
    });
    fake.queueDatagram(message(1), { sender: 6 });
    await ct.stats();
    expect(ct.counts).to.deep.equal({ strays: 1, foreign: 1, truncated: 0 });
  });
});

describe('Conntrack: signals', () => {
  const reason = new Error('enough');
  const calls: Record<string, (ct: Conntrack, signal: AbortSignal) => Promise<unknown>> = {
    get: (ct, signal) => ct.get({ orig: ORIG }, { signal }),
    create: (ct, signal) => ct.create({ orig: ORIG, timeout: 1 }, { signal }),
    update: (ct, signal) => ct.update({ orig: ORIG, mark: 1 }, { signal }),
    createOrUpdate: (ct, signal) => ct.createOrUpdate({ orig: ORIG, timeout: 1 }, { signal }),
    delete: (ct, signal) => ct.delete({ orig: ORIG }, { signal }),
    flush: (ct, signal) => ct.flush({ mark: 1 }, { signal }),
    'flush one by one': (ct, signal) => ct.flush({ orig: { src: 'fd00::1' } }, { signal }),
    flushAll: (ct, signal) => ct.flushAll({ signal }),
    stats: (ct, signal) => ct.stats({ signal }),
    cpuStats: (ct, signal) => ct.cpuStats({ signal }),
  };

  for (const [name, call] of Object.entries(calls)) {
    it(`${name} rejects with the reason, before and during`, async () => {
      const { ct, fake } = await play();
      expect(await rejection(call(ct, AbortSignal.abort(reason)))).to.equal(reason);
      expect(fake.sent).to.have.length(0);
      const controller = new AbortController();
      const pending = rejection(call(ct, controller.signal));
      await settled();
      expect(fake.sent).to.have.length(1);
      controller.abort(reason);
      expect(await pending).to.equal(reason);
      // The answer arrives anyway, and belongs to no request.
      const { nlmsg_seq, nlmsg_flags } = headerOf(fake.sent[0]);
      fake.deliver((nlmsg_flags & 0x300) === 0x300 ? done(nlmsg_seq) : ack(nlmsg_seq));
      expect(ct.counts.strays).to.equal(0);
      await ct.close();
    });
  }

  it('that are aborted after the answer change nothing', async () => {
    const { ct } = await play(kernelWith([]));
    const controller = new AbortController();
    await ct.stats({ signal: controller.signal });
    controller.abort(reason);
    await ct.stats();
  });
});

describe('Conntrack: opening and closing', () => {
  it('asks for a socket for requests, whose buffer is not that of events', async () => {
    const seen: unknown[] = [];
    const ct = await Conntrack.open({
      receiveBuffer: 4096,
      transport: async (options) => {
        seen.push(options);
        return new FakeTransport();
      },
    });
    expect(seen).to.have.length(1);
    expect(seen[0]).to.include({ events: false, receiveBuffer: undefined });
    expect(ct.transport).to.equal('fake');
    await ct.close();
  });

  it('rejects with what opening came to', async () => {
    for (const failure of [new UnsupportedError('not here'), new TransportError('socket', 93, 'no netlink')]) {
      const transport = async (): Promise<never> => {
        throw failure;
      };
      expect(await rejection(Conntrack.open({ transport }))).to.equal(failure);
    }
  });

  it('keeps the process alive only while something is waited for', async () => {
    const { ct, fake } = await play();
    expect(fake.referenced).to.equal(false);
    const pending = ct.stats();
    expect(fake.referenced).to.equal(true);
    const { nlmsg_seq } = headerOf(fake.sent[0]);
    fake.deliver(reply(nlmsg_seq), ack(nlmsg_seq));
    await pending;
    expect(fake.referenced).to.equal(false);
  });

  it('closes once; what is pending and what comes later rejects with ClosedError', async () => {
    const { ct, fake } = await play();
    const pending = [ct.stats(), ct.get({ orig: ORIG }), ct.dump().toArray(), ct.dump().toArray(), ct.cpuStats()].map(
      (promise) => watch(promise),
    );
    await settled();
    await ct.close();
    await ct.close();
    await settled();
    for (const { state, reason } of pending) {
      expect(state).to.equal('rejected');
      expect(reason).to.be.instanceOf(ClosedError).and.have.property('code', 'ERR_CLOSED');
    }
    expect(fake.closed).to.equal(true);
    const sent = fake.sent.length;
    for (const call of [
      () => ct.stats(),
      () => ct.get({ orig: ORIG }),
      () => ct.create({ orig: ORIG, timeout: 1 }),
      () => ct.delete({ orig: ORIG }),
      () => ct.flushAll(),
      () => ct.flush({ mark: 1 }),
      () => ct.dump().toArray(),
      () => ct.events(),
    ]) {
      expect(await rejection(call())).to.be.instanceOf(ClosedError);
    }
    expect(fake.sent).to.have.length(sent);
  });

  it('closes at the end of `await using`', async () => {
    const { ct, fake } = await play();
    {
      await using using = ct;
      expect(using.transport).to.equal('fake');
    }
    expect(fake.closed).to.equal(true);
  });

  it('rejects what is pending when the socket fails, with the cause', async () => {
    const { ct, fake } = await play();
    const pending = rejection(ct.stats());
    const failure = new TransportError('recvmsg', 9, 'bad file descriptor');
    fake.fail(failure);
    const closed = (await pending) as ClosedError;
    expect(closed).to.be.instanceOf(ClosedError);
    expect(closed.cause).to.equal(failure);
    expect(((await rejection(ct.stats())) as ClosedError).cause).to.equal(failure);
    expect(fake.closed).to.equal(true);
  });

  it('rejects what cannot be sent, and goes on', async () => {
    const { ct, fake } = await play(kernelWith([]));
    const { send } = fake;
    fake.send = () => {
      throw new TransportError('sendmsg', 105, 'no buffer space available');
    };
    expect(await rejection(ct.stats())).to.be.instanceOf(TransportError);
    fake.send = send;
    await ct.stats();
  });
});

describe('Conntrack: over a replay', () => {
  it('says so', async () => {
    await using ct = await Conntrack.open({ transport: replay(fixturePath('stats')) });
    expect(ct.transport).to.equal('replay');
    expect((await ct.stats()).entries).to.be.above(30);
    expect(await ct.cpuStats()).to.have.length.above(0);
  });

  it('without privilege everything is EPERM', async () => {
    await using ct = await Conntrack.open({ transport: replay(fixturePath('no-privilege')) });
    expect(await rejection(ct.dump().toArray())).to.have.property('code', 'EPERM');
    expect(await rejection(ct.stats())).to.have.property('code', 'EPERM');
  });
});
