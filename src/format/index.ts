export { escapeControls } from '../netlink/escape.ts';
export { XML_BEGIN, XML_END } from './elements.ts';
export * from './event.ts';
export {
  type ExpectationOptions,
  type ExpectationXmlOptions,
  formatExpectation,
  formatExpectationXML,
} from './expectation.ts';
export * from './flags.ts';
export * from './json.ts';
export * from './labelmap.ts';
export type { FormatOptions } from './options.ts';
export { formatFlow, type PlainOptions } from './plain.ts';
export { formatFlowXML, type XmlOptions } from './xml.ts';
