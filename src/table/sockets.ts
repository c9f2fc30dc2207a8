/** The two sockets of a table: one that events come to, and one for dumps and questions. */
import type { EventType } from '../ctnetlink/event.ts';
import { explainKernelError } from '../ctnetlink/explain.ts';
import { ClosedError, KernelError, TransportError, UnsupportedError } from '../netlink/errors.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type OpenOptions, openTransport } from '../transport/open.ts';
import { EACCES, ENOENT, EPERM } from '../uapi/errno.ts';
import { EventFeed, type Listener } from './event-feed.ts';
import { A_TURN_OF_READING } from './turn.ts';

export class Sockets {
  readonly feed: EventFeed;
  readonly requests: NetlinkSocket;

  private constructor(feed: EventFeed, requests: NetlinkSocket) {
    this.feed = feed;
    this.requests = requests;
  }

  /** @throws UnsupportedError, TransportError, KernelError; then nothing is open */
  static async open(options: OpenOptions, types: readonly EventType[], listener: Listener): Promise<Sockets> {
    const feed = new EventFeed(await openTransport({ ...options, events: true }), types, listener);
    let requests: NetlinkSocket | undefined;
    try {
      // The request socket has the largest buffer there is, as that of Conntrack.
      const transport = await openTransport({ ...options, receiveBuffer: undefined, events: false });
      requests = new NetlinkSocket(transport, explainKernelError, A_TURN_OF_READING);
      // It may have failed meanwhile, which nothing reported.
      feed.assertOpen();
      return new Sockets(feed, requests);
    } catch (error) {
      feed.close();
      requests?.close();
      throw error;
    }
  }

  /** @throws TransportError if somebody else has closed a descriptor */
  check(): void {
    this.feed.check();
    this.requests.transport.check?.();
  }

  close(): void {
    this.feed.close();
    this.requests.close();
  }
}

/** Whether the same may work in a moment: what is not allowed, or not there, does not come by itself. */
export function mayPass(error: unknown): boolean {
  if (error instanceof UnsupportedError) return false;
  if (error instanceof KernelError || (error instanceof TransportError && !(error instanceof ClosedError)))
    return ![EPERM, EACCES, ENOENT].includes((error as KernelError | TransportError).errno);
  return error instanceof Error && 'code' in error;
}
