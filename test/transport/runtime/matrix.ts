/** Which transports are examined where. */
import type { TransportName } from '../../../src/transport/open.ts';
import { CONTAINER } from '../../support/refuse.ts';
import type { RuntimeName } from '../../support/runtimes.ts';
import type { Examined } from './capabilities.ts';

export interface Combination extends Examined {
  runtime: RuntimeName;
  /** What the kernel refuses to the process, as support/refuse.ts takes it. */
  refused: readonly string[];
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

const ALLOWED: readonly Combination[] = Object.entries(TRANSPORTS).flatMap(([runtime, transports]) =>
  transports.flatMap((transport) =>
    // The addon refuses worker threads: see addon.test.ts.
    THREADS.slice(0, transport === 'addon' ? 1 : 2).map((thread) => ({
      runtime: runtime as RuntimeName,
      transport,
      thread,
      long: thread === 'main' && LONG[transport] === runtime,
      without: [],
      refused: [],
    })),
  ),
);

/** The addon does without io_uring, and so does every worker thread. */
const MAY_USE_IO_URING = ALLOWED.filter(({ transport, thread }) => transport !== 'addon' && thread === 'main');

/** In most containers and pods there is no io_uring. */
const WITHOUT_IO_URING = MAY_USE_IO_URING.map((each) => denying(each, CONTAINER));

/**
 * A profile may allow to set a ring up, and refuse its use. Node.js 22 and later cannot run there at all: libuv aborts
 * the process.
 */
const UNUSABLE_RINGS = MAY_USE_IO_URING.filter(({ runtime, transport }) =>
  ['node20, koffi', 'deno, deno', 'bun, bun'].includes(`${runtime}, ${transport}`),
).map((each) => denying(each, ['io_uring_enter=EPERM']));

/** Worker threads never use io_uring: with it refused they would be the same again. */
function denying(combination: Combination, refused: readonly string[]): Combination {
  return { ...combination, long: false, without: ['io_uring', 'workers'], refused };
}

export const MATRIX: readonly Combination[] = [...ALLOWED, ...WITHOUT_IO_URING, ...UNUSABLE_RINGS];
