/** What -o can say, and what is shown then; in the order in which a beginning of a name is looked up. */
import type { OutputType } from './settings.ts';

export const OUTPUTS: Readonly<Record<OutputType, string>> = {
  xml: 'a document of XML',
  extended: 'the layer 3 protocol in front of each flow',
  timestamp: 'when each event happened, where the kernel says so, or arrived',
  id: 'the id of each flow',
  ktimestamp: 'when each flow started, and stopped',
  labels: 'the labels of each flow, by name',
  userspace: 'which program caused an event; always shown, but in XML never',
  save: 'lines that -R reads',
  json: 'an array of JSON',
  ndjson: 'JSON, an object a line',
};

export const OUTPUT_NAMES = Object.keys(OUTPUTS) as readonly OutputType[];
