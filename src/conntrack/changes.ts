/** What createMany, createOrUpdateMany and updateMany do with each flow. */
import type { FlowInit } from '../ctnetlink/attributes/flow-properties.ts';
import { Flow } from '../ctnetlink/flow.ts';
import { buildChange, type ChangeQuery } from '../ctnetlink/request/flow.ts';
import type { BatchSender } from './batch-sender.ts';
import { checkManyLabels, labelled } from './created-labels.ts';
import type { Work } from './send-many.ts';

/** One request for each item. */
export function changes(sender: BatchSender, query: ChangeQuery): Work {
  /** The item as it is now: only a refusal asks. */
  const subject = (item: FlowInit | Flow): string | undefined => {
    try {
      return buildChange(query, Flow.from(item), false).subject();
    } catch {
      // It was changed meanwhile, and could not be sent as it is.
      return undefined;
    }
  };
  return {
    operation: query,
    from: Flow.from,
    most: sender.largestBatch,
    keepsEntries: query !== 'update',
    request: (flow, owned) => buildChange(query, flow, owned),
    async send(batch, items, failed) {
      // An update is refused where there is no room for labels, a creation is not.
      const places = query === 'update' ? [] : labelled(items as readonly Flow[]);
      const refused = places.length === 0 ? undefined : new Set<number>();
      const refuse = (at: number, error: Error): void => {
        refused?.add(at);
        failed(at, error);
      };
      await sender.sendBatch(batch, refuse, (at) => subject(items[at]));
      if (refused === undefined) return;
      const created = places.filter((at) => !refused.has(at));
      await checkManyLabels(sender, query, items as readonly Flow[], created, failed);
    },
  };
}
