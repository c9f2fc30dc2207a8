/** Deletes or changes many flows: those that were meant, and no others that the kernel finds by their tuples. */
import type { Allowed } from '../ctnetlink/contradiction.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { isSameFlow, mayBeHidden, type Naming } from '../ctnetlink/identity.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildDelete, buildGet, buildUpdate } from '../ctnetlink/request/flow.ts';
import { Batch } from '../netlink/batch.ts';
import { type Checks, checkBoolean } from '../netlink/check.ts';
import { lostAnswer, OverrunError } from '../netlink/errors.ts';
import type { Request } from '../netlink/request.ts';
import type { BatchSender } from './batch-sender.ts';
import { isGone, noSuchFlow } from './call.ts';
import { MANY_OPTIONS, type ManyOptions } from './many.ts';
import type { Failed, Work } from './send-many.ts';

/** What deleteMany takes. */
export interface DeleteManyOptions extends ManyOptions {
  /**
   * Asks for each flow first, many in a datagram, and deletes it only if nothing shows that another flow has its place,
   * as `delete` does: an id alone may be that of such a flow. Takes twice the time. Default: false.
   */
  exact?: boolean | undefined;
}

/** What updateMany takes. */
export interface UpdateManyOptions extends ManyOptions {
  /**
   * Asks for each flow first, many in a datagram, and changes it only if nothing shows that another flow has its place,
   * as `update` does. Without it a flow is found by its tuple and zone alone. Takes twice the time. Default: false.
   */
  exact?: boolean | undefined;
}

export const EXACT_MANY_OPTIONS: Checks<DeleteManyOptions & UpdateManyOptions> = {
  ...MANY_OPTIONS,
  exact: checkBoolean,
};

type Build = (flow: Flow, naming: Naming) => Request;

/**
 * The flows by their tuples and ids; where that is refused because the tuple is also another flow's reply, exactly by
 * that tuple.
 */
export function deletes(sender: BatchSender): Work {
  const second = new Batch();
  return {
    operation: 'delete',
    from: Flow.from,
    most: sender.largestBatch,
    keepsEntries: true,
    request: (flow) => buildDelete(flow),
    async send(batch, items, failed) {
      const flows = items as readonly Flow[];
      const refused = new Map<number, Error>();
      const hidden = (at: number, error: Error): void => {
        if (isGone(error) && mayBeHidden(flows[at])) refused.set(at, error);
        else failed(at, error);
      };
      await sender.sendBatch(batch, hidden, (at) => buildDelete(flows[at]).subject());
      const again = [...refused.keys()].map((at): Found => ({ at, naming: 'exact' }));
      await sendNamed(sender, second, buildDelete, flows, again, (at, error) =>
        failed(at, isGone(error) ? refused.get(at)! : error),
      );
    },
  };
}

/** A flow of the batch, and the name by which the kernel found it. */
interface Found {
  at: number;
  naming: Naming;
}

/** Deletes flows that are found to be those that were meant. */
export function deletesExactly(sender: BatchSender, allowed?: Allowed): Work {
  return exactly(sender, 'delete', buildDelete, allowed);
}

/**
 * Changes flows that are found to be those that were meant.
 * @param patched makes of a flow as it was dumped what it is to be; without it the items are that already
 */
export function updatesExactly(sender: BatchSender, patched?: (flow: Flow) => Flow): Work {
  const build: Build = (flow, naming) => buildUpdate(patched?.(flow) ?? flow, 'flow', false, naming);
  return exactly(sender, 'update', build, patched === undefined ? { wished: true } : { reset: true });
}

/**
 * As with one flow (one-flow.ts) the flows are asked for by their usual names; where that finds another flow, exactly.
 */
function exactly(sender: BatchSender, operation: 'delete' | 'update', build: Build, allowed?: Allowed): Work {
  const second = new Batch();
  return {
    operation,
    from: Flow.from,
    most: sender.largestReadBatch,
    keepsEntries: true,
    request(flow) {
      // What cannot be asked for fails before anything is sent.
      build(flow, 'exact');
      return buildGet(flow, firstNaming(flow));
    },
    async send(batch, items, failed) {
      const flows = items as readonly Flow[];
      const gone = (at: number): Error => noSuchFlow(operation, build(flows[at], 'usual').subject());
      const failedOrGone = (at: number, error: Error): void => failed(at, isGone(error) ? gone(at) : error);
      const other = (at: number): void => failed(at, gone(at));
      const found = await locate(sender, batch, second, flows, allowed, failedOrGone, other);
      await sendNamed(sender, second, build, flows, found, failedOrGone);
    },
  };
}

/** Which of these flows, whose fate is not known, are still in the table. */
export async function stillThere(
  sender: BatchSender,
  flows: readonly Flow[],
): Promise<{ there: Flow[]; gone: Flow[]; failed: (readonly [Flow, Error])[] }> {
  const batch = new Batch();
  fill(batch, flows, (flow) => buildGet(flow, firstNaming(flow)));
  const there: Flow[] = [];
  const gone: Flow[] = [];
  const failed: (readonly [Flow, Error])[] = [];
  const refused = (at: number, error: Error): void => {
    if (isGone(error)) gone.push(flows[at]);
    // The next attempt finds out.
    else if (error instanceof OverrunError) there.push(flows[at]);
    else failed.push([flows[at], error]);
  };
  let found: Found[] = [];
  try {
    // They may have been changed already.
    const allowed = { wished: true, reset: true };
    found = await locate(sender, batch, new Batch(), flows, allowed, refused, (at) => gone.push(flows[at]));
  } catch (error) {
    if (!(error instanceof OverrunError)) throw error;
    return { there: [...flows], gone: [], failed: [] };
  }
  for (const { at } of found) there.push(flows[at]);
  return { there, gone, failed };
}

/**
 * The flows that are in the table, each with the name that finds it. They are asked for by their usual names; where
 * that finds another flow, exactly.
 * @param batch has the requests by their first names; @param second is used for others
 * @param other the flow is not there, but another one with its tuple
 */
async function locate(
  sender: BatchSender,
  batch: Batch,
  second: Batch,
  flows: readonly Flow[],
  allowed: Allowed | undefined,
  failed: Failed,
  other: (at: number) => void,
): Promise<Found[]> {
  const found: Found[] = [];
  const hidden: Found[] = [];
  const asked = flows.map((flow, at): Found => ({ at, naming: firstNaming(flow) }));
  await lookUp(sender, batch, flows, asked, allowed, failed, (each, same) => {
    if (same) found.push(each);
    else if (each.naming === 'usual') hidden.push({ at: each.at, naming: 'exact' });
    else other(each.at);
  });
  if (hidden.length === 0) return found;
  fill(second, hidden, ({ at, naming }) => buildGet(flows[at], naming));
  await lookUp(sender, second, flows, hidden, allowed, failed, (each, same) => {
    if (same) found.push(each);
    else other(each.at);
  });
  return found;
}

/**
 * By which name a flow is asked for first: where nothing would say that another was found, by the one that finds no
 * other.
 */
function firstNaming(flow: Flow): Naming {
  return mayBeHidden(flow) ? 'usual' : 'exact';
}

/**
 * Sends a batch of requests for these flows, and yields for each flow that was found whether it is the one that was
 * meant.
 */
async function lookUp(
  sender: BatchSender,
  batch: Batch,
  flows: readonly Flow[],
  asked: readonly Found[],
  allowed: Allowed | undefined,
  failed: Failed,
  found: (each: Found, same: boolean) => void,
): Promise<void> {
  /** By place in the batch; undefined where nothing came. */
  const answers: (Flow | 'refused' | undefined)[] = [];
  const refused = (index: number, error: Error): void => {
    answers[index] = 'refused';
    failed(asked[index].at, error);
  };
  await sender.sendBatch(batch, refused, undefined, (index, view, offset, end) => {
    answers[index] = decodeFlow(view, offset, end);
  });
  asked.forEach((each, index) => {
    const answer = answers[index];
    if (answer === 'refused') return;
    if (answer === undefined) failed(each.at, lostAnswer('get', true));
    else found(each, isSameFlow(flows[each.at], answer, allowed));
  });
}

async function sendNamed(
  sender: BatchSender,
  batch: Batch,
  build: Build,
  flows: readonly Flow[],
  some: readonly Found[],
  failed: Failed,
): Promise<void> {
  if (some.length === 0) return;
  fill(batch, some, ({ at, naming }) => build(flows[at], naming));
  const subject = (index: number): string | undefined => build(flows[some[index].at], 'usual').subject();
  await sender.sendBatch(batch, (index, error) => failed(some[index].at, error), subject);
}

function fill<T>(batch: Batch, some: readonly T[], request: (each: T) => Request): void {
  batch.clear();
  for (const each of some) batch.add(request(each));
}
