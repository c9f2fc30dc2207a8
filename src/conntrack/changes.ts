/** What createMany, createOrUpdateMany and updateMany do with each flow. */
import { Flow } from '../ctnetlink/flow.ts';
import { buildChange, type ChangeQuery, subjectIn } from '../ctnetlink/request/flow.ts';
import { Stencils } from '../ctnetlink/request/stencil.ts';
import type { BatchSender } from './batch-sender.ts';
import { checkManyLabels, labelled } from './created-labels.ts';
import type { Work } from './send-many.ts';

/** One request for each item. */
export function changes(sender: BatchSender, query: ChangeQuery): Work {
  const stencils = new Stencils((item) => buildChange(query, Flow.from(item), true));
  return {
    operation: query,
    quick: (item) => (item instanceof Flow ? undefined : stencils.fit(item)),
    from: Flow.from,
    most: sender.largestBatch,
    keepsEntries: query !== 'update',
    request: (flow, owned) => buildChange(query, flow, owned),
    async send(batch, items, failed) {
      // An update is refused where there is no room for labels, a creation is not.
      const places = query === 'update' ? [] : labelled(items as readonly (Flow | undefined)[]);
      const refused = places.length === 0 ? undefined : new Set<number>();
      const refuse = (at: number, error: Error): void => {
        refused?.add(at);
        failed(at, error);
      };
      // As it was sent: a program may have changed the item since then. Only a refusal asks.
      const sent = batch.bytes.slice();
      await sender.sendBatch(batch, refuse, (at) => subjectIn(sent, at));
      if (refused === undefined) return;
      const created = places.filter((at) => !refused.has(at));
      await checkManyLabels(sender, query, items as readonly Flow[], created, failed);
    },
  };
}
