/** What libnetfilter_conntrack's printing functions take (libnetfilter_conntrack.h): its numbers, and ours for them. */

import type { EventType } from '../ctnetlink/event.ts';
import { inverse } from '../ctnetlink/names.ts';
import {
  NFCT_OF_ID,
  NFCT_OF_SHOW_LAYER3,
  NFCT_OF_TIME,
  NFCT_OF_TIMESTAMP,
  NFCT_T_DESTROY,
  NFCT_T_NEW,
  NFCT_T_UNKNOWN,
  NFCT_T_UPDATE,
} from '../uapi/libnetfilter_conntrack.ts';
import type { LabelMap } from './labelmap.ts';
import type { FormatFlowOptions } from './plain.ts';
import type { FormatFlowXMLOptions } from './xml.ts';

/** What C calls the type of a message. */
export const MESSAGE_TYPES: Readonly<Record<EventType, number>> = {
  new: NFCT_T_NEW,
  update: NFCT_T_UPDATE,
  destroy: NFCT_T_DESTROY,
};
const EVENT_TYPES = inverse(MESSAGE_TYPES) as readonly (EventType | undefined)[];

/**
 * The options of formatFlow and formatFlowXML that print what nfct_snprintf_labels(msgType, NFCT_O_PLAIN or NFCT_O_XML,
 * flags, labels) prints.
 */
export function formatOptions(
  flags: number,
  msgType: number = NFCT_T_UNKNOWN,
  labels?: LabelMap,
): FormatFlowOptions & FormatFlowXMLOptions {
  return {
    layer3: (flags & NFCT_OF_SHOW_LAYER3) !== 0,
    time: (flags & NFCT_OF_TIME) !== 0,
    id: (flags & NFCT_OF_ID) !== 0,
    timestamp: (flags & NFCT_OF_TIMESTAMP) !== 0,
    type: EVENT_TYPES[msgType],
    labels,
  };
}
