/** A signal that many share has one listener, which goes with the last that waits. */
import vm from 'node:vm';
import { expect } from 'chai';
import { NetlinkSocket } from '../../src/netlink/socket.ts';
import { ack, FakeTransport, headerOf, rejection, settled } from '../support/fake-transport.ts';
import { flow, flowMessage, NEW, play } from '../support/played.ts';
import { asked, type Write } from '../support/requests.ts';

const REASON = new Error('the reason of the signal');
const build: Write = (writer, sequence) => writer.endMessage(writer.beginMessage(0x101, 5, sequence));

/** A signal that counts what listens to it. */
function counting(): { controller: AbortController; signal: AbortSignal; added: number; now: number } {
  const controller = new AbortController();
  const { signal } = controller;
  const counted = { controller, signal, added: 0, now: 0 };
  const { addEventListener, removeEventListener } = signal;
  const listening = new Set<unknown>();
  const count = (): void => {
    counted.now = listening.size;
  };
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      counted.added++;
      listening.add(args[1]);
      count();
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listening.delete(args[1]);
      count();
      removeEventListener.apply(signal, args);
    },
  });
  return counted;
}

describe('a shared AbortSignal', () => {
  it('has one listener for all requests of all sockets, until the last is settled', async () => {
    const counted = counting();
    const { signal } = counted;
    const transports = [new FakeTransport(), new FakeTransport()];
    const sockets = transports.map((transport) => new NetlinkSocket(transport));
    const requests = sockets.flatMap((socket) =>
      Array.from({ length: 1_000 }, () => socket.request(...asked(build, { operation: 'get', signal }))),
    );
    expect([counted.added, counted.now]).to.deep.equal([1, 1]);
    transports.forEach((transport, index) => {
      const sequences = transport.sent.map((each) => headerOf(each).nlmsg_seq);
      for (const each of index === 0 ? sequences : sequences.slice(1)) transport.deliver(ack(each));
    });
    expect(counted.now, 'one waits').to.equal(1);
    transports[1].deliver(ack(headerOf(transports[1].sent[0]).nlmsg_seq));
    await Promise.all(requests);
    expect([counted.added, counted.now]).to.deep.equal([1, 0]);
    await Promise.all([
      sockets[0].request(...asked(build, { operation: 'get', signal })),
      settled().then(() => transports[0].deliver(ack(headerOf(transports[0].sent.at(-1)!).nlmsg_seq))),
    ]);
    expect([counted.added, counted.now]).to.deep.equal([2, 0]);
  });

  it('rejects all that wait with its own reason, sent or queued', async () => {
    const counted = counting();
    const { signal } = counted;
    const socket = new NetlinkSocket(new FakeTransport());
    const requests = Array.from({ length: 1_000 }, (_, n) =>
      rejection(socket.request(...asked(build, { operation: 'get', dump: n % 2 === 0, signal }))),
    );
    counted.controller.abort(REASON);
    expect(new Set(await Promise.all(requests))).to.deep.equal(new Set([REASON]));
    expect([counted.added, counted.now]).to.deep.equal([1, 0]);
    socket.close();
  });

  it('has one listener for streams of events and dumps, and prints no warning', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    try {
      const counted = counting();
      const { signal } = counted;
      const { ct, sockets } = await play();
      const streams = await Promise.all(Array.from({ length: 20 }, () => ct.events({ signal })));
      const dumps = Array.from({ length: 20 }, () => rejection(ct.dump({}, { signal }).toArray()));
      const gets = Array.from({ length: 20 }, (_, n) => rejection(ct.get(flow(n), { signal })));
      await settled();
      expect([counted.added, counted.now]).to.deep.equal([1, 1]);
      sockets[1].deliver(flowMessage(0, flow(1), NEW));
      streams[0].close();
      counted.controller.abort(REASON);
      for (const reason of await Promise.all([...dumps, ...gets])) expect(reason).to.equal(REASON);
      for (const each of streams.slice(1)) expect(await rejection(each.next())).to.equal(REASON);
      expect(await streams[0].next()).to.have.property('done', true);
      expect([counted.added, counted.now]).to.deep.equal([1, 0]);
      await ct.close();
      await settled();
      expect(warnings).to.deep.equal([]);
    } finally {
      process.off('warning', warned);
    }
  });

  it('may be of another realm', async () => {
    const signal = vm.runInNewContext(`
      const listeners = new Set();
      ({
        aborted: false,
        reason: undefined,
        addEventListener(type, listener) { listeners.add(listener); },
        removeEventListener(type, listener) { listeners.delete(listener); },
        throwIfAborted() { if (this.aborted) throw this.reason; },
        abort(reason) { this.aborted = true; this.reason = reason; for (const each of listeners) each(); },
        get count() { return listeners.size; },
      })`) as AbortSignal & { abort(reason: unknown): void; count: number };
    const { ct } = await play();
    const gets = Array.from({ length: 20 }, (_, n) => rejection(ct.get(flow(n), { signal })));
    await settled();
    expect(signal.count).to.equal(1);
    signal.abort('enough');
    expect(new Set(await Promise.all(gets))).to.deep.equal(new Set(['enough']));
    expect(signal.count).to.equal(0);
    await ct.close();
  });
});
