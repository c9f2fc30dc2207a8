/** Which transports are examined where. */
import type { TransportName } from '../../../src/transport/open.ts';
import type { RuntimeName } from '../../support/runtimes.ts';
import type { Examined } from './capabilities.ts';

export interface Combination extends Examined {
  runtime: RuntimeName;
}

const THREADS = ['main', 'worker'] as const;

/** Of each runtime the transports that run in it. */
const TRANSPORTS: Readonly<Record<RuntimeName, readonly TransportName[]>> = {
  node20: ['koffi', 'addon'],
  node22: ['koffi', 'addon'],
  node24: ['koffi', 'addon'],
  node26: ['node:ffi', 'koffi', 'addon'],
  deno: ['deno', 'koffi'],
  bun: ['bun', 'koffi'],
};

/** Where each transport is examined by the cases that take seconds. */
const LONG: Readonly<Partial<Record<TransportName, RuntimeName>>> = {
  'node:ffi': 'node26',
  koffi: 'node20',
  deno: 'deno',
  bun: 'bun',
};

export const MATRIX: readonly Combination[] = Object.entries(TRANSPORTS).flatMap(([runtime, transports]) =>
  transports.flatMap((transport) =>
    // The addon refuses worker threads: see addon.test.ts.
    THREADS.slice(0, transport === 'addon' ? 1 : 2).map((thread) => ({
      runtime: runtime as RuntimeName,
      transport,
      thread,
      long: thread === 'main' && LONG[transport] === runtime,
    })),
  ),
);
