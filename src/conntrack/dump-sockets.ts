/**
 * Sockets for dumps. The kernel runs one dump at a time on a socket, and one that a slow loop reads may take any time.
 * So a dump that finds another on its way gets a socket of its own: a dump inside of the loop over another ends, and of
 * two clients of a server none waits for the other.
 */
import { explainKernelError } from '../ctnetlink/explain.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type OpenOptions, openTransport } from '../transport/open.ts';

/** Sockets without a dump that are kept for the next. */
const MOST_IDLE = 4;

export class DumpSockets {
  readonly #first: NetlinkSocket;
  readonly #options: OpenOptions;
  /** Beside the first, in use and idle. */
  readonly #open = new Set<NetlinkSocket>();
  readonly #idle: NetlinkSocket[] = [];

  /** @param first of requests; @param options how it was opened */
  constructor(first: NetlinkSocket, options: OpenOptions) {
    this.#first = first;
    this.#options = options;
  }

  /**
   * A socket that has no dump on its way: the dump is to be started in the same turn.
   * @throws ClosedError; TransportError EMFILE
   */
  take(): NetlinkSocket | Promise<NetlinkSocket> {
    this.#first.assertOpen();
    return this.#first.dumping ? (this.#idle.pop() ?? this.#openMore()) : this.#first;
  }

  /** A socket for requests that many answers come to, and that no dump is on. To be given back. */
  takeOther(): NetlinkSocket | Promise<NetlinkSocket> {
    this.#first.assertOpen();
    return this.#idle.pop() ?? this.#openMore();
  }

  /** The dump is over, or nobody wants the rest of it. */
  giveBack(socket: NetlinkSocket): void {
    if (socket === this.#first) return;
    const keeps = this.#idle.length < MOST_IDLE && !socket.dumping && !socket.closed && !this.#first.closed;
    if (keeps) {
      this.#idle.push(socket);
    } else {
      this.#open.delete(socket);
      socket.close();
    }
  }

  /** Closes all of them, and the first. */
  close(): void {
    this.#first.close();
    for (const socket of this.#open) socket.close();
    this.#open.clear();
    this.#idle.length = 0;
  }

  async #openMore(): Promise<NetlinkSocket> {
    const socket = new NetlinkSocket(await openTransport(this.#options), explainKernelError);
    this.#open.add(socket);
    if (!this.#first.closed) return socket;
    // While it was being opened.
    this.giveBack(socket);
    this.#first.assertOpen();
    return socket;
  }
}
