/**
 * Flows, events and expectations as text, XML and JSON, to the letter what conntrack(8) prints.
 * @module ctnetlink/format
 * @packageDocumentation
 */
export { escapeControls } from '../netlink/escape.ts';
export {
  NFCT_O_DEFAULT,
  NFCT_O_MAX,
  NFCT_O_PLAIN,
  NFCT_O_XML,
  NFCT_OF_ID,
  NFCT_OF_ID_BIT,
  NFCT_OF_SHOW_LAYER3,
  NFCT_OF_SHOW_LAYER3_BIT,
  NFCT_OF_TIME,
  NFCT_OF_TIME_BIT,
  NFCT_OF_TIMESTAMP,
  NFCT_OF_TIMESTAMP_BIT,
  NFCT_T_DESTROY,
  NFCT_T_NEW,
  NFCT_T_UNKNOWN,
  NFCT_T_UPDATE,
} from '../uapi/libnetfilter_conntrack.ts';
export { XML_BEGIN, XML_END } from './elements.ts';
export * from './event.ts';
export {
  type FormatExpectationOptions,
  type FormatExpectationXMLOptions,
  formatExpectation,
  formatExpectationXML,
} from './expectation.ts';
export { formatOptions } from './flags.ts';
export * from './json.ts';
export * from './labelmap.ts';
export type { FormatOptions } from './options.ts';
export { type FormatFlowOptions, formatFlow } from './plain.ts';
export { type FormatFlowXMLOptions, formatFlowXML } from './xml.ts';
