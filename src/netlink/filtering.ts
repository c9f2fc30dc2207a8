/** Socket filters where the socket has none. */
import { EINVAL, ENOENT } from '../uapi/errno.ts';
import { BpfProgram } from './bpf.ts';
import { viewOf } from './byteorder.ts';
import { TransportError } from './errors.ts';
import type { Datagram, Transport, TransportListener } from './transport.ts';

/** What can be filtered, by the kernel or here. */
export type FilteringTransport = Transport & Required<Pick<Transport, 'attachFilter'>>;

/**
 * Returns the transport itself if it has attachFilter. Otherwise wraps it: the program runs over every datagram, which
 * passes whole unless the program returns 0. The results differ only for datagrams that wait when a program is attached
 * or detached: the kernel judges a datagram when it arrives, this wrapper when it is read.
 */
export function filtering(transport: Transport): FilteringTransport {
  return transport.attachFilter === undefined ? new UserSpaceFilter(transport) : (transport as FilteringTransport);
}

/** A datagram that does not pass, to a reader that counts its time: it holds no message. */
const DROPPED: Datagram = { bytes: new Uint8Array(), view: viewOf(new Uint8Array()), sender: 0, truncated: false };

class UserSpaceFilter implements FilteringTransport {
  readonly #inner: Transport;
  #program: BpfProgram | undefined;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  get name(): string {
    return this.#inner.name;
  }

  get portid(): number {
    return this.#inner.portid;
  }

  get release(): string | undefined {
    return this.#inner.release;
  }

  get ended(): boolean {
    return this.#inner.ended;
  }

  get drained(): boolean | undefined {
    return this.#inner.drained;
  }

  get window(): number | undefined {
    return this.#inner.window;
  }

  get queueLimit(): number | undefined {
    return this.#inner.queueLimit;
  }

  start(listener: TransportListener): void {
    this.#inner.start(listener);
  }

  send(bytes: Uint8Array, takesLong?: boolean): ReturnType<Transport['send']> {
    return this.#inner.send(bytes, takesLong);
  }

  receive(): Datagram | undefined {
    const datagram = this.#inner.receive();
    if (datagram === undefined || this.#program === undefined) return datagram;
    // Nobody knows what the kernel would have decided about a cut datagram, and its loss must be reported.
    return datagram.truncated || this.#program.run(datagram.view) !== 0 ? datagram : DROPPED;
  }

  joinGroup(group: number): void {
    this.#inner.joinGroup(group);
  }

  leaveGroup(group: number): void {
    this.#inner.leaveGroup(group);
  }

  attachFilter(program: Uint8Array | undefined): void {
    if (program === undefined && this.#program === undefined)
      throw new TransportError('setsockopt', ENOENT, 'there is no filter to take away');
    this.#program = program === undefined ? undefined : checked(program);
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  close(): void {
    this.#inner.close();
  }
}

function checked(program: Uint8Array): BpfProgram {
  try {
    return new BpfProgram(program);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TransportError('setsockopt', EINVAL, error.message, { cause: error });
  }
}
