/**
 * What every transport onto the real kernel must do. Free of any test framework, so that it runs in each runtime: to
 * check an adapter, call `run` of every case whose `needs` the adapter has, in a network namespace of the tests' own
 * (support/namespace.ts), as root of it and with nft and conntrack on PATH, and perl for what other processes send. A
 * case that resolves is passed.
 */
import { AHEAD } from './ahead.ts';
import type { Case } from './case.ts';
import { CLOSING } from './closing.ts';
import { CROWDED } from './crowded.ts';
import { DRAINING } from './draining.ts';
import { DROPPED } from './dropped.ts';
import { DUMPS } from './dumps.ts';
import { EVENTS } from './events.ts';
import { FOREIGN } from './foreign.ts';
import { LOSSES } from './losses.ts';
import { NESTED } from './nested.ts';
import { NETNS } from './netns.ts';
import { OPTIONS } from './options.ts';
import { PROCESSES } from './processes.ts';
import { REQUESTS } from './requests.ts';
import { type Witness, witnessOf } from './witness.ts';
import { WORKERS } from './workers.ts';

export { type Capability, type Case, type Context, EXTENTS, type Extent } from './case.ts';

const ALL = [
  ...REQUESTS,
  ...OPTIONS,
  ...DUMPS,
  ...NESTED,
  ...NETNS,
  ...CLOSING,
  ...EVENTS,
  ...LOSSES,
  ...DRAINING,
  ...FOREIGN,
  ...AHEAD,
  ...CROWDED,
  ...DROPPED,
  ...PROCESSES,
  ...WORKERS,
];

/** The witness whose kernel the last case left without flows. */
let empty: Witness | undefined;

/** Every case, each on a kernel without flows: in a namespace as resetNamespace leaves it. */
export const CONFORMANCE: readonly Case[] = ALL.map((each) => ({
  ...each,
  run: async (context) => {
    const witness = witnessOf(context);
    if (empty !== witness) witness.reset();
    empty = undefined;
    try {
      await each.run(context);
    } finally {
      witness.reset();
      empty = witness;
    }
  },
}));
