/** Deletes or changes many flows: those that were meant, and no others that the kernel finds by their tuples. */
import type { Flow } from '../ctnetlink/flow.ts';
import { isSameFlow, mayBeHidden, type Naming } from '../ctnetlink/identity.ts';
import { decodeFlow } from '../ctnetlink/message.ts';
import { buildDelete, buildGet, buildUpdate } from '../ctnetlink/request.ts';
import { Batch } from '../netlink/batch.ts';
import { type Checks, checkBoolean } from '../netlink/check.ts';
import { lostAnswer } from '../netlink/errors.ts';
import type { Lease } from '../netlink/lease.ts';
import type { Request } from '../netlink/request.ts';
import { isGone, noSuchFlow } from './call.ts';
import { type Failed, MANY_OPTIONS, type ManyOptions, type Work } from './many.ts';

export interface DeleteManyOptions extends ManyOptions {
  /**
   * Asks for each flow first, many in a datagram, and deletes it only where its id and its start (nf_conntrack_timestamp) are those of the item, as
   * `delete` does: an id alone may be that of a flow which took the place of another. Takes twice the time. Default: false.
   */
  exact?: boolean;
}

export interface UpdateManyOptions extends ManyOptions {
  /**
   * Asks for each flow first, many in a datagram, and changes it only where its id and its start, as far as the item has them, are those of the item, as
   * `update` does. Without it a flow is found by its tuple and zone alone. Takes twice the time. Default: false.
   */
  exact?: boolean;
}

export const EXACT_MANY_OPTIONS: Checks<DeleteManyOptions & UpdateManyOptions> = {
  ...MANY_OPTIONS,
  exact: checkBoolean,
};

type Build = (flow: Flow, naming: Naming) => Request;

const CHANGES: Readonly<Record<'delete' | 'update', Build>> = {
  delete: buildDelete,
  update: (flow, naming) => buildUpdate(flow, 'flow', false, naming),
};

/** The flows by their tuples and ids; where that is refused because the tuple is also another flow's reply, exactly by that tuple. */
export function deletes(lease: Lease): Work {
  const second = new Batch();
  return {
    operation: 'delete',
    most: lease.largestBatch,
    keepsFlows: true,
    request: (flow) => buildDelete(flow),
    async send(batch, items, failed) {
      const flows = items as readonly Flow[];
      const refused = new Map<number, Error>();
      const hidden = (at: number, error: Error): void => {
        if (isGone(error) && mayBeHidden(flows[at])) refused.set(at, error);
        else failed(at, error);
      };
      await lease.sendBatch(batch, hidden, (at) => buildDelete(flows[at]).subject());
      await sendExactly(lease, second, buildDelete, flows, [...refused.keys()], (at, error) =>
        failed(at, isGone(error) ? refused.get(at)! : error),
      );
    },
  };
}

/** What is done with the flows that are found to be those that were meant. */
export function exactly(lease: Lease, operation: 'delete' | 'update'): Work {
  const second = new Batch();
  const build = CHANGES[operation];
  return {
    operation,
    most: lease.largestReadBatch,
    keepsFlows: true,
    request(flow) {
      // What cannot be asked for fails before anything is sent.
      build(flow, 'exact');
      return buildGet(flow, 'exact');
    },
    async send(batch, items, failed) {
      const flows = items as readonly Flow[];
      const gone = (at: number): Error => noSuchFlow(operation, build(flows[at], 'usual').subject());
      /** By item; undefined where nothing came. */
      const answers: (Flow | 'refused' | undefined)[] = [];
      const refused = (at: number, error: Error): void => {
        answers[at] = 'refused';
        failed(at, isGone(error) ? gone(at) : error);
      };
      await lease.sendBatch(batch, refused, undefined, (at, view, offset, end) => {
        answers[at] = decodeFlow(view, offset, end);
      });
      const same: number[] = [];
      flows.forEach((flow, at) => {
        const answer = answers[at];
        if (answer === 'refused') return;
        if (answer === undefined) failed(at, lostAnswer('get', true));
        else if (isSameFlow(flow, answer)) same.push(at);
        else failed(at, gone(at));
      });
      await sendExactly(lease, second, build, flows, same, (at, error) => failed(at, isGone(error) ? gone(at) : error));
    },
  };
}

async function sendExactly(
  lease: Lease,
  batch: Batch,
  build: Build,
  flows: readonly Flow[],
  places: readonly number[],
  failed: Failed,
): Promise<void> {
  if (places.length === 0) return;
  batch.clear();
  for (const at of places) batch.add(build(flows[at], 'exact'));
  const subject = (index: number): string | undefined => build(flows[places[index]], 'usual').subject();
  await lease.sendBatch(batch, (index, error) => failed(places[index], error), subject);
}
