import { Flow } from '../ctnetlink/flow.ts';
import type { EventType } from '../ctnetlink/message.ts';
import type { LabelMap } from './labelmap.ts';

/** What every text of a flow takes. */
export interface FormatOptions {
  /** When the flow started and stopped: conntrack -o ktimestamp, NFCT_OF_TIMESTAMP. Needs nf_conntrack_timestamp=1. */
  timestamp?: boolean;
  /** Names of labels, which are shown only with them: conntrack -o labels. */
  labels?: LabelMap;
  /** The text is that of an event, and says which. */
  type?: EventType;
  /** The time of printing, in milliseconds since 1970, until which a flow lasts that has not stopped. Default: the clock. */
  now?: number;
}

export function checkFlow(flow: unknown): asserts flow is Flow {
  if (!(flow instanceof Flow)) throw new TypeError('flow must be a Flow; Flow.from() makes one of plain properties');
}
