/** Chains of operations in a thread of the C library: their order, their ends, and who owns the memory meanwhile. */
import { expect } from 'chai';
import koffi from 'koffi';
import { AIO_FUNCTIONS, AioChain, type AioFunctions } from '../../../src/transport/libc/aio.ts';
import { type Calls, type CType, FUNCTIONS, type LibcFunctions } from '../../../src/transport/libc/libc.ts';
import { Memory } from '../../../src/transport/libc/memory.ts';
import { allocate, free } from '../../../src/transport/libc/owned.ts';
import { EAGAIN, ENOSYS } from '../../../src/uapi/errno.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK } from '../../../src/uapi/socket.ts';
import { until } from '../../support/kernel.ts';

const SOCK_DGRAM = 2;
/** Milliseconds. */
const PATIENCE = 1000;

const TYPES: Readonly<Record<CType, string>> = { i32: 'int32_t', u32: 'uint32_t', i64: 'int64_t', pointer: 'void *' };

function bind(functions: Readonly<Record<string, readonly CType[]>>): Record<string, unknown> {
  const library = koffi.load('libc.so.6');
  const types = (parameters: readonly CType[]): string[] => parameters.map((type) => TYPES[type]);
  return Object.fromEntries(
    Object.entries(functions).map(([name, parameters]) => [name, library.func(name, 'int32_t', types(parameters))]),
  );
}

const libc: Calls = {
  ...(bind(FUNCTIONS) as LibcFunctions),
  errno: () => koffi.errno(),
  allocate,
  free,
  addressOf: (memory) => koffi.address(memory),
};
const aio = bind(AIO_FUNCTIONS) as unknown as AioFunctions;

/** Both ends of a pair of sockets that keep datagrams apart and wait for nothing. */
function pair(): [number, number] {
  const ends = new Memory(libc, 8);
  expect(libc.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.bytes)).to.equal(0);
  return [ends.getI32(0), ends.getI32(4)];
}

/** How all of them ended, after waiting for the last. */
async function ends(chain: AioChain, count: number): Promise<number[]> {
  await until(() => chain.ready === count, { what: 'the chain' });
  return Array.from({ length: count }, () => chain.next());
}

describe('a chain of asynchronous I/O', () => {
  let sockets: [number, number];
  let memory: Memory;

  beforeEach(() => {
    sockets = pair();
    memory = new Memory(libc, 64 * 1024);
  });

  afterEach(() => {
    for (const fd of sockets) libc.close(fd);
    expect(AioChain.working, 'chains under way').to.equal(0);
  });

  it('sends and receives datagrams in their order, and ends with EAGAIN where there are no more', async () => {
    const [ours, theirs] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let round = 0; round < 3; round++) {
      for (let n = 1; n <= 10; n++) {
        memory.bytes.fill(n + round, n * 100, n * 100 + n);
        chain.send(ours, memory, n * 100, n);
      }
      expect(chain.submit()).to.equal(10);
      expect(chain.under).to.equal(10);
      expect(await ends(chain, 10)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      for (let n = 0; n < 12; n++) chain.receive(theirs, memory, 8192 + n * 100, 100);
      expect(chain.submit()).to.equal(12);
      expect(await ends(chain, 12)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -EAGAIN, -EAGAIN]);
      for (let n = 1; n <= 10; n++) expect(memory.bytes[8192 + (n - 1) * 100]).to.equal(n + round);
      expect(chain.under).to.equal(0);
    }
  });

  it('waits until so many have ended, or until its patience has', async () => {
    const [ours] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 8; n++) chain.send(ours, memory, 0, 1);
    for (let n = 0; n < 8; n++) chain.receive(ours, memory, 1, 1);
    chain.submit();
    chain.wait(3);
    expect(chain.ready).to.be.at.least(3);
    chain.wait(100);
    expect(await ends(chain, 16)).to.deep.equal([...new Array(8).fill(1), ...new Array(8).fill(-EAGAIN)]);
    chain.wait(1);
    expect(chain.ready).to.equal(0);
  });

  it('says so where the C library does not have it', () => {
    expect(() => new AioChain(libc, undefined, PATIENCE))
      .to.throw()
      .that.includes({ name: 'TransportError', errno: ENOSYS });
  });

  it('takes as many operations as it has room for', () => {
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 32; n++) chain.receive(sockets[1], memory, 0, 1);
    expect(() => chain.receive(sockets[1], memory, 0, 1)).to.throw(RangeError);
  });

  it('retires when the last operation has ended, and not before', async () => {
    const [ours] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 16; n++) chain.send(ours, memory, 0, 32768);
    for (let n = 0; n < 16; n++) chain.receive(ours, memory, 32768, 32768);
    chain.submit();
    const under = await new Promise((resolve) => chain.retire(() => resolve(chain.under)));
    expect([under, AioChain.working]).to.deep.equal([0, 0]);
  });

  it('is quiet when the process may end', () => {
    const [ours] = sockets;
    const chain = new AioChain(libc, aio, PATIENCE);
    for (let n = 0; n < 16; n++) chain.send(ours, memory, 0, 32768);
    chain.submit();
    chain.quiet();
    expect([chain.under, AioChain.working]).to.deep.equal([0, 0]);
  });

  describe('of a C library that', () => {
    /** Control blocks as the library would leave them. */
    function library(lio_listio: (block: (at: number) => DataView) => number): AioFunctions {
      return {
        lio_listio: (_mode, list) => lio_listio((at) => new DataView(list.buffer, at * 168, 168)),
        aio_error: () => 0,
        aio_suspend: () => 0,
        connect: () => 0,
      };
    }
    const end = (block: DataView, errno: number, result: bigint): void => {
      block.setInt32(112, errno, true);
      block.setBigInt64(120, result, true);
    };
    const EINPROGRESS = 115;

    function chainOf(aio: AioFunctions): AioChain {
      const chain = new AioChain(libc, aio, PATIENCE);
      for (let n = 0; n < 3; n++) chain.receive(sockets[1], memory, 0, 1);
      return chain;
    }

    it('has no thread starts nothing, and owns nothing', () => {
      const chain = chainOf(library(() => -1));
      expect(chain.submit()).to.equal(0);
      expect([chain.under, chain.ready, AioChain.working]).to.deep.equal([0, 0, 0]);
    });

    it('starts the first alone says how many', () => {
      let first: DataView | undefined;
      const chain = chainOf(
        library((block) => {
          first = block(0);
          end(first, EINPROGRESS, 0n);
          return -1;
        }),
      );
      expect(chain.submit()).to.equal(1);
      expect([chain.ready, chain.under, AioChain.working]).to.deep.equal([0, 1, 1]);
      end(first!, 0, 7n);
      expect(chain.ready).to.equal(1);
      expect(chain.next()).to.equal(7);
    });

    it('starts the last alone returns the errno of the others in their place', () => {
      const chain = chainOf(
        library((block) => {
          end(block(2), 0, 7n);
          return -1;
        }),
      );
      expect(chain.submit()).to.equal(3);
      expect(chain.ready).to.equal(3);
      expect([chain.next(), chain.next(), chain.next()]).to.deep.equal([-EAGAIN, -EAGAIN, 7]);
    });

    it('ends everything at once is believed', () => {
      const chain = chainOf(
        library((block) => {
          end(block(0), 0, 1n);
          end(block(1), EAGAIN, -1n);
          end(block(2), 0, 0n);
          return -1;
        }),
      );
      expect(chain.submit()).to.equal(3);
      expect(chain.ready).to.equal(3);
      expect([chain.next(), chain.next(), chain.next()]).to.deep.equal([1, -EAGAIN, 0]);
    });

    it('ends a later operation first waits for the earlier', () => {
      const blocks: DataView[] = [];
      const chain = chainOf(
        library((block) => {
          for (const at of [0, 1, 2]) {
            blocks.push(block(at));
            end(blocks[at], EINPROGRESS, 0n);
          }
          return 0;
        }),
      );
      chain.submit();
      end(blocks[1], 0, 5n);
      expect(chain.ready).to.equal(0);
      end(blocks[0], 0, 4n);
      expect(chain.ready).to.equal(2);
      expect([chain.next(), chain.next()]).to.deep.equal([4, 5]);
      expect(AioChain.working).to.equal(1);
      end(blocks[2], EAGAIN, -1n);
      expect(chain.ready).to.equal(1);
      expect(chain.next()).to.equal(-EAGAIN);
    });
  });
});
