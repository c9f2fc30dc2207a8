import { type Checks, checkOptions, checkSignal } from '../netlink/check.ts';
import { KernelError } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import type { BuildRequest } from '../netlink/writer.ts';
import { ENOENT } from '../uapi/errno.ts';
import type { DumpSockets } from './dump-sockets.ts';

export interface CallOptions {
  /** Rejects with its reason; the kernel may have done what was asked all the same. */
  signal?: AbortSignal;
}

export const CALL_OPTIONS: Checks<CallOptions> = { signal: checkSignal };

export function checkCall(options: CallOptions): CallOptions {
  checkOptions(options, CALL_OPTIONS);
  return options;
}

/** Makes a request that no dump answers; `take` gets the reply before the ACK of one that asks for something and changes nothing. */
export function callSocket(
  lease: Lease,
  operation: string,
  build: BuildRequest,
  options: CallOptions,
  take?: (view: DataView, offset: number, end: number) => void,
): Promise<void> {
  const { signal } = checkCall(options);
  if (take === undefined) return lease.request(build, { operation, signal });
  const sink = { message: (_header: unknown, view: DataView, offset: number, end: number) => take(view, offset, end) };
  return lease.request(build, { operation, signal, sink, replies: true, repeatable: true });
}

/** What `take` gave, or undefined when the kernel says that there is none (ENOENT). */
export async function findOne<T>(
  lease: Lease,
  operation: string,
  build: BuildRequest,
  options: CallOptions,
  decode: (view: DataView, offset: number, end: number) => T,
): Promise<T | undefined> {
  let found: T | undefined;
  try {
    await callSocket(lease, operation, build, options, (view, offset, end) => {
      found = decode(view, offset, end);
    });
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== ENOENT) throw error;
  }
  return found;
}

/** What a dump of few entries that are no objects of the tables says: statistics, one message a CPU. */
export async function collect<T>(
  lease: Lease,
  sockets: DumpSockets,
  operation: string,
  build: BuildRequest,
  options: CallOptions,
  decode: (view: DataView, offset: number, end: number) => T,
): Promise<T[]> {
  const { signal } = checkCall(options);
  const found: T[] = [];
  const sink = {
    message(_header: unknown, view: DataView, offset: number, end: number): void {
      found.push(decode(view, offset, end));
    },
  };
  signal?.throwIfAborted();
  const socket = await sockets.take();
  try {
    await socket.start(build, { operation, dump: true, repeatable: true, signal, sink }, lease).done;
  } finally {
    sockets.giveBack(socket);
  }
  return found;
}
