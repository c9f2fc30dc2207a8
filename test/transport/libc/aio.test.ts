/** Chains of operations in a thread of the C library: their order, their ends, and who owns the memory meanwhile. */
import { expect } from 'chai';
import { AioChain } from '../../../src/transport/libc/aio.ts';
import type { AioFunctions } from '../../../src/transport/libc/libc.ts';
import { Outgoing } from '../../../src/transport/libc/outgoing.ts';
import { DATAGRAM_SIZE, ReceiveBuffers } from '../../../src/transport/libc/receive-buffers.ts';
import { EAGAIN, EINPROGRESS } from '../../../src/uapi/errno.ts';
import { aio, libc, pair } from '../../support/calls.ts';
import { until } from '../../support/kernel.ts';
import { turns } from '../../support/turns.ts';

/** Milliseconds. */
const PATIENCE = 1000;

/** How all of them ended, after waiting for the last. */
async function ends(chain: AioChain, count: number): Promise<number[]> {
  await until(() => chain.ready === count, { what: 'the chain' });
  return Array.from({ length: count }, () => chain.next());
}

describe('a chain of asynchronous I/O', () => {
  let sockets: [number, number];
  let buffers: ReceiveBuffers;
  let outgoing: Outgoing[];

  beforeEach(() => {
    sockets = pair();
    buffers = new ReceiveBuffers(libc, 16);
    // The nth has n bytes of n.
    outgoing = Array.from({ length: 16 }, (_, n) => new Outgoing(libc, new Uint8Array(n + 1).fill(n + 1)));
  });

  afterEach(() => {
    expect(AioChain.working, 'chains under way').to.equal(0);
    for (const fd of sockets) libc.close(fd);
    for (const each of [buffers, ...outgoing]) each.free();
  });

  it('sends and receives datagrams in their order, and ends with EAGAIN where there are no more', async () => {
    const [ours, theirs] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let round = 0; round < 3; round++) {
      for (const each of outgoing.slice(0, 10)) chain.send(ours, each);
      expect(chain.submit()).to.equal(10);
      expect(chain.under).to.equal(10);
      expect(await ends(chain, 10)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      for (let buffer = 0; buffer < 12; buffer++) chain.receive(theirs, buffers, buffer);
      expect(chain.submit()).to.equal(12);
      expect(await ends(chain, 12)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -EAGAIN, -EAGAIN]);
      for (let buffer = 0; buffer < 10; buffer++) {
        const { bytes } = buffers.datagram(buffer, buffer + 1);
        expect(Buffer.from(bytes)).to.deep.equal(Buffer.alloc(buffer + 1, buffer + 1));
      }
      expect(chain.under).to.equal(0);
    }
  });

  it('receives datagrams as long as a buffer', async () => {
    const [ours, theirs] = sockets;
    const long = new Outgoing(libc, new Uint8Array(DATAGRAM_SIZE + 1).fill(7));
    const chain = new AioChain(libc, aio, PATIENCE);
    chain.send(ours, long);
    chain.submit();
    expect(await ends(chain, 1)).to.deep.equal([DATAGRAM_SIZE + 1]);
    chain.receive(theirs, buffers, 1);
    chain.submit();
    expect(await ends(chain, 1)).to.deep.equal([DATAGRAM_SIZE]);
    expect(buffers.datagram(1, DATAGRAM_SIZE).view.getUint8(DATAGRAM_SIZE - 1)).to.equal(7);
    expect(buffers.datagram(2, 1).view.getUint8(0), 'the buffer behind').to.equal(0);
    long.free();
  });

  it('waits until so many have ended, or until its patience has', async () => {
    const [ours] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 8; n++) chain.send(ours, outgoing[0]);
    for (let n = 0; n < 8; n++) chain.receive(ours, buffers, n);
    chain.submit();
    chain.wait(3);
    expect(chain.ready).to.be.at.least(3);
    chain.wait(100);
    expect(await ends(chain, 16)).to.deep.equal([...new Array(8).fill(1), ...new Array(8).fill(-EAGAIN)]);
    chain.wait(1);
    expect(chain.ready).to.equal(0);
  });

  it('takes as many operations as it has room for', () => {
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 32; n++) chain.receive(sockets[1], buffers, 0);
    expect(() => chain.receive(sockets[1], buffers, 0)).to.throw(RangeError);
  });

  it('retires when the last operation has ended, and not before', async () => {
    const [ours] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 16; n++) chain.send(ours, outgoing[n]);
    for (let n = 0; n < 16; n++) chain.receive(ours, buffers, n);
    chain.submit();
    const under = await new Promise((resolve) => chain.retire(() => resolve(chain.under)));
    expect([under, AioChain.working]).to.deep.equal([0, 0]);
  });

  it('is quiet when the process may end', () => {
    const [ours] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (const each of outgoing) chain.send(ours, each);
    chain.submit();
    chain.quiet();
    expect([chain.under, AioChain.working]).to.deep.equal([0, 0]);
  });

  describe('of a C library that', () => {
    /** As a test lets the operations end: by the place of each in the chain, an errno and a result. */
    class Library implements AioFunctions {
      readonly states: { error: number; result: number }[] = [];
      /** How often aio_return was called for each. */
      readonly taken: number[] = [];
      readonly #most: number;
      readonly #places = new Map<number, number>();

      /** @param most that it queues */
      constructor(most: number) {
        this.#most = most;
      }

      readonly aio_read = (block: Uint8Array | null): number => {
        if (this.states.length === this.#most) return -1;
        this.#places.set(block!.byteOffset, this.states.length);
        this.states.push({ error: EINPROGRESS, result: 0 });
        this.taken.push(0);
        return 0;
      };
      readonly aio_write = this.aio_read;
      readonly aio_error = (block: Uint8Array | null): number => this.states[this.#place(block)].error;
      readonly aio_return = (block: Uint8Array | null): number => {
        const at = this.#place(block);
        this.taken[at]++;
        return this.states[at].result;
      };
      readonly aio_suspend = (): number => 0;

      end(at: number, error: number, result: number): void {
        this.states[at] = { error, result };
      }

      #place(block: Uint8Array | null): number {
        return this.#places.get(block!.byteOffset)!;
      }
    }

    function chainOf(library: Library): AioChain {
      const chain = new AioChain(libc, library, PATIENCE);
      chain.send(sockets[1], outgoing[0]);
      for (let n = 0; n < 2; n++) chain.receive(sockets[1], buffers, n);
      return chain;
    }

    it('has no thread starts nothing, and owns nothing', () => {
      const chain = chainOf(new Library(0));
      expect(chain.submit()).to.equal(0);
      expect([chain.under, chain.ready, AioChain.working]).to.deep.equal([0, 0, 0]);
    });

    it('queues the first alone is asked for no more, and the chain says how many', () => {
      const library = new Library(1);
      const chain = chainOf(library);
      expect(chain.submit()).to.equal(1);
      expect([chain.ready, chain.under, AioChain.working]).to.deep.equal([0, 1, 1]);
      library.end(0, 0, 7);
      expect(chain.ready).to.equal(1);
      expect(chain.next()).to.equal(7);
      expect(library.taken).to.deep.equal([1]);
    });

    it('ends everything at once is believed, and each result is taken once', () => {
      const library = new Library(3);
      const chain = chainOf(library);
      expect(chain.submit()).to.equal(3);
      library.end(0, 0, 1);
      library.end(1, EAGAIN, -1);
      library.end(2, 0, 0);
      expect([chain.ready, chain.ready]).to.deep.equal([3, 3]);
      expect([chain.next(), chain.next(), chain.next()]).to.deep.equal([1, -EAGAIN, 0]);
      expect(library.taken).to.deep.equal([1, 1, 1]);
    });

    it('ends a later operation first waits for the earlier', () => {
      const library = new Library(3);
      const chain = chainOf(library);
      chain.submit();
      library.end(1, 0, 5);
      expect(chain.ready).to.equal(0);
      library.end(0, 0, 4);
      expect(chain.ready).to.equal(2);
      expect([chain.next(), chain.next()]).to.deep.equal([4, 5]);
      expect(AioChain.working).to.equal(1);
      library.end(2, EAGAIN, -1);
      expect(chain.ready).to.equal(1);
      expect(chain.next()).to.equal(-EAGAIN);
    });

    it('does not end an operation keeps the memory until it does', async () => {
      const library = new Library(1);
      const chain = chainOf(library);
      chain.submit();
      let over = false;
      chain.retire(() => {
        over = true;
      });
      await turns(10);
      expect([over, AioChain.working]).to.deep.equal([false, 1]);
      library.end(0, 0, 1);
      await until(() => over, { what: 'the end' });
    });
  });
});
