export * from './event.ts';
export * from './flags.ts';
export * from './json.ts';
export * from './labelmap.ts';
export type { FormatOptions } from './options.ts';
export * from './plain.ts';
export { formatFlowXML, XML_BEGIN, XML_END, type XmlOptions } from './xml.ts';
