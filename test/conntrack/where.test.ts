/** deleteWhere and updateWhere on a kernel that loses answers, gives ids again, and changes meanwhile. */
import { expect } from 'chai';
import { Conntrack, type FlowInit, type TransportFactory, type WhereError } from '../../src/index.ts';
import { HOST_LITTLE_ENDIAN, viewOf } from '../../src/netlink/byteorder.ts';
import { ForwardingTransport } from '../../src/netlink/forwarding.ts';
import type { Datagram } from '../../src/netlink/transport.ts';
import { nfnlMessage } from '../../src/nfnetlink/nfgenmsg.ts';
import { exchange, type FakeKernel, fakeKernel } from '../../src/testing/index.ts';
import { NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import { IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_NEW } from '../../src/uapi/nfnetlink_conntrack.ts';
import { rejection } from '../support/fake-transport.ts';

const orig = (n: number) =>
  ({ src: `10.0.${n >> 8}.${n & 255}`, dst: '192.0.2.1', proto: 'udp', sport: 1000 + n, dport: 53 }) as const;
const flow = (n: number, more: Partial<FlowInit> = {}): FlowInit => ({ orig: orig(n), timeout: 600, ...more });
const some = (count: number): FlowInit[] => Array.from({ length: count }, (_, n) => flow(n + 1));

const sources = (kernel: FakeKernel): string[] => kernel.flows.map((each) => String(each.orig.src));

/** Sockets that lose what the kernel answers to the next so many datagrams with requests of this type. */
function losing(kernel: FakeKernel, type: number, times: number): TransportFactory {
  let left = times;
  class Losing extends ForwardingTransport {
    readonly #lost = new Set<number>();

    override send(bytes: Uint8Array, takesLong?: boolean): ReturnType<ForwardingTransport['send']> {
      const view = viewOf(bytes);
      const sent = this.inner.send(bytes, takesLong);
      if (nfnlMessage(view.getUint16(4, HOST_LITTLE_ENDIAN)) === type && left > 0) {
        left--;
        for (let at = 0; at < bytes.length; at += (view.getUint32(at, HOST_LITTLE_ENDIAN) + 3) & ~3)
          this.#lost.add(view.getUint32(at + 8, HOST_LITTLE_ENDIAN));
      }
      return sent;
    }

    override receive(): Datagram | undefined {
      for (;;) {
        const datagram = this.inner.receive();
        if (datagram === undefined) return undefined;
        const isAnswer = datagram.view.getUint16(4, HOST_LITTLE_ENDIAN) === NLMSG_ERROR;
        if (!isAnswer || !this.#lost.has(datagram.view.getUint32(8, HOST_LITTLE_ENDIAN))) return datagram;
      }
    }
  }
  return async (options) => new Losing(await kernel.transport(options));
}

describe('deleteWhere on a kernel that goes wrong', () => {
  it('counts as deleted what is gone when the answers to a batch were lost', async () => {
    const kernel = fakeKernel({ flows: some(600) });
    await using ct = await Conntrack.open({ transport: losing(kernel, IPCTNL_MSG_CT_DELETE, 2) });
    const result = await ct.deleteWhere({ orig: { proto: 'udp' } });
    expect(result).to.deep.include({ matched: 600, deleted: 600, alreadyGone: 0, failed: 0, failures: [] });
    expect(sources(kernel)).to.deep.equal([]);
  });

  it('sends again what the kernel had no memory for', async () => {
    const kernel = fakeKernel({ flows: some(5) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    kernel.fail('delete', 'ENOBUFS', { times: 2 });
    const result = await ct.deleteWhere({ orig: { proto: 'udp' } });
    expect(result).to.deep.include({ matched: 5, deleted: 5, alreadyGone: 0, failed: 0 });
    expect(sources(kernel)).to.deep.equal([]);
  });

  it('reports what it could not delete in three attempts', async () => {
    const kernel = fakeKernel({ flows: some(2) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    kernel.fail('delete', 'ENOBUFS', { times: 6 });
    const { deleted, failed, failures } = await ct.deleteWhere({ orig: { proto: 'udp' } });
    expect([deleted, failed]).to.deep.equal([0, 2]);
    expect(failures.map(({ error }) => error.name)).to.deep.equal(['OverrunError', 'OverrunError']);
    expect(sources(kernel)).to.have.lengthOf(2);
  });

  it('reports what the kernel refuses, and goes on', async () => {
    const kernel = fakeKernel({ flows: some(3) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    kernel.fail('delete', 'EBUSY');
    const { deleted, failed, failures } = await ct.deleteWhere({ orig: { proto: 'udp' } });
    expect([deleted, failed]).to.deep.equal([2, 1]);
    expect(failures.map(({ error }) => (error as NodeJS.ErrnoException).code)).to.deep.equal(['EBUSY']);
    expect(sources(kernel)).to.have.lengthOf(1);
  });

  it('lets the event loop turn, and looks at the signal, where no flow can be changed', async () => {
    const kernel = fakeKernel({ flows: some(3000) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    const controller = new AbortController();
    let failed = 0;
    const onProgress = (counts: { failed: number }): void => {
      if (counts.failed > 0 && failed === 0) setImmediate(() => controller.abort());
      failed = counts.failed;
    };
    const options = { limit: 3000, onProgress, signal: controller.signal };
    const ended = (await rejection(ct.updateWhere(() => true, { tcp: { state: 'CLOSE' } }, options))) as WhereError;
    expect(ended.code).to.equal('ERR_ABORTED');
    expect(ended.result.failed).to.be.within(256, 2999);
  });

  it('changes nothing twice where the answers to changes were lost', async () => {
    const kernel = fakeKernel({ flows: some(300) });
    await using ct = await Conntrack.open({ transport: losing(kernel, IPCTNL_MSG_CT_NEW, 1) });
    const result = await ct.updateWhere({ orig: { proto: 'udp' } }, { mark: 5, markMask: 0xf });
    expect(result).to.deep.include({ matched: 300, updated: 300, alreadyGone: 0, failed: 0 });
    expect(new Set(kernel.flows.map(({ mark }) => mark))).to.deep.equal(new Set([5]));
  });

  /** Flow 1 is replaced by another with its tuple and id, when the dump has come to flow 2. */
  const replacing = (kernel: FakeKernel): (() => void) => {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      kernel.advance(1000);
      kernel.expire(flow(1));
      kernel.reuseId();
      kernel.traffic(orig(1));
    };
  };

  it('counts a flow that was deleted in the place of another, and with exact deletes none', async () => {
    for (const exact of [false, true]) {
      const kernel = fakeKernel({ flows: some(2), timestamps: true });
      await using ct = await Conntrack.open({ transport: kernel.transport });
      // The events of a fake kernel begin with the first listener, as those of a real one.
      const onProgress = replacing(kernel);
      const result = await ct.deleteWhere({ orig: { proto: 'udp' } }, { exact, verify: 0, limit: 2, onProgress });
      const counts = exact ? { deleted: 1, alreadyGone: 1, wrongGeneration: 0 } : { deleted: 2, wrongGeneration: 1 };
      expect(result, `exact: ${exact}`).to.include({ matched: 2, failed: 0, reappeared: 0, ...counts });
      expect(sources(kernel)).to.deep.equal(exact ? ['10.0.0.1'] : []);
    }
  });

  it('without the id of its predecessor a flow in its place is left alone', async () => {
    const kernel = fakeKernel({ flows: some(2) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    let done = false;
    const onProgress = (): void => {
      if (done) return;
      done = true;
      kernel.expire(flow(1));
      kernel.traffic(orig(1));
    };
    const result = await ct.deleteWhere({ orig: { proto: 'udp' } }, { limit: 2, onProgress });
    expect(result).to.include({ matched: 2, deleted: 1, alreadyGone: 1, failed: 0 });
    expect(sources(kernel)).to.deep.equal(['10.0.0.1']);
  });

  it('counts each flow that comes back once, and events that were lost', async () => {
    const kernel = fakeKernel({ flows: some(4) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    const controller = new AbortController();
    const { signal } = controller;
    const done = rejection(ct.deleteWhere({ orig: { proto: 'udp' } }, { verify: 3_600_000, signal }));
    while (kernel.flows.length > 0) await new Promise(setImmediate);
    for (let times = 0; times < 2; times++) {
      for (const n of [2, 3]) kernel.traffic(exchange(orig(n)));
      kernel.traffic({ ...orig(9), src: '10.0.0.9' });
      for (const each of kernel.flows) kernel.expire(each);
    }
    kernel.overrun(3);
    for (const n of [4, 5, 6]) kernel.traffic(orig(n));
    kernel.traffic(orig(1));
    controller.abort();
    const { result } = (await done) as WhereError;
    expect(result).to.deep.include({ deleted: 4, reappeared: 3, eventsLost: 3, wrongGeneration: 0 });
    const { reappearedSample } = result as { reappearedSample: { orig: { src: string } }[] };
    expect(reappearedSample.map((each) => each.orig.src)).to.deep.equal(['10.0.0.2', '10.0.0.3', '10.0.0.1']);
  });

  it('counts a flow that comes back by a packet of the other end', async () => {
    const kernel = fakeKernel({ flows: some(2) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    const controller = new AbortController();
    const { signal } = controller;
    const done = rejection(ct.deleteWhere({ orig: { proto: 'udp' } }, { verify: 3_600_000, signal }));
    while (kernel.flows.length > 0) await new Promise(setImmediate);
    const { src, dst, sport, dport } = orig(1);
    kernel.traffic({ src: dst, dst: src, proto: 'udp', sport: dport, dport: sport });
    kernel.traffic({ src: dst, dst: src, proto: 'udp', sport: 54, dport: sport });
    controller.abort();
    const { result } = (await done) as WhereError;
    expect(result).to.deep.include({ deleted: 2, reappeared: 1, wrongGeneration: 0 });
  });

  it('deletes nothing else where the dump leaves flows out or gives them twice', async () => {
    const kernel = fakeKernel({ flows: [...some(50), flow(99, { mark: 9 })] });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    kernel.skipInDump(10);
    const first = await ct.deleteWhere({ orig: { dst: '192.0.2.1' }, not: { mark: 9 } });
    expect(first).to.include({ matched: 40, deleted: 40 });
    const second = await ct.deleteWhere({ orig: { dst: '192.0.2.1' }, not: { mark: 9 } });
    expect(second).to.include({ matched: 10, deleted: 10 });
    expect(sources(kernel)).to.deep.equal(['10.0.0.99']);
  });

  it('ends with the error of the dump, before anything was done', async () => {
    const kernel = fakeKernel({ flows: some(3) });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    kernel.fail('dump', 'EPERM');
    expect(await rejection(ct.deleteWhere({ orig: { proto: 'udp' } }))).to.include({
      name: 'KernelError',
      code: 'EPERM',
    });
    expect(kernel.flows).to.have.lengthOf(3);
    await ct.close();
    expect(await rejection(ct.deleteWhere({ orig: { proto: 'udp' } }))).to.include({ name: 'ClosedError' });
    expect(kernel.sockets).to.equal(0);
  });

  it('counts what was sent and not answered when its Conntrack is closed as unknown', async () => {
    for (const [call, verb] of [
      [(ct: Conntrack) => ct.deleteWhere({ orig: { proto: 'udp' } }), 'deleted'],
      [(ct: Conntrack) => ct.deleteWhere({ orig: { proto: 'udp' } }, { exact: true }), 'deleted'],
      [(ct: Conntrack) => ct.updateWhere({ orig: { proto: 'udp' } }, { mark: 5 }, { exact: false }), 'updated'],
    ] as const) {
      const kernel = fakeKernel({ flows: some(1000) });
      let ct: Conntrack | undefined;
      let changes = 0;
      /** The Conntrack is closed when the kernel has the second batch, whose answer nobody reads. */
      class Closing extends ForwardingTransport {
        override send(bytes: Uint8Array, takesLong?: boolean): ReturnType<ForwardingTransport['send']> {
          const type = nfnlMessage(viewOf(bytes).getUint16(4, HOST_LITTLE_ENDIAN));
          const sent = this.inner.send(bytes, takesLong);
          const changing = type === IPCTNL_MSG_CT_DELETE || type === IPCTNL_MSG_CT_NEW;
          if (changing && ++changes === 2) void ct!.close();
          return sent;
        }
      }
      ct = await Conntrack.open({ transport: async (options) => new Closing(await kernel.transport(options)) });
      const error = (await rejection(call(ct))) as WhereError;
      expect(error).to.include({ name: 'WhereError', code: 'ERR_INCOMPLETE' });
      const result = error.result as unknown as Record<string, number>;
      expect(result).to.include({ alreadyGone: 0, failed: 0 });
      // At least the second batch; others may have waited behind it.
      expect(result.unknown).to.be.within(256, 1000 - result[verb]);
      expect(error.message).to.equal(
        `the call ended early: the socket is closed; the fate of ${result.unknown} flows is not known`,
      );
      const done =
        verb === 'deleted' ? 1000 - kernel.flows.length : kernel.flows.filter(({ mark }) => mark === 5).length;
      expect(done).to.be.within(result[verb], result[verb] + result.unknown);
    }
  });

  it('ends when its Conntrack is closed, and leaves no socket', async () => {
    const kernel = fakeKernel({ flows: some(3) });
    const ct = await Conntrack.open({ transport: kernel.transport });
    const done = rejection(ct.deleteWhere({ orig: { proto: 'udp' } }, { verify: 3_600_000 }));
    while (kernel.flows.length > 0) await new Promise(setImmediate);
    await ct.close();
    const error = (await done) as WhereError;
    expect([error.code, (error.cause as Error).name]).to.deep.equal(['ERR_INCOMPLETE', 'ClosedError']);
    expect(error.result).to.include({ deleted: 3 });
    expect(kernel.sockets).to.equal(0);
  });
});

describe('updateWhere', () => {
  const port = { src: '10.9.0.1', dst: '192.0.2.1', sport: 1, dport: 2 } as const;
  const sctp = { state: 'ESTABLISHED', vtagOrig: 5, vtagReply: 6 } as const;
  const mixed: FlowInit[] = [
    flow(1, { mark: 1 }),
    { orig: { ...port, proto: 'tcp' }, timeout: 600, mark: 1, tcp: { state: 'ESTABLISHED' } },
    { orig: { ...port, proto: 'sctp' }, timeout: 600, mark: 1, sctp },
  ];

  for (const exact of [true, false]) {
    it(`counts as failed the flows that have no such property, exact: ${exact}`, async () => {
      const kernel = fakeKernel({ flows: mixed });
      await using ct = await Conntrack.open({ transport: kernel.transport });
      const result = await ct.updateWhere({ mark: 1 }, { tcp: { state: 'CLOSE' } }, { exact });
      expect(result).to.include({ matched: 3, updated: 1, failed: 2 });
      expect(result.failures.map(({ error }) => error.message)).to.have.members([
        "flow.tcp.state is not a property of flows with proto 'udp'",
        "flow.tcp.state is not a property of flows with proto 'sctp'",
      ]);
    });

    it(`keeps the verification tags of SCTP, which the kernel demands, exact: ${exact}`, async () => {
      const kernel = fakeKernel({ flows: mixed });
      await using ct = await Conntrack.open({ transport: kernel.transport });
      const result = await ct.updateWhere({ orig: { proto: 'sctp' } }, { sctp: { state: 'CLOSED' } }, { exact });
      expect(result).to.include({ matched: 1, updated: 1, failed: 0 });
      const [after] = await ct.dump({ orig: { proto: 'sctp' } }).toArray();
      expect(after.toJSON().sctp).to.deep.equal({ ...sctp, state: 'CLOSED' });
    });
  }

  it('refuses a timeout of 0, with which the kernel deletes', async () => {
    const kernel = fakeKernel({ flows: mixed });
    await using ct = await Conntrack.open({ transport: kernel.transport });
    const refused = await rejection(ct.updateWhere({ mark: 1 }, { timeout: 0 }));
    expect(refused).to.be.instanceOf(RangeError).and.have.property('message').that.contains('deleteWhere does that');
    expect(kernel.flows).to.have.length(3);
  });
});
