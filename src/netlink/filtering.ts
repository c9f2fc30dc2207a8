/** Socket filters where the socket has none. */
import { EINVAL, ENOENT } from '../uapi/errno.ts';
import { BpfProgram } from './bpf.ts';
import { viewOf } from './byteorder.ts';
import { TransportError } from './errors.ts';
import { ForwardingTransport } from './forwarding.ts';
import type { Datagram, Transport } from './transport.ts';

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

class UserSpaceFilter extends ForwardingTransport {
  #program: BpfProgram | undefined;

  override receive(): Datagram | undefined {
    const datagram = this.inner.receive();
    if (datagram === undefined || this.#program === undefined) return datagram;
    // Nobody knows what the kernel would have decided about a cut datagram, and its loss must be reported.
    return datagram.truncated || this.#program.run(datagram.view) !== 0 ? datagram : DROPPED;
  }

  override get attachFilter(): FilteringTransport['attachFilter'] {
    return (program) => {
      if (program === undefined && this.#program === undefined)
        throw new TransportError('setsockopt', ENOENT, 'there is no filter to take away');
      this.#program = program === undefined ? undefined : checked(program);
    };
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
