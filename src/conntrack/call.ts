import { checkOptions, checkSignal } from '../netlink/check.ts';
import { KernelError } from '../netlink/errors.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { BuildRequest } from '../netlink/writer.ts';
import { ENOENT } from '../uapi/errno.ts';

export interface CallOptions {
  /** Rejects with its reason; the kernel may have done what was asked all the same. */
  signal?: AbortSignal;
}

export function checkCall(options: CallOptions): CallOptions {
  checkOptions(options);
  checkSignal(options.signal);
  return options;
}

/** Makes a request that no dump answers; `take` gets the replies before the ACK. */
export function callSocket(
  socket: NetlinkSocket,
  operation: string,
  build: BuildRequest,
  options: CallOptions,
  take?: (view: DataView, offset: number, end: number) => void,
): Promise<void> {
  const { signal } = checkCall(options);
  const sink =
    take === undefined
      ? undefined
      : { message: (_header: unknown, view: DataView, offset: number, end: number) => take(view, offset, end) };
  return socket.request(build, { operation, signal, sink });
}

/** What `take` gave, or undefined when the kernel says that there is none (ENOENT). */
export async function findOne<T>(
  socket: NetlinkSocket,
  operation: string,
  build: BuildRequest,
  options: CallOptions,
  decode: (view: DataView, offset: number, end: number) => T,
): Promise<T | undefined> {
  let found: T | undefined;
  try {
    await callSocket(socket, operation, build, options, (view, offset, end) => {
      found = decode(view, offset, end);
    });
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== ENOENT) throw error;
  }
  return found;
}

/** What a dump of few entries that are no objects of the tables says: statistics, one message a CPU. */
export async function collect<T>(
  socket: NetlinkSocket,
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
  await socket.request(build, { operation, dump: true, signal, sink });
  return found;
}
