/** What each transport cannot do, and so which cases it is examined by. */
import type { OpenOptions, TransportName } from '../../../src/transport/open.ts';
import { type Capability, type Case, CONFORMANCE, EXTENTS, type Extent } from '../conformance/index.ts';

export interface Examined {
  transport: TransportName;
  thread: 'main' | 'worker';
  extent: Extent;
  /** What is not examined here, although the transport can do it elsewhere. */
  without: readonly Capability[];
}

/**
 * A replay is none of these: the cases make flows in a kernel and look at what becomes of them, and a capture has only
 * the answers to the requests of when it was recorded. Its suite is replay.test.ts.
 */
const CANNOT: Readonly<Record<TransportName, readonly Capability[]>> = {
  // It reads on by itself and queues what nobody receives; an overrun aborts the process; it has no way to set options,
  // or to connect.
  addon: ['backpressure', 'losses', 'ahead', 'io_uring', 'options', 'connected', 'netns', 'workers'],
  'node:ffi': [],
  koffi: [],
  deno: [],
  bun: [],
};

/**
 * Memory of a worker goes before what the kernel does with it; programs have a main thread of their own: from a worker
 * they would be the same again.
 */
const NOT_FROM_WORKERS: readonly Capability[] = ['ahead', 'io_uring', 'workers', 'processes'];

export function casesFor({ transport, thread, extent, without }: Examined): readonly Case[] {
  const cannot = [...CANNOT[transport], ...without, ...(thread === 'worker' ? NOT_FROM_WORKERS : [])];
  return CONFORMANCE.filter(
    ({ extent: least = 'brief', needs }) =>
      EXTENTS.indexOf(least) <= EXTENTS.indexOf(extent) && !needs?.some((need) => cannot.includes(need)),
  );
}

export function openOptions({ transport }: Pick<Examined, 'transport'>): OpenOptions {
  return transport === 'addon' ? { transport, eventsMayAbortProcess: true } : { transport };
}
