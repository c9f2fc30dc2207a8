/** Which transports are examined where. */
import type { TransportName } from '../../../src/transport/open.ts';
import { CONTAINER } from '../../support/refuse.ts';
import type { RuntimeName } from '../../support/runtimes.ts';
import type { Tier } from '../../support/tier.ts';
import { EXTENTS, type Extent } from '../conformance/index.ts';
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
 * How much of the suite the combinations have in a landing; the others have the brief cases. Each way that the code
 * takes is examined at length in one or two of them: the kernel receives by itself (main threads) or is asked (io_uring
 * refused, and worker threads), the two engines with their collectors of garbage, and the addon. What only combines
 * these again has the least.
 */
const LANDING: Readonly<Record<Exclude<Extent, 'brief'>, readonly string[]>> = {
  long: ['node26, node:ffi, main', 'bun, bun, main'],
  whole: [
    'node20, koffi, main',
    'deno, deno, main',
    'node26, addon, main',
    'node26, node:ffi, worker',
    'bun, bun, worker',
    'node20, koffi, main, io_uring=EPERM',
    'bun, bun, main, io_uring=EPERM',
  ],
  least: [
    ...['node22', 'node24', 'node26', 'deno', 'bun'].flatMap((runtime) => [
      `${runtime}, koffi, worker`,
      `${runtime}, koffi, main, io_uring=EPERM`,
    ]),
    'deno, deno, main, io_uring_enter=EPERM',
    'bun, bun, main, io_uring_enter=EPERM',
  ],
};

/** In a soak they have the long cases too; the others have the whole suite. */
const LONG_IN_SOAK = ['node26, node:ffi, main', 'node20, koffi, main', 'deno, deno, main', 'bun, bun, main'];

/** What tests and messages call a combination. */
export function nameOf({ runtime, transport, thread, refused }: Omit<Combination, 'extent'>): string {
  return [runtime, transport, thread, ...refused].join(', ');
}

function extentOf(combination: Omit<Combination, 'extent'>, tier: Tier): Extent {
  const name = nameOf(combination);
  if (tier === 'soak') return LONG_IN_SOAK.includes(name) ? 'long' : 'whole';
  return EXTENTS.find((each) => each !== 'brief' && LANDING[each].includes(name)) ?? 'brief';
}

/** Every combination, with how much of the suite it has in a tier. */
export function matrixOf(tier: Tier): readonly Combination[] {
  const allowed: readonly Omit<Combination, 'extent'>[] = Object.entries(TRANSPORTS).flatMap(([runtime, transports]) =>
    transports.flatMap((transport) =>
      // The addon refuses worker threads: see addon.kernel.test.ts.
      THREADS.slice(0, transport === 'addon' ? 1 : 2).map((thread) => ({
        runtime: runtime as RuntimeName,
        transport,
        thread,
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
    .filter((each) => ['node20, koffi, main', 'deno, deno, main', 'bun, bun, main'].includes(nameOf(each)))
    .map((each) => denying(each, ['io_uring_enter=EPERM']));

  return [...allowed, ...withoutRings, ...unusableRings].map((each) => ({ ...each, extent: extentOf(each, tier) }));
}

/** Worker threads never use io_uring: with it refused they would be the same again. */
function denying(combination: Omit<Combination, 'extent'>, refused: readonly string[]): Omit<Combination, 'extent'> {
  return { ...combination, without: ['io_uring', 'workers'], refused };
}
