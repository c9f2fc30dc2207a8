/** A socket that cannot be opened, or not made use of, leaves nothing: no descriptor, no memory. */
import { expect } from 'chai';
import { TransportError } from '../../../src/netlink/errors.ts';
import type { TransportOptions } from '../../../src/netlink/transport.ts';
import type { FunctionName, Libc, LibcFunctions } from '../../../src/transport/libc/libc.ts';
import { FUNCTIONS } from '../../../src/transport/libc/libc.ts';
import { openSocket } from '../../../src/transport/libc/socket.ts';
import { EAFNOSUPPORT, EMFILE, ENOMEM, EPERM, EPROTONOSUPPORT } from '../../../src/uapi/errno.ts';

type Refuses = (name: FunctionName | 'allocate' | 'watch', args: readonly unknown[]) => number | undefined;

/** A C library with results from the test, which notes what it gave. */
class Told {
  readonly descriptors = new Set<number>();
  readonly memory = new Set<Uint8Array>();
  readonly calls: string[] = [];
  #next = 10;
  #address = 0x10000n;
  #errno = 0;

  /** @param refuses the errno of a call, or undefined */
  libc(refuses: Refuses): Libc {
    const call = (name: FunctionName, args: readonly unknown[]): number => {
      this.calls.push(name);
      const errno = refuses(name, args);
      if (errno !== undefined) {
        this.#errno = errno;
        return -1;
      }
      if (name === 'socket' || name === 'eventfd' || name === 'epoll_create1') return this.#give();
      if (name === 'close') expect(this.descriptors.delete(args[0] as number), 'closed once').to.equal(true);
      return 0;
    };
    const functions = Object.fromEntries(
      Object.keys(FUNCTIONS).map((name) => [name, (...args: unknown[]) => call(name as FunctionName, args)]),
    );
    return {
      ...(functions as unknown as LibcFunctions),
      name: 'scripted',
      errno: () => this.#errno,
      allocate: (size) => {
        this.calls.push('allocate');
        if (refuses('allocate', [size]) !== undefined) throw new RangeError('Array buffer allocation failed');
        const memory = new Uint8Array(new ArrayBuffer(size));
        this.memory.add(memory);
        return memory;
      },
      free: (memory) => void expect(this.memory.delete(memory), 'freed once').to.equal(true),
      addressOf: () => {
        this.#address += 0x100000n;
        return this.#address;
      },
      watch: () => {
        const errno = refuses('watch', []);
        if (errno !== undefined) throw new TransportError('eventfd', errno, 'refused');
        return { start() {}, stop() {}, ref() {}, unref() {}, close: (closed) => closed() };
      },
    };
  }

  #give(): number {
    this.descriptors.add(this.#next);
    return this.#next++;
  }
}

/** Refuses the nth of all calls. */
function nth(n: number, errno: number): Refuses {
  let calls = 0;
  return (name) => (name !== 'close' && ++calls === n ? errno : undefined);
}

const OPTIONS: readonly TransportOptions[] = [
  {},
  { events: true },
  { events: true, receiveAhead: true, reliable: true },
];

describe('libc: opening', () => {
  it('leaves nothing, whichever call fails, memory included', () => {
    let failed = 0;
    for (const options of OPTIONS)
      for (const errno of [EMFILE, ENOMEM, EPERM])
        for (let n = 1; n < 40; n++) {
          const told = new Told();
          const transport = (() => {
            try {
              return openSocket(told.libc(nth(n, errno)), options);
            } catch (error) {
              expect(error).to.satisfy((each: unknown) => each instanceof TransportError || each instanceof RangeError);
              failed++;
              return undefined;
            }
          })();
          if (transport !== undefined) {
            transport.start({ readable() {}, failed() {} });
            try {
              if (options.events === true) transport.joinGroup(1);
            } catch (error) {
              expect(error).to.satisfy((each: unknown) => each instanceof TransportError || each instanceof RangeError);
              failed++;
            }
            transport.close();
          }
          expect([...told.descriptors], `call ${n}: ${told.calls[n - 1]}`).to.deep.equal([]);
          // A ring stays, with two pieces: the kernel may write into one that was closed once more.
          const kept = told.calls.includes('syscall') ? 2 : 0;
          expect(told.memory.size, `call ${n}: ${told.calls[n - 1]}`).to.be.at.most(kept);
        }
    expect(failed).to.be.above(50);
  });

  it('says what a kernel without nfnetlink lacks', () => {
    for (const errno of [EPROTONOSUPPORT, EAFNOSUPPORT])
      expect(() => openSocket(new Told().libc((name) => (name === 'socket' ? errno : undefined)))).to.throw(
        TransportError,
        /modprobe nfnetlink nf_conntrack_netlink/,
      );
  });

  it('refuses a group, and leaves nothing, when there can be no notice of events', () => {
    const told = new Told();
    const transport = openSocket(
      told.libc((name) => (name === 'watch' ? EMFILE : undefined)),
      { events: true },
    );
    expect(() => transport.joinGroup(1)).to.throw(TransportError, /eventfd/);
    transport.close();
    expect([...told.descriptors]).to.deep.equal([]);
  });
});
