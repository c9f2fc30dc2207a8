/**
 * What a program holds of a socket. The sinks of a socket, its timers and the registry of its memory reach the socket,
 * and never these: so that the runtime can collect what a program drops, and say so.
 *
 * - `Lease` is shared by all objects through which requests are made: when none of them is left, the socket is closed.
 *   A request that waits for its answer holds it, because somebody may wait for the promise.
 * - `whenDropped` is for what has work under way while nobody waits: a dump between two reads, an event stream.
 *
 * A collection is noticed some time after it, and not at all by a process that is idle or ends.
 */
import type { Batch, PendingBatch } from './batch.ts';
import { unwatchClosing, watchClosing } from './closings.ts';
import { type ClosedError, throwHere } from './errors.ts';
import type { Request } from './request.ts';
import { runtime } from './runtime.ts';
import type { TrackerCounts } from './sequence.ts';
import type { NetlinkSocket, RequestOptions } from './socket.ts';
import type { Transport } from './transport.ts';

/** Places of a program whose mistake was reported: each once. */
const reported = new Set<string>();
const MOST_REPORTED = 100;

/**
 * Where the program is now, for a warning that may come much later: as text, because an Error would hold what its
 * frames do.
 */
export function stackOf(): string {
  const lines = (new Error('opened here').stack ?? '').split('\n');
  // How the runtime came to run it is different each time, and so is how much is known about the functions that await
  // it.
  return lines.filter((line) => !/\b(node|ext|native):|^ *at async /.test(line)).join('\n');
}

/**
 * Calls `release` some time after nothing reaches `held` any more; when it returns true, because there was work under
 * way, a warning is printed.
 * @param what a noun with its article: 'An event stream'
 * @param release must not reach `held`
 */
export function whenDropped(held: object, what: string, stack: string, release: () => boolean): void {
  runtime.onCollected(
    held,
    () => {
      if (!release() || reported.has(stack) || reported.size >= MOST_REPORTED) return;
      reported.add(stack);
      runtime.warn(
        'CTNETLINK_DROPPED',
        `${what} was dropped with work under way. It was cancelled when the garbage collector noticed; close it, or read it to its end`,
        stack,
      );
    },
    held,
  );
}

/** It came to its end. */
export function notDropped(held: object): void {
  runtime.forget(held);
}

export class Lease {
  readonly #socket: NetlinkSocket;
  readonly #close: () => void;

  /** @param close closes the socket, and what else goes with it; must not reach the lease */
  constructor(socket: NetlinkSocket, close: () => void = () => socket.close()) {
    this.#socket = socket;
    this.#close = close;
    // Dumps and event streams report for themselves.
    whenDropped(this, '', '', () => {
      close();
      return false;
    });
  }

  get transport(): Transport {
    return this.#socket.transport;
  }

  get time(): bigint | undefined {
    return this.#socket.time;
  }

  get counts(): Readonly<TrackerCounts> {
    return this.#socket.counts;
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  get largestBatch(): number {
    return this.#socket.largestBatch;
  }

  get largestReadBatch(): number {
    return this.#socket.largestReadBatch;
  }

  /** @throws ClosedError */
  assertOpen(): void {
    this.#socket.assertOpen();
  }

  /** Calls `closed` once when the socket is closed, unless `unwatchClosing` comes first. */
  watchClosing(closed: (error: ClosedError) => void): void {
    watchClosing(this.#socket, closed);
  }

  unwatchClosing(closed: (error: ClosedError) => void): void {
    unwatchClosing(this.#socket, closed);
  }

  /** As NetlinkSocket.request; the lease is held until it is settled. */
  async request(request: Request, options?: RequestOptions): Promise<void> {
    try {
      await this.#socket.start(request, options, this).done;
    } catch (error) {
      throwHere(error);
    }
  }

  /** As NetlinkSocket.sendBatch; the lease is held until it is settled. */
  sendBatch(
    batch: Batch,
    failed: PendingBatch['failed'],
    subject?: PendingBatch['subject'],
    take?: PendingBatch['take'],
  ): Promise<void> {
    return this.#socket.sendBatch(batch, failed, subject, this, take);
  }

  close(): void {
    notDropped(this);
    this.#close();
  }
}
