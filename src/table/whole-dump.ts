/** One dump of the whole table, and what follows from what it did not have. */
import type { CompiledFilter } from '../ctnetlink/filter/filter.ts';
import { kernelSupport } from '../ctnetlink/filter/support.ts';
import { buildDump } from '../ctnetlink/request/flow.ts';
import { DumpInterruptedError } from '../netlink/errors.ts';
import { runtime } from '../netlink/runtime.ts';
import type { ReplySink } from '../netlink/sequence.ts';
import type { ChangeCause } from './change.ts';
import type { Confirmations } from './confirmations.ts';
import type { Contents } from './contents.ts';
import type { Sockets } from './sockets.ts';
import { A_FEW, Turn } from './turn.ts';

/** Questions, when many flows have gone: more would only take memory. */
const MOST_WAITING = 4096;

export interface DumpOf {
  readonly contents: Contents;
  readonly confirmations: Confirmations;
  readonly filter: CompiledFilter;
  setting(name: string): number | undefined;
  snapshot(view: DataView, offset: number, end: number, since: number, cause: ChangeCause): void;
}

export interface DumpResult {
  /** See Moments. */
  readonly since: number;
  /** Milliseconds that the dump took, without what followed. */
  readonly milliseconds: number;
  /** It has ended early. */
  readonly error: unknown;
}

/**
 * Dumps the table into the contents. Events are read before each datagram of the dump, so that what it shows is seldom
 * newer than what they have said; and at its end, before the contents forget what had ended meanwhile. What the dump
 * should have had and had not is asked for one by one. A dump during which the hash table was resized misses flows, and
 * is no proof.
 */
export async function dumpAll(of: DumpOf, { feed, requests }: Sockets, lost: boolean): Promise<DumpResult> {
  const { contents, filter } = of;
  const { life } = contents;
  await feed.drained();
  // What was read until now may be older than the loss.
  if (lost) life.moments.lose();
  contents.expect(of.setting('nf_conntrack_count') ?? 0);
  const since = life.beginDump();
  const began = runtime.now();
  const buckets = of.setting('nf_conntrack_buckets');
  let error: unknown;
  let between = true;
  const sink: ReplySink = {
    message(_header, view, offset, end) {
      if (between) feed.read();
      between = false;
      of.snapshot(view, offset, end, since, 'resync');
    },
    datagramEnd() {
      between = true;
    },
  };
  try {
    const forKernel = filter.forKernel('dump', kernelSupport(requests.transport.release));
    await requests.start(buildDump('dump', forKernel), { sink }).done;
  } catch (thrown) {
    error = thrown;
  }
  if (error === undefined && of.setting('nf_conntrack_buckets') !== buckets) error = new DumpInterruptedError('dump');
  const milliseconds = runtime.now() - began;
  await feed.drained();
  life.endDump(error === undefined);
  const turn = new Turn();
  while (!life.forget(A_FEW)) if (turn.over) await turn.next();
  if (error === undefined) await sweep(of, since);
  return { since, milliseconds, error };
}

async function sweep({ contents, confirmations }: DumpOf, since: number): Promise<void> {
  const { entries } = contents.store;
  const turn = new Turn();
  const ask = (entry: number): void => confirmations.add(entry, 'resync');
  for (let first = 0; first < entries.used; first += A_FEW) {
    contents.missing(first, A_FEW, since, ask);
    if (confirmations.waiting >= MOST_WAITING) await confirmations.run();
    if (turn.over) await turn.next();
  }
  await confirmations.run();
}
