/** Sending ahead: what was sent is done, whatever comes after it. Receiving ahead where the kernel refuses io_uring. */
import { expect } from 'chai';
import { Flow } from '../../../src/ctnetlink/flow.ts';
import { buildCreate } from '../../../src/ctnetlink/request/flow.ts';
import { Batch, stampBatch } from '../../../src/netlink/batch.ts';
import { Ahead } from '../../../src/transport/libc/ahead.ts';
import { AioChain } from '../../../src/transport/libc/aio.ts';
import { Ring } from '../../../src/transport/libc/io_uring/ring.ts';
import type { AioFunctions, Libc } from '../../../src/transport/libc/libc.ts';
import { Memory } from '../../../src/transport/libc/memory.ts';
import { Outgoing } from '../../../src/transport/libc/outgoing.ts';
import { DATAGRAM_SIZE } from '../../../src/transport/libc/receive-buffers.ts';
import { openTransport } from '../../../src/transport/open.ts';
import { EAGAIN, EBUSY, ENOBUFS, EPERM } from '../../../src/uapi/errno.ts';
import { SYS_io_uring_enter, SYS_io_uring_setup } from '../../../src/uapi/io_uring.ts';
import { aio, libc, pair } from '../../support/calls.ts';
import { describeKernel, resetNamespace, sh, until } from '../../support/kernel.ts';
import { flow } from '../conformance/flows.ts';

describeKernel('sending ahead', ['conntrack'], () => {
  beforeEach(() => resetNamespace());
  after(() => resetNamespace());

  it('loses nothing when the socket is closed right after the send', async () => {
    const transport = await openTransport({ transport: 'koffi' });
    transport.start({ readable: () => {}, failed: () => {} });
    const batch = new Batch();
    for (let n = 0; n < 1000; n++) {
      batch.add(buildCreate(Flow.from(flow(n)), 'create'));
      if (batch.count < 100) continue;
      expect(batch.takesLong, 'is sent ahead').to.equal(true);
      stampBatch(batch.bytes, 1 + n, batch.count);
      transport.send(batch.bytes, batch.takesLong);
      batch.clear();
    }
    transport.close();
    await until(() => Number(sh('conntrack', '-C')) === 1000, { what: 'all that was sent' });
  });
});

/** A libc of its own, whose kernel answers these system calls with an errno. */
function refusing(errno: number, ...numbers: readonly number[]): Libc & { refused: number } {
  let last = 0;
  const refuser = {
    ...libc,
    aio,
    refused: 0,
    syscall: ((number, ...args) => {
      last = 0;
      if (!numbers.includes(number)) return libc.syscall(number, ...args);
      refuser.refused++;
      last = errno;
      return -1;
    }) as Libc['syscall'],
    errno: () => last || libc.errno(),
  };
  return refuser;
}

/** As a C library would leave the operations of one chain: results; negative ones are errnos. */
function library(results: readonly number[]): AioFunctions {
  const taken = new Map<number, number>();
  const queue = (block: Uint8Array | null): number => {
    taken.set(block!.byteOffset, taken.size < results.length ? results[taken.size] : -EAGAIN);
    return 0;
  };
  const result = (block: Uint8Array | null): number => taken.get(block!.byteOffset)!;
  return {
    aio_read: queue,
    aio_write: queue,
    aio_error: (block) => Math.max(0, -result(block)),
    aio_return: (block) => Math.max(-1, result(block)),
    aio_suspend: () => 0,
  };
}

/** Whatever there is to receive, until nothing is under way. */
async function received(ahead: Ahead): Promise<(number | 'overrun')[]> {
  const all: (number | 'overrun')[] = [];
  await until(
    () => {
      ahead.advance();
      for (let next = ahead.receive(); next !== undefined; next = ahead.receive())
        all.push(next === 'overrun' ? next : next.view.getUint8(0));
      return !ahead.busy;
    },
    { what: 'the end of what was received ahead' },
  );
  return all;
}

async function close(ahead: Ahead): Promise<void> {
  await new Promise<void>((resolve) => ahead.close(resolve));
  expect(AioChain.working, 'chains under way').to.equal(0);
}

describe('receiving ahead without io_uring', () => {
  let sockets: [number, number];

  beforeEach(() => {
    sockets = pair();
  });

  afterEach(() => {
    for (const fd of sockets) libc.close(fd);
  });

  function sendTheirs(count: number): void {
    for (let n = 1; n <= count; n++) {
      const outgoing = new Outgoing(libc, new Uint8Array(n).fill(n));
      expect(libc.sendmsg(sockets[1], outgoing.header, 0)).to.equal(n);
      outgoing.free();
    }
  }

  for (const [what, numbers] of [
    ['io_uring_setup', [SYS_io_uring_setup]],
    ['io_uring_enter', [SYS_io_uring_enter]],
  ] as const) {
    it(`goes by a thread of the C library where ${what} is refused`, async () => {
      const refuser = refusing(EPERM, ...numbers);
      for (let round = 0; round < 3; round++) {
        const ahead = new Ahead(refuser, sockets[0], true);
        sendTheirs(9);
        ahead.start();
        expect(await received(ahead)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for (let n = 1; n <= 6; n++) ahead.send(new Uint8Array(n).fill(n));
        sendTheirs(2);
        expect(await received(ahead)).to.deep.equal([1, 2]);
        expect(ahead.refused).to.equal(false);
        const sent = new Ahead({ ...libc, aio }, sockets[1], true);
        sent.start();
        expect(await received(sent)).to.deep.equal([1, 2, 3, 4, 5, 6]);
        await Promise.all([close(ahead), close(sent)]);
      }
      expect(refuser.refused, 'calls refused').to.equal(what === 'io_uring_enter' ? 1 : 3);
    });
  }

  it('sends all when the socket is closed right after the send', async () => {
    const ahead = new Ahead(refusing(EPERM, SYS_io_uring_setup), sockets[0], true);
    for (let n = 1; n <= 9; n++) ahead.send(new Uint8Array(n).fill(n));
    sendTheirs(9);
    await close(ahead);
    const memory = new Memory(libc, 16);
    const lengths = Array.from({ length: 10 }, () => libc.read(sockets[1], memory.bytes, 16));
    expect(lengths).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, -1]);
    memory.free();
  });

  it('makes no more rings once io_uring_enter is forbidden, but tries again after other errors', () => {
    const busy = refusing(EBUSY, SYS_io_uring_enter);
    const forbidding = refusing(EPERM, SYS_io_uring_enter);
    for (const [each, forbidden] of [
      [busy, false],
      [forbidding, true],
    ] as const) {
      const ring = Ring.take(each);
      ring.cancelAll();
      expect(ring.submit()).to.equal(0);
      ring.retire(() => {});
      expect(Ring.isForbidden(each)).to.equal(forbidden);
    }
    Ring.take(busy).retire(() => {});
    expect(() => Ring.take(forbidding))
      .to.throw()
      .that.includes({ name: 'TransportError', errno: EPERM });
  });

  it('is not available on a socket to which others can send, or without aio.h', () => {
    const refuser = refusing(EPERM, SYS_io_uring_setup);
    expect(() => new Ahead(refuser, sockets[0], false))
      .to.throw()
      .that.includes({ errno: EPERM });
    const without = { ...refuser, aio: undefined };
    expect(() => new Ahead(without, sockets[0], true))
      .to.throw()
      .that.includes({ errno: EPERM });
  });

  it('reports an overrun in its place, and continues behind it', async () => {
    const refuser = { ...refusing(EPERM, SYS_io_uring_setup), aio: library([3, 3, -ENOBUFS, 3, -EAGAIN, 3]) };
    const ahead = new Ahead(refuser, sockets[0], true);
    ahead.start();
    expect(await received(ahead)).to.deep.equal([0, 0, 'overrun', 0, 0]);
    await close(ahead);
  });

  it('marks a datagram that fills its buffer: its end may be missing', async () => {
    const ahead = new Ahead(refusing(EPERM, SYS_io_uring_setup), sockets[0], true);
    const long = new Outgoing(libc, new Uint8Array(DATAGRAM_SIZE + 100));
    const short = new Outgoing(libc, new Uint8Array(DATAGRAM_SIZE - 1));
    const seen: boolean[] = [];
    for (const outgoing of [long, short, long, short]) libc.sendmsg(sockets[1], outgoing.header, 0);
    ahead.start();
    await until(
      () => {
        ahead.advance();
        for (let next = ahead.receive(); next !== undefined; next = ahead.receive())
          if (next !== 'overrun') seen.push(next.truncated);
        return !ahead.busy;
      },
      { what: 'all of them' },
    );
    expect(seen).to.deep.equal([true, false, true, false]);
    await close(ahead);
    for (const each of [long, short]) each.free();
  });

  it('sends directly what the C library has no thread for', async () => {
    const none = { ...aio, aio_read: () => -1, aio_write: () => -1 };
    const ahead = new Ahead({ ...refusing(EPERM, SYS_io_uring_setup), aio: none }, sockets[0], true);
    for (let n = 1; n <= 6; n++) ahead.send(new Uint8Array(n).fill(n));
    expect(await received(ahead)).to.deep.equal([]);
    expect(ahead.refused).to.equal(true);
    const lengths = new Memory(libc, 8);
    const count = [1, 2, 3, 4, 5, 6].map(() => libc.read(sockets[1], lengths.bytes, 8));
    expect(count).to.deep.equal([1, 2, 3, 4, 5, 6]);
    lengths.free();
    await close(ahead);
  });

  it('sends the datagrams behind one that the kernel does not take, and reports the error', async () => {
    const none = { ...aio, aio_read: () => -1, aio_write: () => -1 };
    const refuser = refusing(EPERM, SYS_io_uring_setup);
    let sends = 0;
    const full: Libc = {
      ...refuser,
      aio: none,
      sendmsg: (...args) => (++sends === 2 ? -1 : libc.sendmsg(...args)),
      errno: () => (sends === 2 ? ENOBUFS : refuser.errno()),
    };
    const ahead = new Ahead(full, sockets[0], true);
    for (let n = 1; n <= 5; n++) ahead.send(new Uint8Array(n).fill(n));
    expect(() => ahead.receive())
      .to.throw()
      .that.includes({ name: 'TransportError', errno: ENOBUFS });
    const memory = new Memory(libc, 8);
    const lengths = Array.from({ length: 5 }, () => libc.read(sockets[1], memory.bytes, 8));
    expect(lengths).to.deep.equal([1, 3, 4, 5, -1]);
    memory.free();
    await close(ahead);
  });
});
