/** Which transports are examined where. */
import type { TransportName } from '../../../src/transport/open.ts';
import { CONTAINER } from '../../support/refuse.ts';
import type { RuntimeName } from '../../support/runtimes.ts';
import type { Tier } from '../../support/tier.ts';
import type { Extent } from '../conformance/index.ts';
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

/**
 * Where each transport is examined most: there it has the whole suite in every landing, with the cases that take
 * seconds. Elsewhere the same code runs in another runtime, and a landing has the brief cases. A soak has them all.
 */
const MOST: Readonly<Record<TransportName, RuntimeName>> = {
  'node:ffi': 'node26',
  koffi: 'node20',
  addon: 'node26',
  deno: 'deno',
  bun: 'bun',
};

function extentOf(runtime: string, transport: TransportName, tier: Tier): Extent {
  return tier === 'soak' || MOST[transport] === runtime ? 'whole' : 'brief';
}

/** Every combination, with how much of the suite it has in a tier. */
export function matrixOf(tier: Tier): readonly Combination[] {
  const allowed: readonly Combination[] = Object.entries(TRANSPORTS).flatMap(([runtime, transports]) =>
    transports.flatMap((transport) =>
      // The addon refuses worker threads: see addon.kernel.test.ts.
      THREADS.slice(0, transport === 'addon' ? 1 : 2).map((thread) => ({
        runtime: runtime as RuntimeName,
        transport,
        thread,
        extent: extentOf(runtime, transport, tier),
        without: [],
        refused: [],
      })),
    ),
  );

  // The addon does without io_uring, and so does every worker thread.
  const mayUseRings = allowed.filter(({ transport, thread }) => transport !== 'addon' && thread === 'main');
  // In most containers and pods there is no io_uring.
  const withoutRings = mayUseRings.map((each) => denying(each, CONTAINER));
  // A profile may allow to set a ring up, and refuse its use. Node.js 22 and later cannot run there at all: libuv
  // aborts the process.
  const unusableRings = mayUseRings
    .filter(({ runtime, transport }) =>
      ['node20, koffi', 'deno, deno', 'bun, bun'].includes(`${runtime}, ${transport}`),
    )
    .map((each) => denying(each, ['io_uring_enter=EPERM']));

  const long = allowed.map((each): Combination => (isLong(each) ? { ...each, extent: 'long' } : each));
  return [...long, ...withoutRings, ...unusableRings];
}

function isLong({ runtime, transport, thread }: Combination): boolean {
  return thread === 'main' && transport !== 'addon' && MOST[transport] === runtime;
}

/** Worker threads never use io_uring: with it refused they would be the same again. */
function denying(combination: Combination, refused: readonly string[]): Combination {
  return { ...combination, without: ['io_uring', 'workers'], refused };
}
