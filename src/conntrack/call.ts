import { explainKernelError } from '../ctnetlink/explain.ts';
import { type Checks, checkOptions, checkSignal } from '../netlink/check.ts';
import { KernelError, throwHere } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import type { Request } from '../netlink/request.ts';
import { ENOENT } from '../uapi/errno.ts';
import type { DumpSockets } from './dump-sockets.ts';

/** What every call takes that asks the kernel once. */
export interface CallOptions {
  /** Cancels the call, which rejects with the signal's reason. The kernel may have carried out the request anyway. */
  signal?: AbortSignal | undefined;
}

export const CALL_OPTIONS: Checks<CallOptions> = { signal: checkSignal };

export function checkCall(options: CallOptions): CallOptions {
  return checkOptions(options, CALL_OPTIONS);
}

/** The reply before the ACK of a request that asks for something; undefined when there is none. */
export async function ask<T>(
  lease: Lease,
  request: Request,
  options: CallOptions,
  decode: (view: DataView, offset: number, end: number) => T,
): Promise<T | undefined> {
  const { signal } = checkCall(options);
  let reply: T | undefined;
  const sink = {
    message(_header: unknown, view: DataView, offset: number, end: number): void {
      reply = decode(view, offset, end);
    },
  };
  await lease.request(request, { signal, sink });
  return reply;
}

/** The same, undefined also when the kernel says that there is no such entry (ENOENT). */
export async function findOne<T>(
  lease: Lease,
  request: Request,
  options: CallOptions,
  decode: (view: DataView, offset: number, end: number) => T,
): Promise<T | undefined> {
  try {
    return await ask(lease, request, options, decode);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** The kernel says that there is no such entry. */
export function isGone(error: unknown): boolean {
  return error instanceof KernelError && error.errno === ENOENT;
}

/** What the kernel would say if it could compare more than it does. */
export function noSuchFlow(operation: string, subject: string | undefined): KernelError {
  return refusal(ENOENT, operation, subject);
}

/** The same, with this errno. */
export function refusal(errno: number, operation: string, subject: string | undefined): KernelError {
  return new KernelError(errno, { operation, sequence: 0, subject, explanation: explainKernelError(operation, errno) });
}

/** What a dump of few entries that are no objects of the tables says: statistics, one message a CPU. */
export async function collect<T>(
  lease: Lease,
  sockets: DumpSockets,
  request: Request,
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
    await socket.start(request, { signal, sink }, lease).done;
  } catch (error) {
    throwHere(error);
  } finally {
    sockets.giveBack(socket);
  }
  return found;
}
