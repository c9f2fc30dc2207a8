/** What libnetfilter_conntrack's printing functions take (libnetfilter_conntrack.h): its numbers, and ours for them. */
import type { EventType } from '../ctnetlink/message.ts';
import type { LabelMap } from './labelmap.ts';
import type { PlainOptions } from './plain.ts';
import type { XmlOptions } from './xml.ts';

// NFCT_O_*: the output type
export const NFCT_O_PLAIN = 0;
export const NFCT_O_DEFAULT = NFCT_O_PLAIN;
export const NFCT_O_XML = 1;
export const NFCT_O_MAX = 2;

// NFCT_OF_*: what it shows, a mask
export const NFCT_OF_SHOW_LAYER3_BIT = 0;
export const NFCT_OF_TIME_BIT = 1;
export const NFCT_OF_ID_BIT = 2;
export const NFCT_OF_TIMESTAMP_BIT = 3;
/** The layer 3 protocol, which XML always has. */
export const NFCT_OF_SHOW_LAYER3 = 1 << NFCT_OF_SHOW_LAYER3_BIT;
/** When the event happened (ATTR_TIMESTAMP_EVENT) or else the time of printing, in XML alone. */
export const NFCT_OF_TIME = 1 << NFCT_OF_TIME_BIT;
/** The id, which XML always has. */
export const NFCT_OF_ID = 1 << NFCT_OF_ID_BIT;
/** When the flow started and stopped. */
export const NFCT_OF_TIMESTAMP = 1 << NFCT_OF_TIMESTAMP_BIT;

// NFCT_T_*: what a message says; only these exact values have a name in the output
export const NFCT_T_UNKNOWN = 0;
export const NFCT_T_NEW = 0x1;
export const NFCT_T_UPDATE = 0x2;
export const NFCT_T_DESTROY = 0x4;

const TYPES: readonly (EventType | undefined)[] = (() => {
  const types: (EventType | undefined)[] = [];
  types[NFCT_T_NEW] = 'new';
  types[NFCT_T_UPDATE] = 'update';
  types[NFCT_T_DESTROY] = 'destroy';
  return types;
})();

/**
 * The options of formatFlow and formatFlowXML that print what nfct_snprintf_labels(msgType, NFCT_O_PLAIN or NFCT_O_XML,
 * flags, labels) prints.
 */
export function formatOptions(
  flags: number,
  msgType: number = NFCT_T_UNKNOWN,
  labels?: LabelMap,
): PlainOptions & XmlOptions {
  return {
    layer3: (flags & NFCT_OF_SHOW_LAYER3) !== 0,
    time: (flags & NFCT_OF_TIME) !== 0,
    id: (flags & NFCT_OF_ID) !== 0,
    timestamp: (flags & NFCT_OF_TIMESTAMP) !== 0,
    type: TYPES[msgType],
    labels,
  };
}
